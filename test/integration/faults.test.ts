// One call of a start fails that never should: box says which, and nothing is left. strace makes them fail.

import { describe, expect } from "bun:test";
import { Bundle, machine, testWith } from "./harness.ts";

const test = testWith("strace");

/** Makes the `when`th call of that name fail in each process. */
const failing = (call: string, when: number): string[] => [
  ...["strace", "-f", "-qq", "-o", "/dev/null"],
  ...["-e", `trace=${call}`, "-e", `inject=${call}:error=ENOSPC:when=${when}`],
];

async function expectUndone(bundle: Bundle, call: string, when: number): Promise<void> {
  const before = machine(bundle);
  const { exitCode, stdout, stderr } = await bundle.box(["run", bundle.id], { before: failing(call, when) });
  expect({ exitCode, stdout }).toEqual({ exitCode: 125, stdout: "" });
  const [line = ""] = stderr.split("\n");
  expect(line).toStartWith("box: ");
  expect(line).toContain(`: ${call}(`);
  expect(line).toEndWith(": ENOSPC (no space left on device)");
  expect(machine(bundle)).toEqual(before);
}

/**
 * Calls that make something, and how often a start makes each at least. Not clone3, which Bun makes threads with and aborts
 * without.
 */
const calls = {
  memfd_create: 3,
  socketpair: 1,
  pwrite64: 2,
  open_tree: 6,
  fsopen: 5,
  fsmount: 5,
  move_mount: 6,
  mount_setattr: 3,
  mknodat: 2,
  symlinkat: 2,
  pivot_root: 1,
  umount2: 1,
  sethostname: 1,
  setresuid: 1,
  capset: 1,
  renameat2: 2,
} as const;

describe.each(Object.entries(calls))("%s fails", (call, times) => {
  for (let when = 1; when <= times; when++)
    test(`the ${when}. time`, async () => {
      using bundle = new Bundle((spec) => (spec.process.args = ["sh", "-c", "exec sleep 1000"]));
      await expectUndone(bundle, call, when);
    });
});
