// The environment exactly as configured, HOME from the root's passwd, and the search for the program along PATH.

import { expect } from "bun:test";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { Bundle, testWith } from "./harness.ts";

const test = testWith();

const withEnv = (env: string[]): Bundle => new Bundle((spec) => (spec.process.env = env));
/** The environment of the process itself, without what a shell would add. */
async function environmentOf(bundle: Bundle): Promise<string[]> {
  const { exitCode, stdout, stderr } = await bundle.run(["/bin/cat", "/proc/self/environ"]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  return stdout.split("\0").slice(0, -1);
}

test("exactly what is configured, in its order, empty values and = included", async () => {
  using bundle = withEnv(["B=2", "A=", "C=x=y z", "HOME=/h", "E=é\n1"]);
  expect(await environmentOf(bundle)).toEqual(["B=2", "A=", "C=x=y z", "HOME=/h", "E=é\n1"]);
});

test("nothing of the caller's", async () => {
  using bundle = withEnv([]);
  expect(await environmentOf(bundle)).toEqual(["HOME=/root"]);
});

for (const [uid, home] of [
  [0, "/root"],
  [1000, "/home/user"],
  [4321, "/"],
] as const)
  test(`HOME of user ${uid} is ${home}`, async () => {
    using bundle = withEnv(["X=1"]);
    bundle.change((spec) => (spec.process.user = { uid, gid: 0 }));
    expect(await environmentOf(bundle)).toEqual(["X=1", `HOME=${home}`]);
  });

test("the last HOME counts, and an empty one is none", async () => {
  using bundle = withEnv(["HOME=/h", "HOME="]);
  expect(await environmentOf(bundle)).toEqual(["HOME=/root"]);
  bundle.change((spec) => (spec.process.env = ["HOME=", "HOME=/h"]));
  expect(await environmentOf(bundle)).toEqual(["HOME=/h"]);
});

test("HOME without a passwd file, and with one that is a link out of the root", async () => {
  using bundle = withEnv([]);
  bundle.change((spec) => (spec.process.user = { uid: 1000, gid: 0 }));
  writeFileSync(`${bundle.folder}/passwd`, "user:x:1000:1000::/stolen:/bin/sh\n");
  rmSync(`${bundle.rootfs}/etc/passwd`);
  expect(await environmentOf(bundle)).toEqual(["HOME=/"]);
  symlinkSync(`${bundle.folder}/passwd`, `${bundle.rootfs}/etc/passwd`);
  expect(await environmentOf(bundle)).toEqual(["HOME=/"]);
});

/** A script named `hi` that says where it lies, in each of `folders`. */
function placeScripts(bundle: Bundle, folders: readonly string[], mode = 0o755): void {
  for (const folder of folders) {
    mkdirSync(`${bundle.rootfs}${folder}`, { recursive: true });
    writeFileSync(`${bundle.rootfs}${folder}/hi`, `#!/bin/sh\necho ${folder}\n`, { mode });
  }
}

test("the first folder of the container's PATH wins, not the caller's", async () => {
  using bundle = withEnv(["PATH=/none:/bin/hi:/second:/first"]);
  placeScripts(bundle, ["/first", "/second"]);
  expect((await bundle.run(["hi"], { env: { PATH: `/first:${process.env.PATH}` } })).stdout).toBe("/second\n");
});

test("a file that may not be executed is passed over for a later one", async () => {
  using bundle = withEnv(["PATH=/first:/second"]);
  placeScripts(bundle, ["/first"], 0o644);
  placeScripts(bundle, ["/second"]);
  expect((await bundle.run(["hi"])).stdout).toBe("/second\n");
});

test("an empty entry of PATH is the working folder", async () => {
  using bundle = withEnv(["PATH=/none:"]);
  bundle.change((spec) => (spec.process.cwd = "/first"));
  placeScripts(bundle, ["/first"]);
  expect((await bundle.run(["hi"])).stdout).toBe("/first\n");
});

const notFound = (name: string): { exitCode: number; stdout: string; stderr: string } => ({
  exitCode: 127,
  stdout: "",
  stderr: `box: process.args[0]: cannot execute ${name}: executable file not found in $PATH\n`,
});

test("without PATH a bare name is not found", async () => {
  using bundle = withEnv(["X=1"]);
  expect(await bundle.run(["sh", "-c", "true"])).toEqual(notFound("sh"));
});

test("the host's PATH is not searched", async () => {
  using bundle = withEnv(["PATH=/none"]);
  expect(await bundle.run(["ls"])).toEqual(notFound("ls"));
});

test("args[0] is what the program sees as its name", async () => {
  using bundle = new Bundle();
  expect((await bundle.run(["cat", "/proc/self/cmdline"])).stdout).toBe("cat\0/proc/self/cmdline\0");
});
