// The few idioms that every part of a plan uses: opening a path inside the container's root, and letting a fallback
// speak for old kernels.

import { address, type Buffer, compute, newSlot, type Slot, type Step, type Struct, step } from "../tape/step.ts";
import type { ChildVariables } from "./plan.ts";

export const OPEN_HOW_BYTES = 24;
export const MOUNT_ATTR_BYTES = 32;

/** openat2 inside a root: `..`, absolute and magic links cannot lead out (openat2(2), RESOLVE_IN_ROOT). */
const inRootPath: Struct = {
  struct: "open_how",
  flags: ["O_PATH", "O_CLOEXEC"],
  resolve: ["RESOLVE_IN_ROOT", "RESOLVE_NO_MAGICLINKS"],
};
const inRootFolder: Struct = { ...inRootPath, flags: ["O_PATH", "O_DIRECTORY", "O_CLOEXEC"] };
/** One component just made: anything else there, a link included, is somebody's race. */
const justMadeFolder: Struct = {
  struct: "open_how",
  flags: ["O_PATH", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC"],
  resolve: ["RESOLVE_BENEATH", "RESOLVE_NO_SYMLINKS"],
};
const justMadeFile: Struct = { ...justMadeFolder, flags: ["O_PATH", "O_NOFOLLOW", "O_CLOEXEC"] };

export type Kind = "folder" | "file" | "any";

/** A path inside the container without `.`, `..` and doubled slashes, as components. Lexical, as runc cleans it. */
export function components(path: string): string[] {
  const out: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") out.pop();
    else out.push(part);
  }
  return out;
}

/** Opens what is at `path` inside `root`; it must exist. */
export const openInRoot = (
  root: Slot<"fd">,
  path: string,
  kind: Kind,
  origin: string,
  why: string,
  out: Slot<"fd">,
  more?: Pick<Step, "onError" | "ok">,
): Step =>
  step("openat2", [root, path, kind === "folder" ? inRootFolder : inRootPath, OPEN_HOW_BYTES], origin, why, {
    out,
    ...more,
  });

/**
 * Opens `path` inside `root`, making what is missing: folders 0755, and for a file an empty one. When it all exists,
 * that is one step; else one look and one mkdirat a component, each below a descriptor and never along a path.
 */
export function ensureInRoot(
  child: ChildVariables,
  root: Slot<"fd">,
  path: string,
  kind: "folder" | "file",
  origin: string,
  out: Slot<"fd">,
): Step {
  const parts = components(path);
  const name = `/${parts.join("/")}`;
  const why = `open ${name} in the container's root`;
  if (parts.length === 0) return openInRoot(root, ".", "folder", origin, why, out);
  const missing: Step[] = [];
  let parent = root;
  for (let depth = 1; depth <= parts.length; depth++) {
    const prefix = parts.slice(0, depth).join("/");
    const last = depth === parts.length;
    const here = last ? out : newSlot(child.variables, "fd", `/${prefix}`);
    missing.push(...ensureComponent(root, parent, prefix, last ? kind : "folder", origin, here));
    parent = here;
  }
  return openInRoot(root, parts.join("/"), kind === "folder" ? "folder" : "any", origin, why, out, {
    onError: [["ENOENT", missing]],
  });
}

function ensureComponent(
  root: Slot<"fd">,
  parent: Slot<"fd">,
  prefix: string,
  kind: "folder" | "file",
  origin: string,
  out: Slot<"fd">,
): Step[] {
  const name = prefix.slice(prefix.lastIndexOf("/") + 1);
  const make =
    kind === "folder"
      ? step("mkdirat", [parent, name, 0o755], origin, `make the folder /${prefix} in the container's root`)
      : step("mknodat", [parent, name, 0o100644, { major: 0, minor: 0 }], origin, `make the file /${prefix} to mount on`);
  const how = kind === "folder" ? justMadeFolder : justMadeFile;
  const open = step("openat2", [parent, name, how, OPEN_HOW_BYTES], origin, `open /${prefix}, just made`, { out });
  return [
    openInRoot(root, prefix, kind === "folder" ? "folder" : "any", origin, `look for /${prefix}`, out, {
      onError: [["ENOENT", [make, open]]],
    }),
  ];
}

/** Goes on only if `slot & mask` is `value`. */
export const expectEqual = (
  slot: Slot<"int">,
  mask: number,
  value: number,
  origin: string,
  why: string,
  refused: string,
): Step => compute([slot, 0, 0, mask], origin, why, { expect: { value, refused } });

export const pointerTo = (buffer: Buffer, offset = 0) => address(buffer, offset);
