import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { lockFile } from "../../src/execute/lock-file.ts";

test("of two one waits", async () => {
  const folder = mkdtempSync(`${tmpdir()}/box-lock-`);
  const path = `${folder}/lock`;
  const order: string[] = [];
  let second: Promise<unknown> | undefined;
  await lockFile(path, async () => {
    second = lockFile(path, async () => order.push("second"));
    // It has tried by now, and had it succeeded, this would be after what follows on that.
    await new Promise(setImmediate);
    order.push("first");
  });
  await second;
  expect(order).toEqual(["first", "second"]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  rmSync(folder, { recursive: true });
});

test("what fails lets go, and its value comes back when it does not", async () => {
  const folder = mkdtempSync(`${tmpdir()}/box-lock-`);
  const failing = lockFile(`${folder}/lock`, async () => {
    throw new Error("boom");
  });
  expect(failing).rejects.toThrow("boom");
  expect(await lockFile(`${folder}/lock`, async () => 5)).toBe(5);
  rmSync(folder, { recursive: true });
});

test("no program that is started meanwhile holds it by itself", async () => {
  const folder = mkdtempSync(`${tmpdir()}/box-lock-`);
  const sleeper = await lockFile(`${folder}/lock`, async () => Bun.spawn(["sleep", "60"]));
  expect(await lockFile(`${folder}/lock`, async () => sleeper.exitCode)).toBe(null);
  sleeper.kill();
  await sleeper.exited;
  rmSync(folder, { recursive: true });
});

test("a folder that is not there", () =>
  expect(lockFile("/gone/lock", async () => {})).rejects.toMatchObject({
    facts: { what: "cannot open", object: "/gone/lock", errno: "ENOENT" },
  }));
