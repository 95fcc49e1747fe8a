import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { measureNames, readTotalCalls } from "../../scripts/bench-measures.ts";
import { readProfile, seccompOf } from "../../scripts/bench-podman.ts";
import { makeReport, makeRow, median, printReport, type Report } from "../../scripts/bench-report.ts";
import { binary, cgroupsOf, execute, Running, until } from "../integration/harness.ts";

const script = new URL("../../scripts/bench.ts", import.meta.url).pathname;
const LIMIT_MS = 120_000;

/** A folder for bench's output, and what bench left in the places where it works. */
class Place implements Disposable {
  readonly folder = mkdtempSync(`${tmpdir()}/bench-test-`);
  readonly output = `${this.folder}/figures.json`;
  readonly environment = { BOX_BINARY: binary, TMPDIR: this.folder };

  get report(): Report {
    return JSON.parse(readFileSync(this.output, "utf8")) as Report;
  }

  /** Everything that carries bench's name, other than its output. */
  get leftovers(): string[] {
    const files = [...readdirSync(this.folder), ...readdirSync("/run")].filter((name) => name.startsWith("box-bench-"));
    return [...files, ...cgroupsOf("/sys/fs/cgroup", "box-bench-\\d+")];
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** `test` where bench can measure all; elsewhere a skip that says what is missing. */
function testBench(title: string, body: () => Promise<void>): void {
  const tools = ["runc", "bwrap", "hyperfine", "strace", "cc", "unshare"].filter((name) => Bun.which(name) === null);
  const lacks = [
    ...(process.getuid?.() === 0 ? [] : ["root's rights"]),
    ...(existsSync(binary) ? [] : [`${binary} (npm run build makes it)`]),
    ...(existsSync("/bin/busybox") ? [] : ["busybox-static"]),
    ...tools,
  ];
  if (lacks.length > 0) console.warn(`SKIPPED: ${title}: this machine lacks ${lacks.join(", ")}`);
  test.skipIf(lacks.length > 0)(title, body, LIMIT_MS);
}

testBench("a quick run writes sane figures and leaves nothing", async () => {
  using place = new Place();
  const words = [process.execPath, script, "--quick", "--output", place.output];
  const { exitCode, stdout, stderr } = await execute(words, { env: place.environment, limitMs: LIMIT_MS });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  const { report } = place;
  expect(stdout).toBe(`${printReport(report)}\nwritten to ${place.output}\n`);
  expect(Object.keys(report)).toEqual(expectedKeys);
  expect(report).toMatchObject({ rounds: 1, runsPerRound: 3, machine: { architecture: process.arch } });
  expect(Math.abs(Date.now() - Date.parse(report.date))).toBeLessThan(LIMIT_MS);
  const rows = report.rows.filter(({ layout }) => layout === "host");
  expect(rows.map(({ measure }) => measure)).toEqual(
    measureNames.filter((name) => name !== "hundred" && (!["podman", "plan"].includes(name) || readProfile() !== undefined)),
  );
  for (const { measure, unit, medians, ratios } of rows) {
    const { box = Number.NaN, runc = Number.NaN, bubblewrap } = medians;
    if (measure === "heldDetached") {
      expect(medians).toEqual({ box: 0, runc: 0 });
      continue;
    }
    if (measure === "plan" || measure === "planEverything") {
      expect(Object.keys(medians)).toEqual(["box"]);
      expect(box).toBeWithin(0.2, 2000);
      continue;
    }
    if (measure === "plugins") {
      expect(Object.keys(medians)).toEqual(["box"]);
      // What is added to a time may be lost in how that varies.
      expect(Math.abs(box)).toBeWithin(0, 200);
      continue;
    }
    const [least, most] = sane[unit] ?? [1, 0];
    expect(bubblewrap !== undefined).toBe(["version", "first", "run", "rss", "held", "syscalls"].includes(measure));
    for (const value of [box, runc, bubblewrap ?? least]) expect(value).toBeWithin(least, most);
    expect(ratios["box/runc"]).toBeCloseTo(box / runc, 2);
  }
  expect(report.targets.map(({ ratio, limit }) => `${ratio} ${limit}`)).toContain("box/runc 0.4");
  expect(
    report.targets.filter(({ ratio, layout }) => ratio === "box" && layout === "host").map(({ measure, limit }) => `${measure} ${limit}`),
  ).toEqual([...(readProfile() === undefined ? [] : ["plan 3"]), "plugins 2"]);
  const { box = 0, init = 0 } = report.steps.host ?? {};
  expect(box).toBeWithin(10, 1000);
  expect(init).toBeWithin(50, 1000);
  expect(place.leftovers).toEqual([]);
});

testBench("a hundred containers at once are all removed again", async () => {
  using place = new Place();
  const words = [process.execPath, script, "--only", "hundred", "--rounds", "1", "--output", place.output];
  const { exitCode, stderr } = await execute(words, { env: place.environment, limitMs: LIMIT_MS });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  const { medians, ratios } = place.report.rows.find(({ layout }) => layout === "host") ?? { medians: {}, ratios: {} };
  for (const value of [medians.box ?? 0, medians.runc ?? 0]) expect(value).toBeWithin(50, 60_000);
  expect(ratios["box/runc"]).toBeCloseTo((medians.box ?? 0) / (medians.runc ?? 0), 2);
  expect(place.leftovers).toEqual([]);
});

const expectedKeys = ["date", "machine", "kernel", "versions", "steps", "rounds", "runsPerRound", "rows", "targets", "leftOut", "remarks"];
/** Least and most that a figure may be, by unit; wide enough for a busy machine, and for what box holds while it waits. */
const sane: Record<string, [number, number]> = { ms: [0.2, 2000], KiB: [4, 400_000], calls: [50, 50_000] };

testBench("a run that is told to end leaves nothing", async () => {
  using place = new Place();
  using running = new Running([process.execPath, script, "--only", "run", "--rounds", "1000", "--output", place.output], {
    env: place.environment,
    limitMs: LIMIT_MS,
  });
  await until(() => cgroupsOf("/sys/fs/cgroup", `box-bench-${running.pid}`).length > 0, "a container of bench");
  running.child.kill("SIGTERM");
  const { exitCode, stdout, stderr } = await running.outcome();
  expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 1, stdout: "", stderr: "bench: ended by SIGTERM\n" });
  expect(place.leftovers).toEqual([]);
});

testBench("without root only --version and plans are measured", async () => {
  using place = new Place();
  const words = ["unshare", "--user", process.execPath, script, "--quick", "--output", place.output];
  const { exitCode, stderr } = await execute(words, { env: place.environment, limitMs: LIMIT_MS });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(place.report.rows.map(({ measure }) => measure)).toEqual(
    measureNames.filter((name) => name === "version" || name === "planEverything" || (name === "plan" && readProfile() !== undefined)),
  );
  expect(place.report.leftOut).toContain("all but --version and plans: containers from the default spec need root");
});

const refusals = [
  { words: ["--rounds", "0"], message: "--rounds: expected a number from 1 to 9999, got 0" },
  { words: ["--rounds"], message: "--rounds: expected a number from 1 to 9999, got nothing" },
  {
    words: ["--only", "speed"],
    message:
      "--only: expected one of version, plan, planEverything, first, run, plugins, podman, exec, life, hundred, list, rss, held, heldDetached, heldExec, syscalls, steps, got speed",
  },
  { words: ["--output"], message: "--output: expected a file, got nothing" },
  { words: ["fast"], message: "unknown flag fast (--help lists them)" },
];
for (const { words, message } of refusals) {
  test(`refuses ${words.join(" ")}`, async () =>
    expect(await execute([process.execPath, script, ...words])).toEqual({ exitCode: 1, stdout: "", stderr: `bench: ${message}\n` }));
}

test("a missing box is named", async () =>
  expect(await execute([process.execPath, script], { env: { BOX_BINARY: "/nonexistent/box" } })).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: "bench: /nonexistent/box is missing: npm run build makes it\n",
  }));

test("median", () => {
  expect(median([7])).toBe(7);
  expect(median([9, 1, 5])).toBe(5);
  expect(median([8, 2, 10, 4])).toBe(6);
  expect(() => median([])).toThrow(new Error("no value has no median"));
});

test("the total of strace's summary, with errors and without", () => {
  const lines = ["% time     seconds  usecs/call     calls    errors syscall", " 60.00    0.000600          30        20           read"];
  expect(readTotalCalls([...lines, "100.00    0.001000          13        773        31 total", ""].join("\n"))).toBe(773);
  expect(readTotalCalls([...lines, "100.00    0.001000          13        42           total", ""].join("\n"))).toBe(42);
  expect(() => readTotalCalls("nothing")).toThrow(new Error("strace's summary has no total:\nnothing"));
});

test("podman's profile for a container", () => {
  const rule = { names: ["read"], action: "SCMP_ACT_ALLOW", args: null, includes: {}, excludes: {} };
  const profile = {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 38,
    defaultErrno: "ENOSYS",
    archMap: [
      { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] },
      { architecture: "SCMP_ARCH_AARCH64", subArchitectures: null },
    ],
    syscalls: [
      rule,
      { ...rule, names: ["bpf"], includes: { caps: ["CAP_SYS_ADMIN"] } },
      { ...rule, names: ["bpf"], action: "SCMP_ACT_ERRNO", errnoRet: 1, errno: "EPERM", excludes: { caps: ["CAP_SYS_ADMIN"] } },
      { ...rule, names: ["chroot"], includes: { caps: ["CAP_SYS_CHROOT"] } },
      { ...rule, names: ["modify_ldt"], includes: { arches: ["amd64"] } },
      { ...rule, names: ["clone"], args: [{ index: 0, value: 1, valueTwo: 2, op: "SCMP_CMP_MASKED_EQ" }], excludes: { arches: ["s390"] } },
      { ...rule, names: ["personality"], args: [{ index: 0, value: 8, valueTwo: 0, op: "SCMP_CMP_EQ" }] },
    ],
  };
  const allow = "SCMP_ACT_ALLOW";
  const expected = {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 38,
    architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
    syscalls: [
      { names: ["read"], action: allow },
      { names: ["bpf"], action: "SCMP_ACT_ERRNO", errnoRet: 1 },
      { names: ["chroot"], action: allow },
      { names: ["modify_ldt"], action: allow },
      { names: ["clone"], action: allow, args: [{ index: 0, value: 1, valueTwo: 2, op: "SCMP_CMP_MASKED_EQ" }] },
      { names: ["personality"], action: allow, args: [{ index: 0, value: 8, op: "SCMP_CMP_EQ" }] },
    ],
  };
  expect<unknown>(seccompOf(profile, ["CAP_SYS_CHROOT"], "x64")).toEqual(expected);
  expect<unknown>(seccompOf(profile, ["CAP_SYS_CHROOT"], "arm64")).toEqual({
    ...expected,
    architectures: ["SCMP_ARCH_AARCH64"],
    syscalls: expected.syscalls.filter(({ names }) => names[0] !== "modify_ldt"),
  });
});

test("a row without a peer has no ratio for it", () =>
  expect(
    makeRow({
      measure: "run",
      layout: "cgroup2",
      values: new Map([
        ["box", [2, 4]],
        ["crun", [4]],
      ] as const),
    }),
  ).toEqual({
    measure: "run",
    layout: "cgroup2",
    unit: "ms",
    medians: { box: 3, crun: 4 },
    ratios: { "box/crun": 0.75 },
  }));

test("the report as text", () => {
  const made = makeReport({
    samples: [
      {
        measure: "version",
        layout: "host",
        values: new Map([
          ["box", [4]],
          ["runc", [8]],
        ] as const),
      },
      { measure: "plan", layout: "host", values: new Map([["box", [1.25]]] as const) },
      {
        measure: "run",
        layout: "host",
        values: new Map([
          ["box", [10]],
          ["runc", [20]],
          ["bubblewrap", [5]],
        ] as const),
      },
      {
        measure: "run",
        layout: "cgroup2",
        values: new Map([
          ["box", [10]],
          ["crun", [8]],
        ] as const),
      },
      { measure: "held", layout: "host", values: new Map() },
    ],
    versions: { box: "1.2.3", runc: "4.5.6" },
    rounds: 7,
    runsPerRound: 2,
    steps: { host: { box: 3, stage: 0, init: 4, onCondition: 5 } },
    notes: { leftOut: ["crun, cgroups as they are: no"], remarks: ["made to run"] },
  });
  const machine = { cpu: "A CPU", cores: 2, memoryBytes: 1, architecture: "x64" };
  expect(printReport({ ...made, kernel: "6.1", machine })).toMatchInlineSnapshot(`
    "box 1.2.3, runc 4.5.6
    Linux 6.1, x64, 2 × A CPU
    medians of 7 interleaved rounds, times of 2 runs each

                                                      box  runc  crun  bubblewrap  box/runc  box/crun  box/bubblewrap
    --version, ms                                     4.0   8.0     –           –      0.50         –               –
    plan of podman's defaults, warm, ms               1.3     –     –           –         –         –               –
    run of /bin/true again, cgroups as they are, ms  10.0  20.0     –         5.0      0.50         –            2.00
    run of /bin/true again, pure cgroup2, ms         10.0     –   8.0           –         –      1.25               –

    target: plan of podman's defaults, warm: box at most 3 ms, is 1.25: met
    target: run of /bin/true again, cgroups as they are: box/runc at most 0.4, is 0.5: missed
    target: run of /bin/true again, pure cgroup2: box/crun at most 1.25, is 1.25: met
    steps of box's plan, cgroups as they are: 7 (box 3, stage 0, init 4), and 5 only on a condition
    left out: crun, cgroups as they are: no
    note: made to run"
  `);
});
