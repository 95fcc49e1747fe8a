// What may be mounted on /proc and below it. A container whose /proc is something else could lie to whoever reads it, and
// one that covers files there takes masks and checks away from where they are made (CVE-2019-16884, CVE-2019-19921). The
// rule is runc's, and so is the list: files that tell about the whole host, for which lxcfs has others.

import type { Mount } from "../config/spec.ts";
import { BoxError } from "../errors.ts";
import { components } from "../linux/components.ts";

const coverable: readonly string[] = [
  "cpuinfo",
  "diskstats",
  "loadavg",
  "meminfo",
  "slabinfo",
  "stat",
  "swaps",
  "uptime",
  "sys/kernel/ns_last_pid",
  "sys/crypto/fips_enabled",
];

/**
 * Throws a BoxError for a mount that /proc does not take. True for one that it takes only if it is a procfs: a bind
 * mount, whose source is to be looked at.
 */
export function takesProcfs(mount: Mount, origin: string, binds: boolean): boolean {
  const [first, ...inside] = components(mount.destination);
  if (first !== "proc") return false;
  const path = inside.join("/");
  if (path === "" && binds) return true;
  if (path === "" ? mount.type === "proc" : coverable.includes(path)) return false;
  const problem =
    path === ""
      ? `/proc is for a procfs, not for ${mount.type ?? "nothing"}`
      : `"/proc/${path}" lies inside of /proc, where only ${coverable.slice(0, -1).join(", ")} and ${coverable.at(-1)} may be covered`;
  throw new BoxError({ what: "the configuration is not valid", faults: [{ path: `${origin}.destination`, problem }] });
}
