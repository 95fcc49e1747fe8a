import { expect, test } from "bun:test";
import { BOOT_ID_BYTES, CGROUPS_MAX, encodeFrontFile, FRONT_MAGIC, frontFile, PATH_BYTES } from "../../src/front/front-file.ts";
import type { State } from "../../src/state/state.ts";

type Box = State["box"];
const v1 = (path: string): Box["cgroups"][number] => ({ version: 1, path });
const v2 = (path: string): Box["cgroups"][number] => ({ version: 2, path });
const freezer = "/sys/fs/cgroup/freezer/web";
const unified = "/sys/fs/cgroup/unified/web";

function stateWith(box: Partial<Box> = {}): State {
  const all: Box = { startTime: 1, supervisor: 2, stays: true, ownPids: true, cgroups: [v1(freezer), v2(unified)], plugins: [], ...box };
  return {
    ...{ ociVersion: "1.3.0", id: "web", status: "created", pid: 0x12345, bundle: "/srv/web", rootfs: "/srv/web/rootfs" },
    ...{ created: "2026-01-01T00:00:00Z", owner: "root", box: all },
  };
}

const init = {
  inode: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  bootId: new TextEncoder().encode("fdb585fb-6415-4df0-998e-f81a717ca8b2\n".padEnd(BOOT_ID_BYTES, "\0")),
  pidNamespace: Uint8Array.of(0xfc, 0xff, 0xff, 0xef, 0, 0, 0, 0),
};
const encode = (box?: Partial<Box>): Uint8Array | undefined => encodeFrontFile(stateWith(box), init);
/** Up to the first NUL. */
const textAt = (bytes: Uint8Array | undefined, at: number): string =>
  new TextDecoder().decode(bytes?.subarray(at, bytes.indexOf(0, at))) || "nothing";

test("who init is, and which boot this is", () => {
  const bytes = encode() as Uint8Array;
  expect(bytes.length).toBe(frontFile.bytes);
  expect(new TextDecoder().decode(bytes.subarray(0, 8))).toBe(FRONT_MAGIC);
  expect(new DataView(bytes.buffer).getBigUint64(frontFile.pid, true)).toBe(0x12345n);
  expect(bytes.subarray(frontFile.inode, frontFile.inode + 8)).toEqual(init.inode);
  expect(bytes.subarray(frontFile.bootId, frontFile.bootId + BOOT_ID_BYTES)).toEqual(init.bootId);
  expect(bytes.subarray(frontFile.pidNamespace, frontFile.pidNamespace + 8)).toEqual(init.pidNamespace);
});

test.each(["inode", "bootId", "pidNamespace"] as const)("without %s the front is told nothing", (what) => {
  expect(encodeFrontFile(stateWith({}), { ...init, [what]: new Uint8Array(init[what].length) })).toBeUndefined();
});

test("its places lie one behind the other, and end with the last cgroup", () => {
  const { bytes, ...places } = frontFile;
  const sizes = [8, 8, 8, BOOT_ID_BYTES, 8, PATH_BYTES, PATH_BYTES];
  const ends = sizes.map((_, index) => sizes.slice(0, index).reduce((sum, size) => sum + size, 0));
  expect(Object.values(places)).toEqual([...ends, (ends.at(-1) as number) + PATH_BYTES]);
  expect(bytes).toBe(places.cgroups + CGROUPS_MAX * PATH_BYTES);
  expect(bytes % 8).toBe(0);
});

test("cgroups in the order in which they are removed, and which of them freeze", () => {
  const paths = ["/sys/fs/cgroup/cpu/web", freezer, "/sys/fs/cgroup/pids/web"];
  const bytes = encode({ cgroups: [...paths.map(v1), v2(unified)] });
  const there = Array.from({ length: 5 }, (_, index) => textAt(bytes, frontFile.cgroups + index * PATH_BYTES));
  expect(there).toEqual([...paths, unified, "nothing"]);
  expect([textAt(bytes, frontFile.freezerV1), textAt(bytes, frontFile.freezerV2)]).toEqual([freezer, unified]);
});

test("of v2 alone there is no freezer of v1, and of v1 alone none of v2", () => {
  const [two, one] = [encode({ cgroups: [v2("/sys/fs/cgroup/web")] }), encode({ cgroups: [v1(freezer)] })];
  expect([textAt(two, frontFile.freezerV1), textAt(two, frontFile.freezerV2)]).toEqual(["nothing", "/sys/fs/cgroup/web"]);
  expect([textAt(one, frontFile.freezerV1), textAt(one, frontFile.freezerV2)]).toEqual([freezer, "nothing"]);
});

test("without cgroups there is nothing of them", () => {
  const bytes = encode({ cgroups: [] });
  expect(bytes?.subarray(frontFile.freezerV1).every((byte) => byte === 0)).toBe(true);
});

/** A cgroup of v2 whose path has so many bytes. */
const long = (bytes: number, letter = "x"): Box["cgroups"][number] => {
  const path = `/sys/fs/cgroup/${letter}`;
  return v2(path.padEnd(path.length + bytes - new TextEncoder().encode(path).length, "x"));
};

test("the longest path ends with a NUL before the next", () => {
  const path = long(PATH_BYTES - 1);
  const bytes = encode({ cgroups: [path, v2(unified)] });
  expect(textAt(bytes, frontFile.cgroups)).toBe(path.path);
  expect(textAt(bytes, frontFile.cgroups + PATH_BYTES)).toBe(unified);
});

test("as many cgroups as there are places", () => {
  const cgroups = Array.from({ length: CGROUPS_MAX }, (_, index) => v2(`/sys/fs/cgroup/${index}`));
  expect(textAt(encode({ cgroups }), frontFile.cgroups + (CGROUPS_MAX - 1) * PATH_BYTES)).toBe(`/sys/fs/cgroup/${CGROUPS_MAX - 1}`);
});

test.each<[what: string, box: Partial<Box>]>([
  ["a plugin", { plugins: [{ label: "plugins[0]", name: "network", options: {}, hooks: ["poststop"] }] }],
  ["no pid namespace of its own", { ownPids: false }],
  ["a class of resctrl", { resctrl: { mount: "/sys/fs/resctrl", enter: [], remove: [] } }],
  ["more cgroups than there are places", { cgroups: Array.from({ length: CGROUPS_MAX + 1 }, (_, index) => v2(`/sys/fs/cgroup/${index}`)) }],
  ["a path that is too long", { cgroups: [long(PATH_BYTES)] }],
  ["a path that is too long in bytes, not in letters", { cgroups: [long(PATH_BYTES, "\u00e9")] }],
  ["a path that is too long by half of a letter at its end", { cgroups: [v2(`${long(PATH_BYTES - 2).path}\u00e9`)] }],
  ["an empty path", { cgroups: [v2("")] }],
  ["v1 without a hierarchy called freezer", { cgroups: [v1("/sys/fs/cgroup/cpu/web"), v2(unified)] }],
  ["a freezer that is mounted with others", { cgroups: [v1("/sys/fs/cgroup/freezer,pids/web")] }],
  ["a freezer elsewhere", { cgroups: [v1("/cgroup/freezer/web")] }],
])("with %s the front is told nothing", (_, box) => {
  expect(encode()).toBeDefined();
  expect(encode(box)).toBeUndefined();
});
