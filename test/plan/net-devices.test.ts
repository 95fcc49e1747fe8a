// Messages to the kernel about network devices, byte by byte, and who sends them when. What they do is for
// test/integration/net-devices.test.ts.

import { expect, test } from "bun:test";
import type { Linux } from "../../src/config/spec.ts";
import type { Buffer } from "../../src/tape/step.ts";
import { calls, planWith, section } from "./plan-for.ts";

const devices: Linux["netDevices"] = { eth0: { name: "net0" } };

function bytesOf(buffers: readonly Buffer[], name: string): string {
  const { initial } = buffers.find(({ buffer }) => buffer === name) ?? {};
  return initial instanceof Uint8Array ? initial.toHex().replace(/(.{8})(?=.)/g, "$1 ") : "";
}

test("requests are what include/uapi/linux/rtnetlink.h says", () => {
  const { box, childVariables } = planWith({ linux: { netDevices: { eth0: { name: "net0" }, eth1: { name: "a%d" } } } });
  const own = box.variables.buffers;
  const child = childVariables.variables.buffers;
  // Length, type and flags, number, port; then the body, whose device comes later; then room for the end of a result.
  expect(bytesOf(own, "request for the addresses of eth0")).toBe("18000000 16000103 00000000 00000000 00000000 00000000 00000000 00000000");
  expect(bytesOf(own, "request to move eth0")).toBe(
    "34000000 10000500 00000000 00000000 00000000 00000000 00000000 00000000 09000300 6e657430 00000000 08001300 00000000 00000000 00000000",
  );
  expect(bytesOf(child, "request to set up net0")).toBe(
    "20000000 10000500 00000000 00000000 00000000 00000000 01000000 01000000 00000000 00000000",
  );
  expect(bytesOf(child, "request to name it a%d")).toBe(
    "28000000 10000500 00000000 00000000 00000000 00000000 00000000 00000000 08000300 61256400 00000000 00000000",
  );
});

test("a template's device passes under a name of its own", () => {
  const { box } = planWith({ linux: { netDevices: { eth0: { name: "a%d" }, eth1: { name: "a%d" } } } });
  const names = ["eth0", "eth1"].map((name) => {
    const { initial } = box.variables.buffers.find(({ buffer }) => buffer === `request to move ${name}`) as Buffer;
    return new TextDecoder().decode((initial as Uint8Array).subarray(36, 48));
  });
  for (const name of names) expect(name).toMatch(/^box-[0-9a-f]{8}$/);
  expect(names[0]).not.toBe(names[1] as string);
});

test("init receives where the network is made, the helper where it is joined", () => {
  const made = planWith({ linux: { netDevices: devices } });
  expect(calls(made, "init: network")).toContain('write(4, "n", 1)');
  expect(section(made, "box: network devices")).toContain("name the network namespace by who is in it");
  expect(made.awaitHelper.steps).toEqual([]);
  const joined = planWith({
    linux: { netDevices: devices, namespaces: [{ type: "mount" }, { type: "network", path: "/run/netns/web" }] },
  });
  expect(calls(joined, "stage: join namespaces")).toContain('write(4, "n", 1)');
  expect(joined.moveDevices.steps).toEqual([]);
  expect(calls(joined, "box: the helper").split("\n").at(-2)).toStartWith("waitid(P_PID, the child's pid");
  // Not if that is the host's: nothing would move, and the host's device would get another name.
  expect(section(joined, "stage: join namespaces")).toContain("linux.netDevices.eth0: move the device eth0");
});

test("without any, a plan has no word of it", () => {
  const plan = planWith({ linux: { netDevices: {} } });
  expect(plan.moveDevices.steps).toEqual([]);
  expect(calls(plan, "init: network")).not.toContain("netlink");
});
