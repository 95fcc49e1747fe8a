// What a container has for /sys when it may have no sysfs of its own.

import type { Mount } from "./spec.ts";

/** A new sysfs belongs to a network namespace, and only to one's own may a user namespace mount it: else the host's serves. */
export const hostSysfs = (mount: Mount): Mount =>
  mount.type === "sysfs"
    ? { destination: mount.destination, type: "none", source: "/sys", options: ["rbind", "nosuid", "noexec", "nodev", "ro"] }
    : mount;
