// Reads a log from its oldest file to its newest, and goes on where the files move on meanwhile: a file is known by its
// inode and its birth, and what comes after it is the oldest one that has not been read.

import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, openSync, readSync } from "node:fs";
import { BoxError } from "../errors.ts";
import { logNames } from "../plan/log-layout.ts";
import { type LogEntry, takeEntries } from "../state/log-entries.ts";

type Open = { readonly fd: number; readonly identity: string };

const CHUNK_BYTES = 65536;

export class LogReader implements Disposable {
  readonly #paths: readonly string[];
  readonly #warn: (problem: string) => void;
  #file: Open | undefined;
  /** Files that have been read to their ends, as far as they are still there. */
  #done = new Set<string>();
  /** Places of files where there is something else. */
  readonly #foreign = new Set<string>();
  #at = 0;
  /** Read, but no whole entry yet. */
  #rest: Uint8Array = new Uint8Array(0);
  #ready: LogEntry[] = [];

  constructor(folder: string, name: string, files: number, warn: (problem: string) => void) {
    this.#paths = logNames(name, files).map((one) => `${folder}/${one}`);
    this.#warn = warn;
    this.#file = this.#oldest();
  }

  /** The next entry; undefined when there is none yet. */
  next(): LogEntry | undefined {
    for (;;) {
      const entry = this.#ready.shift();
      if (entry !== undefined) return entry;
      if (!this.#read() && !this.#moveOn()) return undefined;
    }
  }

  /** Passes over all that is there. */
  skip(): void {
    while (this.next() !== undefined);
  }

  /** Nothing is added to the file any more: what is left of it is no entry. */
  end(): void {
    if (this.#rest.length > 0) this.#warn("the log was cut, and a part of it is missing");
  }

  [Symbol.dispose](): void {
    if (this.#file !== undefined) closeSync(this.#file.fd);
  }

  /** Whether there was more in the file. */
  #read(): boolean {
    if (this.#file === undefined) return false;
    // Emptied by somebody, who is to see what comes after that.
    if (fstatSync(this.#file.fd).size < this.#at) {
      this.#at = 0;
      this.#rest = new Uint8Array(0);
    }
    const chunk = new Uint8Array(CHUNK_BYTES);
    const got = readSync(this.#file.fd, chunk, 0, CHUNK_BYTES, this.#at);
    if (got === 0) return false;
    this.#at += got;
    const bytes = new Uint8Array(this.#rest.length + got);
    bytes.set(this.#rest);
    bytes.set(chunk.subarray(0, got), this.#rest.length);
    const { entries, used, damaged } = takeEntries(bytes);
    this.#ready = entries;
    this.#rest = bytes.slice(used);
    if (damaged) {
      this.#warn("the log was changed by somebody else, and the rest of one of its files cannot be read");
      this.#rest = new Uint8Array(0);
      this.#at = fstatSync(this.#file.fd).size;
    }
    return true;
  }

  /** On to the next newer file, once nothing is added to this one any more. */
  #moveOn(): boolean {
    const file = this.#file;
    if (file !== undefined) {
      if (identityAt(this.#paths[0] as string) === file.identity) return false;
      // Between the last read and the renaming something may have been added.
      if (this.#read()) return true;
    }
    const next = this.#oldest();
    if (next === undefined) return false;
    this.end();
    if (file !== undefined) {
      closeSync(file.fd);
      const there = this.#paths.map(identityAt);
      this.#done = new Set([file.identity, ...[...this.#done].filter((one) => there.includes(one))]);
    }
    this.#file = next;
    this.#at = 0;
    this.#rest = new Uint8Array(0);
    return true;
  }

  /**
   * Of those that have not been read. Files move on to older names alone: one that did so past this look is found by a
   * second one at the names that were empty.
   */
  #oldest(): Open | undefined {
    for (;;) {
      let [found, at]: [Open | undefined, number] = [undefined, this.#paths.length];
      while (found === undefined && at > 0) {
        const file = this.#open(this.#paths[--at] as string);
        if (file !== undefined && this.#isRead(file.identity)) closeSync(file.fd);
        else found = file;
      }
      const older = this.#paths.slice(found === undefined ? 0 : at + 1).map(identityAt);
      if (older.every((identity) => identity === undefined || identity === found?.identity || this.#isRead(identity))) return found;
      if (found !== undefined) closeSync(found.fd);
    }
  }

  /** Nothing but a file is opened: what else somebody has put there is told once, and passed over. */
  #open(path: string): Open | undefined {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    if (stat.isFile()) return openFile(path);
    if (!this.#foreign.has(path)) this.#warn(`the log was changed by somebody else: ${path} is no regular file`);
    this.#foreign.add(path);
    return undefined;
  }

  #isRead(identity: string): boolean {
    return identity === this.#file?.identity || this.#done.has(identity);
  }
}

/** Should something else come there in this moment: it is not waited for. */
const HOW = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW | constants.O_NOCTTY;
/** Gone by now, or a link, or a socket. */
const noFile: readonly string[] = ["ENOENT", "ELOOP", "ENXIO"];

function openFile(path: string): Open | undefined {
  try {
    const fd = openSync(path, HOW);
    const stat = fstatSync(fd, { bigint: true });
    if (stat.isFile()) return { fd, identity: identityOf(stat) };
    closeSync(fd);
    return undefined;
  } catch (error) {
    const { code = "EIO" } = error as NodeJS.ErrnoException;
    if (noFile.includes(code)) return undefined;
    throw new BoxError({ what: "cannot open the log", object: path, errno: code, exitCode: 1 });
  }
}

/** undefined for what is no file. */
function identityAt(path: string): string | undefined {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stat?.isFile() === true ? identityOf(stat) : undefined;
}

/** An inode that was freed may be another file's at once. */
const identityOf = ({ ino, birthtimeNs }: BigIntStats): string => `${ino} ${birthtimeNs}`;
