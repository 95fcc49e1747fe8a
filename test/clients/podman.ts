// podman in a world of its own, for root or for an ordinary user, with the runtime under test named in containers.conf.

import type { CgroupLayout, Outcome } from "../integration/harness.ts";
import { linesOf } from "../integration/harness.ts";
import { type CommandOptions, runtimeName, runtimePath, Terminal, World, worldFolder } from "./harness.ts";
import { rootTar } from "./image.ts";
import type { Runtime } from "./scenarios.ts";

/** The user of rootless scenarios. In the world's own /etc/passwd only. */
export const boxer = { id: 4242, subordinate: 300_000 };

export type PodmanOptions = { readonly layout?: CgroupLayout; readonly rootless?: boolean };

/** Debian packages that podman's scenarios need, by their programs. */
export const podmanPrograms = ["podman", "conmon"];
export const rootlessPrograms = [...podmanPrograms, "newuidmap", "slirp4netns", "setpriv"];

export class Podman implements AsyncDisposable {
  readonly runtime: Runtime;
  readonly world: World;
  readonly #user: string[];
  /** podman with its global flags. */
  readonly #podman: string[];
  readonly #env: Record<string, string>;
  /** Its storage and configuration. */
  readonly folder: string;
  #names = 0;

  private constructor(runtime: Runtime, world: World, rootless: boolean) {
    this.runtime = runtime;
    this.world = world;
    this.folder = `${worldFolder}/${rootless ? "home" : "podman"}`;
    const { folder } = this;
    this.#user = rootless ? ["setpriv", `--reuid=${boxer.id}`, `--regid=${boxer.id}`, "--clear-groups", "--inh-caps=-all"] : [];
    const places = [`--root=${folder}/storage`, `--runroot=${folder}/run`, `--tmpdir=${folder}/tmp`];
    this.#podman = ["podman", ...places, "--cgroup-manager=cgroupfs", "--storage-driver=overlay"];
    this.#env = { CONTAINERS_CONF: `${worldFolder}/containers.conf`, ...(rootless ? { XDG_RUNTIME_DIR: `${worldFolder}/xdg` } : {}) };
  }

  static async open(runtime: Runtime, { layout = "as is", rootless = false }: PodmanOptions = {}): Promise<Podman> {
    const world = await World.open({ runtime: runtime.path, layout, setup: rootless ? userScript : "" });
    const podman = new Podman(runtime, world, rootless);
    world.write(`${worldFolder}/containers.conf`, configuration(runtime));
    world.write(`${worldFolder}/root.tar`, rootTar());
    await podman.ok(["import", `${worldFolder}/root.tar`, "bb"]);
    return podman;
  }

  /** The words of a podman command; those before it make it the user's. */
  argv(args: readonly string[]): string[] {
    return [...this.#user, ...this.#podman, ...args];
  }

  async call(args: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
    return await this.world.call(this.argv(args), { ...options, env: { ...this.#env, ...options.env } });
  }

  /** A command that must succeed; its output. */
  async ok(args: readonly string[], options: CommandOptions = {}): Promise<string> {
    return await this.world.ok(this.argv(args), { ...options, env: { ...this.#env, ...options.env } });
  }

  /** A shell's command line in the world, in which `$PODMAN` is podman with its flags. */
  async shell(script: string): Promise<string> {
    const env = { ...this.#env, PODMAN: this.#podman.join(" ") };
    return await this.world.ok([...this.#user, "sh", "-c", script], { env });
  }

  /** `podman run --rm` without a network, with a command of the image. */
  async run(flags: readonly string[], command: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
    return await this.call(["run", "--rm", "--network=none", ...flags, "bb", ...command], options);
  }

  /** The lines that a shell script in a new container wrote. The script must succeed. */
  async sh(flags: readonly string[], script: string): Promise<string[]> {
    return linesOf(await this.ok(["run", "--rm", "--network=none", ...flags, "bb", "sh", "-c", script]));
  }

  /** Starts a container that only a signal ends, and returns its name. */
  async start(flags: readonly string[] = [], script = "trap 'exit 3' TERM; while :; do sleep 0.05; done"): Promise<string> {
    const name = this.newName();
    await this.ok(["run", "--detach", `--name=${name}`, "--network=none", ...flags, "bb", "sh", "-c", script]);
    return name;
  }

  newName(): string {
    return `c${++this.#names}`;
  }

  /** Runs a command on a terminal. */
  terminal(args: readonly string[]): Terminal {
    return new Terminal(this.world.argv(this.argv(args), { env: this.#env }));
  }

  /** One value of `podman inspect`. */
  async inspect(name: string, format: string): Promise<string> {
    return await this.ok(["inspect", `--format={{${format}}}`, name]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
  }
}

/** Limits that the machine allows: CAP_SYS_RESOURCE may be missing, and podman's own are high. */
const configuration = ({ path }: Runtime): string => `[containers]
default_ulimits = ["nofile=1024:4096", "nproc=1024:4096"]
log_driver = "k8s-file"
[network]
network_backend = "netavark"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "${runtimeName(path)}"
runtime_supports_json = ["${runtimeName(path)}"]
[engine.runtimes]
${runtimeName(path)} = ["${runtimePath(path)}"]
`;

/** An ordinary user with subordinate ids, in the world's own /etc, and a network device that this user may use. */
const userScript = `mkdir -m 700 ${worldFolder}/xdg
echo 'boxer:x:${boxer.id}:${boxer.id}::${worldFolder}/home:/bin/sh' >> /etc/passwd
echo 'boxer:x:${boxer.id}:' >> /etc/group
for file in subuid subgid; do echo boxer:${boxer.subordinate}:65536 >> /etc/$file; done
chown ${boxer.id}:${boxer.id} ${worldFolder}/home ${worldFolder}/xdg
mknod -m 666 ${worldFolder}/tun c 10 200
if [ -e /dev/net/tun ]; then mount --bind ${worldFolder}/tun /dev/net/tun; fi`;
