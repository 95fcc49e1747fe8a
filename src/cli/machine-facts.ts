// What a plugin may ask of the machine. No plan depends on it, so no start reads it.

import type { MachineFacts } from "../../hooks/plugin.ts";
import { numberList } from "../config/number-list.ts";
import { BoxError } from "../errors.ts";
import { field, type HostReader, readCgroups } from "../host/read-facts.ts";

export function readMachineFacts(reader: HostReader): MachineFacts {
  const [memory, online] = ["/proc/meminfo", "/sys/devices/system/cpu/online"] as const;
  // `MemTotal:  16384 kB`, proc_meminfo(5).
  const kilobytes = Number.parseInt(field(readOrThrow(reader, memory), "MemTotal"), 10);
  const cpus = numberList(readOrThrow(reader, online).trim());
  if (Number.isNaN(kilobytes)) throw new BoxError({ what: "cannot tell how much memory there is from", object: memory });
  if (cpus === undefined) throw new BoxError({ what: "cannot tell how many processors there are from", object: online });
  return { memoryBytes: kilobytes * 1024, cpus: cpus.length, cgroupVersion: cgroupVersion(reader) };
}

function cgroupVersion(reader: HostReader): MachineFacts["cgroupVersion"] {
  const { v1, v2 } = readCgroups(reader);
  if (v1.some(({ controllers }) => controllers.some((name) => !name.startsWith("name=")))) return 1;
  return v2 === undefined ? undefined : 2;
}

function readOrThrow(reader: HostReader, path: string): string {
  const text = reader.read(path);
  if (text === undefined) throw new BoxError({ what: "cannot read", object: path });
  return text;
}
