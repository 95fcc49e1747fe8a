// Spec + host facts → Plan. Pure: the same input gives the same plan, and nothing is touched.

import type { Spec } from "../config/spec.ts";
import { isSupervised } from "../config/stdio-choice.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Step } from "../tape/step.ts";
import * as box from "./box.ts";
import { type Building, type Join, newChildVariables, newPlaces, type SeccompFilter } from "./builder.ts";
import { containerCgroups } from "./cgroups.ts";
import { planChild } from "./child.ts";
import { explainFailures } from "./explain.ts";
import { hasHooks } from "./hooks.ts";
import { writeIdMaps } from "./id-maps.ts";
import type { IntelRdtSteps } from "./intel-rdt.ts";
import type { LabelSteps } from "./labels.ts";
import { foreground, handedTo, hasSupervisor, type Launch } from "./launch.ts";
import { sortNamespaces } from "./namespaces.ts";
import type { NetDeviceSteps } from "./net-devices.ts";
import type { Plan, Section } from "./plan.ts";
import { prepare } from "./prepare.ts";
import { receiveTerminal } from "./receive-terminal.ts";
import type { StdioSteps } from "./stdio-steps.ts";
import { superviseTerminal } from "./supervise-terminal.ts";
import * as supervisor from "./supervisor.ts";
import { lookForFront, tellFront } from "./tell-front.ts";

export type Container = {
  readonly id: string;
  /** Absolute. */
  readonly bundle: string;
  readonly spec: Spec;
  /** The root is a copy-on-write view of the host's / instead of a folder of the bundle. */
  readonly hostRoot: boolean;
  /** At the end, box itself is needed again: some plugin has work to do then. */
  readonly finishInBox?: boolean;
  readonly launch?: Launch;
  /** linux.seccomp, compiled. */
  readonly seccomp?: SeccompFilter;
  /** What is known of the namespaces that it joins. */
  readonly joins?: readonly Join[];
  /** Without a terminal, stdin, stdout and stderr are given to the container's user: for a caller that opened them for it. */
  readonly ownStdio?: boolean;
  /** Where `launch.stdio` is not the caller's: the steps for it (stdio-steps.ts). */
  readonly stdioSteps?: StdioSteps;
  /** Where linux.netDevices asks for any: the steps for them (net-devices.ts). */
  readonly netDeviceSteps?: NetDeviceSteps;
  /** Where linux.intelRdt asks for a class: the steps for it (intel-rdt.ts). */
  readonly intelRdtSteps?: IntelRdtSteps;
  /** Where the configuration asks for a security label: the steps for it (labels.ts). */
  readonly labels?: LabelSteps;
};

export function planContainer(container: Container, facts: HostFacts): Plan {
  const { id, bundle, spec } = container;
  const launch = container.launch ?? foreground;
  if (launch.stdio.kind !== "inherit" && container.stdioSteps === undefined) throw new Error("plan: stdio without the steps for it");
  const child = newChildVariables(facts);
  const path = spec.root?.path ?? "rootfs";
  const resctrl = resctrlOf(container, facts);
  const building: Building = {
    id,
    spec,
    facts,
    bundle,
    hostRoot: container.hostRoot,
    finishInBox: container.finishInBox === true || hasHooks(spec.hooks, "poststop") || resctrl !== undefined,
    launch,
    handed: handedTo(launch, { hooks: hasHooks(spec.hooks, ...hooksForFiles), init: false }),
    seccomp: container.seccomp,
    ownStdio: container.ownStdio === true,
    stdioSteps: container.stdioSteps,
    netDeviceSteps: netDeviceStepsOf(container),
    resctrl,
    controlGroups: resctrl === undefined ? [] : resctrl.steps.recorded(resctrl.groups).enter,
    labels: labelsFor(container, facts),
    rootPath: path.startsWith("/") ? path : `${bundle}/${path}`,
    child,
    ...newPlaces(child),
    notes: [],
    limits: { placed: undefined },
    workFolder: { made: undefined },
    namespaces: sortNamespaces(spec),
    joins: container.joins ?? [],
    cgroups: containerCgroups({ facts, spec, id }),
  };
  const own = box.newBoxVariables();
  const watcher = supervisor.newSupervisorVariables(isSupervised(launch.stdio));
  const supervised = hasSupervisor(launch);
  const section = (title: string, steps: Section["steps"]): Section => ({ title, actor: "box", steps });
  const supervise = once(() => section("while the container runs", supervised ? superviseLoop(building, watcher) : []));
  const handOver = once(() => section("what a tape cannot finish", supervised ? supervisor.handOver(building, watcher) : []));
  const plan: Plan = {
    way: launch.way,
    prepare: section("state, cgroups and the child", prepare(building, own)),
    child: planChild(building),
    explanations: explainFailures(building),
    awaitHelper: section("the helper", [...moveDevices(building, own, "joined"), ...box.awaitHelper(building, own)]),
    initWaits: true,
    observe: section("init in /proc", [...box.observe(own), ...lookForFront(building, own)]),
    writeIdMaps: section("id maps", writeIdMaps(building, own)),
    moveDevices: section("network devices", moveDevices(building, own, "made")),
    runtimeHooks: section("hooks before pivot_root", box.runtimeHooks(building, own)),
    record: section("terminal and state", [...receiveTerminal(building, own), ...box.writeState(own), ...tellFront(own)]),
    release: section("let it run", box.release(building, own)),
    agent: section("tell the agent", []),
    poststartHooks: sectionsOf("hooks once it runs", box.poststartHooks(building, own)),
    report: section("tell its pid", box.report(building, own)),
    becomeSupervisor: section("box becomes the supervisor", supervised ? supervisor.becomeSupervisor(building, own) : []),
    waitHere: section("wait for its end", supervised && waitsHere(building) ? supervisor.waitHere(building, own) : []),
    startSupervisor: section(
      "the supervisor's tape",
      supervised ? supervisor.startSupervisor(own, building.stdioSteps?.leaveCaller(building, own)) : [],
    ),
    // Made when they are asked for: run asks while the child works.
    get supervise() {
      return supervise();
    },
    get handOver() {
      return handOver();
    },
    supervisor: watcher,
    box: own,
    childVariables: child,
    notes: building.notes,
    limits: building.limits.placed,
  };
  if (building.cgroups.length === 0) building.notes.push("no cgroup: this user may make none here");
  return plan;
}

/** Nothing asks for a label but these three fields. */
function labelsFor({ spec: { process, linux }, labels }: Container, facts: HostFacts): LabelSteps | undefined {
  if (process?.apparmorProfile === undefined && process?.selinuxLabel === undefined && linux?.mountLabel === undefined) return undefined;
  if (labels === undefined) throw new Error("plan: labels without the steps for them");
  labels.checkLabels(process ?? {}, linux?.mountLabel, facts);
  return labels;
}

function superviseLoop(building: Building, watcher: Plan["supervisor"]): Step[] {
  const { launch, spec } = building;
  const terminal = spec.process?.terminal === true;
  if (terminal && launch.way === "foreground") return superviseTerminal(building, watcher);
  const { stdioSteps } = building;
  return stdioSteps !== undefined && isSupervised(launch.stdio)
    ? stdioSteps.superviseStdio(building, watcher)
    : supervisor.supervise(building, watcher);
}

function netDeviceStepsOf({ spec, netDeviceSteps: steps }: Container): NetDeviceSteps | undefined {
  for (const name in spec.linux?.netDevices)
    if (steps === undefined) throw new Error(`plan: the network device ${name} without the steps for it`);
  return steps;
}

/** What is left of a class at the end is for box to remove. */
export function resctrlOf({ spec, id, intelRdtSteps: steps }: Container, { resctrl }: HostFacts): Building["resctrl"] {
  if (spec.linux?.intelRdt === undefined) return undefined;
  if (steps === undefined) throw new Error("plan: a class of resctrl without the steps for it");
  return { steps, groups: steps.controlGroups(spec, id, resctrl) };
}

/** The helper waits for devices in a network namespace that was joined, and init in one that was made for it. */
function moveDevices(building: Building, own: Plan["box"], when: "joined" | "made"): readonly Step[] {
  const { netDeviceSteps, namespaces } = building;
  if (netDeviceSteps === undefined || !namespaces[when].has("network")) return [];
  return netDeviceSteps.moveDevices(building, own, when === "joined" ? own.pid : own.initPid);
}

/** Box itself waits a moment for the end where it has nothing else to do meanwhile. */
const waitsHere = ({ spec, launch }: Building): boolean => spec.process?.terminal !== true && !isSupervised(launch.stdio);

/** Points whose hooks read the state from the file in memory and print into the other. */
const hooksForFiles = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart"] as const;

function sectionsOf(title: string, lists: readonly Section["steps"][]): Section[] {
  const sections: Section[] = [];
  for (const steps of lists) sections.push({ title, actor: "box", steps });
  return sections;
}

/** `make`'s result, made when it is first asked for. */
function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
