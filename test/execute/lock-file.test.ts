import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { lockFile } from "../../src/execute/lock-file.ts";

test("of two one waits", async () => {
  const folder = mkdtempSync(`${tmpdir()}/box-lock-`);
  const order: string[] = [];
  const first = await lockFile(`${folder}/lock`);
  const second = lockFile(`${folder}/lock`).then((lock) => {
    order.push("second");
    lock[Symbol.dispose]();
  });
  // It has tried by now, and had it succeeded, this would be after what follows on that.
  await new Promise(setImmediate);
  order.push("first");
  first[Symbol.dispose]();
  await second;
  expect(order).toEqual(["first", "second"]);
  expect(statSync(`${folder}/lock`).mode & 0o777).toBe(0o600);
  rmSync(folder, { recursive: true });
});

test("no program that is started meanwhile holds it", async () => {
  const folder = mkdtempSync(`${tmpdir()}/box-lock-`);
  const lock = await lockFile(`${folder}/lock`);
  const sleeper = Bun.spawn(["sleep", "60"]);
  lock[Symbol.dispose]();
  (await lockFile(`${folder}/lock`))[Symbol.dispose]();
  sleeper.kill();
  await sleeper.exited;
  rmSync(folder, { recursive: true });
});

test("a folder that is not there", () =>
  expect(lockFile("/gone/lock")).rejects.toMatchObject({ facts: { what: "cannot open", object: "/gone/lock", errno: "ENOENT" } }));
