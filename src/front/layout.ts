// Where the front lies in box's own process, and the few words that its machine code and its tapes share. The front is
// what the kernel starts when it starts box: see program.ts. All addresses are fixed when box is built.
//
//   0x00200000 ┌─────────────────────────┐
//              │ Bun, and box's program  │  as Bun has linked it
//   0x0f000000 ├─────────────────────────┤
//              │ code                    │  program.ts
//   0x0f100000 ├─────────────────────────┤
//              │ words, tape             │  `words` below; boot.ts, interpreter.ts
//   0x0f200000 ├─────────────────────────┤
//              │ restore tape            │  from the kept start, if there is one: restore.ts
//              └─────────────────────────┘
//
// It stands close behind Bun's last segment, since the kernel places the heap up to 1 GiB above the last segment of all,
// and box's own tapes want what lies above that (src/execute/libc.ts).

import { status } from "../tape/layout.ts";

export const FRONT_CODE_ADDRESS = 0x0f00_0000;
export const FRONT_DATA_ADDRESS = 0x0f10_0000;
export const RESTORE_ADDRESS = 0x0f20_0000;
export const RESTORE_BYTES_MAX = 0x40_0000;

export const NAME_BYTES = 24;

/** What the command line says (command-line.ts), and what commands.ts leaves for the rest of box; `from` is the first's offset. */
function ofCommands(from: number) {
  return {
    root: from, // address of the folder of all states, a text
    id: from + 8, // address of the container's id
    signal: from + 16, // its number
    answer: from + 24, // descriptor of init's answer to start, where that is still to be read; -1: there is none
    init: from + 32, // a pidfd of that init
    flagTable: from + 40, // addresses of the tables
    formatTable: from + 48,
    verbTable: from + 56,
    forceTable: from + 64,
    signalTable: from + 72,
    execTable: from + 80,
    environmentTable: from + 88,
    commands: from + 96, // address of the commands' tape
    end: from + 104, // the record that it ends with where a program of exec has refused
    process: from + 112, // exec's --process, its --pid-file, and what that is called before it is whole, as texts; 0: not given
    pidFile: from + 120,
    hidden: from + 128,
    isDetached: from + 136, // 1: exec's --detach
    argument: from + 144, // the first argument behind exec's id, a text; 0: there is none
    firstArgument: from + 152, // argv[0]
    firstVariable: from + 160, // the first text of the environment, behind all arguments; 0: there is none
    folder: from + 168, // descriptor of the state folder
    isMine: from + 176, // 1: a program of exec has been found that was kept for this very command
    failure: from + 184, // what a program of exec could not do once there was a process (src/plan/front-failure.ts); 0: nothing
    failureErrno: from + 192, // its negative errno
    bytes: from + 200,
  };
}

/** The words, by offset; the front's tape follows. Each is 64 bits. */
export const words = {
  stack: 0, // address of argc, as the kernel has started the process: argv, the environment and the auxiliary vector follow
  environment: 8, // address of the first pointer of the environment
  baseAt: 16, // where the auxiliary vector has AT_BASE, …
  entryAt: 24, // … AT_ENTRY, …
  headersAt: 32, // … and AT_PHDR
  vdso: 40, // AT_SYSINFO_EHDR
  plain: 48, // the record that a plain start begins with; set when box is built
  entry: 56, // Bun's own entry point; set when box is built
  headers: 64, // the program headers as Bun has linked them; set when box is built
  base: 72, // where the plain start has put the program interpreter
  target: 80, // where to go on after a tape
  restore: 88, // address of the restore tape's header; 0: there is none
  file: 96, // descriptor of the kept start
  resumeStack: 104, // stack pointer of the process that was kept
  thread: 112, // its thread pointer (FS base)
  status: 120, // what a tape reports (src/tape/layout.ts)
  name: 120 + status.bytes, // of this build's kept start, NAME_BYTES with what is left of them 0
  ...ofCommands(120 + status.bytes + NAME_BYTES),
} as const;

/** The folder of all states where nobody names another; what is kept is in a folder below it, root's alone. */
export const KEPT_STATE_ROOT = "/run/box";
export const KEPT_FOLDER = `${KEPT_STATE_ROOT}/.kept`;
/** A folder of states there while a start is being kept, of a container that is none (src/cli/rehearse.ts). */
export const REHEARSAL_FOLDER = `${KEPT_FOLDER}/rehearsal`;
/** The kept start's name there, for a build's number in hexadecimal: another build's is another file. */
export const startName = (build: string): string => `start-${build}`;
/** argv[0] of a box that is not to begin from a kept start. */
export const PLAIN_NAME = "BOX";
