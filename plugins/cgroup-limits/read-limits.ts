// Limits as the options say them, in the kernel's units: sizes, shares of the machine, disks by their device's path.

import { statSync } from "node:fs";
import type { MachineFacts } from "../../hooks/plugin.ts";
import { bytesOf, cpusOf } from "./amount.ts";
import type { Limits, Rates } from "./lower.ts";

type Amount = number | string;

/** One set of limits in the options. */
export type Given = { memory?: Amount; swap?: Amount; cpus?: Amount; pids?: number; "io-weight"?: number; io?: Disk[] };
type Disk = { device: string; read?: Amount; write?: Amount; "read-ops"?: number; "write-ops"?: number };

/** The spec's bounds of blockIO.weight. */
const [leastWeight, mostWeight] = [10, 1000] as const;

/** Throws all that is wrong with them. */
export function readLimits(given: Given, { memoryBytes, cpus }: MachineFacts): Limits {
  const faults: string[] = [];
  const number = (name: string, value: Amount | undefined, convert: (value: Amount) => number, least = 1): number | undefined => {
    if (value === undefined) return undefined;
    try {
      const found = convert(value);
      if (found < least) throw new Error(`expected at least ${least}, got ${value}`);
      return found;
    } catch (error) {
      faults.push(`${name}: ${(error as Error).message}`);
      return undefined;
    }
  };
  const size = (value: Amount): number => bytesOf(value);
  const limits: Limits = {
    memoryBytes: number("memory", given.memory, (value) => bytesOf(value, memoryBytes)),
    swapBytes: number("swap", given.swap, size, 0),
    cpus: number("cpus", given.cpus, (value) => cpusOf(value, cpus), 0),
    pids: number("pids", given.pids, Number),
    ioWeight: number("io-weight", given["io-weight"], weightOf),
    rates: (given.io ?? []).map((one, index): Rates => {
      const name = `io[${index}]`;
      let disk = { major: 0, minor: 0 };
      number(`${name}.device`, one.device, (path) => {
        disk = diskAt(String(path));
        return 1;
      });
      return {
        ...disk,
        throttleReadBpsDevice: number(`${name}.read`, one.read, size),
        throttleWriteBpsDevice: number(`${name}.write`, one.write, size),
        throttleReadIOPSDevice: number(`${name}.read-ops`, one["read-ops"], Number),
        throttleWriteIOPSDevice: number(`${name}.write-ops`, one["write-ops"], Number),
      };
    }),
  };
  if (faults.length > 0) throw new Error(faults.join("; "));
  return limits;
}

function weightOf(value: Amount): number {
  const weight = Number(value);
  if (weight < leastWeight || weight > mostWeight)
    throw new Error(`expected an integer from ${leastWeight} to ${mostWeight}, got ${value}`);
  return weight;
}

/** makedev(3), as the kernel has it in stat's st_rdev. */
function diskAt(path: string): { major: number; minor: number } {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status?.isBlockDevice() !== true) throw new Error(`expected a block device, got ${path}`);
  return { major: (status.rdev >>> 8) & 0xfff, minor: (status.rdev & 0xff) | ((status.rdev >>> 12) & 0xfff00) };
}
