import { describe, expect, test } from "bun:test";
import type { Entry, EntrySink } from "../../src/bundle/entry.ts";
import { EntryReader, EntryWriter, RingClosed } from "../../src/bundle/entry-records.ts";
import { newRingMemory, Ring, SLOT_BYTES } from "../../src/bundle/ring.ts";
import { BoxError } from "../../src/errors.ts";

const file: Entry = {
  path: "a/\xff\x00\x01 é",
  kind: "file",
  mode: 0o4755,
  uid: 1,
  gid: 2_000_000_000,
  seconds: -5,
  nanoseconds: 999_999_999,
  size: 0,
  hasHoles: false,
  target: "",
  major: 0,
  minor: 0,
  attributes: [],
};

type Seen = { readonly archive: number; readonly entry: Entry; bytes: Map<number, Buffer>; isWhole: boolean };

/** What the other side is told, and the ring between them. */
class Line {
  readonly ring = new Ring(newRingMemory());
  readonly writer = new EntryWriter(this.ring);
  readonly seen: Seen[] = [];
  readonly passed: number[] = [];
  #archives = 0;
  readonly #reader = new EntryReader(() => this.#sink(++this.#archives));

  /** Folders are wanted by nobody, nor are files whose name says so. */
  #sink(archive: number): EntrySink {
    const last = (): Seen => this.seen.at(-1) as Seen;
    return {
      begin: (entry) => {
        this.seen.push({ archive, entry, bytes: new Map(), isWhole: false });
        return entry.kind === "file" && entry.path !== "unwanted";
      },
      write: (bytes, offset) => void last().bytes.set(offset, Buffer.from(bytes)),
      end: () => {
        last().isWhole = true;
      },
    };
  }

  /** Passes on what has been flushed. */
  read(): boolean {
    for (let filled = this.ring.take(0); filled !== undefined; filled = this.ring.take(0)) {
      this.passed.push(filled.passed);
      const isDone = this.#reader.read(filled);
      this.ring.release();
      if (isDone) return true;
    }
    return false;
  }
}

test("entries arrive as they were sent, those of each archive at a sink of its own", () => {
  const line = new Line();
  const entries: Entry[] = [file, { ...file, path: "d", kind: "folder" }, { ...file, kind: "symlink", target: "\x80" }];
  line.writer.beginArchive();
  for (const entry of entries) expect(line.writer.begin(entry)).toBe(entry.kind === "file");
  line.writer.beginArchive();
  line.writer.begin(file);
  line.writer.write(Buffer.from("hello"), 7_000_000_000);
  line.writer.end();
  line.writer.done();
  expect(line.read()).toBe(true);
  expect(line.seen.map(({ archive, entry }) => [archive, entry])).toEqual([...entries.map((one) => [1, one]), [2, file]]);
  expect(line.seen.at(-1)).toMatchObject({ isWhole: true, bytes: new Map([[7_000_000_000, Buffer.from("hello")]]) });
});

test("bytes go on in the next slot, wherever it begins", () => {
  for (const before of [0, SLOT_BYTES - 400, SLOT_BYTES - 300, SLOT_BYTES - 32, SLOT_BYTES - 24, SLOT_BYTES - 17, SLOT_BYTES - 16]) {
    const line = new Line();
    line.writer.beginArchive();
    line.writer.begin(file);
    line.writer.write(new Uint8Array(before), 0);
    const bytes = crypto.getRandomValues(new Uint8Array(60_000));
    line.writer.begin({ ...file, path: "other" });
    line.writer.write(bytes, 10);
    line.writer.end();
    line.writer.done();
    expect(line.read()).toBe(true);
    const other = line.seen.at(-1) as Seen;
    expect([other.entry.path, other.isWhole]).toEqual(["other", true]);
    const parts = [...other.bytes].sort(([one], [another]) => one - another);
    expect(parts[0]?.[0]).toBe(10);
    expect(Buffer.concat(parts.map(([, part]) => part))).toEqual(Buffer.from(bytes));
  }
});

test("so does an entry with attributes larger than a slot", () => {
  const line = new Line();
  const value = crypto.getRandomValues(new Uint8Array(60_000));
  const attributes = Array.from({ length: 5 }, (_, index) => ({ name: `user.${index}`, value }));
  line.writer.beginArchive();
  line.writer.begin({ ...file, attributes });
  line.writer.done();
  expect(line.passed.length).toBe(0);
  expect(line.read()).toBe(true);
  expect(line.passed.length).toBeGreaterThan(1);
  expect(line.seen[0]?.entry.attributes).toEqual(attributes);
});

test("of what is not wanted no bytes are passed on", () => {
  const line = new Line();
  line.writer.beginArchive();
  for (const path of ["unwanted", "wanted"]) {
    line.writer.begin({ ...file, path });
    line.writer.write(Buffer.from("x"), 0);
    line.writer.end();
  }
  line.writer.done();
  line.read();
  expect(line.seen.map(({ entry, bytes, isWhole }) => [entry.path, bytes.size, isWhole])).toEqual([
    ["unwanted", 0, false],
    ["wanted", 1, true],
  ]);
});

test("progress comes with the slots", () => {
  const line = new Line();
  line.writer.beginArchive();
  line.writer.passed(5);
  line.writer.passed(6);
  line.writer.flush();
  line.writer.flush();
  line.writer.passed(7);
  line.writer.done();
  line.read();
  expect(line.passed).toEqual([11, 7]);
});

test("a failure is thrown where entries are read, behind those that came before it", () => {
  const line = new Line();
  const facts = { what: "layer 日本 is broken", hint: "none" };
  line.writer.beginArchive();
  line.writer.begin(file);
  line.writer.fail(new BoxError(facts));
  try {
    line.read();
  } catch (error) {
    expect(error).toBeInstanceOf(BoxError);
    expect((error as BoxError).facts).toEqual(facts);
    expect(line.seen).toHaveLength(1);
    return;
  }
  throw new Error("nothing was thrown");
});

describe("a ring that is closed", () => {
  test("stops whoever fills it, also when it is full", () => {
    const line = new Line();
    line.writer.beginArchive();
    line.writer.begin(file);
    for (let count = 0; count < 3; count++) line.writer.write(new Uint8Array(SLOT_BYTES), 0);
    line.ring.close();
    expect(() => line.writer.write(new Uint8Array(2 * SLOT_BYTES), 0)).toThrow(RingClosed);
    expect(() => line.writer.flush()).toThrow(RingClosed);
  });
});
