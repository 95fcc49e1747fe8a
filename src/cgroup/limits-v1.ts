// linux.resources as files of cgroup v1, part by part, where they differ from those of v2. Zero asks for nothing.

import type { BlockIo, CpuLimits, MemoryLimits, NetworkLimits } from "../config/spec.ts";
import { decimal } from "./convert-limits.ts";
import { type Asked, type LimitWrite, limitWrite } from "./limit-write.ts";
import { amount, isUnset, refuseNegative, throttle, throttles } from "./limits-v2.ts";

export function memoryOfV1(asked: Asked, memory: MemoryLimits): void {
  const { limit = 0, reservation = 0, swappiness, useHierarchy } = memory;
  if (refuseNegative(asked, memory)) return;
  if (useHierarchy !== undefined)
    asked.writes.push(limitWrite("memory.useHierarchy", "memory.use_hierarchy", useHierarchy ? "1" : "0", hierarchyWhy(useHierarchy)));
  limitMemory(asked.writes, limit, memory.swap ?? 0);
  const { writes, refuse } = asked;
  if (reservation !== 0) {
    const why = `take memory beyond ${amount(reservation)} back first`;
    writes.push(limitWrite("memory.reservation", "memory.soft_limit_in_bytes", decimal(reservation), why));
  }
  if (memory.disableOOMKiller === true)
    writes.push(limitWrite("memory.disableOOMKiller", "memory.oom_control", "1", "let it wait for memory instead of being killed"));
  if (swappiness === undefined || isUnset(swappiness)) return;
  if (swappiness > 100) refuse("memory.swappiness", `expected an integer from 0 to 100, got ${decimal(swappiness)}`);
  else writes.push(limitWrite("memory.swappiness", "memory.swappiness", String(swappiness), `set its swappiness to ${swappiness}`));
}

const hierarchyWhy = (counted: boolean): string =>
  counted ? "count what cgroups below it use as its own" : "leave out what cgroups below it use";

/**
 * The limit on memory is never above that on both together, at any moment. So where the kernel finds it above, the one
 * on both is raised first; where it is lowered, it comes first.
 */
function limitMemory(writes: LimitWrite[], limit: number, swap: number): void {
  const all = limit === -1 && swap === 0;
  const both = all ? -1 : swap;
  // A kernel that does not count swap has no such file; whoever asks for no limit at all has that then.
  const missing = all ? [{ errno: "ENOENT", writes: [] } as const] : [];
  const field = all ? "memory.limit" : "memory.swap";
  const why = `limit memory and swap together to ${amount(both)}`;
  const limitBoth = both === 0 ? [] : [limitWrite(field, "memory.memsw.limit_in_bytes", decimal(both), why, missing)];
  if (limit !== 0) {
    const own = limitWrite("memory.limit", "memory.limit_in_bytes", decimal(limit), `limit memory to ${amount(limit)}`);
    writes.push(both === 0 ? own : { ...own, otherwise: [{ errno: "EINVAL", writes: [...limitBoth, own] }] });
  }
  writes.push(...limitBoth);
}

/** The kernel's bounds, MIN_SHARES and MAX_SHARES: it takes any number, and makes one of these of those beyond. */
const [leastShares, mostShares] = [2, 262144] as const;

export function cpuOfV1({ writes, refuse }: Asked, cpu: CpuLimits): void {
  const { shares = 0, quota = 0, period = 0, burst, idle, realtimePeriod = 0, realtimeRuntime = 0 } = cpu;
  // An idle cgroup takes no shares, and one that no longer is gets the usual ones.
  if (idle === 0) writes.push(limitWrite("cpu.idle", "cpu.idle", "0", "run it as usual"));
  if (shares !== 0 && (shares < leastShares || shares > mostShares))
    refuse("cpu.shares", `expected an integer from ${leastShares} to ${mostShares}, got ${decimal(shares)}`);
  else if (shares !== 0)
    writes.push(limitWrite("cpu.shares", "cpu.shares", decimal(shares), `give it ${shares} shares among its neighbours`));
  const add = (field: string, file: string, value: number, why: string, early: boolean, late: boolean, missing: boolean): void => {
    const otherwise = missing ? [{ errno: "ENOENT", writes: [] } as const] : [];
    const text = decimal(value);
    if (early) before.push(limitWrite(field, file, text, why, [...otherwise, { errno: "EINVAL", writes: [] }]));
    if (late) after.push(limitWrite(field, file, text, why, otherwise));
  };
  const before: LimitWrite[] = [];
  const after: LimitWrite[] = [];
  // What the kernel refuses beside the old quota it may take beside the new one, and the other way round.
  const time = quota < 0 ? "lift the limit on processor time" : `limit processor time to ${decimal(quota)} µs a period`;
  if (period !== 0)
    add("cpu.period", "cpu.cfs_period_us", period, `count processor time in periods of ${decimal(period)} µs`, quota !== 0, true, false);
  if (burst !== undefined) add("cpu.burst", "cpu.cfs_burst_us", burst, `let it save up ${decimal(burst)} µs`, quota !== 0, true, true);
  writes.push(...before);
  if (quota !== 0) writes.push(limitWrite("cpu.quota", "cpu.cfs_quota_us", decimal(quota), time));
  writes.push(...after);
  if (idle !== undefined && idle !== 0)
    writes.push(limitWrite("cpu.idle", "cpu.idle", decimal(idle), "run it only when nothing else runs"));
  limitRealtime(writes, realtimePeriod, realtimeRuntime);
}

function limitRealtime(writes: LimitWrite[], period: number, runtime: number): void {
  const slice = `count real time in periods of ${decimal(period)} µs`;
  const set = (otherwise: LimitWrite["otherwise"]): LimitWrite =>
    limitWrite("cpu.realtimePeriod", "cpu.rt_period_us", decimal(period), slice, otherwise);
  if (period !== 0 && runtime !== 0) writes.push(set([{ errno: "EINVAL", writes: [] }]));
  if (runtime !== 0)
    writes.push(
      limitWrite("cpu.realtimeRuntime", "cpu.rt_runtime_us", decimal(runtime), `limit real time to ${decimal(runtime)} µs a period`),
    );
  if (period !== 0) writes.push(set([]));
}

export function blockIoOfV1({ writes }: Asked, blockIO: BlockIo): void {
  const { weight = 0, leafWeight = 0, weightDevice = [] } = blockIO;
  if (weight !== 0) writes.push(weightWrite("blockIO.weight", "weight", String(weight), `give it a weight of ${weight} for its disks`));
  if (leafWeight !== 0) {
    const why = `give it a weight of ${leafWeight} beside the cgroups below it`;
    writes.push(limitWrite("blockIO.leafWeight", "blkio.leaf_weight", String(leafWeight), why));
  }
  for (let index = 0; index < weightDevice.length; index++) {
    const { major, minor, weight: own = 0, leafWeight: leaf = 0 } = weightDevice[index] as (typeof weightDevice)[number];
    const field = `blockIO.weightDevice[${index}]`;
    const disk = `${major}:${minor}`;
    if (own !== 0) writes.push(weightWrite(field, "weight_device", `${disk} ${own}`, `give it a weight of ${own} for the disk ${disk}`));
    if (leaf !== 0) {
      const why = `give it a weight of ${leaf} for the disk ${disk} beside the cgroups below it`;
      writes.push(limitWrite(field, "blkio.leaf_weight_device", `${disk} ${leaf}`, why));
    }
  }
  for (const name in throttles) {
    const field = name as keyof typeof throttles;
    throttle(writes, field, `blkio.throttle.${throttleFiles[field]}_device`, "", blockIO[field]);
  }
}

/** The scheduler CFQ, gone since Linux 5.0, had the plain name; BFQ has its own. */
function weightWrite(field: string, file: string, value: string, why: string): LimitWrite {
  const other = limitWrite(field, `blkio.bfq.${file}`, value, why);
  return limitWrite(field, `blkio.${file}`, value, why, [{ errno: "ENOENT", writes: [other], sameLimit: true }]);
}

const throttleFiles = {
  throttleReadBpsDevice: "read_bps",
  throttleWriteBpsDevice: "write_bps",
  throttleReadIOPSDevice: "read_iops",
  throttleWriteIOPSDevice: "write_iops",
} as const;

export function netClassOf({ writes }: Asked, { classID = 0 }: NetworkLimits): void {
  if (classID !== 0)
    writes.push(limitWrite("network.classID", "net_cls.classid", String(classID), `mark its packets with the class ${classID}`));
}

export function netPrioritiesOf({ writes }: Asked, { priorities = [] }: NetworkLimits): void {
  for (let index = 0; index < priorities.length; index++) {
    const { name, priority } = priorities[index] as (typeof priorities)[number];
    const why = `give its packets the priority ${priority} on ${name}`;
    writes.push(limitWrite(`network.priorities[${index}]`, "net_prio.ifpriomap", `${name} ${priority}`, why));
  }
}
