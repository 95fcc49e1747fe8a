// `limits` of box.yaml as linux.resources, and what of linux.resources the short words can say.

import { byteSize } from "./byte-size.ts";
import type { BlockIo, CpuLimits, MemoryLimits, Resources, ThrottleDevice } from "./spec.ts";
import type { YamlIo, YamlLimits } from "./yaml-rules.ts";

/** Reports what is wrong; the path begins at `limits`. */
export type Refuse = (path: string, problem: string) => void;

/** `/dev/sda` or `8:0` as numbers; undefined after a refusal. */
type DiskOf = (name: string, path: string) => { readonly major: number; readonly minor: number } | undefined;

/** Microseconds in which `cpus` is counted: the kernel's default. */
const PERIOD = 100_000;

export function expandLimits(limits: YamlLimits, diskOf: DiskOf, refuse: Refuse): Resources {
  const out: Resources = {};
  const memory = expandMemory(limits, refuse);
  const cpu = expandCpu(limits, refuse);
  if (memory !== undefined) out.memory = memory;
  if (cpu !== undefined) out.cpu = cpu;
  if (limits.pids !== undefined) out.pids = { limit: limits.pids === "unlimited" ? -1 : Number(limits.pids) };
  if (out.pids?.limit === 0) refuse("pids", "no program runs without a process");
  if (limits.io !== undefined) out.blockIO = expandIo(limits.io, diskOf);
  return out;
}

const bytes = (size: string): number => byteSize(size) as number;

function expandMemory({ memory, swap, "memory-reservation": reservation }: YamlLimits, refuse: Refuse): MemoryLimits | undefined {
  const out: MemoryLimits = {};
  if (memory !== undefined) {
    out.limit = bytes(memory);
    // To the runtime-spec's readers zero asks for nothing.
    if (out.limit === 0) refuse("memory", "no program runs without memory");
  }
  if (reservation !== undefined) out.reservation = bytes(reservation);
  if (swap !== undefined) {
    if (memory === undefined && swap !== "unlimited") refuse("swap", "needs limits.memory beside it");
    // The runtime-spec counts memory and swap together.
    out.swap = swap === "unlimited" ? -1 : (out.limit ?? 0) + bytes(swap);
  }
  return filled(out);
}

function expandCpu(limits: YamlLimits, refuse: Refuse): CpuLimits | undefined {
  const { cpus, cpuset, "cpu-shares": shares, "cpuset-mems": mems } = limits;
  const out: CpuLimits = {};
  if (shares !== undefined) out.shares = Number(shares);
  if (cpus !== undefined) {
    out.quota = Math.round(Number(cpus) * PERIOD);
    out.period = PERIOD;
    // The kernel takes no quota below a millisecond.
    if (out.quota < 1000) refuse("cpus", "expected at least 0.01");
  }
  if (cpuset !== undefined) out.cpus = cpuset;
  if (mems !== undefined) out.mems = mems;
  return filled(out);
}

const throttles = {
  "read-bps": "throttleReadBpsDevice",
  "write-bps": "throttleWriteBpsDevice",
  "read-iops": "throttleReadIOPSDevice",
  "write-iops": "throttleWriteIOPSDevice",
} as const;
type ThrottleKey = keyof typeof throttles;
const throttleKeys = Object.keys(throttles) as ThrottleKey[];

function expandIo(io: YamlIo, diskOf: DiskOf): BlockIo {
  const out: BlockIo = {};
  if (io.weight !== undefined) out.weight = Number(io.weight);
  for (const key of throttleKeys) {
    const wanted = io[key];
    if (wanted === undefined) continue;
    out[throttles[key]] = Object.entries(wanted).flatMap(([name, rate]): ThrottleDevice[] => {
      const disk = diskOf(name, `io.${key}`);
      return disk === undefined ? [] : [{ ...disk, rate: bytes(rate) }];
    });
  }
  return out;
}

const filled = <T extends object>(part: T): T | undefined => (Object.keys(part).length === 0 ? undefined : part);

/** The words for what they can say; the rest is for `oci`. */
export function shortenLimits({ memory, cpu, pids, blockIO }: Resources): YamlLimits | undefined {
  const out: YamlLimits = {};
  if (memory !== undefined) shortenMemory(memory, out);
  if (cpu !== undefined) shortenCpu(cpu, out);
  if (pids?.limit === -1) out.pids = "unlimited";
  else if (isDigits(pids?.limit)) out.pids = String(pids?.limit);
  const io = blockIO === undefined ? undefined : shortenIo(blockIO);
  if (io !== undefined) out.io = io;
  return filled(out);
}

/** Whether a number can be written in the digits that the rules take. */
const isDigits = (value: number | undefined): value is number => value !== undefined && value >= 0 && value < 1e15;

const units = ["", "KB", "MB", "GB", "TB"];

/** In the largest unit that leaves no part. */
function sizeText(value: number): string {
  let power = 0;
  while (power + 1 < units.length && value !== 0 && value % 1024 ** (power + 1) === 0) power++;
  return `${value / 1024 ** power}${units[power]}`;
}

function shortenMemory({ limit, reservation, swap }: MemoryLimits, out: YamlLimits): void {
  const has = isDigits(limit) && limit > 0;
  if (has) out.memory = sizeText(limit);
  if (isDigits(reservation)) out["memory-reservation"] = sizeText(reservation);
  if (swap === -1) out.swap = "unlimited";
  else if (has && isDigits(swap) && swap >= limit) out.swap = sizeText(swap - limit);
}

const isList = (text: string | undefined): text is string => text !== undefined && /^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$/.test(text);

function shortenCpu({ shares, quota, period, cpus, mems }: CpuLimits, out: YamlLimits): void {
  if (period === PERIOD && quota !== undefined && quota >= 1000 && quota < 1e11) out.cpus = String(quota / PERIOD);
  if (isDigits(shares)) out["cpu-shares"] = String(shares);
  if (isList(cpus)) out.cpuset = cpus;
  if (isList(mems)) out["cpuset-mems"] = mems;
}

function shortenIo(blockIO: BlockIo): YamlIo | undefined {
  const out: YamlIo = {};
  if (isDigits(blockIO.weight)) out.weight = String(blockIO.weight);
  for (const key of throttleKeys) {
    const list = blockIO[throttles[key]] ?? [];
    const names = new Set(list.map(({ major, minor }) => `${major}:${minor}`));
    const can = list.every(({ major, minor, rate }) => isDigits(major) && isDigits(minor) && isDigits(rate));
    if (list.length === 0 || !can || names.size < list.length) continue;
    const text = key.endsWith("bps") ? sizeText : String;
    out[key] = Object.fromEntries(list.map(({ major, minor, rate }) => [`${major}:${minor}`, text(rate)]));
  }
  return filled(out);
}
