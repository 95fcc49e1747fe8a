// AppArmor profiles and SELinux labels, seen from inside a container. What a host without them says is tested on one; the rest
// takes a kernel that has them, such as Debian's with security=apparmor or security=selinux, and the second no policy yet.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { Bundle, linesOf, machine, testWith } from "./harness.ts";
import { selinuxPolicy } from "./selinux-policy.ts";

const sleeps = ["sleep", "1000"];

/** Runs a program of the machine's, which has to end well. */
function run(...argv: readonly string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...argv]);
  if (exitCode !== 0) throw new Error(`${argv.join(" ")}: ${stderr}`);
  return stdout.toString();
}

describe("without AppArmor", () => {
  testWith("no AppArmor")("a profile is refused with the reason, and nothing is left", async () => {
    using bundle = new Bundle((spec) => (spec.process.apparmorProfile = "web"));
    const before = machine(bundle);
    expect(await bundle.run(["true"])).toEqual({
      exitCode: 125,
      stdout: "",
      stderr: [
        'box: process.apparmorProfile: "web" cannot be used: AppArmor is not enabled on this host',
        "hint: it is where /sys/module/apparmor/parameters/enabled says Y",
        "",
      ].join("\n"),
    });
    expect(machine(bundle)).toEqual(before);
  });
  testWith("no AppArmor")("nothing is confined, so unconfined may be asked for", async () => {
    using bundle = new Bundle((spec) => (spec.process.apparmorProfile = "unconfined"));
    expect(await bundle.run(["echo", "runs"])).toEqual({ exitCode: 0, stdout: "runs\n", stderr: "" });
  });
  testWith("no AppArmor")("exec --apparmor is refused", async () => {
    using bundle = new Bundle((spec) => (spec.process.args = sleeps));
    expect((await bundle.box(["run", "--detach", bundle.id])).stderr).toBe("");
    expect((await bundle.box(["exec", "--apparmor", "web", bundle.id, "true"])).stderr).toBe(
      [
        'box: process.apparmorProfile: "web" cannot be used: AppArmor is not enabled on this host',
        "hint: it is where /sys/module/apparmor/parameters/enabled says Y",
        "",
      ].join("\n"),
    );
    expect(await bundle.box(["exec", bundle.id, "echo", "runs"])).toEqual({ exitCode: 0, stdout: "runs\n", stderr: "" });
  });
});

describe("without SELinux", () => {
  testWith("no SELinux")("labels are refused with the reason, and nothing is left", async () => {
    using bundle = new Bundle((spec) => {
      spec.process.selinuxLabel = "u:r:t:s0";
      spec.linux.mountLabel = "u:object_r:t:s0";
    });
    const before = machine(bundle);
    const hint = "hint: it is where /sys/fs/selinux is mounted and can be written to";
    expect(await bundle.run(["true"])).toEqual({
      exitCode: 125,
      stdout: "",
      stderr: [
        'box: process.selinuxLabel: "u:r:t:s0" cannot be used: SELinux is not enabled on this host',
        hint,
        'box: linux.mountLabel: "u:object_r:t:s0" cannot be used: SELinux is not enabled on this host',
        hint,
        "",
      ].join("\n"),
    });
    expect(machine(bundle)).toEqual(before);
  });
});

describe("AppArmor", () => {
  const inAppArmor = testWith("AppArmor");
  const has = inAppArmor === test;
  const name = (part: string): string => `box-test-${part}-${process.pid}`;
  const allows = "file, capability, network, mount, umount, remount, pivot_root, signal, ptrace, unix,";
  const flags = "flags=(attach_disconnected,mediate_deleted)";
  const profiles = [
    `profile ${name("a")} ${flags} { ${allows} deny /secret rw, }`,
    `profile "${name("b")} web server" ${flags} { ${allows} }`,
    `profile ${name("outer")} ${flags} { ${allows} change_profile -> ${name("a")}, change_profile -> &${name("a")}, deny /sys/[^fdc]*{,/**} w, }`,
  ].join("\n");
  // With what this kernel can do, and not what the profiles that come with the parser are pinned to.
  const parser = ["apparmor_parser", "--skip-cache", "--policy-features=/sys/kernel/security/apparmor/features"];
  let folder = "";
  beforeAll(() => {
    if (!has) return;
    folder = mkdtempSync(`${tmpdir()}/box-profiles-`);
    writeFileSync(`${folder}/profiles`, profiles);
    run(...parser, "--replace", `${folder}/profiles`);
  });
  afterAll(() => {
    if (!has) return;
    run(...parser, "--remove", `${folder}/profiles`);
    rmSync(folder, { recursive: true });
  });
  const confined = (change: (spec: Bundle["spec"]) => void = () => {}): Bundle =>
    new Bundle((spec) => {
      spec.process.apparmorProfile = name("a");
      change(spec);
    });
  const shows = ["cat", "/proc/self/attr/apparmor/current"];
  const underOuter = { before: ["aa-exec", "-p", name("outer"), "--"] };

  inAppArmor("confines the program, each time that it is started", async () => {
    using bundle = confined();
    writeFileSync(`${bundle.rootfs}/secret`, "");
    for (let times = 0; times < 3; times++)
      expect(await bundle.run(["sh", "-c", "cat /proc/self/attr/current; cat /secret"])).toEqual({
        exitCode: 1,
        stdout: `${name("a")} (enforce)\n`,
        stderr: "cat: can't open '/secret': Permission denied\n",
      });
  });
  inAppArmor("the hooks that run as box does are not confined, and those that run as the program are", async () => {
    using bundle = confined();
    bundle.change((spec) => {
      spec.root.readonly = false;
      const hook = (file: string) => [{ path: "/bin/sh", args: ["sh", "-c", `cat /proc/self/attr/apparmor/current > ${file}`] }];
      spec.hooks = { createContainer: hook(`${bundle.folder}/early`), startContainer: hook("/late") };
    });
    expect((await bundle.run(["true"])).stderr).toBe("");
    expect(readFileSync(`${bundle.folder}/early`, "utf8")).toBe("unconfined\n");
    expect(readFileSync(`${bundle.rootfs}/late`, "utf8")).toBe(`${name("a")} (enforce)\n`);
  });
  inAppArmor("exec: the container's own, unless another is named", async () => {
    using bundle = confined((spec) => {
      if (spec.process !== undefined) spec.process.args = sleeps;
    });
    expect((await bundle.box(["run", "--detach", bundle.id])).stderr).toBe("");
    const own = { exitCode: 0, stdout: `${name("a")} (enforce)\n`, stderr: "" };
    expect(await bundle.box(["exec", bundle.id, ...shows])).toEqual(own);
    const file = `${bundle.folder}/process.json`;
    writeFileSync(file, JSON.stringify({ args: shows, cwd: "/", env: ["PATH=/bin"] }));
    expect(await bundle.box(["exec", "--process", file, bundle.id])).toEqual(own);
    const other = `${name("b")} web server`;
    expect(await bundle.box(["exec", "--apparmor", other, bundle.id, ...shows])).toEqual({ ...own, stdout: `${other} (enforce)\n` });
    expect(await bundle.box(["exec", "--apparmor", name("none"), bundle.id, "true"])).toEqual({
      exitCode: 125,
      stdout: "",
      stderr: missing(name("none")),
    });
  });
  const missing = (profile: string): string =>
    [
      `box: process.apparmorProfile: cannot let the program run under the AppArmor profile ${profile}: write(attr/apparmor/exec, "exec ${profile}", ${profile.length + 5}): ENOENT (no such file or directory)`,
      "hint: the kernel has no profile of that name: apparmor_parser --replace FILE loads those of a file",
      "",
    ].join("\n");
  inAppArmor("a profile that is not loaded is named, and nothing is left", async () => {
    using bundle = confined((spec) => {
      if (spec.process !== undefined) spec.process.apparmorProfile = name("none");
    });
    const before = machine(bundle);
    expect(await bundle.run(["true"])).toEqual({ exitCode: 125, stdout: "", stderr: missing(name("none")) });
    expect(await bundle.box(["create", bundle.id])).toEqual({ exitCode: 1, stdout: "", stderr: missing(name("none")) });
    expect(machine(bundle)).toEqual(before);
  });
  inAppArmor("in a user namespace, whose exec could mount no procfs of its own", async () => {
    const map = [{ containerID: 0, hostID: 100000, size: 65536 }];
    using bundle = confined((spec) => {
      if (spec.process !== undefined) spec.process.args = sleeps;
      spec.linux = { ...spec.linux, namespaces: [...(spec.linux?.namespaces ?? []), { type: "user" }], uidMappings: map, gidMappings: map };
    });
    bundle.giveRootTo(100000);
    expect((await bundle.box(["run", "--detach", bundle.id])).stderr).toBe("");
    for (const file of [`/proc/${bundle.initPid}/attr/apparmor/current`])
      expect(readFileSync(file, "utf8")).toBe(`${name("a")} (enforce)\n`);
    expect(await bundle.box(["exec", bundle.id, ...shows])).toEqual({ exitCode: 0, stdout: `${name("a")} (enforce)\n`, stderr: "" });
  });
  inAppArmor("from under a profile: instead of it, or on top of it where no new privileges are allowed", async () => {
    using bundle = confined((spec) => {
      if (spec.process !== undefined) spec.process.noNewPrivileges = false;
    });
    expect(await bundle.run(shows, underOuter)).toEqual({ exitCode: 0, stdout: `${name("a")} (enforce)\n`, stderr: "" });
    bundle.change((spec) => (spec.process.noNewPrivileges = true));
    expect(await bundle.run(shows, underOuter)).toEqual({
      exitCode: 0,
      stdout: `${name("a")}//&${name("outer")} (enforce)\n`,
      stderr: "",
    });
  });
  inAppArmor("from under a profile that does not allow another, or a sysctl: the reason is told", async () => {
    using bundle = confined((spec) => {
      if (spec.process !== undefined) spec.process.noNewPrivileges = false;
    });
    const other = `${name("b")} web server`;
    bundle.change((spec) => (spec.process.apparmorProfile = other));
    expect((await bundle.run(["true"], underOuter)).stderr).toBe(
      [
        `box: process.apparmorProfile: cannot let the program run under the AppArmor profile ${other}: write(attr/apparmor/exec, "exec ${other}", ${other.length + 5}): EACCES (permission denied)`,
        `hint: the AppArmor profile that box itself runs under does not allow it: it lacks the rule "change_profile -> ${other},"`,
        "",
      ].join("\n"),
    );
    bundle.change((spec) => {
      delete spec.process.apparmorProfile;
      spec.linux.sysctl = { "net.ipv4.ip_forward": "1" };
    });
    expect(linesOf((await bundle.run(["true"], underOuter)).stderr)[1]).toBe(
      `hint: box itself runs under the AppArmor profile ${name("outer")} (enforce), whose rules meet a path of box's own procfs without its /proc: one that denies /sys/… stops a sysctl`,
    );
    expect((await bundle.run(["true"])).stderr).toBe("");
  });
});

describe("SELinux", () => {
  const inSelinux = testWith("SELinux without a policy");
  const label = "base_u:base_r:box_t:s0:c1";
  const mountLabel = "base_u:object_r:file_t:s0:c1";
  const labelled = (): Bundle =>
    new Bundle((spec) => {
      spec.process.selinuxLabel = label;
      spec.linux.mountLabel = mountLabel;
    });

  inSelinux("without a policy labels are refused", async () => {
    using bundle = labelled();
    if (!existsSync("/sys/fs/selinux/load")) run("mount", "-t", "selinuxfs", "selinuxfs", "/sys/fs/selinux");
    expect((await bundle.run(["true"])).stderr).toBe(
      [
        `box: process.selinuxLabel: "${label}" cannot be used: SELinux has no policy loaded on this host`,
        `box: linux.mountLabel: "${mountLabel}" cannot be used: SELinux has no policy loaded on this host`,
        "",
      ].join("\n"),
    );
    const folder = mkdtempSync(`${tmpdir()}/box-policy-`);
    writeFileSync(`${folder}/policy.conf`, selinuxPolicy);
    run("checkpolicy", "-M", "-U", "allow", "-c", "33", "-o", `${folder}/policy`, `${folder}/policy.conf`);
    writeFileSync("/sys/fs/selinux/load", readFileSync(`${folder}/policy`));
    rmSync(folder, { recursive: true });
    writeFileSync("/sys/fs/selinux/enforce", "1");
    expect(readFileSync("/proc/self/attr/current", "utf8")).toBe("base_u:base_r:base_t:s0-s0:c0.c2\0");
  });
  inSelinux("the program has its label, and so has its keyring", async () => {
    using bundle = labelled();
    bundle.change((spec) => (spec.linux.maskedPaths = []));
    // Of the keys that it may use, a process sees those whose label it may view.
    const { stdout, stderr } = await bundle.run(["sh", "-c", "cat /proc/self/attr/current; echo; cat /proc/keys"]);
    expect(stderr).toBe("");
    expect(linesOf(stdout)[0]).toBe(`${label}\0`);
    expect(
      linesOf(stdout)
        .slice(1)
        .filter((line) => line.includes(`_ses.${bundle.id}: `)).length,
    ).toBe(1);
  });
  inSelinux("mounts have theirs, but for those that show others' things", async () => {
    using bundle = labelled();
    bundle.change((spec) => (spec.process.args = sleeps));
    expect((await bundle.box(["run", "--detach", bundle.id])).stderr).toBe("");
    const of = (path: string): string =>
      run(
        "python3",
        "-c",
        `import os; print(os.getxattr("/proc/${bundle.initPid}/root/${path}", "security.selinux").decode().rstrip("\\0"), end="")`,
      );
    for (const path of ["dev", "dev/shm", "dev/pts", "dev/mqueue", "dev/null", "sys/firmware"])
      expect([path, of(path)]).toEqual([path, mountLabel]);
    for (const path of ["proc", "sys"]) expect([path, of(path)]).toEqual([path, "base_u:object_r:file_t:s0"]);
  });
  inSelinux("exec: the container's own, unless another is named", async () => {
    using bundle = labelled();
    bundle.change((spec) => (spec.process.args = sleeps));
    expect((await bundle.box(["run", "--detach", bundle.id])).stderr).toBe("");
    const shows = ["cat", "/proc/self/attr/current"];
    expect(await bundle.box(["exec", bundle.id, ...shows])).toEqual({ exitCode: 0, stdout: `${label}\0`, stderr: "" });
    const other = "base_u:base_r:box_t:s0:c2";
    expect((await bundle.box(["exec", "--process-label", other, bundle.id, ...shows])).stdout).toBe(`${other}\0`);
  });
  inSelinux("what the policy does not know, or does not allow, is told", async () => {
    using bundle = labelled();
    const unknown = "base_u:base_r:none_t:s0";
    const hint = "hint: the SELinux policy that is loaded knows no such context";
    bundle.change((spec) => (spec.process.selinuxLabel = unknown));
    expect((await bundle.run(["true"])).stderr).toBe(
      [
        `box: process.selinuxLabel: cannot let its session keyring have the label ${unknown}: write(attr/keycreate, "${unknown}", ${unknown.length}): EINVAL (invalid argument)`,
        hint,
        "",
      ].join("\n"),
    );
    const closed = "base_u:base_r:closed_t:s0";
    bundle.change((spec) => (spec.process.selinuxLabel = closed));
    const { exitCode, stderr } = await bundle.run(["/bin/true"]);
    expect(exitCode).toBe(126);
    expect(stderr).toStartWith(`box: process.args[0]: cannot execute /bin/true as ${closed}: execve("/bin/true", ["/bin/true"], `);
    expect(stderr).toEndWith("variables): EACCES (permission denied)\n");
    bundle.change((spec) => {
      spec.process.selinuxLabel = label;
      spec.linux.mountLabel = unknown;
    });
    expect(linesOf((await bundle.run(["true"])).stderr)[1]).toBe(hint);
  });
});
