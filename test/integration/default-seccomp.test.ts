// The filter that a box.yaml and a container without a bundle get by default, and the flag for another one; with programs of every day under it, and with what it is there to refuse.

import { expect } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Bundle, execute, linesOf, type Outcome, testWith } from "./harness.ts";

const test = testWith();
const testBesideRunc = testWith("runc");

/** Runs a script over a view of this machine. */
async function onHost(script: string, more = ""): Promise<Outcome> {
  using bundle = new Bundle();
  rmSync(`${bundle.folder}/config.json`);
  writeFileSync(`${bundle.folder}/script`, script);
  writeFileSync(`${bundle.folder}/box.yaml`, `rootfs: host\ncommand: [sh, ${bundle.folder}/script]\n${more}`);
  return await bundle.box(["run", bundle.id], { limitMs: 30_000 });
}

/** Each ends with 0 where it is installed; `sh` knows which are not. */
const usual: Readonly<Record<string, string>> = {
  busybox: "busybox sh -c 'ls / | busybox wc -l'",
  bash: "bash -c 'for i in 1 2 3; do (echo $i) & done; wait; diff <(ls /) <(ls /)'",
  python3: `python3 -c '
import asyncio, multiprocessing, socket, subprocess, threading
t = threading.Thread(target=print); t.start(); t.join()
subprocess.run(["true"], check=True)
asyncio.run(asyncio.sleep(0))
s = socket.create_server(("127.0.0.1", 0)); socket.create_connection(s.getsockname())
p = multiprocessing.Process(target=print); p.start(); p.join(); assert p.exitcode == 0
q = multiprocessing.Queue(); q.put(1); q.get()'`,
  perl: "perl -e 'use Socket; socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, 0) or die; defined(fork) or die'",
  dpkg: "dpkg -l dpkg",
  "apt-get": "apt-get --simulate --option Debug::NoLocking=1 install dpkg",
  gcc: "cd /tmp; echo 'int main(void) { return 0; }' > a.c; gcc -o a a.c && ./a",
  strace: "strace -f -o /dev/null ls /",
  tar: "tar cf - /etc/hostname | tar tf -",
  git: "cd /tmp; git init -q g; cd g; git -c user.name=a -c user.email=b commit -q --allow-empty -m x",
  node: 'node -e \'new (require("worker_threads").Worker)("1", { eval: true })\'',
  openssl: "openssl rand -hex 4",
  ip: "ip addr",
  useradd: "useradd --no-create-home box-test-user",
  su: "su nobody -s /bin/sh -c true",
  setpriv: "setpriv --reuid=65534 --clear-groups true",
  chroot: "chroot / true",
  dd: "dd if=/dev/zero of=/tmp/z bs=1M count=2",
  ionice: "nice -n 5 ionice -c 2 true",
};

test("programs of every day run as without it", async () => {
  // Programs, not files that say which one is meant (pyenv's), which need a home.
  const words = Object.entries(usual).map(([name, line]) => {
    const path = Bun.which(name, { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" });
    if (path === null) process.stderr.write(`SKIPPED: ${name} under the default filter: this machine lacks it\n`);
    return path === null ? "" : `(\n${line}\n) > /tmp/out 2>&1 || { echo "${name}: $?"; cat /tmp/out; }`;
  });
  expect(await onHost(`${words.join("\n")}\n`)).toEqual({ exitCode: 0, stdout: "", stderr: "" });
}, 40_000);

const calls = `
perl -e '
use POSIX ();
sub say_of { my ($name, $result) = @_; print $name, "\\t", (defined $result && $result >= 0 ? "passed" : (POSIX::strerror($!))), "\\n"; }
say_of("unshare a user namespace", syscall(272, 0x10000000));
say_of("clone with one", syscall(56, 0x10000011, 0, 0, 0, 0));
say_of("mount", syscall(165, 0, 0, 0, 0, 0));
say_of("bpf", syscall(321, 0, 0, 0));
say_of("keyctl", syscall(250, 0, 0, 0, 0, 0));
say_of("userfaultfd", syscall(323, 1));
say_of("io_uring_setup", syscall(425, 1, 0));
say_of("a socket of AF_ALG", syscall(41, 38, 5, 0));
say_of("a socket of AF_VSOCK", syscall(41, 40, 1, 0));
say_of("TIOCSTI", syscall(16, 0, 0x5412, 0));
say_of("no such call", syscall(999));
say_of("a socket", syscall(41, 2, 1, 0));
say_of("getpid", syscall(39));
'`;

const outcomesOf = async (more?: string): Promise<Record<string, string>> =>
  Object.fromEntries(linesOf((await onHost(calls, more)).stdout).map((line) => line.split("\t")));

const no = "Operation not permitted";
const family = "Address family not supported by protocol";

if (process.arch !== "x64") console.warn("SKIPPED: dangerous calls are refused: the probe's numbers are those of x86-64");
test.skipIf(process.arch !== "x64")("dangerous calls are refused", async () => {
  expect(await outcomesOf()).toEqual({
    "unshare a user namespace": no,
    "clone with one": no,
    mount: no,
    bpf: no,
    keyctl: no,
    userfaultfd: no,
    io_uring_setup: no,
    "a socket of AF_ALG": family,
    "a socket of AF_VSOCK": family,
    TIOCSTI: no,
    "no such call": "Function not implemented",
    "a socket": "passed",
    getpid: "passed",
  });
  // The test can tell: without the filter the kernel itself allows a user namespace, and complains of what is wrong in a call.
  const open = await outcomesOf("seccomp: unconfined\n");
  expect([open["unshare a user namespace"], open.keyctl === no, open.io_uring_setup === no]).toEqual(["passed", false, false]);
});

/** What a process is filtered by: 0 for nothing, 2 for a filter (proc_pid_status(5)). */
const mode = ["grep", "Seccomp:", "/proc/self/status"];
const filtered = { exitCode: 0, stdout: "Seccomp:\t2\n", stderr: "" };
const unfiltered = { exitCode: 0, stdout: "Seccomp:\t0\n", stderr: "" };

test("a container without a bundle has it, and what is executed in it later has it too", async () => {
  using bundle = new Bundle();
  expect(await bundle.box(["run", "--", ...mode])).toEqual(filtered);
  expect((await bundle.box(["run", "--", "unshare", "-r", "true"])).stderr).toBe(`unshare: unshare failed: ${no}\n`);
  expect((await bundle.box(["run", "--seccomp", "unconfined", "--", "unshare", "-r", "true"])).exitCode).toBe(0);
  using running = bundle.start(["run", "--", "sh", "-c", "echo ready; exec sleep 1000"]);
  await running.says("ready");
  const id = readdirSync(bundle.states).find((name) => !name.startsWith(".")) ?? "";
  expect(await bundle.box(["exec", id, ...mode])).toEqual(filtered);
  expect((await bundle.box(["exec", id, "unshare", "-r", "true"])).stderr).toBe(`unshare: unshare failed: ${no}\n`);
});

test("--seccomp: default, unconfined or a file, for a container of any kind", async () => {
  using bundle = new Bundle();
  const profile = `${bundle.folder}/profile.json`;
  writeFileSync(
    profile,
    JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_ERRNO", errnoRet: 28 }] }),
  );
  bundle.change((spec) => (spec.process.args = mode));
  expect(await bundle.box(["run", bundle.id])).toEqual(unfiltered);
  expect(await bundle.box(["run", "--seccomp", "default", bundle.id])).toEqual(filtered);
  expect((await bundle.box(["run", "--seccomp", "profile.json", bundle.id, "mkdir", "/tmp/x"])).stderr).toBe(
    "mkdir: can't create directory '/tmp/x': No space left on device\n",
  );
  expect((await bundle.box(["run", "--seccomp", profile, "--", "busybox", "mkdir", "/tmp/x"])).stderr).toBe(
    "mkdir: can't create directory '/tmp/x': No space left on device\n",
  );
  bundle.change((spec) => (spec.linux.seccomp = JSON.parse(readFileSync(profile, "utf8"))));
  expect(await bundle.box(["run", bundle.id])).toEqual(filtered);
  expect(await bundle.box(["run", "--seccomp=unconfined", bundle.id])).toEqual(unfiltered);
});

test("--lenient is for a --seccomp too, with any description", async () => {
  using bundle = new Bundle();
  const profile = {
    defaultAction: "SCMP_ACT_ALLOW",
    vendor: 1,
    syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_ERRNO", errnoRet: 28, comment: "no folders" }],
  };
  writeFileSync(`${bundle.folder}/profile.json`, JSON.stringify(profile));
  writeFileSync(`${bundle.folder}/other.yaml`, "rootfs: rootfs\ncommand: [mkdir, /tmp/x]\nvendor: 2\n");
  bundle.change((spec) => (spec.process.args = ["mkdir", "/tmp/x"]));
  const refused = (sign = ""): string =>
    ["vendor", "syscalls[0].comment"].map((key) => `box: ${sign}--seccomp: linux.seccomp.${key}: unknown key\n`).join("");
  const full = "mkdir: can't create directory '/tmp/x': No space left on device\n";
  const run = async (...flags: string[]): Promise<Outcome> => await bundle.box(["run", "--seccomp", "profile.json", ...flags]);
  expect(await run(bundle.id)).toEqual({ exitCode: 125, stdout: "", stderr: refused() });
  const lenient: Outcome = { exitCode: 1, stdout: "", stderr: refused("warning: ") + full };
  expect(await run("--lenient", bundle.id)).toEqual(lenient);
  expect(await run("--lenient", "--", "busybox", "mkdir", "/tmp/x/y")).toEqual({
    ...lenient,
    stderr: lenient.stderr.replace("/tmp/x", "/tmp/x/y"),
  });
  expect(await run("--lenient", "-f", "other.yaml", bundle.id)).toEqual({
    ...lenient,
    stderr: `box: warning: other.yaml:3:1: vendor: unknown key\n${lenient.stderr}`,
  });
  writeFileSync(`${bundle.folder}/profile.json`, JSON.stringify({ ...profile, defaultAction: "SCMP_ACT_ALOW" }));
  expect(await run("--lenient", bundle.id)).toEqual({
    exitCode: 125,
    stdout: "",
    stderr:
      'box: --seccomp: linux.seccomp.defaultAction: expected a seccomp action, such as SCMP_ACT_ERRNO, got "SCMP_ACT_ALOW"\n' +
      'hint: did you mean "SCMP_ACT_ALLOW"?\n',
  });
});

test("a --seccomp that cannot be is refused in the flag's words", async () => {
  using bundle = new Bundle();
  const refusal = async (profile: string): Promise<string> => {
    const { exitCode, stderr } = await bundle.box(["run", "--seccomp", profile, "--", "true"]);
    expect(exitCode).toBe(125);
    return stderr;
  };
  const folder = bundle.folder;
  const files: Readonly<Record<string, unknown>> = {
    "action.json": { defaultAction: "SCMP_ACT_ERNO" },
    "agent.json": { defaultAction: "SCMP_ACT_NOTIFY" },
    "flag.json": { defaultAction: "SCMP_ACT_ALLOW", flags: ["SECCOMP_FILTER_FLAG_FOO"] },
  };
  for (const [name, profile] of Object.entries(files)) writeFileSync(`${folder}/${name}`, JSON.stringify(profile));
  expect(await refusal("")).toBe('box: --seccomp: expected default, unconfined or a file, got ""\n');
  expect(await refusal("none.json")).toBe(`box: --seccomp: cannot read ${folder}/none.json: ENOENT (no such file or directory)\n`);
  expect(await refusal("action.json")).toBe(
    'box: --seccomp: linux.seccomp.defaultAction: expected a seccomp action, such as SCMP_ACT_ERRNO, got "SCMP_ACT_ERNO"\n' +
      'hint: did you mean "SCMP_ACT_ERRNO"?\n',
  );
  expect(await refusal("agent.json")).toBe(
    "box: --seccomp: linux.seccomp.listenerPath: is missing: SCMP_ACT_NOTIFY needs the socket of an agent\n",
  );
  expect(await refusal("flag.json")).toBe(
    'box: --seccomp: linux.seccomp.flags[0]: expected a flag for a filter, such as SECCOMP_FILTER_FLAG_LOG, got "SECCOMP_FILTER_FLAG_FOO"\n',
  );
});

testBesideRunc("runc takes the configuration that a box.yaml expands to, and refuses the same", async () => {
  const sockets = `perl -e 'for my $family (1, 2, 30) { print $family, socket(my $one, $family, 1, 0) ? "" : " " . ($! + 0), "\\n" }'`;
  // Where runc can run it: a root of the caller's, with this machine's programs in it.
  using bundle = new Bundle();
  rmSync(`${bundle.folder}/config.json`);
  const mounts = ["/usr", "/lib", "/lib64"].filter(existsSync).map((path) => `${path}:${path}:ro`);
  for (const path of mounts.map((mount) => mount.split(":")[0] as string)) mkdirSync(`${bundle.rootfs}${path}`, { recursive: true });
  writeFileSync(`${bundle.rootfs}/script`, sockets);
  writeFileSync(`${bundle.folder}/box.yaml`, `rootfs: ${bundle.rootfs}\ncommand: [sh, /script]\nmounts: ${JSON.stringify(mounts)}\n`);
  const own = await bundle.box(["run", bundle.id]);
  expect(own).toEqual({ exitCode: 0, stdout: "1\n2\n30 97\n", stderr: "" });
  const { stdout } = await bundle.box(["spec", "--from", "box.yaml"]);
  mkdirSync(`${bundle.folder}/runc`);
  writeFileSync(`${bundle.folder}/runc/config.json`, stdout);
  expect(await execute(["runc", "--root", `${bundle.folder}/state`, "run", "--bundle", `${bundle.folder}/runc`, bundle.id])).toEqual(own);
});
