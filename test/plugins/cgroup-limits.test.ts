import { expect, test } from "bun:test";
import { newHooks, type Spec } from "../../hooks/hooks.ts";
import cgroupLimits from "../../plugins/cgroup-limits.ts";
import { checkOptions } from "../../src/cli/plugin-options.ts";
import { defaultSpec } from "../../src/config/default-spec.ts";
import { hostWith } from "./host-with.ts";

type Options = Parameters<typeof cgroupLimits.apply>[1];
const GB = 2 ** 30;

async function configure(options: Options, change: Partial<Spec> = {}, id = "db-1"): Promise<Spec["linux"]> {
  expect(checkOptions(cgroupLimits.options ?? { type: "object", properties: {} }, options)).toEqual([]);
  const hooks = newHooks();
  const host = hostWith({ machine: async () => ({ memoryBytes: 8 * GB, cpus: 4, cgroupVersion: 2 }) });
  await cgroupLimits.apply(hooks, options, host);
  const spec = { ...defaultSpec(), ...change };
  return ((await hooks.config.promise(spec, { id, bundle: "/b" })) ?? spec).linux;
}

const memoryOf = async (...args: Parameters<typeof configure>): Promise<number | undefined> =>
  (await configure(...args))?.resources?.memory?.limit;

test("by name, beside what the configuration has", async () => {
  const { linux } = defaultSpec();
  expect(await configure({ memory: "1GB", swap: "512M", cpus: 1.5, pids: 100, "io-weight": 50 })).toEqual({
    ...linux,
    resources: {
      ...linux?.resources,
      memory: { limit: GB, swap: 1.5 * GB },
      cpu: { quota: 150_000, period: 100_000 },
      pids: { limit: 100 },
      blockIO: { weight: 50 },
    },
  });
});

test("a share of the machine", async () =>
  expect((await configure({ memory: "25%", cpus: "50%" }))?.resources).toMatchObject({
    memory: { limit: 2 * GB },
    cpu: { quota: 200_000, period: 100_000 },
  }));

test("nothing", async () => expect(await configure({})).toEqual(defaultSpec().linux));

test("never more than the configuration says", async () => {
  const linux = { resources: { memory: { limit: 4096 }, pids: { limit: 7 }, cpu: { quota: 1000, period: 2000 } } };
  expect((await configure({ memory: "1GB", pids: 100, cpus: 1 }, { linux }))?.resources).toEqual(linux.resources);
});

const containers = [
  { id: "db-*", memory: "2GB" },
  { annotation: "tier", memory: "3GB" },
  { annotation: "tier=gold*", memory: "4GB" },
  { id: "web", annotation: "tier", memory: "5GB" },
];

test("for some by their ids", async () => {
  expect(await memoryOf({ memory: "1GB", containers }, {}, "db-1")).toBe(2 * GB);
  expect(await memoryOf({ memory: "1GB", containers }, {}, "web")).toBe(GB);
});

test("for some by their annotations, the last one wins", async () => {
  expect(await memoryOf({ containers }, { annotations: { tier: "silver" } })).toBe(3 * GB);
  expect(await memoryOf({ containers }, { annotations: { tier: "golden" } })).toBe(4 * GB);
  expect(await memoryOf({ containers }, { annotations: { tier: "golden" } }, "web")).toBe(5 * GB);
  expect(await memoryOf({ containers: [{ annotation: "constructor", memory: 1 }] })).toBe(undefined);
});

test("what is said for some leaves the rest of what is said for all", async () =>
  expect((await configure({ pids: 5, containers: [{ id: "*", memory: "1GB" }] }))?.resources).toMatchObject({
    pids: { limit: 5 },
    memory: { limit: GB },
  }));

test("a file of cgroup v2 that would be written afterwards", async () => {
  const linux = { resources: { unified: { "memory.max": "max" } } };
  expect(configure({ memory: 1 }, { linux })).rejects.toThrow(
    "linux.resources.unified sets memory.max too: it would be written last, whatever is limited here",
  );
  expect((await configure({ pids: 1 }, { linux }))?.resources).toEqual({ ...linux.resources, pids: { limit: 1 } });
});
