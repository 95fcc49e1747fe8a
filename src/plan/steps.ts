// The few idioms that every part of a plan uses: opening a path inside the container's root, and letting a fallback
// speak for old kernels.

import { components } from "../linux/components.ts";
import {
  address,
  type Buffer,
  compute,
  type ErrorTable,
  newSlot,
  type Slot,
  type Step,
  type StepOptions,
  type Struct,
  step,
} from "../tape/step.ts";
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
/** The same for a place that must be what it seems: not even a link that stays inside. */
const plainFolder: Struct = { ...inRootFolder, resolve: ["RESOLVE_BENEATH", "RESOLVE_NO_SYMLINKS"] };

/** A plain folder is reached without any link. */
export type Kind = "folder" | "plain folder" | "file" | "any";

const howToOpen: Readonly<Record<Kind, Struct>> = { folder: inRootFolder, "plain folder": plainFolder, file: inRootPath, any: inRootPath };

/** Opens what is at `path` inside `root`; it must exist. */
export const openInRoot = (
  root: Slot<"fd">,
  path: string,
  kind: Kind,
  origin: string,
  why: string,
  out: Slot<"fd">,
  more?: Pick<StepOptions, "onError" | "ok">,
): Step =>
  step("openat2", [root, path, howToOpen[kind], OPEN_HOW_BYTES], origin, why, {
    out,
    ...more,
    onError: [...openAgain, ...((more?.onError ?? []) as ErrorTable)],
  });

/**
 * A `..` on the way, as in a link, cannot be trusted while anything on the machine is renamed or mounted: the kernel says so, and
 * the next try may do (openat2(2), EAGAIN).
 */
const openAgain: ErrorTable = [["EAGAIN", "again"]];

/**
 * Opens `path` inside `root`, making what is missing: folders 0755, and for a file an empty one. When it all exists,
 * that is one step; else a mkdirat and an open for each component, below a descriptor and never along a path. That one
 * exists is no error: it was there, or another container on the same root has just made it. `ok`: what follows when it
 * was all there.
 */
export function ensureInRoot(
  child: ChildVariables,
  root: Slot<"fd">,
  path: string,
  kind: Exclude<Kind, "any">,
  origin: string,
  out: Slot<"fd">,
  ok: readonly Step[] = [],
): Step {
  const parts = components(path);
  const place = kind === "plain folder" ? "the container's root, without following a link" : "the container's root";
  const why = `open /${parts.join("/")} in ${place}`;
  if (parts.length === 0) return openInRoot(root, ".", "folder", origin, why, out, { ok });
  const missing: Step[] = [];
  let parent = root;
  for (let depth = 1; depth <= parts.length; depth++) {
    const prefix = parts.slice(0, depth).join("/");
    const name = parts[depth - 1] as string;
    const last = depth === parts.length;
    const here = last ? out : newSlot(child.variables, "fd", `/${prefix}`);
    const kindHere = last || kind === "plain folder" ? kind : "folder";
    const opened = (more?: Pick<StepOptions, "onError">): Step =>
      openInRoot(root, prefix, kindHere, origin, `open /${prefix} in ${place}`, here, more);
    const links = kindHere === "plain folder" ? undefined : child.danglingLinks;
    const target = links !== undefined && Object.hasOwn(links, prefix) ? links[prefix] : undefined;
    missing.push(
      makeHere(parent, name, prefix, kindHere, origin),
      target === undefined
        ? opened()
        : opened({ onError: [["ENOENT", [...makeTarget(child, root, prefix, target, kindHere, origin), opened()]]] }),
    );
    parent = here;
  }
  return openInRoot(root, parts.join("/"), kind, origin, why, out, { ok, onError: [["ENOENT", missing]] });
}

/** What the link `/var/run` leads to, made so that it leads somewhere; it is opened by the link all the same, in case that has changed. */
function makeTarget(
  child: ChildVariables,
  root: Slot<"fd">,
  link: string,
  target: string,
  kind: Exclude<Kind, "any">,
  origin: string,
): readonly Step[] {
  const made = newSlot(child.variables, "fd", `/${target}, where /${link} leads`);
  return [
    ensureInRoot({ ...child, danglingLinks: undefined }, root, target, kind, origin, made),
    step("close", [made], origin, `/${link} leads there now`),
  ];
}

const exists: ErrorTable = [["EEXIST", []]];

const makeHere = (parent: Slot<"fd">, name: string, prefix: string, kind: Kind, origin: string): Step =>
  kind === "file"
    ? step("mknodat", [parent, name, 0o100644, { major: 0, minor: 0 }], origin, `make the file /${prefix} to mount on`, { onError: exists })
    : step("mkdirat", [parent, name, 0o755], origin, `make the folder /${prefix} in the container's root`, { onError: exists });

/** Goes on only if `slot & mask` is `value`. */
export const expectEqual = (slot: Slot<"int">, mask: number, value: number, origin: string, why: string, refused: string): Step =>
  compute([slot, 0, 0, mask], origin, why, { expect: { value, refused } });

export const pointerTo = (buffer: Buffer, offset = 0) => address(buffer, offset);
