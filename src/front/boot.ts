// Is there a start to go on from? The tape that box's process begins with: a file that root alone could have made, made by
// just this executable. Any other answer, and any error, stops the tape, which means a plain start.
//
//   kept start:  magic | exe's identity: 5 words | where the restore tape is, its bytes, and the file's | … 4096 | memory | restore tape
//
// The words of an identity are those of statx(2) that another build, or another file in its place, cannot share.

import { structFields } from "../linux/structs.ts";
import { address, type Buffer, compute, newBuffer, newSlot, type Slot, type Step, slotIn, step, type Variables } from "../tape/step.ts";
import { KEPT_FOLDER, RESTORE_ADDRESS } from "./layout.ts";
import { wordOf } from "./shared-words.ts";

/** How a kept start begins, by offset. */
export const keptStart = { magic: 0, identity: 8, tapeAt: 48, tapeBytes: 56, fileBytes: 64, bytes: 72, memory: 4096 } as const;
export const KEPT_MAGIC = "boxstart";

const fields = structFields.statx.fields;
const offsetOf = (field: "uid" | "mode" | "ino" | "size" | "ctime" | "dev_major"): number => fields[field]?.offset as number;
/** Inode, size, time of the last change in seconds and nanoseconds, device. */
export const identityOffsets = [offsetOf("ino"), offsetOf("size"), offsetOf("ctime"), offsetOf("ctime") + 8, offsetOf("dev_major")];

const origin = "start";
const TWO_32 = 2 ** 32;
const S_IFDIR = 0o040000;
export const S_IFREG = 0o100000;
/** Type, and what group and others may do. */
const OTHERS = 0o170077;

/** The list that looks, and the one for when it stops: nothing stays open, and there is no kept start. */
export function bootSteps(start: string, variables: Variables, base: number): { readonly look: Step[]; readonly giveUp: Step[] } {
  const folder = newSlot(variables, "fd", "folder of what is kept");
  const file = wordOf(base)("fd", "file");
  return { look: look(start, variables, base, folder, file), giveUp: giveUp([folder, file]) };
}

/** For a list that runs when another fails: closes what that one has opened, and fails. */
export const giveUp = (files: readonly Slot<"fd">[]): Step[] => [
  ...files.map((file) => step("close", [file], origin, "do without it", { onError: "ignore" })),
  compute([0, 0, 1, -1], origin, "begin plainly"),
];

function look(start: string, variables: Variables, base: number, folder: Slot<"fd">, file: Slot<"fd">): Step[] {
  const word = wordOf(base);
  const about = newBuffer(variables, "statx", structFields.statx.bytes);
  return [
    // Where one is closed, Bun opens the null device in its place, and what is opened here would be taken for it.
    ...[0, 1, 2].map((stdio) => step("fcntl", [stdio, ["F_GETFD"], 0], origin, `see that descriptor ${stdio} is open`)),
    step("openat", ["AT_FDCWD", KEPT_FOLDER, ["O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC"], 0], origin, "look for a kept start", {
      out: folder,
    }),
    ...isRoots(folder, about, S_IFDIR),
    step("openat", [folder, start, ["O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC"], 0], origin, "open it", { out: file }),
    ...mapTape(file, KEPT_MAGIC, about, variables),
    step("close", [folder], origin, "done with it"),
    compute([RESTORE_ADDRESS, 0, 0, -1], origin, "go on with that tape", { out: word("int", "restore") }),
  ];
}

/** Maps the tape of a file that begins as `keptStart` says, if it is root's alone, whole, and made by just this executable. */
export function mapTape(file: Slot<"fd">, magic: string, about: Buffer, variables: Variables): Step[] {
  const kept = newBuffer(variables, "how it begins", keptStart.bytes);
  const tapeAt = slotIn("int", kept, keptStart.tapeAt, "place of its tape");
  const tapeBytes = slotIn("int", kept, keptStart.tapeBytes, "the tape's bytes");
  const there = newSlot(variables, "int", "where it goes");
  return [
    ...isRoots(file, about, S_IFREG),
    step("pread64", [file, address(kept), keptStart.bytes, 0], origin, "read how it begins", {
      expect: { value: keptStart.bytes, refused: "it is cut short" },
    }),
    ...isText(kept, magic, variables),
    compute(
      [slotIn("int", about, offsetOf("size"), "its bytes"), 0, slotIn("int", kept, keptStart.fileBytes, "all of them"), -1],
      origin,
      "is it whole?",
      {
        expect: { value: 0, refused: "it is cut short" },
      },
    ),
    step("statx", ["AT_FDCWD", "/proc/self/exe", [], ["STATX_BASIC_STATS"], address(about)], origin, "look at box's own file"),
    ...isIdentical(about, kept, keptStart.identity, "box's file"),
    compute([RESTORE_ADDRESS, 0, 0, -1], origin, "a place below box's own tapes", { out: there }),
    step(
      "mmap",
      [there, tapeBytes, ["PROT_READ", "PROT_WRITE"], ["MAP_PRIVATE", "MAP_FIXED_NOREPLACE"], file, tapeAt],
      origin,
      "map its tape",
      {
        expect: { value: RESTORE_ADDRESS, refused: "something is there" },
      },
    ),
  ];
}

/** Root's, of that type, and nothing for group and others: nobody else can have written it. */
export function isRoots(file: Slot<"fd">, about: Buffer, type: number): Step[] {
  const uid = slotIn("int", about, offsetOf("uid") - 4, "its links and owner");
  const mode = slotIn("int", about, offsetOf("mode") - 4, "its group and mode");
  return [
    step("statx", [file, "", ["AT_EMPTY_PATH"], ["STATX_BASIC_STATS"], address(about)], origin, "look whose it is"),
    compute([uid, 0, 0, 0xffff_ffff * TWO_32], origin, "take its owner", { expect: { value: 0, refused: "it is not root's" } }),
    compute([mode, 0, 0, OTHERS * TWO_32], origin, "take its mode", { expect: { value: type * TWO_32, refused: "others may use it" } }),
  ];
}

/** Both hold the same words of statx: `expected` in a row from `from` on. */
export function isIdentical(about: Buffer, expected: Buffer, from: number, what: string): Step[] {
  return identityOffsets.map((offset, index) => {
    const now = slotIn("int", about, offset, "as it is");
    const then = slotIn("int", expected, from + 8 * index, "as it was");
    return compute([now, 0, then, -1], origin, `compare ${what} with what it was`, { expect: { value: 0, refused: "it is another" } });
  });
}

/** The buffer begins with those eight bytes. */
export function isText(buffer: Buffer, text: string, variables: Variables): Step[] {
  const expected = newBuffer(variables, text, text.length, new TextEncoder().encode(text));
  return [
    compute([slotIn("int", buffer, 0, "its first word"), 0, slotIn("int", expected, 0, text), -1], origin, "see what it is", {
      expect: { value: 0, refused: "it is no start" },
    }),
  ];
}
