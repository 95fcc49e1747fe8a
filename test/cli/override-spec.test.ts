import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseFlags } from "../../src/cli/arguments.ts";
import { containerFlags } from "../../src/cli/container-flags.ts";
import { overrideSpec } from "../../src/cli/override-spec.ts";
import type { Resolve } from "../../src/cli/place-namespaces.ts";
import { defaultSpec } from "../../src/config/default-spec.ts";
import type { Spec } from "../../src/config/spec.ts";
import { namespaceKeys } from "../../src/config/yaml-rules.ts";
import { BoxError } from "../../src/errors.ts";

const resolve: Resolve = (text, type, flag) => {
  if (text === "container:gone") throw new BoxError({ what: "the container gone does not exist" });
  return `${text} ${type} by ${flag}`;
};
const parse = (flags: readonly string[]) => parseFlags(flags, containerFlags, "run");

/** What of the default configuration changes: the fields by path, at most two deep, that are not as before. */
function changes(
  flags: readonly string[],
  command: readonly string[] = [],
  spec: Spec = defaultSpec(),
  root = "/nonexistent",
): Record<string, unknown> {
  const before = JSON.parse(JSON.stringify(spec)) as Spec;
  const after = overrideSpec(spec, parse(flags), command, root, resolve);
  expect(spec).toEqual(before);
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(after)) {
    const old = before[key as keyof Spec];
    if (Bun.deepEquals(value, old)) continue;
    if (Array.isArray(value) || typeof value !== "object") out[key] = value;
    else
      for (const [inner, one] of Object.entries(value))
        if (!Bun.deepEquals(one, (old as Record<string, unknown>)[inner])) out[`${key}.${inner}`] = one;
  }
  return out;
}

const env = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"];
const volume = (source: string, destination: string, ...options: string[]) => ({
  destination,
  type: "bind",
  source,
  options: ["rbind", "rprivate", ...options],
});
const mounts = defaultSpec().mounts ?? [];

test("no flags, no change", () => expect(changes([])).toEqual({}));
test("a command", () => expect(changes([], ["a", "-b"])).toEqual({ "process.args": ["a", "-b"] }));
test("--workdir", () => expect(changes(["-w", "/srv"])).toEqual({ "process.cwd": "/srv" }));
test("--env adds and replaces in place", () =>
  expect(changes(["-e", "A=1", "-e", "TERM=dumb", "-e", "A=2"])).toEqual({ "process.env": [env[0], "TERM=dumb", "A=2"] }));
test("--env NAME of what box does not have", () => expect(changes(["-e", "BOX_HAS_NO_SUCH_VARIABLE"])).toEqual({}));
test("--hostname", () => expect(changes(["-h", "web"])).toEqual({ hostname: "web" }));
test("--read-only, already so", () => expect(changes(["--read-only"])).toEqual({}));
test("--rootfs", () => expect(changes(["--rootfs", "/other/"])).toEqual({ "root.path": "/other" }));
test("--tty, already so", () => expect(changes(["-t"])).toEqual({}));
test("--volume", () =>
  expect(changes(["-v", "/a:/b", "-v", "/c:/d:ro,nosuid"])).toEqual({
    mounts: [...mounts, volume("/a", "/b"), volume("/c", "/d", "ro", "nosuid")],
  }));
test("--net none, in place of a joined one too", () => {
  const spec = defaultSpec();
  spec.linux = { namespaces: [{ type: "network", path: "/run/netns/x" }, { type: "mount" }] };
  expect(changes(["--net", "none"], [], spec)).toEqual({ "linux.namespaces": [{ type: "network" }, { type: "mount" }] });
});
test("--net host", () =>
  expect(changes(["--net", "host"])).toEqual({ "linux.namespaces": ["pid", "ipc", "uts", "mount"].map((type) => ({ type })) }));
test("--net host in a user namespace, which may not mount a sysfs of the host's network", () => {
  const spec = { ...defaultSpec(), linux: { namespaces: [{ type: "user" as const }, { type: "network" as const }] } };
  const sysfs = { destination: "/sys", type: "none", source: "/sys", options: ["rbind", "nosuid", "noexec", "nodev", "ro"] };
  expect(changes(["--net", "host"], [], spec)).toEqual({
    "linux.namespaces": [{ type: "user" }],
    mounts: mounts.map((mount) => (mount.type === "sysfs" ? sysfs : mount)),
  });
});

test("--net of somebody else, and --network is the same", () => {
  const others = ["pid", "ipc", "uts", "mount"].map((type) => ({ type }));
  const joined = [others[0], { type: "network", path: "container:db network by --net" }, ...others.slice(1)];
  for (const flag of ["--net", "--network"]) expect(changes([flag, "container:db"])).toEqual({ "linux.namespaces": joined });
});
const places: [flag: string, type: string][] = [
  ["--pid", "pid"],
  ["--ipc", "ipc"],
  ["--uts", "uts"],
  ["--cgroupns", "cgroup"],
  ["--userns", "user"],
];
for (const [flag, type] of places)
  test(`${flag} of somebody else`, () => {
    const { linux } = overrideSpec(defaultSpec(), parse([flag, "pid:7"]), [], "/", resolve);
    expect(linux?.namespaces?.filter((one) => one.type === type)).toEqual([{ type, path: `pid:7 ${type} by ${flag}` }] as never);
  });
for (const [key, type] of Object.entries(namespaceKeys))
  test(`--ns ${key} of somebody else`, () => {
    const { linux } = overrideSpec(defaultSpec(), parse(["--ns", `${key}=/run/ns`]), [], "/", resolve);
    expect(linux?.namespaces?.filter((one) => one.type === type)).toEqual([{ type, path: `/run/ns ${type} by --ns ${key}` }]);
  });
test("the names of a shared uts namespace are not the container's to set, unless a flag says so", () => {
  const named = { ...defaultSpec(), hostname: "web", domainname: "local" };
  const after = (flags: string[]) => overrideSpec(named, parse(flags), [], "/", resolve);
  const { hostname, domainname } = after(["--uts", "container:db"]);
  expect([hostname, domainname, after(["--uts", "container:db", "-h", "own"]).hostname]).toEqual([undefined, undefined, "own"]);
});
test("a shared user namespace has its maps already", () => {
  const maps = [{ containerID: 0, hostID: 1000, size: 1 }];
  const spec: Spec = { ...defaultSpec(), linux: { namespaces: [{ type: "user" }], uidMappings: maps, gidMappings: maps } };
  expect(overrideSpec(spec, parse(["--userns", "container:db"]), [], "/", resolve).linux).toEqual({
    namespaces: [{ type: "user", path: "container:db user by --userns" }],
  });
  expect(overrideSpec(spec, parse(["--userns", "new"]), [], "/", resolve).linux).toEqual(spec.linux as never);
});

test("--user by a name of the root's own files", () => {
  const root = mkdtempSync(`${tmpdir()}/box-root-`);
  using _ = { [Symbol.dispose]: () => rmSync(root, { recursive: true }) };
  mkdirSync(`${root}/etc`);
  writeFileSync(`${root}/etc/passwd`, "web:x:33:34::/:/bin/sh\n");
  writeFileSync(`${root}/etc/group`, "logs:x:40:web\n");
  expect(changes(["-u", "web"], [], defaultSpec(), root)).toEqual({ "process.user": { uid: 33, gid: 34, additionalGids: [34, 40] } });
  expect(changes(["-u", "33:logs"], [], defaultSpec(), root)).toEqual({ "process.user": { uid: 33, gid: 40, additionalGids: [40] } });
});

const refusals: [flags: string[], origin: string, what: string][] = [
  [["-w", "srv"], "--workdir", 'expected an absolute path, got "srv"'],
  [["-e", "=1"], "--env", 'expected NAME=VALUE, got "=1"'],
  [["-v", "/a"], "--volume", 'expected SRC:DST[:ro] with an absolute DST, got "/a"'],
  [["-v", ":/a"], "--volume", 'expected SRC:DST[:ro] with an absolute DST, got ":/a"'],
  [["-v", "/a:/b:ro,nosiud"], "--volume", 'unknown option "nosiud" of a bind mount in "/a:/b:ro,nosiud"'],
  [["-v", "/a:b"], "--volume", 'expected SRC:DST[:ro] with an absolute DST, got "/a:b"'],
  [["-v", "/a:/b:ro:x"], "--volume", 'expected SRC:DST[:ro] with an absolute DST, got "/a:/b:ro:x"'],
  [["--net", "bridge"], "--net", 'expected none, new, host, container:ID, pid:NUMBER or an absolute path, got "bridge"'],
  [["--ipc", "none"], "--ipc", 'expected new, host, container:ID, pid:NUMBER or an absolute path, got "none"'],
  [["--ns", "time=db"], "--ns time", 'expected new, host, container:ID, pid:NUMBER or an absolute path, got "db"'],
  [["--ns", "mount=host"], "--ns mount", "box makes no container in the host's mount namespace"],
  [["--userns", "new"], "--userns", "a new user namespace needs a map of ids"],
  [["--pid", "container:gone"], "--pid", "the container gone does not exist"],
  [["--ns", "new"], "--ns", 'expected TYPE=NAMESPACE with one of pid, mount, ipc, uts, net, cgroup, user, time, got "new"'],
  [["-u", "who"], "--user", 'the root\'s passwd knows no user "who"'],
];
for (const [flags, origin, what] of refusals)
  test(`refused: ${flags.join(" ")}`, () => {
    let facts: unknown;
    try {
      overrideSpec(defaultSpec(), parse(flags), [], "/nonexistent", resolve);
    } catch (error) {
      if (!(error instanceof BoxError)) throw error;
      facts = error.facts;
    }
    expect(facts).toEqual({ origin, what });
  });

test("refused: a host name where the host's own would change", () => {
  const spec: Spec = { ...defaultSpec(), linux: { namespaces: [{ type: "mount" }] } };
  expect(() => overrideSpec(spec, parse(["-h", "x"]), [], "/", resolve)).toThrow(
    new BoxError({ what: "needs a uts namespace in linux.namespaces" }),
  );
});
