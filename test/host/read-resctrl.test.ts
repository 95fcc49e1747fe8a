import { expect, test } from "bun:test";
import type { HostReader } from "../../src/host/read-facts.ts";
import { readResctrl } from "../../src/host/read-resctrl.ts";

/** A host with these files, of which those of the folder `/a b` are on resctrl. */
const host = (files: Readonly<Record<string, string>>): HostReader => ({
  read: (path) => files[path],
  filesystem: (path) => (Object.keys(files).some((file) => file.startsWith(`${path}/`)) ? 1 : undefined),
  mayWrite: () => true,
  mayExecute: () => false,
  danglingLinks: () => undefined,
});
const mountinfo =
  "20 1 0:19 / /resctrl rw - tmpfs resctrl rw\n21 1 0:20 / /a\\040b rw,relatime shared:5 - resctrl none rw\n22 1 0:20 / /c rw - resctrl none rw\n";

test("no such filesystem", () => {
  expect(readResctrl(host({}), "gold")).toBeUndefined();
  expect(readResctrl(host({ "/proc/self/mountinfo": "20 1 0:19 / /resctrl rw - tmpfs resctrl rw\n" }), "gold")).toBeUndefined();
});
test("the first mount, and the class that is named there", () => {
  const files = { "/proc/self/mountinfo": mountinfo, "/a b/gold/schemata": "MB:0=10\n", "/a b/info/MB/bandwidth_gran": "10\n" };
  expect(readResctrl(host(files), "gold")).toEqual({ mount: "/a b", exists: true, schemata: "MB:0=10\n", bandwidthGranularity: 10 });
  expect(readResctrl(host(files), "silver")).toEqual({ mount: "/a b", exists: false, bandwidthGranularity: 10 });
  expect(readResctrl(host(files), undefined)).toEqual({ mount: "/a b", exists: false, bandwidthGranularity: 10 });
});
test("the default class, and a machine that only counts", () => {
  expect(readResctrl(host({ "/proc/self/mountinfo": mountinfo, "/a b/schemata": "L3:0=f\n" }), "/")).toEqual({
    mount: "/a b",
    exists: true,
    schemata: "L3:0=f\n",
  });
  expect(readResctrl(host({ "/proc/self/mountinfo": mountinfo, "/a b/tasks": "1\n" }), "/")).toEqual({ mount: "/a b", exists: true });
});
