// Attributes and propagation of one mount, set through its descriptor. mount_setattr came with Linux 5.12; before
// that, the same is done by a remount, which replaces all flags at once and so starts from those that are there.

import { type Flag, flags } from "../linux/flags.ts";
import { structFields } from "../linux/structs.ts";
import { compute, newBuffer, newSlot, type Slot, type Step, type Struct, slotIn, step } from "../tape/step.ts";
import type { Building } from "./builder.ts";
import { MOUNT_ATTR_BYTES, pointerTo } from "./steps.ts";

type Attribute = Flag<"MOUNT_ATTR">;

export type Attributes = {
  readonly set: readonly Attribute[];
  readonly clear: readonly Attribute[];
  /** "below": also on every mount below; "below if possible": on this one alone where the kernel is too old for that. */
  readonly reach: "this" | "below" | "below if possible";
};

/** The steps that give the mount `mount` (attached) these attributes; none when there is nothing to set. */
export function setAttributes(building: Building, mount: Slot<"fd">, attributes: Attributes, origin: string, why: string): Step[] {
  const { set, clear, reach } = attributes;
  if (set.length === 0 && clear.length === 0) return [];
  const value: Struct = { struct: "mount_attr", attr_set: set, attr_clr: clear };
  const how: Flag<"AT">[] = reach === "this" ? ["AT_EMPTY_PATH"] : ["AT_EMPTY_PATH", "AT_RECURSIVE"];
  const args = [mount, "", how, value, MOUNT_ATTR_BYTES] as const;
  // No older call reaches the mounts below, and read-only on top alone is less than was asked for.
  if (reach === "below" || building.facts.mountSetattr) return [step("mount_setattr", args, origin, why)];
  return remount(building, mount, attributes, origin, why);
}

/** Flags that have the same number in the f_flags of statfs(2) and in mount(2), by the attribute that they stand for. */
const sameInBoth: Partial<Record<Attribute, number>> = {
  MOUNT_ATTR_RDONLY: flags.MS.MS_RDONLY,
  MOUNT_ATTR_NOSUID: flags.MS.MS_NOSUID,
  MOUNT_ATTR_NODEV: flags.MS.MS_NODEV,
  MOUNT_ATTR_NOEXEC: flags.MS.MS_NOEXEC,
  MOUNT_ATTR_NOATIME: flags.MS.MS_NOATIME,
  MOUNT_ATTR_NODIRATIME: flags.MS.MS_NODIRATIME,
};
const remountFlag: Partial<Record<Attribute, number>> = {
  ...sameInBoth,
  MOUNT_ATTR_RELATIME: flags.MS.MS_RELATIME,
  MOUNT_ATTR_STRICTATIME: flags.MS.MS_STRICTATIME,
  MOUNT_ATTR_NOSYMFOLLOW: flags.MS.MS_NOSYMFOLLOW,
};
/** The one flag that statfs(2) numbers in its own way. */
const ST_NOSYMFOLLOW = 0x2000;

/**
 * What a remount keeps of the flags that are there, as a mask, and what it adds. Without any flag of access times
 * mount(2) keeps those too; with one of them it takes the others for unset, and relatime for the default.
 */
export function remountBits({ set, clear }: Pick<Attributes, "set" | "clear">): { keep: number; add: number } {
  const modeChanges = clear.includes("MOUNT_ATTR__ATIME");
  const foldersChange = [...set, ...clear].includes("MOUNT_ATTR_NODIRATIME");
  let keep = 0;
  for (const name in sameInBoth)
    if (!set.includes(name as Attribute) && !clear.includes(name as Attribute)) keep |= remountFlag[name as Attribute] as number;
  if (modeChanges || !foldersChange) keep &= ~flags.MS.MS_NOATIME;
  if (!modeChanges) keep &= ~flags.MS.MS_NODIRATIME;
  let add = flags.MS.MS_REMOUNT | flags.MS.MS_BIND;
  for (const name of set) add |= remountFlag[name] ?? 0;
  if (foldersChange && !modeChanges) add |= flags.MS.MS_RELATIME;
  return { keep, add };
}

/** No descriptor that the plan opens gets this number, and an ordinary limit on open files allows it. */
const REMOUNTED_FD = 900;

function remount(building: Building, mount: Slot<"fd">, attributes: Attributes, origin: string, purpose: string): Step[] {
  const { variables } = building.child;
  const why = `${purpose}, on a kernel before 5.12`;
  const statfs = newBuffer(variables, "statfs", structFields.statfs.bytes);
  const there = slotIn("int", statfs, structFields.statfs.fields.f_flags?.offset as number, "flags of the mount");
  const wanted = newSlot(variables, "int", "flags to remount with");
  const { keep, add } = remountBits(attributes);
  const followsNot = compute([wanted, flags.MS.MS_NOSYMFOLLOW, 0, -1], origin, "keep nosymfollow", { out: wanted });
  const changesFollowing = [...attributes.set, ...attributes.clear].includes("MOUNT_ATTR_NOSYMFOLLOW");
  return [
    step("fstatfs", [mount, pointerTo(statfs)], origin, "see which flags the mount has"),
    compute([there, 0, 0, keep], origin, "keep what does not change", { out: wanted }),
    compute([wanted, add, 0, -1], origin, "add what does", { out: wanted }),
    ...(changesFollowing
      ? []
      : [compute([there, 0, 0, ST_NOSYMFOLLOW], origin, "has it nosymfollow?", { equal: { value: ST_NOSYMFOLLOW, steps: [followsNot] } })]),
    ...onMount(mount, wanted, origin, why),
  ];
}

/** mount(2) wants a path: a mount of a folder is "." from inside, one of a file is reached through /proc. */
function onMount(mount: Slot<"fd">, how: Slot<"int"> | readonly Flag<"MS">[], origin: string, why: string): Step[] {
  const asFile = [
    step("dup3", [mount, REMOUNTED_FD, ["O_CLOEXEC"]], origin, "give the mount a known number"),
    step("mount", ["none", `/proc/self/fd/${REMOUNTED_FD}`, null, how, null], origin, why),
    step("close", [REMOUNTED_FD], origin, "done with it"),
  ];
  return [
    step("fchdir", [mount], origin, "stand in the mount", {
      ok: [step("mount", ["none", ".", null, how, null], origin, why)],
      onError: [["ENOTDIR", asFile]],
    }),
  ];
}

/** The steps that set how a mount, and with `recursive` those under it, propagate (mount_namespaces(7)). */
export function setPropagation(
  building: Building,
  mount: Slot<"fd">,
  flag: Flag<"MS">,
  recursive: boolean,
  origin: string,
  why: string,
): Step[] {
  const value: Struct = { struct: "mount_attr", propagation: [flag] };
  const how: Flag<"AT">[] = recursive ? ["AT_EMPTY_PATH", "AT_RECURSIVE"] : ["AT_EMPTY_PATH"];
  if (building.facts.mountSetattr) return [step("mount_setattr", [mount, "", how, value, MOUNT_ATTR_BYTES], origin, why)];
  return onMount(mount, recursive ? [flag, "MS_REC"] : [flag], origin, `${why}, on a kernel before 5.12`);
}
