// What /proc takes, on itself and below.

import { describe, expect, test } from "bun:test";
import type { Mount } from "../../src/config/spec.ts";
import { faultLines } from "../config/print-faults.ts";
import { planWith, section } from "./plan-for.ts";

const faultsOf = (mount: Partial<Mount>): string[] => faultLines(() => planWith({ mounts: [{ destination: "/proc", ...mount }] }));
const bind = { type: "bind", source: "/srv/x" };
const inside = (path: string): string =>
  `mounts[0].destination: "${path}" lies inside of /proc, where only cpuinfo, diskstats, loadavg, meminfo, slabinfo, stat, swaps, uptime, sys/kernel/ns_last_pid and sys/crypto/fips_enabled may be covered`;

describe("on /proc", () => {
  test("a procfs", () => expect(faultsOf({ type: "proc" })).toEqual([]));
  test("what is none", () => {
    expect(faultsOf({ type: "tmpfs" })).toEqual(["mounts[0].destination: /proc is for a procfs, not for tmpfs"]);
    expect(faultsOf({ destination: "//x/../proc/.", type: "overlay" })).toEqual([
      "mounts[0].destination: /proc is for a procfs, not for overlay",
    ]);
  });
  test("a bind mount whose source is a procfs", () => {
    const text = section(planWith({ mounts: [{ ...bind, destination: "/proc" }] }), "init: mounts");
    expect(text.split("\n").slice(0, 6).join("\n")).toMatchInlineSnapshot(`
      "open_tree(AT_FDCWD, "/srv/x", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC) → /proc
              mounts[0]: bind /srv/x to /proc
      fstatfs(/proc, &statfs)
              mounts[0]: look at its filesystem
      compute filesystem of /proc
              mounts[0]: bind /srv/x to /proc"
    `);
  });
});

describe("below /proc", () => {
  for (const path of ["cpuinfo", "stat", "sys/kernel/ns_last_pid"])
    test(`/proc/${path}`, () => expect(faultsOf({ ...bind, destination: `/proc//./${path}` })).toEqual([]));
  for (const path of ["/proc/1/attr", "/proc/self", "/proc/sys", "/proc/cpuinfo/x"])
    test(path, () => expect(faultsOf({ ...bind, destination: path })).toEqual([inside(path)]));
  test("a filesystem", () => expect(faultsOf({ type: "tmpfs", destination: "/proc/scsi" })).toEqual([inside("/proc/scsi")]));
  test("what only begins so", () => expect(faultsOf({ type: "tmpfs", destination: "/process" })).toEqual([]));
});
