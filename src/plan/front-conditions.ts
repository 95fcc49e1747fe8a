// What has to be as it was when a program of exec was kept for the front, as the steps that see whether it is: each of them
// refuses where it is not.

import { isIdentical } from "../front/boot.ts";
import { origin, refuse, set, word } from "../front/front-steps.ts";
import { structFields } from "../linux/structs.ts";
import { address, type Buffer, compute, newBuffer, newSlot, type Step, slotIn, step, type Variables } from "../tape/step.ts";
import { keptConfig, stateFile } from "./state-files.ts";

/** What the tape was planned from, besides what the front has looked at: all of it has to be the same. */
export type Conditions = {
  readonly isDetached: boolean;
  readonly writesPid: boolean;
  /** The words behind the id, or what the file of --process says, as bytes. */
  readonly command: { readonly from: "arguments" | "file"; readonly bytes: Uint8Array };
  /** Of the files in the state folder: their words of statx(2) (src/front/boot.ts). */
  readonly config: Uint8Array;
  readonly state: Uint8Array;
  /** Limits on open files of box itself; undefined where the configuration has its own. */
  readonly openFiles: { readonly soft: number; readonly hard: number } | undefined;
  readonly boundingSet: readonly number[];
  /** The container's passwd file: below which root, and its words of statx(2), undefined where there is none; nothing where HOME is given. */
  readonly passwd: { readonly root: string; readonly identity: Uint8Array | undefined } | undefined;
};

export function isSame(conditions: Conditions, variables: Variables): Step[] {
  const { isDetached, writesPid, command, openFiles, boundingSet, passwd } = conditions;
  const isGiven = (name: "process" | "pidFile" | "argument", given: boolean): Step =>
    compute([word("int", name), 0, 0, -1], origin, `is there ${name}?`, {
      ...(given ? { equal: { value: 0, steps: [refuse("there is none")] } } : { expect: { value: 0, refused: "there is one" } }),
    });
  const about = newBuffer(variables, "statx", structFields.statx.bytes);
  return [
    compute([word("int", "isDetached"), 0, isDetached ? 1 : 0, -1], origin, "is it as detached?", { expect: { value: 0, refused: "no" } }),
    isGiven("pidFile", writesPid),
    isGiven("process", command.from === "file"),
    isGiven("argument", command.from === "arguments"),
    ...(command.from === "file" ? isSameProcess(command.bytes, about, variables) : areSameArguments(command.bytes, variables)),
    // Whatever differs from here on makes it one of the past (src/cli/exec.ts).
    set(1, word("int", "isMine"), "it was kept for this very command"),
    ...isSameFile(stateFile, conditions.state, about, variables),
    ...isSameFile(keptConfig, conditions.config, about, variables),
    ...(openFiles === undefined ? [] : isSameLimit(openFiles, variables)),
    ...isSameBoundingSet(boundingSet),
    ...(passwd === undefined ? [] : isSamePasswd(passwd, about, variables)),
    set(0, word("int", "isMine"), "it is as it was"),
  ];
}

function isSameFile(name: string, identity: Uint8Array, about: Buffer, variables: Variables): Step[] {
  const then = newBuffer(variables, `${name} as it was`, identity.length, identity);
  return [
    step("statx", [word("fd", "folder"), name, ["AT_SYMLINK_NOFOLLOW"], ["STATX_BASIC_STATS"], address(about)], origin, `look at ${name}`),
    ...isIdentical(about, then, 0, name),
  ];
}

/** Of what was read into `now`, which has zeros behind it, as `bytes` has here. */
function areSameBytes(now: Buffer, bytes: Uint8Array, variables: Variables): Step[] {
  const then = newBuffer(variables, `${now.buffer} as it was`, bytes.length, bytes);
  return Array.from({ length: Math.ceil(bytes.length / 8) }, (_, index) =>
    compute([slotIn("int", now, index * 8, "as it is"), 0, slotIn("int", then, index * 8, "as it was"), -1], origin, "compare it", {
      expect: { value: 0, refused: "it is another" },
    }),
  );
}

/** A FIFO is not to be read: the rest of box could not read it again. */
function isSameProcess(bytes: Uint8Array, about: Buffer, variables: Variables): Step[] {
  const file = newSlot(variables, "fd", "file of the process");
  const now = newBuffer(variables, "the process", bytes.length + 8);
  const mode = slotIn("int", about, (structFields.statx.fields.mode?.offset as number) - 4, "its group and mode");
  const [S_IFMT, S_IFREG] = [0o170000 * 2 ** 32, 0o100000 * 2 ** 32];
  return [
    step("statx", ["AT_FDCWD", word("int", "process"), [], ["STATX_TYPE"], address(about)], origin, "look at the file of the process"),
    compute([mode, 0, S_IFREG, S_IFMT], origin, "is it a file?", { expect: { value: 0, refused: "it is none" } }),
    step("openat", ["AT_FDCWD", word("int", "process"), ["O_NONBLOCK", "O_CLOEXEC"], 0], origin, "open it", { out: file }),
    step("read", [file, address(now), bytes.length + 8], origin, "read it", {
      expect: { value: bytes.length, refused: "it is longer or shorter" },
    }),
    step("close", [file], origin, "done with it"),
    ...areSameBytes(now, bytes, variables),
  ];
}

/** /proc/self/cmdline has all words of the command line, each with its NUL: those behind the id are its end. */
function areSameArguments(bytes: Uint8Array, variables: Variables): Step[] {
  const file = newSlot(variables, "fd", "command line");
  const now = newBuffer(variables, "the arguments", bytes.length + 8);
  const from = newSlot(variables, "int", "where they begin");
  return [
    step("openat", ["AT_FDCWD", "/proc/self/cmdline", ["O_CLOEXEC"], 0], origin, "open the command line", { out: file }),
    compute([word("int", "argument"), 0, word("int", "firstArgument"), -1], origin, "where the arguments begin", { out: from }),
    step("pread64", [file, address(now), bytes.length + 8, from], origin, "read them", {
      expect: { value: bytes.length, refused: "they are longer or shorter" },
    }),
    step("close", [file], origin, "done with it"),
    ...areSameBytes(now, bytes, variables),
  ];
}

function isSameLimit({ soft, hard }: { readonly soft: number; readonly hard: number }, variables: Variables): Step[] {
  const { rlim_cur, rlim_max } = structFields.rlimit64.fields;
  const limit = newBuffer(variables, "limits on open files", structFields.rlimit64.bytes);
  return [
    step("prlimit64", [0, ["RLIMIT_NOFILE"], null, address(limit)], origin, "look at the limits on open files"),
    compute([slotIn("int", limit, rlim_cur?.offset as number, "the soft one"), 0, soft, -1], origin, "is the soft one the same?", {
      expect: { value: 0, refused: "it is not" },
    }),
    compute([slotIn("int", limit, rlim_max?.offset as number, "the hard one"), 0, hard, -1], origin, "is the hard one the same?", {
      expect: { value: 0, refused: "it is not" },
    }),
  ];
}

/** Those that there may ever be; a number that the kernel does not know is an error (PR_CAPBSET_READ(2const)). */
const CAPABILITIES = 64;

function isSameBoundingSet(set: readonly number[]): Step[] {
  const last = Math.max(-1, ...set);
  const steps = Array.from({ length: last + 1 }, (_, capability) =>
    step("prctl", [["PR_CAPBSET_READ"], capability, 0, 0, 0], origin, `may box have capability ${capability}?`, {
      expect: { value: set.includes(capability) ? 1 : 0, refused: "that has changed" },
    }),
  );
  if (last + 1 >= CAPABILITIES) return steps;
  const next = step("prctl", [["PR_CAPBSET_READ"], last + 1, 0, 0, 0], origin, "is there one more?", {
    onError: [["EINVAL", []]],
    equal: { value: 1, steps: [refuse("that has changed")] },
  });
  return [...steps, next];
}

/** As readInRoot in src/execute/folders.ts finds it. */
function isSamePasswd({ root, identity }: NonNullable<Conditions["passwd"]>, about: Buffer, variables: Variables): Step[] {
  const [folder, file] = [newSlot(variables, "fd", "root of the container"), newSlot(variables, "fd", "passwd")];
  const how = { struct: "open_how", flags: ["O_PATH", "O_CLOEXEC"], resolve: ["RESOLVE_IN_ROOT", "RESOLVE_NO_MAGICLINKS"] } as const;
  const open = (more: { readonly onError?: [["ENOENT", []]]; readonly ok?: Step[] }): Step =>
    step("openat2", [folder, "etc/passwd", how, structFields.open_how.bytes], origin, "look for passwd", { out: file, ...more });
  const found = (then: Uint8Array): Step[] => [
    open({}),
    step("statx", [file, "", ["AT_EMPTY_PATH"], ["STATX_BASIC_STATS"], address(about)], origin, "look at it"),
    ...isIdentical(about, newBuffer(variables, "passwd as it was", then.length, then), 0, "passwd"),
    step("close", [file], origin, "done with it"),
  ];
  return [
    step("openat", ["AT_FDCWD", root, ["O_PATH", "O_DIRECTORY", "O_CLOEXEC"], 0], origin, "open the container's root", { out: folder }),
    ...(identity === undefined ? [open({ onError: [["ENOENT", []]], ok: [refuse("there is one now")] })] : found(identity)),
    step("close", [folder], origin, "done with it"),
  ];
}
