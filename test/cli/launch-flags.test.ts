import { afterEach, describe, expect, test } from "bun:test";
import { closeSync, openSync } from "node:fs";
import { parseFlags } from "../../src/cli/arguments.ts";
import { launchFlags, launchOf } from "../../src/cli/launch-flags.ts";
import { errorLines } from "../../src/cli/report-error.ts";
import { flags as runFlags } from "../../src/cli/run.ts";
import type { Process, Spec } from "../../src/config/spec.ts";
import type { Stdio } from "../../src/config/stdio-choice.ts";
import { BoxError } from "../../src/errors.ts";
import { foreground, type Launch } from "../../src/plan/launch.ts";

const specWith = (terminal: boolean): Spec => ({
  ociVersion: "1.3.0",
  process: { terminal, args: ["sh"], cwd: "/", user: { uid: 0, gid: 0 } } as Process,
  root: { path: "rootfs" },
});
const launch = (way: Launch["way"], words: readonly string[] = [], terminal = false): Launch =>
  launchOf(parseFlags([...words], way === "created" ? launchFlags : runFlags, ""), way, specWith(terminal));
function refusal(way: Launch["way"], words: readonly string[], terminal = false): string[] {
  try {
    launch(way, words, terminal);
  } catch (error) {
    if (error instanceof BoxError) return errorLines(error);
    throw error;
  }
  throw new Error(`${words.join(" ")} is not refused`);
}

const environment = { ...process.env };
afterEach(() => {
  for (const name of ["LISTEN_FDS", "LISTEN_PID", "NOTIFY_SOCKET"]) {
    const before = environment[name];
    if (before === undefined) delete process.env[name];
    else process.env[name] = before;
  }
});

test("a run without flags is the plain one", () => expect(launch("foreground")).toBe(foreground));

describe("each flag", () => {
  const without = { ...foreground, way: "created", subreaper: false } as const;
  test("none", () => expect(launch("created")).toEqual(without));
  test("--pid-file, against the working folder", () => {
    expect(launch("created", ["--pid-file", "/run/web.pid"])).toEqual({ ...without, pidFile: "/run/web.pid" });
    expect(launch("created", ["--pid-file", "web.pid"])).toEqual({ ...without, pidFile: `${process.cwd()}/web.pid` });
    expect(launch("created", ["--pid-file", ""])).toEqual(without);
  });
  test("--console-socket and --pidfd-socket", () =>
    expect(launch("created", ["--console-socket", "/run/c", "--pidfd-socket=/run/p"], true)).toEqual({
      ...without,
      consoleSocket: "/run/c",
      pidfdSocket: "/run/p",
    }));
  test("--no-pivot and --no-new-keyring", () =>
    expect(launch("created", ["--no-pivot", "--no-new-keyring"])).toEqual({ ...without, noPivot: true, newKeyring: false }));
  test("--keep, of run", () => expect(launch("foreground", ["--keep"])).toEqual({ ...foreground, keep: true, notesEnd: true }));
  test("--no-subreaper, of run", () => expect(launch("foreground", ["--no-subreaper"])).toEqual({ ...foreground, subreaper: false }));
});

describe("terminals", () => {
  const noSocket = [
    "box: process.terminal: cannot allocate tty if box will detach without setting console socket",
    "hint: give one with --console-socket",
  ];
  const noUse = ["box: --console-socket: cannot use console socket if box will not detach or allocate tty"];
  test("need a socket where box does not stay", () => {
    expect(refusal("created", [], true)).toEqual(noSocket);
    expect(refusal("detached", ["--detach"], true)).toEqual(noSocket);
    expect(refusal("created", ["--console-socket", ""], true)).toEqual(noSocket);
  });
  test("need none where it does", () => {
    expect(launch("foreground", [], true)).toBe(foreground);
    expect(refusal("foreground", ["--console-socket", "/run/c"], true)).toEqual(noUse);
  });
  test("no terminal, no socket", () => expect(refusal("created", ["--console-socket", "/run/c"])).toEqual(noUse));
});

describe("stdio by a plugin's choice", () => {
  const log: Stdio = { kind: "supervised", driver: "local", maxBytes: 1000, files: 2 };
  const file: Stdio = { kind: "file", path: "/var/log/web" };
  const chosen = (way: Launch["way"], words: readonly string[], stdio: Stdio, terminal = false): Launch =>
    launchOf(parseFlags([...words], runFlags, ""), way, specWith(terminal), stdio);
  const refused = (...args: Parameters<typeof chosen>): string[] => {
    try {
      chosen(...args);
    } catch (error) {
      if (error instanceof BoxError) return errorLines(error);
      throw error;
    }
    throw new Error("it is not refused");
  };

  test("in the background a supervisor keeps the container, unless --rm says otherwise", () => {
    const supervised = { ...foreground, way: "detached", stdio: log, notesEnd: true } as const;
    expect(chosen("detached", ["-d"], log)).toEqual({ ...supervised, keep: true });
    expect(chosen("detached", ["-d", "--rm"], log)).toEqual({ ...supervised, keep: false });
    expect(chosen("detached", ["-d", "-i", "--report-fd=3"], log)).toEqual({ ...supervised, keep: true, openStdin: true, reportFd: 3 });
  });
  test("a terminal needs no socket there", () => expect(chosen("detached", ["-d", "-t"], log, true).stdio).toBe(log));
  test("files need no supervisor", () =>
    expect(chosen("detached", ["-d"], file)).toEqual({ ...foreground, way: "detached", stdio: file, subreaper: false }));
  test("in the foreground", () => expect(chosen("foreground", [], log)).toEqual({ ...foreground, stdio: log }));
  test("what nobody would be there for is refused", () => {
    expect(refused("created", [], log)).toEqual([
      "box: stdio: a log needs a supervisor, which create does not leave behind",
      "hint: use run -d, or write into files",
    ]);
    expect(refused("detached", ["-d", "-t"], file, true)).toEqual([
      "box: stdio: a file cannot be a container's terminal",
      "hint: leave the terminal out",
    ]);
    expect(refused("detached", ["-d", "-t", "--console-socket", "/run/c"], log, true)).toEqual([
      "box: stdio: a terminal goes to the log or to --console-socket, not to both",
      "hint: leave one of them out",
    ]);
  });
});

describe("paths of sockets", () => {
  test("as long as the kernel takes them", () => {
    const longest = `/${"a".repeat(106)}`;
    expect(launch("created", ["--pidfd-socket", longest]).pidfdSocket).toBe(longest);
    expect(refusal("created", ["--pidfd-socket", `${longest}a`])).toEqual([
      `box: --pidfd-socket: the path of a socket may have 107 bytes, and this one has more: ${longest}a`,
    ]);
  });
  test("in bytes", () =>
    expect(refusal("created", ["--pidfd-socket", `/${"é".repeat(54)}`])[0]).toContain("107 bytes, and this one has more"));
});

describe("descriptors to preserve", () => {
  test.each(["-1", "1.5", "x", "1025", "1e1", "0x1", " 1", ""])("not %j", (given) =>
    expect(refusal("created", [`--preserve-fds=${given}`])).toEqual([
      `box: --preserve-fds: expected a number of descriptors, got ${JSON.stringify(given)}`,
    ]),
  );
  test("that are not open", () =>
    expect(refusal("created", ["--preserve-fds", "1000"]).map((line) => line.replace(/descriptor \d+ /, "descriptor N "))).toEqual([
      "box: --preserve-fds: descriptor N of 1000 to preserve is not open",
    ]));
  test("that are folders of the host", () => {
    const folder = openSync("/", "r");
    try {
      // Bun's own descriptors stand below; the first folder among them is this one or one before it.
      expect(refusal("created", ["--preserve-fds", String(folder - 2)])[0]).toMatch(
        /^box: --preserve-fds: descriptor \d+ (is a folder, and a container must get none of the host's|of \d+ to preserve is not open)$/,
      );
    } finally {
      closeSync(folder);
    }
  });
});

describe("systemd's", () => {
  test("descriptors count only when they are for this process", () => {
    process.env.LISTEN_FDS = "999";
    process.env.LISTEN_PID = "1";
    expect(launch("created").preserveFds).toBe(0);
    process.env.LISTEN_PID = String(process.pid);
    expect(refusal("created", [])[0]).toMatch(/of 999 to preserve is not open$/);
    process.env.LISTEN_FDS = "1 ";
    expect(launch("created").preserveFds).toBe(0);
  });
  test("socket for readiness, absolute or abstract", () => {
    for (const [path, notifies] of [
      ["/run/notify", true],
      ["@abstract", true],
      ["relative", false],
      ["", false],
    ] as const) {
      process.env.NOTIFY_SOCKET = path;
      expect([path, launch("created").notifies]).toEqual([path, notifies]);
    }
  });
});
