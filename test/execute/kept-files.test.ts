import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { newKeptFiles } from "../../src/execute/kept-files.ts";
import { readLink } from "../../src/execute/read-link.ts";

class TempFolder implements Disposable {
  readonly path = mkdtempSync(`${tmpdir()}/box-test-`);
  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

const ENOENT = 2;
const ESRCH = 3;

/** How many of this process's descriptors are of files in a folder. */
function openIn(folder: string): number {
  let count = 0;
  for (let fd = 0; fd < 200; fd++) if (readLink(`/proc/self/fd/${fd}`)?.startsWith(folder) === true) count += 1;
  return count;
}

test("a file is opened once, and read from its beginning each time", () => {
  using folder = new TempFolder();
  const path = `${folder.path}/file`;
  const files = newKeptFiles();
  for (const text of ["1\n", "22\n", ""]) {
    writeFileSync(path, text);
    expect([files.read(path), openIn(folder.path)]).toEqual([text, 1]);
  }
  files.close();
  expect(openIn(folder.path)).toBe(0);
});

test("a long file is read to its end", () => {
  using folder = new TempFolder();
  const path = `${folder.path}/file`;
  const files = newKeptFiles();
  for (const length of [4095, 4096, 10_000]) {
    writeFileSync(path, "x".repeat(length));
    expect(files.read(path)).toBe("x".repeat(length));
  }
  files.close();
});

test("what is missing is looked for again", () => {
  using folder = new TempFolder();
  const path = `${folder.path}/file`;
  const files = newKeptFiles();
  expect(files.read(path)).toBe(-ENOENT);
  writeFileSync(path, "1");
  expect(files.read(path)).toBe("1");
  unlinkSync(path);
  files.close();
});

test("of a process that has ended nothing is read, though its pid may be another's", async () => {
  const child = Bun.spawn(["sleep", "1000"]);
  const files = newKeptFiles();
  const path = `/proc/${child.pid}/stat`;
  expect(files.read(path)).toStartWith(`${child.pid} (`);
  child.kill("SIGKILL");
  await child.exited;
  expect(files.read(path)).toBe(-ESRCH);
  expect(files.read(path)).toBe(-ENOENT);
  files.close();
});
