// box exec: one more process in a container that runs.

import type { Process, Spec } from "../config/spec.ts";
import { BoxError } from "../errors.ts";
import { compile, type Program, type Sources } from "../execute/compile.ts";
import { frontWord } from "../execute/front-words.ts";
import { initLives } from "../execute/init-lives.ts";
import type { AskedCommand, AskedHome } from "../execute/keep-for-front.ts";
import { readKeptConfig } from "../execute/kept-config.ts";
import { keepExec, placeOfExec, readKeptExec } from "../execute/kept-exec.ts";
import { readKeptFilter } from "../execute/kept-filter.ts";
import { blockSignals, systemCall, takeMemory } from "../execute/libc.ts";
import { liveStatus } from "../execute/live-status.ts";
import { startExec, superviseExec } from "../execute/run-exec.ts";
import { isFronted } from "../front/is-fronted.ts";
import type { HostFacts } from "../host/facts.ts";
import type { SeccompFilter } from "../plan/builder.ts";
import type { Launch } from "../plan/launch.ts";
import { type Exec, planExec } from "../plan/plan-exec.ts";
import { isTapped, type State } from "../state/state.ts";
import { type FlagRow, type Parsed, parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { cgroupsOf, cgroupsOfInit } from "./exec-cgroups.ts";
import { processOf } from "./exec-process.ts";
import { type FactsAsked, factsFor, homeFor, labelsAsked } from "./host-facts.ts";
import { absolute, isHostConfigured, rootOfStates } from "./invocation.ts";
import { checkStdio, handOnFlags, launchOf, lenientFlag } from "./launch-flags.ts";
import { namedContainer } from "./named-container.ts";

export const flags: readonly FlagRow[] = [
  { name: "process", short: "p", value: "FILE", help: "take the process from this file, a process of config.json" },
  { name: "env", short: "e", value: "NAME=VALUE", repeats: true, help: "set an environment variable" },
  { name: "user", short: "u", value: "UID[:GID]", help: "run as this user" },
  { name: "additional-gids", short: "g", value: "GID", repeats: true, help: "another group to be in" },
  { name: "cwd", value: "DIR", help: "folder to start in" },
  { name: "tty", short: "t", help: "give the process a terminal" },
  { name: "detach", short: "d", help: "leave the process running by itself" },
  { name: "cap", short: "c", value: "CAP", repeats: true, help: "a capability more" },
  { name: "no-new-privs", help: "let no execve gain privileges" },
  { name: "apparmor", value: "PROFILE", help: "AppArmor profile for the process" },
  { name: "process-label", value: "LABEL", help: "SELinux label for the process" },
  { name: "cgroup", value: "[CONTROLLERS:]PATH", repeats: true, help: "run in this cgroup below the container's" },
  { name: "ignore-paused", help: "do it in a paused container too" },
  ...handOnFlags,
  lenientFlag,
  { name: "help", short: "h", help: "show this help" },
];

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const parsed = parseFlags(argv, flags, "exec");
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("exec");
  blockSignals();
  checkStdio();
  // A process that the front has made and ended is not made again.
  if ((frontWord("failure") ?? 0) !== 0) throw await failedAtFront(parsed.values["pid-file"]);
  const asked = await readExec(parsed, globals);
  const { state, way } = asked;
  const started = await start(asked, cgroupsOf(state, parsed), parsed).catch((error: unknown) => {
    if (!isBusy(error) || parsed.lists.cgroup !== undefined) throw error;
    return start(asked, cgroupsOfInit(state));
  });
  return way === "detached" ? 0 : superviseExec(started);
}

async function failedAtFront(pidFile: string | undefined): Promise<BoxError> {
  const { failedAtFront: inWords } = await import("../execute/failed-at-front.ts");
  return inWords(pidFile === undefined ? "" : absolute(pidFile));
}

/** All that a process of exec is planned from. */
export type AskedExec = {
  readonly exec: Omit<Exec, "cgroups">;
  readonly facts: HostFacts;
  readonly state: State;
  readonly stateRoot: string;
  readonly way: Launch["way"];
  /** The words behind the id, or what the file of --process says. */
  readonly command: AskedCommand;
  readonly home: AskedHome | undefined;
};

/** What the command line asks for, in the container as it is now. */
export async function readExec(parsed: Parsed, globals: Globals): Promise<AskedExec> {
  const [id, ...command] = parsed.rest;
  if (id === undefined) throw new BoxError({ what: "a container id is missing", hint: "box exec ID COMMAND…" });
  const stateRoot = globals.root ?? rootOfStates();
  const { folder, state, spec } = running(stateRoot, id, parsed);
  const watched = isTapped(state, "onExec") || isHostConfigured();
  // What --process has been read from cannot always be read again.
  if (watched) (await import("../execute/begin-plainly.ts")).beginPlainly();
  const { process: asked, text } = await processOf(spec, parsed, command);
  const process = watched ? await changedByPlugins(state, stateRoot, asked) : asked;
  const way = parsed.switches.has("detach") ? "detached" : "foreground";
  const launch: Launch = launchOf(parsed, way, { ...spec, process });
  const init = handleOn(state);
  const wanted: FactsAsked = {
    openFiles: !hasLimitOnFiles(process),
    home: homeAsked(process, state),
    limits: false,
    labels: labelsAsked(process),
    cgroups: false,
  };
  const facts = factsFor(wanted, stateRoot);
  const seccomp = await withAgent(readKeptFilter(folder, state));
  const controlGroups = state.box.resctrl?.enter ?? [];
  const labels = wanted.labels === undefined ? {} : { labels: (await import("../plan/labels.ts")).labelSteps };
  const exec = { id, bundle: state.bundle, spec, process, seccomp, controlGroups, init, launch, ...labels };
  const home = wanted.home === undefined ? undefined : { root: wanted.home.root, now: () => homeFor(wanted) };
  return { exec, facts, state, stateRoot, way, command: text ?? command, home };
}

/** Whether the front could read the command line (src/front/command-line.ts), and nothing but the plan is to be done. */
function mayBeAtFront({ exec: { process, launch, labels, seccomp } }: AskedExec, { values, lists, switches }: Parsed): boolean {
  if (!isFronted || process.terminal === true || labels !== undefined || seccomp?.agent !== undefined) return false;
  if (launch.preserveFds > 0 || launch.notifies || globalThis.process.env.BOX_LENIENT !== undefined || isHostConfigured()) return false;
  for (const name of switches.names) if (name !== "detach") return false;
  for (const name in values) if (name !== "process" && name !== "pid-file") return false;
  for (const name in lists) if (lists[name] !== undefined) return false;
  return true;
}

/** Starts it in these cgroups, by the program that was kept for just that, or by a new one. With `parsed` the front may have it from then on. */
async function start(asked: AskedExec, cgroups: State["box"]["cgroups"], parsed?: Parsed): ReturnType<typeof startExec> {
  const { program, keep } = programOf(asked, cgroups);
  const started = await startExec(program, { state: asked.state, spec: asked.exec.spec });
  const isFirstToKeep = keep();
  // One that was kept for just this, and differs in something else, is of the past.
  if (parsed !== undefined && (isFirstToKeep || frontWord("isMine") === 1) && mayBeAtFront(asked, parsed))
    (await import("../execute/keep-for-front.ts")).keepForFront({ ...asked.exec, cgroups }, asked);
  return started;
}

/** `keep` is for when it has been started; it says whether it has kept the program. */
export function programOf(
  { exec, facts, state, stateRoot }: AskedExec,
  cgroups: State["box"]["cgroups"],
): { program: Program; keep: () => boolean } {
  const whole: Exec = { ...exec, cgroups };
  const place = placeOfExec(whole, facts, state, stateRoot);
  const found = readKeptExec(place);
  if (found !== undefined && found !== "marked") {
    // It runs where a tape of this process's own would be made.
    takeMemory("own");
    const explain = (): Promise<Sources> => compile(planExec(whole, facts)).explain();
    return { program: { compiled: found.compiled, explain }, keep: () => false };
  }
  const program = compile(planExec(whole, facts));
  const { compiled } = program;
  // What box's tape writes is part of it.
  const box = found === "marked" ? compiled.box.image.slice() : undefined;
  return { program, keep: () => keepExec(place, found, compiled, box) };
}

/** With the steps for an agent where the filter asks one. */
async function withAgent(filter: SeccompFilter | undefined): Promise<SeccompFilter | undefined> {
  if (filter === undefined || !filter.flags.includes("SECCOMP_FILTER_FLAG_NEW_LISTENER")) return filter;
  return { ...filter, agent: (await import("../plan/agent.ts")).agentSteps };
}

async function changedByPlugins(state: State, stateRoot: string, asked: Process): Promise<Process> {
  const { callOnExec } = await import("./plugin-hooks.ts");
  return await callOnExec(state, stateRoot, asked);
}

/** The container's cgroup takes no process any more. */
const isBusy = (error: unknown): boolean =>
  error instanceof BoxError && error.facts.errno === "EBUSY" && error.facts.call?.startsWith("clone3(") === true;

/** The container as it runs; throws a BoxError when nothing can be executed in it. */
function running(stateRoot: string, id: string, { switches }: Parsed): { folder: string; state: State; spec: Spec } {
  const found = namedContainer(stateRoot, id);
  const status = liveStatus(found);
  if (status === "stopped" || status === "creating")
    throw new BoxError({ what: `cannot exec in a ${status} container`, origin: "id", object: id });
  if (status === "paused" && !switches.has("ignore-paused"))
    throw new BoxError({
      what: "cannot exec in a paused container",
      origin: "id",
      object: id,
      hint: "--ignore-paused waits until it is resumed",
    });
  const spec = readKeptConfig(found.folder);
  if (spec === undefined)
    throw new BoxError({ what: "the container's configuration is not in its state folder", origin: "id", object: found.folder });
  return { folder: found.folder, state: found.state, spec };
}

/** Above what Bun and a caller have open: with the same number each time, the tape is the same (src/execute/kept-exec.ts). */
const HANDLE = 128;
const F_DUPFD_CLOEXEC = 1030;

/** A pidfd that is init's: what was looked at after it was opened is what it stays. */
function handleOn(state: State): number {
  const pidfd = systemCall("pidfd_open", state.pid, 0);
  if (pidfd < 0 || !initLives(state)) throw new BoxError({ what: "cannot exec in a stopped container", origin: "id", object: state.id });
  const moved = systemCall("fcntl", pidfd, F_DUPFD_CLOEXEC, HANDLE);
  // Fewer descriptors may be open.
  if (moved < 0) return pidfd;
  systemCall("close", pidfd);
  return moved;
}

function hasLimitOnFiles({ rlimits }: Process): boolean {
  for (const { type } of rlimits ?? []) if (type === "RLIMIT_NOFILE") return true;
  return false;
}

/** The passwd file is the container's own as it is now. */
function homeAsked({ env, user }: Process, { pid }: State): { root: string; uid: number } | undefined {
  let knowsHome = false;
  for (const entry of env ?? []) if (entry.startsWith("HOME=")) knowsHome = entry !== "HOME=";
  return knowsHome ? undefined : { root: `/proc/${pid}/root`, uid: user.uid };
}
