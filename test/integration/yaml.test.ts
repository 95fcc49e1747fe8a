// box.yaml in a bundle, run by the compiled binary and seen from inside the container.

import { expect } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { asUser, Bundle, linesOf, machine, type Outcome, testWith, userId } from "./harness.ts";
import { yamlBundle } from "./yaml-bundle.ts";

const test = testWith();

const run = (bundle: Bundle, ...flags: string[]): Promise<Outcome> => bundle.box(["run", ...flags, bundle.id]);

test("every part of it is seen inside", async () => {
  using bundle = yamlBundle(`
rootfs: rootfs
command: sh -c 'id; pwd; hostname; echo $VERSION; cat /data/file; touch /data/x /x 2>&1; grep -c /scratch /proc/mounts'
env: { VERSION: 1.10 }
workdir: /tmp
user: user
hostname: web
read-only: true
mounts:
  - ./shared:/data:ro
  - { type: tmpfs, destination: /scratch, options: [size=64k] }
`);
  mkdirSync(`${bundle.folder}/shared`);
  mkdirSync(`${bundle.rootfs}/data`);
  mkdirSync(`${bundle.rootfs}/scratch`);
  writeFileSync(`${bundle.folder}/shared/file`, "here\n");
  const before = machine(bundle);
  const { exitCode, stdout, stderr } = await run(bundle);
  expect([exitCode, linesOf(stdout), stderr]).toEqual([
    0,
    [
      "uid=1000(user) gid=1001(users) groups=1001(users),1002(extra)",
      "/tmp",
      "web",
      "1.10",
      "here",
      "touch: /data/x: Read-only file system",
      "touch: /x: Read-only file system",
      "1",
    ],
    "",
  ]);
  expect(machine(bundle)).toEqual(before);
});

test("it is a safe container by default", async () => {
  using bundle = yamlBundle(
    "rootfs: rootfs\ncommand: sh -c 'grep -E \"CapEff|NoNewPrivs\" /proc/self/status; echo 1 > /proc/sys/kernel/domainname; echo $$; ls /sys/class/net'\n",
  );
  const { stdout, stderr } = await run(bundle);
  expect([linesOf(stdout), stderr]).toEqual([
    ["CapEff:\t00000000800405fb", "NoNewPrivs:\t1", "1", "lo"],
    "sh: can't create /proc/sys/kernel/domainname: Read-only file system\n",
  ]);
});

test("host is a copy-on-write view of the host", async () => {
  using bundle = yamlBundle("rootfs: host\ncommand: [sh, -c, 'echo > /box-was-here && ls /box-was-here']\n");
  expect(await run(bundle)).toEqual({ exitCode: 0, stdout: "/box-was-here\n", stderr: "" });
  expect(await Bun.file("/box-was-here").exists()).toBe(false);
});

test("flags come last", async () => {
  using bundle = yamlBundle("rootfs: rootfs\ncommand: sh -c 'hostname; echo $A'\nhostname: web\nenv: [A=file]\n");
  expect((await run(bundle, "--hostname", "flag", "-e", "A=flag")).stdout).toBe("flag\nflag\n");
});

const types = ["net", "ipc", "uts", "pid", "cgroup"];
const show = `for n in ${types.join(" ")}; do readlink /proc/self/ns/$n; done`;

for (const [way, text] of [
  ["namespaces", (id: string) => `namespaces: {net: "container:${id}", ipc: "container:${id}", uts: "container:${id}"}`],
  ["share-namespace", (id: string) => `plugins:\n  - share-namespace: {with: "container:${id}", namespaces: [net, ipc, uts]}`],
] as const)
  test(`two containers share namespaces by ${way}`, async () => {
    using first = yamlBundle(
      `rootfs: rootfs\nhostname: first\ncommand: sh -c 'trap "exit 143" TERM; ${show}; while true; do sleep 0.05; done'\n`,
    );
    using second = new Bundle();
    rmSync(`${second.folder}/config.json`);
    const before = machine(first);
    using running = first.start(["run", first.id]);
    await running.says("cgroup:");
    writeFileSync(`${second.folder}/box.yaml`, `rootfs: rootfs\ncommand: sh -c '${show}; hostname'\n${text(first.id)}\n`);
    const outcome = await first.box(["run", "-b", second.folder, `${first.id}-second`]);
    const [ofFirst, ofSecond] = [linesOf(running.stdout), linesOf(outcome.stdout)];
    expect(outcome.stderr).toBe("");
    expect(types.filter((_, index) => ofFirst[index] === ofSecond[index])).toEqual(["net", "ipc", "uts"]);
    expect(ofSecond[5]).toBe("first");
    running.child.kill("SIGTERM");
    expect((await running.outcome()).exitCode).toBe(143);
    running[Symbol.dispose]();
    expect(machine(first)).toEqual(before);
  });

test("faults have their place, all at once, and nothing is made", async () => {
  using bundle = yamlBundle("rootfs: rootfs\nhostnam: x\nuser: bob\n");
  const before = machine(bundle);
  expect(await run(bundle)).toEqual({
    exitCode: 125,
    stdout: "",
    stderr: 'box: box.yaml:2:1: hostnam: unknown key, did you mean "hostname"?\n',
  });
  writeFileSync(
    `${bundle.folder}/box.yaml`,
    'rootfs: rootfs\nuser: bob\nnamespaces:\n  net: container:db\n  pid: "pid:99999999"\n  ipc: container:a/b\n',
  );
  expect(await run(bundle)).toEqual({
    exitCode: 125,
    stdout: "",
    stderr: [
      `box: box.yaml:2:7: user: the root's passwd knows no user "bob"`,
      "box: box.yaml:5:8: namespaces.pid: there is no process 99999999",
      'box: box.yaml:6:8: namespaces.ipc: container id "a/b" has a slash: an id is a plain name, not a path',
      "box: box.yaml:4:8: namespaces.net: the container db does not exist",
      "",
    ].join("\n"),
  });
  expect(machine(bundle)).toEqual(before);
});

test("what fails later has its place too", async () => {
  using bundle = yamlBundle("rootfs: rootfs\nmounts:\n  - ./gone:/tmp\n");
  const { exitCode, stderr } = await run(bundle);
  expect([exitCode, linesOf(stderr)[0]]).toEqual([
    125,
    expect.stringMatching(/^box: box\.yaml:3:5: mounts\[0\]: cannot bind \S+\/gone to \/tmp: .*ENOENT \(no such file or directory\)$/),
  ]);
});

test("faults of a plugin's options have their place too", async () => {
  using bundle = yamlBundle("rootfs: rootfs\nplugins:\n  - share-namespace: {wiht: x, namespaces: [nett]}\n");
  expect((await run(bundle)).stderr).toBe(
    [
      'box: box.yaml:3:29: plugins[0] share-namespace: wiht: unknown option, did you mean "with"?',
      'box: box.yaml:3:45: plugins[0] share-namespace: namespaces[0]: expected one of net, pid, ipc, uts, mount, cgroup, user, time, got "nett"',
      'hint: did you mean "net"?',
      "box: box.yaml:3:22: plugins[0] share-namespace: with: missing, expected a string",
      "",
    ].join("\n"),
  );
});

test("plugins of the file are found beside it, wherever box is started", async () => {
  using bundle = yamlBundle("rootfs: rootfs\ncommand: hostname\nplugins:\n  - ./own.ts: {name: tapped}\n");
  writeFileSync(
    `${bundle.folder}/own.ts`,
    'export default { name: "own", options: { type: "object", properties: { name: { type: "string" } } }, apply(hooks, options) { hooks.config.tap("own", (spec) => void (spec.hostname = options.name)); } };',
  );
  expect(await bundle.box(["run", "-b", bundle.folder, bundle.id], { cwd: "/" })).toEqual({ exitCode: 0, stdout: "tapped\n", stderr: "" });
});

test("config.json beside it: neither is taken", async () => {
  using bundle = yamlBundle("rootfs: rootfs\n");
  writeFileSync(`${bundle.folder}/config.json`, "{}");
  expect(await run(bundle)).toEqual({
    exitCode: 125,
    stdout: "",
    stderr: `box: bundle: ${bundle.folder} holds both config.json and box.yaml\nhint: keep the one that is meant\n`,
  });
});

test("a file of any name, whose folder is the bundle", async () => {
  using bundle = yamlBundle("rootfs: nowhere\n");
  writeFileSync(`${bundle.folder}/other.yaml`, "rootfs: rootfs\ncommand: cat /data/file\nmounts: ['./shared:/data']\n");
  mkdirSync(`${bundle.folder}/shared`);
  mkdirSync(`${bundle.rootfs}/data`);
  writeFileSync(`${bundle.folder}/shared/file`, "here\n");
  const before = machine(bundle);
  const file = `${bundle.folder}/other.yaml`;
  expect(await bundle.box(["run", "-f", file, bundle.id], { cwd: "/" })).toEqual({ exitCode: 0, stdout: "here\n", stderr: "" });
  expect(await bundle.box(["run", "--file=other.yaml", "--", "cat", "/data/file"])).toEqual({ exitCode: 0, stdout: "here\n", stderr: "" });
  expect((await bundle.box(["plan", "-f", "other.yaml"])).stdout).toContain("\ninit: program\n");
  using created = bundle.start(["create", "-f", "other.yaml", bundle.id]);
  expect((await created.outcome()).exitCode).toBe(0);
  const { bundle: known } = JSON.parse((await bundle.box(["state", bundle.id])).stdout) as { bundle: string };
  expect(known).toBe(bundle.folder);
  expect((await bundle.box(["start", bundle.id])).exitCode).toBe(0);
  expect((await bundle.box(["delete", "--force", bundle.id])).exitCode).toBe(0);
  expect(machine(bundle)).toEqual(before);
});

test("such a file is called what it was called", async () => {
  using bundle = yamlBundle("rootfs: rootfs\n");
  writeFileSync(`${bundle.folder}/other.yaml`, "rootfs: rootfs\nmount: []\n");
  const refused = async (...flags: string[]): Promise<string> => {
    const { exitCode, stderr } = await run(bundle, ...flags);
    expect(exitCode).toBe(125);
    return stderr;
  };
  expect(await refused("-f", "./other.yaml")).toBe('box: ./other.yaml:2:1: mount: unknown key, did you mean "mounts"?\n');
  expect(await refused("-f", "gone.yaml")).toBe(
    `box: --file: cannot read ${bundle.folder}/gone.yaml: ENOENT (no such file or directory)\n`,
  );
  expect(await refused("-f", ".")).toBe(`box: --file: cannot read ${bundle.folder}: EISDIR (is a directory)\n`);
  expect(await refused("-f", "other.yaml", "-b", ".")).toBe("box: --file: goes without --bundle: the file's own folder is the bundle\n");
});

test("a box.yaml that cannot be read is not overlooked", async () => {
  using bundle = new Bundle();
  mkdirSync(`${bundle.folder}/box.yaml`);
  expect(await run(bundle)).toEqual({
    exitCode: 125,
    stdout: "",
    stderr: `box: bundle: cannot read ${bundle.folder}/box.yaml: EISDIR (is a directory)\n`,
  });
});

test("limits, capabilities and devices are seen inside", async () => {
  using bundle = yamlBundle(`
rootfs: rootfs
command:
  - sh
  - -c
  - cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us pids/pids.max; ulimit -n;
    grep CapAmb /proc/self/status; cat /proc/sys/net/core/somaxconn; stat -c %t:%T /dev/other; grep -c . /proc/self/oom_score_adj
user: user
limits: { memory: 64MB, cpus: 0.5, pids: 50 }
ulimits: { nofile: "100:200" }
capabilities: { add: [NET_RAW] }
devices: [/dev/zero:/dev/other:r]
sysctl: { net.core.somaxconn: 77 }
`);
  const before = machine(bundle);
  const { exitCode, stdout, stderr } = await run(bundle);
  expect([exitCode, linesOf(stdout), stderr]).toEqual([
    0,
    ["67108864", "50000", "50", "100", "CapAmb:\t0000000000002000", "77", "1:5", "1"],
    "",
  ]);
  expect(machine(bundle)).toEqual(before);
});

test("too much memory is the end of it", async () => {
  using bundle = yamlBundle("rootfs: rootfs\nlimits: {memory: 16MB, swap: 0}\ncommand: sh -c 'head -c 100m /dev/zero | tail'\n");
  expect((await run(bundle)).exitCode).toBe(137);
});

test("hooks and annotations", async () => {
  using bundle = yamlBundle(`
rootfs: rootfs
command: cat /from-hook
hooks:
  createRuntime: ["./hook.sh rootfs/from-hook"]
  poststop: [{ path: /bin/sh, args: [sh, -c, 'cat > state'] }]
annotations: { org.example.key: value }
`);
  writeFileSync(`${bundle.folder}/hook.sh`, '#!/bin/sh\ncat > /dev/null; echo made > "$1"\n', { mode: 0o755 });
  expect(await run(bundle)).toEqual({ exitCode: 0, stdout: "made\n", stderr: "" });
  const state = JSON.parse(await Bun.file(`${bundle.folder}/state`).text()) as { annotations: unknown };
  expect(state.annotations).toEqual({ "org.example.key": "value" });
});

test("a mount that may be left out is, and the plan says so", async () => {
  using bundle = yamlBundle("rootfs: rootfs\ncommand: echo ran\nmounts:\n  - { source: ./gone, destination: /tmp, optional: true }\n");
  expect(await run(bundle)).toEqual({ exitCode: 0, stdout: "ran\n", stderr: "" });
  const { stdout } = await bundle.box(["plan", "-b", bundle.folder]);
  expect(linesOf(stdout)[0]).toBe("note: box.yaml:4:5: mounts[0] is left out: there is no ./gone");
});

test("a profile of one's own", async () => {
  using bundle = yamlBundle("rootfs: rootfs\nseccomp: ./profile.json\ncommand: mkdir /tmp/x\n");
  const deny = { names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 28 };
  writeFileSync(`${bundle.folder}/profile.json`, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls: [deny] }));
  expect(await run(bundle)).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: "mkdir: can't create directory '/tmp/x': No space left on device\n",
  });
});

test("what is in oci has its place, in what is wrong and in what box cannot do", async () => {
  using bundle = yamlBundle("rootfs: rootfs\noci:\n  process:\n    cwd: srv\n  linux: {seccomp: {defaultAction: ALLOW}}\n");
  const refused = async (): Promise<string> => (await run(bundle)).stderr;
  expect(await refused()).toBe(
    [
      'box: box.yaml:4:10: oci.process.cwd: expected an absolute path, got "srv"',
      'box: box.yaml:5:36: oci.linux.seccomp.defaultAction: expected a seccomp action, such as SCMP_ACT_ERRNO, got "ALLOW"',
      "",
    ].join("\n"),
  );
  writeFileSync(`${bundle.folder}/box.yaml`, "rootfs: rootfs\noci:\n  linux:\n    personality: {domain: LINUX, flags: [X]}\n");
  expect(await refused()).toBe("box: box.yaml:4:41: oci.linux.personality.flags: this version of the runtime spec knows none\n");
  writeFileSync(`${bundle.folder}/box.yaml`, "rootfs: rootfs\noci:\n  linux:\n    seccomp:\n      flags: [NO_FLAG]\n");
  expect(await refused()).toBe(
    'box: box.yaml:5:15: oci.linux.seccomp.flags[0]: expected a flag for a filter, such as SECCOMP_FILTER_FLAG_LOG, got "NO_FLAG"\n',
  );
});

testWith("setpriv", "user namespaces for users")("without root: the same, but for what an ordinary user may not have", async () => {
  using bundle = yamlBundle("rootfs: rootfs\nnetwork: host\ncommand: sh -c 'id -u; grep -w Seccomp /proc/self/status; ls -d /sys/class'\n");
  bundle.giveTo(userId);
  expect(await bundle.box(["run", bundle.id], { before: asUser })).toEqual({
    exitCode: 0,
    stdout: "0\nSeccomp:\t2\n/sys/class\n",
    stderr: "",
  });
  writeFileSync(`${bundle.folder}/box.yaml`, "rootfs: rootfs\nlimits:\n  pids: 10\n");
  for (const command of ["run", "plan"])
    expect(await bundle.box([command, "--require-limits", bundle.id], { before: asUser })).toEqual({
      exitCode: 125,
      stdout: "",
      stderr: "box: box.yaml:3:9: limits.pids: needs a cgroup, and this user may make none here\n",
    });
  writeFileSync(`${bundle.folder}/box.yaml`, "rootfs: rootfs\ncommand: 'true'\nlimits:\n  pids: 10\n");
  expect(await bundle.box(["run", bundle.id], { before: asUser })).toEqual({
    exitCode: 0,
    stdout: "",
    stderr: "box: warning: box.yaml:4:9: limits.pids: there is no such limit: it needs a cgroup, and this user may make none here\n",
  });
});
