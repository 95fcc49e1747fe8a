// box as a library, for tests: from a configuration to the plan that box would carry out, on a host that is data too.
// Importing it loads no native code and touches nothing; the same input gives the same plan on any machine.
//
//   import { checkSpec, plan, printPlan } from "box";
//   console.log(printPlan(plan(checkSpec(JSON.parse(text)))));

import { lookUpUser } from "./cli/user-names.ts";
import type { Spec } from "./config/spec.ts";
import { expandYaml as expand } from "./config/yaml-expand.ts";
import { readYaml } from "./config/yaml-read.ts";
import { type BoxYaml, boxYamlRule } from "./config/yaml-rules.ts";
import { BoxError } from "./errors.ts";
import type { HostFacts } from "./host/facts.ts";
import { agentSteps } from "./plan/agent.ts";
import { intelRdtSteps } from "./plan/intel-rdt.ts";
import { labelSteps } from "./plan/labels.ts";
import { netDeviceSteps } from "./plan/net-devices.ts";
import type { Plan } from "./plan/plan.ts";
import { planContainer } from "./plan/plan-container.ts";
import { listSteps as list, type PlannedStep } from "./plan/print-plan.ts";
import { allows, callsOfInit } from "./seccomp/allows.ts";
import { compileSeccomp } from "./seccomp/compile-seccomp.ts";

export { checkSpec } from "./config/check-spec.ts";
export { defaultSpec } from "./config/default-spec.ts";
export type { Spec } from "./config/spec.ts";
export { checkSupported } from "./config/unsupported.ts";
export { BoxError, type BoxFacts, type ConfigFault } from "./errors.ts";
export type { HostFacts } from "./host/facts.ts";
export type { Plan } from "./plan/plan.ts";
export { type PlannedStep, printPlan } from "./plan/print-plan.ts";

/** An ordinary machine: x86-64, cgroup v2, root with every capability. Spread it to change a part. */
export const plainHost: HostFacts = {
  machine: "x64",
  mountSetattr: true,
  inUserNamespace: false,
  uid: 0,
  gid: 0,
  ignoredSignals: [13, 25],
  boundingSet: Array.from({ length: 41 }, (_, number) => number),
  cgroups: {
    v1: [],
    v2: {
      controllers: ["cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc"],
      mount: "/sys/fs/cgroup",
      own: "/system.slice/box.service",
    },
    writable: true,
  },
  stateRoot: "/run/box",
  home: undefined,
  openFiles: undefined,
  labels: { apparmor: "unconfined", selinux: undefined },
};

export type PlanOptions = {
  /** `example` when left out. */
  readonly id?: string;
  /** The bundle's folder, absolute; `/bundle` when left out. */
  readonly bundle?: string;
  readonly host?: HostFacts;
  /** The root is a copy-on-write view of the host's /, as with `rootfs: host` in a box.yaml. */
  readonly hostRoot?: boolean;
};

/** The plan of `box run` for a configuration that checkSpec or expandYaml made. */
export function plan(spec: Spec, { id = "example", bundle = "/bundle", host = plainHost, hostRoot = false }: PlanOptions = {}): Plan {
  const profile = spec.linux?.seccomp;
  const container = { id, bundle, spec, hostRoot, netDeviceSteps, intelRdtSteps, labels: labelSteps };
  if (profile === undefined) return planContainer(container, host);
  const filter = compileSeccomp(profile, host.machine);
  const seccomp = { ...filter, early: allows(profile, callsOfInit), ...(filter.listens ? { agent: agentSteps } : {}) };
  return planContainer({ ...container, seccomp }, host);
}

/** Every step of a plan in order, those in alternatives included. */
export const listSteps = (plan: Plan): PlannedStep[] => list(plan).map(({ shown }) => shown);

export type YamlOptions = Pick<PlanOptions, "id" | "bundle" | "host"> & {
  /** Texts of the root's own files, which names of users are looked up in; none when left out. */
  readonly passwd?: string;
  readonly group?: string;
  /** The namespace file that `container:ID` or `pid:NUMBER` stands for; without it such a reference is refused. */
  readonly resolveNamespace?: (reference: string) => string;
  /** Whether a path is there, for what is optional; nothing is when left out. */
  readonly exists?: (path: string) => boolean;
};

/** The text of a box.yaml as a configuration. Throws a BoxError with all faults, each with line and column. */
export function expandYaml(text: string, options: YamlOptions = {}): { spec: Spec; hostRoot: boolean } {
  const { id = "example", bundle = "/bundle", host = plainHost, passwd = "", group = "", exists = () => false } = options;
  const { resolveNamespace = refuse } = options;
  const yaml = readYaml(text, "box.yaml", boxYamlRule).value as BoxYaml;
  const hostRoot = yaml.rootfs === "host";
  const { spec } = expand(yaml, {
    id,
    machine: host.machine,
    root: hostRoot ? `${host.stateRoot}/${id}/root` : yaml.rootfs,
    folder: bundle,
    term: undefined,
    rootless: host.uid === 0 ? undefined : { uid: host.uid, gid: host.gid },
    lookUpUser: (user) => lookUpUser(user, passwd, group, "user"),
    resolveNamespace: (reference) => (reference.startsWith("/") ? reference : resolveNamespace(reference)),
    exists,
    deviceAt: refuse,
    readJson: refuse,
  });
  return { spec, hostRoot };
}

function refuse(reference: string): never {
  throw new BoxError({ what: `cannot tell what ${reference} is: a library looks at no machine` });
}
