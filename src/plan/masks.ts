// Masked and read-only paths. A masked file is covered by the host's /dev/null, taken and verified before anything of
// the container is touched (CVE-2025-31133); a masked folder by the empty read-only one. What does not exist is no
// leak, and is passed over.

import { BoxError } from "../errors.ts";
import { components } from "../linux/components.ts";
import { structFields } from "../linux/structs.ts";
import { type ErrorTable, type Slot, type Step, slotIn, step } from "../tape/step.ts";
import { setAttributes } from "./attributes.ts";
import { type Building, newFd } from "./builder.ts";
import { attach } from "./root.ts";
import { expectEqual, openInRoot, pointerTo } from "./steps.ts";

/** Opens the host's /dev/null and makes sure that it is the character device 1:3. */
export function openNull(building: Building): { steps: Step[]; nullFile: Slot<"fd"> } {
  const origin = "linux.maskedPaths";
  const nullFile = newFd(building, "the host's /dev/null");
  const rdev = slotIn("int", building.statx, statxOffset("rdev_major"), "device number of /dev/null");
  const mode = slotIn("int", building.statx, statxOffset("mode"), "mode of /dev/null");
  const refused = "the host's /dev/null is not the null device";
  return {
    nullFile,
    steps: [
      step("openat", ["AT_FDCWD", "/dev/null", ["O_PATH", "O_NOFOLLOW", "O_CLOEXEC"], 0], origin, "open the host's /dev/null", {
        out: nullFile,
      }),
      step("statx", [nullFile, "", ["AT_EMPTY_PATH"], ["STATX_TYPE"], pointerTo(building.statx)], origin, "look at /dev/null"),
      expectEqual(mode, 0o170000, 0o020000, origin, "check that /dev/null is a character device", refused),
      // rdev_major and rdev_minor are two adjacent 32-bit fields: 1 and 3.
      expectEqual(rdev, -1, 3 * 4294967296 + 1, origin, "check that /dev/null is device 1:3", refused),
    ],
  };
}

export const statxOffset = (field: string): number => structFields.statx.fields[field]?.offset as number;

// Here and below nothing is closed: these few descriptors are dropped with all others (settle.ts), and every step is time
// before the container.

/** Covers each of linux.maskedPaths, and one that is there twice once: what opens as a folder by the empty one, anything else by /dev/null. */
export function maskPaths(building: Building, nullFile: Slot<"fd">, empty: Slot<"fd">): Step[] {
  const paths = building.spec.linux?.maskedPaths ?? [];
  const target = newFd(building, "masked path");
  const cover = newFd(building, "cover");
  const steps: Step[] = [];
  const known: string[] = [];
  for (let index = 0; index < paths.length; index++) {
    const path = paths[index] as string;
    const origin = `linux.maskedPaths[${index}]`;
    const inside = belowRoot(path, origin);
    // A second cover would lie over the first. One below another stays, since by a link it may name something elsewhere.
    if (known.includes(inside)) continue;
    known.push(inside);
    const coverWith = (source: Slot<"fd">, what: string): Step[] => [
      step("open_tree", [source, "", ["OPEN_TREE_CLONE", "OPEN_TREE_CLOEXEC", "AT_EMPTY_PATH"]], origin, `copy ${what} as a mount`, {
        out: cover,
      }),
      attach(cover, target, origin, `mask ${path}`),
    ];
    const asFile = openInRoot(building.root, inside, "any", origin, `look for the file ${path}`, target, {
      onError: nothingThere,
      ok: coverWith(nullFile, "/dev/null"),
    });
    steps.push(
      openInRoot(building.root, inside, "folder", origin, `look for the folder ${path}`, target, {
        onError: [
          ["ENOENT", []],
          ["ENOTDIR", [asFile]],
        ],
        ok: coverWith(empty, "the empty folder"),
      }),
    );
  }
  return steps;
}

/** The path from the root's descriptor. The root itself would be looked for by no name at all, and passed over as absent. */
export function belowRoot(path: string, origin: string): string {
  const inside = components(path).join("/");
  if (inside !== "") return inside;
  const hint = "root.readonly makes the root read-only";
  throw new BoxError({
    what: "the configuration is not valid",
    faults: [{ path: origin, expected: "a path below /", got: JSON.stringify(path), hint }],
  });
}

const nothingThere: ErrorTable = [
  ["ENOENT", []],
  ["ENOTDIR", []],
];

/** Makes each of linux.readonlyPaths a read-only mount of itself. */
export function protectPaths(building: Building): Step[] {
  const paths = building.spec.linux?.readonlyPaths ?? [];
  const target = newFd(building, "read-only path");
  const copy = newFd(building, "copy");
  const readOnly = { set: ["MOUNT_ATTR_RDONLY"], clear: [], reach: "below if possible" } as const;
  const steps: Step[] = [];
  const masked = building.spec.linux?.maskedPaths ?? [];
  const known: string[] = [];
  for (let index = 0; index < paths.length; index++) {
    const path = paths[index] as string;
    const origin = `linux.readonlyPaths[${index}]`;
    const why = `make ${path} read-only`;
    const inside = belowRoot(path, origin);
    // What is masked shows nothing that could be written.
    if (masked.includes(path) || known.includes(inside)) continue;
    known.push(inside);
    const protect = openInRoot(building.root, inside, "any", origin, `look for ${path}`, target, {
      onError: nothingThere,
      ok: [
        step(
          "open_tree",
          [target, "", ["OPEN_TREE_CLONE", "OPEN_TREE_CLOEXEC", "AT_EMPTY_PATH", "AT_RECURSIVE"]],
          origin,
          `copy ${path} as a mount`,
          {
            out: copy,
          },
        ),
        attach(copy, target, origin, why),
        ...setAttributes(building, copy, readOnly, origin, why),
      ],
    });
    steps.push(protect);
  }
  return steps;
}
