// box seccomp dump, as its users have it: whole output for a small profile, of a bundle and of a container, and refusals.

import { expect } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import type { Seccomp } from "../../src/config/spec.ts";
import { asUser, Bundle, type Outcome, type RichSpec, testWith, userId } from "../integration/harness.ts";

const test = testWith();

if (process.arch !== "x64") console.warn("SKIPPED: box seccomp dump: the text that is expected is that of x86-64");
const testOnX64 = process.arch === "x64" ? test : test.skip;

const notes = [
  "# linux.seccomp.architectures[0]: SCMP_ARCH_AARCH64 is left out: this machine does not run its programs.",
  '# linux.seccomp.syscalls[0].names[1]: "no_such_call" is left out: box knows no such system call.',
];
const instructions = [
  "0  A = ABI",
  "1  if A != SCMP_ARCH_X86_64 goto 8",
  "2  A = call",
  "3  if A >= 84 (rmdir) goto 6",
  "4  if A < 83 (mkdir) goto 9",
  "5  return SCMP_ACT_ERRNO ENOENT",
  "6  if A < 0x40000000 (x32 read) goto 9",
  "7  if A >= 0xffffffff goto 9",
  "8  return SCMP_ACT_KILL_THREAD",
  "9  return SCMP_ACT_ALLOW",
];
const head = "# 10 instructions, loaded with SECCOMP_FILTER_FLAG_LOG";

const filtered = (spec: RichSpec): void => {
  const seccomp: Seccomp = {
    defaultAction: "SCMP_ACT_ALLOW",
    architectures: ["SCMP_ARCH_AARCH64"],
    flags: ["SECCOMP_FILTER_FLAG_LOG"],
    syscalls: [{ names: ["mkdir", "no_such_call"], action: "SCMP_ACT_ERRNO", errnoRet: 2 }],
  };
  spec.linux.seccomp = seccomp;
  spec.process.args = ["sleep", "1000"];
};
const printed = (...lines: string[]): Outcome => ({ exitCode: 0, stdout: `${lines.join("\n")}\n`, stderr: "" });
const refused = (...lines: string[]): Outcome => ({ exitCode: 1, stdout: "", stderr: `${lines.join("\n")}\n` });
const usage = "hint: box seccomp dump [-b DIR | -f FILE | ID]";

testOnX64("of the bundle here, and of one that is named", async () => {
  using bundle = new Bundle(filtered);
  expect(await bundle.box(["seccomp", "dump"])).toEqual(printed(head, ...notes, ...instructions));
  expect(await bundle.box(["seccomp", "dump", "-b", bundle.folder], { cwd: "/" })).toEqual(printed(head, ...notes, ...instructions));
});

testOnX64("leniently, as run takes it", async () => {
  using bundle = new Bundle((spec) => {
    filtered(spec);
    Object.assign(spec.linux.seccomp as Seccomp, { vendor: 1 });
  });
  const column = JSON.stringify(bundle.spec).indexOf('"vendor"') + 1;
  const fault = `config.json:1:${column}: linux.seccomp.vendor: unknown key`;
  expect(await bundle.box(["seccomp", "dump"])).toEqual(refused(`box: ${fault}`));
  const lenient = { ...printed(head, ...notes, ...instructions), stderr: `box: warning: ${fault}\n` };
  expect(await bundle.box(["seccomp", "dump", "--lenient"])).toEqual(lenient);
});

testOnX64("as JSON, for whoever takes instructions apart", async () => {
  using bundle = new Bundle(filtered);
  const { stdout } = await bundle.box(["seccomp", "dump", "--json"]);
  const { flags, notes: noted, instructions: list } = JSON.parse(stdout);
  expect([flags, noted.length, list.length]).toEqual([["SECCOMP_FILTER_FLAG_LOG"], 2, 10]);
  expect(list.slice(3, 6)).toEqual([
    { at: 3, code: 0x35, jt: 2, jf: 0, k: 84, text: "if A >= 84 (rmdir) goto 6" },
    { at: 4, code: 0x35, jt: 0, jf: 4, k: 83, text: "if A < 83 (mkdir) goto 9" },
    { at: 5, code: 0x06, jt: 0, jf: 0, k: 0x50002, text: "return SCMP_ACT_ERRNO ENOENT" },
  ]);
});

testOnX64("of a container, as it is, whatever its bundle says by now", async () => {
  using bundle = new Bundle(filtered);
  expect((await bundle.box(["create", bundle.id])).exitCode).toBe(0);
  bundle.change((spec) => delete spec.linux.seccomp);
  expect(await bundle.box(["seccomp", "dump", bundle.id])).toEqual(printed(head, ...instructions));
});

test("of a box.yaml, without root", async () => {
  using bundle = new Bundle();
  rmSync(`${bundle.folder}/config.json`);
  writeFileSync(`${bundle.folder}/any.yaml`, "rootfs: host\ncommand: 'true'\n");
  bundle.giveTo(userId);
  const { exitCode, stdout, stderr } = await bundle.box(["seccomp", "dump", "-f", "any.yaml"], { before: asUser });
  expect([exitCode, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^# \d+ instructions, loaded with SECCOMP_FILTER_FLAG_SPEC_ALLOW\n {2}0 {2}A = ABI\n/);
  expect(stdout).toContain("  return SCMP_ACT_ERRNO EPERM\n");
});

test("what has no filter, or is not there, is refused", async () => {
  using bundle = new Bundle((spec) => (spec.process.args = ["sleep", "1000"]));
  const dump = async (...args: string[]): Promise<Outcome> => await bundle.box(["seccomp", ...args]);
  expect(await dump("dump")).toEqual(refused("box: the configuration has no filter of system calls"));
  expect((await bundle.box(["create", bundle.id])).exitCode).toBe(0);
  expect(await dump("dump", bundle.id)).toEqual(refused(`box: the container ${bundle.id} has no filter of system calls`));
  expect(await dump("dump", "nobody")).toEqual(refused("box: id: the container nobody does not exist"));
  expect(await dump("dump", "-b", "..", "web")).toEqual(refused("box: a container and a bundle are two filters", usage));
  expect(await dump()).toEqual(refused("box: an action is missing", usage));
  expect(await dump("load", "web")).toEqual(refused("box: cannot load web", usage));
});

test("a profile that is wrong is refused as run refuses it", async () => {
  using bundle = new Bundle((spec) => (spec.linux.seccomp = { defaultAction: "SCMP_ACT_NOTIFY" }));
  const expected = "box: linux.seccomp.listenerPath: is missing: SCMP_ACT_NOTIFY needs the socket of an agent";
  expect((await bundle.box(["run", bundle.id])).stderr).toBe(`${expected}\n`);
  expect(await bundle.box(["seccomp", "dump"])).toEqual(refused(expected));
});
