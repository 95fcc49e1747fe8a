// Who is in which namespace: each process's links, its open namespaces and its stat file, read by the tape of
// process-tape.ts. What is read of a few processes only (command lines, cgroups) is not here. An open file counts where the
// process's first thread has it; threads with files of their own are rare, and not looked at.

import { type ProcessStat, parseStat } from "../host/process-stat.ts";
import { type NamespaceName, namespaceLinks, namespaceTypes, parseNamespaceName } from "../linux/namespace-types.ts";
import { structFields } from "../linux/structs.ts";
import { header } from "../tape/layout.ts";
import * as libc from "./libc.ts";
import { listFolder } from "./list-folder.ts";
import { BATCH, LINK_BYTES, makeProcessTape, NAMES_BYTES, type ProcessTape, result } from "./process-tape.ts";

/** Inodes in the order of namespaceLinks; 0 where there is none, as in a process that has ended but for its parent. */
export type Links = readonly number[];
export type Thread = { readonly id: number; readonly links: Links };
export type OpenNamespace = NamespaceName & { readonly fd: number };

export type Probed = {
  readonly pid: number;
  /** The effective user, in the user namespace of box. */
  readonly uid: number;
  readonly stat: ProcessStat;
  readonly links: Links;
  /** The threads that are not in the same namespaces as the first one. */
  readonly strays: readonly Thread[];
  readonly open: readonly OpenNamespace[];
  /** The kernel let box see its links (ptrace(2), "access mode checking"); else there are none. */
  readonly seen: boolean;
};

const EPERM = 1;
const EACCES = 13;
const UID_WORD = (structFields.statx.fields.uid?.offset as number) >>> 2;

let made: ProcessTape | undefined;

/** In its place, where another tape may have been since. */
function loadedTape(): ProcessTape {
  made ??= makeProcessTape();
  libc.loadTape(made.image);
  return made;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Every process that is still there when it is its turn, in ascending order. */
export function probeAll(): Probed[] {
  const tape = loadedTape();
  const entries = listFolder("/proc");
  const found: Probed[] = [];
  for (const { name } of typeof entries === "number" ? [] : entries) {
    const probed = name >= "1" && name < ":" ? probe(tape, Number(name)) : undefined;
    if (probed !== undefined) found.push(probed);
  }
  return found.sort((one, other) => one.pid - other.pid);
}

/** undefined when there is no such process. A thread's id will do as well. */
export const probeProcess = (pid: number): Probed | undefined => probe(loadedTape(), pid);

function probe(tape: ProcessTape, pid: number): Probed | undefined {
  if (run(tape, tape.entry.process, `/proc/${pid}`) < 0) return undefined;
  const refused = -libc.readWord(libc.tapeMemory.address + header.lastErrno);
  const open = openNamespaces(tape);
  const stat = parseStat(decoder.decode(tape.stat.subarray(0, Math.max(0, resultOf(tape, "statLength")))));
  if (stat === undefined) return undefined;
  const links = linksIn(tape);
  const seen = links !== noLinks || (refused !== EACCES && refused !== EPERM);
  const strays = stat.threads > 1 && seen ? straysOf(tape, pid, links) : [];
  return { pid, uid: tape.status[UID_WORD] as number, stat, links, open, seen, strays };
}

/** 0, or the negative errno that kept the folder from being opened. Nothing that an earlier run left stands for a result. */
function run(tape: ProcessTape, entry: number, path: string): number {
  encoder.encodeInto(`${path}\0`, tape.path);
  tape.results.fill(-1);
  tape.links.fill(0);
  libc.writeWord(libc.tapeMemory.address + header.lastErrno, 0);
  return libc.runTape(entry);
}

const resultOf = ({ results }: ProcessTape, name: keyof typeof result): number => results[result[name] * 2] as number;

const noLinks: Links = namespaceLinks.map(() => 0);
/** Most processes share their namespaces with others, so what the links say is mostly known already. */
const linksByText = new Map<string, Links>([["\0".repeat(LINK_BYTES * namespaceLinks.length), noLinks]]);

function linksIn(tape: ProcessTape): Links {
  const text = decoder.decode(tape.links);
  const known = linksByText.get(text);
  if (known !== undefined) return known;
  const links = namespaceLinks.map((_, index) => {
    const [name = ""] = text.slice(index * LINK_BYTES, (index + 1) * LINK_BYTES).split("\0");
    return parseNamespaceName(name)?.id ?? 0;
  });
  linksByText.set(text, links);
  return links;
}

function straysOf(tape: ProcessTape, pid: number, links: Links): Thread[] {
  const entries = listFolder(`/proc/${pid}/task`);
  const strays: Thread[] = [];
  for (const { name } of typeof entries === "number" ? [] : entries) {
    if (name === String(pid) || run(tape, tape.entry.thread, `/proc/${pid}/task/${name}`) < 0) continue;
    const own = linksIn(tape);
    if (own !== links && own !== noLinks) strays.push({ id: Number(name), links: own });
  }
  return strays;
}

/** struct linux_dirent64: the record's length at 16 (2 bytes), the name with a NUL at 19. */
const [RECLEN, NAME] = [16, 19];
/** The largest such record, for a name of 255 bytes. */
const RECORD_BYTES = 280;
const DOT = 46;

/** Reads where the open files of the process lead that was just run for, and closes their folder. */
function openNamespaces(tape: ProcessTape): OpenNamespace[] {
  const folder = resultOf(tape, "open");
  if (folder < 0) return [];
  const found: OpenNamespace[] = [];
  let length = resultOf(tape, "namesLength");
  while (length > 0) {
    readTargets(tape, length, found);
    // With room left for one more there was none.
    if (length + RECORD_BYTES < NAMES_BYTES) break;
    length = libc.systemCall("getdents64", folder, tape.namesAddress, NAMES_BYTES);
  }
  libc.systemCall("close", folder);
  return found;
}

function readTargets(tape: ProcessTape, length: number, found: OpenNamespace[]): void {
  const { names } = tape;
  let batch: number[] = [];
  for (let at = 0; at < length; at += (names[at + RECLEN] as number) + (names[at + RECLEN + 1] as number) * 256) {
    if (names[at + NAME] !== DOT) batch.push(at + NAME);
    if (batch.length < BATCH) continue;
    readBatch(tape, batch, found);
    batch = [];
  }
  if (batch.length > 0) readBatch(tape, batch, found);
}

const beginsWithName = new RegExp(`(?:^|\0)(?:${namespaceTypes.join("|")}):\\[`);

/** `batch`: where in `names` up to eight names begin. */
function readBatch(tape: ProcessTape, batch: readonly number[], found: OpenNamespace[]): void {
  const { names, wanted, targets, namesAddress, emptyAddress } = tape;
  for (let index = 0; index < BATCH; index++) {
    const at = batch[index];
    wanted[index * 2] = at === undefined ? emptyAddress : namesAddress + at;
  }
  targets.fill(0);
  libc.runTape(tape.entry.targets);
  // Hardly ever is there one: so all are looked at as one text first.
  const text = decoder.decode(targets);
  if (!beginsWithName.test(text)) return;
  for (const [index, at] of batch.entries()) {
    const [target = ""] = text.slice(index * LINK_BYTES, (index + 1) * LINK_BYTES).split("\0");
    const name = parseNamespaceName(target);
    if (name !== undefined) found.push({ ...name, fd: Number(decoder.decode(names.subarray(at, names.indexOf(0, at)))) });
  }
}
