import { expect, test } from "bun:test";
import { errorLines } from "../../src/cli/report-error.ts";
import { blame } from "../../src/execute/blame.ts";
import { stepAt } from "../../src/execute/step-at.ts";
import { encodeTape } from "../../src/tape/encode.ts";
import { record } from "../../src/tape/layout.ts";
import { compute, newSlot, newVariables, type Step, step } from "../../src/tape/step.ts";

const fact = { step: step("setsid", [], "box", "setsid"), explanation: "", before: [], refused: false };

/** The message and exit code for a failure of one step. */
function blamed(one: Step, errno: number, more: { explanation?: string; refused?: boolean } = {}): [number | undefined, ...string[]] {
  const error = blame({ ...fact, step: one, errno, ...more });
  return [error.facts.exitCode, ...errorLines(error)];
}

const ENOENT = 2;
const EACCES = 13;
const EINVAL = 22;

test("a call: what for, from where, the call itself, its errno", () => {
  const mount = step("mount", ["tmpfs", "/data", "tmpfs", ["MS_NOSUID"], null], "mounts[3]", "mount tmpfs on /data");
  expect(blamed(mount, EINVAL)).toEqual([
    undefined,
    'box: mounts[3]: cannot mount tmpfs on /data: mount("tmpfs", "/data", "tmpfs", MS_NOSUID, NULL): EINVAL (invalid argument)',
  ]);
});

test("where the result would have gone is left out", () => {
  const out = newSlot(newVariables(), "fd", "root");
  const open = step("openat", ["AT_FDCWD", "/x", ["O_PATH"], 0], "root.path", "open /x", { out });
  expect(blamed(open, EACCES)).toEqual([
    undefined,
    'box: root.path: cannot open /x: openat(AT_FDCWD, "/x", O_PATH, 0): EACCES (permission denied)',
  ]);
});

test("an expectation that is not met says so in its own words; the call's own EPERM does not", () => {
  const expecting = step("getpid", [], "box", "use it", { expect: { value: 0, refused: "it is in use" } });
  expect(blamed(expecting, 1, { refused: true })).toEqual([undefined, "box: box: cannot use it: it is in use"]);
  expect(blamed(expecting, 1)).toEqual([undefined, "box: box: cannot use it: getpid(): EPERM (operation not permitted)"]);
});

test("a program: exit codes 127 and 126, and the environment stays out of the message", () => {
  const execute = step("execve", ["/bin/x", ["x", "-a"], ["PASSWORD=secret", "B=1"]], "process.args[0]", "execute /bin/x", {
    failed: "execute",
  });
  expect(blamed(execute, EACCES)).toEqual([
    126,
    'box: process.args[0]: cannot execute /bin/x: execve("/bin/x", ["x", "-a"], 2 variables): EACCES (permission denied)',
  ]);
  expect(blamed(execute, ENOENT, { explanation: "#! /no/sh -e\nx" })).toEqual([
    127,
    'box: process.args[0]: cannot execute /bin/x: execve("/bin/x", ["x", "-a"], 2 variables): ENOENT (no such file or directory)',
    'hint: the script names the interpreter "/no/sh", which does not exist in the container\'s root',
  ]);
});

test("a search along PATH", () => {
  const search = compute([0, 0, ENOENT, -1], "process.args[0]", "execute x", { failed: "search" });
  expect(blamed(search, ENOENT)).toEqual([127, "box: process.args[0]: cannot execute x: executable file not found in $PATH"]);
  expect(blamed(search, EACCES)).toEqual([
    126,
    "box: process.args[0]: cannot execute x: EACCES (permission denied)",
    "hint: a folder of $PATH has a file of that name, but it may not be executed",
  ]);
});

const where = { machine: "x64", base: 0x10000, status: 0x8000 } as const;

test("an address finds its step, the calls before it, and whether the call or its expectation failed", () => {
  const first = step("getpid", [], "box", "first");
  const second = step("getpid", [], "box", "second", { expect: { value: 1, refused: "no" } });
  const third = step("setsid", [], "box", "third", { onError: [["EINTR", [step("getuid", [], "box", "alternative")]]] });
  const fourth = step("getppid", [], "box", "fourth");
  const encoded = encodeTape([[first, second, third, fourth]], newVariables(), where);
  const seen = encoded.owners.map((_, index) => {
    const at = stepAt(encoded, encoded.recordsAddress + index * record.bytes);
    return [at?.step.why, at?.before.map(({ why }) => why), at?.refused];
  });
  const before = ["first", "second"];
  expect(seen).toEqual([
    ["first", [], false],
    ["second", ["first"], false],
    ["second", ["first"], true],
    ["third", before, false],
    ["third", before, false],
    ["third", before, false],
    ["alternative", [...before, "third"], false],
    // The alternative is a branch of its own, not what came before.
    ["fourth", [...before, "third"], false],
  ]);
});

test("an address that is no record's names no step", () => {
  const encoded = encodeTape([[step("setsid", [], "box", "one")]], newVariables(), where);
  for (const address of [0, encoded.recordsAddress - record.bytes, encoded.recordsAddress + 1, encoded.recordsAddress + record.bytes])
    expect(stepAt(encoded, address)).toBe(undefined);
});
