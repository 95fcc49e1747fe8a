// A procfs that nothing of the container can have touched, and files of it for writing. What box writes below /proc goes
// through these: a path in the container's own /proc can be led to another file (CVE-2025-52881).

import { filesystemMagic } from "../linux/magic.ts";
import { structFields } from "../linux/structs.ts";
import { type ErrorTable, newBuffer, type Slot, type Step, type Struct, slotIn, step } from "../tape/step.ts";
import { type Building, newFd } from "./builder.ts";
import { expectEqual, OPEN_HOW_BYTES, pointerTo } from "./steps.ts";

/** The steps that stop unless `file` lies on a procfs. */
export function verifyProcfs(building: Building, file: Slot<"fd">, origin: string, why: string): Step[] {
  const statfs = newBuffer(building.child.variables, "statfs", structFields.statfs.bytes);
  const magic = slotIn("int", statfs, 0, "filesystem of /proc");
  return [
    step("fstatfs", [file, pointerTo(statfs)], origin, "look at its filesystem"),
    expectEqual(magic, -1, filesystemMagic.PROC_SUPER_MAGIC, origin, why, "it does not lie on a procfs"),
  ];
}

/**
 * Opens a procfs of box's own, attached nowhere. Where a user namespace may make none (it would show more than what the
 * host has left of its own, or belongs to the host's pid namespace), it is the host's, opened before a root covers it.
 */
export function openProcfs(building: Building, out: Slot<"fd">, origin: string): Step[] {
  const { context } = building.child;
  const why = "make a procfs that the container cannot reach";
  const ofHost = step(
    "openat",
    ["AT_FDCWD", "/proc", ["O_PATH", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC"], 0],
    origin,
    "open the host's /proc",
    {
      out,
    },
  );
  // In a joined mount namespace, /proc is the container's.
  const onError: ErrorTable = building.namespaces.joined.has("mount") ? [] : [["EPERM", [ofHost]]];
  const attributes = ["MOUNT_ATTR_NOSUID", "MOUNT_ATTR_NODEV", "MOUNT_ATTR_NOEXEC"] as const;
  return [
    step("fsopen", ["proc", ["FSOPEN_CLOEXEC"]], origin, why, { out: context }),
    step("fsconfig", [context, ["FSCONFIG_CMD_CREATE"], null, null, 0], origin, why, {
      ok: [step("fsmount", [context, ["FSMOUNT_CLOEXEC"], attributes], origin, why, { out, onError })],
      onError,
    }),
    step("close", [context], origin, "done with it"),
    ...verifyProcfs(building, out, origin, why),
  ];
}

/** One file of that procfs, itself and not what lies over it or where a link leads. */
const plainFile: Struct = {
  struct: "open_how",
  flags: ["O_WRONLY", "O_CLOEXEC"],
  resolve: ["RESOLVE_BENEATH", "RESOLVE_NO_SYMLINKS", "RESOLVE_NO_XDEV"],
};

/** Writes a text to `path` of the procfs `proc`, in one piece. */
export function writeInProcfs(building: Building, proc: Slot<"fd">, path: string, text: string, origin: string, why: string): Step[] {
  const file = newFd(building, path);
  return [
    step("openat2", [proc, path, plainFile, OPEN_HOW_BYTES], origin, why, { out: file }),
    step("write", [file, text, bytesOf(text)], origin, why),
    step("close", [file], origin, "done with it"),
  ];
}

/**
 * Writes a text to a file of this process in the host's /proc. Only for a process that has just come from box: nothing
 * of the container exists by then, and the file still belongs to this process (later it is root's, proc(5)).
 */
export function writeOwnFile(building: Building, name: string, text: string, origin: string, why: string): Step[] {
  const file = newFd(building, name);
  return [
    step("openat", ["AT_FDCWD", `/proc/self/${name}`, ["O_WRONLY", "O_CLOEXEC"], 0], origin, why, { out: file }),
    ...verifyProcfs(building, file, origin, why),
    step("write", [file, text, bytesOf(text)], origin, why),
    step("close", [file], origin, "done with it"),
  ];
}

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;
