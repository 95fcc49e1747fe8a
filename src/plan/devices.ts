// /dev: the device nodes and links that every container has (runtime-spec, "Default Devices"; runc makes the same).
// They are made below one descriptor of /dev, a component at a time, so a link planted in a root folder is never
// followed (CVE-2026-41579).

import { components } from "../linux/components.ts";
import { type ErrorTable, type Slot, type Step, type StepOptions, step } from "../tape/step.ts";
import { type Building, newFd } from "./builder.ts";
import { attach } from "./root.ts";
import { sortOptions } from "./sort-options.ts";
import { ensureInRoot } from "./steps.ts";

const nodes = [
  ["null", 1, 3],
  ["random", 1, 8],
  ["full", 1, 7],
  ["tty", 5, 0],
  ["zero", 1, 5],
  ["urandom", 1, 9],
] as const;

const links = [
  ["fd", "/proc/self/fd"],
  ["stdin", "/proc/self/fd/0"],
  ["stdout", "/proc/self/fd/1"],
  ["stderr", "/proc/self/fd/2"],
] as const;

/** A /dev that is bound from elsewhere is used as it is; in any other one box makes what is missing. */
export const makesDevices = (building: Building): boolean =>
  !(building.spec.mounts ?? []).some(
    (mount) =>
      components(mount.destination).join("/") === "dev" && (mount.type === "bind" || sortOptions(mount.options ?? []).bind !== undefined),
  );

const origin = "mounts";
const exists: ErrorTable = [["EEXIST", []]];

/** Opens /dev for what follows. */
export const openDev = (building: Building, dev: Slot<"fd">): Step =>
  ensureInRoot(building.child, building.root, "/dev", "folder", origin, dev);

export function makeDevices(building: Building, dev: Slot<"fd">): Step[] {
  const steps: Step[] = [];
  const bind = building.facts.inUserNamespace || building.namespaces.made.has("user") || building.namespaces.joined.has("user");
  for (const [name, major, minor] of nodes)
    if (bind) steps.push(...bindDevice(building, dev, name));
    else steps.push(step("mknodat", [dev, name, 0o020666, { major, minor }], origin, `make the device /dev/${name}`, { onError: exists }));
  for (const [name, target] of links)
    steps.push(step("symlinkat", [target, dev, name], origin, `link /dev/${name} to ${target}`, { onError: exists }));
  steps.push(linkMemory(dev), linkMultiplexer(dev));
  return steps;
}

/** /proc/kcore is there or not by how the kernel was built; the link is made only to what is (runc does the same). */
function linkMemory(dev: Slot<"fd">): Step {
  const link = step("symlinkat", ["/proc/kcore", dev, "core"], origin, "link /dev/core to /proc/kcore", { onError: [["EEXIST", []]] });
  return step("faccessat2", ["AT_FDCWD", "/proc/kcore", ["F_OK"], []], origin, "see whether this kernel has /proc/kcore", {
    ok: [link],
    onError: [["ENOENT", []]],
  });
}

/** Terminals of the container's own /dev/pts: a device that an image brought along would open the host's (runc replaces it too). */
function linkMultiplexer(dev: Slot<"fd">): Step {
  const link = (more?: Pick<StepOptions, "onError">): Step =>
    step("symlinkat", ["pts/ptmx", dev, "ptmx"], origin, "link /dev/ptmx to pts/ptmx", more);
  const replace = step("unlinkat", [dev, "ptmx", []], origin, "remove the /dev/ptmx that is there", {
    ok: [link()],
    onError: [["EROFS", []]],
  });
  return link({ onError: [["EEXIST", [replace]]] });
}

/** Where mknod is not allowed, the host's own device is bound over an empty file (mknod(2), EPERM). */
function bindDevice(building: Building, dev: Slot<"fd">, name: string): Step[] {
  const file = newFd(building, `place of /dev/${name}`);
  const device = newFd(building, `/dev/${name}`);
  const why = `bind the host's /dev/${name}`;
  return [
    step("mknodat", [dev, name, 0o100666, { major: 0, minor: 0 }], origin, `make the file /dev/${name} to mount on`, {
      onError: [["EEXIST", []]],
    }),
    step("openat", [dev, name, ["O_PATH", "O_NOFOLLOW", "O_CLOEXEC"], 0], origin, `open the file /dev/${name}`, { out: file }),
    step("open_tree", ["AT_FDCWD", `/dev/${name}`, ["OPEN_TREE_CLONE", "OPEN_TREE_CLOEXEC"]], origin, why, { out: device }),
    attach(device, file, origin, why),
    step("close", [file], origin, "done with it"),
    step("close", [device], origin, "done with it"),
  ];
}
