// One more process in a container that runs, as a plan of the same shape as a container's: box makes the stage, the stage
// joins all of the container's namespaces at once by a pidfd of its init, and what it clones there becomes the process.

import { bitMask, numberList } from "../config/number-list.ts";
import type { Process, Spec } from "../config/spec.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Flag } from "../linux/flags.ts";
import { structFields } from "../linux/structs.ts";
import { address, newBuffer, type Slot, type Step, slotIn, step } from "../tape/step.ts";
import { allProcessors } from "./affinity.ts";
import * as box from "./box.ts";
import { type Building, newChildVariables, newPlaces, type SeccompFilter } from "./builder.ts";
import { enterCgroups, enterControlGroups, v2Of } from "./cgroups.ts";
import { explainFailures } from "./explain.ts";
import type { LabelSteps } from "./labels.ts";
import { handedTo, type Launch } from "./launch.ts";
import * as namespaces from "./namespaces.ts";
import { adjustOomScore } from "./oom-score.ts";
import type { BoxVariables, Plan, Section } from "./plan.ts";
import * as process from "./process.ts";
import { receiveTerminal } from "./receive-terminal.ts";
import { becomeUntraceable, closeDescriptors, leaveSession, settle } from "./settle.ts";
import { superviseTerminal } from "./supervise-terminal.ts";
import * as supervisor from "./supervisor.ts";
import { takeTerminal, terminalThere } from "./terminal.ts";

export type Exec = {
  readonly id: string;
  readonly bundle: string;
  /** The container's configuration. */
  readonly spec: Spec;
  readonly process: Process;
  readonly seccomp: SeccompFilter | undefined;
  /** The cgroups to be in. */
  readonly cgroups: readonly { readonly version: 1 | 2; readonly path: string }[];
  /** The resctrl groups to be in. */
  readonly controlGroups?: readonly string[];
  /** A descriptor of box's: a pidfd of the container's init. */
  readonly init: number;
  readonly launch: Launch;
  /** Where the process is to have a security label: the steps for it (labels.ts). */
  readonly labels?: LabelSteps;
};

export function planExec(exec: Exec, facts: HostFacts): Plan {
  const child = newChildVariables();
  const { launch, seccomp } = exec;
  const terminal = exec.process.terminal === true;
  const building = buildingOf(exec, facts, child);
  const own = box.newBoxVariables();
  const watcher = supervisor.newSupervisorVariables();
  const supervised = launch.way === "foreground";
  const section = (title: string, steps: Section["steps"]): Section => ({ title, actor: "box", steps });
  const none = section("", []);
  const helper = building.namespaces.joined.has("pid");
  return {
    way: launch.way,
    prepare: section("the stage", prepare(building, exec, own)),
    child: planChild(building, exec.process, helper),
    explanations: explainFailures(building),
    awaitHelper: section("the helper", helper ? box.awaitHelper(building, own) : []),
    initWaits: false,
    observe: none,
    writeIdMaps: none,
    moveDevices: none,
    runtimeHooks: none,
    record: section("terminal", terminal ? [...receiveTerminal(building, own), letGoOn(own)] : []),
    agent: section("tell the agent", seccomp?.agent?.tellAgent(building, own) ?? []),
    becomeSupervisor: section("box becomes the supervisor", supervised ? supervisor.keepForSupervisor(building, own) : []),
    release: section("wait for execve", release(own)),
    poststartHooks: [],
    report: section("tell its pid", box.report(building, own)),
    waitHere: section("wait for its end", supervised && !terminal ? supervisor.waitHere(building, own) : []),
    startSupervisor: section("the supervisor's tape", supervised ? supervisor.startSupervisor(own) : []),
    get supervise() {
      return section(
        "while it runs",
        !supervised ? [] : terminal ? superviseTerminal(building, watcher) : supervisor.supervise(building, watcher),
      );
    },
    get handOver() {
      return section("when that fails", supervised ? supervisor.giveUp(building, watcher) : []);
    },
    supervisor: watcher,
    box: own,
    childVariables: child,
    notes: building.notes,
    limits: undefined,
  };
}

function buildingOf(exec: Exec, facts: HostFacts, child: Building["child"]): Building {
  const { id, bundle, spec, seccomp, cgroups, launch } = exec;
  const entered: Building["cgroups"][number][] = [];
  for (const { version, path } of cgroups) entered.push({ version, path, controllers: [], mount: "", parts: [], present: 0 });
  const joined = new Map<string, string>();
  for (const { type } of spec.linux?.namespaces ?? []) joined.set(type, "");
  return {
    id,
    bundle,
    spec: { ...spec, process: exec.process },
    facts,
    hostRoot: false,
    finishInBox: false,
    ownStdio: launch.way === "detached",
    stdioSteps: undefined,
    netDeviceSteps: undefined,
    resctrl: undefined,
    controlGroups: exec.controlGroups ?? [],
    labels: labelsFor(exec, facts),
    rootPath: "/",
    launch: { ...launch, keep: true, subreaper: false },
    handed: handedTo(launch, { hooks: false, init: true }),
    seccomp,
    child,
    ...newPlaces(child),
    notes: [],
    limits: { placed: undefined },
    workFolder: { made: undefined },
    namespaces: { made: new Set(), joined },
    joins: [],
    cgroups: entered,
  };
}

function labelsFor({ process, labels }: Exec, facts: HostFacts): LabelSteps | undefined {
  if (process.apparmorProfile === undefined && process.selinuxLabel === undefined) return undefined;
  if (labels === undefined) throw new Error("plan: labels without the steps for them");
  labels.checkLabels(process, undefined, facts);
  return labels;
}

const SIGCHLD = 17;
const origin = "exec";

/** Stage, tape and line, and the clone: into the cgroup of version 2 from its first instruction on. */
function prepare(building: Building, { init, cgroups, process: { execCPUAffinity: affinity } }: Exec, own: BoxVariables): Step[] {
  const { variables } = own;
  const v2 = v2Of(cgroups);
  const flags: Flag<"CLONE">[] = ["CLONE_VM", "CLONE_VFORK"];
  if (v2 !== undefined) flags.push("CLONE_INTO_CGROUP");
  const clone = newBuffer(variables, "clone_args", structFields.clone_args.bytes, { struct: "clone_args", flags, exit_signal: SIGCHLD });
  const cgroup = slotIn("fd", clone, structFields.clone_args.fields.cgroup?.offset as number, "the container's cgroup");
  return [
    step("fcntl", [init, ["F_DUPFD_CLOEXEC"], building.handed.end], origin, "take the handle on init out of the way", { out: own.joins }),
    ...box.sealStage(own),
    ...box.openLines(building, own),
    ...box.openMore(building, own),
    ...box.blockSignals(building),
    // Before the cgroup is entered, whose own processors bound what is asked for afterwards.
    ...setAffinity(affinity?.initial, "process.execCPUAffinity.initial"),
    ...(v2 === undefined ? [] : [openCgroup(v2.path, cgroup)]),
    box.cloneStage(building, own, clone, "make the stage"),
    step("close", [own.arena], "box", "the child has the tape"),
    step("close", [own.childSync], "box", "the child has its end"),
  ];
}

/** Box's thread and what it clones run on these processors alone. */
function setAffinity(list: string | undefined, from: string): Step[] {
  const numbers = list === undefined ? undefined : numberList(list);
  if (numbers === undefined) return [];
  const mask = bitMask(numbers);
  return [step("sched_setaffinity", [0, mask.length, mask], from, `run on the processors ${list}`)];
}

const openCgroup = (path: string, out: Slot<"fd">): Step =>
  step("openat", ["AT_FDCWD", path, ["O_PATH", "O_DIRECTORY", "O_CLOEXEC"], 0], origin, `open the cgroup ${path}`, { out });

function planChild(building: Building, init: Process, helper: boolean): Section[] {
  const { handed, launch, namespaces: spaces } = building;
  const flags: Flag<"CLONE">[] = [];
  for (const type of spaces.joined.keys()) flags.push(namespaces.cloneFlags[type] as Flag<"CLONE">);
  const join = step("setns", [handed.init, flags], origin, "join the container's namespaces");
  const begin = step("getpid", [], "box", "begin as a process of the container", { label: "init" });
  const section = (title: string, actor: Section["actor"], steps: readonly Step[]): Section => ({ title, actor, steps });
  const agent = building.seccomp?.agent?.planAgentOfInit(building);
  const sections = [
    section("let go of what came from box", "stage", [
      ...settle(handed),
      ...adjustOomScore(building, init),
      ...(building.labels?.labelExec(building, init) ?? []),
      becomeUntraceable(),
    ]),
    section("enter the cgroups", "stage", [
      ...enterCgroups(building),
      ...enterControlGroups(building),
      ...setAffinity(init.execCPUAffinity?.final, "process.execCPUAffinity.final"),
    ]),
    section("join the container", "stage", [
      ...(flags.length > 0 ? [join] : []),
      step("close", [handed.init], "box", "done with it"),
      ...(helper ? [namespaces.cloneInit(building)] : []),
    ]),
    section("identity", "init", [
      begin,
      leaveSession(),
      ...(init.execCPUAffinity === undefined ? [allProcessors()] : []),
      ...(spaces.joined.has("user") ? namespaces.becomeRootThere(building) : []),
      becomeUntraceable(),
      ...process.joinKeyring(building),
    ]),
    section("terminal", "init", init.terminal === true ? [...terminalThere(building), waitForTerminal(building)] : []),
    section("process", "init", [
      ...(init.terminal === true ? takeTerminal(building) : []),
      ...closeDescriptors(handed, launch.preserveFds),
      ...(agent === undefined ? [] : agent.thread),
      ...process.becomeProcess(building, init),
      ...process.findProgram(building, init),
    ]),
    section("program", "init", [...process.filterSystemCalls(building, agent), process.executeProgram(building, init)]),
  ];
  const out: Section[] = [];
  for (const one of sections) if (one.steps.length > 0) out.push(one);
  return out;
}

/** Before the program can ask for its terminal's size, box has set it. */
const waitForTerminal = (building: Building): Step => namespaces.waitForBox(building, "wait until box has the terminal");
const letGoOn = (own: BoxVariables): Step =>
  step("write", [own.sync, "g", 1], "process.terminal", "let the process go on", { onError: [["EPIPE", []]] });

/** Execve closes the child's end of the line, and so does a failure. */
const release = (own: BoxVariables): Step[] => [
  step("read", [own.sync, address(own.reply), 1], "box", "wait until it has become the program", { onError: [["ECONNRESET", []]] }),
  step("close", [own.sync], "box", "done with it"),
];
