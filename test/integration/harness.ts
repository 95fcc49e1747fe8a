// The compiled binary as a user has it: bundles with a throw-away busybox root, runs with a hard limit of time and a
// state folder of their own, and the machine looked at before and after. Output goes through files, not pipes, so a
// container that hangs cannot hold up the test run.

import { afterAll, test as plainTest } from "bun:test";
import {
  chmodSync,
  closeSync,
  cpSync,
  type Dirent,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import type { Process, Spec } from "../../src/config/spec.ts";
import { systemCall } from "../../src/execute/libc.ts";

const repository = new URL("../..", import.meta.url).pathname.slice(0, -1);

/** The binary under test; `npm run build` makes the usual one. */
export const binary = process.env.BOX_BINARY ?? `${repository}/dist/box`;

const busybox = "/bin/busybox";
const applets = [
  "awk",
  "cat",
  "chmod",
  "cp",
  "cut",
  "dd",
  "echo",
  "env",
  "false",
  "find",
  "grep",
  "head",
  "hostname",
  "id",
  "ip",
  "kill",
  "ln",
  "ls",
  "mkdir",
  "mount",
  "printf",
  "ps",
  "pwd",
  "readlink",
  "rm",
  "rmdir",
  "sed",
  "seq",
  "sh",
  "sleep",
  "sort",
  "stat",
  "stty",
  "tail",
  "test",
  "touch",
  "tr",
  "true",
  "umount",
  "uname",
  "wc",
  "yes",
];

/** What the machine may lack, by the word that tests ask for it with. */
const needs = {
  root: () => process.getuid?.() === 0 || "root's rights (run the tests as root)",
  busybox: () => existsSync(busybox) || "a static busybox (Debian package busybox-static)",
  podman: () =>
    ["podman", "conmon", "catatonit", "nsenter"].every((name) => Bun.which(name) !== null) ||
    "podman (Debian packages podman, conmon, catatonit, util-linux)",
  runc: () => Bun.which("runc") !== null || "runc (Debian package runc)",
  iproute2: () => Bun.which("ip") !== null || "ip (Debian package iproute2)",
  nft: () => canTranslate("nft", "add table ip box; add chain ip box c { type nat hook output priority -100; }"),
  iptables: () => canTranslate("iptables", "-t", "nat", "-S"),
  setpriv: () => Bun.which("setpriv") !== null || "setpriv (Debian package util-linux)",
  newuidmap: () =>
    ["newuidmap", "newgidmap"].every((name) => Bun.which(name) !== null) || "newuidmap and newgidmap (Debian package uidmap)",
  lsns: () => Bun.which("lsns") !== null || "lsns (Debian package util-linux)",
  unshare: () => Bun.which("unshare") !== null || "unshare (Debian package util-linux)",
  fuse: () => existsSync("/dev/fuse") || "FUSE (/dev/fuse)",
  strace: () => Bun.which("strace") !== null || "strace (Debian package strace)",
  "huge pages in cgroup v2": () =>
    (readOrEmpty("/sys/fs/cgroup/unified/cgroup.controllers").includes("hugetlb") &&
      existsSync("/sys/kernel/mm/hugepages/hugepages-2048kB")) ||
    "the hugetlb controller in a cgroup v2 beside v1, and huge pages of 2 MB",
  "all of cgroup v2": () =>
    ["cpu", "cpuset", "hugetlb", "io", "memory", "pids"].every((name) =>
      readOrEmpty("/sys/fs/cgroup/cgroup.controllers").split(/\s/).includes(name),
    ) || "a pure cgroup v2 with all controllers (npm run test:vm has it)",
  "cgroup v1": () => existsSync("/sys/fs/cgroup/memory/memory.limit_in_bytes") || "controllers in cgroup v1",
  AppArmor: () =>
    (apparmorIsOn() && ["apparmor_parser", "aa-exec"].every((name) => Bun.which(name) !== null)) ||
    "a kernel with AppArmor enabled, and its tools (Debian package apparmor)",
  "no AppArmor": () => !apparmorIsOn() || "a kernel without AppArmor",
  "SELinux without a policy": () =>
    (readOrEmpty("/proc/filesystems").includes("selinuxfs") &&
      readOrEmpty("/proc/self/attr/current").startsWith("kernel") &&
      ["checkpolicy", "python3"].every((name) => Bun.which(name) !== null)) ||
    "a kernel with SELinux enabled and no policy loaded, checkpolicy and python3",
  "no SELinux": () => !existsSync("/sys/fs/selinux/enforce") || "a kernel without SELinux",
  "user namespaces for users": () => usersMayMakeNamespaces() || "user namespaces for ordinary users",
} as const;

const apparmorIsOn = (): boolean => readOrEmpty("/sys/module/apparmor/parameters/enabled") === "Y\n";

/** Whether the program is there, and the kernel has address translation for it. */
function canTranslate(program: string, ...words: readonly string[]): true | string {
  if (Bun.which(program) === null) return `${program} (Debian package ${program === "nft" ? "nftables" : program})`;
  const { exitCode, stderr } = Bun.spawnSync(["unshare", "--net", program, ...words], { timeout: 5000 });
  return exitCode === 0 || `address translation for ${program}: ${stderr.toString().trim()}`;
}

function usersMayMakeNamespaces(): boolean {
  return Bun.spawnSync([...asUser, "unshare", "--user", "--map-root-user", "true"], { timeout: 5000 }).exitCode === 0;
}

/** `test` for what needs root, busybox and `more`; where one is missing, a counted skip that says on stderr what. */
export function testWith(...more: readonly (keyof typeof needs)[]): typeof plainTest {
  if (!existsSync(binary)) throw new Error(`${binary} is missing: npm run build makes it`);
  const lacks = new Set<string>();
  for (const need of ["root", "busybox", ...more] as const) {
    const answer = needs[need]();
    if (typeof answer === "string") lacks.add(answer);
  }
  if (lacks.size === 0) return plainTest;
  const lack = [...lacks].join(", ");
  const skip = (title: string): void => {
    console.warn(`SKIPPED: ${title}: this machine lacks ${lack}`);
    plainTest.skip(title, () => {});
  };
  return skip as unknown as typeof plainTest;
}

/** Words in front of a command to run it as an ordinary user, nobody, without any capability. */
export const asUser = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"];
export const userId = 65534;

/** Words in front of box: nothing is done by its front, and it begins from no kept start (argv[0], src/front/layout.ts). */
export const pastTheFront = ["bash", "-c", 'exec -a BOX "$0" "$@"'];

/** Messages without the line and column of a config.json, for what is about the words (validate.test.ts is about the places). */
export const withoutPlaces = <T extends { readonly stderr: string }>(outcome: T): T => ({
  ...outcome,
  stderr: outcome.stderr.replaceAll(/^box: config\.json:[1-9]\d*:[1-9]\d*: /gm, "box: "),
});

export type Outcome = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

export type RunOptions = {
  /** Nothing when left out. */
  readonly stdin?: string;
  /** Words in front of box: `["prlimit", "--nofile=512:4096"]`. */
  readonly before?: readonly string[];
  /** Added to the environment of the tests. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** How long it may take; at its end everything is killed and the outcome is an error. */
  readonly limitMs?: number;
};

/** A machine that is emulated takes longer for everything. */
const PATIENCE = Number(process.env.BOX_TEST_PATIENCE ?? 1);
const LIMIT_MS = 10_000 * PATIENCE;

/** A process under way whose output goes to files. */
export class Running implements Disposable {
  readonly child: Bun.Subprocess;
  readonly #folder: string;
  readonly #limitMs: number;

  constructor(argv: readonly string[], options: RunOptions) {
    this.#folder = mkdtempSync(`${tmpdir()}/box-output-`);
    this.#limitMs = options.limitMs === undefined ? LIMIT_MS : options.limitMs * PATIENCE;
    const files = ["stdout", "stderr"].map((name) => openSync(`${this.#folder}/${name}`, "w"));
    this.child = Bun.spawn([...(options.before ?? []), ...argv], {
      stdin: options.stdin === undefined ? "ignore" : new Blob([options.stdin]),
      stdout: files[0] as number,
      stderr: files[1] as number,
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    for (const file of files) closeSync(file);
  }

  get pid(): number {
    return this.child.pid;
  }

  /** What it has written so far. */
  get stdout(): string {
    return readFileSync(`${this.#folder}/stdout`, "utf8");
  }

  get stderr(): string {
    return readFileSync(`${this.#folder}/stderr`, "utf8");
  }

  /** Waits until it has written `text` to stdout. */
  async says(text: string): Promise<void> {
    await until(() => this.stdout.includes(text) || this.child.exitCode !== null, `${JSON.stringify(text)} in the output`, this.#limitMs);
    if (!this.stdout.includes(text))
      throw new Error(`ended with ${this.child.exitCode} before it said ${JSON.stringify(text)}: ${this.stdout}${this.stderr}`);
  }

  /** Waits until box is no more than the container's supervisor. */
  async supervises(): Promise<void> {
    const name = (): string => readFileSync(`/proc/${this.pid}/comm`, "utf8");
    const supervises = (): boolean => readlinkOrEmpty(`/proc/${this.pid}/exe`) !== binary && name() === "box\n";
    await until(supervises, "box to become the supervisor", this.#limitMs);
  }

  /** Waits for its end. `exitCode` is 128 and the signal for one that a signal ended, as a shell says it. */
  async outcome(): Promise<Outcome> {
    const exitCode = await Promise.race([this.child.exited, Bun.sleep(this.#limitMs)]);
    if (exitCode === undefined) {
      this.child.kill("SIGKILL");
      throw new Error(`still running after ${this.#limitMs} ms: ${this.stdout}${this.stderr}`);
    }
    return { exitCode, stdout: this.stdout, stderr: this.stderr };
  }

  [Symbol.dispose](): void {
    if (this.child.exitCode === null) this.child.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Runs any command to its end. */
export async function execute(argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  using running = new Running(argv, options);
  return await running.outcome();
}

/** Waits for a condition, without a guess at how long it takes. */
export async function until(condition: () => boolean, what: string, limitMs = LIMIT_MS): Promise<void> {
  const end = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited ${limitMs} ms in vain for ${what}`);
    await Bun.sleep(2);
  }
}

const P_PID = 1;
const WEXITED_WNOHANG = 4 | 1;

/**
 * Waits until a process that the tests did not start themselves has ended, and lets go of it if it is theirs by now (see
 * PR_SET_CHILD_SUBREAPER): a pid namespace ends only when nobody in it is left to be waited for (pid_namespaces(7)).
 */
export async function ended(pid: number): Promise<void> {
  await until(() => {
    const stat = readOrEmpty(`/proc/${pid}/stat`);
    return stat === "" || stat.slice(stat.lastIndexOf(")")).startsWith(") Z");
  }, `the end of ${pid}`);
  systemCall("waitid", P_PID, pid, 0, WEXITED_WNOHANG, 0);
}

let specText: string | undefined;

/** What `box spec` writes, with `terminal` false. Each call gives a value of its own. */
function specOfBox(): Spec {
  if (specText === undefined) {
    const folder = mkdtempSync(`${tmpdir()}/box-spec-`);
    const { exitCode, stderr } = Bun.spawnSync([binary, "spec", "--bundle", folder], { timeout: LIMIT_MS });
    if (exitCode !== 0) throw new Error(`box spec: ${stderr}`);
    specText = readFileSync(`${folder}/config.json`, "utf8");
    rmSync(folder, { recursive: true });
  }
  const spec = JSON.parse(specText) as Spec;
  return { ...spec, process: { ...(spec.process as Process), terminal: false } };
}

let bundles = 0;

function chown(uid: number, what: readonly string[]): void {
  const { exitCode } = Bun.spawnSync(["chown", "--no-dereference", `${uid}:${uid}`, ...what]);
  if (exitCode !== 0) throw new Error(`cannot give ${what.join(" ")} to ${uid}`);
}

/**
 * A bundle folder with a busybox root, a configuration, a state folder and an id that no other test uses. At the end of
 * its scope its containers are ended and everything is removed.
 */
export class Bundle implements Disposable {
  readonly folder: string;
  readonly rootfs: string;
  /** For --root. */
  readonly states: string;
  /** Also the prefix of every other id in `states`, which `machine` looks for. */
  readonly id: string;
  spec: Spec;

  /** `change` edits what `box spec` wrote. */
  constructor(change: (spec: RichSpec) => void = () => {}) {
    this.folder = mkdtempSync(`${tmpdir()}/box-test-`);
    chmodSync(this.folder, 0o755);
    this.rootfs = `${this.folder}/rootfs`;
    this.states = `${this.folder}/states`;
    this.id = `test-${process.pid}-${++bundles}`;
    fillRoot(this.rootfs);
    this.spec = specOfBox();
    this.change(change);
  }

  /** Edits the configuration; `spec` is there in full, so that tests need no `?.`. */
  change(change: (spec: RichSpec) => void): void {
    change(this.spec as RichSpec);
    writeFileSync(`${this.folder}/config.json`, JSON.stringify(this.spec));
  }

  /** Puts any text in place of config.json. */
  writeConfig(text: string): void {
    writeFileSync(`${this.folder}/config.json`, text);
  }

  /** Gives all its files and the state folder to a user, for runs with `asUser`. */
  giveTo(uid: number): void {
    mkdirSync(this.states, { recursive: true, mode: 0o700 });
    chown(uid, ["--recursive", this.folder]);
  }

  /** Gives the container's root, and the way to it, to one of a map's ids. */
  giveRootTo(uid: number): void {
    chown(uid, [this.folder]);
    chown(uid, ["--recursive", this.rootfs]);
  }

  /** Starts `box --root STATES args…` in the bundle's folder. */
  start(args: readonly string[], options: RunOptions = {}): Running {
    return new Running([binary, "--root", this.states, ...args], { cwd: this.folder, ...options });
  }

  /** Runs `box --root STATES args…` in the bundle's folder to its end. */
  async box(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    using running = this.start(args, options);
    return await running.outcome();
  }

  /** Runs the container with these words as its process.args. */
  async run(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    this.change((spec) => (spec.process.args = [...args]));
    return await this.box(["run", this.id], options);
  }

  /** Runs a shell script in the container; it must end with 0 and write nothing to stderr. Returns its output's lines. */
  async sh(script: string, options: RunOptions = {}): Promise<string[]> {
    const { exitCode, stdout, stderr } = await this.run(["sh", "-c", script], options);
    if (exitCode !== 0 || stderr !== "") throw new Error(`${script}\nended with ${exitCode}: ${stderr}${stdout}`);
    return linesOf(stdout);
  }

  /** Starts a shell script in the container, and waits until it says "ready" and box is no more than its supervisor. */
  async startSh(script: string, options: RunOptions = {}): Promise<Running> {
    this.change((spec) => (spec.process.args = ["sh", "-c", script]));
    const running = this.start(["run", this.id], options);
    await running.says("ready");
    await running.supervises();
    return running;
  }

  /** Runs the same bundle with runc. */
  async runc(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    this.change((spec) => (spec.process.args = [...args]));
    return await execute(["runc", "--root", `${this.folder}/runc`, "run", this.id], { cwd: this.folder, ...options });
  }

  /** The pid of the container's first process by its state. */
  get initPid(): number {
    return (JSON.parse(readFileSync(`${this.states}/${this.id}/state.json`, "utf8")) as { pid: number }).pid;
  }

  [Symbol.dispose](): void {
    const ids = statesIn(this.states);
    // Only their owner may say what is to become of states.
    const before = existsSync(this.states) && statSync(this.states).uid === userId ? asUser : [];
    if (ids.length > 0) Bun.spawnSync([...before, binary, "--root", this.states, "delete", "--force", ...ids], { timeout: LIMIT_MS });
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Ids of the containers that have a state. What box keeps besides begins with a dot, which no id does. */
const statesIn = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder).filter((name) => !name.startsWith(".")) : []);

/** A Spec with the parts that `box spec` always writes. */
export type RichSpec = Spec & {
  process: Process & { args: string[]; env: string[]; capabilities: NonNullable<Process["capabilities"]> };
  root: NonNullable<Spec["root"]>;
  mounts: NonNullable<Spec["mounts"]>;
  linux: NonNullable<Spec["linux"]> & { namespaces: NonNullable<NonNullable<Spec["linux"]>["namespaces"]> };
};

function fillRoot(root: string): void {
  for (const folder of ["bin", "dev", "etc", "proc", "root", "sys", "tmp"]) mkdirSync(`${root}/${folder}`, { recursive: true });
  chmodSync(`${root}/tmp`, 0o1777);
  cpSync(busybox, `${root}/bin/busybox`);
  for (const applet of applets) symlinkSync("busybox", `${root}/bin/${applet}`);
  writeFileSync(`${root}/etc/passwd`, "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1001:A User:/home/user:/bin/sh\n");
  writeFileSync(`${root}/etc/group`, "root:x:0:\nusers:x:1001:\nextra:x:1002:user\n");
}

/** Lines without the empty one after the last newline. */
export const linesOf = (text: string): string[] => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));

/** What the machine holds of a bundle's containers, and what any container might leave. Compare before with after. */
export type Machine = {
  /** Living processes that descend from the tests, orphans included. */
  readonly processes: readonly string[];
  readonly mounts: readonly string[];
  readonly cgroups: readonly string[];
  readonly states: readonly string[];
};

const PR_SET_CHILD_SUBREAPER = 36;
// Whatever outlives its parent becomes a child of the tests, where it is seen.
systemCall("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
afterAll(() => {
  systemCall("prctl", PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
});

export const machine = (bundle: Bundle): Machine => ({
  processes: descendants(process.pid),
  mounts: linesOf(readFileSync("/proc/self/mountinfo", "utf8")),
  cgroups: cgroupsOf("/sys/fs/cgroup", bundle.id),
  states: statesIn(bundle.states),
});

/** Living processes below `ancestor`, as `PID NAME`; a dead one that nobody has waited for yet does not live. */
export function descendants(ancestor: number): string[] {
  const parents = new Map<number, { parent: number; name: string; lives: boolean }>();
  for (const entry of readdirSync("/proc")) {
    const stat = /^\d+$/.test(entry) ? readOrEmpty(`/proc/${entry}/stat`) : "";
    if (stat === "") continue;
    const end = stat.lastIndexOf(")");
    const [state, parent] = stat.slice(end + 2).split(" ");
    parents.set(Number(entry), { parent: Number(parent), name: stat.slice(stat.indexOf("(") + 1, end), lives: state !== "Z" });
  }
  const below = (pid: number): boolean => {
    const parent = parents.get(pid)?.parent ?? 0;
    return parent === ancestor || (parent > 0 && below(parent));
  };
  return [...parents].filter(([pid, { lives }]) => lives && below(pid)).map(([pid, { name }]) => `${pid} ${name}`);
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // A process may end between the look at /proc and this one.
    return "";
  }
}

function readlinkOrEmpty(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** Cgroups in any hierarchy with `id` in their name, other than as part of a longer number. */
export function cgroupsOf(folder: string, id: string): string[] {
  const out: string[] = [];
  for (const entry of foldersIn(folder)) {
    const path = `${folder}/${entry.name}`;
    if (new RegExp(`${id}(?!\\d)`).test(entry.name)) out.push(path);
    out.push(...cgroupsOf(path, id));
  }
  return out;
}

/** None of one that has just gone: others on the machine have containers too. */
function foldersIn(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

export type CgroupLayout = "as is" | "v1" | "v2";

const layoutScripts: Record<CgroupLayout, string> = {
  "as is": "",
  v1: `umount -l /sys/fs/cgroup/* 2>/dev/null; umount -l /sys/fs/cgroup; mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
    for c in cpu cpuacct cpuset memory devices freezer blkio pids; do mkdir /sys/fs/cgroup/$c; mount -t cgroup -o $c cgroup /sys/fs/cgroup/$c || rmdir /sys/fs/cgroup/$c; done
    mkdir /sys/fs/cgroup/systemd; mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd`,
  v2: "umount -l /sys/fs/cgroup/* 2>/dev/null; umount -l /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup",
};

/** Words in front of a command: it then sees this layout of cgroups, in a mount namespace of its own. */
export const inLayout = (layout: CgroupLayout): string[] => [
  "unshare",
  "--mount",
  "--propagation",
  "private",
  "sh",
  "-c",
  `${layoutScripts[layout]}\nexec "$@"`,
  "sh",
];
