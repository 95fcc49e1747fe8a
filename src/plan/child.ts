// The child's whole order on one screen: from the moment the stage maps its tape to execve.

import type { Hook, Process, Spec } from "../config/spec.ts";
import { BoxError } from "../errors.ts";
import { type Slot, type Step, step } from "../tape/step.ts";
import { allProcessors } from "./affinity.ts";
import { hooksBeforePivot } from "./box.ts";
import { type Building, newFd } from "./builder.ts";
import { enterCgroups, enterControlGroups } from "./cgroups.ts";
import { planDevices } from "./devices.ts";
import { planEmbeddedRoot } from "./embedded-root.ts";
import { eachHook, type HookRun, hasHooks, runHooks } from "./hooks.ts";
import { openHostSources } from "./host-sources.ts";
import { type MappedMounts, mapMounts } from "./mapped-mounts.ts";
import { maskPaths, openNull, protectPaths } from "./masks.ts";
import { keepsHostPeers, openBindSource, planMount } from "./mounts.ts";
import * as namespaces from "./namespaces.ts";
import { raiseLoopback } from "./network.ts";
import { makeWorkFolder } from "./one-call-mount.ts";
import { adjustOomScore } from "./oom-score.ts";
import type { Actor, Section } from "./plan.ts";
import * as process from "./process.ts";
import { attachRoot, copyRoot, enterRoot, keepEmptyFolder, leaveHostPropagation, openRootFolder } from "./root.ts";
import { becomeUntraceable, closeDescriptors, leaveSession, settle } from "./settle.ts";
import { refuseHostNetwork, writeSysctls } from "./sysctls.ts";
import { openTerminal, takeTerminal, terminalThere } from "./terminal.ts";
import { makeTimeNamespace } from "./time-namespace.ts";
import { execution, programOrigin, startFailures, waitForStart } from "./wait-for-start.ts";

/** Sections in order; the stage's, if there are any, end by making the process that runs the rest. */
export function planChild(building: Building): Section[] {
  const { spec, namespaces: spaces } = building;
  if (spec.process === undefined) refuse("process");
  if (spec.process.args.length === 0) refuse("process.args");
  const list: [title: string, actor: Actor, steps: readonly Step[]][] = [];
  const mapped = mapMounts(building);
  const sources = openHostSources(building, mapped.sources);
  const labels = building.labels?.labelInit(building);
  const begin = [...settle(building.handed), ...adjustOomScore(building, spec.process)];
  if (namespaces.needsHelper(spaces)) {
    // What joins a running container must be closed to it first. Otherwise init must stay open: without root, box may
    // write its id maps only as long as it is.
    const untraceable = spaces.joined.size > 0 ? [becomeUntraceable()] : [];
    list.push(["let go of what came from box", "stage", [...begin, ...makeTimeNamespace(building), ...untraceable]]);
    list.push(["enter the cgroups", "stage", [...enterCgroups(building), ...enterControlGroups(building)]]);
    list.push(["mounts with other owners", "stage", mapped.steps]);
    list.push(["sources of bind mounts", "stage", sources.steps]);
    list.push([
      spaces.joined.size > 0 ? "join namespaces" : "make init",
      "stage",
      [
        ...refuseHostNetwork(building),
        ...namespaces.joinNamespaces(building),
        ...(spaces.joined.has("network") ? receiveDevices(building) : []),
        namespaces.cloneInit(building),
      ],
    ]);
    list.push(["begin", "init", [step("getpid", [], "box", "begin as the container's first process", { label: "init" })]]);
  } else {
    list.push(["let go of what came from box", "init", begin]);
    list.push(["enter the cgroups", "init", [...enterCgroups(building), ...enterControlGroups(building)]]);
    list.push(["mounts with other owners", "init", mapped.steps]);
  }
  list.push(["namespaces", "init", [leaveSession(), allProcessors(), ...namespaces.unshareCgroup(building)]]);
  if (spaces.made.has("user")) list.push(["ids", "init", [...namespaces.askForIds(building), ...namespaces.becomeMappedRoot(building)]]);
  if (spaces.joined.has("user")) list.push(["ids", "init", namespaces.becomeRootThere(building)]);
  list.push([
    "identity",
    "init",
    [
      becomeUntraceable(),
      step("umask", [0], "process.user.umask", "make modes count as written"),
      ...names(spec),
      ...(labels?.open ?? []),
      ...process.joinKeyring(building),
    ],
  ]);
  if (spaces.made.has("network")) list.push(["network", "init", [...raiseLoopback(building), ...receiveDevices(building)]]);
  list.push(["sysctls", "init", writeSysctls(building, labels?.procfs)]);
  if (spaces.joined.has("mount")) {
    building.notes.push(joinedMountNote);
    list.push(["hooks", "init", awaitRuntimeHooks(building)]);
    list.push(["terminal", "init", spec.process?.terminal === true ? terminalThere(building) : []]);
    list.push(["security labels", "init", labels?.write ?? []]);
  } else list.push(...planRoot(building, sources.sources, labels?.write ?? []));
  list.push(...planProcess(building, spec.process as Process));
  const sections: Section[] = [];
  for (const [title, actor, steps] of list) if (steps.length > 0) sections.push({ title, actor, steps });
  return sections;
}

const receiveDevices = (building: Building): readonly Step[] => building.netDeviceSteps?.receiveDevices(building) ?? [];

function refuse(path: string): never {
  throw new BoxError({ what: "the configuration is not valid", faults: [{ path, problem: "missing: there is nothing to run" }] });
}

const joinedMountNote =
  "linux.namespaces joins a mount namespace, so the container sees that namespace as it is: root, mounts, maskedPaths and readonlyPaths do not apply";

function names(spec: Spec): Step[] {
  const steps: Step[] = [];
  const { hostname, domainname } = spec;
  const bytes = (text: string): number => new TextEncoder().encode(text).length;
  if (hostname !== undefined && hostname !== "")
    steps.push(step("sethostname", [hostname, bytes(hostname)], "hostname", `set the host name to ${hostname}`));
  if (domainname !== undefined && domainname !== "")
    steps.push(step("setdomainname", [domainname, bytes(domainname)], "domainname", `set the domain name to ${domainname}`));
  return steps;
}

type Parts = [title: string, actor: Actor, steps: readonly Step[]][];

function planRoot(building: Building, sources: MappedMounts["sources"], labels: readonly Step[]): Parts {
  const { spec, root } = building;
  const mounts = spec.mounts ?? [];
  const masks = (spec.linux?.maskedPaths ?? []).length > 0;
  const early = new Map<number, Slot<"fd">>(sources);
  const earlySteps: Step[] = [];
  for (const [index, mount] of mounts.entries()) {
    if (early.has(index) || !keepsHostPeers(building, mount)) continue;
    const source = newFd(building, mount.destination);
    early.set(index, source);
    earlySteps.push(openBindSource(building, mount, `mounts[${index}]`, source));
  }
  const nullFile = openNull(building);
  const empty = keepEmptyFolder(building);
  const mountSteps: Step[] = [];
  const lateSteps: Step[] = [];
  for (let index = 0; index < mounts.length; index++) {
    const { steps, late } = planMount(building, mounts[index] as (typeof mounts)[number], index, early.get(index));
    mountSteps.push(...steps);
    lateSteps.push(...late);
  }
  return [
    [
      "root",
      "init",
      [
        ...earlySteps,
        leaveHostPropagation(),
        ...planEmbeddedRoot(building),
        openRootFolder(building, building.rootPath),
        copyRoot(building),
        ...(masks ? nullFile.steps : []),
        ...(masks ? empty.steps : []),
        ...makeWorkFolder(building),
        ...attachRoot(building),
      ],
    ],
    ["mounts", "init", mountSteps],
    ["devices", "init", planDevices(building)],
    ["hooks", "init", awaitRuntimeHooks(building)],
    ["terminal", "init", spec.process?.terminal === true ? openTerminal(building) : []],
    [
      "masked and read-only paths",
      "init",
      [
        ...process.ensureCwd(building, spec.process as Process),
        ...lateSteps,
        ...protectPaths(building),
        ...(masks ? maskPaths(building, nullFile.nullFile, empty.empty) : []),
      ],
    ],
    ["security labels", "init", labels],
    ["enter the root", "init", [...enterRoot(building), step("close", [root], "root.path", "done with it")]],
  ];
}

/** Lets box run the hooks of the host's namespaces, then runs those of the container's, from the root folder as runc does. */
function awaitRuntimeHooks(building: Building): Step[] {
  const { hooks } = building.spec;
  if (!hasHooks(hooks, ...hooksBeforePivot)) return [];
  const enter = building.namespaces.joined.has("mount")
    ? []
    : [step("fchdir", [building.root], "hooks.createContainer", "enter the container's root")];
  return [
    step("write", [building.handed.sync, "h", 1], "hooks", "tell box that the mounts are made"),
    namespaces.waitForBox(building, "wait for hooks"),
    ...runHooks(hookRun(building), hooks, "createContainer", enter),
    step("write", [building.handed.sync, "d", 1], "hooks", "tell box that its hooks have run"),
  ];
}

const hookRun = ({ child, handed, facts }: Building): HookRun => ({
  state: handed.hookState,
  output: handed.hookOutput,
  variables: child.variables,
  report: child.hook,
  ignoredSignals: facts.ignoredSignals,
});

function planProcess(building: Building, init: Process): Parts {
  const { spec, launch, handed } = building;
  const start = launch.way === "created" ? startFailures(building) : undefined;
  // These run where the program will, and with what it will have: clients count on it.
  const inherited = hasHooks(spec.hooks, "startContainer")
    ? { environment: process.environment(building, init), last: process.filterHook(building) }
    : {};
  const run: HookRun = { ...hookRun(building), ...inherited, ...start?.explain };
  const each = eachHook(run, spec.hooks, "startContainer", []);
  const hooks: Step[] = [];
  for (let index = 0; index < each.length; index++) {
    const { path } = (spec.hooks?.startContainer ?? [])[index] as Hook;
    hooks.push(...(start?.attempt(`hooks.startContainer[${index}]`, `run the hook ${path}`) ?? []), ...(each[index] as Step[]));
  }
  const attempt = start?.attempt(programOrigin, execution(spec)) ?? [];
  const early = process.isFilteredEarly(building);
  const agent = building.seccomp?.agent?.planAgentOfInit(building);
  return [
    ["wait for box", "init", [namespaces.waitForBox(building, "wait until box has recorded this container")]],
    [
      "process",
      "init",
      [
        ...(init.terminal === true ? takeTerminal(building) : []),
        ...closeDescriptors(handed, launch.preserveFds),
        ...(agent === undefined ? [] : agent.thread),
        ...process.becomeProcess(building, init),
        ...process.findProgram(building, init),
        // Nothing can be noted once system calls are filtered, so the program's name is noted before.
        ...(early ? attempt : []),
        ...process.filterEarly(building, init, agent),
      ],
    ],
    ["wait for start", "init", waitForStart(building)],
    ["hooks", "init", hooks],
    [
      "program",
      "init",
      [
        ...(early && hooks.length === 0 ? [] : attempt),
        ...(early ? [] : process.filterSystemCalls(building, agent, start?.explain)),
        process.executeProgram(building, init, start?.explain),
      ],
    ],
  ];
}
