// Bind mounts whose files have other owners inside: idmap, ridmap, uidMappings and gidMappings.

import { expect } from "bun:test";
import { chownSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import type { IdMapping, Mount } from "../../src/config/spec.ts";
import { Bundle, machine, type RichSpec, testWith } from "./harness.ts";

const test = testWith();

const map = (hostID: number, size = 65536): { uidMappings: IdMapping[]; gidMappings: IdMapping[] } => ({
  uidMappings: [{ containerID: 0, hostID, size }],
  gidMappings: [{ containerID: 0, hostID: hostID + 1, size }],
});
const data: Mount = { destination: "/data", type: "bind", source: "data", options: ["bind"] };
const owners = "stat -c '%n %u:%g' /data /data/of-5 /data/of-200000";

/** A bundle with a folder of the host that has files of some users. */
function bundleWith(mounts: readonly Mount[], change: (spec: RichSpec) => void = () => {}): Bundle {
  const bundle = new Bundle((spec) => {
    spec.mounts.push(...mounts);
    change(spec);
  });
  mkdirSync(`${bundle.folder}/data`);
  for (const [name, id] of [
    ["of-5", 5],
    ["of-200000", 200000],
  ] as const) {
    writeFileSync(`${bundle.folder}/data/${name}`, name);
    chownSync(`${bundle.folder}/data/${name}`, id, id);
  }
  return bundle;
}

/** A user namespace from 100000 on, and a root for it. */
function ownUsers(bundle: Bundle): Bundle {
  bundle.change((spec) => {
    spec.linux.namespaces.push({ type: "user" });
    Object.assign(spec.linux, map(100000));
    for (const set of ["bounding", "permitted", "effective"] as const) spec.process.capabilities[set]?.push("CAP_CHOWN");
  });
  bundle.giveRootTo(100000);
  return bundle;
}

test("a map of the mount's own, without a user namespace", async () => {
  using bundle = bundleWith([{ ...data, ...map(1000) }]);
  const before = machine(bundle);
  expect(await bundle.sh(owners)).toEqual(["/data 1000:1001", "/data/of-5 1005:1006", "/data/of-200000 65534:65534"]);
  expect(machine(bundle)).toEqual(before);
});

test("idmap takes the map of the container's user namespace", async () => {
  using bundle = ownUsers(bundleWith([{ ...data, options: ["bind", "idmap"] }]));
  expect(await bundle.sh(`${owners}; touch /data/new; chown 7:8 /data/new; stat -c %u:%g /data/new`)).toEqual([
    "/data 0:0",
    "/data/of-5 5:5",
    "/data/of-200000 65534:65534",
    "7:8",
  ]);
  const { uid, gid } = statSync(`${bundle.folder}/data/new`);
  expect([uid, gid]).toEqual([7, 8]);
});

test("several mounts, with maps that are the same and others that are not", async () => {
  const more = (name: string, with_: Partial<Mount>): Mount => ({ ...data, destination: `/tmp/${name}`, ...with_ });
  using bundle = ownUsers(bundleWith([data, more("a", map(100000)), more("b", map(100000)), more("c", map(100010, 10))]));
  expect(await bundle.sh("stat -c '%n %u:%g' /data/of-5 /tmp/a/of-5 /tmp/b/of-5 /tmp/c/of-5")).toEqual([
    "/data/of-5 65534:65534",
    "/tmp/a/of-5 5:5",
    "/tmp/b/of-5 5:5",
    "/tmp/c/of-5 15:15",
  ]);
});

test("below it too with ridmap, and read-only", async () => {
  const nested = ["sh", "-c", 'mkdir -p data/below && mount -t tmpfs tmpfs data/below && touch data/below/of-0 && exec "$@"', "sh"];
  const before = ["unshare", "-m", ...nested];
  for (const [option, below] of [
    ["ridmap", "0:0"],
    ["idmap", "65534:65534"],
  ] as const) {
    using bundle = ownUsers(bundleWith([{ ...data, options: ["rbind", option, "ro"] }]));
    expect(await bundle.sh("stat -c %u:%g /data/of-5 /data/below/of-0; touch /data/x 2>&1; true", { before })).toEqual([
      "5:5",
      below,
      "touch: /data/x: Read-only file system",
    ]);
  }
});

test("the map of a user namespace that is joined", async () => {
  using target = ownUsers(new Bundle());
  using running = await target.startSh("echo ready; exec sleep 1000");
  expect(running.pid).toBeGreaterThan(0);
  using bundle = bundleWith([{ ...data, options: ["bind", "idmap"] }], (spec) => {
    spec.linux.namespaces = spec.linux.namespaces.filter(({ type }) => type !== "network");
    spec.linux.namespaces.push(
      { type: "user", path: `/proc/${target.initPid}/ns/user` },
      { type: "network", path: `/proc/${target.initPid}/ns/net` },
    );
  });
  bundle.giveRootTo(100000);
  expect(await bundle.sh(owners)).toEqual(["/data 0:0", "/data/of-5 5:5", "/data/of-200000 65534:65534"]);
});

test("what is mounted there later does not reach the host", async () => {
  const shared = ["sh", "-c", 'mount --make-rshared / && "$@"; code=$?; grep -c /data/inside /proc/self/mountinfo >&2; exit $code', "sh"];
  using bundle = bundleWith([{ ...data, ...map(1000) }], (spec) => {
    for (const set of ["bounding", "permitted", "effective"] as const) spec.process.capabilities[set]?.push("CAP_SYS_ADMIN");
  });
  mkdirSync(`${bundle.folder}/data/inside`);
  const { exitCode, stdout, stderr } = await bundle.run(
    ["sh", "-c", "mount -t tmpfs tmpfs /data/inside && grep -c /data/inside /proc/self/mountinfo"],
    { before: ["unshare", "-m", ...shared] },
  );
  expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: "1\n", stderr: "0\n" });
});

test("what cannot be mapped", async () => {
  const refused = async (mount: Mount): Promise<string> => {
    using bundle = bundleWith([mount]);
    const index = (bundle.spec.mounts?.length ?? 0) - 1;
    const { exitCode, stdout, stderr } = await bundle.run(["true"]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 125, stdout: "" });
    return stderr.replaceAll(`mounts[${index}]`, "mounts[N]").replaceAll(bundle.folder, "FOLDER");
  };
  expect(await refused({ ...data, options: ["bind", "idmap"] })).toBe(
    "box: mounts[N]: without a user namespace it needs uidMappings and gidMappings\n",
  );
  expect(await refused({ destination: "/data", type: "tmpfs", options: ["idmap"], ...map(1) })).toBe(
    "box: mounts[N]: ids are mapped for bind mounts only\n",
  );
  expect(await refused({ ...data, source: "/proc", ...map(1) })).toBe(
    'box: mounts[N]: cannot map the owners of /proc: mount_setattr(/data, "", AT_EMPTY_PATH, &attributes with a map {attr_set: MOUNT_ATTR_IDMAP}, 32): EINVAL (invalid argument)\nhint: not every filesystem can have its owners mapped\n',
  );
});
