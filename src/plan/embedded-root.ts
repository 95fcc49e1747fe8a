// The root of a container without a bundle: the host's / as the lower layer of an overlay whose upper layer is a
// tmpfs, both mounted only in the container's mount namespace, so that every write is gone at the end. A user namespace
// of its own may not take one mount out of the host's tree (mount_namespaces(7), locked mounts), which is what overlayfs
// does with a lower layer: there the host's / is bound with all that is mounted below it, read-only.

import { type Step, step } from "../tape/step.ts";
import { type Building, newFd } from "./builder.ts";
import { makeFilesystem } from "./filesystem.ts";
import { attach } from "./root.ts";
import { MOUNT_ATTR_BYTES } from "./steps.ts";

const origin = "root";

/** Mounts the view at the container's root path, an empty folder in its state folder. */
export function planEmbeddedRoot(building: Building): Step[] {
  if (!building.hostRoot) return [];
  return building.namespaces.made.has("user") ? bindReadOnly(building) : layOverlay(building);
}

function bindReadOnly(building: Building): Step[] {
  const view = newFd(building, "read-only view");
  const below = newFd(building, "folder of the view");
  building.notes.push("root: without root's rights the host's / is read-only here; only /tmp and /dev/shm take files");
  const readOnly = { struct: "mount_attr", attr_set: ["MOUNT_ATTR_RDONLY"] } as const;
  return [
    step("open_tree", ["AT_FDCWD", "/", ["OPEN_TREE_CLONE", "OPEN_TREE_CLOEXEC", "AT_RECURSIVE"]], origin, "copy the host's mounts", {
      out: view,
    }),
    step("mount_setattr", [view, "", ["AT_EMPTY_PATH", "AT_RECURSIVE"], readOnly, MOUNT_ATTR_BYTES], origin, "make the copies read-only"),
    step("openat", ["AT_FDCWD", building.rootPath, ["O_PATH", "O_DIRECTORY", "O_CLOEXEC"], 0], origin, `open ${building.rootPath}`, {
      out: below,
    }),
    attach(view, below, origin, "mount the view where only this container sees it"),
  ];
}

function layOverlay(building: Building): Step[] {
  const layers = newFd(building, "layers");
  const below = newFd(building, "folder of the layers");
  const view = newFd(building, "copy-on-write view");
  const path = building.rootPath;
  const data = ["lowerdir=/", "upperdir=upper", "workdir=work"];
  return [
    step("openat", ["AT_FDCWD", path, ["O_PATH", "O_DIRECTORY", "O_CLOEXEC"], 0], origin, `open ${path}`, { out: below }),
    ...makeFilesystem(building, {
      type: "tmpfs",
      source: "box",
      data: ["mode=755"],
      attributes: [],
      origin,
      why: "make a tmpfs for what the container writes",
      out: layers,
    }),
    attach(layers, below, origin, "mount it where only this container sees it"),
    step("mkdirat", [layers, "upper", 0o755], origin, "make the upper layer's folder"),
    step("mkdirat", [layers, "work", 0o700], origin, "make overlayfs's work folder"),
    step("fchdir", [layers], origin, "stand where the layers' relative names are meant"),
    ...makeFilesystem(building, {
      type: "overlay",
      source: "box",
      data,
      attributes: [],
      origin,
      why: "lay a copy-on-write view over the host's /",
      out: view,
    }),
    step("openat", ["AT_FDCWD", path, ["O_PATH", "O_DIRECTORY", "O_CLOEXEC"], 0], origin, `open ${path} again`, { out: below }),
    attach(view, below, origin, "mount the view over the layers"),
  ];
}
