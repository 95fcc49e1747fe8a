// What box validate says: everything at once, each fault at a place that is there, however a configuration is broken, and in
// time that grows with its size.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { checkSpec } from "../../src/config/check-spec.ts";
import { defaultSpec } from "../../src/config/default-spec.ts";
import { isObject, type Rule } from "../../src/config/rule.ts";
import type { Spec } from "../../src/config/spec.ts";
import { splitPath } from "../../src/config/spec-paths.ts";
import { specRule } from "../../src/config/spec-rules.ts";
import { checkSupported } from "../../src/config/unsupported.ts";
import { BoxError, type ConfigFault } from "../../src/errors.ts";
import { faultsIn } from "../../src/plan/faults-in.ts";
import { dockerConfig, podmanConfig } from "../config/client-configs.ts";
import { wholeRuns } from "../runs.ts";
import { hosts } from "./arbitrary-spec.ts";
import { cgroupLayouts, plainFacts, planOf } from "./plan-for.ts";

const linesOf = (faults: readonly ConfigFault[]): string[] =>
  faults.map(
    ({ path, expected, got, problem, hint }) =>
      `${path}: ${problem ?? `expected ${expected}, got ${got}`}${hint === undefined ? "" : `, ${hint}`}`,
  );

const standard = (): Spec => defaultSpec({ cgroupV2: true });
const linux = (fields: object): unknown => ({ ...standard(), linux: { ...standard().linux, ...fields } });
const check = (title: string, value: unknown, ...lines: readonly string[]): void =>
  test(title, () => expect(linesOf(faultsIn(value, "x64"))).toEqual([...lines]));

describe("of each kind", () => {
  check("none", standard());
  check("shape", { ...standard(), hostnam: "a" }, 'hostnam: unknown key, did you mean "hostname"?');
  check(
    "not supported",
    linux({ personality: { domain: "LINUX", flags: ["ADDR_NO_RANDOMIZE"] } }),
    "linux.personality.flags: this version of the runtime spec knows none",
  );
  check(
    "a filter of system calls",
    linux({ seccomp: { defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_PDP11"] } }),
    'linux.seccomp.architectures[0]: expected a seccomp architecture, such as SCMP_ARCH_X86_64, got "SCMP_ARCH_PDP11"',
  );
  check(
    "files of a cgroup",
    linux({ resources: { unified: { "memory.max": "1", "cgroup.procs": "0", memory: "1", 'a"b': "1" } } }),
    'linux.resources.unified["cgroup.procs"]: would move, hold or end processes, and is no limit',
    'linux.resources.unified["memory"]: is no file of cgroup v2: their names are like "memory.max"',
    'linux.resources.unified["a\\"b"]: is no file of cgroup v2: their names are like "memory.max"',
  );
  check(
    "options of a mount",
    {
      ...standard(),
      mounts: [
        { destination: "/a", type: "overlay", options: [`lowerdir=/${"a".repeat(4085)}`] },
        { destination: "/a", type: "overlay", options: [`lowerdir=/${"a".repeat(4086)}`] },
      ],
    },
    "mounts[1].options: has 4096 bytes of options for overlay, and the kernel takes 4095, shorter paths help, such as links to the layers",
  );
  check("a cgroup", linux({ cgroupsPath: "/." }), 'linux.cgroupsPath: expected a path that names a cgroup, got "/."');
  check("a device", linux({ devices: [{ path: "/", type: "p" }] }), 'linux.devices[0].path: expected a path below /, got "/"');
  check(
    "masks",
    linux({ maskedPaths: ["/a", "//"], readonlyPaths: ["/."] }),
    'linux.maskedPaths[1]: expected a path below /, got "//", root.readonly makes the root read-only',
    'linux.readonlyPaths[0]: expected a path below /, got "/.", root.readonly makes the root read-only',
  );
  check(
    "mounts",
    {
      ...standard(),
      mounts: [
        { destination: "/", type: "tmpfs" },
        { destination: "/a", source: "/b", options: ["bind", "nosuidd"] },
        { destination: "/a", type: "ext4", options: ["tmpcopyup"] },
        { destination: "/a", type: "tmpfs", options: ["remount", "ro"] },
        { destination: "/a", type: "tmpfs", options: ["idmap"] },
        { destination: "/a", source: "/b", options: ["bind", "ridmap"] },
      ],
    },
    'mounts[0].destination: expected a path below /, got "/"',
    'mounts[1].options[1]: expected an option of a bind mount, got "nosuidd", did you mean "nosuid"?',
    'mounts[2].options[0]: "tmpcopyup" goes with a tmpfs only',
    'mounts[3].options[0]: "remount" goes with a bind mount only',
    "mounts[4]: ids are mapped for bind mounts only",
    "mounts[5]: without a user namespace it needs uidMappings and gidMappings",
  );
});

describe("all at once", () => {
  check(
    "also where the shape of other parts is wrong",
    {
      ociVersion: "1.0.0",
      root: { path: 1 },
      process: { args: ["a"], cwd: "srv", user: { uid: 0, gid: 0 }, apparmorProfile: "a\nb" },
      mounts: [{ destination: 5 }, { destination: "/proc/x", type: "tmpfs" }],
      linux: {
        namespaces: [{ type: "uts" }],
        personality: { domain: "LINUX", flags: ["X"] },
        seccomp: { defaultAction: "x" },
        maskedPaths: ["/"],
      },
    },
    "root.path: expected a string that is not empty, got 1",
    'process.cwd: expected an absolute path, got "srv"',
    'process.apparmorProfile: expected a label of at most 4000 bytes without control characters, got "a\\nb"',
    "mounts[0].destination: expected a string that is not empty, got 5",
    'linux.seccomp.defaultAction: expected a seccomp action, such as SCMP_ACT_ERRNO, got "x"',
    "linux.personality.flags: this version of the runtime spec knows none",
    "linux.namespaces: has no mount namespace, and box makes no container without",
    'mounts[1].destination: "/proc/x" lies inside of /proc, where only cpuinfo, diskstats, loadavg, meminfo, slabinfo, stat, swaps, uptime, sys/kernel/ns_last_pid and sys/crypto/fips_enabled may be covered',
    'linux.maskedPaths[0]: expected a path below /, got "/", root.readonly makes the root read-only',
  );
  check("of the whole document", [1], ": expected an object, got an array");
  check("mounts of a namespace that is joined are not box's to make", {
    ...(linux({ namespaces: [{ type: "mount", path: "/proc/7/ns/mnt" }, { type: "uts" }] }) as Spec),
    mounts: [{ destination: "/", type: "tmpfs" }],
  });
  test("but no more than somebody reads", () => {
    const mounts = Array.from({ length: 200 }, () => ({ destination: 1 }));
    const lines = linesOf(faultsIn({ ...standard(), mounts }, "x64"));
    expect([lines.length, lines.at(-1)]).toEqual([51, ": 150 more faults"]);
  });
});

describe("what clients write", () => {
  check("podman", podmanConfig());
  check("docker", dockerConfig());
});

/** Whether `path` leads to a part of the value, or on from one to what the rules say could be there. */
function isReal(value: unknown, path: string): boolean {
  const keys = splitPath(path);
  if (keys === undefined) return false;
  let [at, rule]: [unknown, Rule | undefined] = [value, specRule];
  for (const key of keys) {
    rule = partOf(rule, key);
    at = (isObject(at) || Array.isArray(at)) && Object.hasOwn(at, key) ? (at as Record<string, unknown>)[key] : undefined;
    if (rule === undefined && at === undefined) return false;
  }
  return true;
}

function partOf(rule: Rule | undefined, key: string | number): Rule | undefined {
  if (rule?.is === "later") return partOf(rule.rule(), key);
  if (rule?.is === "list") return typeof key === "number" ? rule.items : undefined;
  if (rule?.is === "map") return rule.values;
  return rule?.is === "object" && Object.hasOwn(rule.fields, key) ? rule.fields[key] : undefined;
}

type Change = {
  readonly where: number;
  readonly how: "replace" | "delete" | "add" | "misspell" | "repeat" | "swap";
  readonly value: unknown;
};

const odd: readonly unknown[] = [
  null,
  "",
  0,
  -1,
  1.5,
  2 ** 53,
  2 ** 64,
  true,
  [],
  {},
  "a\0b",
  "..",
  "/",
  "\u{1f4a9}",
  [[]],
  { a: { b: 1 } },
  "CAP_KILL",
];
const change: fc.Arbitrary<Change> = fc.record({
  where: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  how: fc.constantFrom("replace", "delete", "add", "misspell", "repeat", "swap"),
  value: fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...odd) }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) }),
});

type Container = Record<string | number, unknown>;

/** Every place of a value but the value itself. */
function placesIn(value: unknown): { readonly holder: Container; readonly key: string | number }[] {
  if (typeof value !== "object" || value === null) return [];
  const holder = value as Container;
  return Object.keys(holder).flatMap((key) => [{ holder, key: Array.isArray(value) ? Number(key) : key }, ...placesIn(holder[key])]);
}

function applyChange(config: unknown, { where, how, value }: Change): void {
  const places = placesIn(config);
  const place = places[Math.floor(where * places.length)];
  if (place === undefined) return;
  const { holder, key } = place;
  const other = places[Math.floor(((where * 7919) % 1) * places.length)] ?? place;
  if (how === "replace") holder[key] = structuredClone(value);
  else if (how === "swap")
    [holder[key], other.holder[other.key]] = [structuredClone(other.holder[other.key]), structuredClone(holder[key])];
  else if (Array.isArray(holder)) {
    if (how === "delete") holder.splice(Number(key), 1);
    else holder.splice(Number(key), 0, structuredClone(how === "repeat" ? holder[key] : value));
  } else if (how === "delete") delete holder[key];
  else if (how === "misspell") {
    holder[`${key}s`] = holder[key];
    delete holder[key];
  } else holder[`${key}.x "y" é`] = structuredClone(value);
}

describe("a broken configuration", () => {
  const whole = fc.sample(hosts, { numRuns: 30, seed: 7 }).map(({ spec }) => JSON.stringify(spec));
  const texts = [JSON.stringify(podmanConfig()), JSON.stringify(dockerConfig()), JSON.stringify(standard()), ...whole];

  test("is valid still, or each of its faults has a place that is there, and a start refuses it too", () => {
    fc.assert(
      fc.property(fc.constantFrom(...texts), fc.array(change, { minLength: 1, maxLength: 3 }), (text, changes) => {
        const config: unknown = JSON.parse(text);
        for (const one of changes) applyChange(config, one);
        const broken = JSON.stringify(config);
        const value: unknown = JSON.parse(broken);
        const faults = faultsIn(value, "x64");
        const asWritten: unknown = JSON.parse(broken);
        for (const { path, problem, expected, got } of faults) {
          if ((problem ?? (got === undefined ? undefined : expected) ?? "") === "") throw new Error(`nothing is said of ${path}`);
          if (!isReal(asWritten, path)) throw new Error(`no such place: ${path}`);
        }
        if (faults.length === 0) return void planned(value as Spec);
      }),
      { numRuns: wholeRuns(10_000, 100_000) },
    );
  }, 1_200_000);
});

/** Of what is valid only the host can still refuse something. */
function planned(spec: Spec): void {
  checkSupported(spec);
  if (spec.process === undefined) return;
  try {
    planOf(spec, { ...plainFacts, cgroups: cgroupLayouts.fullV2 });
  } catch (error) {
    if (!(error instanceof BoxError) || error.facts.what !== "the configuration cannot be had on this host") throw error;
  }
}

const many = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index));
const keyed = (count: number, key: string, value: unknown): object => Object.fromEntries(many(count, (index) => [`${key}${index}`, value]));
const mapping = (index: number): object => ({ containerID: index * 2, hostID: index * 2, size: 1 });

/** Configurations with `count` entries in one place; what is wrong with them is what makes others wait longest. */
const long: Readonly<Record<string, (count: number) => unknown>> = {
  mounts: (count) => ({
    ...standard(),
    mounts: many(count, (index) => ({ destination: `/m${index}`, source: "/a", options: ["bind", index % 2 === 0 ? "ro" : "roo"] })),
  }),
  "mappings of the container": (count) =>
    linux({
      namespaces: [{ type: "uts" }, { type: "mount" }, { type: "user" }],
      uidMappings: many(count, mapping),
      gidMappings: many(count, mapping),
    }),
  "mappings of mounts": (count) => ({
    ...standard(),
    mounts: many(count / 50, () => ({
      destination: "/a",
      source: "/a",
      options: ["bind"],
      uidMappings: many(50, mapping),
      gidMappings: many(50, mapping),
    })),
  }),
  "namespaces and sysctls": (count) =>
    linux({ namespaces: many(count, (index) => ({ type: index < count / 2 ? "pid" : "uts" })), sysctl: keyed(count, "net.a", "1") }),
  rlimits: (count) => ({
    ...standard(),
    process: {
      ...standard().process,
      rlimits: many(count, (index) => ({ type: index < count / 2 ? "RLIMIT_AS" : "RLIMIT_CPU", soft: 1, hard: 1 })),
    },
  }),
  "rules for one system call": (count) =>
    linux({
      seccomp: {
        defaultAction: "SCMP_ACT_ERRNO",
        syscalls: many(count, (value) => ({ names: ["clone"], action: "SCMP_ACT_ALLOW", args: [{ index: 0, value, op: "SCMP_CMP_EQ" }] })),
      },
    }),
  "names of system calls": (count) =>
    linux({
      seccomp: { defaultAction: "SCMP_ACT_ERRNO", syscalls: [{ names: many(count, (index) => `call${index}`), action: "SCMP_ACT_ALLOW" }] },
    }),
  devices: (count) => linux({ devices: many(count, (minor) => ({ path: `/dev/a${minor}`, type: "c", major: 1, minor })) }),
  "rules for devices": (count) =>
    linux({ resources: { devices: many(count, (minor) => ({ allow: true, type: "c", major: 1, minor, access: "rw" })) } }),
  "unknown keys": (count) => ({ ...standard(), ...keyed(count, "unknown", 1) }),
};

/** How often something of the value is looked at: a measure of time that no other process disturbs. */
function looksAt(value: unknown): number {
  let looks = 0;
  const handler: ProxyHandler<object> = {
    get(target, key, receiver) {
      looks += 1;
      return watched(Reflect.get(target, key, receiver));
    },
    ownKeys(target) {
      const keys = Reflect.ownKeys(target);
      looks += keys.length;
      return keys;
    },
  };
  const watched = (part: unknown): unknown => (typeof part === "object" && part !== null ? new Proxy(part, handler) : part);
  faultsIn(watched(value), "x64");
  return looks;
}

describe("takes time by its size alone", () => {
  for (const [name, make] of Object.entries(long))
    test(name, () => {
      const [few, more] = [looksAt(make(1000)), looksAt(make(10_000))];
      expect(few).toBeGreaterThan(1000);
      // Beside the lists there is a little that is always the same.
      expect(more).toBeLessThan(few * 10.5);
    });

  test("text without end", () => {
    const process = { ...standard().process, execCPUAffinity: { initial: many(50_000, () => "0-65535").join(",") } };
    expect(faultsIn({ ...standard(), process }, "x64")).toEqual([]);
  });
  test("depth without end", () => {
    const text = JSON.stringify(linux({ intelRdt: "@" })).replace('"@"', `${"[".repeat(200_000)}${"]".repeat(200_000)}`);
    expect(linesOf(faultsIn(JSON.parse(text), "x64"))).toEqual(["linux.intelRdt: expected an object, got an array"]);
  });
});

test("checking twice is checking once", () => {
  const spec = checkSpec(podmanConfig());
  const before = JSON.stringify(spec);
  expect(faultsIn(spec, "x64")).toEqual([]);
  expect(JSON.stringify(spec)).toBe(before);
});
