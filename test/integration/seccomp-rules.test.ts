// Rules of linux.seccomp as the container's programs meet them: every action, every condition, and what no rule names.

import { describe, expect } from "bun:test";
import type { Seccomp, SeccompAction, SeccompArgument } from "../../src/config/spec.ts";
import { callNames } from "../seccomp/read-profile.ts";
import { Bundle, linesOf, testWith, until } from "./harness.ts";

const test = testWith();

const bundleWith = (seccomp: Seccomp): Bundle =>
  new Bundle((spec) => {
    spec.linux.seccomp = seccomp;
    spec.mounts.push({ destination: "/data", type: "tmpfs", source: "tmpfs" });
  });

/** SIGSYS, as a shell tells it. */
const KILLED = 128 + 31;
const makeFolder = ["mkdir", "mkdirat"];

describe("an action", () => {
  const cases: readonly (readonly [action: SeccompAction, exitCode: number, says: string, errnoRet?: number])[] = [
    ["SCMP_ACT_ALLOW", 0, ""],
    ["SCMP_ACT_LOG", 0, ""],
    ["SCMP_ACT_ERRNO", 1, "Operation not permitted"],
    ["SCMP_ACT_ERRNO", 1, "No space left on device", 28],
    // Nobody traces it (seccomp(2)).
    ["SCMP_ACT_TRACE", 1, "Function not implemented"],
    ["SCMP_ACT_TRAP", KILLED, ""],
    ["SCMP_ACT_KILL", KILLED, ""],
    ["SCMP_ACT_KILL_THREAD", KILLED, ""],
    ["SCMP_ACT_KILL_PROCESS", KILLED, ""],
  ];
  for (const [action, exitCode, says, errnoRet] of cases)
    test(`${action}${errnoRet === undefined ? "" : ` with errno ${errnoRet}`}`, async () => {
      const rule = { names: makeFolder, action, ...(errnoRet === undefined ? {} : { errnoRet }) };
      const pass = action === "SCMP_ACT_ALLOW" ? "SCMP_ACT_LOG" : "SCMP_ACT_ALLOW";
      using bundle = bundleWith({ defaultAction: pass, syscalls: [rule] });
      expect(await bundle.run(["mkdir", "/data/folder"])).toEqual({
        exitCode,
        stdout: "",
        stderr: says === "" ? "" : `mkdir: can't create directory '/data/folder': ${says}\n`,
      });
    });

  test("by default, with an errno of its own", async () => {
    using bundle = bundleWith({
      defaultAction: "SCMP_ACT_ERRNO",
      defaultErrnoRet: 122,
      syscalls: [{ names: callNames.filter((name) => !makeFolder.includes(name)), action: "SCMP_ACT_ALLOW" }],
    });
    const { exitCode, stderr } = await bundle.run(["mkdir", "/data/folder"]);
    expect([exitCode, stderr]).toEqual([1, "mkdir: can't create directory '/data/folder': Disk quota exceeded\n"]);
  });
});

describe("a hook of startContainer is held to it", () => {
  const script = "grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status; mkdir /data/folder 2>&1; true";
  for (const noNewPrivileges of [true, false])
    for (const way of ["run", "create"] as const)
      test(`${way}, ${noNewPrivileges ? "with" : "without"} no_new_privs: and what init calls to run it need not be allowed`, async () => {
        // Of what init calls to run a hook, clone3, waitid and lseek are refused: the shell makes do with others.
        const refused = [...makeFolder, "clone3", "waitid", "lseek"];
        using bundle = bundleWith({
          defaultAction: "SCMP_ACT_ALLOW",
          syscalls: [{ names: refused, action: "SCMP_ACT_ERRNO", errnoRet: 28 }],
        });
        bundle.change((spec) => {
          spec.process.noNewPrivileges = noNewPrivileges;
          spec.process.args = ["cat", "/data/said"];
          spec.hooks = { startContainer: [{ path: "/bin/sh", args: ["sh", "-c", `(${script}) > /data/said`] }] };
        });
        using running = bundle.start([way, bundle.id]);
        if (way === "create") {
          expect((await running.outcome()).exitCode).toBe(0);
          expect((await bundle.box(["start", bundle.id])).exitCode).toBe(0);
        }
        const says = [
          `NoNewPrivs:\t${noNewPrivileges ? 1 : 0}`,
          "Seccomp:\t2",
          "mkdir: can't create directory '/data/folder': No space left on device",
        ];
        await until(() => linesOf(running.stdout).length === says.length, "the program's output");
        expect(linesOf(running.stdout)).toEqual(says);
      });
});

describe("a condition on the mode that chmod is given:", () => {
  const modes = ["100", "200", "300"] as const;
  const value = 0o200;
  const cases: readonly (readonly [condition: Omit<SeccompArgument, "index">, refused: readonly (typeof modes)[number][]])[] = [
    [{ op: "SCMP_CMP_NE", value }, ["100", "300"]],
    [{ op: "SCMP_CMP_LT", value }, ["100"]],
    [{ op: "SCMP_CMP_LE", value }, ["100", "200"]],
    [{ op: "SCMP_CMP_EQ", value }, ["200"]],
    [{ op: "SCMP_CMP_GE", value }, ["200", "300"]],
    [{ op: "SCMP_CMP_GT", value }, ["300"]],
    [{ op: "SCMP_CMP_MASKED_EQ", value, valueTwo: value }, ["200", "300"]],
    [{ op: "SCMP_CMP_MASKED_EQ", value, valueTwo: 0 }, ["100"]],
  ];
  for (const [condition, refused] of cases)
    test(`${condition.op}${condition.valueTwo === undefined ? "" : ` ${condition.valueTwo}`}`, async () => {
      using bundle = bundleWith({
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [
          { names: ["chmod"], action: "SCMP_ACT_ERRNO", args: [{ index: 1, ...condition }] },
          // The only one that arm64 has.
          { names: ["fchmodat"], action: "SCMP_ACT_ERRNO", args: [{ index: 2, ...condition }] },
        ],
      });
      const { exitCode, stdout, stderr } = await bundle.run([
        ...["sh", "-c", `touch /data/file; for mode in ${modes.join(" ")}; do chmod $mode /data/file 2>&1 || echo $mode; done`],
      ]);
      expect([exitCode, stderr]).toEqual([0, ""]);
      expect(linesOf(stdout)).toEqual(refused.flatMap((mode) => ["chmod: /data/file: Operation not permitted", mode]));
    });
});

test("a value of 64 bits is compared to the last of them", async () => {
  using bundle = bundleWith({
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ names: ["ftruncate"], action: "SCMP_ACT_ERRNO", args: [{ index: 1, value: 53, op: "SCMP_CMP_EQ" }] }],
  });
  bundle.change(
    (spec) => (spec.process.args = ["sh", "-c", "for size in 2 3 4; do truncate -s 900719925474099$size /data/file 2>&1; done"]),
  );
  // JSON.stringify writes no such number, and JSON.parse rounds it.
  const text = JSON.stringify(bundle.spec).replace('"value":53', '"value":9007199254740993');
  bundle.writeConfig(text);
  expect(await bundle.box(["validate"])).toEqual({ exitCode: 0, stdout: "config.json is valid\n", stderr: "" });
  for (const _ of ["planned", "planned again", "and again"])
    expect((await bundle.box(["run", bundle.id])).stdout).toBe("truncate: /data/file: truncate: Operation not permitted\n");
  bundle.writeConfig(text.replace("9007199254740993", "9007199254740993e1"));
  expect((await bundle.box(["run", bundle.id])).stderr).toMatch(
    /args\[0\]\.value: expected an exact integer from 0 to 2\^64 - 1, got 90071992547409940\n$/,
  );
  bundle.writeConfig(text.replace("9007199254740993", "18446744073709551616"));
  expect((await bundle.box(["run", bundle.id])).exitCode).toBe(125);
});

test("a name that no machine has is left out, and the plan says so", async () => {
  using bundle = bundleWith({
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ names: ["mkdirr", ...makeFolder], action: "SCMP_ACT_ERRNO" }],
  });
  expect((await bundle.run(["mkdir", "/data/folder"])).exitCode).toBe(1);
  const { stdout } = await bundle.box(["plan"]);
  expect(linesOf(stdout).filter((line) => line.includes("mkdirr"))).toEqual([
    'note: linux.seccomp.syscalls[0].names[0]: "mkdirr" is left out: box knows no such system call.',
  ]);
});
