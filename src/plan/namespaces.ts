// Namespaces: new ones come from flags of clone, existing ones from setns by their files. New ones alone need one
// process; a joined one needs the stage as a helper, since setns of a pid namespace counts only for children and new
// namespaces belong to the user namespace that is current when they are made.

import type { NamespaceType, Spec } from "../config/spec.ts";
import type { Flag } from "../linux/flags.ts";
import { structFields } from "../linux/structs.ts";
import { address, newBuffer, newSlot, type Slot, type Step, slotIn, step } from "../tape/step.ts";
import type { Building, Join, NamespacePlan } from "./builder.ts";
import { expectEqual } from "./steps.ts";

type CloneFlag = Flag<"CLONE">;

export const cloneFlags: Record<string, CloneFlag> = {
  pid: "CLONE_NEWPID",
  network: "CLONE_NEWNET",
  mount: "CLONE_NEWNS",
  ipc: "CLONE_NEWIPC",
  uts: "CLONE_NEWUTS",
  user: "CLONE_NEWUSER",
  cgroup: "CLONE_NEWCGROUP",
  time: "CLONE_NEWTIME",
};

export function sortNamespaces(spec: Spec): NamespacePlan {
  const made = new Set<string>();
  const joined = new Map<string, string>();
  for (const { type, path } of spec.linux?.namespaces ?? []) {
    if (path === undefined || path === "") made.add(type);
    else joined.set(type, path);
  }
  return { made, joined };
}

/**
 * Whether the stage makes init instead of becoming it: to join namespaces, and for a new user namespace, since an
 * execve there before the id maps are written would cost all capabilities (user_namespaces(7)); a new time namespace is
 * entered only by children of its maker.
 */
export const needsHelper = ({ joined, made }: NamespacePlan): boolean => joined.size > 0 || made.has("user") || made.has("time");

/** Whether the cgroup namespace is made by the clone itself: only if the child is in its cgroups by then. */
const cgroupNamespaceAtClone = (building: Building): boolean => building.facts.cgroups.v1.length === 0 || !building.facts.cgroups.writable;

/** Flags of the clone that makes init. */
export function newNamespaceFlags(building: Building): CloneFlag[] {
  const flags: CloneFlag[] = [];
  for (const type of building.namespaces.made) {
    if (type === "time" || (type === "cgroup" && !cgroupNamespaceAtClone(building))) continue;
    flags.push(cloneFlags[type] as CloneFlag);
  }
  return flags;
}

const indexOf = (spec: Spec, type: string): number => (spec.linux?.namespaces ?? []).findIndex((one) => one.type === type);
const originOf = (building: Building, type: string): string => `linux.namespaces[${indexOf(building.spec, type)}]`;

/** Order of joining: with root's rights the user namespace last; without, first, since only it gives the rights. */
const joinOrder = ["ipc", "uts", "network", "pid", "cgroup", "time", "mount"];

/** The stage opens every namespace file while the host's paths are still its own, then enters them. */
export function joinNamespaces(building: Building): Step[] {
  const { joined } = building.namespaces;
  const order = building.facts.uid === 0 ? [...joinOrder, "user"] : ["user", ...joinOrder];
  const open: Step[] = [];
  const enter: Step[] = [];
  for (const type of order as NamespaceType[]) {
    const path = joined.get(type);
    if (path === undefined) continue;
    const origin = originOf(building, type);
    const join: Join = building.joins.find((one) => one.type === type) ?? { type, path };
    const why = `join ${joinedName(join)}`;
    const file = newSlot(building.child.variables, "fd", `${type} namespace`);
    const flag = cloneFlags[type] as CloneFlag;
    open.push(
      openJoined(join, origin, file),
      step("ioctl", [file, ["NS_GET_NSTYPE"], null], origin, why, {
        expect: { value: namespaceTypes[type], refused: notOfType(type) },
        onError: [["ENOTTY", [step("getpid", [], origin, why, { expect: { value: 0, refused: notOfType(type) } })]]],
      }),
      ...sameAsChecked(building, join, origin, file),
    );
    enter.push(step("setns", [file, [flag]], origin, why), step("close", [file], origin, "done with it"));
  }
  return [...open, ...enter];
}

/** How messages call it: by whose it is, or by its path. */
export function joinedName({ type, path, to }: Join): string {
  if (to === undefined) return `the ${type} namespace ${path}`;
  const colon = to.indexOf(":");
  return `the ${type} namespace of the ${to.startsWith("pid:") ? "process" : "container"} ${to.slice(colon + 1)}`;
}

export const openJoined = (join: Join, origin: string, out?: Slot<"fd">): Step =>
  step("openat", ["AT_FDCWD", join.path, ["O_RDONLY", "O_CLOEXEC", "O_NONBLOCK"], 0], origin, `open ${joinedName(join)}`, {
    ...(out === undefined ? {} : { out }),
  });

/** The pid in the path may be another process's by now. Box holds the namespace open, so its number is nobody else's. */
function sameAsChecked(building: Building, join: Join, origin: string, file: Slot<"fd">): Step[] {
  if (join.inode === undefined) return [];
  const { statx } = building;
  const inode = slotIn("int", statx, structFields.statx.fields.ino?.offset as number, "its number");
  return [
    step("statx", [file, "", ["AT_EMPTY_PATH"], ["STATX_INO"], address(statx)], origin, "see which one it is"),
    expectEqual(inode, UINT_MAX, join.inode, origin, `join ${joinedName(join)}`, "that pid has another one by now"),
  ];
}

const UINT_MAX = 0xffff_ffff;
export const notOfType = (type: NamespaceType): string => `it is not ${type === "ipc" ? "an" : "a"} ${type} namespace`;

/** NS_GET_NSTYPE answers with the CLONE_NEW* flag (ioctl_nsfs(2)). */
export const namespaceTypes: Readonly<Record<NamespaceType, number>> = {
  mount: 0x20000,
  cgroup: 0x2000000,
  uts: 0x4000000,
  ipc: 0x8000000,
  user: 0x10000000,
  pid: 0x20000000,
  network: 0x40000000,
  time: 0x80,
};

/** The stage makes init, its sibling: both are children of box. `init` runs in the child alone; the stage ends. */
export function cloneInit(building: Building): Step {
  const flags: CloneFlag[] = ["CLONE_PARENT", "CLONE_PARENT_SETTID", ...newNamespaceFlags(building)];
  const exit = step("exit_group", [0], "linux.namespaces", "leave init to box");
  return step(
    "clone",
    [flags, null, address(building.child.initPid), null, null],
    "linux.namespaces",
    "make the container's first process",
    { equal: { value: 0, steps: [step("getpid", [], "linux.namespaces", "be the first process", { goto: "init" })] }, ok: [exit] },
  );
}

/** A cgroup namespace shows the cgroup that its maker is in as its root, so it is made after entering them. */
export const unshareCgroup = (building: Building): Step[] =>
  building.namespaces.made.has("cgroup") && !cgroupNamespaceAtClone(building)
    ? [
        step(
          "unshare",
          [["CLONE_NEWCGROUP"]],
          originOf(building, "cgroup"),
          "make a cgroup namespace rooted at the container's own cgroups",
        ),
      ]
    : [];

const byteBuffer = (building: Building) => newBuffer(building.child.variables, "answer", 8);

/** Stops until box says to go on; box being gone ends the child. */
export function waitForBox(building: Building, why: string): Step {
  const answer = byteBuffer(building);
  return step("read", [building.handed.sync, address(answer), 1], "box", why, {
    equal: { value: 0, steps: [step("exit_group", [125], "box", "end, since box is gone")] },
  });
}

/** Asks box for the id maps: only a process outside of the new user namespace may write them in full. */
export const askForIds = (building: Building): Step[] => [
  step("write", [building.handed.sync, "i", 1], "linux.uidMappings", "ask box for the id maps"),
  waitForBox(building, "wait for the id maps"),
];

/** Becomes the root of a joined user namespace, unless it has none: until then this process is nobody there. */
export function becomeRootThere(building: Building): Step[] {
  const origin = originOf(building, "user");
  return [
    step("setresgid", [0, 0, 0], origin, "become the namespace's group 0", { onError: [["EINVAL", []]] }),
    step("setresuid", [0, 0, 0], origin, "become the namespace's user 0", { onError: [["EINVAL", []]] }),
  ];
}

/** Becomes the root of the new user namespace. Groups can be set only where the map allows (user_namespaces(7)). */
export function becomeMappedRoot(building: Building): Step[] {
  const origin = "linux.uidMappings";
  const maps = (list: readonly { containerID: number }[] | undefined): boolean => (list ?? []).some(({ containerID }) => containerID === 0);
  const steps: Step[] = [];
  if (maps(building.spec.linux?.gidMappings)) steps.push(step("setresgid", [0, 0, 0], origin, "become the namespace's group 0"));
  if (maps(building.spec.linux?.uidMappings)) steps.push(step("setresuid", [0, 0, 0], origin, "become the namespace's user 0"));
  return steps;
}
