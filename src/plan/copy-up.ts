// `tmpcopyup` of a tmpfs: it begins with a copy of what the folder that it covers holds. What that is nobody knows when the
// plan is made, so this is a program: it goes through the folder and those below it, one entry at a time, and needs no more
// descriptors than there are levels. Left out: devices and sockets, times, extended attributes.
//
// A tape has no indirect loads. A file in memory stands in for them: an entry is written to it from where it lies, and read
// back to where its fields are known. Behind the entry it holds zeros, and then a frame for each folder that waits.
//
//   folder ──▶ entry ──▶ next ──▶ entry …          an entry that is a folder: keep the frame, go on there
//     ▲                    │ no more of this read   at a folder's end: take the frame back, or be done
//     └────────────────────┘

import { flags } from "../linux/flags.ts";
import { address, compute, newBuffer, type Slot, type Step, slotIn, step } from "../tape/step.ts";
import { type Building, newFd, newInt } from "./builder.ts";
import { statxOffset } from "./masks.ts";

const { S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG } = flags.S_IF;

/** Of struct linux_dirent64 (getdents64(2)): where its fields are, and how much of it is looked at. */
const dirent = { next: 8, length: 16, name: 19, bytes: 32 } as const;
/** In the file in memory: the entry at 0, then zeros, then frames. */
const zeros = 32;
const frames = 64;
const frameBytes = 24;
const ENTRIES_BYTES = 4096;
const LINK_BYTES = 4096;
/** The most that sendfile(2) moves at once. */
const MOST = 0x7ffff000;

/** Copies what is in the folder `from` names into the root of the mount `to`. */
export function copyUp(building: Building, from: Slot<"fd">, to: Slot<"fd">, destination: string, origin: string): Step[] {
  const copy = newCopy(building, origin);
  const { folders, scratch, depth } = copy;
  const open = (folder: Slot<"fd">, out: Slot<"fd">, why: string): Step =>
    step("openat", [folder, ".", ["O_RDONLY", "O_DIRECTORY", "O_CLOEXEC"], 0], origin, why, { out });
  return [
    step("memfd_create", ["box-copy", ["MFD_CLOEXEC"]], origin, "make a file in memory to copy with", { out: scratch }),
    step("ftruncate", [scratch, frames], origin, "fill it with zeros"),
    open(from, folders.from, `read what ${destination} covers`),
    open(to, folders.to, "open the new folder"),
    compute([frames, 0, 0, -1], origin, "no folder waits yet", { out: depth }),
    ...eachEntry(copy),
    ...copyOther(copy),
    ...copyFile(copy),
    ...copyLink(copy),
    ...enterFolder(copy),
    ...leaveFolder(copy),
    step("close", [scratch], origin, "done with it", { label: copy.label("copied") }),
  ];
}

type Copy = ReturnType<typeof newCopy>;

function newCopy(building: Building, origin: string) {
  const { variables } = building.child;
  const frame = newBuffer(variables, "frame", frameBytes);
  const entry = newBuffer(variables, "entry", dirent.bytes);
  const label = (name: string): string => `${origin}: ${name}`;
  return {
    origin,
    label,
    goTo: (name: string, why = "go on"): Step => compute([0, 0, 0, -1], origin, why, { goto: label(name) }),
    frame,
    folders: { from: newFd(building, "folder"), to: newFd(building, "its copy") },
    waiting: {
      from: slotIn("int", frame, 0, "folder that waits"),
      to: slotIn("int", frame, 8, "its copy that waits"),
      resume: slotIn("int", frame, 16, "where to go on in it"),
    },
    entries: newBuffer(variables, "entries", ENTRIES_BYTES + dirent.bytes),
    entry,
    nextEntry: slotIn("int", entry, dirent.next, "place of the next entry"),
    lengthOfEntry: slotIn("int", entry, dirent.length, "length of the entry"),
    startOfName: slotIn("int", entry, dirent.name, "start of the name"),
    link: newBuffer(variables, "link", LINK_BYTES),
    statx: building.statx,
    found: {
      mode: slotIn("int", building.statx, statxOffset("mode"), "mode of the entry"),
      uid: slotIn("int", building.statx, statxOffset("uid"), "owner of the entry"),
      gid: slotIn("int", building.statx, statxOffset("gid"), "group of the entry"),
    },
    scratch: newFd(building, "file to copy with"),
    from: newFd(building, "entry opened"),
    to: newFd(building, "its copy opened"),
    at: newInt(building, "address of the entry"),
    end: newInt(building, "end of the entries"),
    length: newInt(building, "length"),
    name: newInt(building, "name"),
    depth: newInt(building, "place of the next frame"),
    mode: newInt(building, "mode"),
    uid: newInt(building, "uid"),
    gid: newInt(building, "gid"),
  };
}

function eachEntry(copy: Copy): Step[] {
  const { origin, label, goTo, folders, entries, entry, scratch, at, end, length, name, found, mode, uid, gid } = copy;
  const skip = (mask: number, value: number): Step =>
    compute([copy.startOfName, 0, 0, mask], origin, "is it the folder itself, or the one above?", {
      equal: { value, steps: [goTo("next")] },
    });
  const kind = (value: number, what: string): Step =>
    compute([found.mode, 0, 0, S_IFMT], origin, `is it a ${what}?`, { equal: { value, steps: [goTo(what)] } });
  return [
    step("getdents64", [folders.from, address(entries), ENTRIES_BYTES], origin, "read some of its entries", {
      label: label("read"),
      out: length,
      equal: { value: 0, steps: [goTo("leave")] },
    }),
    compute([address(entries), 0, 0, -1], origin, "begin with the first", { out: at }),
    compute([address(entries), length, 0, -1], origin, "know the end", { out: end }),
    step("pwrite64", [scratch, at, dirent.bytes, 0], origin, "look at the entry", { label: label("entry") }),
    step("pread64", [scratch, address(entry), dirent.bytes, 0], origin, "look at the entry"),
    compute([at, dirent.name, 0, -1], origin, "know its name", { out: name }),
    compute([copy.lengthOfEntry, 0, 0, 0xffff], origin, "know its length", { out: length }),
    compute([at, length, 0, -1], origin, "know the next one", { out: at }),
    skip(0xffff, 0x2e),
    skip(0xffffff, 0x2e2e),
    step("statx", [folders.from, name, ["AT_SYMLINK_NOFOLLOW"], ["STATX_BASIC_STATS"], address(copy.statx)], origin, "see what it is"),
    compute([found.uid, 0, 0, 0xffffffff], origin, "keep its owner", { out: uid }),
    compute([found.gid, 0, 0, 0xffffffff], origin, "keep its group", { out: gid }),
    compute([found.mode, 0, 0, 0o7777], origin, "keep its mode", { out: mode }),
    kind(S_IFREG, "file"),
    kind(S_IFDIR, "folder"),
    kind(S_IFLNK, "link"),
  ];
}

/** A FIFO is made anew; devices and sockets are passed over. Then the next entry. */
function copyOther({ origin, label, goTo, folders, name, found, mode, uid, gid, at, end }: Copy): Step[] {
  const fifo = [
    step("mknodat", [folders.to, name, S_IFIFO | 0o600, { major: 0, minor: 0 }], origin, "make a FIFO"),
    step("fchownat", [folders.to, name, uid, gid, ["AT_SYMLINK_NOFOLLOW"]], origin, "give it its owner", { onError: unmapped }),
    step("fchmodat", [folders.to, name, mode], origin, "give it its mode"),
  ];
  return [
    compute([found.mode, 0, 0, S_IFMT], origin, "is it a FIFO?", { equal: { value: S_IFIFO, steps: fifo } }),
    compute([end, 0, at, -1], origin, "was it the last that was read?", {
      label: label("next"),
      equal: { value: 0, steps: [goTo("read")] },
      goto: label("entry"),
    }),
  ];
}

/** In a user namespace that has no such id, what is copied stays its root's. */
const unmapped = [["EINVAL", []]] as const;

function copyFile({ origin, label, folders, name, from, to, mode, uid, gid, goTo }: Copy): Step[] {
  return [
    step("openat", [folders.from, name, ["O_RDONLY", "O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC"], 0], origin, "open the file", {
      label: label("file"),
      out: from,
    }),
    step("openat", [folders.to, name, ["O_WRONLY", "O_CREAT", "O_EXCL", "O_NOFOLLOW", "O_CLOEXEC"], 0o600], origin, "make its copy", {
      out: to,
    }),
    step("sendfile", [to, from, null, MOST], origin, "copy what is in it", {
      label: label("bytes"),
      equal: { value: 0, steps: [goTo("finish")] },
      goto: label("bytes"),
    }),
    step("fchown", [to, uid, gid], origin, "give it its owner", { label: label("finish"), onError: unmapped }),
    step("fchmod", [to, mode], origin, "give it its mode"),
    step("close", [to], origin, "done with it"),
    step("close", [from], origin, "done with it", { goto: label("next") }),
  ];
}

function copyLink({ origin, label, goTo, folders, name, link, length, scratch, uid, gid }: Copy): Step[] {
  return [
    step("readlinkat", [folders.from, name, address(link), LINK_BYTES - 1], origin, "read the link", { label: label("link"), out: length }),
    compute([address(link), length, 0, -1], origin, "know its end", { out: length }),
    step("pread64", [scratch, length, 1, zeros], origin, "put a zero there"),
    step("symlinkat", [address(link), folders.to, name], origin, "make the same link"),
    step("fchownat", [folders.to, name, uid, gid, ["AT_SYMLINK_NOFOLLOW"]], origin, "give it its owner", { onError: unmapped }),
    goTo("next"),
  ];
}

function enterFolder({ origin, label, folders, name, from, to, mode, uid, gid, frame, waiting, nextEntry, scratch, depth }: Copy): Step[] {
  const open = (folder: Slot<"fd">, out: Slot<"fd">, why: string): Step =>
    step("openat", [folder, name, ["O_RDONLY", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC"], 0], origin, why, { out });
  return [
    step("mkdirat", [folders.to, name, 0o700], origin, "make the folder's copy", { label: label("folder") }),
    open(folders.from, from, "open the folder"),
    open(folders.to, to, "open its copy"),
    step("fchown", [to, uid, gid], origin, "give it its owner", { onError: unmapped }),
    step("fchmod", [to, mode], origin, "give it its mode"),
    compute([folders.from, 0, 0, -1], origin, "remember the folder above", { out: waiting.from }),
    compute([folders.to, 0, 0, -1], origin, "and its copy", { out: waiting.to }),
    compute([nextEntry, 0, 0, -1], origin, "and where to go on", { out: waiting.resume }),
    step("pwrite64", [scratch, address(frame), frameBytes, depth], origin, "let it wait"),
    compute([depth, frameBytes, 0, -1], origin, "one more waits", { out: depth }),
    compute([from, 0, 0, -1], origin, "go on in the folder", { out: folders.from }),
    compute([to, 0, 0, -1], origin, "and in its copy", { out: folders.to, goto: label("read") }),
  ];
}

function leaveFolder({ origin, label, goTo, folders, frame, waiting, scratch, depth }: Copy): Step[] {
  return [
    step("close", [folders.from], origin, "done with the folder", { label: label("leave") }),
    step("close", [folders.to], origin, "and with its copy"),
    compute([depth, 0, frames, -1], origin, "does none wait?", { equal: { value: 0, steps: [goTo("copied")] } }),
    compute([depth, 0, frameBytes, -1], origin, "take the one that waited last", { out: depth }),
    step("pread64", [scratch, address(frame), frameBytes, depth], origin, "take the one that waited last"),
    compute([waiting.from, 0, 0, -1], origin, "go on in it", { out: folders.from }),
    compute([waiting.to, 0, 0, -1], origin, "and in its copy", { out: folders.to }),
    step("lseek", [folders.from, waiting.resume, 0], origin, "behind the entry that was entered", { goto: label("read") }),
  ];
}
