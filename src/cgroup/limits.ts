// linux.resources, but for devices, as writes to the files of a container's cgroups: which controller has what, and in
// which hierarchy it is. What a container asks for and cannot have is refused, all of it at once. Pure.

import { someOf } from "../config/faults.ts";
import type { Resources } from "../config/spec.ts";
import { BoxError, type ConfigFault } from "../errors.ts";
import type { Read } from "./counters.ts";
import type { Asked, LimitWrite } from "./limit-write.ts";
import { blockIoOfV1, cpuOfV1, memoryOfV1, netClassOf, netPrioritiesOf } from "./limits-v1.ts";
import { blockIoOfV2, cpuOfV2, cpusetOf, hugepagesOf, memoryOfV2, pidsOf, rdmaOf, unifiedField, unifiedOf } from "./limits-v2.ts";
import type { ContainerCgroup } from "./paths.ts";

/** A cgroup of the container: on v1 with the controllers of its hierarchy, on v2 with those that it can have. */
export type LimitedCgroup = Pick<ContainerCgroup, "version" | "controllers" | "path">;

export type PlacedLimit = LimitWrite & { readonly cgroup: LimitedCgroup };

export type Limits = {
  /** In the order in which they are to be written. */
  readonly writes: readonly PlacedLimit[];
  /** What was asked for and is of no effect. */
  readonly notes: readonly string[];
  /** What was asked for and is left out, by field, each with its reason; empty unless that is allowed. */
  readonly dropped: readonly ConfigFault[];
};

export type LimitsOptions = {
  /** What stands before a field's name in faults: `linux.resources.`. */
  readonly prefix: string;
  /** What cpu.max of the container's v2 cgroup says now; nothing for a new one. */
  readonly cpuMax?: string | undefined;
  /** For an ordinary user, who has only the controllers that were delegated: what no cgroup can limit is left out. */
  readonly delegated?: boolean;
};

/**
 * Without those that their files have already: a write costs more than a look, and the container too, whose memory is
 * reclaimed or whose processors are shared out anew. What follows a change of the same controller stays, since one file
 * can change another: cpu.idle sets cpu.weight.
 */
export function changesIn(writes: readonly PlacedLimit[], read: Read): PlacedLimit[] {
  const changed = new Set<string>();
  const changes: PlacedLimit[] = [];
  for (const write of writes) {
    const { cgroup, file, value } = write;
    const controller = `${cgroup.path}/${file.slice(0, file.indexOf("."))}`;
    if (!changed.has(controller) && read(`${cgroup.path}/${file}`)?.trim() === value.trim()) continue;
    changed.add(controller);
    changes.push(write);
  }
  return changes;
}

type Placing = {
  readonly cgroups: readonly LimitedCgroup[];
  readonly prefix: string;
  readonly writes: PlacedLimit[];
  readonly faults: ConfigFault[];
  readonly dropped: ConfigFault[];
  readonly delegated: boolean;
  /** The paths of faults: one field may take several files, and is told of once. */
  told: Set<string> | undefined;
};

/** Throws a BoxError with all that these cgroups cannot do. */
export function limitsOf(
  resources: Resources,
  cgroups: readonly LimitedCgroup[],
  { prefix, cpuMax, delegated = false }: LimitsOptions,
): Limits {
  const placing: Placing = { cgroups, prefix, writes: [], faults: [], dropped: [], delegated, told: undefined };
  const { memory, cpu, pids, blockIO, hugepageLimits, network, rdma, unified } = resources;
  const limit = pids?.limit;
  if (limit !== undefined) place(placing, "pids", (asked) => pidsOf(asked, limit));
  if (memory !== undefined) place(placing, "memory", (asked, v2) => (v2 ? memoryOfV2(asked, memory) : memoryOfV1(asked, memory)));
  if (blockIO !== undefined)
    place(
      placing,
      (v2) => (v2 ? "io" : "blkio"),
      (asked, v2) => (v2 ? blockIoOfV2(asked, blockIO) : blockIoOfV1(asked, blockIO)),
    );
  if (cpu !== undefined) {
    place(placing, "cpu", (asked, v2) => (v2 ? cpuOfV2(asked, cpu, cpuMax) : cpuOfV1(asked, cpu)));
    place(placing, "cpuset", (asked) => cpusetOf(asked, cpu));
  }
  if (hugepageLimits !== undefined)
    place(placing, "hugetlb", (asked, v2) => hugepagesOf(asked, hugepageLimits, v2 ? ".max" : ".limit_in_bytes"));
  if (network !== undefined) {
    place(placing, "net_cls", (asked) => netClassOf(asked, network));
    place(placing, "net_prio", (asked) => netPrioritiesOf(asked, network));
  }
  if (rdma !== undefined) place(placing, "rdma", (asked) => rdmaOf(asked, rdma));
  if (unified !== undefined) placeUnified(placing, unified);
  const { dropped, faults, writes } = placing;
  if (faults.length > 0) throw new BoxError({ what: "the configuration cannot be had on this host", faults: someOf(faults) });
  return { writes, notes: notesOn(resources, prefix), dropped };
}

type Name = string | ((v2: boolean) => string);

/** Puts what `ask` asks for into the hierarchy that has the controller. On a host with both, one in v1 is there alone. */
function place(placing: Placing, name: Name, ask: (asked: Asked, v2: boolean) => void): void {
  const { cgroups, prefix, faults, delegated } = placing;
  const named = (v2: boolean): string => (typeof name === "string" ? name : name(v2));
  let cgroup: LimitedCgroup | undefined;
  let onlyV2 = true;
  for (const one of cgroups) {
    const v2 = one.version === 2;
    if (!v2) onlyV2 = false;
    if (cgroup?.version !== 1 && one.controllers.includes(named(v2))) cgroup = one;
  }
  const v2 = cgroup === undefined ? onlyV2 : cgroup.version === 2;
  const writes: LimitWrite[] = [];
  const missing = (field: string): void => {
    const path = prefix + field;
    const told = delegated ? placing.dropped : faults;
    placing.told ??= new Set();
    if (placing.told.has(path)) return;
    placing.told.add(path);
    told.push({ path, problem: lacksFor(placing, named(v2)) });
  };
  // What one version of cgroups cannot say is no fault where there is neither.
  const refuse = (field: string, problem: string): void => {
    if (cgroup === undefined && delegated) missing(field);
    else {
      placing.told = (placing.told ?? new Set()).add(prefix + field);
      faults.push({ path: prefix + field, problem });
    }
  };
  ask({ writes, refuse }, v2);
  for (const write of writes)
    if (cgroup !== undefined) placing.writes.push({ ...write, cgroup });
    else missing(write.field);
}

const lacksFor = ({ cgroups, delegated }: Placing, controller: string): string =>
  delegated && cgroups.length > 0 ? `needs the ${controller} controller, which was not delegated to this user` : lacks(cgroups, controller);

function lacks(cgroups: readonly LimitedCgroup[], controller: string): string {
  if (cgroups.length === 0) return "needs a cgroup, and this user may make none here";
  const place = cgroups.some(({ version }) => version === 1) ? "any hierarchy of this host's cgroups" : "this host's cgroup v2";
  return `needs the ${controller} controller, and there is none in ${place}`;
}

function placeUnified(placing: Placing, unified: Readonly<Record<string, string>>): void {
  const { cgroups, prefix, faults, dropped, delegated, writes } = placing;
  const missing = delegated ? dropped : faults;
  const cgroup = cgroups.find(({ version }) => version === 2);
  for (const file in unified) {
    const path = prefix + unifiedField(file);
    const controller = controllerOf(file);
    const problem = unifiedProblem(file);
    if (cgroup === undefined) {
      missing.push({ path, problem: cgroups.length === 0 ? lacks(cgroups, "") : "needs cgroup v2, and this host has cgroup v1" });
    } else if (problem !== undefined) {
      faults.push({ path, problem });
    } else if (controller !== "cgroup" && !cgroup.controllers.includes(controller)) {
      missing.push({ path, problem: lacksFor(placing, controller) });
    } else {
      const asked: LimitWrite[] = [];
      unifiedOf({ writes: asked, refuse: () => {} }, file, unified[file] as string);
      for (const write of asked) writes.push({ ...write, cgroup });
    }
  }
}

const controllerOf = (file: string): string => file.slice(0, Math.max(file.indexOf("."), 0));

function unifiedProblem(file: string): string | undefined {
  if (movesOrHolds.includes(file)) return "would move, hold or end processes, and is no limit";
  return controllerOf(file) === "" ? 'is no file of cgroup v2: their names are like "memory.max"' : undefined;
}

/** What no host would take of linux.resources.unified. */
export function checkUnified(unified: Readonly<Record<string, string>>, prefix: string): void {
  const faults: ConfigFault[] = [];
  for (const file in unified) {
    const problem = unifiedProblem(file);
    if (problem !== undefined) faults.push({ path: prefix + unifiedField(file), problem });
  }
  if (faults.length > 0) throw new BoxError({ what: "the configuration is not valid", faults });
}

/** What box itself does with the container's processes, or would never get to do. */
const movesOrHolds: readonly string[] = ["cgroup.freeze", "cgroup.kill", "cgroup.procs", "cgroup.threads"];

/** Fields that no kernel of today heeds; runc ignores them too. */
function notesOn({ memory }: Resources, prefix: string): string[] {
  const notes: string[] = [];
  for (const field of ["kernel", "kernelTCP"] as const)
    if ((memory?.[field] ?? 0) !== 0) notes.push(`${prefix}memory.${field} is ignored: the kernel's own memory counts as the container's`);
  return notes;
}
