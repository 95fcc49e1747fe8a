// Each namespace: new, joined through a path, or the host's, as the container's own /proc/self/ns says.

import { expect } from "bun:test";
import { readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import type { NamespaceType } from "../../src/config/spec.ts";
import { Bundle, type Running, testWith, until } from "./harness.ts";

const test = testWith();

/** Names in /proc/PID/ns by the names of the specification. */
const files: Partial<Record<NamespaceType, string>> = {
  pid: "pid",
  network: "net",
  ipc: "ipc",
  uts: "uts",
  mount: "mnt",
  cgroup: "cgroup",
  user: "user",
};
const types = Object.keys(files) as NamespaceType[];
const inode = (pid: number | "self", type: NamespaceType): string => readlinkSync(`/proc/${pid}/ns/${files[type]}`);
const showAll = `for n in ${Object.values(files).join(" ")}; do readlink /proc/self/ns/$n; done`;

/** The namespaces of a container with these, by type. */
async function namespacesOf(bundle: Bundle): Promise<Record<string, string>> {
  const lines = await bundle.sh(showAll);
  return Object.fromEntries(types.map((type, index) => [type, lines[index] ?? ""]));
}

function use(bundle: Bundle, namespaces: readonly { type: NamespaceType; path?: string }[]): void {
  bundle.change((spec) => {
    spec.linux.namespaces = [...namespaces];
    if (!namespaces.some(({ type }) => type === "uts")) delete spec.hostname;
    if (namespaces.some(({ type, path }) => type === "user" && path === undefined)) {
      spec.linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 1000 }];
      spec.linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 1000 }];
      bundle.giveRootTo(100000);
    }
  });
}

for (const type of types.filter((one) => one !== "mount"))
  test(`a new ${type} namespace is not the host's, and the others are`, async () => {
    using bundle = new Bundle((spec) => {
      // A user namespace has no right to a new sysfs, mqueue or proc of namespaces that it does not own.
      spec.mounts = [{ destination: "/proc", type: "bind", source: "/proc", options: ["rbind"] }];
      spec.linux.maskedPaths = [];
      spec.linux.readonlyPaths = [];
    });
    use(bundle, [{ type: "mount" }, { type }]);
    // With the host's /proc, /proc/self needs a pid that the host knows: 1 in a new pid namespace is the host's init.
    if (type === "pid") bundle.change((spec) => (spec.mounts = [{ destination: "/proc", type: "proc", source: "proc" }]));
    const seen = await namespacesOf(bundle);
    const own = types.filter((one) => seen[one] !== inode("self", one));
    expect(own).toEqual(types.filter((one) => one === type || one === "mount"));
  });

test("a namespace that is not listed is the host's", async () => {
  using bundle = new Bundle((spec) => (spec.mounts = [{ destination: "/proc", type: "bind", source: "/proc", options: ["rbind"] }]));
  use(bundle, [{ type: "mount" }]);
  bundle.change((spec) => {
    spec.linux.maskedPaths = [];
    spec.linux.readonlyPaths = [];
  });
  const seen = await namespacesOf(bundle);
  expect(types.filter((type) => seen[type] !== inode("self", type))).toEqual(["mount"]);
});

/** A container under way whose namespaces others can join. */
async function startTarget(bundle: Bundle, user = false): Promise<Running> {
  const made: NamespaceType[] = ["pid", "network", "ipc", "uts", "mount", "cgroup"];
  if (user) made.push("user");
  use(
    bundle,
    made.map((type) => ({ type })),
  );
  return await bundle.startSh("echo ready; exec sleep 1000");
}

for (const type of types.filter((one) => one !== "mount" && one !== "user"))
  test(`a ${type} namespace is joined through its path`, async () => {
    using target = new Bundle();
    using bundle = new Bundle();
    using _running = await startTarget(target);
    const others = types.filter((one) => one !== type && one !== "user");
    use(bundle, [{ type, path: `/proc/${target.initPid}/ns/${files[type]}` }, ...others.map((one) => ({ type: one }))]);
    const seen = await namespacesOf(bundle);
    expect(seen[type]).toBe(inode(target.initPid, type));
    expect(others.filter((one) => seen[one] === inode("self", one) || seen[one] === inode(target.initPid, one))).toEqual([]);
  });

test("a mount namespace is joined through its path: the program sees that root", async () => {
  using target = new Bundle();
  using bundle = new Bundle();
  using _running = await startTarget(target);
  writeFileSync(`${target.rootfs}/etc/whose`, "the target's\n");
  use(bundle, [
    { type: "mount", path: `/proc/${target.initPid}/ns/mnt` },
    { type: "pid", path: `/proc/${target.initPid}/ns/pid` },
  ]);
  const lines = await bundle.sh("readlink /proc/self/ns/mnt; readlink /proc/self/ns/pid; cat /etc/whose");
  expect(lines).toEqual([inode(target.initPid, "mount"), inode(target.initPid, "pid"), "the target's"]);
});

test("a user namespace is joined, all others new and owned by it", async () => {
  using target = new Bundle();
  using bundle = new Bundle();
  using _running = await startTarget(target, true);
  use(bundle, [
    { type: "user", path: `/proc/${target.initPid}/ns/user` },
    ...(["pid", "network", "ipc", "uts", "mount"] as const).map((type) => ({ type })),
  ]);
  bundle.change((spec) => (spec.mounts = spec.mounts.filter(({ type }) => type !== "cgroup")));
  const seen = await namespacesOf(bundle);
  expect(seen.user).toBe(inode(target.initPid, "user"));
  expect(types.filter((type) => seen[type] === inode("self", type))).toEqual(["cgroup"]);
});

test("every namespace of another container is joined at once", async () => {
  using target = new Bundle();
  using bundle = new Bundle();
  using _running = await startTarget(target, true);
  use(
    bundle,
    types.map((type) => ({ type, path: `/proc/${target.initPid}/ns/${files[type]}` })),
  );
  expect(await namespacesOf(bundle)).toEqual(Object.fromEntries(types.map((type) => [type, inode(target.initPid, type)])));
});

test("a path through a symbolic link is joined", async () => {
  using target = new Bundle();
  using bundle = new Bundle();
  using _running = await startTarget(target);
  symlinkSync(`/proc/${target.initPid}/ns/net`, `${bundle.folder}/net`);
  use(bundle, [{ type: "network", path: `${bundle.folder}/net` }, { type: "pid" }, { type: "mount" }]);
  bundle.change((spec) => (spec.mounts = spec.mounts.filter(({ type }) => type === "proc")));
  expect(await bundle.sh("readlink /proc/self/ns/net")).toEqual([inode(target.initPid, "network")]);
});

const refusals: [title: string, path: (bundle: Bundle) => string, message: (bundle: Bundle) => string][] = [
  [
    "a path that does not exist",
    () => "/nowhere/net",
    () =>
      'box: linux.namespaces[1]: cannot open the network namespace /nowhere/net: openat(AT_FDCWD, "/nowhere/net", O_RDONLY|O_CLOEXEC|O_NONBLOCK, 0): ENOENT (no such file or directory)\n',
  ],
  [
    "a namespace of another type",
    () => "/proc/self/ns/uts",
    () => "box: linux.namespaces[1]: cannot join the network namespace /proc/self/ns/uts: it is not a network namespace\n",
  ],
  [
    "a file that is no namespace",
    ({ folder }) => `${folder}/config.json`,
    ({ folder }) => `box: linux.namespaces[1]: cannot join the network namespace ${folder}/config.json: it is not a network namespace\n`,
  ],
];
for (const [title, path, message] of refusals)
  test(`refused: ${title}`, async () => {
    using bundle = new Bundle();
    use(bundle, [{ type: "mount" }, { type: "network", path: path(bundle) }]);
    bundle.change((spec) => (spec.mounts = []));
    expect(await bundle.run(["true"])).toEqual({ exitCode: 125, stdout: "", stderr: message(bundle) });
  });

test("loopback is up in a new network namespace", async () => {
  using bundle = new Bundle();
  const lines = await bundle.sh("ip -o addr show lo; ip link | grep -c ^[0-9]");
  expect(lines.filter((line) => line.includes("127.0.0.1/8")).length).toBe(1);
  expect(lines.filter((line) => line.includes("::1/128")).length).toBe(1);
  expect(lines.at(-1)).toBe("1");
});

test("the process is pid 1 of its namespace and leads a session", async () => {
  using bundle = new Bundle();
  // Fields 1, 4, 5 and 6 of its stat: pid, parent, group, session.
  expect(await bundle.sh("read pid name state parent group session rest < /proc/self/stat; echo $$ $parent $group $session")).toEqual([
    "1 0 1 1",
  ]);
});

test("an orphan of the container ends with it", async () => {
  using bundle = new Bundle();
  using running = await bundle.startSh("sleep 1000 & echo ready; exec sleep 1000");
  const children = Bun.spawnSync(["pgrep", "-P", String(bundle.initPid)])
    .stdout.toString()
    .trim();
  expect(children).toMatch(/^\d+$/);
  process.kill(bundle.initPid, "SIGKILL");
  expect((await running.outcome()).exitCode).toBe(137);
  await until(() => Bun.spawnSync(["kill", "-0", children]).exitCode !== 0, "the end of the orphan");
});
