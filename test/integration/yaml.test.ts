// box.yaml in a bundle, run by the compiled binary and seen from inside the container.

import { expect } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { Bundle, linesOf, machine, type Outcome, testWith } from "./harness.ts";

const test = testWith();

/** A bundle with this box.yaml and no config.json. */
function yamlBundle(text: string): Bundle {
  const bundle = new Bundle();
  rmSync(`${bundle.folder}/config.json`);
  writeFileSync(`${bundle.folder}/box.yaml`, text);
  return bundle;
}

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
