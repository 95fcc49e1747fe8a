// Keeps a program of exec for the front, which runs it without the rest of box (src/plan/exec-at-front.ts). It is in the state
// folder of its container, in one of a few places: of those that share it the one that was last executed twice. Loaded when there
// is one to be kept.

import { BoxError } from "../errors.ts";
import { keptStart } from "../front/boot.ts";
import { EXEC_MAGIC } from "../front/commands.ts";
import { FRONT_DATA_ADDRESS, RESTORE_ADDRESS, words } from "../front/layout.ts";
import type { HostFacts } from "../host/facts.ts";
import { signals } from "../linux/signals.ts";
import { execAtFront, INIT_AT_FRONT, type OtherTapes } from "../plan/exec-at-front.ts";
import type { Conditions } from "../plan/front-conditions.ts";
import type { Plan } from "../plan/plan.ts";
import { type Exec, planExec } from "../plan/plan-exec.ts";
import { execFolder, execPlaces, frontName, keptConfig, newExecProgram, stateFile } from "../plan/state-files.ts";
import type { State } from "../state/state.ts";
import { encodeTape } from "../tape/encode.ts";
import { compileChild, compileSupervisor } from "./compile.ts";
import { readBytes } from "./files.ts";
import { openRoot, placeInRoot } from "./folders.ts";
import { findIdentity, identityOf, identityOfOpen } from "./identity.ts";
import { readKeptConfig } from "./kept-config.ts";
import { replaceKept } from "./kept-folder.ts";
import { cString, stage, systemCall } from "./libc.ts";
import { makeRoom } from "./make-room.ts";
import { readFolder } from "./state-folder.ts";

/** The words behind the id, or what the file of --process says. */
export type AskedCommand = readonly string[] | string;

/** Whose home was looked for below which root, and how to look again. */
export type AskedHome = { readonly root: string; readonly now: () => string | undefined };

type Asked = {
  readonly facts: HostFacts;
  readonly state: State;
  readonly stateRoot: string;
  readonly command: AskedCommand;
  readonly home: AskedHome | undefined;
};

/** A longer one is compared for too long. */
const COMMAND_BYTES_MAX = 16 * 1024;
/** Of one program, usually 100 KiB: it lies in memory, below /run. */
const PROGRAM_BYTES_MAX = 512 * 1024;
/** In one container: for a further one that makes room which was used longest ago. */
const PROGRAMS_MAX = 8;
const PAGE = 4096;
const AT_FDCWD = -100;

/** Best effort: where the container or this host is not for the front, or is gone by now, nothing is kept. */
export function keepForFront(exec: Exec, asked: Asked): void {
  const { facts, stateRoot } = asked;
  const folder = `${stateRoot}/${exec.id}`;
  const told = readBytes(`${folder}/${frontName}`);
  if (typeof told === "number" || told.length === 0 || facts.machine !== "x64" || facts.uid !== 0 || facts.inUserNamespace) return;
  const conditions = conditionsOf(exec, asked, folder);
  if (conditions === undefined) return;
  // Whatever its caller ignores then.
  const plan = planExec({ ...exec, init: INIT_AT_FRONT }, { ...facts, ignoredSignals: everySignal });
  const { exec: steps, giveUp } = execAtFront(plan, conditions, otherTapes(plan));
  const where = { machine: "x64", base: RESTORE_ADDRESS, status: FRONT_DATA_ADDRESS + words.status } as const;
  const image = imageOf(() => encodeTape([steps, giveUp], plan.box.variables, where, { failureList: 1, mostBytes: PROGRAM_BYTES_MAX }));
  if (image === undefined) return;
  const programs = `${folder}/${execFolder}`;
  systemCall("mkdirat", AT_FDCWD, cString(programs).address, 0o700);
  const there = openRoot(programs);
  if (there < 0) return;
  // One that was killed may have left it.
  systemCall("unlinkat", there, cString(newExecProgram).address, 0);
  const place = execPlaces[conditions.command.bytes.length % execPlaces.length] as string;
  makeRoom(there, programs, place, { prefix: "", most: PROGRAMS_MAX, atOnce: 1 });
  replaceKept(there, place, withHeader(image), newExecProgram);
  systemCall("close", there);
}

/** undefined where it would be too large. */
function imageOf(encode: () => { readonly image: Uint8Array }): Uint8Array | undefined {
  try {
    return encode().image;
  } catch (error) {
    if (error instanceof BoxError) return undefined;
    throw error;
  }
}

/** As the front wants a tape to begin (src/front/boot.ts). */
function withHeader(image: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(PAGE + image.length);
  bytes.set(new TextEncoder().encode(EXEC_MAGIC), keptStart.magic);
  bytes.set(identityOf("/proc/self/exe"), keptStart.identity);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(keptStart.tapeAt, BigInt(PAGE), true);
  view.setBigUint64(keptStart.tapeBytes, BigInt(image.length), true);
  view.setBigUint64(keptStart.fileBytes, BigInt(bytes.length), true);
  bytes.set(image, PAGE);
  return bytes;
}

/** All but those that nobody can ignore. */
const everySignal = Array.from({ length: 64 }, (_, index) => index + 1).filter(
  (signal) => signal !== signals.SIGKILL && signal !== signals.SIGSTOP,
);

function otherTapes(plan: Plan): OtherTapes {
  const { image, places, executes } = compileChild(plan).tape;
  const supervisor = plan.way === "foreground" ? compileSupervisor(plan) : undefined;
  return {
    stage: stage.elf,
    child: { image, executes, initPid: places.initPid },
    supervisor: supervisor === undefined ? undefined : { image: supervisor.image, init: supervisor.places.init },
  };
}

/** undefined where anything is no longer as it was when it was planned. */
function conditionsOf({ launch, spec }: Exec, { facts, state, command, home }: Asked, folder: string): Conditions | undefined {
  const bytes = new TextEncoder().encode(typeof command === "string" ? command : command.map((one) => `${one}\0`).join(""));
  if (bytes.length === 0 || bytes.length > COMMAND_BYTES_MAX) return undefined;
  const config = unchanged(`${folder}/${keptConfig}`, () => readKeptConfig(folder), spec);
  const stateNow = unchanged(`${folder}/${stateFile}`, () => readFolder(folder).state, state);
  const passwd = home === undefined ? undefined : passwdOf(home, facts.home);
  if (config === undefined || stateNow === undefined || passwd === "changed") return undefined;
  return {
    isDetached: launch.way === "detached",
    writesPid: launch.pidFile !== undefined,
    command: { from: typeof command === "string" ? "file" : "arguments", bytes },
    config,
    state: stateNow,
    openFiles: facts.openFiles,
    boundingSet: facts.boundingSet,
    passwd,
  };
}

/** What tells a file from another, if what it says is what it said; what is read between two looks at it is what it says then. */
function unchanged(path: string, read: () => unknown, before: unknown): Uint8Array | undefined {
  const first = findIdentity(path);
  const same = JSON.stringify(read()) === JSON.stringify(before);
  return same && areEqual(first, findIdentity(path)) ? first : undefined;
}

const areEqual = (one: Uint8Array | undefined, other: Uint8Array | undefined): boolean => String(one) === String(other);

/** The same of the container's passwd file, which there may not be. */
function passwdOf({ root, now }: AskedHome, before: string | undefined): Conditions["passwd"] | "changed" {
  const first = identityOfPasswd(root);
  const same = now() === before;
  const identity = identityOfPasswd(root);
  return same && first !== "unknown" && identity !== "unknown" && areEqual(first, identity) ? { root, identity } : "changed";
}

const ENOENT = 2;

function identityOfPasswd(root: string): Uint8Array | undefined | "unknown" {
  const folder = openRoot(root);
  if (folder < 0) return "unknown";
  const place = placeInRoot(folder, "etc/passwd");
  systemCall("close", folder);
  if (place < 0) return place === -ENOENT ? undefined : "unknown";
  const identity = identityOfOpen(place);
  systemCall("close", place);
  return identity ?? "unknown";
}
