import { describe, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { LogReader } from "../../src/execute/log-reader.ts";
import { entry } from "../../src/plan/log-layout.ts";

class Log implements Disposable {
  readonly folder = mkdtempSync(`${tmpdir()}/box-log-`);
  readonly warnings: string[] = [];

  add(text: string, name = "log"): void {
    const bytes = new Uint8Array(entry.bytes + text.length);
    new DataView(bytes.buffer).setBigUint64(entry.lengthAndStream, BigInt(text.length + entry.streams.stdout), true);
    bytes.set(new TextEncoder().encode(text), entry.bytes);
    appendFileSync(`${this.folder}/${name}`, bytes);
  }

  /** The files move on by one name, of three. */
  moveOn(): void {
    for (const [from, to] of [
      ["log.1", "log.2"],
      ["log", "log.1"],
    ] as const)
      try {
        renameSync(`${this.folder}/${from}`, `${this.folder}/${to}`);
      } catch {
        // There need not be so many yet.
      }
    writeFileSync(`${this.folder}/log`, "");
  }

  path(name = "log"): string {
    return `${this.folder}/${name}`;
  }

  reader(): LogReader {
    return new LogReader(this.folder, "log", 3, (problem) => this.warnings.push(problem));
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** All that there is by now. */
function read(reader: LogReader): string {
  const texts: string[] = [];
  for (let one = reader.next(); one !== undefined; one = reader.next()) texts.push(new TextDecoder().decode(one.bytes));
  return texts.join(" ");
}

describe("a log reader", () => {
  test("reads from the oldest file on", () => {
    using log = new Log();
    for (const [name, text] of [
      ["log.2", "a"],
      ["log.1", "b"],
      ["log", "c"],
    ] as const)
      log.add(text, name);
    using reader = log.reader();
    expect(read(reader)).toBe("a b c");
  });

  test("goes on in the file, and in the next ones", () => {
    using log = new Log();
    log.add("a");
    using reader = log.reader();
    expect(read(reader)).toBe("a");
    log.add("b");
    expect(read(reader)).toBe("b");
    log.add("c");
    log.moveOn();
    log.add("d");
    log.moveOn();
    log.add("e");
    expect(read(reader)).toBe("c d e");
  });

  test("begins with the oldest that there is when its own is gone", () => {
    using log = new Log();
    log.add("a");
    using reader = log.reader();
    expect(read(reader)).toBe("a");
    for (const text of ["b", "c", "d", "e"]) {
      log.moveOn();
      log.add(text);
    }
    expect(read(reader)).toBe("c d e");
  });

  test("waits for a log that is not there yet", () => {
    using log = new Log();
    using reader = log.reader();
    expect(read(reader)).toBe("");
    log.add("a");
    expect(read(reader)).toBe("a");
  });

  test("of a log that was removed does not read older files again", () => {
    using log = new Log();
    log.add("a");
    log.moveOn();
    log.add("b");
    using reader = log.reader();
    expect(read(reader)).toBe("a b");
    unlinkSync(log.path());
    expect(read(reader)).toBe("");
    log.add("c");
    expect(read(reader)).toBe("c");
  });

  test("begins anew in a log that was emptied", () => {
    using log = new Log();
    log.add("long enough");
    using reader = log.reader();
    expect(read(reader)).toBe("long enough");
    truncateSync(log.path());
    log.add("b");
    expect(read(reader)).toBe("b");
    expect(log.warnings).toEqual([]);
  });

  test("waits for the rest of an entry, and says that it is missing once there is another file", () => {
    using log = new Log();
    log.add("a");
    log.add("bbb");
    truncateSync(log.path(), 2 * entry.bytes + 2);
    using reader = log.reader();
    expect([read(reader), log.warnings]).toEqual(["a", []]);
    log.moveOn();
    log.add("c");
    expect([read(reader), log.warnings]).toEqual(["c", ["the log was cut, and a part of it is missing"]]);
  });

  test("passes over the rest of a file that somebody else has written into", () => {
    using log = new Log();
    log.add("a");
    appendFileSync(log.path(), "something else that is longer than a header");
    using reader = log.reader();
    expect(read(reader)).toBe("a");
    expect(log.warnings).toEqual(["the log was changed by somebody else, and the rest of one of its files cannot be read"]);
    log.moveOn();
    log.add("b");
    expect(read(reader)).toBe("b");
  });

  test("passes over a name that somebody has removed in between", () => {
    using log = new Log();
    log.add("a", "log.2");
    log.add("b", "log");
    using reader = log.reader();
    expect(read(reader)).toBe("a b");
    expect(log.warnings).toEqual([]);
  });

  test("says what is missing at the end", () => {
    using log = new Log();
    log.add("a");
    log.add("bbb");
    truncateSync(log.path(), 2 * entry.bytes + 2);
    using reader = log.reader();
    expect(read(reader)).toBe("a");
    reader.end();
    expect(log.warnings).toEqual(["the log was cut, and a part of it is missing"]);
  });

  test.each([
    ["a FIFO", (path: string) => void Bun.spawnSync(["mkfifo", path])],
    ["a link", (path: string) => symlinkSync("/etc/passwd", path)],
    ["a folder", (path: string) => mkdirSync(path)],
    ["a socket", (path: string) => void Bun.listen({ unix: path, socket: { data() {} } }).unref()],
  ])("passes over %s in a file's place, and says so once", (_, make) => {
    using log = new Log();
    make(log.path("log.1"));
    using reader = log.reader();
    expect(read(reader)).toBe("");
    log.add("a", "log.2");
    log.add("b");
    expect(read(reader)).toBe("a b");
    expect(log.warnings).toEqual([`the log was changed by somebody else: ${log.path("log.1")} is no regular file`]);
  });

  test("misses no file while all of them move on", async () => {
    using log = new Log();
    // Each file has one entry, its number. Names are many, so that a look at all of them takes long.
    const files = 100;
    const script = `
      const { renameSync, writeFileSync } = require("node:fs");
      for (let number = 0; number < ${files}; number++) {
        for (let age = number; age > 0; age--) renameSync("log" + (age === 1 ? "" : "." + (age - 1)), "log." + age);
        const header = Buffer.alloc(${entry.bytes} + 8);
        header.writeUInt32LE(8, ${entry.lengthAndStream});
        header.writeUInt32LE(1, ${entry.stream});
        header.write(String(number).padStart(8), ${entry.bytes});
        writeFileSync("new", header);
        renameSync("new", "log");
      }`;
    const writer = Bun.spawn([process.execPath, "-e", script], { cwd: log.folder, stdio: ["ignore", "inherit", "inherit"] });
    const reader = (): LogReader => new LogReader(log.folder, "log", files + 1, (problem) => log.warnings.push(problem));
    const first = new Set<string>();
    const followed: string[] = [];
    using follower = reader();
    while (writer.exitCode === null) {
      using other = reader();
      first.add(new TextDecoder().decode(other.next()?.bytes).trim());
      followed.push(read(follower));
      // Lets go of the thread, so that the writer's end is noticed.
      await Promise.race([writer.exited, Bun.sleep(1)]);
    }
    followed.push(read(follower));
    expect([...first].filter((text) => text !== "" && text !== "0")).toEqual([]);
    expect(followed.join(" ").split(" ").filter(Boolean).map(Number)).toEqual(Array.from({ length: files }, (_, index) => index));
    expect([writer.exitCode, log.warnings]).toEqual([0, []]);
  }, 30_000);
});
