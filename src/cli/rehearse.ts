// What the commands of a container's life do, done once by the process that is kept: code that has run is linked and has seen
// its data, and runs in half of the time from then on (measured). The container is none: a folder of states of its own, and
// in it a state whose init is this very process. What would make a process stops before.

import { defaultSpec } from "../config/default-spec.ts";
import { BoxError } from "../errors.ts";
import { readText } from "../execute/files.ts";
import { forget } from "../execute/kept-place.ts";
import type { KeptKey } from "../execute/kept-program.ts";
import { cString, freshMemory, systemCall } from "../execute/libc.ts";
import { makeFile } from "../execute/make-file.ts";
import { ownArguments } from "../execute/wait-to-be-kept.ts";
import { answerFifo, keptConfig, stateFile, waitFifo } from "../plan/state-files.ts";
import { type State, startTimeOf } from "../state/state.ts";
import { type Parsed, parseFlags } from "./arguments.ts";
import { type Globals, globalFlags } from "./commands.ts";
import { dispatch } from "./dispatch.ts";
import { flags as execFlags, programOf, readExec } from "./exec.ts";
import { readGlobals, withWholeRoot } from "./globals.ts";
import { overlookHost } from "./invocation.ts";
import { keptRun } from "./kept-run.ts";
import { type PlannedRun, planRun } from "./plan-run.ts";
import { lookAnew } from "./plugin-file.ts";
import { makePlugin, pluginKinds, rehearsePlugins } from "./rehearse-plugins.ts";
import { keyOf, flags as runFlags, withPlugins } from "./run.ts";
import { staysKept } from "./stays-kept.ts";

const AT_FDCWD = -100;
const O_READ_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const S_IFIFO_OWN = 0o010600;
const LAST_FD = 0xffff_ffff;
const ID = "rehearsal";
/** How often a short command is rehearsed: what has run so often finds its data by itself. More leaves more behind than it gains. */
const TIMES = 3;

/** Makes the folder `stateRoot`, which is nobody else's and for whoever keeps the start to remove; it leaves code that has run. */
export async function rehearse(stateRoot: string): Promise<void> {
  const folder = `${stateRoot}/${ID}`;
  systemCall("mkdirat", AT_FDCWD, cString(stateRoot).address, 0o700);
  const state = ownState(folder);
  makeContainer(folder, state);
  // As a created container's init, which has it open until it is started.
  const waiting = systemCall("openat", AT_FDCWD, cString(`${folder}/${waitFifo}`).address, O_READ_NONBLOCK_CLOEXEC, 0);
  overlookHost(true);
  await rehearseLife(stateRoot, folder);
  await rehearsePlugins(stateRoot, folder);
  overlookHost(false);
  // Another process that has the same pid now: the container has ended.
  const ended = { ...state, box: { ...state.box, startTime: state.box.startTime + 1 } };
  makeContainer(folder, ended);
  await rehearseCommand(["--root", stateRoot, "state", ID]);
  // Exec's handle on init, and the lock that run has taken, which delete wants.
  systemCall("close_range", waiting, LAST_FD, 0);
  await rehearseCommand(["--root", stateRoot, "delete", ID], 1);
  // The lock that delete has until its process ends.
  systemCall("close_range", waiting, LAST_FD, 0);
  lookAnew();
}

/** Its state folder, or what is missing of it. */
function makeContainer(folder: string, state: State): void {
  systemCall("mkdirat", AT_FDCWD, cString(folder).address, 0o700);
  for (const fifo of [waitFifo, answerFifo]) systemCall("mknodat", AT_FDCWD, cString(`${folder}/${fifo}`).address, S_IFIFO_OWN, 0);
  const { process, ...spec } = defaultSpec();
  makeFile(
    `${folder}/${keptConfig}`,
    JSON.stringify({ ...spec, process: { ...process, terminal: false }, root: { path: "/", readonly: true } }),
  );
  makeFile(`${folder}/${stateFile}`, JSON.stringify(state));
}

const globalsOf = (stateRoot: string): Promise<Globals> =>
  withWholeRoot(readGlobals(parseFlags(["--root", stateRoot, "state", ID], globalFlags, "")));

async function rehearseLife(stateRoot: string, bundle: string): Promise<void> {
  // Short ones first, so that what they need lies together.
  await rehearseCommand(["--root", stateRoot, "state", ID]);
  // Which says nothing to a process that has not asked for it.
  await rehearseCommand(["--root", stateRoot, "kill", ID, "SIGURG"]);
  await rehearseCommand(["--root", stateRoot, "list"]);
  await rehearseCommand(["--root", stateRoot, "start", ID]);
  const globals = await globalsOf(stateRoot);
  // There is a container of that id already, which the tape sees before it makes anything.
  await rehearseCommand(["--root", stateRoot, "run", "--bundle", bundle, ID], 1);
  await rehearseCommand(["--root", stateRoot, "create", "--bundle", bundle, ID], 1);
  await allowRefusal(() => planForeground(["--", "true"], globals));
  await allowRefusal(() => planExec([ID, "true"], globals));
  await allowRefusal(() => runKept(["--bundle", bundle, "kept"], globals));
  for (const kind of pluginKinds)
    await allowRefusal(() => runKept(["--bundle", bundle, "--plugin", makePlugin(stateRoot, kind), `plugged-${kind}`], globals));
}

/** As a process that goes on does it, from its command line on. A refusal is as good as an answer. */
async function rehearseCommand(argv: readonly string[], times = TIMES): Promise<void> {
  for (let done = 0; done < times; done++) {
    ownArguments();
    staysKept(argv);
    await allowRefusal(() => dispatch(argv, false));
  }
}

async function allowRefusal(run: () => unknown): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof BoxError)) throw error;
  }
  // Where a tape finds none it takes new memory, whose size alone would make the collector run.
  freshMemory();
}

const planForeground = (argv: readonly string[], globals: Globals): unknown =>
  planRun(parseFlags(argv, runFlags, "run"), globals, "foreground");

/** As the third run of the same container, up to its start: from the program that the second has kept. */
async function runKept(argv: readonly string[], globals: Globals): Promise<void> {
  const parsed = parseFlags(argv, runFlags, "run");
  const key = keyOf(parsed, globals);
  if (key === undefined) return;
  const planned = await planKept(key, parsed, globals);
  for (const _ of ["leaves a mark", "keeps"]) planned.keep(key);
  for (let done = 0; done < TIMES; done++) {
    // The process that is kept maps no file that is gone by then.
    forget((await planKept(key, parsed, globals)).program.compiled.child.image);
    freshMemory();
  }
}

const planKept = async (key: KeptKey, parsed: Parsed, globals: Globals): Promise<PlannedRun> =>
  key.plugins
    ? await (await withPlugins()).runWithPlugins(key, parsed, globals)
    : (keptRun(key, parsed, globals) ?? (await planRun(parsed, globals, "foreground")));

async function planExec(argv: readonly string[], globals: Globals): Promise<void> {
  const asked = await readExec(parseFlags(argv, execFlags, "exec"), globals);
  programOf(asked, asked.state.box.cgroups);
}

function ownState(bundle: string): State {
  const stat = readText("/proc/self/stat");
  const pid = systemCall("getpid");
  // A name that is nobody else's, since no other process has this pid.
  const cgroup = `box-${ID}-${pid}`;
  return {
    ociVersion: "1.3.0",
    id: ID,
    status: "created",
    pid,
    bundle,
    rootfs: "/",
    created: new Date().toISOString(),
    owner: "root",
    box: {
      startTime: typeof stat === "string" ? startTimeOf(stat) : 0,
      supervisor: pid,
      ownPids: true,
      stays: true,
      cgroups: [
        { version: 1, path: `/sys/fs/cgroup/freezer/${cgroup}` },
        { version: 2, path: `/sys/fs/cgroup/unified/${cgroup}` },
      ],
      plugins: [],
    },
  };
}
