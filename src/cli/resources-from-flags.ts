// The flags of box update as linux.resources, by a table: they are runc's, and so are their values.

import { byteSize } from "../config/byte-size.ts";
import type { Resources } from "../config/spec.ts";
import { BoxError, type ConfigFault } from "../errors.ts";
import type { FlagRow, Parsed } from "./arguments.ts";

type ResourceFlag = FlagRow & {
  readonly value: string;
  readonly part: "memory" | "cpu" | "blockIO" | "pids";
  readonly field: string;
  readonly kind: "bytes" | "integer" | "text";
};

const flag = (
  name: string,
  value: string,
  help: string,
  part: ResourceFlag["part"],
  field: string,
  kind: ResourceFlag["kind"],
): ResourceFlag => ({
  name,
  value,
  help,
  part,
  field,
  kind,
});

export const resourceFlags: readonly ResourceFlag[] = [
  flag("memory", "BYTES", "limit on memory, such as 512m; -1: none", "memory", "limit", "bytes"),
  flag("memory-reservation", "BYTES", "memory that it keeps when others want some", "memory", "reservation", "bytes"),
  flag("memory-swap", "BYTES", "limit on memory and swap together; -1: none", "memory", "swap", "bytes"),
  flag("pids-limit", "N", "limit on processes; -1: none", "pids", "limit", "integer"),
  flag("cpu-share", "N", "share of processor time beside others; 1024 is usual", "cpu", "shares", "integer"),
  flag("cpu-quota", "µS", "processor time in each period; -1: no limit", "cpu", "quota", "integer"),
  flag("cpu-period", "µS", "the period that the quota is for", "cpu", "period", "integer"),
  flag("cpu-burst", "µS", "processor time that it may save up", "cpu", "burst", "integer"),
  flag("cpu-rt-runtime", "µS", "real time in each period (cgroup v1)", "cpu", "realtimeRuntime", "integer"),
  flag("cpu-rt-period", "µS", "the period that it is for (cgroup v1)", "cpu", "realtimePeriod", "integer"),
  flag("cpu-idle", "0|1", "1: run only when nothing else runs", "cpu", "idle", "integer"),
  flag("cpuset-cpus", "LIST", "processors, such as 0-2,4", "cpu", "cpus", "text"),
  flag("cpuset-mems", "LIST", "memory nodes", "cpu", "mems", "text"),
  flag("blkio-weight", "N", "share of disks beside others, 10 to 1000", "blockIO", "weight", "integer"),
  { ...flag("kernel-memory", "BYTES", "ignored", "memory", "kernel", "bytes"), hidden: true },
  { ...flag("kernel-memory-tcp", "BYTES", "ignored", "memory", "kernelTCP", "bytes"), hidden: true },
];

/** Still to be checked. Empty values ask for nothing. Throws for what is no number, all at once. */
export function resourcesFromFlags({ values }: Pick<Parsed, "values">): Resources {
  const resources: Record<string, Record<string, unknown>> = {};
  const faults: ConfigFault[] = [];
  for (const { name, part, field, kind } of resourceFlags) {
    const given = values[name];
    if (given === undefined || given === "") continue;
    const value = kind === "text" ? given : kind === "bytes" ? bytes(given) : integer(given);
    if (value === undefined)
      faults.push({
        path: `--${name}`,
        expected: kind === "bytes" ? "a number of bytes, such as 512m, or -1" : "an integer",
        got: JSON.stringify(given),
      });
    else resources[part] = { ...resources[part], [field]: value };
  }
  if (faults.length > 0) throw new BoxError({ what: "the flags are not valid", faults });
  return resources;
}

const bytes = (text: string): number | undefined => (text === "-1" ? -1 : byteSize(text));
const integer = (text: string): number | undefined => (/^-?\d+$/.test(text) ? Number(text) : undefined);
