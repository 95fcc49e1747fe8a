// Reads a log from its oldest file to its newest, and goes on where the files move on meanwhile: a file is known by its
// inode and its birth, and what comes after it is the one that has the next newer name now.

import { type BigIntStats, closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
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
    if (file === undefined) {
      this.#file = this.#oldest();
      return this.#file !== undefined;
    }
    const identities = this.#paths.map(identityAt);
    const age = identities.indexOf(file.identity);
    if (age === 0) return false;
    // Between the last read and the renaming something may have been added.
    if (this.#read()) return true;
    const newer = age < 0 ? this.#oldest() : openFile(this.#paths[age - 1] as string);
    if (newer === undefined) return false;
    // The files may have moved on between the two looks; then this look was for nothing.
    if (newer.identity === file.identity || (age > 0 && identityAt(this.#paths[age] as string) !== file.identity)) {
      closeSync(newer.fd);
      return true;
    }
    if (this.#rest.length > 0) this.#warn("the log was cut, and a part of it is missing");
    closeSync(file.fd);
    this.#done = new Set([file.identity, ...[...this.#done].filter((one) => identities.includes(one))]);
    this.#file = newer;
    this.#at = 0;
    this.#rest = new Uint8Array(0);
    return true;
  }

  /** Of those that have not been read. */
  #oldest(): Open | undefined {
    for (const path of this.#paths.toReversed()) {
      const file = openFile(path);
      if (file !== undefined && !this.#done.has(file.identity)) return file;
      if (file !== undefined) closeSync(file.fd);
    }
    return undefined;
  }
}

function openFile(path: string): Open | undefined {
  try {
    const fd = openSync(path, "r");
    return { fd, identity: identityOf(fstatSync(fd, { bigint: true })) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function identityAt(path: string): string | undefined {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? undefined : identityOf(stat);
}

/** An inode that was freed may be another file's at once. */
const identityOf = ({ ino, birthtimeNs }: BigIntStats): string => `${ino} ${birthtimeNs}`;
