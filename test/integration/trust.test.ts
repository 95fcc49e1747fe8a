// What box does with its rights around a container that may be hostile, or that is no longer its own.

import { describe, expect } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { Bundle, testWith, until } from "./harness.ts";

const test = testWith();

/** A file of /proc/PID as its fields. */
const statusOf = (pid: number | string): Record<string, string> =>
  Object.fromEntries(
    readFileSync(`/proc/${pid}/status`, "utf8")
      .split("\n")
      .map((line) => line.split(":\t") as [string, string]),
  );

describe("a stopped container's cgroups may be another's by now", () => {
  test("and delete leaves that one alone", async () => {
    using bundle = new Bundle((spec) => {
      spec.linux.cgroupsPath = `/test-shared-${process.pid}`;
      spec.process.args = ["true"];
    });
    const [first, second] = [`${bundle.id}-1`, `${bundle.id}-2`];
    expect((await bundle.box(["run", "-d", first])).exitCode).toBe(0);
    const status = async (id: string): Promise<string> => JSON.parse((await bundle.box(["state", id])).stdout).status;
    while ((await status(first)) !== "stopped");
    bundle.change((spec) => (spec.process.args = ["sleep", "1000"]));
    expect((await bundle.box(["run", "-d", second])).exitCode).toBe(0);
    expect((await bundle.box(["ps", "-f", "json", first])).stdout).toBe("[]\n");
    expect((await bundle.box(["kill", "--all", first, "KILL"])).exitCode).toBe(0);
    expect(await bundle.box(["delete", first])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    expect(await status(second)).toBe("running");
  });
});

test("init waits for start filtered, and without a capability that the configuration does not give", async () => {
  using bundle = new Bundle((spec) => {
    spec.process.args = ["sleep", "1000"];
    spec.process.noNewPrivileges = false;
    spec.linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["chmod"], action: "SCMP_ACT_ERRNO" }] };
  });
  expect(await bundle.box(["create", bundle.id])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  const waiting = statusOf(bundle.initPid);
  const names = bundle.spec.process?.capabilities?.permitted ?? [];
  expect(names).not.toContain("CAP_SYS_ADMIN");
  const CAP_SYS_ADMIN = 1n << 21n;
  expect([waiting.Seccomp, BigInt(`0x${waiting.CapPrm}`) & CAP_SYS_ADMIN]).toEqual(["2", 0n]);
  expect((await bundle.box(["start", bundle.id])).exitCode).toBe(0);
});

/** Whether a thread takes a SIGTERM that is meant for its process. */
const takesTerm = (status: Record<string, string>): boolean => (BigInt(`0x${status.SigBlk}`) & (1n << 14n)) === 0n;

for (const command of [["create"], ["run"], ["run", "-d"]])
  test(`no thread of box ${command.join(" ")} is ended by a signal in the middle of a start`, async () => {
    using bundle = new Bundle((spec) => (spec.process.args = ["sleep", "1000"]));
    const slow = { path: "/bin/sh", args: ["sh", "-c", `echo $$ > ${bundle.folder}/hook; exec sleep 1000`] };
    bundle.change((spec) => (spec.hooks = { createRuntime: [slow] }));
    using starting = bundle.start([...command, bundle.id]);
    const hook = (): string => {
      try {
        return readFileSync(`${bundle.folder}/hook`, "utf8").trim();
      } catch {
        return "";
      }
    };
    await until(() => hook() !== "", "the hook to run");
    const threads = readdirSync(`/proc/${starting.pid}/task`).map((task) => statusOf(`${starting.pid}/task/${task}`));
    expect(threads.filter(takesTerm).map(({ Name }) => Name)).toEqual([]);
    process.kill(Number(hook()), "SIGKILL");
    expect((await starting.outcome()).exitCode).not.toBe(0);
  });

test("an exec into a frozen container is ended by SIGTERM, and the container goes on", async () => {
  using bundle = new Bundle((spec) => (spec.process.args = ["sleep", "1000"]));
  expect((await bundle.box(["run", "-d", bundle.id])).exitCode).toBe(0);
  expect((await bundle.box(["pause", bundle.id])).exitCode).toBe(0);
  using exec = bundle.start(["exec", "--ignore-paused", bundle.id, "true"]);
  const children = (): string => readFileSync(`/proc/${exec.pid}/task/${exec.pid}/children`, "utf8").trim();
  await until(() => children() !== "", "the process to be made");
  exec.child.kill("SIGTERM");
  expect(await exec.outcome()).toEqual({ exitCode: 143, stdout: "", stderr: "box: SIGTERM has ended exec before the program ran\n" });
  expect((await bundle.box(["resume", bundle.id])).exitCode).toBe(0);
  expect(await bundle.box(["exec", bundle.id, "echo", "on"])).toEqual({ exitCode: 0, stdout: "on\n", stderr: "" });
});

test("a program that cannot be executed leaves no process behind, however often", async () => {
  using bundle = new Bundle((spec) => (spec.process.args = ["sleep", "1000"]));
  expect((await bundle.box(["run", "-d", bundle.id])).exitCode).toBe(0);
  const space = (pid: string): string => {
    try {
      return readFileSync(`/proc/${pid}/status`, "utf8").match(/^NSpid:\t\d+\t\d+$/m)?.[0] ?? "";
    } catch {
      return "";
    }
  };
  const inside = (): number =>
    readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, "utf8")
      .trim()
      .split(" ")
      .filter((pid) => pid !== "" && space(pid) !== "").length;
  const before = inside();
  for (let times = 0; times < 20; times++) expect((await bundle.box(["exec", bundle.id, "/etc"])).exitCode).toBe(126);
  expect(inside()).toBe(before);
});
