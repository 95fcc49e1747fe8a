// Attributes and propagation of one mount, set through its descriptor. mount_setattr came with Linux 5.12; before
// that, the same is done by a remount of "." from inside the mount.

import type { Flag } from "../linux/flags.ts";
import { type Slot, type Step, type Struct, step } from "../tape/step.ts";
import { MOUNT_ATTR_BYTES } from "./steps.ts";

export type Attributes = {
  readonly set: readonly Flag<"MOUNT_ATTR">[];
  readonly clear: readonly Flag<"MOUNT_ATTR">[];
  /** Also set on every mount below. */
  readonly recursive: boolean;
};

const remountFlag: Partial<Record<Flag<"MOUNT_ATTR">, Flag<"MS">>> = {
  MOUNT_ATTR_RDONLY: "MS_RDONLY",
  MOUNT_ATTR_NOSUID: "MS_NOSUID",
  MOUNT_ATTR_NODEV: "MS_NODEV",
  MOUNT_ATTR_NOEXEC: "MS_NOEXEC",
  MOUNT_ATTR_NOATIME: "MS_NOATIME",
  MOUNT_ATTR_NODIRATIME: "MS_NODIRATIME",
  MOUNT_ATTR_STRICTATIME: "MS_STRICTATIME",
};

/** The steps that give the mount `mount` (attached) these attributes; none when there is nothing to set. */
export function setAttributes(mount: Slot<"fd">, attributes: Attributes, origin: string, why: string): Step[] {
  const { set, clear, recursive } = attributes;
  if (set.length === 0 && clear.length === 0) return [];
  const value: Struct = { struct: "mount_attr", attr_set: set, attr_clr: clear };
  const flags: Flag<"MS">[] = ["MS_REMOUNT", "MS_BIND"];
  for (const name of set) {
    const flag = remountFlag[name];
    if (flag !== undefined) flags.push(flag);
  }
  const older = [
    step("fchdir", [mount], origin, `${why}, on a kernel before 5.12`),
    step("mount", ["none", ".", null, flags, null], origin, `${why}, on a kernel before 5.12`),
  ];
  return [
    step(
      "mount_setattr",
      [mount, "", recursive ? ["AT_EMPTY_PATH", "AT_RECURSIVE"] : ["AT_EMPTY_PATH"], value, MOUNT_ATTR_BYTES],
      origin,
      why,
      { onError: [["ENOSYS", older, "fallback"]] },
    ),
  ];
}

/** The step that sets how mounts under this one propagate (mount_namespaces(7)). */
export function setPropagation(
  mount: Slot<"fd">,
  flag: Flag<"MS">,
  recursive: boolean,
  origin: string,
  why: string,
): Step {
  const value: Struct = { struct: "mount_attr", propagation: [flag] };
  const older = [
    step("fchdir", [mount], origin, `${why}, on a kernel before 5.12`),
    step("mount", ["none", ".", null, recursive ? [flag, "MS_REC"] : [flag], null], origin, `${why}, on a kernel before 5.12`),
  ];
  return step(
    "mount_setattr",
    [mount, "", recursive ? ["AT_EMPTY_PATH", "AT_RECURSIVE"] : ["AT_EMPTY_PATH"], value, MOUNT_ATTR_BYTES],
    origin,
    why,
    { onError: [["ENOSYS", older, "fallback"]] },
  );
}
