import { expect, test } from "bun:test";
import { readMachineFacts } from "../../src/cli/machine-facts.ts";
import { hostReader } from "../../src/execute/files.ts";
import type { HostReader } from "../../src/host/read-facts.ts";
import { filesystemMagic } from "../../src/linux/magic.ts";

const files: Readonly<Record<string, string>> = {
  "/proc/meminfo": "MemTotal:       16384 kB\nMemFree:           12 kB\n",
  "/sys/devices/system/cpu/online": "0-2,5\n",
  "/proc/self/cgroup": "0::/a\n",
};
const reader = (more: Readonly<Record<string, string>> = {}, v2 = true): HostReader => ({
  read: (path) => ({ ...files, ...more })[path],
  filesystem: () => (v2 ? filesystemMagic.CGROUP2_SUPER_MAGIC : undefined),
  mayWrite: () => true,
  mayExecute: () => true,
  danglingLinks: () => undefined,
});

test("memory, processors and cgroup v2", () =>
  expect(readMachineFacts(reader())).toEqual({ memoryBytes: 16777216, cpus: 4, cgroupVersion: 2 }));

const hybrid = (controllers: string): Readonly<Record<string, string>> => ({
  "/proc/self/cgroup": `2:${controllers}:/\n0::/\n`,
  "/proc/self/mountinfo": `9 8 0:1 / /sys/fs/cgroup/one rw - cgroup cgroup rw,${controllers}\n9 8 0:2 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n`,
});

test("controllers in v1 count, beside v2", () => expect(readMachineFacts(reader(hybrid("memory"), false)).cgroupVersion).toBe(1));
test("a v1 hierarchy with a name alone does not", () =>
  expect(readMachineFacts(reader(hybrid("name=systemd"), false)).cgroupVersion).toBe(2));
test("no cgroups", () => expect(readMachineFacts(reader({}, false)).cgroupVersion).toBe(undefined));

test("what cannot be read is told", () => {
  const without: HostReader = { ...reader(), read: (path) => (path === "/proc/meminfo" ? undefined : files[path]) };
  expect(() => readMachineFacts(without)).toThrow("cannot read");
});

test("this machine", () => {
  const { memoryBytes, cpus } = readMachineFacts(hostReader);
  expect([memoryBytes > 2 ** 20, cpus > 0]).toEqual([true, true]);
});
