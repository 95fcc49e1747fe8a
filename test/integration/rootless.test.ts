// An ordinary user: a bundle from `box spec --rootless`, and box run without a bundle.

import { expect } from "bun:test";
import { readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { Spec } from "../../src/config/spec.ts";
import { asUser, Bundle, binary, execute, linesOf, machine, type Outcome, Running, testWith, userId } from "./harness.ts";

const test = testWith("setpriv", "user namespaces for users");

/** A bundle of that user, as the user made it. */
async function bundleOfUser(): Promise<Bundle> {
  const bundle = new Bundle();
  bundle.giveTo(userId);
  const target = `${bundle.folder}/made`;
  const made = await execute([...asUser, "sh", "-c", `mkdir ${target} && cd ${target} && ${binary} spec --rootless`]);
  expect(made).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  const spec = JSON.parse(readFileSync(`${target}/config.json`, "utf8")) as Spec;
  Object.assign(bundle.spec, spec, { process: { ...spec.process, terminal: false } });
  bundle.change(() => {});
  return bundle;
}

/** Runs box as the user, whose state folder is the one that box finds without --root. */
const boxAs = async (bundle: Bundle, args: readonly string[]): Promise<Outcome> =>
  await execute([binary, ...args], { before: asUser, cwd: bundle.folder, env: { XDG_RUNTIME_DIR: bundle.states } });

test("a bundle of box spec --rootless runs", async () => {
  using bundle = await bundleOfUser();
  bundle.change(
    (spec) =>
      (spec.process.args = [
        "sh",
        "-c",
        "id -u; id -g; cat /proc/self/uid_map /proc/self/gid_map; hostname; echo $$; echo > /dev/null; exit 3",
      ]),
  );
  const before = machine(bundle);
  const { exitCode, stdout, stderr } = await boxAs(bundle, ["run", bundle.id]);
  expect({ exitCode, stderr, lines: linesOf(stdout).map((line) => line.trim().replace(/ +/g, " ")) }).toEqual({
    exitCode: 3,
    stderr: "",
    lines: ["0", "0", `0 ${userId} 1`, `0 ${userId} 1`, "runc", "1"],
  });
  expect({ ...machine(bundle), states: readStates(bundle) }).toEqual({ ...before, states: [] });
});

/** Throws when there is no such folder: then box keeps its states somewhere else. */
const readStates = (bundle: Bundle): string[] => readdirSync(`${bundle.states}/box`);

test("root in that container has no power over files of others", async () => {
  using bundle = await bundleOfUser();
  writeFileSync(`${bundle.rootfs}/etc/roots`, "secret\n", { mode: 0o600 });
  bundle.change((spec) => (spec.process.args = ["cat", "/etc/roots"]));
  expect(await boxAs(bundle, ["run", bundle.id])).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: "cat: can't open '/etc/roots': Permission denied\n",
  });
});

test("box run without a bundle: copy-on-write over this machine's /", async () => {
  using bundle = await bundleOfUser();
  const { exitCode, stdout, stderr } = await boxAs(bundle, [
    "run",
    "--",
    "sh",
    "-c",
    "id -u; echo x > /tmp/written-inside && cat /tmp/written-inside",
  ]);
  expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: "0\nx\n", stderr: "" });
  expect(readStates(bundle)).toEqual([]);
});

test("the same with --net host, -w, -h and -v", async () => {
  using bundle = await bundleOfUser();
  const flags = ["--net", "host", "-w", "/usr", "-h", "mine", "-v", `${bundle.rootfs}:/mnt:ro`];
  const { exitCode, stdout, stderr } = await boxAs(bundle, [
    "run",
    ...flags,
    "--",
    "sh",
    "-c",
    "pwd; uname -n; ls /mnt/bin/sh; readlink /proc/self/ns/net; ls /sys/class/net | grep lo",
  ]);
  expect({ exitCode, stdout: linesOf(stdout), stderr }).toEqual({
    exitCode: 0,
    stdout: ["/usr", "mine", "/mnt/bin/sh", readlinkSync("/proc/self/ns/net"), "lo"],
    stderr: "",
  });
});

test("an id that the one id of the map does not cover is refused", async () => {
  using bundle = await bundleOfUser();
  expect(await boxAs(bundle, ["run", "-u", "7:0", "--", "true"])).toEqual({
    exitCode: 125,
    stdout: "",
    stderr:
      "box: process.user.uid: cannot become user 7: setresuid(7, 7, 7): EINVAL (invalid argument)\n" +
      "hint: the container's user namespace maps no such id: see linux.uidMappings\n",
  });
  expect(readStates(bundle)).toEqual([]);
});

test("a bundle that asks for no user namespace is refused with what helps", async () => {
  using bundle = new Bundle();
  bundle.giveTo(userId);
  expect(await boxAs(bundle, ["run", bundle.id])).toEqual({
    exitCode: 125,
    stdout: "",
    stderr:
      "box: linux.namespaces: cannot make the container's first process in new namespaces: clone3(&clone_args {flags: CLONE_VM|CLONE_VFORK|CLONE_NEWPID|CLONE_NEWNET|CLONE_NEWIPC|CLONE_NEWUTS|CLONE_NEWNS, exit_signal: 17}, 88): EPERM (operation not permitted)\n" +
      "hint: without root, a container needs a user namespace: box spec --rootless\n",
  });
  expect(readStates(bundle)).toEqual([]);
});

test("without XDG_RUNTIME_DIR the state is in a folder of the user in /tmp", async () => {
  using bundle = await bundleOfUser();
  const folder = `/tmp/box-${userId}`;
  bundle.change((spec) => (spec.process.args = ["sh", "-c", "echo ready; exec sleep 1000"]));
  try {
    using running = new Running([binary, "run", bundle.id], { before: [...asUser, "env", "-u", "XDG_RUNTIME_DIR"], cwd: bundle.folder });
    await running.says("ready");
    const { uid, mode } = statSync(`${folder}/${bundle.id}`);
    expect([uid, mode & 0o777]).toEqual([userId, 0o700]);
    expect(await execute([binary, "delete", "--force", bundle.id], { before: [...asUser, "env", "-u", "XDG_RUNTIME_DIR"] })).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "",
    });
    expect((await running.outcome()).exitCode).toBe(137);
    expect(readdirSync(folder)).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("signals reach init, and SIGKILL of box is cleaned up after by delete --force", async () => {
  using bundle = await bundleOfUser();
  const options = { before: asUser, env: { XDG_RUNTIME_DIR: bundle.states } };
  bundle.change((spec) => (spec.process.args = ["sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.01; done"]));
  {
    using running = bundle.start(["run", bundle.id], options);
    await running.says("ready");
    await running.supervises();
    process.kill(running.pid, "SIGTERM");
    expect((await running.outcome()).exitCode).toBe(5);
  }
  const before = machine(bundle);
  {
    using running = bundle.start(["run", bundle.id], options);
    await running.says("ready");
    running.child.kill("SIGKILL");
    await running.child.exited;
    expect(await bundle.box(["delete", "--force", bundle.id], options)).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  }
  expect(machine(bundle)).toEqual(before);
});

/** Words that run a command as the user where `prepare`, run as root in a mount namespace of its own, has changed something. */
const after = (prepare: string): string[] => [
  "unshare",
  "--mount",
  "--propagation",
  "private",
  "sh",
  "-c",
  `${prepare} && exec "$@"`,
  "sh",
  ...asUser,
];

const tooRevealing = (place: string, instead: string): string =>
  `hint: parts of the host's ${place} are covered, as in most containers, and the kernel lets no user namespace have one without ("mount too revealing"): ${instead}\n`;

test("where a part of the host's /proc is covered, as inside of a container, there is no new one, and box says why and what helps", async () => {
  using bundle = await bundleOfUser();
  const options = { before: after("mount --bind /dev/null /proc/keys"), cwd: bundle.folder, env: { XDG_RUNTIME_DIR: bundle.states } };
  const hint = tooRevealing("/proc", "share the host's pid namespace and bind its /proc with rbind");
  expect(await execute([binary, "run", bundle.id], options)).toEqual({
    exitCode: 125,
    stdout: "",
    stderr: `box: mounts[0]: cannot mount proc on /proc: fsmount(mount context, FSMOUNT_CLOEXEC, 0): EPERM (operation not permitted)\n${hint}`,
  });
  expect(await execute([binary, "run", "--", "true"], options)).toEqual({
    exitCode: 125,
    stdout: "",
    stderr: `box: mounts[0]: cannot mount proc on /proc: fsmount(mount context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID|MOUNT_ATTR_NOEXEC|MOUNT_ATTR_NODEV): EPERM (operation not permitted)\n${hint}`,
  });
  bundle.change((spec) => {
    spec.linux.namespaces = spec.linux.namespaces.filter(({ type }) => type !== "pid");
    spec.mounts[0] = { destination: "/proc", type: "bind", source: "/proc", options: ["rbind"] };
    spec.linux.maskedPaths = [];
    spec.process.args = ["sh", "-c", "grep -c ' /proc/keys ' /proc/self/mountinfo"];
  });
  expect(await execute([binary, "run", bundle.id], options)).toEqual({ exitCode: 0, stdout: "1\n", stderr: "" });
});

test("the same for /sys", async () => {
  using bundle = await bundleOfUser();
  bundle.change((spec) => {
    spec.linux.namespaces.push({ type: "network" });
    spec.mounts = [{ destination: "/sys", type: "sysfs", source: "sysfs" }];
    spec.process.args = ["true"];
  });
  const options = { before: after("mount -t tmpfs none /sys/kernel"), cwd: bundle.folder, env: { XDG_RUNTIME_DIR: bundle.states } };
  expect(await execute([binary, "run", bundle.id], options)).toEqual({
    exitCode: 125,
    stdout: "",
    stderr: `box: mounts[0]: cannot mount sysfs on /sys: fsmount(mount context, FSMOUNT_CLOEXEC, 0): EPERM (operation not permitted)\n${tooRevealing("/sys", "bind it with rbind")}`,
  });
});

for (const [type, namespace, call] of [
  ["proc", "pid", "fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)"],
  ["sysfs", "network", 'fsopen("sysfs", FSOPEN_CLOEXEC)'],
  ["mqueue", "ipc", "fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)"],
] as const)
  test(`${type} takes a namespace of the user's own`, async () => {
    using bundle = await bundleOfUser();
    bundle.change((spec) => {
      spec.linux.namespaces = spec.linux.namespaces.filter((one) => one.type !== namespace);
      spec.mounts = [{ destination: "/mnt", type, source: type }];
      spec.process.args = ["true"];
    });
    expect(await boxAs(bundle, ["run", bundle.id])).toEqual({
      exitCode: 125,
      stdout: "",
      stderr:
        `box: mounts[0]: cannot mount ${type} on /mnt: ${call}: EPERM (operation not permitted)\n` +
        `hint: a user namespace may mount ${type} only with a ${namespace} namespace of its own; without one, bind the host's with rbind\n`,
    });
  });

/** A mount of the host at `at` that an ordinary user's containers may make no less strict. */
const strict = (at: string): string => `mkdir -p ${at} && mount -t tmpfs -o nosuid,nodev,ro,mode=755 strict ${at}`;

test("a bind keeps the flags of the host's mount, and adds its own", async () => {
  using bundle = await bundleOfUser();
  bundle.change((spec) => {
    spec.mounts = [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/tmp/kept", type: "bind", source: `${bundle.folder}/strict`, options: ["bind"] },
      { destination: "/tmp/more", type: "bind", source: `${bundle.folder}/strict`, options: ["rbind", "noexec", "rro"] },
    ];
    spec.process.args = ["sh", "-c", "grep -o ' /tmp/[km].*' /proc/self/mountinfo | cut -d' ' -f2,3 | sed 's/,relatime.*//'"];
  });
  const options = { before: after(strict(`${bundle.folder}/strict`)), cwd: bundle.folder, env: { XDG_RUNTIME_DIR: bundle.states } };
  expect(await execute([binary, "run", bundle.id], options)).toEqual({
    exitCode: 0,
    stdout: "/tmp/kept ro,nosuid,nodev\n/tmp/more ro,nosuid,nodev,noexec\n",
    stderr: "",
  });
});

for (const [options, cleared, words] of [
  [["bind", "rw"], "MOUNT_ATTR_RDONLY", "rw"],
  [["bind", "suid", "dev", "noexec"], "MOUNT_ATTR_NOSUID|MOUNT_ATTR_NODEV", "suid, dev"],
] as const)
  test(`a bind with [${options.join(", ")}] cannot clear them, and the message names the options`, async () => {
    using bundle = await bundleOfUser();
    const source = `${bundle.folder}/strict`;
    bundle.change((spec) => {
      spec.mounts = [{ destination: "/tmp", type: "bind", source, options: [...options] }];
      spec.process.args = ["true"];
    });
    const set = options.includes("noexec" as never) ? "MOUNT_ATTR_NOEXEC" : "0";
    expect(
      await execute([binary, "run", bundle.id], {
        before: after(strict(source)),
        cwd: bundle.folder,
        env: { XDG_RUNTIME_DIR: bundle.states },
      }),
    ).toEqual({
      exitCode: 125,
      stdout: "",
      stderr:
        `box: mounts[0]: cannot set the options of /tmp: mount_setattr(/tmp, "", AT_EMPTY_PATH, {attr_set: ${set}, attr_clr: ${cleared}}, 32): EPERM (operation not permitted)\n` +
        `hint: in a user namespace no flag of the host's mount can be cleared (mount_namespaces(7)): leave out ${words}\n`,
    });
  });

test("a bind without the mounts below it is refused where these cover something", async () => {
  using bundle = await bundleOfUser();
  bundle.change((spec) => {
    spec.mounts = [{ destination: "/sys", type: "bind", source: "/sys", options: ["bind"] }];
    spec.process.args = ["true"];
  });
  expect(await boxAs(bundle, ["run", bundle.id])).toEqual({
    exitCode: 125,
    stdout: "",
    stderr:
      'box: mounts[0]: cannot bind /sys to /sys: open_tree(AT_FDCWD, "/sys", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC): EINVAL (invalid argument)\n' +
      "hint: a mount below it may not be uncovered in a user namespace (rbind takes those along), or the source itself is unbindable\n",
  });
});
