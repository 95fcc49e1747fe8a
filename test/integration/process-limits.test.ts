// rlimits, noNewPrivileges, and the limit on open files that Bun raises and the container must not see.

import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import type { Rlimit } from "../../src/config/spec.ts";
import { Bundle, testWith } from "./harness.ts";

const test = testWith();

test("each limit is set, soft and hard", async () => {
  using bundle = new Bundle((spec) => {
    spec.process.rlimits = [
      { type: "RLIMIT_NOFILE", soft: 100, hard: 200 },
      { type: "RLIMIT_CORE", soft: 0, hard: 0 },
      { type: "RLIMIT_STACK", soft: 4194304, hard: 8388608 },
      { type: "RLIMIT_CPU", soft: 1000, hard: 2000 },
      { type: "RLIMIT_FSIZE", soft: 1000000, hard: 2000000 },
    ];
  });
  const lines = await bundle.sh("cat /proc/self/limits");
  const limit = (name: string): string | undefined =>
    lines
      .find((line) => line.startsWith(name))
      ?.slice(name.length)
      .trim()
      .split(/\s+/)
      .slice(0, 2)
      .join(" ");
  expect(["Max open files", "Max core file size", "Max stack size", "Max cpu time", "Max file size"].map(limit)).toEqual([
    "100 200",
    "0 0",
    "4194304 8388608",
    "1000 2000",
    "1000000 2000000",
  ]);
});

test("of every kind that there is", async () => {
  const kinds = {
    RLIMIT_AS: "Max address space",
    RLIMIT_CORE: "Max core file size",
    RLIMIT_CPU: "Max cpu time",
    RLIMIT_DATA: "Max data size",
    RLIMIT_FSIZE: "Max file size",
    RLIMIT_LOCKS: "Max file locks",
    RLIMIT_MEMLOCK: "Max locked memory",
    RLIMIT_MSGQUEUE: "Max msgqueue size",
    RLIMIT_NICE: "Max nice priority",
    RLIMIT_NOFILE: "Max open files",
    RLIMIT_NPROC: "Max processes",
    RLIMIT_RSS: "Max resident set",
    RLIMIT_RTPRIO: "Max realtime priority",
    RLIMIT_RTTIME: "Max realtime timeout",
    RLIMIT_SIGPENDING: "Max pending signals",
    RLIMIT_STACK: "Max stack size",
  } satisfies Record<Rlimit["type"], string>;
  const before = readFileSync("/proc/self/limits", "utf8");
  /** What this machine's root may set: no more than it has. */
  const hardOf = (name: string): number => {
    const [, hard = ""] = new RegExp(`^${name} +\\S+ +(\\S+)`, "m").exec(before) ?? [];
    return hard === "unlimited" ? 1_000_000_000 : Number(hard);
  };
  const wanted = Object.entries(kinds).map(([type, name]) => ({ type: type as Rlimit["type"], name, hard: hardOf(name) }));
  using bundle = new Bundle((spec) => {
    spec.process.rlimits = wanted.map(({ type, hard }) => ({ type, soft: Math.floor(hard / 2), hard }));
  });
  const seen = (await bundle.sh("cat /proc/self/limits")).map((line) => line.replace(/\s+/g, " "));
  for (const { name, hard } of wanted)
    expect(seen.find((line) => line.startsWith(name))).toStartWith(`${name} ${Math.floor(hard / 2)} ${hard}`);
});

test("without a limit on open files the container has the caller's, not what Bun made of it", async () => {
  using bundle = new Bundle((spec) => (spec.process.rlimits = []));
  const before = ["sh", "-c", 'ulimit -Sn 512; ulimit -Hn 4096; "$@"; exit $?', "sh"];
  expect(await bundle.sh("ulimit -Sn; ulimit -Hn", { before })).toEqual(["512", "4096"]);
});

test("a hard limit below that of box's parent is kept", async () => {
  using bundle = new Bundle((spec) => (spec.process.rlimits = []));
  expect(await bundle.sh("ulimit -Hn", { before: ["prlimit", "--nofile=512:4096"] })).toEqual(["4096"]);
});

test("a limit above the hard one is refused, since this machine's root may not raise it", async () => {
  using bundle = new Bundle((spec) => (spec.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 100, hard: 5000 }]));
  const { exitCode, stdout, stderr } = await bundle.run(["true"], {
    before: ["setpriv", "--bounding-set=-sys_resource", "--inh-caps=-sys_resource", "prlimit", "--nofile=512:4096"],
  });
  expect({ exitCode, stdout, stderr }).toEqual({
    exitCode: 125,
    stdout: "",
    stderr:
      "box: process.rlimits[0]: cannot limit RLIMIT_NOFILE to 100:5000: prlimit64(0, RLIMIT_NOFILE, {rlim_cur: 100, rlim_max: 5000}, NULL): EPERM (operation not permitted)\n" +
      "hint: a hard limit is raised only with CAP_SYS_RESOURCE, and this one never above the sysctl fs.nr_open\n",
  });
});

for (const [set, seen] of [
  [true, "1"],
  [false, "0"],
  [undefined, "0"],
] as const)
  test(`noNewPrivileges ${set}`, async () => {
    using bundle = new Bundle((spec) => {
      delete spec.process.noNewPrivileges;
      if (set !== undefined) spec.process.noNewPrivileges = set;
    });
    expect(await bundle.sh("grep NoNewPrivs /proc/self/status")).toEqual([`NoNewPrivs:\t${seen}`]);
  });
