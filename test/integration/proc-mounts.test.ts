// Mounts on the container's /proc: single files that lxcfs has others for, a procfs from elsewhere, and nothing else.

import { expect } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import type { Mount } from "../../src/config/spec.ts";
import { Bundle, machine, testWith } from "./harness.ts";

const test = testWith();

const bundleWith = (...mounts: Mount[]): Bundle => new Bundle((spec) => spec.mounts.push(...mounts));

test("a file of those that may be covered", async () => {
  using bundle = bundleWith({ destination: "/proc/uptime", type: "bind", source: "uptime", options: ["bind", "ro"] });
  writeFileSync(`${bundle.folder}/uptime`, "1.00 2.00\n");
  expect(await bundle.sh("cat /proc/uptime; test -r /proc/self/status && echo procfs")).toEqual(["1.00 2.00", "procfs"]);
});

test("a procfs that is bound", async () => {
  using bundle = new Bundle((spec) => {
    spec.mounts = spec.mounts.map((mount) =>
      mount.destination === "/proc" ? { destination: "/proc", type: "none", source: "/proc", options: ["rbind"] } : mount,
    );
    spec.linux.namespaces = spec.linux.namespaces.filter(({ type }) => type !== "pid");
  });
  expect(await bundle.sh("grep -c Name: /proc/self/status")).toEqual(["1"]);
});

test("a folder that is bound to /proc is no procfs", async () => {
  using bundle = new Bundle((spec) => {
    spec.mounts = [{ destination: "/proc", type: "bind", source: "false", options: ["bind"] }];
  });
  mkdirSync(`${bundle.folder}/false/self`, { recursive: true });
  const before = machine(bundle);
  expect(await bundle.run(["true"])).toEqual({
    exitCode: 125,
    stdout: "",
    stderr: "box: mounts[0]: cannot bind false to /proc: it does not lie on a procfs\n",
  });
  expect(machine(bundle)).toEqual(before);
});

test("anything else is refused", async () => {
  using bundle = bundleWith({ destination: "/proc/sys/kernel/../../self/attr", type: "tmpfs", source: "tmpfs" });
  const index = bundle.spec.mounts?.length ?? 0;
  expect(await bundle.run(["true"])).toEqual({
    exitCode: 125,
    stdout: "",
    stderr: `box: mounts[${index - 1}].destination: "/proc/self/attr" lies inside of /proc, where only cpuinfo, diskstats, loadavg, meminfo, slabinfo, stat, swaps, uptime, sys/kernel/ns_last_pid and sys/crypto/fips_enabled may be covered\n`,
  });
});
