// The configured mounts, each made as a detached mount and then moved onto a descriptor inside the container's root,
// so that no path is walked twice and a link that changes meanwhile leads nowhere (CVE-2021-30465).

import { nearest } from "../config/faults.ts";
import type { Mount } from "../config/spec.ts";
import { BoxError, type ConfigFault } from "../errors.ts";
import { components } from "../linux/components.ts";
import type { Flag } from "../linux/flags.ts";
import { mountOptions } from "../linux/mount-options.ts";
import { compute, type Slot, type Step, slotIn, step } from "../tape/step.ts";
import { setAttributes } from "./attributes.ts";
import { type Building, newFd, newInt } from "./builder.ts";
import { planCgroupMount } from "./cgroup-mount.ts";
import { copyUp } from "./copy-up.ts";
import { makeFilesystem, propagate } from "./filesystem.ts";
import { statxOffset } from "./masks.ts";
import { takesProcfs } from "./proc-mounts.ts";
import { verifyProcfs } from "./procfs.ts";
import { attach } from "./root.ts";
import { attributesTogether, isMountOption, type SortedOptions, sortOptions } from "./sort-options.ts";
import { ensureInRoot, pointerTo } from "./steps.ts";

/**
 * Whether a mount must keep its bond with the host's, so its source is opened before / is made a slave. As with runc
 * that takes a shared root as well; without one, a shared mount shares only with mounts of the container.
 */
export const keepsHostPeers = ({ spec }: Building, mount: Mount): boolean => {
  if (spec.linux?.rootfsPropagation?.endsWith("shared") !== true) return false;
  const sorted = sortOptions(mount.options ?? []);
  return sorted.bind !== undefined && sorted.propagation.some(({ flag }) => flag === "MS_SHARED");
};

export const isBind = ({ type, options }: Mount): boolean => type === "bind" || sortOptions(options ?? []).bind !== undefined;

/** The steps for one mount, and those that must wait until nothing more is made inside it. */
export type PlannedMount = { readonly steps: readonly Step[]; readonly late: readonly Step[] };

/** Everything for `mounts[index]`. `source` is given when it was opened earlier. */
export function planMount(building: Building, mount: Mount, index: number, source: Slot<"fd"> | undefined): PlannedMount {
  const origin = `mounts[${index}]`;
  const sorted = sortOptions(mount.options ?? []);
  const binds = isBind(mount);
  const onProc = checkMount(mount, origin, binds);
  if (binds) return { steps: planBind(building, mount, origin, sorted, source, onProc), late: [] };
  if (mount.type === "cgroup" || mount.type === "cgroup2") {
    const planned = planCgroupMount(building, mount, origin, sorted);
    if (planned !== undefined) return { steps: planned, late: [] };
  }
  return planFilesystem(building, mount, origin, sorted);
}

/** Throws a BoxError for what no host could mount. True for a bind mount whose source must be a procfs. */
export function checkMount(mount: Mount, origin: string, binds: boolean): boolean {
  const { destination, options = [], type } = mount;
  // Whatever is mounted on the root itself would lie over everything and show nothing of it.
  if (components(destination).length === 0)
    refuse({ path: `${origin}.destination`, expected: "a path below /", got: JSON.stringify(destination) });
  const copies = options.indexOf("tmpcopyup");
  if (copies >= 0 && (binds || type !== "tmpfs"))
    refuse({ path: `${origin}.options[${copies}]`, problem: '"tmpcopyup" goes with a tmpfs only' });
  const onProc = takesProcfs(mount, origin, binds);
  // A bind mount keeps the flags that it does not change anyway; any other has nothing here to change.
  const remount = options.indexOf("remount");
  if (binds) refuseUnknown(options, origin);
  else if (remount >= 0) refuse({ path: `${origin}.options[${remount}]`, problem: '"remount" goes with a bind mount only' });
  return onProc;
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
  const attributes = attributesTogether(sorted);
  const filledLater = type === "tmpfs" || destination === "/dev";
  const late = filledLater && attributes.set.includes("MOUNT_ATTR_RDONLY");
  const set = late ? attributes.set.filter((name) => name !== "MOUNT_ATTR_RDONLY") : attributes.set;
  const data = sorted.readOnlyFilesystem && !late && !ofNamespaces.has(type) ? [...sorted.data, "ro"] : sorted.data;
  const kind = type === "proc" || type === "sysfs" ? "plain folder" : "folder";
  let ownMode = type !== "tmpfs";
  for (const word of data) if (word.startsWith("mode=")) ownMode = true;
  const keptMode = ownMode ? [] : keepMode(building, origin, destination, target, made);
  const { oldFlags } = sorted;
  const end = step("close", [made], origin, "done with it");
  return {
    steps: [
      ...makeFilesystem(building, { type, source: mount.source ?? type, data, attributes: set, oldFlags, origin, why, out: made }),
      ...(building.labels?.labelQueues(building, type, made) ?? []),
      ensureInRoot(building.child, building.root, mount.destination, kind, origin, target, keptMode),
      ...(sorted.copyUp ? copyUp(building, target, made, destination, origin) : []),
      attach(made, target, origin, why),
      ...propagate(building, made, sorted, origin),
      step("close", [target], origin, "done with it"),
      ...(late ? [] : [end]),
    ],
    late: late
      ? [
          ...setAttributes(
            building,
            made,
            { set: ["MOUNT_ATTR_RDONLY"], clear: [], reach: "this" },
            origin,
            `make ${destination} read-only`,
          ),
          end,
        ]
      : [],
  };
}

/** One such filesystem belongs to a namespace, so read-only is each mount of it, not the filesystem that others see too. */
const ofNamespaces: ReadonlySet<string> = new Set(["proc", "sysfs", "mqueue", "devpts", "cgroup", "cgroup2"]);

/**
 * A tmpfs without `mode=` takes over the mode of the folder that it covers, as with other runtimes. Where there was none it
 * keeps its own, 1777: clients ask for no mode and count on a folder that everyone can write to.
 */
function keepMode(building: Building, origin: string, destination: string, target: Slot<"fd">, made: Slot<"fd">): Step[] {
  const found = slotIn("int", building.statx, statxOffset("mode"), `mode of ${destination}`);
  const mode = newInt(building, `mode for ${destination}`);
  const inside = newFd(building, `${destination} opened`);
  return [
    step("statx", [target, "", ["AT_EMPTY_PATH"], ["STATX_MODE"], pointerTo(building.statx)], origin, "look at the folder that it covers"),
    compute([found, 0, 0, 0o7777], origin, "take over its mode", { out: mode }),
    step("openat", [made, ".", ["O_RDONLY", "O_DIRECTORY", "O_CLOEXEC"], 0], origin, "open the new folder", { out: inside }),
    step("fchmod", [inside, mode], origin, `set the mode of ${destination}`),
    step("close", [inside], origin, "done with it"),
  ];
}

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
  onProc: boolean,
): Step[] {
  const destination = shown(mount.destination);
  const why = `bind ${mount.source ?? ""} to ${destination}`;
  const source = opened ?? newFd(building, destination);
  const target = newFd(building, `place of ${destination}`);
  const mode = slotIn("int", building.statx, statxOffset("mode"), `mode of ${mount.source}`);
  const before = opened === undefined ? [openBindSource(building, mount, origin, source)] : [];
  return [
    ...before,
    ...(onProc ? verifyProcfs(building, source, origin, why) : []),
    step("statx", [source, "", ["AT_EMPTY_PATH"], ["STATX_TYPE"], pointerTo(building.statx)], origin, "see whether the source is a folder"),
    compute([mode, 0, 0, 0o170000], origin, "is the source a folder?", {
      equal: { value: 0o040000, steps: [ensureInRoot(building.child, building.root, mount.destination, "folder", origin, target)] },
      ok: [ensureInRoot(building.child, building.root, mount.destination, "file", origin, target)],
    }),
    attach(source, target, origin, why),
    ...setAttributes(building, source, sorted.attributes, origin, `set the options of ${destination}`),
    ...setAttributes(building, source, sorted.attributesBelow, origin, `set the options of ${destination} and of the mounts below it`),
    ...propagate(building, source, sorted, origin),
    step("close", [target], origin, "done with it"),
    step("close", [source], origin, "done with it"),
  ];
}

/** A filesystem tells which options it does not know; for a bind mount there is none to tell. */
function refuseUnknown(options: readonly string[], origin: string): void {
  const faults: ConfigFault[] = [];
  for (const [index, word] of options.entries()) {
    if (isMountOption(word)) continue;
    const meant = nearest(word, Object.keys(mountOptions));
    const hint = meant === undefined ? {} : { hint: `did you mean "${meant}"?` };
    faults.push({ path: `${origin}.options[${index}]`, expected: "an option of a bind mount", got: JSON.stringify(word), ...hint });
  }
  if (faults.length > 0) refuse(...faults);
}
