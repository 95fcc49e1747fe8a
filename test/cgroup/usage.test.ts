import { expect, test } from "bun:test";
import type { CgroupPlace } from "../../src/cgroup/statistics.ts";
import { readUsage, type Usage, usageFiles } from "../../src/cgroup/usage.ts";

type Files = Readonly<Record<string, string>>;
const places: readonly CgroupPlace[] = [
  { version: 1, path: "/cpuacct" },
  { version: 1, path: "/memory" },
  { version: 2, path: "/u" },
];
const usage = (files: Files, pressure = false): Usage =>
  readUsage(
    usageFiles(places, (path) => files[path]),
    pressure,
  );
const nothing: Usage = { cpuNs: undefined, memory: undefined, pids: undefined, io: undefined, pressure: {} };

test("nothing is counted", () => expect(usage({})).toEqual(nothing));
test("cpu of v1 and v2, in nanoseconds", () => {
  expect(usage({ "/cpuacct/cpuacct.usage": "1500\n", "/u/cpu.stat": "usage_usec 9\n" }).cpuNs).toBe(1500);
  expect(usage({ "/u/cpu.stat": "usage_usec 9\nuser_usec 4\n" }).cpuNs).toBe(9000);
});
test("memory of v1: its largest number is no limit", () => {
  const files = { "/memory/memory.usage_in_bytes": "10\n", "/memory/memory.max_usage_in_bytes": "20\n" };
  expect(usage({ ...files, "/memory/memory.limit_in_bytes": "9223372036854771712\n" }).memory).toEqual({
    bytes: 10,
    limit: undefined,
    peak: 20,
  });
  expect(usage({ ...files, "/memory/memory.limit_in_bytes": "4096\n" }).memory?.limit).toBe(4096);
});
test("memory of v2, with a peak where the kernel has one", () => {
  expect(usage({ "/u/memory.current": "10\n", "/u/memory.max": "max\n" }).memory).toEqual({ bytes: 10, limit: undefined, peak: undefined });
  expect(usage({ "/u/memory.current": "10\n", "/u/memory.max": "64\n", "/u/memory.peak": "12\n" }).memory).toEqual({
    bytes: 10,
    limit: 64,
    peak: 12,
  });
});
test("pids", () => {
  expect(usage({ "/u/pids.current": "3\n", "/u/pids.max": "max\n" }).pids).toEqual({ count: 3, limit: undefined });
  expect(usage({ "/u/pids.current": "3\n", "/u/pids.max": "9\n" }).pids).toEqual({ count: 3, limit: 9 });
});
test("io is the sum over all devices", () => {
  const v1 = "8:0 Read 1\n8:0 Write 2\n8:0 Sync 3\n8:0 Total 3\n8:16 Read 10\n8:16 Write 20\nTotal 33\n";
  expect(usage({ "/u/blkio.throttle.io_service_bytes_recursive": v1, "/u/io.stat": "8:0 rbytes=9 wbytes=9\n" }).io).toEqual({
    read: 11,
    written: 22,
  });
  expect(usage({ "/u/blkio.throttle.io_service_bytes": v1 }).io).toEqual({ read: 11, written: 22 });
  expect(usage({ "/u/io.stat": "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5\n8:16 rbytes=10 wbytes=20\n" }).io).toEqual({
    read: 11,
    written: 22,
  });
});
test("pressure, if it is asked for", () => {
  const files = {
    "/u/cpu.pressure": "some avg10=0.22 avg60=1.50 avg300=0.00 total=12345\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n",
  };
  expect(usage(files, true).pressure).toEqual({ cpu: { some: { avg10: 0.22, totalUs: 12345 }, full: { avg10: 0, totalUs: 7 } } });
  expect(usage(files).pressure).toEqual({});
});
test("where a file is, is looked for once", () => {
  const asked: string[] = [];
  const file = usageFiles(places, (path) => {
    asked.push(path);
    return path === "/u/here" ? "1" : undefined;
  });
  for (const name of ["here", "nowhere", "here", "nowhere"]) file(name);
  expect(asked).toEqual(["/cpuacct/here", "/memory/here", "/u/here", "/cpuacct/nowhere", "/memory/nowhere", "/u/nowhere", "/u/here"]);
});
