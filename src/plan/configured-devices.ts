// linux.devices: nodes that the configuration adds to those that every container has, or puts in their place. As with
// runc a node that is there stays, and where none can be made the host's own is bound over an empty file. Which devices
// may be used is not decided here but by linux.resources.devices.

import type { Device } from "../config/spec.ts";
import { BoxError } from "../errors.ts";
import { components } from "../linux/components.ts";
import { flags } from "../linux/flags.ts";
import { type Slot, type Step, slotIn, step } from "../tape/step.ts";
import { type Building, newFd } from "./builder.ts";
import { statxOffset } from "./masks.ts";
import { attach } from "./root.ts";
import { ensureInRoot, expectEqual, pointerTo } from "./steps.ts";

const { S_IFBLK, S_IFCHR, S_IFIFO, S_IFMT } = flags.S_IF;
/** A `u` is a character device without a buffer, and Linux has no other kind (mknod(1)). */
const typeBits = { b: S_IFBLK, c: S_IFCHR, u: S_IFCHR, p: S_IFIFO } as const;

/** `dev`: the container's /dev, opened. `bind`: nodes of devices cannot be made here. */
export function makeConfigured(building: Building, devices: readonly Device[], dev: Slot<"fd">, bind: boolean): Step[] {
  const steps: Step[] = [];
  for (let index = 0; index < devices.length; index++) {
    const device = devices[index] as Device;
    const origin = `linux.devices[${index}]`;
    const parts = components(device.path);
    const name = parts.pop();
    if (name === undefined) refuseRoot(device, origin);
    const parent = parts.join("/");
    if (parent === "dev" && name === "ptmx") {
      building.notes.push(`${origin} does not apply: /dev/ptmx is always that of the container's own /dev/pts`);
      continue;
    }
    const folder = parent === "dev" ? dev : newFd(building, `/${parent}`);
    if (folder !== dev) steps.push(ensureInRoot(building.child, building.root, `/${parent}`, "folder", origin, folder));
    const path = parent === "" ? `/${name}` : `/${parent}/${name}`;
    // A FIFO is no device: everyone may make one.
    if (bind && device.type !== "p") steps.push(...bindDevice(building, folder, name, path, origin));
    else steps.push(makeNode(building, device, folder, name, path, origin));
    if (folder !== dev) steps.push(step("close", [folder], origin, "done with it"));
  }
  return steps;
}

/** For a device whose path names nothing below the root. */
export function refuseRoot(device: Device, origin: string): never {
  const faults = [{ path: `${origin}.path`, expected: "a path below /", got: JSON.stringify(device.path) }];
  throw new BoxError({ what: "the configuration is not valid", faults });
}

function makeNode(building: Building, device: Device, folder: Slot<"fd">, name: string, path: string, origin: string): Step {
  const { major = 0, minor = 0, fileMode = 0o666, type } = device;
  const numbers = type === "p" ? { major: 0, minor: 0 } : { major, minor };
  const mode = typeBits[type] | (fileMode & 0o7777);
  const why = type === "p" ? `make the FIFO ${path}` : `make the device ${path}`;
  return step("mknodat", [folder, name, mode, numbers], origin, why, {
    ok: giveTo(building, device, folder, name, path, origin),
    onError:
      type === "p"
        ? [["EEXIST", []]]
        : [
            ["EEXIST", []],
            ["EPERM", bindDevice(building, folder, name, path, origin), "fallback"],
          ],
  });
}

/** Owner of the node, once it is known to be the one that was made: another container may share the root. */
function giveTo(building: Building, device: Device, folder: Slot<"fd">, name: string, path: string, origin: string): Step[] {
  const { major = 0, minor = 0, uid = 0, gid = 0, type } = device;
  if (uid === 0 && gid === 0) return [];
  const node = newFd(building, path);
  const mode = slotIn("int", building.statx, statxOffset("mode"), `mode of ${path}`);
  const rdev = slotIn("int", building.statx, statxOffset("rdev_major"), `device number of ${path}`);
  const why = `give ${path} to ${uid}:${gid}`;
  const refused = "it is not the one that was made";
  return [
    step("openat", [folder, name, ["O_PATH", "O_NOFOLLOW", "O_CLOEXEC"], 0], origin, `open ${path}`, { out: node }),
    step("statx", [node, "", ["AT_EMPTY_PATH"], ["STATX_TYPE"], pointerTo(building.statx)], origin, "look at it"),
    expectEqual(mode, S_IFMT, typeBits[type], origin, why, refused),
    ...(type === "p" ? [] : [expectEqual(rdev, -1, minor * 4294967296 + major, origin, why, refused)]),
    step("fchownat", [node, "", uid, gid, ["AT_EMPTY_PATH"]], origin, why),
    step("close", [node], origin, "done with it"),
  ];
}

/** Where mknod is not allowed, the host's own device is bound over an empty file. */
export function bindDevice(building: Building, folder: Slot<"fd">, name: string, path: string, origin: string): Step[] {
  const file = newFd(building, `place of ${path}`);
  const device = newFd(building, path);
  const why = `bind the host's ${path}`;
  return [
    step("mknodat", [folder, name, 0o100666, { major: 0, minor: 0 }], origin, `make the file ${path} to mount on`, {
      onError: [["EEXIST", []]],
    }),
    step("openat", [folder, name, ["O_PATH", "O_NOFOLLOW", "O_CLOEXEC"], 0], origin, `open the file ${path}`, { out: file }),
    step("open_tree", ["AT_FDCWD", path, ["OPEN_TREE_CLONE", "OPEN_TREE_CLOEXEC"]], origin, why, { out: device }),
    attach(device, file, origin, why),
    step("close", [file], origin, "done with it"),
    step("close", [device], origin, "done with it"),
  ];
}
