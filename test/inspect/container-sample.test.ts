import { expect, test } from "bun:test";
import type { Usage } from "../../src/cgroup/usage.ts";
import { networkUsage, type Reading, sampleObject, sampleOf } from "../../src/inspect/container-sample.ts";

const usage: Usage = {
  cpuNs: 1e9,
  memory: { bytes: 10, limit: undefined, peak: 20 },
  pids: { count: 2, limit: 9 },
  io: { read: 100, written: 200 },
  pressure: {},
};
const reading: Reading = { id: "web", status: "running", pid: 5, atMs: 1000, usage, network: { received: 7, sent: 8 } };
const later: Reading = {
  ...reading,
  atMs: 3000,
  usage: { ...usage, cpuNs: 2e9, io: { read: 300, written: 200 } },
  network: { received: 17, sent: 8 },
};

test("rates are of the time between two readings", () => {
  const first = sampleOf(reading, undefined);
  expect([first.rates.cpuPercent, first.history]).toEqual([undefined, []]);
  const second = sampleOf(later, first);
  expect(second.rates).toEqual({ cpuPercent: 50, read: 100, written: 0, received: 5, sent: 0 });
  expect(second.history).toEqual([50]);
});
test("another container with the same id begins anew", () => {
  const second = sampleOf({ ...later, pid: 6 }, sampleOf(reading, undefined));
  expect([second.rates.cpuPercent, second.history]).toEqual([undefined, []]);
});
test("a counter that went back is no negative rate", () =>
  expect(sampleOf({ ...reading, atMs: 2000, usage: { ...usage, cpuNs: 0 } }, sampleOf(reading, undefined)).rates.cpuPercent).toBe(0));
test("a minute is remembered", () => {
  let sample = sampleOf(reading, undefined);
  for (let at = 1; at <= 100; at++)
    sample = sampleOf({ ...reading, atMs: 1000 + at * 1000, usage: { ...usage, cpuNs: 1e9 + at * 1e7 } }, sample);
  expect(sample.history).toEqual(Array.from({ length: 60 }, () => 1));
});

test("all interfaces but loopback", () => {
  const line = (name: string, received: number, sent: number): string =>
    `${name.padStart(6)}: ${received} 1 0 0 0 0 0 0 ${sent} 1 0 0 0 0 0 0\n`;
  const heading = "Inter-|   Receive |  Transmit\n face |bytes packets|bytes packets\n";
  expect(networkUsage(heading + line("lo", 1000, 1000) + line("eth0", 1, 2) + line("eth1", 10, 20))).toEqual({ received: 11, sent: 22 });
  expect(networkUsage(heading)).toEqual({ received: 0, sent: 0 });
});

test("every key of JSON is always there", () => {
  const keys = (value: object): unknown[] =>
    Object.entries(value).map(([key, inner]) => (inner !== null && typeof inner === "object" ? [key, keys(inner as object)] : key));
  expect(JSON.stringify(sampleObject(sampleOf(later, sampleOf(reading, undefined))))).toBe(
    '{"id":"web","status":"running","pid":5,"cpu":{"usageNs":2000000000,"percent":50},"memory":{"bytes":10,"limit":null,"peak":20},' +
      '"pids":{"count":2,"limit":9},"io":{"readBytes":300,"writtenBytes":200,"readPerSecond":100,"writtenPerSecond":0},' +
      '"network":{"receivedBytes":17,"sentBytes":8,"receivedPerSecond":5,"sentPerSecond":0},"pressure":{}}',
  );
  const stopped = sampleObject(sampleOf({ ...reading, status: "stopped", pid: 0, usage: undefined, network: undefined }, undefined));
  expect(keys(stopped)).toEqual(["id", "status", "pid", "cpu", "memory", "pids", "io", "network", ["pressure", []]]);
});
