import { expect, test } from "bun:test";
import { parseFlags } from "../../src/cli/arguments.ts";
import { resourceFlags, resourcesFromFlags } from "../../src/cli/resources-from-flags.ts";
import { faultLines } from "../config/print-faults.ts";

const read = (...argv: string[]) => resourcesFromFlags(parseFlags(argv, resourceFlags, "update"));

test("all of them", () =>
  expect(
    read(
      ...["--memory", "512M", "--memory-reservation", "1k", "--memory-swap", "-1", "--kernel-memory", "1", "--kernel-memory-tcp=2"],
      ...[
        "--cpu-share",
        "3",
        "--cpu-quota",
        "-1",
        "--cpu-period",
        "5",
        "--cpu-burst",
        "0",
        "--cpu-rt-runtime",
        "6",
        "--cpu-rt-period",
        "7",
      ],
      ...["--cpu-idle", "1", "--cpuset-cpus", "0-1", "--cpuset-mems", "0", "--blkio-weight", "10", "--pids-limit=-1"],
    ),
  ).toEqual({
    memory: { limit: 536870912, reservation: 1024, swap: -1, kernel: 1, kernelTCP: 2 },
    cpu: { shares: 3, quota: -1, period: 5, burst: 0, realtimeRuntime: 6, realtimePeriod: 7, idle: 1, cpus: "0-1", mems: "0" },
    blockIO: { weight: 10 },
    pids: { limit: -1 },
  }));
test("none, and empty ones", () => expect([read(), read("--memory=", "--cpuset-cpus", "")]).toEqual([{}, {}]));
test("what is none of them", () =>
  expect(faultLines(() => read("--memory", "-2", "--cpu-share", "1k", "--pids-limit", "0x1"))).toEqual([
    '--memory: expected a number of bytes, such as 512m, or -1, got "-2"',
    '--pids-limit: expected an integer, got "0x1"',
    '--cpu-share: expected an integer, got "1k"',
  ]));
