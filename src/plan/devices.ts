// /dev: the device nodes and links that every container has (runtime-spec, "Default Devices"; runc makes the same), and
// between them those of linux.devices (configured-devices.ts). They are made below one descriptor of /dev, a component
// at a time, so a link planted in a root folder is never followed (CVE-2026-41579).

import { capabilities } from "../linux/capabilities.ts";
import { components } from "../linux/components.ts";
import { type ErrorTable, type Slot, type Step, type StepOptions, step } from "../tape/step.ts";
import { type Building, newFd } from "./builder.ts";
import { bindDevice, makeConfigured } from "./configured-devices.ts";
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
function makesDevices(building: Building): boolean {
  for (const { destination, type, options } of building.spec.mounts ?? [])
    if (components(destination).join("/") === "dev" && (type === "bind" || sortOptions(options ?? []).bind !== undefined)) return false;
  return true;
}

const origin = "mounts";
const exists: ErrorTable = [["EEXIST", []]];

/** Devices and links, none where /dev is bound from elsewhere. */
export function planDevices(building: Building): Step[] {
  const configured = building.spec.linux?.devices ?? [];
  if (!makesDevices(building)) {
    if (configured.length > 0) building.notes.push("linux.devices does not apply: /dev is bound from elsewhere, and is used as it is");
    return [];
  }
  const dev = newFd(building, "/dev");
  const replaced = new Set<string>();
  for (const device of configured) replaced.add(components(device.path).join("/"));
  return [
    ensureInRoot(building.child, building.root, "/dev", "folder", origin, dev),
    ...makeNodes(building, dev, replaced),
    ...makeConfigured(building, configured, dev, mustBind(building)),
    ...makeLinks(dev),
    step("close", [dev], origin, "done with it"),
  ];
}

/** No process in a user namespace may make device nodes, nor one without the capability (mknod(2), EPERM). */
const mustBind = ({ facts, namespaces }: Building): boolean =>
  facts.inUserNamespace ||
  namespaces.made.has("user") ||
  namespaces.joined.has("user") ||
  !facts.boundingSet.includes(capabilities.CAP_MKNOD);

/** What every container has, but for the paths in `replaced`: there the configuration has a device of its own. */
function makeNodes(building: Building, dev: Slot<"fd">, replaced: ReadonlySet<string>): Step[] {
  const steps: Step[] = [];
  const bind = mustBind(building);
  for (const [name, major, minor] of nodes)
    if (replaced.has(`dev/${name}`)) continue;
    else if (bind) steps.push(...bindDevice(building, dev, name, `/dev/${name}`, origin));
    else steps.push(step("mknodat", [dev, name, 0o020666, { major, minor }], origin, `make the device /dev/${name}`, { onError: exists }));
  return steps;
}

function makeLinks(dev: Slot<"fd">): Step[] {
  const steps: Step[] = [];
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
