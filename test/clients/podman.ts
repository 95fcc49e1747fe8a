// podman in a world of its own, for root or for an ordinary user, with the runtime under test named in containers.conf.

import { readFileSync } from "node:fs";
import { type CgroupLayout, linesOf, type Outcome } from "../integration/harness.ts";
import { Client, type CommandOptions, runtimeName, runtimePath, World, worldFolder } from "./harness.ts";
import { rootTar } from "./image.ts";
import type { Runtime } from "./scenarios.ts";

/** The user of rootless scenarios. In the world's own /etc/passwd only. */
export const boxer = { id: 4242, subordinate: 300_000 };

export type PodmanOptions = { readonly layout?: CgroupLayout; readonly rootless?: boolean };

/** Debian packages that podman's scenarios need, by their programs. */
export const podmanPrograms = ["podman", "conmon"];
export const rootlessPrograms = [...podmanPrograms, "newuidmap", "slirp4netns", "setpriv"];

export class Podman extends Client {
  readonly runtime: Runtime;
  readonly #storage: string;
  readonly #user: readonly string[];
  readonly #podman: readonly string[];

  private constructor(runtime: Runtime, world: World, rootless: boolean) {
    const folder = `${worldFolder}/${rootless ? "home" : "podman"}`;
    const user = rootless ? ["setpriv", `--reuid=${boxer.id}`, `--regid=${boxer.id}`, "--clear-groups", "--inh-caps=-all"] : [];
    const places = [`--root=${folder}/storage`, `--runroot=${folder}/run`, `--tmpdir=${folder}/tmp`];
    const podman = ["podman", ...places, "--cgroup-manager=cgroupfs", "--storage-driver=overlay"];
    const env = { CONTAINERS_CONF: `${worldFolder}/containers.conf`, ...(rootless ? { XDG_RUNTIME_DIR: `${worldFolder}/xdg` } : {}) };
    super({ world, words: [...user, ...podman], env });
    this.runtime = runtime;
    this.#storage = `${folder}/storage`;
    this.#user = user;
    this.#podman = podman;
  }

  static async open(runtime: Runtime, { layout = "as is", rootless = false }: PodmanOptions = {}): Promise<Podman> {
    const world = await World.open({ runtime: runtime.path, layout, setup: rootless ? userScript : "" });
    const podman = new Podman(runtime, world, rootless);
    world.write(`${worldFolder}/containers.conf`, configuration(runtime, layout));
    world.write(`${worldFolder}/root.tar`, rootTar());
    await podman.ok(["import", `${worldFolder}/root.tar`, "bb"]);
    return podman;
  }

  /** A shell's script in the world, in which `$PODMAN` is podman with its flags. It must succeed. */
  async shell(script: string): Promise<string> {
    return await this.world.ok([...this.#user, "sh", "-c", script], { env: { ...this.env, PODMAN: this.#podman.join(" ") } });
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

  /** The folder of a container's config.json. */
  async bundle(name: string): Promise<string> {
    return `${this.#storage}/overlay-containers/${await this.inspect(name, ".Id")}/userdata`;
  }

  /** Values of `podman inspect`, with a space between them. */
  async inspect(name: string, ...fields: readonly string[]): Promise<string> {
    return await this.ok(["inspect", `--format=${fields.map((field) => `{{${field}}}`).join(" ")}`, name]);
  }
}

/** podman's own limits are high, and without CAP_SYS_RESOURCE nothing may exceed what the machine gives. */
const limit = (name: string, most: number): string => {
  const hard = Number(new RegExp(`^Max ${name} +\\S+ +(\\d+)`, "m").exec(readFileSync("/proc/self/limits", "utf8"))?.[1] ?? most);
  return `${Math.min(hard, most)}:${Math.min(hard, most)}`;
};
export const processLimit = `nproc=${limit("processes", 32_768)}`;

const configuration = ({ path }: Runtime, layout: CgroupLayout): string => `[containers]
default_ulimits = ["nofile=${limit("open files", 1_048_576)}", "${processLimit}"]
log_driver = "k8s-file"
${layout === "v2" ? "pids_limit = 0" : ""}
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
