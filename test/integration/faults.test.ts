// One call of a start fails that never should: box says which, and nothing is left. strace makes them fail.

import { describe, expect } from "bun:test";
import { Bundle, machine, testWith, until } from "./harness.ts";
import { SocketReceiver } from "./socket-receiver.ts";

const test = testWith("strace");

/** Makes the `when`th call of that name fail in each process. */
const failing = (call: string, when: number): string[] => [
  ...["strace", "-f", "-qq", "-o", "/dev/null"],
  ...["-e", `trace=${call}`, "-e", `inject=${call}:error=ENOSPC:when=${when}`],
];

async function expectUndone(bundle: Bundle, args: readonly string[], call: string, when: number, code = 125): Promise<void> {
  const before = machine(bundle);
  const { exitCode, stdout, stderr } = await bundle.box(args, { before: failing(call, when) });
  expect({ exitCode, stdout }).toEqual({ exitCode: code, stdout: "" });
  const [line = ""] = stderr.split("\n");
  expect(line).toStartWith("box: ");
  // A hook's calls are said to be the hook's failure.
  if (!line.startsWith("box: hooks.")) expect(line).toContain(`: ${call}(`);
  expect(line).toEndWith(": ENOSPC (no space left on device)");
  await until(() => machine(bundle).processes.length === before.processes.length, "the end of all processes");
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
      await expectUndone(bundle, ["run", bundle.id], call, when);
    });
});

/** Those that a create with hooks makes besides, or otherwise. */
const callsOfCreate = { memfd_create: 4, mknodat: 2, ftruncate: 2, lseek: 2, keyctl: 1, renameat2: 2, waitid: 1, sendmsg: 1 } as const;

describe.each(Object.entries(callsOfCreate))("%s of a create with hooks fails", (call, times) => {
  for (let when = 1; when <= times; when++)
    test(`the ${when}. time`, async () => {
      using bundle = new Bundle((spec) => {
        spec.process.args = ["sleep", "1000"];
        spec.hooks = { createRuntime: [{ path: "/bin/true" }], createContainer: [{ path: "/bin/true" }] };
      });
      const flags = call === "sendmsg" ? ["--pidfd-socket", `${bundle.folder}/pidfd`] : [];
      using _receiver = call === "sendmsg" ? new SocketReceiver(`${bundle.folder}/pidfd`) : undefined;
      await expectUndone(bundle, ["create", ...flags, bundle.id], call, when, 1);
    });
});

const callsOfExec = { memfd_create: 2, socketpair: 1, pwrite64: 1, setns: 1, keyctl: 1, setresuid: 1, capset: 1, umask: 1 } as const;

describe.each(Object.entries(callsOfExec))("%s of an exec fails", (call, times) => {
  for (let when = 1; when <= times; when++)
    test(`the ${when}. time, and the container goes on`, async () => {
      using bundle = new Bundle();
      using _running = await bundle.startSh("echo ready; exec sleep 1000");
      await expectUndone(bundle, ["exec", bundle.id, "sleep", "1000"], call, when);
      expect(await bundle.box(["exec", bundle.id, "echo", "still"])).toEqual({ exitCode: 0, stdout: "still\n", stderr: "" });
    });
});
