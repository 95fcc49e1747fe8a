// What box opens for stdio that is not the caller's, what of it the child and the supervisor get, and in which order.

import { describe, expect, test } from "bun:test";
import type { Stdio } from "../../src/config/stdio-choice.ts";
import type { Launch } from "../../src/plan/launch.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { branches, planToJson } from "../../src/plan/print-plan.ts";
import { printStep } from "../../src/tape/print.ts";
import type { Step } from "../../src/tape/step.ts";
import { planWith } from "./plan-for.ts";

const log: Stdio = { kind: "supervised", driver: "local", maxBytes: 1000, files: 2 };
const plan = (stdio: Stdio, launch: Partial<Launch> = {}, terminal = false): Plan =>
  planWith({ launch: { way: "detached", stdio, ...launch }, process: { terminal } });

/** Steps for stdio alone, alternatives included. */
const ofStdio = (steps: readonly Step[]): string[] =>
  steps.flatMap((step) => [
    ...(step.origin === "stdio" ? [printStep(step)] : []),
    ...ofStdio(branches(step).flatMap((branch) => [...branch.steps])),
  ]);
const handed = ({ prepare }: Plan): string[] =>
  (prepare.steps.find(({ call }) => call === "clone3")?.equal?.steps ?? [])
    .map(printStep)
    .filter((line) => /^dup3\(.*, [012], 0\)$/.test(line));

describe("a log", () => {
  test("has pipes, whose reading ends never wait", () => {
    expect(ofStdio(plan(log).prepare.steps)).toMatchInlineSnapshot(`
      [
        "mkdirat(state folder, "stdio", 0700)",
        "openat(state folder, "stdio", O_PATH|O_DIRECTORY|O_CLOEXEC, 0) → folder of stdio",
        "pipe2(&pipe for stdout, O_CLOEXEC)",
        "compute (the pipe) & 0xffffffff → pipe for stdout, its reading end",
        "compute (the pipe's other half) & 0xffffffff → pipe for stdout, its writing end",
        "fcntl(pipe for stdout, its reading end, F_SETFL, 2050)",
        "pipe2(&pipe for stderr, O_CLOEXEC)",
        "compute (the pipe) & 0xffffffff → pipe for stderr, its reading end",
        "compute (the pipe's other half) & 0xffffffff → pipe for stderr, its writing end",
        "fcntl(pipe for stderr, its reading end, F_SETFL, 2050)",
        "openat(AT_FDCWD, "/dev/null", O_RDONLY|O_CLOEXEC, 0) → null device",
        "openat(folder of stdio, "log", O_WRONLY|O_CREAT|O_EXCL|O_APPEND|O_CLOEXEC, 0600) → log",
      ]
    `);
  });

  test("the child gets the writing ends, and the null device for stdin", () => {
    expect(handed(plan(log))).toMatchInlineSnapshot(`
      [
        "dup3(the null device for the container, 0, 0)",
        "dup3(the pipe for stdout for the container, 1, 0)",
        "dup3(the pipe for stderr for the container, 2, 0)",
      ]
    `);
  });

  test("with -i stdin is a FIFO that is held open", () => {
    expect(ofStdio(plan(log, { openStdin: true }).prepare.steps).filter((line) => line.includes("stdin"))).toMatchInlineSnapshot(`
      [
        "mknodat(folder of stdio, "stdin", 010600, makedev(0, 0))",
        "openat(folder of stdio, "stdin", O_RDONLY|O_NONBLOCK|O_NOFOLLOW|O_CLOEXEC, 0) → stdin's reading end",
        "openat(folder of stdio, "stdin", O_WRONLY|O_NOFOLLOW|O_CLOEXEC, 0) → stdin's writing end",
        "fcntl(stdin's reading end, F_SETFL, 0)",
      ]
    `);
  });

  test("of a terminal has FIFOs for keys and sizes, and no pipe", () => {
    expect(ofStdio(plan(log, {}, true).prepare.steps)).toMatchInlineSnapshot(`
      [
        "mkdirat(state folder, "stdio", 0700)",
        "openat(state folder, "stdio", O_PATH|O_DIRECTORY|O_CLOEXEC, 0) → folder of stdio",
        "mknodat(folder of stdio, "stdin", 010600, makedev(0, 0))",
        "openat(folder of stdio, "stdin", O_RDWR|O_NONBLOCK|O_NOFOLLOW|O_CLOEXEC, 0) → FIFO stdin",
        "mknodat(folder of stdio, "size", 010600, makedev(0, 0))",
        "openat(folder of stdio, "size", O_RDWR|O_NONBLOCK|O_NOFOLLOW|O_CLOEXEC, 0) → FIFO size",
        "openat(folder of stdio, "log", O_WRONLY|O_CREAT|O_EXCL|O_APPEND|O_CLOEXEC, 0600) → log",
      ]
    `);
  });

  test("at a path of one's own: older files move on first", () => {
    expect(ofStdio(plan({ ...log, path: "/var/log/web.log" }).prepare.steps).slice(-7)).toMatchInlineSnapshot(`
      [
        "openat(AT_FDCWD, "/var/log", O_PATH|O_DIRECTORY|O_CLOEXEC, 0) → folder of the log",
        "statx(folder of the log, "web.log", AT_SYMLINK_NOFOLLOW, STATX_TYPE, &status of a log)",
        "compute (its mode) & 0xf000",
        "statx(folder of the log, "web.log.1", AT_SYMLINK_NOFOLLOW, STATX_TYPE, &status of a log)",
        "compute (its mode) & 0xf000",
        "renameat2(folder of the log, "web.log", folder of the log, "web.log.1", 0)",
        "openat(folder of the log, "web.log", O_WRONLY|O_CREAT|O_EXCL|O_APPEND|O_CLOEXEC, 0600) → log",
      ]
    `);
  });

  test("the supervisor lets go of the caller before it begins", () => {
    expect(ofStdio(plan(log, { reportFd: 3 }).startSupervisor.steps)).toMatchInlineSnapshot(`
      [
        "chdir("/")",
        "write(3, "r", 1)",
        "openat(AT_FDCWD, "/dev/null", O_RDWR|O_CLOEXEC, 0) → null device for the supervisor",
        "dup3(null device for the supervisor, 0, 0)",
        "dup3(null device for the supervisor, 1, 0)",
        "dup3(null device for the supervisor, 2, 0)",
      ]
    `);
  });
});

test("files are the container's own, and there is no supervisor", () => {
  const files = plan({ kind: "file", path: "/var/log/out", stderrPath: "/var/log/err" });
  expect([...ofStdio(files.prepare.steps), ...handed(files)]).toMatchInlineSnapshot(`
    [
      "openat(AT_FDCWD, "/var/log/out", O_WRONLY|O_CREAT|O_APPEND|O_NONBLOCK|O_NOCTTY|O_CLOEXEC, 0640) → file for stdout, as opened",
      "fcntl(file for stdout, as opened, F_SETFL, 1024)",
      "openat(AT_FDCWD, "/var/log/err", O_WRONLY|O_CREAT|O_APPEND|O_NONBLOCK|O_NOCTTY|O_CLOEXEC, 0640) → file for stderr, as opened",
      "fcntl(file for stderr, as opened, F_SETFL, 1024)",
      "dup3(the file for stdout for the container, 1, 0)",
      "dup3(the file for stderr for the container, 2, 0)",
    ]
  `);
  expect([files.becomeSupervisor, files.startSupervisor, files.supervise].map(({ steps }) => steps)).toEqual([[], [], []]);
});

test("a journal's pipes are in packets", () => {
  const journal: Stdio = { kind: "supervised", driver: "journald", socket: "/run/journal", fields: {} };
  expect(ofStdio(plan(journal).prepare.steps).filter((line) => /pipe2|socket|connect/.test(line))).toMatchInlineSnapshot(`
    [
      "pipe2(&pipe for stdout, O_CLOEXEC|O_DIRECT)",
      "pipe2(&pipe for stderr, O_CLOEXEC|O_DIRECT)",
      "socket(AF_UNIX, SOCK_DGRAM|SOCK_CLOEXEC, 0) → the journal",
      "connect(the journal, 15 bytes, 15)",
    ]
  `);
});

test("in the foreground stdin stays the caller's, and box does not wait itself", () => {
  const foreground = plan(log, { way: "foreground" });
  expect([handed(foreground).map((line) => line.slice(-5)), foreground.waitHere.steps]).toEqual([["1, 0)", "2, 0)"], []]);
});

test("where stdio is the caller's nothing is opened", () =>
  expect(planToJson(plan({ kind: "inherit" })).steps.filter(({ origin }) => origin === "stdio")).toEqual([]));
