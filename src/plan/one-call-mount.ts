// A new filesystem by mount(2), for what the newer calls cannot say: flags that fsconfig(2) has no word for, and options of
// more than 255 bytes, as the layers of an overlay easily have.
//
// mount(2) takes a path. It is "." in a folder of a tmpfs that only this container's first process has ever seen; from there
// the new mount is taken by its descriptor, and moved to its place as any other is.

import { BoxError } from "../errors.ts";
import type { Flag } from "../linux/flags.ts";
import { type Slot, type Step, step } from "../tape/step.ts";
import { setAttributes } from "./attributes.ts";
import { type Building, newFd } from "./builder.ts";
import type { FilesystemWanted } from "./filesystem.ts";
import { attach } from "./root.ts";
import { accessTimeModes } from "./sort-options.ts";

/** The longest value that fsconfig(2) takes, and all options together in mount(2): a page less the NUL at its end. */
const longestValue = 255;
const longestData = 4095;

/** Whether fsopen and fsconfig cannot make it. */
export function needsOneCall({ data, oldFlags }: Pick<FilesystemWanted, "data" | "oldFlags">): boolean {
  if (oldFlags !== undefined && oldFlags.length > 0) return true;
  for (const word of data) if (word.length > longestValue / 4 && valueBytes(word) > longestValue) return true;
  return false;
}

/** Throws a BoxError for a mount whose options no kernel would take. */
export function checkOneCall(wanted: Pick<FilesystemWanted, "type" | "data" | "oldFlags" | "origin">): void {
  if (needsOneCall(wanted)) sortWords(wanted);
}

const valueBytes = (word: string): number => new TextEncoder().encode(word.slice(word.indexOf("=") + 1)).length;

/** Words of fsconfig(2) that are flags of mount(2). */
const flagOf: Readonly<Record<string, Flag<"MS">>> = {
  ro: "MS_RDONLY",
  sync: "MS_SYNCHRONOUS",
  dirsync: "MS_DIRSYNC",
  mand: "MS_MANDLOCK",
  lazytime: "MS_LAZYTIME",
};
const opposite: Readonly<Record<string, string>> = { async: "sync", nomand: "mand", nolazytime: "lazytime" };

/** A word may be any, also one that every object has. */
const flagFor = (word: string): Flag<"MS"> | undefined => (Object.hasOwn(flagOf, word) ? flagOf[word] : undefined);

/** The mount, attached in a folder of box's own until it is moved. `words`: its options, where a label comes with them. */
export function mountByOneCall(building: Building, wanted: FilesystemWanted, words = wanted.data): Step[] {
  const { type, source, attributes, origin, why, out } = wanted;
  const { flags, data } = sortWords({ ...wanted, data: words });
  const folder = workFolder(building);
  const place = newFd(building, `folder for ${type}`);
  const name = String(folder.mounts++);
  const open = (into: Slot<"fd">, what: string): Step =>
    step("openat", [folder.slot, name, ["O_PATH", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC"], 0], origin, what, { out: into });
  return [
    step("mkdirat", [folder.slot, name, 0o700], origin, "make a folder that nobody else knows"),
    open(place, "open it"),
    step("fchdir", [place], origin, "stand in it"),
    step("mount", [source, ".", type, flags, data === "" ? null : data], origin, why),
    open(out, "take the new mount"),
    step("close", [place], origin, "done with it"),
    ...setAttributes(building, out, { set: attributes, clear: timesOf(attributes), reach: "this" }, origin, `set the options of ${type}`),
  ];
}

/** A mode of access times replaces the whole field, else mount_setattr(2) gives EINVAL. */
function timesOf(attributes: readonly Flag<"MOUNT_ATTR">[]): readonly Flag<"MOUNT_ATTR">[] {
  for (const name of attributes) if (accessTimeModes.has(name)) return ["MOUNT_ATTR__ATIME"];
  return [];
}

/** Throws a BoxError for more than the kernel would read: it cuts off the rest without a word. */
function sortWords({ type, data, oldFlags = [], origin }: Parameters<typeof checkOneCall>[0]): { flags: Flag<"MS">[]; data: string } {
  const flags: Flag<"MS">[] = [...oldFlags];
  const words: string[] = [];
  for (const word of data) {
    const flag = flagFor(word);
    const not = Object.hasOwn(opposite, word) ? flagFor(opposite[word] as string) : undefined;
    if (flag !== undefined && !flags.includes(flag)) flags.push(flag);
    else if (not !== undefined) flags.splice(0, flags.length, ...flags.filter((one) => one !== not));
    else if (flag === undefined) words.push(word);
  }
  const text = words.join(",");
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > longestData) {
    const hint = type === "overlay" ? { hint: "shorter paths help, such as links to the layers" } : {};
    const problem = `has ${bytes} bytes of options for ${type}, and the kernel takes ${longestData}`;
    throw new BoxError({ what: "the configuration is not valid", faults: [{ path: `${origin}.options`, problem, ...hint }] });
  }
  return { flags, data: text };
}

type WorkFolder = NonNullable<Building["workFolder"]["made"]>;

function workFolder(building: Building): WorkFolder {
  building.workFolder.made ??= { slot: newFd(building, "folder of mounts under way"), mounts: 0 };
  return building.workFolder.made;
}

/**
 * The tmpfs for all of them, below the container's root, where nothing of the container reaches. To be planned after the
 * mounts: empty when none has needed it.
 */
export function makeWorkFolder(building: Building): Step[] {
  const { made } = building.workFolder;
  if (made === undefined) return [];
  const context = newFd(building, "context of that folder");
  const why = "make a folder for mounts under way";
  return [
    step("fsopen", ["tmpfs", ["FSOPEN_CLOEXEC"]], "mounts", why, { out: context }),
    step("fsconfig", [context, ["FSCONFIG_SET_STRING"], "mode", "700", 0], "mounts", "keep it to box"),
    step("fsconfig", [context, ["FSCONFIG_CMD_CREATE"], null, null, 0], "mounts", why),
    step("fsmount", [context, ["FSMOUNT_CLOEXEC"], ["MOUNT_ATTR_NOSUID", "MOUNT_ATTR_NODEV", "MOUNT_ATTR_NOEXEC"]], "mounts", why, {
      out: made.slot,
    }),
    step("close", [context], "mounts", "done with it"),
    attach(made.slot, building.rootFolder, "mounts", "keep it below the container's root"),
  ];
}
