// The configured mounts, each made as a detached mount and then moved onto a descriptor inside the container's root,
// so that no path is walked twice and a link that changes meanwhile leads nowhere (CVE-2021-30465).

import type { Mount } from "../config/spec.ts";
import type { Flag } from "../linux/flags.ts";
import { type MountOption, mountOptions } from "../linux/mount-options.ts";
import { compute, type Slot, type Step, slotIn, step } from "../tape/step.ts";
import { type Attributes, setAttributes, setPropagation } from "./attributes.ts";
import { type Building, newFd } from "./builder.ts";
import { planCgroupMount } from "./cgroup-mount.ts";
import { statxOffset } from "./masks.ts";
import { attach } from "./root.ts";
import { components, ensureInRoot, pointerTo } from "./steps.ts";

/** A mount's options, sorted by what they do. */
export type SortedOptions = {
  readonly attributes: Attributes;
  readonly propagation: readonly { flag: Flag<"MS">; recursive: boolean }[];
  readonly bind: "bind" | "rbind" | undefined;
  /** For the filesystem itself: `size=64k`, `newinstance`, `sync`. */
  readonly data: readonly string[];
};

const atimeMask: Flag<"MOUNT_ATTR"> = "MOUNT_ATTR__ATIME";

export function sortOptions(options: readonly string[]): SortedOptions {
  const set: Flag<"MOUNT_ATTR">[] = [];
  const clear: Flag<"MOUNT_ATTR">[] = [];
  const propagation: { flag: Flag<"MS">; recursive: boolean }[] = [];
  const data: string[] = [];
  let bind: "bind" | "rbind" | undefined;
  let recursive = false;
  for (const word of options) {
    const option: MountOption | undefined = mountOptions[word];
    if (option === undefined) {
      data.push(word);
      continue;
    }
    if (option.attrSet !== undefined) addAttributes(set, clear, option.attrSet);
    if (option.attrClear !== undefined) addAttributes(clear, set, option.attrClear);
    if (option.recursive === true) recursive = true;
    if (option.propagation !== undefined) propagation.push(option.propagation);
    if (option.bind !== undefined) bind = option.bind;
    if (option.fsFlag !== undefined) data.push(option.fsFlag);
  }
  return { attributes: { set, clear, recursive }, propagation, bind, data };
}

/** The later of two contradicting options wins, as with mount(8). */
function addAttributes(to: Flag<"MOUNT_ATTR">[], from: Flag<"MOUNT_ATTR">[], names: readonly Flag<"MOUNT_ATTR">[]): void {
  for (const name of names) {
    const at = from.indexOf(name);
    if (at >= 0) from.splice(at, 1);
    if (!to.includes(name)) to.push(name);
  }
}

/** Whether a mount must keep its bond with the host's, so its source is opened before / is made a slave. */
export const keepsHostPeers = (mount: Mount): boolean => {
  const sorted = sortOptions(mount.options ?? []);
  return sorted.bind !== undefined && sorted.propagation.some(({ flag }) => flag === "MS_SHARED");
};

/** Everything for `mounts[index]`. `source` is given when it was opened earlier. */
export function planMount(building: Building, mount: Mount, index: number, source: Slot<"fd"> | undefined): Step[] {
  const origin = `mounts[${index}]`;
  const sorted = sortOptions(mount.options ?? []);
  if (sorted.bind !== undefined || mount.type === "bind") return planBind(building, mount, origin, sorted, source);
  if (mount.type === "cgroup" || mount.type === "cgroup2") {
    const planned = planCgroupMount(building, mount, origin, sorted);
    if (planned !== undefined) return planned;
  }
  return planFilesystem(building, mount, origin, sorted);
}

const shown = (path: string): string => `/${components(path).join("/")}`;

function planFilesystem(building: Building, mount: Mount, origin: string, sorted: SortedOptions): Step[] {
  const type = mount.type ?? "none";
  const why = `mount ${type} on ${shown(mount.destination)}`;
  const target = newFd(building, `${shown(mount.destination)}, below`);
  const made = newFd(building, shown(mount.destination));
  return [
    ...makeFilesystem(building, { type, source: mount.source ?? type, data: sorted.data, sorted, origin, why, out: made }),
    ensureInRoot(building.child, building.root, mount.destination, "folder", origin, target),
    attach(made, target, origin, why),
    ...propagate(made, sorted, origin),
    step("close", [target], origin, "done with it"),
    step("close", [made], origin, "done with it"),
  ];
}

export type FilesystemWanted = {
  readonly type: string;
  readonly source: string;
  readonly data: readonly string[];
  readonly sorted: Pick<SortedOptions, "attributes">;
  readonly origin: string;
  readonly why: string;
  readonly out: Slot<"fd">;
};

/** fsopen … fsmount: a detached mount of a new filesystem. The mount context's own words explain a refusal. */
export function makeFilesystem(building: Building, wanted: FilesystemWanted): Step[] {
  const { type, source, data, sorted, origin, why, out } = wanted;
  const context = newFd(building, `context of ${type}`);
  const explain = readLog(building, context, origin);
  const steps = [
    step("fsopen", [type, ["FSOPEN_CLOEXEC"]], origin, why, { out: context }),
    step("fsconfig", [context, ["FSCONFIG_SET_STRING"], "source", source, 0], origin, why, { explain }),
  ];
  for (const word of data) {
    const equals = word.indexOf("=");
    steps.push(
      equals < 0
        ? step("fsconfig", [context, ["FSCONFIG_SET_FLAG"], word, null, 0], origin, why, { explain })
        : step("fsconfig", [context, ["FSCONFIG_SET_STRING"], word.slice(0, equals), word.slice(equals + 1), 0], origin, why, { explain }),
    );
  }
  steps.push(
    step("fsconfig", [context, ["FSCONFIG_CMD_CREATE"], null, null, 0], origin, why, { explain }),
    step("fsmount", [context, ["FSMOUNT_CLOEXEC"], sorted.attributes.set, ], origin, why, { out, explain }),
    step("close", [context], origin, "done with it"),
  );
  return steps;
}

/** The kernel leaves its reasons as lines to be read from the mount context; the first is the one that counts. */
const readLog = (building: Building, context: Slot<"fd">, origin: string): Step[] => [
  step("read", [context, pointerTo(building.child.explanation), 255], origin, "read the kernel's reason", { onError: "ignore" }),
];

const propagate = (mount: Slot<"fd">, sorted: SortedOptions, origin: string): Step[] =>
  sorted.propagation.map(({ flag, recursive }) =>
    setPropagation(mount, flag, recursive, origin, `set its propagation to ${flag.slice(3).toLowerCase()}`),
  );

/** The source of a bind mount, copied as a detached mount. */
export function openBindSource(building: Building, mount: Mount, origin: string, out: Slot<"fd">): Step {
  const source = mount.source ?? "";
  const path = source.startsWith("/") ? source : `${building.bundle}/${source}`;
  const bind = sortOptions(mount.options ?? []).bind ?? "bind";
  const flags: Flag<"OPEN_TREE">[] = ["OPEN_TREE_CLONE", "OPEN_TREE_CLOEXEC"];
  if (bind === "rbind") flags.push("AT_RECURSIVE");
  return step("open_tree", ["AT_FDCWD", path, flags], origin, `bind ${path} to ${shown(mount.destination)}`, { out });
}

function planBind(
  building: Building,
  mount: Mount,
  origin: string,
  sorted: SortedOptions,
  opened: Slot<"fd"> | undefined,
): Step[] {
  const destination = shown(mount.destination);
  const why = `bind ${mount.source ?? ""} to ${destination}`;
  const source = opened ?? newFd(building, destination);
  const target = newFd(building, `${destination}, below`);
  const mode = slotIn("int", building.statx, statxOffset("mode"), `mode of ${mount.source}`);
  const before = opened === undefined ? [openBindSource(building, mount, origin, source)] : [];
  return [
    ...before,
    step("statx", [source, "", ["AT_EMPTY_PATH"], ["STATX_TYPE"], pointerTo(building.statx)], origin, "see whether the source is a folder"),
    compute([0, 0, 0, -1], origin, "forget the last target", { out: target }),
    compute([mode, 0, 0, 0o170000], origin, "is the source a folder?", {
      equal: { value: 0o040000, steps: [ensureInRoot(building.child, building.root, mount.destination, "folder", origin, target)] },
      ok: [ensureInRoot(building.child, building.root, mount.destination, "file", origin, target)],
    }),
    attach(source, target, origin, why),
    ...setAttributes(source, sorted.attributes, origin, `set the options of ${destination}`),
    ...propagate(source, sorted, origin),
    step("close", [target], origin, "done with it"),
    step("close", [source], origin, "done with it"),
  ];
}
