import { expect, test } from "bun:test";
import { deviceChanges } from "../../src/cgroup/device-changes.ts";
import { type DeviceLines, deviceLines, deviceTable } from "../../src/cgroup/device-rules.ts";
import type { DeviceRule } from "../../src/config/spec.ts";

const all: DeviceRule = { allow: true, access: "rwm" };
const log = (allow: boolean, access: string): DeviceRule => ({ allow, type: "c", major: 1, minor: 11, access });

/** `allow c 1:11 r`, and a last word where nothing may run meanwhile. */
function changes(before: readonly DeviceRule[], after: readonly DeviceRule[]): string[] {
  const [from, to] = [before, after].map((rules) => deviceLines(deviceTable(rules)) as DeviceLines) as [DeviceLines, DeviceLines];
  const { writes, passesNothing } = deviceChanges(from, to);
  return [...writes.map(({ file, line }) => `${file.slice("devices.".length)} ${line}`), ...(passesNothing ? ["held"] : [])];
}

for (const [title, before, after, expected] of [
  ["nothing", [log(true, "r")], [log(true, "r")], []],
  ["one more", [], [log(true, "rw")], ["allow c 1:11 rwm"]],
  ["one less", [log(true, "rw")], [], ["deny c 1:11 rwm"]],
  ["another access", [log(true, "r")], [log(true, "w")], ["allow c 1:11 w", "deny c 1:11 r"]],
  ["one less of all", [all], [all, log(false, "w")], ["deny c 1:11 w"]],
  ["all again", [all, log(false, "rw")], [all], ["allow c 1:11 rw"]],
  ["all of a few", [log(true, "r")], [all, log(false, "w")], ["allow a", "deny c 1:11 w", "held"]],
] as const)
  test(title, () => expect(changes(before, after)).toEqual([...expected]));

test("a few of all", () => {
  const [first, ...more] = changes([all], [log(true, "r")]);
  expect([first, more.includes("allow c 1:3 rwm"), more.includes("allow c 1:11 rm"), more.at(-1)]).toEqual(["deny a", true, true, "held"]);
});
