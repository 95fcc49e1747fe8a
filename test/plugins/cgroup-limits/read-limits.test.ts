import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { type Given, readLimits } from "../../../plugins/cgroup-limits/read-limits.ts";

const read = (given: Given): ReturnType<typeof readLimits> => readLimits(given, { memoryBytes: 1000, cpus: 2, cgroupVersion: 1 });

test("every wrong amount at once", () =>
  expect(() =>
    read({
      memory: "0%",
      swap: "10%",
      cpus: 0,
      pids: 0,
      "io-weight": 5,
      io: [
        { device: "/dev/null", read: 0 },
        { device: "/gone", "read-ops": -1 },
      ],
    }),
  ).toThrow(
    [
      "memory: expected a size such as 256MB or 25%, got 0%",
      "swap: expected a size such as 256MB, got 10%",
      "cpus: expected a number of processors such as 1.5 or 50%, got 0",
      "pids: expected at least 1, got 0",
      "io-weight: expected an integer from 10 to 1000, got 5",
      "io[0].device: expected a block device, got /dev/null",
      "io[0].read: expected at least 1, got 0",
      "io[1].device: expected a block device, got /gone",
      "io[1].read-ops: expected at least 1, got -1",
    ].join("; "),
  ));

test("no memory at all", () => expect(() => read({ memory: 0 })).toThrow("memory: expected at least 1, got 0"));
test("no swap at all", () => expect(read({ swap: 0 }).swapBytes).toBe(0));

const [disk] = readdirSync("/sys/block").filter((name) => existsSync(`/dev/${name}`));
const withDisk = disk === undefined ? test.skip : test;
if (disk === undefined) console.warn("SKIPPED: a disk by its device: this machine lacks one");

withDisk("a disk by its device", () => {
  const [major, minor] = readFileSync(`/sys/block/${disk}/dev`, "utf8").split(":").map(Number);
  expect(read({ io: [{ device: `/dev/${disk}`, read: "1MB", "write-ops": 5 }] }).rates).toEqual([
    {
      major: major as number,
      minor: minor as number,
      throttleReadBpsDevice: 1048576,
      throttleWriteBpsDevice: undefined,
      throttleReadIOPSDevice: undefined,
      throttleWriteIOPSDevice: 5,
    },
  ]);
});
