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
import type { Plan } from "./plan/plan.ts";
import { planContainer } from "./plan/plan-container.ts";

export { checkSpec } from "./config/check-spec.ts";
export { defaultSpec } from "./config/default-spec.ts";
export type { Spec } from "./config/spec.ts";
export { checkSupported } from "./config/unsupported.ts";
export { BoxError, type BoxFacts, type ConfigFault } from "./errors.ts";
export type { HostFacts } from "./host/facts.ts";
export type { Plan } from "./plan/plan.ts";
export { listSteps, type PlannedStep, printPlan } from "./plan/print-plan.ts";

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

/** The plan of `box run` for a configuration that checkSpec or expandYaml made. A seccomp profile is not part of it. */
export const plan = (spec: Spec, { id = "example", bundle = "/bundle", host = plainHost, hostRoot = false }: PlanOptions = {}): Plan =>
  planContainer({ id, bundle, spec, hostRoot }, host);

export type YamlOptions = Pick<PlanOptions, "id" | "bundle"> & {
  /** Texts of the root's own files, which names of users are looked up in; none when left out. */
  readonly passwd?: string;
  readonly group?: string;
  /** The namespace file that `container:ID` or `pid:NUMBER` stands for; without it such a reference is refused. */
  readonly resolveNamespace?: (reference: string) => string;
};

/** The text of a box.yaml as a configuration. Throws a BoxError with all faults, each with line and column. */
export function expandYaml(text: string, options: YamlOptions = {}): { spec: Spec; hostRoot: boolean } {
  const { id = "example", bundle = "/bundle", passwd = "", group = "", resolveNamespace = refuseReference } = options;
  const { value } = readYaml(text, "box.yaml", boxYamlRule);
  const yaml = value as BoxYaml;
  const hostRoot = yaml.rootfs === "host";
  const root = hostRoot ? `/run/box/${id}/root` : yaml.rootfs.startsWith("/") ? yaml.rootfs : `${bundle}/${yaml.rootfs}`;
  const spec = expand(yaml, {
    id,
    root,
    term: undefined,
    rootless: undefined,
    lookUpUser: (user) => lookUpUser(user, passwd, group, "user"),
    resolveNamespace: (reference) => (reference.startsWith("/") ? reference : resolveNamespace(reference)),
  });
  return { spec, hostRoot };
}

function refuseReference(reference: string): never {
  throw new BoxError({ what: `cannot tell what ${reference} is without resolveNamespace` });
}
