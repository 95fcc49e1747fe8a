// Box's part of stdio that is not the caller's: what the choice of the hook `stdio` names is opened before the child is
// made. The child gets its ends as descriptors 0, 1 and 2; the supervisor gets the others.

import { isSupervised, type Journal, type LogFiles } from "../config/stdio-choice.ts";
import type { Flag } from "../linux/flags.ts";
import { flags } from "../linux/flags.ts";
import { structFields } from "../linux/structs.ts";
import { address, compute, newBuffer, newSlot, type Slot, type Step, slotIn, step } from "../tape/step.ts";
import { moveUp } from "./box.ts";
import type { Building } from "./builder.ts";
import { logNames, logPlace } from "./log-layout.ts";
import { statxOffset } from "./masks.ts";
import type { BoxVariables, StdioDescriptor } from "./plan.ts";
import { bytesOfSocketName } from "./send-descriptor.ts";
import { sizeFifo, stdinFifo, stdioFolder } from "./state-files.ts";

const origin = "stdio";
const UINT_MAX = 0xffff_ffff;
const S_IFIFO = 0o010000;
const O_RDWR_NONBLOCK = flags.O.O_RDWR | flags.O.O_NONBLOCK;

/** After the state folder is there, and before the clone. */
export function openStdio(building: Building, box: BoxVariables): Step[] {
  const { stdio } = building.launch;
  if (stdio.kind === "inherit") return [];
  if (stdio.kind === "file") return openFiles(building, box, stdio);
  const folder = newSlot(box.variables, "fd", "folder of stdio");
  return [
    step("mkdirat", [box.stateFolder, stdioFolder, 0o700], origin, "make a folder for what passes through the supervisor"),
    openFolder(box.stateFolder, stdioFolder, folder),
    ...(building.spec.process?.terminal === true ? openTerminalInput(building, box, folder) : openPipes(building, box, folder)),
    ...(stdio.driver === "local" ? openLog(box, folder, stdio) : openJournal(box, stdio)),
  ];
}

const openFolder = (from: Slot<"fd"> | "AT_FDCWD", path: string, out: Slot<"fd">): Step =>
  step("openat", [from, path, ["O_PATH", "O_DIRECTORY", "O_CLOEXEC"], 0], origin, `open the folder ${path}`, { out });

/** Out of the way of the numbers that the child will use. */
function give(building: Building, box: BoxVariables, from: Slot<"fd">, name: "input" | "output" | "errors", what: string): Step[] {
  const out = newSlot(box.variables, "fd", `${what} for the container`);
  box.stdio.given[name] = out;
  return moveUp(from, out, what, building.handed.end);
}

function hand(box: BoxVariables, name: StdioDescriptor, from: Slot<"fd">): void {
  box.stdio.handed.push({ name, opened: from, kept: newSlot(box.variables, "fd", `${from.slot}, kept`) });
}

function openFiles(building: Building, box: BoxVariables, { path, stderrPath }: { path: string; stderrPath?: string }): Step[] {
  const open = (name: string, out: Slot<"fd">): Step[] => {
    // A FIFO that nobody reads would else be waited for, by a box that no signal reaches.
    const how: Flag<"O">[] = ["O_WRONLY", "O_CREAT", "O_APPEND", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC"];
    return [
      step("openat", ["AT_FDCWD", name, how, 0o640], origin, `open the file ${name} for output`, { out }),
      step("fcntl", [out, ["F_SETFL"], flags.O.O_APPEND], origin, "let the container wait for it"),
    ];
  };
  const output = newSlot(box.variables, "fd", "file for stdout, as opened");
  const errors = newSlot(box.variables, "fd", "file for stderr, as opened");
  return [
    ...open(path, output),
    ...give(building, box, output, "output", "the file for stdout"),
    ...open(stderrPath ?? path, errors),
    ...give(building, box, errors, "errors", "the file for stderr"),
  ];
}

/** A pipe each for stdout and stderr; for a journal in packets, so that what is written at once is read at once. */
function openPipes(building: Building, box: BoxVariables, folder: Slot<"fd">): Step[] {
  const { launch } = building;
  const inPackets = isSupervised(launch.stdio) && launch.stdio.driver === "journald";
  const steps: Step[] = [];
  for (const [name, what] of [
    ["output", "stdout"],
    ["errors", "stderr"],
  ] as const) {
    const pair = newBuffer(box.variables, `pipe for ${what}`, 8);
    const read = newSlot(box.variables, "fd", `pipe for ${what}, its reading end`);
    const write = newSlot(box.variables, "fd", `pipe for ${what}, its writing end`);
    steps.push(
      step("pipe2", [address(pair), inPackets ? ["O_CLOEXEC", "O_DIRECT"] : ["O_CLOEXEC"]], origin, `make a pipe for ${what}`),
      compute([slotIn("int", pair, 0, "the pipe"), 0, 0, UINT_MAX], origin, "its reading end", { out: read }),
      compute([slotIn("int", pair, 4, "the pipe's other half"), 0, 0, UINT_MAX], origin, "its writing end", { out: write }),
      step("fcntl", [read, ["F_SETFL"], O_RDWR_NONBLOCK], origin, "never wait for this pipe alone"),
      ...give(building, box, write, name, `the pipe for ${what}`),
    );
    hand(box, name, read);
  }
  if (launch.way === "foreground") return steps;
  return [...steps, ...(launch.openStdin ? openFifoForInput(building, box, folder) : openNull(building, box))];
}

function openNull(building: Building, box: BoxVariables): Step[] {
  const empty = newSlot(box.variables, "fd", "null device");
  return [
    step("openat", ["AT_FDCWD", "/dev/null", ["O_RDONLY", "O_CLOEXEC"], 0], origin, "open the null device for stdin", { out: empty }),
    ...give(building, box, empty, "input", "the null device"),
  ];
}

/** Box attach opens it by name. The supervisor holds an end, so that the container sees no end of its input before. */
function openFifoForInput(building: Building, box: BoxVariables, folder: Slot<"fd">): Step[] {
  const read = newSlot(box.variables, "fd", "stdin's reading end");
  const write = newSlot(box.variables, "fd", "stdin's writing end");
  const why = "open the FIFO for stdin";
  hand(box, "input", write);
  return [
    makeFifo(folder, stdinFifo),
    step("openat", [folder, stdinFifo, ["O_RDONLY", "O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC"], 0], origin, why, { out: read }),
    step("openat", [folder, stdinFifo, ["O_WRONLY", "O_NOFOLLOW", "O_CLOEXEC"], 0], origin, "hold it open", { out: write }),
    step("fcntl", [read, ["F_SETFL"], 0], origin, "let the container wait for its input"),
    ...give(building, box, read, "input", "the FIFO for stdin"),
  ];
}

const makeFifo = (folder: Slot<"fd">, name: string): Step =>
  step("mknodat", [folder, name, S_IFIFO | 0o600, { major: 0, minor: 0 }], origin, `make the FIFO ${name}`);

/** The supervisor reads keys and sizes from FIFOs. It has both ends of each, so that they never end. */
function openTerminalInput(building: Building, box: BoxVariables, folder: Slot<"fd">): Step[] {
  if (building.launch.way === "foreground") return [];
  const steps: Step[] = [];
  for (const [name, handed] of [
    [stdinFifo, "input"],
    [sizeFifo, "size"],
  ] as const) {
    const fifo = newSlot(box.variables, "fd", `FIFO ${name}`);
    steps.push(
      makeFifo(folder, name),
      step("openat", [folder, name, ["O_RDWR", "O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC"], 0], origin, `open the FIFO ${name}`, {
        out: fifo,
      }),
    );
    hand(box, handed, fifo);
  }
  return steps;
}

function openLog(box: BoxVariables, own: Slot<"fd">, log: LogFiles): Step[] {
  const { folder: path, name } = logPlace("", log);
  const folder = log.path === undefined ? own : newSlot(box.variables, "fd", "folder of the log");
  const file = newSlot(box.variables, "fd", "log");
  hand(box, "folder", folder);
  hand(box, "log", file);
  return [
    ...(log.path === undefined
      ? []
      : [openFolder("AT_FDCWD", path, folder), ...refuseOthers(box, folder, name, log.files), ...shiftFiles(folder, name, log.files)]),
    step("openat", [folder, name, logFlags, 0o600], origin, "begin a log", { out: file }),
  ];
}

/** A file of one's own: the container may be able to write into the folder, and put a disk's node or a link there. */
export const logFlags: readonly Flag<"O">[] = ["O_WRONLY", "O_CREAT", "O_EXCL", "O_APPEND", "O_CLOEXEC"];

/** Names that a log would take: a path that was meant otherwise (/dev/null, a folder) is not to be moved out of the way. */
function refuseOthers(box: BoxVariables, folder: Slot<"fd">, newest: string, files: number): Step[] {
  const status = newBuffer(box.variables, "status of a log", structFields.statx.bytes);
  const mode = slotIn("int", status, statxOffset("mode"), "its mode");
  const { S_IFMT, S_IFREG } = flags.S_IF;
  return logNames(newest, files).map((name) =>
    step("statx", [folder, name, ["AT_SYMLINK_NOFOLLOW"], ["STATX_TYPE"], address(status)], origin, `look whether there is a ${name}`, {
      onError: [["ENOENT", []]],
      ok: [
        compute([mode, 0, 0, S_IFMT], origin, `write a log to ${name}`, { expect: { value: S_IFREG, refused: "it is no regular file" } }),
      ],
    }),
  );
}

/** The newest file becomes the second, and so on; the oldest goes. */
export function shiftFiles(folder: Slot<"fd">, name: string, files: number): Step[] {
  if (files === 1) return [step("unlinkat", [folder, name, []], origin, "let the full file go", { onError: "ignore" })];
  const names = logNames(name, files);
  const steps: Step[] = [];
  for (let age = files - 1; age > 0; age--) steps.push(rename(folder, names[age - 1] as string, names[age] as string));
  return steps;
}

/** Back again, where no new file can be made; the oldest is gone by then. */
export function shiftBack(folder: Slot<"fd">, name: string, files: number): Step[] {
  const names = logNames(name, files);
  const steps: Step[] = [];
  for (let age = 1; age < files; age++) steps.push(rename(folder, names[age] as string, names[age - 1] as string));
  return steps;
}

const rename = (folder: Slot<"fd">, from: string, to: string): Step =>
  step("renameat2", [folder, from, folder, to, 0], origin, `${from} becomes ${to}`, { onError: "ignore" });

function openJournal(box: BoxVariables, { socket: path }: Journal): Step[] {
  const socket = newSlot(box.variables, "fd", "the journal");
  const name = bytesOfSocketName(path);
  hand(box, "log", socket);
  return [
    step("socket", [["AF_UNIX"], ["SOCK_DGRAM", "SOCK_CLOEXEC"], 0], origin, "make a socket for the journal", { out: socket }),
    step("connect", [socket, name, name.length], origin, `connect to the journal at ${path}`),
  ];
}

/** A detached supervisor lets go of the caller's stdio and folder, and says that the container runs. */
export function leaveCaller({ launch }: Building, box: BoxVariables): Step[] {
  if (launch.way !== "detached") return [];
  const empty = newSlot(box.variables, "fd", "null device for the supervisor");
  const steps: Step[] = [step("chdir", ["/"], origin, "hold no folder of the caller's")];
  if (launch.reportFd !== undefined)
    steps.push(step("write", [launch.reportFd, "r", 1], origin, "say that the container runs", { onError: "ignore" }));
  steps.push(step("openat", ["AT_FDCWD", "/dev/null", ["O_RDWR", "O_CLOEXEC"], 0], origin, "open the null device", { out: empty }));
  for (const fd of [0, 1, 2]) steps.push(step("dup3", [empty, fd, []], origin, `let go of the caller's descriptor ${fd}`));
  return steps;
}
