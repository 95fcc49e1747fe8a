// The container's root: taken as a private mount tree, filled by the mounts of the configuration, and at the end made
// the root of the mount namespace. Nothing here happens in the host's mount namespace.

import type { Flag } from "../linux/flags.ts";
import { compute, type Slot, type Step, step } from "../tape/step.ts";
import { setAttributes, setPropagation } from "./attributes.ts";
import { type Building, newFd } from "./builder.ts";

const propagationFlags: Record<string, Flag<"MS">> = {
  private: "MS_PRIVATE",
  slave: "MS_SLAVE",
  shared: "MS_SHARED",
  unbindable: "MS_UNBINDABLE",
};

/** `rslave` → its flag, and whether it holds for the mounts below too. */
export function propagationFlag(word: string): { flag: Flag<"MS">; recursive: boolean } | undefined {
  const recursive = word.startsWith("r") && word !== "";
  const flag = propagationFlags[recursive ? word.slice(1) : word];
  return flag === undefined ? undefined : { flag, recursive };
}

/** Cuts the new mount namespace off from the host's, in the direction that matters: ours never reaches it. */
export const leaveHostPropagation = (): Step =>
  step("mount", ["none", "/", null, ["MS_REC", "MS_SLAVE"], null], "linux.rootfsPropagation", "make every mount a slave of the host's");

/** Opens the root folder on the host, before anything covers it. */
export const openRootFolder = (building: Building, rootPath: string, out = building.rootFolder): Step =>
  step("openat", ["AT_FDCWD", rootPath, ["O_PATH", "O_DIRECTORY", "O_CLOEXEC"], 0], "root.path", `open the root folder ${rootPath}`, {
    out,
  });

/** Copies the mounts at the root folder, before box lays anything of its own there. */
export const copyRoot = (building: Building): Step =>
  step(
    "open_tree",
    [building.rootFolder, "", ["OPEN_TREE_CLONE", "OPEN_TREE_CLOEXEC", "AT_EMPTY_PATH", "AT_RECURSIVE"]],
    "root.path",
    "copy the mounts of the root folder",
    { out: building.root },
  );

/**
 * Lays the copy over the folder: pivot_root wants a mount point of its own. By now it is a slave of the host's mounts,
 * which is what it stays unless the configuration says otherwise. Private is made before anything is mounted below, so
 * that a mount with a propagation of its own keeps it; shared only after pivot_root, which refuses a shared parent.
 */
export function attachRoot(building: Building): Step[] {
  const { root, rootFolder, spec } = building;
  const wanted = propagationFlag(spec.linux?.rootfsPropagation ?? "");
  const steps = [attach(root, rootFolder, "root.path", "lay the container's root over its folder")];
  if (wanted?.flag === "MS_PRIVATE")
    steps.push(
      ...setPropagation(building, root, wanted.flag, wanted.recursive, "linux.rootfsPropagation", "let no mount of the host come in"),
    );
  return steps;
}

/** Attaches a detached mount at what a descriptor names. */
export const attach = (mount: Slot<"fd">, target: Slot<"fd">, origin: string, why: string): Step =>
  step("move_mount", [mount, "", target, "", ["MOVE_MOUNT_F_EMPTY_PATH", "MOVE_MOUNT_T_EMPTY_PATH"]], origin, why);

/** Makes the container's root the root of everything, and lets go of the host's tree. */
export function enterRoot(building: Building): Step[] {
  const { root, spec } = building;
  const steps: Step[] = [];
  if (spec.root?.readonly === true) {
    const readOnly = { set: ["MOUNT_ATTR_RDONLY"], clear: [], reach: "this" } as const;
    steps.push(...setAttributes(building, root, readOnly, "root.readonly", "make the container's root read-only"));
  }
  steps.push(
    step("fchdir", [root], "root.path", "enter the container's root"),
    ...(building.launch.noPivot ? moveRoot() : pivotRoot()),
    step("chdir", ["/"], "root.path", "stand in the new root"),
  );
  const wanted = propagationFlag(spec.linux?.rootfsPropagation ?? "");
  if (wanted?.flag === "MS_SHARED" || wanted?.flag === "MS_UNBINDABLE")
    steps.push(...setPropagation(building, root, wanted.flag, wanted.recursive, "linux.rootfsPropagation", "set the root's propagation"));
  return steps;
}

const pivotRoot = (): Step[] => [
  step("pivot_root", [".", "."], "root.path", "make it the root of this mount namespace"),
  step("umount2", [".", ["MNT_DETACH"]], "root.path", "let go of the host's mounts"),
];

/**
 * For a root that pivot_root refuses, such as a ramdisk's (pivot_root(2), EINVAL): the container's root is laid over it. The
 * host's mounts stay below, out of reach but for a process that may mount or chroot, so the two that would serve it go. They
 * may lie there several times over: the kernel lets a user namespace mount its own procfs while one is left in sight.
 */
function moveRoot(): Step[] {
  const origin = "--no-pivot";
  const drop = (path: string): Step =>
    step("umount2", [path, ["MNT_DETACH"]], origin, `let go of the host's ${path}`, {
      label: `drop ${path}`,
      ok: [compute([0, 0, 0, -1], origin, `look for another ${path} below it`, { goto: `drop ${path}` })],
      onError: [
        ["EINVAL", []],
        ["ENOENT", []],
        ["EPERM", []],
      ],
    });
  return [
    drop("/proc"),
    drop("/sys"),
    step("mount", [".", "/", null, ["MS_MOVE"], null], origin, "lay it over the root of this mount namespace"),
    step("chroot", ["."], origin, "make it this process's root"),
  ];
}

/** One read-only empty tmpfs for all masked folders, kept under the container's root where nothing can see it. */
export function keepEmptyFolder(building: Building): { steps: Step[]; empty: Slot<"fd"> } {
  const origin = "linux.maskedPaths";
  const context = newFd(building, "context of the empty folder");
  const empty = newFd(building, "empty folder");
  const steps = [
    step("fsopen", ["tmpfs", ["FSOPEN_CLOEXEC"]], origin, "make an empty folder to mask folders with", { out: context }),
    step("fsconfig", [context, ["FSCONFIG_SET_STRING"], "source", "tmpfs", 0], origin, "name its source"),
    step("fsconfig", [context, ["FSCONFIG_SET_STRING"], "nr_inodes", "1", 0], origin, "let it hold nothing but itself"),
    step("fsconfig", [context, ["FSCONFIG_SET_STRING"], "mode", "755", 0], origin, "let it be seen"),
    ...(building.labels?.labelFilesystem(building, "tmpfs", [], context) ?? []),
    step("fsconfig", [context, ["FSCONFIG_CMD_CREATE"], null, null, 0], origin, "make the empty folder's filesystem"),
    step(
      "fsmount",
      [context, ["FSMOUNT_CLOEXEC"], ["MOUNT_ATTR_RDONLY", "MOUNT_ATTR_NOSUID", "MOUNT_ATTR_NODEV", "MOUNT_ATTR_NOEXEC"]],
      origin,
      "make it a read-only mount",
      { out: empty },
    ),
    attach(empty, building.rootFolder, origin, "keep it below the container's root"),
  ];
  return { steps, empty };
}
