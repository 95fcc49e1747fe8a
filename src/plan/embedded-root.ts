// The root of a container without a bundle: the host's / as the lower layer of an overlay whose upper layer is a
// tmpfs, both mounted only in the container's mount namespace, so that every write is gone at the end.

import { type Step, step } from "../tape/step.ts";
import { type Building, newFd } from "./builder.ts";
import { makeFilesystem } from "./mounts.ts";
import { attach } from "./root.ts";

const origin = "root";

/** Mounts the view at the container's root path, an empty folder in its state folder. */
export function planEmbeddedRoot(building: Building): Step[] {
  if (!building.hostRoot) return [];
  const layers = newFd(building, "layers");
  const below = newFd(building, "folder of the layers");
  const view = newFd(building, "copy-on-write view");
  const path = building.rootPath;
  const mapped = building.namespaces.made.has("user");
  const data = ["lowerdir=/", "upperdir=upper", "workdir=work", ...(mapped ? ["userxattr"] : [])];
  return [
    step("openat", ["AT_FDCWD", path, ["O_PATH", "O_DIRECTORY", "O_CLOEXEC"], 0], origin, `open ${path}`, { out: below }),
    ...makeFilesystem(building, { type: "tmpfs", source: "box", data: ["mode=755"], attributes: [], origin, why: "make a tmpfs for what the container writes", out: layers }),
    attach(layers, below, origin, "mount it where only this container sees it"),
    step("mkdirat", [layers, "upper", 0o755], origin, "make the upper layer's folder"),
    step("mkdirat", [layers, "work", 0o700], origin, "make overlayfs's work folder"),
    step("fchdir", [layers], origin, "stand where the layers' relative names are meant"),
    ...makeFilesystem(building, { type: "overlay", source: "box", data, attributes: [], origin, why: "lay a copy-on-write view over the host's /", out: view }),
    step("openat", ["AT_FDCWD", path, ["O_PATH", "O_DIRECTORY", "O_CLOEXEC"], 0], origin, `open ${path} again`, { out: below }),
    attach(view, below, origin, "mount the view over the layers"),
  ];
}
