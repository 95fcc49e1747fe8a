import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { missing, type Run, runUnder } from "../../../plugins/network/run-program.ts";
import { lockFile } from "../../../src/execute/lock-file.ts";

const runProgram: Run = async (argv, stdin) => {
  const folder = mkdtempSync(`${tmpdir()}/box-run-`);
  try {
    return await lockFile(`${folder}/lock`, async (fd) => await runUnder(fd)(argv, stdin));
  } finally {
    rmSync(folder, { recursive: true });
  }
};

test("what it prints, and what it is given", async () => expect(await runProgram(["cat"], ["one", "two"])).toBe("one\ntwo\n"));
test("nothing to read", async () => expect(await runProgram(["cat"])).toBe(""));
test("its own words when it fails, in one line", () =>
  expect(runProgram(["sh", "-c", "echo one >&2; echo two >&2; exit 3"])).rejects.toThrow(
    "sh -c echo one >&2; echo two >&2; exit 3: one; two",
  ));
test("no words", () => expect(runProgram(["sh", "-c", "exit 3"])).rejects.toThrow("sh -c exit 3: ended with 3"));
test("a signal", () => expect(runProgram(["sh", "-c", "kill -9 $$"])).rejects.toThrow("sh -c kill -9 $$: ended by SIGKILL"));
test("in the PATH that box has now", async () => {
  const folder = mkdtempSync(`${tmpdir()}/box-run-`);
  const { PATH } = process.env;
  writeFileSync(`${folder}/only-there`, "#!/bin/sh\necho found\n", { mode: 0o755 });
  try {
    process.env.PATH = `${folder}:${PATH}`;
    expect([missing(["only-there"]), await runProgram(["only-there"])]).toEqual([[], "found\n"]);
  } finally {
    process.env.PATH = PATH;
    rmSync(folder, { recursive: true });
  }
});

test("which ones there are", () => expect(missing(["sh", "no-such-program"])).toEqual(["no-such-program"]));

test("what goes on after box has let go holds the lock", async () => {
  const folder = mkdtempSync(`${tmpdir()}/box-run-`);
  expect(Bun.spawnSync(["mkfifo", `${folder}/fifo`]).exitCode).toBe(0);
  // Returned in a list, so that its end is not waited for.
  const [running] = await lockFile(`${folder}/lock`, async (fd) => [runUnder(fd)(["cat", `${folder}/fifo`])]);
  let isFree = false;
  const second = lockFile(`${folder}/lock`, async () => {
    isFree = true;
  });
  // It has tried by now, and had it succeeded, this would be after what follows on that.
  await new Promise(setImmediate);
  expect(isFree).toBe(false);
  await Bun.spawn(["sh", "-c", `echo > ${folder}/fifo`]).exited;
  await Promise.all([running, second]);
  expect(isFree).toBe(true);
  rmSync(folder, { recursive: true });
});
