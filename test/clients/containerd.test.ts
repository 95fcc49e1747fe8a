// containerd, by its own command line tool ctr, with box in runc's place below its shim. ctr's containers have the host's
// cgroup namespace and no /sys/fs/cgroup, so limits are looked at from the world.

import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { type CgroupLayout, linesOf, type Outcome } from "../integration/harness.ts";
import {
  Client,
  type CommandOptions,
  endWhenResized,
  runtimePath,
  type Terminal,
  untilAsync,
  untilSized,
  World,
  worldFolder,
} from "./harness.ts";
import { imageArchive } from "./image.ts";
import { expectPlan, type Runtime, type Scenario, testRing, those } from "./scenarios.ts";

const image = "docker.io/library/bb:latest";
const folder = `${worldFolder}/containerd`;
const quietLoop = "trap 'exit 3' TERM; while :; do sleep 0.05; done";

class Containerd extends Client {
  readonly runtime: Runtime;

  private constructor(runtime: Runtime, world: World) {
    super({ world, words: ["ctr", `--address=${folder}/socket`] });
    this.runtime = runtime;
  }

  static async open(runtime: Runtime, layout: CgroupLayout = "as is"): Promise<Containerd> {
    const world = await World.open({ runtime: runtime.path, layout });
    const containerd = new Containerd(runtime, world);
    world.write(`${folder}/config.toml`, configuration);
    world.write(`${folder}/image.tar`, imageArchive(image));
    await world.daemon(["containerd", `--config=${folder}/config.toml`], async () => (await containerd.call(["version"])).exitCode === 0);
    await containerd.ok(["image", "import", `${folder}/image.tar`]);
    return containerd;
  }

  #run(flags: readonly string[], name: string, command: readonly string[]): string[] {
    // Where no controller of the cpu is, ctr's own default cannot be had.
    const shares = this.world.layout === "v2" ? ["--cpu-shares=0"] : [];
    return ["run", `--runc-binary=${runtimePath(this.runtime.path)}`, ...shares, ...flags, image, name, ...command];
  }

  /** `ctr run --rm` with a command of the image. */
  async run(flags: readonly string[], command: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
    return await this.call(this.#run(["--rm", ...flags], this.newName(), command), options);
  }

  /** The lines that a shell script in a new container wrote. The script must succeed. */
  async sh(flags: readonly string[], script: string): Promise<string[]> {
    return linesOf(await this.ok(this.#run(["--rm", ...flags], this.newName(), ["sh", "-c", script])));
  }

  /** Starts a container, and returns its name. */
  async start(flags: readonly string[] = [], script = quietLoop): Promise<string> {
    const name = this.newName();
    await this.ok(this.#run(["--detach", `--log-uri=file://${folder}/${name}.log`, ...flags], name, ["sh", "-c", script]));
    return name;
  }

  /** What a container of `start` has written. */
  async log(name: string): Promise<string> {
    return await this.world.ok(["cat", `${folder}/${name}.log`]);
  }

  async exec(name: string, command: readonly string[], flags: readonly string[] = []): Promise<Outcome> {
    return await this.call(["task", "exec", `--exec-id=${this.newName()}`, ...flags, name, ...command]);
  }

  runOnTerminal(command: readonly string[]): Terminal {
    return this.terminal(this.#run(["--rm", "--tty"], this.newName(), command));
  }

  /** RUNNING, STOPPED or PAUSED. */
  async status(name: string): Promise<string | undefined> {
    return new RegExp(`^${name} +\\d+ +(\\w+)`, "m").exec(await this.ok(["task", "ls"]))?.[1];
  }

  async stopped(name: string): Promise<void> {
    await untilAsync(async () => (await this.status(name)) === "STOPPED", `${name} to end`);
  }
}

const configuration = `version = 2
root = "${folder}/root"
state = "${folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "${folder}/socket"
`;

const scenarios: Readonly<Record<string, Scenario<Containerd>>> = {
  "run: output and exit code are the command's": async (containerd) => {
    const { exitCode, stdout, stderr } = await containerd.run([], ["sh", "-c", "echo out; echo err >&2; exit 7"]);
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 7, stdout: "out\n", stderr: "err\n" });
  },
  "run: a command that is not there": async (containerd) => {
    const { exitCode, stderr } = await containerd.run([], ["no-such-command"]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("executable file not found in $PATH");
  },
  "run: stdin arrives": async (containerd) => {
    expect((await containerd.run([], ["head", "-n1"], { stdin: "one\ntwo\n" })).stdout).toBe("one\n");
  },
  "run -t: a terminal whose size follows": async (containerd) => {
    await using terminal = containerd.runOnTerminal(["sh", "-c", `tty; ${endWhenResized}`]);
    await terminal.says("/dev/pts/0\nnow ready\n");
    expect((await terminal.resizeToEnd()).exitCode).toBe(5);
  },
  "run -d, kill, delete": async (containerd) => {
    const name = await containerd.start([], "trap 'echo stopping; exit 3' TERM; echo ready; while :; do sleep 0.05; done");
    await untilAsync(async () => (await containerd.log(name)) === "ready", "the trap");
    await containerd.ok(["task", "kill", "--signal=SIGTERM", name]);
    await containerd.stopped(name);
    expect(await containerd.log(name)).toBe("ready\nstopping");
    expect((await containerd.call(["task", "delete", name])).stderr).toContain("exit with non-zero exit code 3");
    await containerd.ok(["container", "delete", name]);
  },
  "kill -9 --all": async (containerd) => {
    const name = await containerd.start([], "sleep 1000 & trap '' TERM; while :; do sleep 0.05; done");
    await containerd.ok(["task", "kill", "--all", "--signal=KILL", name]);
    await containerd.stopped(name);
    expect((await containerd.call(["task", "delete", name])).stderr).toContain("exit with non-zero exit code 137");
  },
  "delete --force of what runs": async (containerd) => {
    const name = await containerd.start();
    expect((await containerd.call(["task", "delete", name])).stderr).toContain("must be stopped before deletion");
    await containerd.call(["task", "delete", "--force", name]);
    expect(await containerd.status(name)).toBeUndefined();
  },
  "task exec: output, exit code, user, folder": async (containerd) => {
    const name = await containerd.start();
    expect(await containerd.exec(name, ["sh", "-c", "echo out; exit 12"])).toMatchObject({ exitCode: 12, stdout: "out\n" });
    expect((await containerd.exec(name, ["sh", "-c", "id -u; pwd"], ["--user=1000", "--cwd=/home/user"])).stdout).toBe(
      "1000\n/home/user\n",
    );
    expect((await containerd.exec(name, ["no-such-command"])).stderr).toContain("executable file not found in $PATH");
  },
  "task exec -t": async (containerd) => {
    const name = await containerd.start();
    await using terminal = containerd.terminal(["task", "exec", "--tty", "--exec-id=tty", name, "sh", "-c", `${untilSized}; tty; exit 3`]);
    expect(await terminal.end()).toEqual({ exitCode: 3, output: "/dev/pts/0\n" });
  },
  "task exec -d, kill --exec-id": async (containerd) => {
    const name = await containerd.start();
    await containerd.ok([
      "task",
      "exec",
      "--detach",
      "--exec-id=one",
      `--log-uri=file://${folder}/${name}-exec.log`,
      name,
      "sh",
      "-c",
      "echo $$ > /detached; exec sleep 1000",
    ]);
    await untilAsync(async () => (await containerd.exec(name, ["cat", "/detached"])).exitCode === 0, "the detached process");
    await containerd.ok(["task", "kill", "--exec-id=one", "--signal=KILL", name]);
    await untilAsync(async () => (await containerd.exec(name, ["sh", "-c", "test -d /proc/$(cat /detached)"])).exitCode !== 0, "its end");
    expect(await containerd.status(name)).toBe("RUNNING");
  },
  "task pause, resume": async (containerd) => {
    const name = await containerd.start([], "while :; do echo x; sleep 0.01; done");
    await untilAsync(async () => (await containerd.log(name)) !== "", "the first tick");
    await containerd.ok(["task", "pause", name]);
    expect(await containerd.status(name)).toBe("PAUSED");
    const before = await containerd.log(name);
    expect(await containerd.status(name)).toBe("PAUSED");
    await containerd.ok(["task", "resume", name]);
    await untilAsync(async () => (await containerd.log(name)).length > before.length + 2, "another tick");
  },
  "task ps": async (containerd) => {
    const name = await containerd.start([], "sleep 1000 & exec sleep 1000");
    const pids = async (): Promise<string[]> => linesOf(await containerd.ok(["task", "ps", name])).slice(1);
    await untilAsync(async () => (await pids()).length === 2, "two processes");
  },
  "task metrics": async (containerd) => {
    const name = await containerd.start(["--memory-limit=64000000"]);
    expect(await containerd.ok(["task", "metrics", name])).toMatch(/memory\.limit_in_bytes +64000000 /);
  },
  "limits of memory and cpu": async (containerd) => {
    await containerd.start(["--memory-limit=16777216", "--cpus=0.5", "--cpu-shares=77", "--cgroup=/limited"]);
    const groups = containerd.world.cgroups("limited");
    const value = (controller: string, file: string): string | undefined => {
      const group = groups.find((path) => path.startsWith(`/sys/fs/cgroup/${controller}/`));
      return group && readFileSync(`${group}/${file}`, "utf8").trim();
    };
    expect(value("memory", "memory.limit_in_bytes")).toBe("16777216");
    expect(value("cpu", "cpu.cfs_quota_us")).toBe("50000");
    expect(value("cpu", "cpu.shares")).toBe("77");
  },
  "mounts, read-only root, environment, folder": async (containerd) => {
    containerd.world.write(`${worldFolder}/mounted/file`, "from the host\n");
    const mount = `--mount=type=bind,src=${worldFolder}/mounted,dst=/mnt,options=rbind:ro`;
    const flags = [mount, "--read-only", "--env=A=b c", "--cwd=/home/user"];
    const lines = await containerd.sh(flags, "cat /mnt/file; touch /mnt/x 2>&1; touch /x 2>&1; echo $A; pwd");
    expect(lines).toEqual([
      "from the host",
      "touch: /mnt/x: Read-only file system",
      "touch: /x: Read-only file system",
      "b c",
      "/home/user",
    ]);
  },
  "capabilities, privileged, seccomp": async (containerd) => {
    const script = "grep -E 'CapEff|Seccomp:|NoNewPrivs' /proc/self/status | cut -f2";
    expect(await containerd.sh([], script)).toEqual(["00000000a80425fb", "1", "0"]);
    expect(await containerd.sh(["--cap-add=CAP_SYS_TIME", "--cap-drop=CAP_CHOWN", "--seccomp"], script)).toEqual([
      "00000000aa0425fa",
      "1",
      "2",
    ]);
    expect(await containerd.sh(["--privileged"], "ls /dev/loop-control; mount -t tmpfs none /home && echo mounted")).toEqual([
      "/dev/loop-control",
      "mounted",
    ]);
  },
  "--net-host, --device, --with-ns": async (containerd) => {
    const mine = await containerd.world.ok(["readlink", "/proc/self/ns/net"]);
    expect(await containerd.sh(["--net-host"], "readlink /proc/self/ns/net")).toEqual([mine]);
    expect(
      await containerd.sh(["--with-ns=network:/proc/self/ns/net", "--with-ns=ipc:/proc/1/ns/ipc"], "readlink /proc/self/ns/ipc"),
    ).toEqual([await containerd.world.ok(["readlink", "/proc/self/ns/ipc"])]);
    expect(await containerd.sh(["--device=/dev/fuse"], ": < /dev/fuse && stat -c %t:%T /dev/fuse")).toEqual(["a:e5"]);
  },
  "--uidmap": async (containerd) => {
    const flags = ["--uidmap=0:100000:2000", "--gidmap=0:100000:2000"];
    expect(await containerd.sh(flags, "id -u; tr -s ' ' < /proc/self/uid_map")).toEqual(["0", " 0 100000 2000"]);
  },
};

const configurations: Readonly<Record<string, Scenario<Containerd>>> = {
  "config.json: box plans what containerd writes": async (containerd) => {
    const flags = ["--memory-limit=64000000", "--seccomp", "--read-only", "--env=A=b", "--device=/dev/fuse", "--cpus=0.5"];
    for (const more of [[], flags, ["--privileged"], ["--net-host"]]) {
      const bundle = `${folder}/state/io.containerd.runtime.v2.task/default/${await containerd.start(more)}`;
      await expectPlan(containerd.runtime, (argv) => containerd.world.ok(argv), bundle);
    }
  },
};

const last: Readonly<Record<string, Scenario<Containerd>>> = {
  "nothing is left when all tasks are deleted": async (containerd) => {
    for (const line of linesOf(await containerd.ok(["task", "ls"])).slice(1))
      await containerd.call(["task", "delete", "--force", line.split(" ")[0] ?? ""]);
    // A shim ends a little after its task.
    const left = async (): Promise<string[]> =>
      (await containerd.world.processes()).filter((name) => !["catatonit", "ps", "timeout", "containerd"].includes(name));
    await untilAsync(async () => (await left()).length === 0, "the last processes to end");
    expect(containerd.world.cgroups("c").filter((path) => /\/default\/|limited/.test(path))).toEqual([]);
    expect(containerd.world.list(`/run/containerd/runc/default`)).toEqual([]);
  },
};

const shared = { programs: ["containerd", "ctr", "containerd-shim-runc-v2"], last };

await testRing({
  ...shared,
  name: "containerd",
  open: (runtime) => Containerd.open(runtime),
  scenarios: { ...scenarios, ...configurations },
});

await testRing({
  ...shared,
  name: "containerd on cgroup v2",
  open: (runtime) => Containerd.open(runtime, "v2"),
  scenarios: those(scenarios, "run: output", "run -t", "run -d", "kill -9", "delete", "task exec", "task pause", "task ps", "--uidmap"),
});
