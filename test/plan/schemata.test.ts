import { expect, test } from "bun:test";
import { schemataFaults } from "../../src/plan/schemata.ts";

const has = "    L3:0=7ff;1=00f\n  L3CODE:0=3\n    MB:0= 30;1=100\n";

function check(lines: readonly string[], ...problems: string[]): void {
  const faults = schemataFaults(
    lines.map((line, index) => ({ path: `schemata[${index}]`, line })),
    has,
    10,
    "gold",
    "linux.intelRdt",
  );
  expect(faults.map((fault) => `${fault.path}: ${"problem" in fault ? fault.problem : ""}`)).toEqual(problems);
}

test("what is so, however it is written", () =>
  check(["L3:0=7FF;1=f", "L3: 1 = 0x00f", "L3CODE:0=3", "MB:1=100;0=30", "L3:0=7ff\nL3:1=f"]));
test("a bandwidth that the kernel rounds up", () => check(["MB:0=21", "MB:0=30"]));
test("a bandwidth is decimal, a mask is not", () =>
  check(
    ["MB:0=1e", "L3:0=2047"],
    'linux.intelRdt.schemata[0]: "MB:0=1e" is no line of a schemata file, such as "L3:0=f;1=f"',
    "linux.intelRdt.schemata[1]: the class gold is there already, and its L3 has 0=7ff",
  ));
test("what is not so", () =>
  check(
    ["L3:1=ff", "MB:0=20", "MB:2=100", "L2:0=1", "L3:0", ":0=1", "L3:0=7ff;1=1"],
    "linux.intelRdt.schemata[0]: the class gold is there already, and its L3 has 1=f",
    "linux.intelRdt.schemata[1]: the class gold is there already, and its MB has 0=30",
    "linux.intelRdt.schemata[2]: the class gold is there already, and its MB has no 2",
    "linux.intelRdt.schemata[3]: the class gold is there already, and has no L2",
    'linux.intelRdt.schemata[4]: "L3:0" is no line of a schemata file, such as "L3:0=f;1=f"',
    'linux.intelRdt.schemata[5]: ":0=1" is no line of a schemata file, such as "L3:0=f;1=f"',
    "linux.intelRdt.schemata[6]: the class gold is there already, and its L3 has 1=f",
  ));
test("without a word on granularity a bandwidth is what it is", () =>
  expect(schemataFaults([{ path: "memBwSchema", line: "MB:0=25" }], "MB:0=30\n", undefined, "a", "linux.intelRdt")).toEqual([
    { path: "linux.intelRdt.memBwSchema", problem: "the class a is there already, and its MB has 0=30" },
  ]));
