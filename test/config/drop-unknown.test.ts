import { expect, test } from "bun:test";
import fc from "fast-check";
import { checkSpec } from "../../src/config/check-spec.ts";
import { defaultSpec } from "../../src/config/default-spec.ts";
import { dropUnknown } from "../../src/config/drop-unknown.ts";
import { specRule } from "../../src/config/spec-rules.ts";
import { dockerConfig, podmanConfig } from "./client-configs.ts";
import { faultLines } from "./print-faults.ts";

/** What is left of a value, and what was said of the rest. */
function dropped(value: unknown): [left: unknown, lines: string[]] {
  const faults = dropUnknown(specRule, value);
  return [value, faults.map(({ path, problem }) => `${path}: ${problem}`)];
}

test("at every level, in words of the strict checker", () => {
  const value = {
    ociVersion: "1.0.0",
    root: { path: "r", readOnly: true },
    vendor: { deep: [1] },
    mounts: [{ destination: "/a", option: [] }],
    linux: { resources: { rdma: { "mlx 5": { handles: 1 } }, memory: { swapp: 1 } }, seccomp: { default: 1 } },
  };
  const strict = faultLines(() => checkSpec(structuredClone(value))).filter((line) => line.includes("unknown key"));
  const [left, lines] = dropped(value);
  expect(lines.toSorted()).toEqual(strict.toSorted());
  expect(lines).toEqual([
    'root.readOnly: unknown key, did you mean "readonly"?',
    "vendor: unknown key",
    'mounts[0].option: unknown key, did you mean "options"?',
    'linux.resources.rdma["mlx 5"].handles: unknown key',
    'linux.resources.memory.swapp: unknown key, did you mean "swap"?',
    "linux.seccomp.default: unknown key",
  ]);
  expect(left).toEqual({
    ociVersion: "1.0.0",
    root: { path: "r" },
    mounts: [{ destination: "/a" }],
    linux: { resources: { rdma: { "mlx 5": {} }, memory: {} }, seccomp: {} },
  });
});

test("keys of other platforms, with their reason", () =>
  expect(dropped({ windows: {}, solaris: null, process: { commandLine: "x" }, linux: { intelRdt: { enableCMT: true } } })).toEqual([
    { process: {}, linux: { intelRdt: {} } },
    [
      "windows: box runs Linux containers",
      "process.commandLine: is for Windows, where Linux has process.args",
      "linux.intelRdt.enableCMT: was replaced by enableMonitoring in version 1.3.0",
    ],
  ]));

test("names that are free stay, as does what begins with x-", () => {
  const value = { annotations: { banana: "1" }, linux: { sysctl: { "net.a": "1" }, "x-mine": 1 }, "x-other": { a: 1 } };
  expect(dropped(structuredClone(value))).toEqual([value, []]);
});

test("what every object inherits", () =>
  expect(dropped(JSON.parse('{"constructor": 1, "root": {"__proto__": {"path": "/"}, "path": "r"}}'))).toEqual([
    { root: { path: "r" } },
    ["constructor: unknown key", "root.__proto__: unknown key"],
  ]));

test("values of other kinds are the checker's business", () => {
  for (const value of [null, 1, "x", [], { mounts: 1, linux: [], hooks: { prestart: {} } }])
    expect(dropped(structuredClone(value))).toEqual([value, []]);
});

test("what is left has no unknown key, and nothing else has changed", () => {
  const configs = [defaultSpec, podmanConfig, dockerConfig] as (() => unknown)[];
  const places = (value: unknown, path: string[] = []): string[][] =>
    typeof value === "object" && value !== null
      ? [...(Array.isArray(value) ? [] : [path]), ...Object.entries(value).flatMap(([key, part]) => places(part, [...path, key]))]
      : [];
  const cases = configs.flatMap((make) => places(make()).map((place) => ({ make, place })));
  fc.assert(
    fc.property(fc.constantFrom(...cases), fc.string(), fc.jsonValue(), ({ make, place }, key, value) => {
      const spec = make();
      let at = spec as Record<string, unknown>;
      for (const one of place) at = at[one] as Record<string, unknown>;
      const before = JSON.stringify(spec);
      if (Object.hasOwn(at, key)) return;
      // As JSON.parse does it, also for "__proto__".
      Object.defineProperty(at, key, { value, enumerable: true, configurable: true, writable: true });
      const whole = JSON.stringify(spec);
      const faults = dropUnknown(specRule, spec);
      expect(faults.length).toBeLessThanOrEqual(1);
      expect(JSON.stringify(spec)).toBe(faults.length === 1 ? before : whole);
      expect(faultLines(() => checkSpec(spec)).filter((line) => line.includes("unknown key"))).toEqual([]);
    }),
    { numRuns: 1000 },
  );
}, 60_000);
