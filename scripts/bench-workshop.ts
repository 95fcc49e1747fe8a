// Where the benchmark works: copies of the runtimes, a busybox root, one bundle for each layout of cgroups and command,
// and state folders of its own. Everything is made here and removed here, containers and cgroups included.

import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { type ChildOptions, runChild, tryChild } from "./bench-child.ts";
import { podmanSpec, readProfile } from "./bench-podman.ts";

export const runtimeNames = ["box", "runc", "crun", "bubblewrap"] as const;
export type RuntimeName = (typeof runtimeNames)[number];

/** What /sys/fs/cgroup looks like to the command: as on this machine, or cgroup2 alone, in a mount namespace of its own. */
export type Layout = "host" | "cgroup2";
export const layoutTitles: Record<Layout, string> = { host: "cgroups as they are", cgroup2: "pure cgroup2" };

/** The containers: one that ends at once, one that stays until it is killed or the benchmark is long gone, and one as of podman. */
export const commands = { true: ["/bin/true"], sleep: ["/bin/sleep", "120"], podman: ["/bin/true"] } as const;
export type Command = keyof typeof commands;

/** A runtime that can be run. */
export type Runtime = { readonly name: RuntimeName; readonly path: string };

/** A runtime seen to run a container in a layout, with what it takes to do so. */
export type Entrant = Runtime & {
  readonly layout: Layout;
  /** Environment that it needs here beyond the usual one. */
  readonly environment: Readonly<Record<string, string>>;
};

/** crun 1.8.1 refuses anything newer, and the default spec holds nothing newer. */
const OCI_VERSION = "1.0.2";
const WRITE_BYTES = 8 * 1024 * 1024;
const busybox = "/bin/busybox";

const REMOVAL_LIMIT_MS = 5000;
const RETRY_MS = 20;
/** Prints those that it could not remove. `find` itself fails when a cgroup of someone else vanishes under it. */
const removeCgroups =
  'set -- /sys/fs/cgroup -depth -type d -path "$1"; find "$@" -exec rmdir {} ";" 2>/dev/null; find "$@" 2>/dev/null; true';
const pureCgroup2 = 'umount -l /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"';

export class Workshop implements AsyncDisposable {
  /** Also in the name of every cgroup that the containers get. */
  readonly id = `box-bench-${process.pid}`;
  readonly folder = mkdtempSync(`${tmpdir()}/box-bench-`);
  readonly rootfs = `${this.folder}/rootfs`;
  readonly signal: AbortSignal;
  #states: string | undefined;
  readonly #used = new Map<string, Entrant>();

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  /**
   * Copies an executable. One written in small blocks, as linkers and package managers do it, lies in small folios of the
   * page cache and starts up to 1 ms later than one written at large: so all are written alike, and read once.
   */
  copy(name: RuntimeName, path: string): Runtime {
    const copy = `${this.folder}/${name}`;
    const bytes = readFileSync(path);
    const file = openSync(copy, "wx", 0o755);
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, Math.min(WRITE_BYTES, bytes.length - at));
    closeSync(file);
    readFileSync(copy);
    return { name, path: copy };
  }

  /** Makes the root and, in each layout, the bundles: what `box spec` writes, but for version, terminal, root and args. */
  async makeBundles(box: Runtime, layouts: readonly Layout[]): Promise<void> {
    if (!existsSync(busybox)) throw new Error(`${busybox} is missing (Debian package busybox-static)`);
    for (const name of ["bin", "dev", "etc", "proc", "run", "sys", "tmp"]) mkdirSync(`${this.rootfs}/${name}`, { recursive: true });
    cpSync(busybox, `${this.rootfs}/bin/busybox`);
    for (const applet of ["true", "sleep"]) symlinkSync("busybox", `${this.rootfs}/bin/${applet}`);
    for (const layout of layouts) {
      mkdirSync(this.bundle(layout, "true"));
      mkdirSync(this.bundle(layout, "sleep"));
      await runChild([...inLayout(layout), box.path, "spec", "--bundle", this.bundle(layout, "true")], { signal: this.signal });
      const text = readFileSync(`${this.bundle(layout, "true")}/config.json`, "utf8");
      for (const command of ["true", "sleep"] as const) {
        const spec = JSON.parse(text);
        spec.ociVersion = OCI_VERSION;
        spec.process = { ...spec.process, terminal: false, args: commands[command] };
        spec.root = { ...spec.root, path: this.rootfs };
        writeFileSync(`${this.bundle(layout, command)}/config.json`, JSON.stringify(spec, null, "\t"));
      }
      this.#makePodmanBundle(layout);
    }
  }

  /** Not made where podman's seccomp profile is missing. */
  #makePodmanBundle(layout: Layout): void {
    const profile = readProfile();
    if (profile === undefined) return;
    const folder = this.bundle(layout, "podman");
    const v1 = !isPure(layout);
    const spec = podmanSpec({
      profile,
      ociVersion: OCI_VERSION,
      rootfs: this.rootfs,
      args: commands.podman,
      folder,
      pids: hasPids(v1),
      ownCgroups: !v1,
    });
    writeFileSync(`${folder}/config.json`, JSON.stringify(spec));
  }

  bundle(layout: Layout, command: Command): string {
    return `${this.folder}/${layout}-${command}`;
  }

  /** Words that run a container with the runtime, without those that put it into its layout. */
  runWords(entrant: Entrant, command: Command): string[] {
    const { name, path, layout } = entrant;
    if (name === "bubblewrap") return [path, ...bubblewrapFlags(this.rootfs), ...commands[command]];
    return this.words(entrant, "run", "--bundle", this.bundle(layout, command), this.containerId(entrant));
  }

  /** The same for a container that stays when the command is done. */
  detachWords(entrant: Entrant, command: Command, id: string): string[] {
    return this.words(entrant, "run", "--detach", "--bundle", this.bundle(entrant.layout, command), id);
  }

  /** Any command of the runtime, with the benchmark's state folder. */
  words(entrant: Entrant, ...words: readonly string[]): string[] {
    const { name, path, layout } = entrant;
    this.#used.set(`${name} ${layout}`, entrant);
    return [path, "--root", this.stateFolder(name), ...words];
  }

  /** What a child of this entrant needs to be told. */
  optionsFor(entrant: Entrant): ChildOptions {
    return { environment: entrant.environment, signal: this.signal, cwd: this.folder };
  }

  /** Removes what an entrant may have left: containers killed half-way, and the cgroup that crun leaves when it fails. */
  async removeContainers(entrant: Entrant): Promise<void> {
    const { name, path, layout, environment } = entrant;
    const before = inLayout(layout);
    if (name !== "bubblewrap") {
      const folder = this.stateFolder(name);
      for (const id of readdirSync(folder)) {
        if (id.startsWith(this.id)) await tryChild([...before, path, "--root", folder, "delete", "--force", id], { environment });
      }
    }
    const limit = performance.now() + REMOVAL_LIMIT_MS;
    // A cgroup is busy until the last process that was killed in it is quite gone.
    for (;;) {
      const left = await runChild([...before, "sh", "-c", removeCgroups, "sh", `*${this.id}*`]);
      if (left === "") return;
      if (performance.now() > limit) throw new Error(`cannot remove these cgroups:\n${left}`);
      await Bun.sleep(RETRY_MS);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const entrant of this.#used.values()) await this.removeContainers(entrant);
    rmSync(this.folder, { recursive: true, force: true });
    if (this.#states !== undefined) rmSync(this.#states, { recursive: true, force: true });
  }

  /** Of the runtime's usual container, or of one of several. */
  containerId({ name }: Entrant, which?: string): string {
    return which === undefined ? `${this.id}-${name}` : `${this.id}-${name}-${which}`;
  }

  /** In /run, where the runtimes keep their state when they are not told otherwise, and so on the same file system. */
  stateFolder(name: RuntimeName): string {
    this.#states ??= mkdtempSync("/run/box-bench-");
    const folder = `${this.#states}/${name}`;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return folder;
  }

  /** Where the many containers of its list are; not there until somebody makes it. */
  listFolder({ name, layout }: Entrant): string {
    return `${this.stateFolder(name)}-list-${layout}`;
  }
}

/** The nearest that bubblewrap has to the default spec: no cgroup, no masked paths, no device rules, no limits. */
const bubblewrapFlags = (rootfs: string): string[] => [
  ...["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "runc"],
  ...["--ro-bind", rootfs, "/", "--proc", "/proc", "--dev", "/dev", "--mqueue", "/dev/mqueue", "--ro-bind", "/sys", "/sys"],
  ...["--cap-drop", "ALL", "--new-session", "--die-with-parent", "--chdir", "/"],
];

/** The layouts to compare in: a machine that is pure cgroup2 already has only the one. */
export const layoutsHere = (): Layout[] => (isPure("host") ? ["host"] : ["host", "cgroup2"]);

function isPure(layout: Layout): boolean {
  if (layout === "cgroup2") return true;
  const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return lines.some((line) => line.split(" ")[4] === "/sys/fs/cgroup" && line.includes(" - cgroup2 "));
}

/** Whether the number of processes can be limited, in hierarchies of version 1 or in the one of version 2. */
function hasPids(v1: boolean): boolean {
  if (v1) return existsSync("/sys/fs/cgroup/pids");
  const [file] = ["/sys/fs/cgroup/cgroup.controllers", "/sys/fs/cgroup/unified/cgroup.controllers"].filter((one) => existsSync(one));
  return file !== undefined && readFileSync(file, "utf8").split(/\s+/).includes("pids");
}

/** Words in front of a command that put it into the layout; they end in exec, so its pid is that of the first word. */
export const inLayout = (layout: Layout): string[] =>
  layout === "host" ? [] : ["unshare", "--mount", "--propagation", "private", "sh", "-c", pureCgroup2, "sh"];
