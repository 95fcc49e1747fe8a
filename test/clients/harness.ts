// A world for one client of box: mount, network, pid, ipc, uts and cgroup namespaces of its own, in which podman, containerd
// or Docker runs unmodified. Its writable places are tmpfs and its cgroups lie below one folder, so that what a client or
// a broken runtime leaves behind goes with it. Which scenarios run in it, and against which runtime, is scenarios.ts's.

import { type Dirent, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { type CgroupLayout, linesOf, type Outcome, Running, until } from "../integration/harness.ts";

/** How long a client's command may take before it is killed; the slowest of them take three seconds on an idle machine. */
const COMMAND_LIMIT_MS = 30_000;

/** Where Debian has its programs: the clients under test are those, whatever else is installed. */
const PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

/** What a world has for its clients to write to; a tmpfs. */
export const worldFolder = "/run/world";

export type CommandOptions = {
  /** Nothing when left out. */
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly limitMs?: number;
};

export type WorldOptions = {
  readonly layout?: CgroupLayout;
  /** The runtime under test, by its path on this machine. The world has it as /run/world/NAME. */
  readonly runtime: string;
  /** More commands of the shell that sets the world up, as root. */
  readonly setup?: string;
};

let worlds = 0;

export class World implements AsyncDisposable {
  readonly layout: CgroupLayout;
  readonly #groups: readonly CgroupMount[];
  readonly #unshare: Running;
  readonly #daemons: Running[] = [];
  #init = 0;

  private constructor({ layout = "as is", runtime, setup = "" }: WorldOptions) {
    this.layout = layout;
    const name = `box-clients-${process.pid}-${++worlds}`;
    this.#groups = cgroupMounts().map((mount) => ({ ...mount, at: makeGroup(mount, name) }));
    const script = `set -e\n${places}\n${cgroupScript(layout, cgroupMounts())}\n${bind(runtime)}\n${setup}\n${ready}`;
    const unshare = "unshare --mount --net --pid --ipc --uts --fork --kill-child=KILL --mount-proc --propagation private".split(" ");
    // A cgroup namespace begins where its first process is. The signal ends the world even when the tests are killed.
    const cgroups = [...this.#entering(false), "unshare", "--cgroup", ...this.#entering(true)];
    this.#unshare = new Running(["setpriv", "--pdeathsig", "KILL", ...cgroups, ...unshare, "sh", "-c", script], { env: { PATH } });
  }

  static async open(options: WorldOptions): Promise<World> {
    const world = new World(options);
    try {
      await until(() => world.#isReady(), "a world to be set up");
    } catch (problem) {
      const said = world.#unshare.stderr;
      await world[Symbol.asyncDispose]();
      throw new Error(`cannot make namespaces for a client: ${said}`, { cause: problem });
    }
    return world;
  }

  #isReady(): boolean {
    if (this.#unshare.child.exitCode !== null) throw new Error("it ended");
    this.#init = childrenOf(this.#unshare.pid)[0] ?? 0;
    return this.#init > 0 && existsSync(this.path(`${worldFolder}/ready`));
  }

  /** A path of the world, as the tests reach it. */
  path(inside: string): string {
    return `/proc/${this.#init}/root${inside}`;
  }

  write(inside: string, content: string | Uint8Array): string {
    mkdirSync(this.path(inside.slice(0, inside.lastIndexOf("/"))), { recursive: true });
    writeFileSync(this.path(inside), content);
    return inside;
  }

  /** Names in one of the world's folders, but those that begin with a dot; none when it is not there. */
  list(inside: string): string[] {
    return existsSync(this.path(inside)) ? readdirSync(this.path(inside)).filter((name) => !name.startsWith(".")) : [];
  }

  /** Words that put a command into the world's cgroups; nsenter moves nothing but namespaces. */
  #entering(toLeaf: boolean): string[] {
    const files = this.#groups.map(({ at, type }) => (type === "cgroup" ? `${at}/tasks` : `${at}${toLeaf ? "/world" : ""}/cgroup.procs`));
    return ["sh", "-c", `for file in ${files.join(" ")}; do echo 0 > $file || exit; done; exec "$@"`, "sh"];
  }

  /** A whole command line, for the tests to spawn, that runs `argv` in the world; with nothing of the tests' environment. */
  argv(argv: readonly string[], { env = {}, limitMs = COMMAND_LIMIT_MS }: CommandOptions = {}): string[] {
    const namespaces = ["mount", "net", "pid", "ipc", "uts", "cgroup"].map((name) => `--${name}`);
    const variables = { PATH, HOME: `${worldFolder}/home`, TMPDIR: "/var/tmp", TERM: "xterm", ...env };
    return [
      ...this.#entering(true),
      ...["nsenter", "--target", String(this.#init), ...namespaces, "--"],
      ...["timeout", "--foreground", "--signal=KILL", String(limitMs / 1000)],
      ...["env", "-i", ...Object.entries(variables).map(([name, value]) => `${name}=${value}`)],
      ...argv,
    ];
  }

  /** Starts a command in the world. */
  start(argv: readonly string[], options: CommandOptions = {}): Running {
    const limitMs = (options.limitMs ?? COMMAND_LIMIT_MS) + 5000;
    return new Running(this.argv(argv, options), { limitMs, ...(options.stdin === undefined ? {} : { stdin: options.stdin }) });
  }

  /** Runs a command in the world to its end. */
  async call(argv: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
    using running = this.start(argv, options);
    return await running.outcome();
  }

  /** Runs a command that must succeed; what it wrote to stdout, without the last newline. */
  async ok(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
    return stdoutOf(argv, await this.call(argv, options));
  }

  /** Starts a daemon, which ends with the world, and waits until it answers. */
  async daemon(argv: readonly string[], answers: () => Promise<boolean>): Promise<void> {
    const daemon = new Running(this.argv(argv, { limitMs: 0 }), {});
    this.#daemons.push(daemon);
    try {
      await untilAsync(async () => daemon.child.exitCode !== null || (await answers()), `${argv[0]} to answer`);
      if (daemon.child.exitCode !== null) throw new Error(`${argv[0]} ended with ${daemon.child.exitCode}`);
    } catch (problem) {
      throw new Error(`cannot start ${argv[0]}: ${daemon.stderr}`, { cause: problem });
    }
  }

  /** Folders of the world's cgroups whose names have `part` in them, by their paths on this machine. */
  cgroups(part: string): string[] {
    return this.#groups.flatMap(({ at }) => foldersBelow(at).filter((path) => path.slice(path.lastIndexOf("/")).includes(part)));
  }

  /** Names of the processes that live in the world. */
  async processes(): Promise<string[]> {
    return linesOf(await this.ok(["ps", "-e", "-o", "comm="]));
  }

  /** Ends everything in the world, and removes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    // What is frozen by cgroup v1 does not die.
    for (const { at } of this.#groups)
      for (const folder of foldersBelow(at)) if (existsSync(`${folder}/freezer.state`)) writeFileSync(`${folder}/freezer.state`, "THAWED");
    const ended = this.#unshare.child.exitCode !== null;
    if (!ended && this.#init > 0) process.kill(this.#init, "SIGKILL");
    else this.#unshare.child.kill("SIGKILL");
    await endOf(this.#unshare.child, "a world");
    for (const running of [this.#unshare, ...this.#daemons]) running[Symbol.dispose]();
    for (const { at } of this.#groups) await until(() => isRemoved(at), `the cgroup ${at} to be empty`);
  }
}

/** What a command wrote to stdout, without the last newline; throws when it failed. */
function stdoutOf(command: readonly string[], { exitCode, stdout, stderr }: Outcome): string {
  if (exitCode !== 0) throw new Error(`${command.join(" ")}\nended with ${exitCode}: ${stderr}${stdout}`);
  return stdout.trimEnd();
}

export type ClientOptions = {
  readonly world: World;
  /** The client's program with its global flags. */
  readonly words: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
};

/** A client's command line in its world. What only one client has is in the file of that client. */
export class Client implements AsyncDisposable {
  readonly world: World;
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  #names = 0;

  constructor({ world, words, env = {} }: ClientOptions) {
    this.world = world;
    this.words = words;
    this.env = env;
  }

  /** A name for a container, a pod or a volume that no other has. */
  newName(): string {
    return `c${++this.#names}`;
  }

  async call(args: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
    return await this.world.call([...this.words, ...args], { ...options, env: { ...this.env, ...options.env } });
  }

  /** A command that must succeed; its output without the last newline. */
  async ok(args: readonly string[], options: CommandOptions = {}): Promise<string> {
    return stdoutOf(args, await this.call(args, options));
  }

  /** Runs a command on a terminal. */
  terminal(args: readonly string[]): Terminal {
    return new Terminal(this.world.argv([...this.words, ...args], { env: this.env }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
  }
}

const places = `mount -t tmpfs -o mode=755 world /run
mount -t tmpfs -o mode=1777 world /dev/shm
mount -t tmpfs -o mode=1777 world /var/tmp
mkdir -p ${worldFolder}/home ${worldFolder}/etc ${worldFolder}/work /run/netns
mount -t overlay -o lowerdir=/etc,upperdir=${worldFolder}/etc,workdir=${worldFolder}/work world /etc
ip link set lo up`;

/** Shared mounts are what the clients find on a machine with systemd. */
const ready = `mount --make-rshared /
: > ${worldFolder}/ready
exec catatonit -P`;

/** A bind mount, since its own folder may be closed to ordinary users. */
function bind(runtime: string): string {
  const inside = runtimePath(runtime);
  return `: > ${inside}; mount --bind ${runtime} ${inside}`;
}

/** Where a world has this runtime. */
export const runtimePath = (runtime: string): string => `${worldFolder}/${runtimeName(runtime)}`;
export const runtimeName = (runtime: string): string => runtime.slice(runtime.lastIndexOf("/") + 1);

type CgroupMount = { readonly at: string; readonly type: "cgroup" | "cgroup2"; readonly options: string };

/** The hierarchies that this machine has mounted below /sys/fs/cgroup, with what to mount them again by. */
function cgroupMounts(): CgroupMount[] {
  return linesOf(readFileSync("/proc/self/mountinfo", "utf8")).flatMap((line) => {
    const [left = "", right = ""] = line.split(" - ");
    const at = left.split(" ")[4] ?? "";
    const [type, , superOptions = ""] = right.split(" ");
    if (!at.startsWith("/sys/fs/cgroup") || (type !== "cgroup" && type !== "cgroup2")) return [];
    const named = superOptions.split(",").filter((option) => option !== "rw" && !/^(xattr|release_agent=.*|clone_children)$/.test(option));
    const options = named.some((option) => option.startsWith("name=")) ? ["none", ...named] : named;
    return [{ at, type, options: options.join(",") }];
  });
}

/** Makes the world's own cgroup in one hierarchy: what the world sees as the root. */
function makeGroup({ at, type }: CgroupMount, name: string): string {
  const folder = `${at}/${name}`;
  // On v2 processes live in leaves only, so the world's own are below what it sees as the root.
  mkdirSync(type === "cgroup" ? folder : `${folder}/world`, { recursive: true });
  // A new cpuset of v1 is empty, and takes no process.
  for (const file of ["cpuset.cpus", "cpuset.mems"])
    if (type === "cgroup" && existsSync(`${at}/${file}`)) writeFileSync(`${folder}/${file}`, readFileSync(`${at}/${file}`));
  return folder;
}

/** Mounts the hierarchies again, from within the cgroup namespace: so they begin at the world's own. */
function cgroupScript(layout: CgroupLayout, mounts: readonly CgroupMount[]): string {
  const lines = ["umount -l /sys/fs/cgroup/* 2>/dev/null || :", "umount -l /sys/fs/cgroup"];
  const wanted = layout === "v1" ? mounts.filter(({ type }) => type === "cgroup") : mounts;
  const alone = layout === "v2" || wanted.every(({ at }) => at === "/sys/fs/cgroup");
  if (alone) lines.push("mount -t cgroup2 cgroup2 /sys/fs/cgroup", ...leafScript("/sys/fs/cgroup"));
  else {
    lines.push("mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup");
    for (const { at, type, options } of wanted) {
      lines.push(`mkdir ${at}`, type === "cgroup" ? `mount -t cgroup -o ${options} cgroup ${at}` : `mount -t cgroup2 cgroup2 ${at}`);
      for (const link of at.includes(",") ? at.slice(15).split(",") : []) lines.push(`ln -s ${at.slice(15)} /sys/fs/cgroup/${link}`);
      if (type === "cgroup2") lines.push(...leafScript(at));
    }
  }
  return lines.join("\n");
}

const leafScript = (at: string): string[] => [
  `for controller in $(cat ${at}/cgroup.controllers); do echo +$controller > ${at}/cgroup.subtree_control; done`,
];

/** A folder and all below it, the deepest first. */
/** Itself too, unless it is gone: containers that end take theirs with them at any time. */
function foldersBelow(folder: string): string[] {
  const entries = entriesOf(folder);
  if (entries === undefined) return [];
  return [...entries.filter((entry) => entry.isDirectory()).flatMap(({ name }) => foldersBelow(`${folder}/${name}`)), folder];
}

function entriesOf(folder: string): Dirent[] | undefined {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function isRemoved(group: string): boolean {
  try {
    for (const folder of foldersBelow(group)) rmdirSync(folder);
    return true;
  } catch {
    return !existsSync(group);
  }
}

function childrenOf(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
    return children === "" ? [] : children.split(" ").map(Number);
  } catch {
    // It has ended.
    return [];
  }
}

/** Waits for the end of a process, but not for ever. */
async function endOf(child: Bun.Subprocess, what: string): Promise<number> {
  const exitCode = await Promise.race([child.exited, Bun.sleep(COMMAND_LIMIT_MS)]);
  if (exitCode === undefined) throw new Error(`waited ${COMMAND_LIMIT_MS} ms in vain for the end of ${what}`);
  return exitCode;
}

/** Waits for a condition that a client must be asked for. */
export async function untilAsync(condition: () => Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + COMMAND_LIMIT_MS;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited ${COMMAND_LIMIT_MS} ms in vain for ${what}`);
    await Bun.sleep(20);
  }
}

/** A shell's script that waits for the caller's size: some clients hand it on only after the start. */
export const untilSized = `until test "$(stty size 2>/dev/null)" = "30 100"; do sleep 0.05; done`;

/**
 * A shell's script that ends with 5 once a signal tells it of a terminal of 77 by 22. Clients resize a terminal also when
 * they have just attached to it, so the first signal need not be the one.
 */
export const endWhenResized = `trap 'test "$(stty size 2>/dev/null)" = "22 77" && exit 5' WINCH; echo now ready; while :; do sleep 0.05; done`;

/** A client's command on a pseudoterminal of 100 by 30, as a person would run it. */
export class Terminal implements AsyncDisposable {
  readonly #child: Bun.Subprocess;
  #output = "";

  constructor(argv: readonly string[]) {
    const data = (_: unknown, bytes: Uint8Array): void => {
      this.#output += new TextDecoder().decode(bytes);
    };
    this.#child = Bun.spawn([...argv], { terminal: { cols: 100, rows: 30, data } });
  }

  /** What it has shown so far, with newlines as they were written. */
  get output(): string {
    // ctr leaves the caller's terminal to turn newlines into returns with newlines once more.
    return this.#output.replace(/\r+\n/g, "\n");
  }

  type(text: string): void {
    this.#child.terminal?.write(text);
  }

  /**
   * Resizes the terminal to 77 by 22 until the command ends. ctr and Docker listen for new sizes only after they have handed
   * on the first, so one that comes in between is lost.
   */
  async resizeToEnd(): Promise<{ exitCode: number; output: string }> {
    while (this.#child.exitCode === null && this.#child.signalCode === null) {
      for (const cols of [76, 77]) this.#child.terminal?.resize(cols, 22);
      await Bun.sleep(100);
    }
    return await this.end();
  }

  async says(text: string): Promise<void> {
    const said = (): boolean => this.output.includes(text);
    const end = performance.now() + COMMAND_LIMIT_MS;
    while (!said() && this.#child.exitCode === null && performance.now() < end) await Bun.sleep(5);
    if (!said()) throw new Error(`in vain for ${JSON.stringify(text)} on a terminal that has shown ${JSON.stringify(this.output)}`);
  }

  async end(): Promise<{ exitCode: number; output: string }> {
    const exitCode = await endOf(this.#child, `a command on a terminal that has shown ${JSON.stringify(this.output)}`);
    return { exitCode, output: this.output };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // nsenter stays, to reap its child: a zombie that nobody reaps would keep the world's pid namespace for ever.
    for (const pid of childrenOf(this.#child.pid)) process.kill(pid, "SIGKILL");
    await endOf(this.#child, "a command on a terminal");
    this.#child.terminal?.close();
  }
}
