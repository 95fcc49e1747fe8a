// linux.resources as files of cgroup v2, part by part, each in the order in which the kernel takes its values. Zero asks
// for nothing, as with runc: clients send zeros for what nobody has set.

import type { BlockIo, CpuLimits, HugepageLimit, MemoryLimits, RdmaLimit, ThrottleDevice } from "../config/spec.ts";
import { decimal, decimalOrMax, ioWeightOf, swapAlone, weightOfShares } from "./convert-limits.ts";
import { type Asked, type LimitWrite, limitWrite } from "./limit-write.ts";

export function memoryOfV2(asked: Asked, memory: MemoryLimits): void {
  const { writes, refuse } = asked;
  const { limit = 0, reservation = 0, swap } = memory;
  if (refuseNegative(asked, memory)) return;
  const alone = swapAlone(limit, swap);
  if (typeof alone === "object") refuse("memory.swap", alone.problem);
  else if (alone !== undefined) {
    // Without swap in the kernel there is no such file, and as much as is asked for here can be had all the same.
    const missing = alone === -1 || alone === 0 ? [{ errno: "ENOENT", writes: [] } as const] : [];
    const field = swap === undefined || swap === 0 ? "memory.limit" : "memory.swap";
    writes.push(limitWrite(field, "memory.swap.max", decimalOrMax(alone), `limit swap to ${amount(alone)}`, missing));
  }
  if (limit !== 0) writes.push(limitWrite("memory.limit", "memory.max", decimalOrMax(limit), `limit memory to ${amount(limit)}`));
  if (reservation !== 0)
    writes.push(limitWrite("memory.reservation", "memory.low", decimalOrMax(reservation), `protect ${amount(reservation)} of memory`));
  const { swappiness } = memory;
  if (swappiness !== undefined && !isUnset(swappiness)) refuse("memory.swappiness", noSuch);
  if (memory.disableOOMKiller === true) refuse("memory.disableOOMKiller", noSuch);
  if (memory.useHierarchy === false) refuse("memory.useHierarchy", "cgroup v2 always counts what cgroups below use");
}

/** Bytes of a limit: only -1 stands for none, and the kernel would say no more than EINVAL to others. */
export function refuseNegative({ refuse }: Asked, memory: MemoryLimits): boolean {
  let refused = false;
  for (const field of memoryFields) {
    const value = memory[field] ?? 0;
    if (value >= -1) continue;
    refuse(`memory.${field}`, `expected a number of bytes, or -1 for no limit, got ${decimal(value)}`);
    refused = true;
  }
  return refused;
}

const memoryFields = ["limit", "reservation", "swap"] as const;

const noSuch = "cgroup v2 has nothing like it";

export const amount = (bytes: number): string => (bytes === -1 ? "all there is" : `${decimal(bytes)} bytes`);

/** Go writes the -1 of "not set" into a field without a sign. */
export const isUnset = (swappiness: number): boolean => swappiness >= 2 ** 63;

/**
 * Zero is a limit too (runtime-spec, "PIDs"). The kernel would let no process be made into such a cgroup, not even the first
 * one; with one, as runc has it, that one can start none.
 */
export function pidsOf(asked: Asked, limit: number): void {
  const value = limit < 0 ? "max" : limit === 0 ? "1" : decimal(limit);
  asked.writes.push(
    limitWrite("pids.limit", "pids.max", value, limit < 0 ? "lift the limit on processes" : `limit it to ${value} processes`),
  );
}

/** `present` is what cpu.max says now, of which a quota or a period alone leaves the other as it is. */
export function cpuOfV2(asked: Asked, cpu: CpuLimits, present: string | undefined): void {
  const { writes, refuse } = asked;
  const { shares = 0, quota = 0, period = 0, burst, idle } = cpu;
  // An idle cgroup takes no weight, and one that no longer is gets the weight that was asked for.
  if (idle !== undefined)
    writes.push(limitWrite("cpu.idle", "cpu.idle", decimal(idle), idle === 0 ? "run it as usual" : "run it only when nothing else runs"));
  if (shares !== 0) {
    const weight = String(weightOfShares(shares));
    writes.push(limitWrite("cpu.shares", "cpu.weight", weight, `give it a weight of ${weight} among its neighbours`));
  }
  const [quotaNow = "max", periodNow = "100000"] = present?.trim().split(" ") ?? [];
  const max = `${quota > 0 ? decimal(quota) : quota < 0 ? "max" : quotaNow} ${period === 0 ? periodNow : decimal(period)}`;
  const limits = quota === 0 && period === 0 ? [] : [limitWrite(quota === 0 ? "cpu.period" : "cpu.quota", "cpu.max", max, limitTime(max))];
  if (burst !== undefined) {
    const accumulate = `let it save up ${decimal(burst)} µs`;
    // At most the quota: one that becomes less comes before that, one that becomes more after it.
    const early = limitWrite("cpu.burst", "cpu.max.burst", decimal(burst), accumulate, [{ errno: "EINVAL", writes: [] }]);
    if (quota !== 0) writes.push(early);
    limits.push(limitWrite("cpu.burst", "cpu.max.burst", decimal(burst), accumulate));
  }
  writes.push(...limits);
  if ((cpu.realtimePeriod ?? 0) !== 0) refuse("cpu.realtimePeriod", noSuch);
  if ((cpu.realtimeRuntime ?? 0) !== 0) refuse("cpu.realtimeRuntime", noSuch);
}

const limitTime = (max: string): string => {
  const [quota, period] = max.split(" ");
  return quota === "max" ? `count processor time in periods of ${period} µs` : `limit processor time to ${quota} of every ${period} µs`;
};

/** The files are the same on v1. */
export function cpusetOf(asked: Asked, { cpus = "", mems = "" }: CpuLimits): void {
  if (cpus !== "") asked.writes.push(limitWrite("cpu.cpus", "cpuset.cpus", cpus, `keep it to the processors ${cpus}`));
  if (mems !== "") asked.writes.push(limitWrite("cpu.mems", "cpuset.mems", mems, `keep it to the memory nodes ${mems}`));
}

export function blockIoOfV2({ writes, refuse }: Asked, blockIO: BlockIo): void {
  const { weight = 0, leafWeight = 0, weightDevice = [] } = blockIO;
  if (weight !== 0) writes.push(weightOfV2("blockIO.weight", undefined, weight));
  if (leafWeight !== 0) refuse("blockIO.leafWeight", noSuch);
  for (let index = 0; index < weightDevice.length; index++) {
    const { major, minor, weight: own = 0, leafWeight: leaf = 0 } = weightDevice[index] as (typeof weightDevice)[number];
    const field = `blockIO.weightDevice[${index}]`;
    const disk = `${major}:${minor}`;
    if (own !== 0) writes.push(weightOfV2(field, disk, own));
    if (leaf !== 0) refuse(`${field}.leafWeight`, noSuch);
  }
  for (const name in throttles) {
    const field = name as keyof typeof throttles;
    throttle(writes, field, "io.max", `${throttles[field]}=`, blockIO[field]);
  }
}

/** With the scheduler BFQ its own file counts, and it is there; else there is the one of the iocost controller, in its own range. */
function weightOfV2(field: string, disk: string | undefined, weight: number): LimitWrite {
  const [before, where] = disk === undefined ? ["", "its disks"] : [`${disk} `, `the disk ${disk}`];
  const usual = decimal(ioWeightOf(weight));
  const other = limitWrite(field, "io.weight", before + usual, `give it a weight of ${usual} for ${where}`);
  const why = `give it a weight of ${weight} for ${where}`;
  return limitWrite(field, "io.bfq.weight", before + decimal(weight), why, [{ errno: "ENOENT", writes: [other], sameLimit: true }]);
}

/** Keys of io.max. */
export const throttles = {
  throttleReadBpsDevice: "rbps",
  throttleWriteBpsDevice: "wbps",
  throttleReadIOPSDevice: "riops",
  throttleWriteIOPSDevice: "wiops",
} as const;

export function throttle(
  writes: Asked["writes"],
  field: keyof typeof throttles,
  file: string,
  before: string,
  devices: readonly ThrottleDevice[] = [],
): void {
  const what = field.includes("Read") ? "reading from" : "writing to";
  const unit = field.includes("Bps") ? "bytes" : "operations";
  for (let index = 0; index < devices.length; index++) {
    const { major, minor, rate } = devices[index] as ThrottleDevice;
    const value = `${major}:${minor} ${before}${decimal(rate)}`;
    const why = `limit ${what} the disk ${major}:${minor} to ${decimal(rate)} ${unit} a second`;
    writes.push(limitWrite(`blockIO.${field}[${index}]`, file, value, why));
  }
}

/** `suffix` is the name of the limit: `.max`, or on v1 `.limit_in_bytes`. */
export function hugepagesOf({ writes }: Asked, limits: readonly HugepageLimit[], suffix: string): void {
  for (let index = 0; index < limits.length; index++) {
    const { pageSize, limit } = limits[index] as HugepageLimit;
    const field = `hugepageLimits[${index}]`;
    const value = decimal(limit);
    writes.push(
      limitWrite(field, `hugetlb.${pageSize}${suffix}`, value, `limit huge pages of ${pageSize} to ${value} bytes`),
      // Those reserved by mmap, which a process gets a signal for when it uses them beyond the other limit; since Linux 5.7.
      limitWrite(field, `hugetlb.${pageSize}.rsvd${suffix}`, value, `limit reserved huge pages of ${pageSize} to ${value} bytes`, [
        { errno: "ENOENT", writes: [] },
      ]),
    );
  }
}

export function rdmaOf({ writes }: Asked, rdma: Readonly<Record<string, RdmaLimit>>): void {
  for (const device in rdma) {
    const { hcaHandles, hcaObjects } = rdma[device] as RdmaLimit;
    let value = device;
    if (hcaHandles !== undefined) value += ` hca_handle=${hcaHandles}`;
    if (hcaObjects !== undefined) value += ` hca_object=${hcaObjects}`;
    if (value !== device) writes.push(limitWrite(`rdma.${device}`, "rdma.max", value, `limit the RDMA device ${device}`));
  }
}

/** Several lines are several values to the kernel. */
export const unifiedField = (file: string): string => `unified[${JSON.stringify(file)}]`;

export function unifiedOf({ writes }: Asked, file: string, value: string): void {
  for (let start = 0; start < value.length || start === 0; ) {
    const end = value.indexOf("\n", start);
    const line = end < 0 ? value.slice(start) : value.slice(start, end + 1);
    writes.push(limitWrite(unifiedField(file), file, line, `write ${JSON.stringify(line)} to ${file}`));
    start = end < 0 ? value.length + 1 : end + 1;
  }
}
