// A Spec that was changed is found right or wrong as if all of it were looked at.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { checkChanged, partsOf } from "../../src/config/check-changed.ts";
import { checkSpec } from "../../src/config/check-spec.ts";
import { defaultSpec } from "../../src/config/default-spec.ts";
import type { Spec } from "../../src/config/spec.ts";
import { hosts } from "../plan/arbitrary-spec.ts";
import { wholeRuns } from "../runs.ts";
import { faultLines } from "./print-faults.ts";

const copy = <Value>(value: Value): Value => JSON.parse(JSON.stringify(value));

/** What both say of a value that `spec` has become: the faults, or what is made of it. */
function both(spec: Spec, value: unknown): [whole: unknown, changed: unknown] {
  const say = (check: (value: unknown) => Spec): unknown => {
    const own = copy(value);
    const faults = faultLines(() => check(own));
    return faults.length > 0 ? faults : own;
  };
  const parts = partsOf(checkSpec(copy(spec)));
  return [say(checkSpec), say((own) => checkChanged(own, parts))];
}

type Change = (spec: Record<string, unknown> & { linux: Record<string, unknown>; process: Record<string, unknown> }) => unknown;

for (const [title, change] of [
  ["nothing", () => {}],
  ["a right annotation", (spec) => Object.assign(spec, { annotations: { a: "b" } })],
  ["a wrong annotation", (spec) => Object.assign(spec, { annotations: { a: 1 } })],
  ["a wrong part of process", (spec) => Object.assign(spec.process, { cwd: "srv" })],
  ["a wrong part of linux", (spec) => Object.assign(spec.linux, { maskedPaths: ["x"] })],
  ["null, which is taken away", (spec) => Object.assign(spec, { hooks: null })],
  ["null within linux", (spec) => Object.assign(spec.linux, { seccomp: null })],
  ["an empty text", (spec) => Object.assign(spec.linux, { cgroupsPath: "" })],
  ["somebody else's key", (spec) => Object.assign(spec.linux, { "x-mine": 1 })],
  ["a relative mount", (spec) => Object.assign(spec, { mounts: [{ destination: "srv", type: "tmpfs", source: "tmpfs" }] })],
  ["what needs a namespace that is gone", (spec) => Object.assign(spec.linux, { namespaces: [] })],
  ["a version that is gone", (spec) => delete spec.ociVersion],
  ["linux that is gone", (spec) => Object.assign(spec, { linux: undefined })],
  ["linux that is none", (spec) => Object.assign(spec, { linux: [] })],
  ["a key with a part's name", (spec) => Object.assign(spec, { maskedPaths: spec.linux.maskedPaths })],
  ["a key that all objects have", (spec) => Object.assign(spec.linux, { constructor: {} })],
] satisfies [string, Change][])
  test(title, () => {
    const spec = defaultSpec();
    const value = copy(spec) as unknown as Parameters<Change>[0];
    change(value);
    const [whole, changed] = both(spec, value);
    expect(changed).toEqual(whole);
  });

test("a key that is no own one as a rule", () => {
  const spec = defaultSpec();
  const value: unknown = JSON.parse(`{"__proto__": {"process": 1}, ${JSON.stringify(spec).slice(1)}`);
  const faults = (check: (value: unknown) => Spec): string[] => faultLines(() => check(value));
  expect(faults((own) => checkChanged(own, partsOf(spec)))).toEqual(faults(checkSpec));
  expect(faults(checkSpec).length).toBe(1);
});

test("whatever is changed in whatever Spec", () => {
  const key = fc.constantFrom(
    "annotations",
    "linux",
    "process",
    "mounts",
    "root",
    "ociVersion",
    "hostname",
    "namespaces",
    "seccomp",
    "x-a",
    "other",
  );
  const value = fc.oneof(
    fc.constantFrom<unknown>(null, "", 1, "a", [], {}, [{}], { a: "b" }, [{ type: "uts" }]),
    fc.jsonValue({ maxDepth: 2 }),
  );
  fc.assert(
    fc.property(hosts, hosts, key, fc.boolean(), value, ({ spec }, { spec: other }, key, inLinux, value) => {
      const from = copy(inLinux ? { ...other.linux, [key]: value } : { ...other, [key]: value });
      const changed = inLinux ? { ...spec, linux: { ...spec.linux, ...from } } : { ...spec, ...from };
      const [whole, part] = both(spec, changed);
      expect(part).toEqual(whole);
    }),
    { numRuns: wholeRuns(300, 20_000) },
  );
});
