// The tape that asks about one process: whose it is, its stat file, the names of its open files and its namespaces. It is
// made once and run for every process, with another path; so that two thousand of them are a few thousand calls of native
// code and not fifty thousand. src/execute/probe-processes.ts makes sense of what it leaves.

import { namespaceLinks } from "../linux/namespace-types.ts";
import { encodeTape } from "../tape/encode.ts";
import { address, type Buffer, newBuffer, newVariables, type Slot, type Step, slotIn, step } from "../tape/step.ts";
import * as libc from "./libc.ts";

/** Room for `cgroup:[4026531835]`; the last byte of a place stays NUL. */
export const LINK_BYTES = 32;
/** How many links of open files are read at a time. */
export const BATCH = 8;
const PATH_BYTES = 48;
const STAT_BYTES = 1024;
export const NAMES_BYTES = 32_768;
const STATUS_BYTES = 256;

/** Results, eight bytes each; all are -1 before a run. */
export const result = { folder: 0, file: 1, open: 2, statLength: 3, namesLength: 4, count: 5 } as const;

export type ProcessTape = {
  readonly image: Uint8Array;
  readonly entry: {
    /** All of it, for the folder of a process. */
    readonly process: number;
    /** The namespaces alone, for the folder of a thread. */
    readonly thread: number;
    /** The next links of open files: those that `wanted` has the names' addresses of. */
    readonly targets: number;
  };
  readonly path: Uint8Array;
  readonly stat: Uint8Array;
  /** A struct statx. */
  readonly status: Uint32Array;
  /** A place for each of namespaceLinks, zero before a run. */
  readonly links: Uint8Array;
  /** Records of getdents64(2), and where they are. */
  readonly names: Uint8Array;
  readonly namesAddress: number;
  /** Of a name that leads nowhere. */
  readonly emptyAddress: number;
  readonly results: Int32Array;
  /** Addresses, eight bytes each. */
  readonly wanted: Uint32Array;
  readonly targets: Uint8Array;
};

type Buffers = Readonly<Record<"path" | "stat" | "status" | "links" | "names" | "results" | "wanted" | "targets" | "empty", Buffer>>;

export function makeProcessTape(): ProcessTape {
  const variables = newVariables();
  const buffer = (name: string, bytes: number): Buffer => newBuffer(variables, name, bytes);
  const buffers: Buffers = {
    path: buffer("path", PATH_BYTES),
    stat: buffer("stat", STAT_BYTES),
    status: buffer("status", STATUS_BYTES),
    links: buffer("links", LINK_BYTES * namespaceLinks.length),
    names: buffer("names", NAMES_BYTES),
    results: buffer("results", result.count * 8),
    wanted: buffer("wanted", BATCH * 8),
    targets: buffer("targets", LINK_BYTES * BATCH),
    empty: buffer("empty", 8),
  };
  const where = { machine: libc.machine, base: libc.tapeMemory.address, status: libc.boxStatusAddress };
  const encoded = encodeTape([ofProcess(buffers), ofThread(buffers), ofTargets(buffers)], variables, where);
  const [process = 0, thread = 0, targets = 0] = encoded.entries;
  const bytes = (of: Buffer): Uint8Array => libc.bytesAt(encoded.addressOf(of), of.bytes);
  const words = (of: Buffer): Uint32Array => new Uint32Array(bytes(of).buffer, bytes(of).byteOffset, of.bytes >>> 2);
  return {
    image: encoded.image,
    entry: { process, thread, targets },
    path: bytes(buffers.path),
    stat: bytes(buffers.stat),
    status: words(buffers.status),
    links: bytes(buffers.links),
    names: bytes(buffers.names),
    namesAddress: encoded.addressOf(buffers.names),
    emptyAddress: encoded.addressOf(buffers.empty),
    results: new Int32Array(bytes(buffers.results).buffer, bytes(buffers.results).byteOffset, result.count * 2),
    wanted: words(buffers.wanted),
    targets: bytes(buffers.targets),
  };
}

const slotOf = <K extends "fd" | "int">(kind: K, { results }: Buffers, name: Exclude<keyof typeof result, "count">): Slot<K> =>
  slotIn(kind, results, result[name] * 8, name);

/** The links come last, so that the last error is theirs. */
const ofProcess = (buffers: Buffers): Step[] => [
  openFolder(buffers),
  ...readStatus(buffers),
  ...listOpen(buffers),
  ...readLinks(buffers),
  closeFolder(buffers),
];

const ofThread = (buffers: Buffers): Step[] => [openFolder(buffers), ...readLinks(buffers), closeFolder(buffers)];

const openFolder = (buffers: Buffers): Step =>
  step("openat", ["AT_FDCWD", address(buffers.path), ["O_PATH", "O_DIRECTORY", "O_CLOEXEC"], 0], "", "open the folder of a process", {
    out: slotOf("fd", buffers, "folder"),
  });

const closeFolder = (buffers: Buffers): Step => step("close", [slotOf("fd", buffers, "folder")], "", "close the folder of a process");

function readStatus(buffers: Buffers): Step[] {
  const [folder, file] = [slotOf("fd", buffers, "folder"), slotOf("fd", buffers, "file")];
  const out = slotOf("int", buffers, "statLength");
  return [
    // The folder's owner is the effective user whatever else the process is allowed (fs/proc/base.c, task_dump_owner).
    step("statx", [folder, "", ["AT_EMPTY_PATH"], ["STATX_UID"], address(buffers.status)], "", "whose it is", { onError: "ignore" }),
    step("openat", [folder, "stat", ["O_CLOEXEC"], 0], "", "open its stat file", { out: file, onError: "ignore" }),
    step("read", [file, address(buffers.stat), STAT_BYTES], "", "read its stat file", { out, onError: "ignore" }),
    step("close", [file], "", "close its stat file", { onError: "ignore" }),
  ];
}

function listOpen(buffers: Buffers): Step[] {
  const [folder, out] = [slotOf("fd", buffers, "folder"), slotOf("fd", buffers, "open")];
  const length = slotOf("int", buffers, "namesLength");
  const why = "open the list of its open files";
  return [
    step("openat", [folder, "fd", ["O_DIRECTORY", "O_CLOEXEC"], 0], "", why, { out, onError: "ignore" }),
    step("getdents64", [out, address(buffers.names), NAMES_BYTES], "", "read the list", { out: length, onError: "ignore" }),
  ];
}

const readLinks = (buffers: Buffers): Step[] =>
  namespaceLinks.map((link, index) => {
    const place = address(buffers.links, index * LINK_BYTES);
    const folder = slotOf("fd", buffers, "folder");
    return step("readlinkat", [folder, `ns/${link}`, place, LINK_BYTES - 1], "", `which ${link} it is in`, { onError: "ignore" });
  });

const ofTargets = (buffers: Buffers): Step[] =>
  Array.from({ length: BATCH }, (_, index) => {
    const name = slotIn("int", buffers.wanted, index * 8, `name ${index}`);
    const place = address(buffers.targets, index * LINK_BYTES);
    return step("readlinkat", [slotOf("fd", buffers, "open"), name, place, LINK_BYTES - 1], "", "what is open there", {
      onError: "ignore",
    });
  });
