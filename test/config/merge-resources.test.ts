import { expect, test } from "bun:test";
import { mergeResources } from "../../src/config/merge-resources.ts";
import type { Resources } from "../../src/config/spec.ts";

const merges = (title: string, present: Resources, asked: Resources, write: Resources, kept: Resources): void =>
  test(title, () => expect(mergeResources(present, asked)).toEqual({ write, kept }));

merges("nothing", { pids: { limit: 5 } }, {}, {}, { pids: { limit: 5 } });
merges(
  "what is not named stays",
  { pids: { limit: 5 }, cpu: { shares: 7, cpus: "0" } },
  { cpu: { shares: 8 } },
  { cpu: { shares: 8 } },
  {
    pids: { limit: 5 },
    cpu: { shares: 8, cpus: "0" },
  },
);
merges(
  "other devices",
  { devices: [{ allow: false, access: "rwm" }] },
  { devices: [{ allow: true, access: "rwm" }] },
  {},
  { devices: [{ allow: true, access: "rwm" }] },
);
merges("no devices", { devices: [{ allow: false, access: "rwm" }] }, { devices: [] }, {}, { devices: [{ allow: false, access: "rwm" }] });
merges(
  "zeros ask for nothing, where they are no values",
  { memory: { limit: 5, swap: 6 }, cpu: { shares: 7, burst: 8, idle: 1 }, pids: { limit: 9 }, blockIO: { weight: 10 } },
  { memory: { limit: 0, swap: 0 }, cpu: { shares: 0, burst: 0, idle: 0 }, pids: { limit: 0 }, blockIO: { weight: 0 } },
  { memory: { limit: 0, swap: 0 }, cpu: { shares: 0, burst: 0, idle: 0 }, pids: { limit: 0 }, blockIO: { weight: 0 } },
  { memory: { limit: 5, swap: 6 }, cpu: { shares: 7, burst: 0, idle: 0 }, pids: { limit: 0 }, blockIO: { weight: 10 } },
);
merges(
  "memory beside the swap that there is",
  { memory: { limit: 5, swap: 8 } },
  { memory: { limit: 6 } },
  { memory: { limit: 6, swap: 8 } },
  { memory: { limit: 6, swap: 8 } },
);
merges(
  "swap beside the memory that there is",
  { memory: { limit: 5 } },
  { memory: { swap: 9, limit: 0 } },
  { memory: { swap: 9, limit: 5 } },
  { memory: { limit: 5, swap: 9 } },
);
merges(
  "no limit on memory is none on swap",
  { memory: { limit: 5, swap: 8 } },
  { memory: { limit: -1 } },
  { memory: { limit: -1 } },
  { memory: { limit: -1, swap: -1 } },
);
merges(
  "a reservation alone leaves the limits unwritten",
  { memory: { limit: 5, swap: 8 } },
  { memory: { reservation: 3 } },
  { memory: { reservation: 3 } },
  { memory: { limit: 5, swap: 8, reservation: 3 } },
);
merges(
  "lists by what they are about",
  {
    blockIO: {
      weightDevice: [{ major: 8, minor: 0, weight: 20, leafWeight: 30 }],
      throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1 }],
    },
    hugepageLimits: [{ pageSize: "2MB", limit: 1 }],
    rdma: { a: { hcaHandles: 1 } },
    unified: { "memory.high": "1" },
  },
  {
    blockIO: {
      weightDevice: [{ major: 8, minor: 0, weight: 25 }],
      throttleReadBpsDevice: [
        { major: 8, minor: 16, rate: 2 },
        { major: 8, minor: 0, rate: 3 },
      ],
    },
    hugepageLimits: [
      { pageSize: "2MB", limit: 2 },
      { pageSize: "1GB", limit: 3 },
    ],
    rdma: { b: { hcaHandles: 2 } },
    unified: { "memory.low": "2" },
  },
  {
    blockIO: {
      weightDevice: [{ major: 8, minor: 0, weight: 25 }],
      throttleReadBpsDevice: [
        { major: 8, minor: 16, rate: 2 },
        { major: 8, minor: 0, rate: 3 },
      ],
    },
    hugepageLimits: [
      { pageSize: "2MB", limit: 2 },
      { pageSize: "1GB", limit: 3 },
    ],
    rdma: { b: { hcaHandles: 2 } },
    unified: { "memory.low": "2" },
  },
  {
    blockIO: {
      weightDevice: [{ major: 8, minor: 0, weight: 25, leafWeight: 30 }],
      throttleReadBpsDevice: [
        { major: 8, minor: 0, rate: 3 },
        { major: 8, minor: 16, rate: 2 },
      ],
    },
    hugepageLimits: [
      { pageSize: "2MB", limit: 2 },
      { pageSize: "1GB", limit: 3 },
    ],
    rdma: { a: { hcaHandles: 1 }, b: { hcaHandles: 2 } },
    unified: { "memory.high": "1", "memory.low": "2" },
  },
);
