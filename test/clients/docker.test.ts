// Docker Engine with box as its default runtime: dockerd started by hand with storage of its own, no bridge and no iptables.

import { expect } from "bun:test";
import { type CgroupLayout, linesOf, type Outcome } from "../integration/harness.ts";
import { Client, type CommandOptions, endWhenResized, runtimePath, untilAsync, untilSized, World, worldFolder } from "./harness.ts";
import { rootTar } from "./image.ts";
import { expectPlan, type Runtime, type Scenario, testRing, those } from "./scenarios.ts";

const folder = `${worldFolder}/docker`;
const quietLoop = "trap 'exit 3' TERM; while :; do sleep 0.05; done";

class Docker extends Client {
  readonly runtime: Runtime;

  private constructor(runtime: Runtime, world: World) {
    super({ world, words: ["docker"], env: { DOCKER_HOST: `unix://${folder}/socket`, DOCKER_CONFIG: folder } });
    this.runtime = runtime;
  }

  static async open(runtime: Runtime, layout: CgroupLayout = "as is"): Promise<Docker> {
    const world = await World.open({ runtime: runtime.path, layout });
    const docker = new Docker(runtime, world);
    world.write(`${folder}/root.tar`, rootTar());
    await world.daemon(daemon(runtime), async () => (await docker.call(["version"])).exitCode === 0);
    await docker.ok(["import", `${folder}/root.tar`, "bb"]);
    return docker;
  }

  /** `docker run --rm` with a command of the image. Without a bridge its network is none. */
  async run(flags: readonly string[], command: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
    return await this.call(["run", "--rm", ...flags, "bb", ...command], options);
  }

  /** The lines that a shell script in a new container wrote. The script must succeed. */
  async sh(flags: readonly string[], script: string): Promise<string[]> {
    return linesOf(await this.ok(["run", "--rm", ...flags, "bb", "sh", "-c", script]));
  }

  /** Starts a container, and returns its name. */
  async start(flags: readonly string[] = [], script = quietLoop): Promise<string> {
    const name = this.newName();
    await this.ok(["run", "--detach", `--name=${name}`, ...flags, "bb", "sh", "-c", script]);
    return name;
  }

  /** Values of `docker inspect`, with a space between them. */
  async inspect(name: string, ...fields: readonly string[]): Promise<string> {
    return await this.ok(["inspect", `--format=${fields.map((field) => `{{${field}}}`).join(" ")}`, name]);
  }
}

/** The oldest score that a process without CAP_SYS_RESOURCE may hand on is its own: dockerd must not lower it. */
const daemon = ({ path }: Runtime): string[] => [
  "dockerd",
  `--data-root=${folder}/data`,
  "--exec-root=/run/docker",
  `--pidfile=${folder}/pid`,
  `--host=unix://${folder}/socket`,
  "--bridge=none",
  "--iptables=false",
  "--storage-driver=overlay2",
  "--oom-score-adjust=0",
  `--add-runtime=tested=${runtimePath(path)}`,
  "--default-runtime=tested",
];

type Scenarios = Readonly<Record<string, Scenario<Docker>>>;

const run: Scenarios = {
  "run: output and exit code are the command's": async (docker) => {
    const outcome = await docker.run([], ["sh", "-c", "echo out; echo err >&2; exit 7"]);
    expect(outcome).toEqual({ exitCode: 7, stdout: "out\n", stderr: "err\n" });
  },
  "run: 126 and 127": async (docker) => {
    expect((await docker.run([], ["no-such-command"])).exitCode).toBe(127);
    expect((await docker.run([], ["/etc/motd"])).exitCode).toBe(126);
  },
  "run -i: stdin arrives": async (docker) => {
    expect((await docker.run(["-i"], ["cat"], { stdin: "one\ntwo\n" })).stdout).toBe("one\ntwo\n");
  },
  "run -it: a shell on a terminal of its own, as large as the caller's": async (docker) => {
    await using terminal = docker.terminal(["run", "--rm", "-it", "bb", "sh"]);
    await terminal.says("#");
    terminal.type(`${untilSized}; tty; ${endWhenResized}\r`);
    await terminal.says("\n/dev/pts/0\nnow ready\n");
    expect((await terminal.resizeToEnd()).exitCode).toBe(5);
  },
  "run -d: logs, wait": async (docker) => {
    const name = await docker.start([], "echo one; echo two >&2; exit 9");
    expect(await docker.ok(["wait", name])).toBe("9");
    expect(await docker.call(["logs", name])).toEqual({ exitCode: 0, stdout: "one\n", stderr: "two\n" });
  },
  "create, start -a, rm": async (docker) => {
    const name = docker.newName();
    await docker.ok(["create", `--name=${name}`, "bb", "sh", "-c", "echo started; exit 6"]);
    expect(await docker.call(["start", "--attach", name])).toEqual({ exitCode: 6, stdout: "started\n", stderr: "" });
    await docker.ok(["rm", name]);
  },
  "run --init": async (docker) => {
    expect(await docker.sh(["--init"], "cat /proc/1/comm; true")).toEqual(["docker-init"]);
    expect((await docker.run(["--init"], ["sh", "-c", "kill -9 $$"])).exitCode).toBe(137);
  },
  "run: environment, working folder and host name": async (docker) => {
    const flags = ["--env=GREETING=hello there", "--workdir=/home/user", "--hostname=chosen"];
    expect(await docker.sh(flags, "echo $GREETING; pwd; hostname")).toEqual(["hello there", "/home/user", "chosen"]);
  },
  "build: RUN": async (docker) => {
    docker.world.write(`${folder}/build/Dockerfile`, "FROM bb\nRUN id -u > /built\nCMD cat /built\n");
    await docker.ok(["build", "--quiet", "--tag=built", `${folder}/build`], { env: { DOCKER_BUILDKIT: "0" } });
    expect(await docker.ok(["run", "--rm", "built"])).toBe("0");
  },
};

const exec: Scenarios = {
  "exec: output, exit code, stdin": async (docker) => {
    const name = await docker.start();
    const outcome = await docker.call(["exec", "-i", name, "sh", "-c", "cat; echo err >&2; exit 12"], { stdin: "in\n" });
    expect(outcome).toEqual({ exitCode: 12, stdout: "in\n", stderr: "err\n" });
    expect((await docker.call(["exec", name, "no-such-command"])).exitCode).toBe(126);
  },
  "exec -it": async (docker) => {
    const name = await docker.start();
    await using terminal = docker.terminal(["exec", "-it", name, "sh"]);
    await terminal.says("#");
    terminal.type(`${untilSized}; tty; exit 3\r`);
    const { exitCode, output } = await terminal.end();
    expect(output).toContain("\n/dev/pts/0\n");
    expect(exitCode).toBe(3);
  },
  "exec --user, --workdir, --env, -d": async (docker) => {
    const name = await docker.start();
    const flags = ["--user=user", "--workdir=/home/user", "--env=A=b c"];
    expect(await docker.ok(["exec", ...flags, name, "sh", "-c", "id -un; pwd; echo $A"])).toBe("user\n/home/user\nb c");
    await docker.ok(["exec", "--detach", name, "touch", "/detached"]);
    await untilAsync(async () => (await docker.call(["exec", name, "test", "-e", "/detached"])).exitCode === 0, "the detached command");
  },
};

const life: Scenarios = {
  "stop: the signal, and after the grace": async (docker) => {
    const name = await docker.start([], "trap 'echo stopping; exit 3' TERM; echo ready; while :; do sleep 0.05; done");
    await untilAsync(async () => (await docker.ok(["logs", name])) === "ready", "the trap");
    await docker.ok(["stop", "--time=20", name]);
    expect(await docker.ok(["logs", name])).toBe("ready\nstopping");
    expect(await docker.inspect(name, ".State.ExitCode")).toBe("3");
    const deaf = await docker.start([], "trap '' TERM; while :; do sleep 0.05; done");
    await docker.ok(["stop", "--time=1", deaf]);
    expect(await docker.inspect(deaf, ".State.ExitCode")).toBe("137");
  },
  "kill: any signal; restart": async (docker) => {
    const name = await docker.start([], "echo run >> /runs; trap 'exit 2' INT; echo ready; while :; do sleep 0.05; done");
    await untilAsync(async () => (await docker.ok(["logs", name])) === "ready", "the trap");
    await docker.ok(["kill", "--signal=INT", name]);
    expect(await docker.ok(["wait", name])).toBe("2");
    await docker.ok(["restart", "--time=0", name]);
    await untilAsync(async () => (await docker.call(["exec", name, "cat", "/runs"])).stdout === "run\nrun\n", "the second run");
  },
  "restart policies": async (docker) => {
    const failing = await docker.start(["--restart=on-failure:2"], "exit 1");
    const always = await docker.start(["--restart=always"], "echo run >> /runs; test $(wc -l < /runs) -gt 1 && sleep 1000");
    await untilAsync(async () => (await docker.inspect(failing, ".RestartCount", ".State.Status")) === "2 exited", "two restarts");
    await untilAsync(async () => (await docker.inspect(always, ".RestartCount", ".State.Status")) === "1 running", "a restart");
  },
  "pause, unpause": async (docker) => {
    const name = await docker.start([], "while :; do echo x; sleep 0.01; done");
    await untilAsync(async () => (await docker.ok(["logs", name])) !== "", "the first tick");
    await docker.ok(["pause", name]);
    expect(await docker.inspect(name, ".State.Status")).toBe("paused");
    const before = await docker.ok(["logs", name]);
    expect((await docker.call(["exec", name, "true"])).stderr).toContain("is paused");
    await docker.ok(["unpause", name]);
    await untilAsync(async () => (await docker.ok(["logs", name])).length > before.length + 2, "another tick");
  },
  stats: async (docker) => {
    const name = await docker.start(["--memory=64m"]);
    const stats = JSON.parse(await docker.ok(["stats", "--no-stream", "--format={{json .}}", name])) as Record<string, string>;
    expect(stats.MemUsage).toMatch(/^[\d.]+[KM]iB \/ 64MiB$/);
    expect(Number(stats.PIDs)).toBeGreaterThan(0);
  },
  top: async (docker) => {
    const name = await docker.start([], "sleep 1000 & exec sleep 1000");
    await untilAsync(async () => (await docker.ok(["top", name, "-o", "pid,args"])).split("sleep 1000").length === 3, "two processes");
  },
  update: async (docker) => {
    const name = await docker.start(["--memory=64m"]);
    await docker.ok(["update", "--memory=32m", "--memory-swap=32m", "--cpus=0.5", "--pids-limit=44", name]);
    const files = ["memory/memory.limit_in_bytes", "cpu/cpu.cfs_quota_us", "pids/pids.max"];
    expect(await docker.ok(["exec", name, "cat", ...files.map((file) => `/sys/fs/cgroup/${file}`)])).toBe("33554432\n50000\n44");
  },
  "cp, commit": async (docker) => {
    const name = await docker.start();
    docker.world.write(`${folder}/copied`, "copied in\n");
    await docker.ok(["cp", `${folder}/copied`, `${name}:/copied`]);
    expect(await docker.ok(["exec", name, "cat", "/copied"])).toBe("copied in");
    await docker.ok(["commit", name, "committed"]);
    expect(await docker.ok(["run", "--rm", "committed", "cat", "/copied"])).toBe("copied in");
  },
  health: async (docker) => {
    const name = await docker.start(["--health-cmd=test -e /healthy", "--health-interval=100ms", "--health-retries=1"]);
    await untilAsync(async () => (await docker.inspect(name, ".State.Health.Status")) === "unhealthy", "the first check");
    await docker.ok(["exec", name, "touch", "/healthy"]);
    await untilAsync(async () => (await docker.inspect(name, ".State.Health.Status")) === "healthy", "a good check");
  },
};

const limits: Scenarios = {
  "--memory: a process that wants more is killed": async (docker) => {
    const script =
      "cat /sys/fs/cgroup/memory/memory.limit_in_bytes; tail /dev/zero; echo $?; grep 'oom_kill ' /sys/fs/cgroup/memory/memory.oom_control";
    expect(await docker.sh(["--memory=16m", "--memory-swap=16m"], script)).toEqual(["16777216", "137", "oom_kill 1"]);
  },
  "--memory: Docker knows why its container ended": async (docker) => {
    // Docker believes so of an end that it hears of after the kernel's choice. So it is not the last process that is chosen.
    const script = "until test -e /go; do sleep 0.05; done; tail /dev/zero; until test -e /end; do sleep 0.05; done; exit 3";
    const name = await docker.start(["--memory=16m", "--memory-swap=16m"], script);
    await docker.ok(["exec", name, "touch", "/go"]);
    const heard = ["events", "--since=0", "--until=0s", "--filter=event=oom", `--filter=container=${name}`];
    await untilAsync(async () => (await docker.ok(heard)) !== "", "Docker to hear that memory ran out");
    await docker.ok(["exec", name, "touch", "/end"]);
    expect(await docker.ok(["wait", name])).toBe("3");
    expect(await docker.inspect(name, ".State.OOMKilled")).toBe("true");
  },
  "--pids-limit: the next fork fails": async (docker) => {
    const { exitCode, stderr } = await docker.run(["--pids-limit=4"], ["sh", "-c", "for i in 1 2 3 4 5; do sleep 5 & done"]);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain("can't fork");
  },
  "--cpus, --cpu-shares, --cpuset-cpus, --device-read-bps": async (docker) => {
    const flags = ["--cpus=0.25", "--cpu-shares=77", "--cpuset-cpus=0", "--device-read-bps=/dev/vda:1mb"];
    const files = ["cpu/cpu.cfs_quota_us", "cpu/cpu.shares", "cpuset/cpuset.cpus", "blkio/blkio.throttle.read_bps_device"];
    const lines = await docker.sh(flags, files.map((file) => `cat /sys/fs/cgroup/${file}`).join("; "));
    expect(lines).toEqual(["25000", "77", "0", expect.stringMatching(/^\d+:\d+ 1048576$/)]);
  },
  "--ulimit, --sysctl, --oom-score-adj": async (docker) => {
    const flags = ["--ulimit=nofile=100:200", "--sysctl=kernel.msgmax=65000", "--oom-score-adj=500"];
    expect(await docker.sh(flags, "ulimit -Sn; ulimit -Hn; cat /proc/sys/kernel/msgmax /proc/self/oom_score_adj")).toEqual([
      "100",
      "200",
      "65000",
      "500",
    ]);
  },
};

const isolation: Scenarios = {
  "--read-only, --tmpfs, -v": async (docker) => {
    docker.world.write(`${folder}/shared/file`, "on the host\n");
    const flags = ["--read-only", "--tmpfs=/scratch:size=1m", `-v=${folder}/shared:/rw`, `-v=${folder}/shared:/ro:ro`];
    const script = "touch /scratch/a; touch /x 2>&1; cat /ro/file; touch /ro/x 2>&1; echo changed > /rw/new; cat /ro/new";
    const refused = (path: string): string => `touch: ${path}: Read-only file system`;
    expect(await docker.sh(flags, script)).toEqual([refused("/x"), "on the host", refused("/ro/x"), "changed"]);
  },
  "--user, --group-add, capabilities": async (docker) => {
    const script = "id -u; id -G; grep CapEff /proc/self/status | cut -f2";
    expect(await docker.sh(["--user=user", "--group-add=9"], script)).toEqual(["1000", "1000 9 1002", "0000000000000000"]);
    expect(await docker.sh(["--cap-drop=all", "--cap-add=kill"], script)).toEqual(["0", "0", "0000000000000020"]);
  },
  "--privileged": async (docker) => {
    expect(await docker.sh(["--privileged"], "ls /dev/loop-control; mount -t tmpfs none /home && echo mounted")).toEqual([
      "/dev/loop-control",
      "mounted",
    ]);
  },
  "--security-opt": async (docker) => {
    const profile = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO" }] };
    docker.world.write(`${folder}/seccomp.json`, JSON.stringify(profile));
    expect((await docker.run([`--security-opt=seccomp=${folder}/seccomp.json`], ["mkdir", "/made"])).stderr).toContain(
      "Operation not permitted",
    );
    const script = "grep -E 'Seccomp:|NoNewPrivs' /proc/self/status | cut -f2";
    expect(await docker.sh([], script)).toEqual(["0", "2"]);
    expect(await docker.sh(["--security-opt=seccomp=unconfined", "--security-opt=no-new-privileges"], script)).toEqual(["1", "0"]);
  },
  "--device, --device-cgroup-rule": async (docker) => {
    expect(await docker.sh(["--device=/dev/fuse:/dev/renamed:r"], ": < /dev/renamed && stat -c %t:%T /dev/renamed")).toEqual(["a:e5"]);
    expect((await docker.run(["--device=/dev/fuse:/dev/renamed:r"], ["sh", "-c", ": > /dev/renamed"])).stderr).toContain(
      "Operation not permitted",
    );
    expect(await docker.sh(["--device-cgroup-rule=c 10:229 rwm"], "mknod /tmp/fuse c 10 229 && : < /tmp/fuse && echo opened")).toEqual([
      "opened",
    ]);
  },
  "--pid=host, --network=host, --ipc=host, --uts=host": async (docker) => {
    const spaces = ["pid", "net", "ipc", "uts"].map((name) => `/proc/self/ns/${name}`);
    const mine = await docker.world.ok(["readlink", ...spaces]);
    const flags = ["--pid=host", "--network=host", "--ipc=host", "--uts=host"];
    expect((await docker.sh(flags, `for ns in ${spaces.join(" ")}; do readlink $ns; done`)).join("\n")).toBe(mine);
  },
  "--network, --ipc and --pid of another container": async (docker) => {
    const name = await docker.start(["--ipc=shareable"], "exec sleep 1000");
    const flags = [`--network=container:${name}`, `--ipc=container:${name}`, `--pid=container:${name}`];
    const script =
      "tr '\\0' ' ' < /proc/1/cmdline; echo; for ns in net ipc; do test $(readlink /proc/self/ns/$ns) = $(readlink /proc/1/ns/$ns) && echo same; done";
    expect(await docker.sh(flags, script)).toEqual(["sleep 1000 ", "same", "same"]);
  },
};

const configurations: Scenarios = {
  "config.json: box plans what Docker writes": async (docker) => {
    const flags = [
      "--init",
      "--memory=64m",
      "--pids-limit=20",
      "--read-only",
      "--tmpfs=/t",
      "--cap-add=sys_admin",
      "--device=/dev/fuse",
      "--cpus=0.5",
    ];
    for (const more of [[], ["-it"], flags, ["--pid=host", "--network=host"], ["--security-opt=seccomp=unconfined"]]) {
      const id = await docker.inspect(await docker.start(more), ".Id");
      await expectPlan(
        docker.runtime,
        (argv) => docker.world.ok(argv),
        `/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/${id}`,
      );
    }
  },
};

const last: Scenarios = {
  "nothing is left when all containers are removed": async (docker) => {
    await docker.ok(["rm", "--force", ...linesOf(await docker.ok(["ps", "--all", "--quiet"]))]);
    const daemons = ["catatonit", "ps", "timeout", "dockerd", "containerd"];
    const left = async (): Promise<string[]> => (await docker.world.processes()).filter((name) => !daemons.includes(name));
    // A shim ends a little after its container.
    await untilAsync(async () => (await left()).length === 0, "the last processes to end");
    expect(docker.world.cgroups("").filter((path) => path.includes("/docker/"))).toEqual([]);
    expect(docker.world.list("/run/docker/runtime-runc/moby")).toEqual([]);
  },
};

const shared = { programs: ["dockerd", "docker", "containerd", "iptables", "docker-init"], last };

await testRing({
  ...shared,
  name: "Docker",
  open: (runtime) => Docker.open(runtime),
  scenarios: { ...run, ...exec, ...life, ...limits, ...isolation, ...configurations },
});

await testRing({
  ...shared,
  name: "Docker on cgroup v2",
  open: (runtime) => Docker.open(runtime, "v2"),
  scenarios: {
    ...those(run, "run: output", "run -it", "run -d", "run --init"),
    ...those(exec, "exec"),
    ...those(life, "stop", "kill", "pause"),
    ...those(isolation, "--device", "--read-only"),
  },
});
