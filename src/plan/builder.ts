// What the parts of a container's plan share while it is being built: the configuration, the host's facts, the child's
// variables, and the few descriptors that several parts use.

import type { Limits } from "../cgroup/limits.ts";
import type { ContainerCgroup } from "../cgroup/paths.ts";
import type { NamespaceType, Spec } from "../config/spec.ts";
import type { HostFacts } from "../host/facts.ts";
import type { Flag } from "../linux/flags.ts";
import { structFields } from "../linux/structs.ts";
import { type Buffer, newBuffer, newSlot, newVariables, type Slot } from "../tape/step.ts";
import type { AgentSteps } from "./agent.ts";
import { newHookReport } from "./hooks.ts";
import type { ControlGroups, IntelRdtSteps } from "./intel-rdt.ts";
import type { LabelSteps } from "./labels.ts";
import type { Handed, Launch } from "./launch.ts";
import type { NetDeviceSteps } from "./net-devices.ts";
import { bufferBytes, type ChildVariables } from "./plan.ts";
import type { StdioSteps } from "./stdio-steps.ts";

export type Building = {
  readonly id: string;
  readonly spec: Spec;
  readonly facts: HostFacts;
  readonly bundle: string;
  readonly hostRoot: boolean;
  readonly finishInBox: boolean;
  readonly launch: Launch;
  readonly handed: Handed;
  readonly seccomp: SeccompFilter | undefined;
  readonly ownStdio: boolean;
  /** undefined where stdio is the caller's. */
  readonly stdioSteps: StdioSteps | undefined;
  /** undefined where linux.netDevices asks for none. */
  readonly netDeviceSteps: NetDeviceSteps | undefined;
  /** The resctrl groups, and the steps for them; undefined where linux.intelRdt asks for none. */
  readonly resctrl: { readonly groups: ControlGroups; readonly steps: IntelRdtSteps } | undefined;
  /** Those that processes of the container enter. */
  readonly controlGroups: readonly string[];
  /** undefined where the configuration asks for no label. */
  readonly labels: LabelSteps | undefined;
  /** The root folder on the host: absolute, resolved against the bundle. */
  readonly rootPath: string;
  readonly child: ChildVariables;
  /** The container's root mount, attached; every path of the container is resolved against it. */
  readonly root: Slot<"fd">;
  /** The folder on the host that the root is attached at; it stays below the root mount. */
  readonly rootFolder: Slot<"fd">;
  /** The slave of the container's terminal, when it has one. */
  readonly terminal: Slot<"fd">;
  /** A buffer for statx, one for all. */
  readonly statx: Buffer;
  readonly notes: string[];
  /** What has become of linux.resources, once that is planned. */
  readonly limits: { placed: Limits | undefined };
  /** Where mounts are made that only mount(2) makes; undefined as long as none is. */
  readonly workFolder: { made: { readonly slot: Slot<"fd">; mounts: number } | undefined };
  readonly namespaces: NamespacePlan;
  /** What is known of the joined ones. */
  readonly joins: readonly Join[];
  /** Empty when this user may make none. */
  readonly cgroups: readonly ContainerCgroup[];
};

/** linux.seccomp, compiled. */
export type SeccompFilter = {
  /** struct sock_filter[] */
  readonly filter: Uint8Array;
  readonly flags: readonly Flag<"SECCOMP_FILTER">[];
  /** It allows all that init still calls once it waits for start, and to give up a capability (src/seccomp/allows.ts). */
  readonly early?: boolean;
  /** What of the profile does not apply here, and why. */
  readonly notes: readonly string[];
  /** With SECCOMP_FILTER_FLAG_NEW_LISTENER: the steps by which an agent gets the listener (agent.ts). */
  readonly agent?: AgentSteps;
};

/** What becomes of each namespace type: made new, joined by path, or the host's. */
export type NamespacePlan = {
  readonly made: ReadonlySet<string>;
  readonly joined: ReadonlyMap<string, string>;
};

/** A namespace that is joined, as it was found when it was checked. */
export type Join = {
  readonly type: NamespaceType;
  readonly path: string;
  /** Whose it is, as it was written: `container:db` or `pid:7`; undefined where the path is all that is known. */
  readonly to?: string;
  /** Its number; the namespace is kept open, so that no other one gets that. */
  readonly inode?: number;
};

export function newChildVariables({ danglingLinks }: Partial<HostFacts> = {}): ChildVariables {
  const variables = newVariables();
  return {
    variables,
    danglingLinks,
    explanation: newBuffer(variables, "explanation", bufferBytes.explanation, undefined, true),
    failedRecord: newSlot(variables, "int", "the failed step", true),
    failedErrno: newSlot(variables, "int", "its errno", true),
    initPid: newSlot(variables, "int", "init's pid", true),
    context: newSlot(variables, "fd", "mount context"),
    program: newSlot(variables, "int", "the program's name"),
    shownProgram: newSlot(variables, "int", "the program's name, for box", true),
    attempt: newSlot(variables, "int", "what is attempted"),
    hook: newHookReport(variables, true),
  };
}

/** What a container's root, its terminal, and looks at files are kept in. */
export const newPlaces = ({ variables }: ChildVariables): Pick<Building, "root" | "rootFolder" | "terminal" | "statx"> => ({
  root: newSlot(variables, "fd", "root"),
  rootFolder: newSlot(variables, "fd", "root folder"),
  terminal: newSlot(variables, "fd", "terminal"),
  statx: newBuffer(variables, "statx", structFields.statx.bytes),
});

export const newFd = (building: Building, name: string): Slot<"fd"> => newSlot(building.child.variables, "fd", name);

export const newInt = (building: Building, name: string): Slot<"int"> => newSlot(building.child.variables, "int", name);
