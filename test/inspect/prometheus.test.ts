import { expect, test } from "bun:test";
import { sampleOf } from "../../src/inspect/container-sample.ts";
import { exposition } from "../../src/inspect/prometheus.ts";
import { parseExposition } from "./parse-exposition.ts";

const share = { avg10: 0, totalUs: 1_500_000 };
const web = sampleOf(
  {
    id: "web",
    status: "running",
    pid: 5,
    atMs: 0,
    usage: {
      cpuNs: 2_500_000_000,
      memory: { bytes: 10, limit: 64, peak: 20 },
      pids: { count: 2, limit: undefined },
      io: { read: 100, written: 200 },
      pressure: { cpu: { some: share, full: share } },
    },
    network: { received: 7, sent: 8 },
  },
  undefined,
);
const odd = sampleOf({ id: 'a"b\\c\nd', status: "stopped", pid: 0, atMs: 0, usage: undefined, network: undefined }, undefined);

test("each metric once, with its type, and a value for each container that has it", () => {
  const metrics = parseExposition(exposition([web, odd]));
  expect(metrics.get("box_container_status")).toEqual({
    type: "gauge",
    values: [
      { labels: { id: "web", status: "running" }, value: 1 },
      { labels: { id: 'a"b\\c\nd', status: "stopped" }, value: 1 },
    ],
  });
  expect(metrics.get("box_container_cpu_seconds_total")).toEqual({ type: "counter", values: [{ labels: { id: "web" }, value: 2.5 }] });
  expect(metrics.get("box_container_pressure_seconds_total")?.values).toEqual([
    { labels: { id: "web", resource: "cpu", share: "some" }, value: 1.5 },
    { labels: { id: "web", resource: "cpu", share: "full" }, value: 1.5 },
  ]);
  // There is no such limit.
  expect(metrics.has("box_container_pids_limit")).toBe(false);
  expect(metrics.size).toBe(11);
  for (const [name, { type }] of metrics) expect([name, type]).toEqual([name, name.endsWith("_total") ? "counter" : "gauge"]);
});

test("no container, no line", () => expect(exposition([])).toBe(""));

test.each([
  ["a 1", "line 1: a value without a TYPE"],
  ["# HELP a x\n# TYPE a gauge\na 1", "the last line has no end"],
  ['# HELP a x\n# TYPE a gauge\na{b="c} 1\n', 'line 3: no value: a{b="c} 1'],
  ["# HELP a x\n# TYPE a gauge\n# HELP b x\n# TYPE b gauge\na 1\n", "line 5: a value behind another metric's"],
])("the parser of these tests refuses %j", (text, message) => expect(() => parseExposition(text)).toThrow(message));
