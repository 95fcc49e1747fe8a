// The configured mounts, each made as a detached mount and then moved onto a descriptor inside the container's root,
// so that no path is walked twice and a link that changes meanwhile leads nowhere (CVE-2021-30465).

import { nearest } from "../config/faults.ts";
import type { Mount } from "../config/spec.ts";
import { BoxError, type ConfigFault } from "../errors.ts";
import type { Flag } from "../linux/flags.ts";
import { type MountOption, mountOptions } from "../linux/mount-options.ts";
import { compute, type Slot, type Step, slotIn, step } from "../tape/step.ts";
import { type Attributes, setAttributes, setPropagation } from "./attributes.ts";
import { type Building, newFd, newInt } from "./builder.ts";
import { planCgroupMount } from "./cgroup-mount.ts";
import { statxOffset } from "./masks.ts";
import { attach } from "./root.ts";
import { components, ensureInRoot, pointerTo } from "./steps.ts";

/** A mount's options, sorted by what they do. */
export type SortedOptions = {
  readonly attributes: Attributes;
  /** Those of the options with an r in front (`rro`), which hold for the mounts below a bind mount too. */
  readonly attributesBelow: Attributes;
  readonly propagation: readonly { flag: Flag<"MS">; recursive: boolean }[];
  readonly bind: "bind" | "rbind" | undefined;
  /** Read-only as a filesystem, not only as a mount: such as a disk that cannot be written. */
  readonly readOnlyFilesystem: boolean;
  /** For the filesystem itself: `size=64k`, `newinstance`, `sync`. */
  readonly data: readonly string[];
};

type Changes = { readonly set: Attribute[]; readonly clear: Attribute[] };
type Attribute = Flag<"MOUNT_ATTR">;

export function sortOptions(options: readonly string[]): SortedOptions {
  const here: Changes = { set: [], clear: [] };
  const below: Changes = { set: [], clear: [] };
  const propagation: { flag: Flag<"MS">; recursive: boolean }[] = [];
  const data: string[] = [];
  let bind: "bind" | "rbind" | undefined;
  let readOnlyFilesystem = false;
  for (const word of options) {
    const option: MountOption | undefined = mountOptions[word];
    if (option === undefined) {
      data.push(word);
      continue;
    }
    addOption(option.recursive === true ? below : here, option);
    if (option.propagation !== undefined) propagation.push(option.propagation);
    if (option.bind !== undefined) bind = option.bind;
    if (option.superRo !== undefined) readOnlyFilesystem = option.superRo;
    if (option.fsFlag !== undefined) data.push(option.fsFlag);
  }
  return {
    attributes: { ...here, reach: "this" },
    attributesBelow: { ...below, reach: "below" },
    propagation,
    bind,
    readOnlyFilesystem,
    data,
  };
}

/** The later of two contradicting options wins, as with mount(8): also of two modes of access times, which share one field. */
function addOption({ set, clear }: Changes, { attrSet = [], attrClear = [] }: MountOption): void {
  const setsMode = attrClear.includes("MOUNT_ATTR__ATIME");
  keep(set, (name) => !attrClear.includes(name) && !(setsMode && accessTimeModes.has(name)));
  keep(clear, (name) => !attrSet.includes(name));
  for (const name of attrSet) if (!set.includes(name)) set.push(name);
  for (const name of attrClear) if (!clear.includes(name)) clear.push(name);
}

const accessTimeModes: ReadonlySet<Attribute> = new Set(["MOUNT_ATTR_RELATIME", "MOUNT_ATTR_NOATIME", "MOUNT_ATTR_STRICTATIME"]);

function keep(list: Attribute[], wanted: (name: Attribute) => boolean): void {
  list.splice(0, list.length, ...list.filter(wanted));
}

/** Whether a mount must keep its bond with the host's, so its source is opened before / is made a slave. */
export const keepsHostPeers = (mount: Mount): boolean => {
  const sorted = sortOptions(mount.options ?? []);
  return sorted.bind !== undefined && sorted.propagation.some(({ flag }) => flag === "MS_SHARED");
};

/** The steps for one mount, and those that must wait until nothing more is made inside it. */
export type PlannedMount = { readonly steps: readonly Step[]; readonly late: readonly Step[] };

/** Everything for `mounts[index]`. `source` is given when it was opened earlier. */
export function planMount(building: Building, mount: Mount, index: number, source: Slot<"fd"> | undefined): PlannedMount {
  const origin = `mounts[${index}]`;
  // Whatever is mounted on the root itself would lie over everything and show nothing of it.
  if (components(mount.destination).length === 0)
    refuse({ path: `${origin}.destination`, expected: "a path below /", got: JSON.stringify(mount.destination) });
  const sorted = sortOptions(mount.options ?? []);
  if (sorted.bind !== undefined || mount.type === "bind") return { steps: planBind(building, mount, origin, sorted, source), late: [] };
  if (mount.type === "cgroup" || mount.type === "cgroup2") {
    const planned = planCgroupMount(building, mount, origin, sorted);
    if (planned !== undefined) return { steps: planned, late: [] };
  }
  return planFilesystem(building, mount, origin, sorted);
}

function refuse(...faults: ConfigFault[]): never {
  throw new BoxError({ what: "the configuration is not valid", faults });
}

const shown = (path: string): string => `/${components(path).join("/")}`;

/**
 * Places that box itself puts files and mount points into become read-only at the end. procfs and sysfs are mounted on
 * a plain folder only: a link there could be turned elsewhere between the mount and its masks (CVE-2023-27561).
 */
function planFilesystem(building: Building, mount: Mount, origin: string, sorted: SortedOptions): PlannedMount {
  const type = mount.type ?? "none";
  const destination = shown(mount.destination);
  const why = `mount ${type} on ${destination}`;
  const target = newFd(building, `place of ${destination}`);
  const made = newFd(building, destination);
  const attributes = together(sorted);
  const filledLater = type === "tmpfs" || destination === "/dev";
  const late = filledLater && attributes.set.includes("MOUNT_ATTR_RDONLY");
  const set = late ? attributes.set.filter((name) => name !== "MOUNT_ATTR_RDONLY") : attributes.set;
  const data = sorted.readOnlyFilesystem && !late && !ofNamespaces.has(type) ? [...sorted.data, "ro"] : sorted.data;
  const kind = type === "proc" || type === "sysfs" ? "plain folder" : "folder";
  const ownMode = type !== "tmpfs" || data.some((word) => word.startsWith("mode="));
  const end = step("close", [made], origin, "done with it");
  return {
    steps: [
      ...makeFilesystem(building, { type, source: mount.source ?? type, data, attributes: set, origin, why, out: made }),
      ensureInRoot(building.child, building.root, mount.destination, kind, origin, target),
      ...(ownMode ? [] : keepMode(building, origin, destination, target, made)),
      attach(made, target, origin, why),
      ...propagate(made, sorted, origin),
      step("close", [target], origin, "done with it"),
      ...(late ? [] : [end]),
    ],
    late: late
      ? [...setAttributes(building, made, { set: ["MOUNT_ATTR_RDONLY"], clear: [], reach: "this" }, origin, `make ${destination} read-only`), end]
      : [],
  };
}

/** One such filesystem belongs to a namespace, so read-only is each mount of it, not the filesystem that others see too. */
const ofNamespaces: ReadonlySet<string> = new Set(["proc", "sysfs", "mqueue", "devpts", "cgroup", "cgroup2"]);

/** A new filesystem has no mounts below it, so both kinds of attributes are one. */
function together({ attributes, attributesBelow }: SortedOptions): Changes {
  const all: Changes = { set: [...attributes.set], clear: [...attributes.clear] };
  addOption(all, { attrSet: attributesBelow.set, attrClear: attributesBelow.clear });
  return all;
}

/** A tmpfs without `mode=` takes over the mode of the folder that it covers, as with other runtimes; its own would be 1777. */
function keepMode(building: Building, origin: string, destination: string, target: Slot<"fd">, made: Slot<"fd">): Step[] {
  const found = slotIn("int", building.statx, statxOffset("mode"), `mode of ${destination}`);
  const mode = newInt(building, `mode for ${destination}`);
  const inside = newFd(building, `${destination}, opened`);
  return [
    step("statx", [target, "", ["AT_EMPTY_PATH"], ["STATX_MODE"], pointerTo(building.statx)], origin, "look at the folder that it covers"),
    compute([found, 0, 0, 0o7777], origin, "take over its mode", { out: mode }),
    step("openat", [made, ".", ["O_RDONLY", "O_DIRECTORY", "O_CLOEXEC"], 0], origin, "open the new folder", { out: inside }),
    step("fchmod", [inside, mode], origin, `set the mode of ${destination}`),
    step("close", [inside], origin, "done with it"),
  ];
}

export type FilesystemWanted = {
  readonly type: string;
  readonly source: string;
  readonly data: readonly string[];
  readonly attributes: readonly Attribute[];
  readonly origin: string;
  readonly why: string;
  readonly out: Slot<"fd">;
};

/** fsopen … fsmount: a detached mount of a new filesystem. The mount context's own words explain a refusal. */
export function makeFilesystem(building: Building, wanted: FilesystemWanted): Step[] {
  const { type, source, data, attributes, origin, why, out } = wanted;
  const { context } = building.child;
  const explain = "context" as const;
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
    step("fsmount", [context, ["FSMOUNT_CLOEXEC"], attributes], origin, why, { out, explain }),
    step("close", [context], origin, "done with it"),
  );
  return steps;
}

export const propagate = (mount: Slot<"fd">, sorted: SortedOptions, origin: string): Step[] =>
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
  const target = newFd(building, `place of ${destination}`);
  const mode = slotIn("int", building.statx, statxOffset("mode"), `mode of ${mount.source}`);
  refuseUnknown(mount.options ?? [], origin);
  const before = opened === undefined ? [openBindSource(building, mount, origin, source)] : [];
  return [
    ...before,
    step("statx", [source, "", ["AT_EMPTY_PATH"], ["STATX_TYPE"], pointerTo(building.statx)], origin, "see whether the source is a folder"),
    compute([mode, 0, 0, 0o170000], origin, "is the source a folder?", {
      equal: { value: 0o040000, steps: [ensureInRoot(building.child, building.root, mount.destination, "folder", origin, target)] },
      ok: [ensureInRoot(building.child, building.root, mount.destination, "file", origin, target)],
    }),
    attach(source, target, origin, why),
    ...setAttributes(building, source, sorted.attributes, origin, `set the options of ${destination}`),
    ...setAttributes(building, source, sorted.attributesBelow, origin, `set the options of ${destination} and of the mounts below it`),
    ...propagate(source, sorted, origin),
    step("close", [target], origin, "done with it"),
    step("close", [source], origin, "done with it"),
  ];
}

/** A filesystem tells which options it does not know; for a bind mount there is none to tell. */
function refuseUnknown(options: readonly string[], origin: string): void {
  const faults: ConfigFault[] = [];
  for (const [index, word] of options.entries()) {
    if (mountOptions[word] !== undefined) continue;
    const meant = nearest(word, Object.keys(mountOptions));
    const hint = meant === undefined ? {} : { hint: `did you mean "${meant}"?` };
    faults.push({ path: `${origin}.options[${index}]`, expected: "an option of a bind mount", got: JSON.stringify(word), ...hint });
  }
  if (faults.length > 0) refuse(...faults);
}
