// podman as root with box as its runtime: what people do with it from day to day, seen from inside the container where
// that is possible. Most containers have no network, which is quicker; the first of the network's scenarios has one.

import { expect } from "bun:test";
import { Agent } from "../integration/seccomp-agent.ts";
import { endWhenResized, untilAsync, untilSized, worldFolder } from "./harness.ts";
import { Podman, podmanPrograms, processLimit } from "./podman.ts";
import { expectPlan, type Scenario, testRing, those } from "./scenarios.ts";

type Scenarios = Readonly<Record<string, Scenario<Podman>>>;

const run: Scenarios = {
  "run: output and exit code are the command's": async (podman) => {
    const outcome = await podman.run([], ["sh", "-c", "echo out; echo err >&2; exit 7"]);
    expect(outcome).toEqual({ exitCode: 7, stdout: "out\n", stderr: "err\n" });
  },
  "run: a command that is not there gives 127": async (podman) => {
    expect((await podman.run([], ["no-such-command"])).exitCode).toBe(127);
  },
  "run: a command that is not executable gives 126": async (podman) => {
    expect((await podman.run([], ["/etc/motd"])).exitCode).toBe(126);
  },
  "run: a command that a signal ended gives 128 and the signal": async (podman) => {
    // The kernel spares the first process of a pid namespace its own signals (pid_namespaces(7)).
    expect((await podman.run([], ["sh", "-c", "kill -9 $$; exit 4"])).exitCode).toBe(4);
    expect((await podman.run(["--init"], ["sh", "-c", "kill -9 $$"])).exitCode).toBe(137);
  },
  "run -i: stdin arrives": async (podman) => {
    const { stdout } = await podman.run(["-i"], ["sh", "-c", "read line; echo got $line; cat"], { stdin: "one\ntwo\n" });
    expect(stdout).toBe("got one\ntwo\n");
  },
  "run -it: a shell on a terminal of its own, as large as the caller's": async (podman) => {
    await using terminal = podman.terminal(["run", "--rm", "-it", "--network=none", "bb", "sh"]);
    await terminal.says("#");
    terminal.type(`${untilSized}; tty; exit 5\r`);
    const { exitCode, output } = await terminal.end();
    expect(output).toContain("\n/dev/pts/0\n");
    expect(exitCode).toBe(5);
  },
  "run -it: the terminal's size follows": async (podman) => {
    // With --rm and any runtime, podman that still passes on a new size may find the container gone, and then says 127.
    const name = podman.newName();
    await using terminal = podman.terminal(["run", `--name=${name}`, "-it", "--network=none", "bb", "sh", "-c", endWhenResized]);
    await terminal.says("now ready\n");
    expect(await terminal.resizeToEnd()).toMatchObject({ exitCode: 5 });
    await podman.ok(["rm", name]);
  },
  "run -t -d: logs and attach": async (podman) => {
    const name = await podman.start(["-it"], "echo begun; read line; echo got $line; exit 4");
    await untilAsync(async () => (await podman.ok(["logs", name])).includes("begun"), "the log");
    await using terminal = podman.terminal(["attach", name]);
    // What comes before podman has attached is kept by the container's terminal.
    terminal.type("word\r");
    await terminal.says("got word");
    await terminal.end();
    expect(await podman.ok(["wait", name])).toBe("4");
  },
  "run -d: logs keep both streams in order, wait gives the exit code": async (podman) => {
    const name = await podman.start([], "echo one; sleep 0.1; echo two >&2; sleep 0.1; echo three; exit 9");
    expect(await podman.ok(["wait", name])).toBe("9");
    expect(await podman.call(["logs", name])).toEqual({ exitCode: 0, stdout: "one\nthree\n", stderr: "two\n" });
    await podman.ok(["rm", name]);
  },
  "create, start -a": async (podman) => {
    const name = podman.newName();
    await podman.ok(["create", `--name=${name}`, "--network=none", "bb", "sh", "-c", "echo started; exit 6"]);
    expect(await podman.call(["start", "--attach", name])).toEqual({ exitCode: 6, stdout: "started\n", stderr: "" });
    expect(await podman.inspect(name, ".State.Status")).toBe("exited");
  },
  "run --preserve-fds": async (podman) => {
    const script = `echo through > ${worldFolder}/three; exec 3< ${worldFolder}/three; $PODMAN run --rm --network=none --preserve-fds=1 bb sh -c 'cat <&3'`;
    expect(await podman.shell(script)).toBe("through");
  },
  "run --rootfs": async (podman) => {
    await podman.world.ok(["sh", "-c", `mkdir -p ${worldFolder}/rootfs; tar -xf ${worldFolder}/root.tar -C ${worldFolder}/rootfs`]);
    const outcome = await podman.call(["run", "--rm", "--network=none", "--rootfs", `${worldFolder}/rootfs`, "cat", "/etc/motd"]);
    expect(outcome).toEqual({ exitCode: 0, stdout: "hello from the image\n", stderr: "" });
  },
  "run --init: an init is the first process and ends with the command": async (podman) => {
    expect(await podman.sh(["--init"], "cat /proc/1/comm; exec true")).toEqual(["podman-init"]);
    expect((await podman.run(["--init"], ["sh", "-c", "exit 8"])).exitCode).toBe(8);
  },
  "run: environment, working folder and host name": async (podman) => {
    const flags = ["--env=GREETING=hello there", "--workdir=/home/user", "--hostname=chosen"];
    expect(await podman.sh(flags, "echo $GREETING; pwd; hostname; echo $container")).toEqual([
      "hello there",
      "/home/user",
      "chosen",
      "podman",
    ]);
  },
};

const exec: Scenarios = {
  "exec: output, exit code, stdin": async (podman) => {
    const name = await podman.start();
    const outcome = await podman.call(["exec", "-i", name, "sh", "-c", "cat; echo err >&2; exit 12"], { stdin: "in\n" });
    expect(outcome).toEqual({ exitCode: 12, stdout: "in\n", stderr: "err\n" });
  },
  "exec: 126 and 127": async (podman) => {
    const name = await podman.start();
    expect((await podman.call(["exec", name, "no-such-command"])).exitCode).toBe(127);
    expect((await podman.call(["exec", name, "/etc/motd"])).exitCode).toBe(126);
  },
  "exec -it: a terminal of its own": async (podman) => {
    const name = await podman.start();
    await using terminal = podman.terminal(["exec", "-it", name, "sh"]);
    await terminal.says("#");
    terminal.type(`${untilSized}; tty; exit 3\r`);
    const { exitCode, output } = await terminal.end();
    expect(output).toContain("\n/dev/pts/0\n");
    expect(exitCode).toBe(3);
  },
  "exec -d": async (podman) => {
    const name = await podman.start();
    await podman.ok(["exec", "-d", name, "sh", "-c", "echo done > /detached"]);
    await untilAsync(async () => (await podman.call(["exec", name, "cat", "/detached"])).stdout === "done\n", "the detached command");
  },
  "exec --user, --workdir, --env": async (podman) => {
    const name = await podman.start();
    const flags = ["--user=user", "--workdir=/home/user", "--env=A=b c"];
    expect(await podman.ok(["exec", ...flags, name, "sh", "-c", "id; pwd; echo $A"])).toBe(
      "uid=1000(user) gid=1000(user) groups=1002(extra)\n/home/user\nb c",
    );
  },
  "exec --privileged: more capabilities than the container": async (podman) => {
    const name = await podman.start(["--cap-drop=all"]);
    const effective = (flags: string[]): Promise<string> => podman.ok(["exec", ...flags, name, "grep", "CapEff", "/proc/self/status"]);
    expect(await effective([])).toBe("CapEff:\t0000000000000000");
    expect(await effective(["--privileged"])).not.toBe("CapEff:\t0000000000000000");
  },
  "exec --preserve-fds": async (podman) => {
    const name = await podman.start();
    const script = `echo across > ${worldFolder}/four; exec 3< ${worldFolder}/four; $PODMAN exec --preserve-fds=1 ${name} sh -c 'cat <&3'`;
    expect(await podman.shell(script)).toBe("across");
  },
  "exec: in the container's namespaces and limits": async (podman) => {
    const name = await podman.start(["--pids-limit=33", "--security-opt=no-new-privileges"]);
    const script =
      "cat /sys/fs/cgroup/pids/pids.max; grep -E 'NoNewPrivs|Seccomp:' /proc/self/status; readlink /proc/self/ns/pid; readlink /proc/1/ns/pid";
    const [limit, noNewPrivileges, seccomp, mine, firsts] = (await podman.ok(["exec", name, "sh", "-c", script])).split("\n");
    expect([limit, noNewPrivileges, seccomp]).toEqual(["33", "NoNewPrivs:\t1", "Seccomp:\t2"]);
    expect(mine).toBe(firsts as string);
  },
};

const life: Scenarios = {
  "top, ps": async (podman) => {
    const name = await podman.start([], "sleep 1000");
    expect(await podman.ok(["top", name, "pid", "user", "args"])).toMatch(/^PID +USER +COMMAND\n1 +root +sleep 1000$/);
    expect(await podman.ok(["ps", "--filter", `name=^${name}$`, "--format={{.Status}} {{.Names}}"])).toMatch(/^Up .* c\d+$/);
  },
  stats: async (podman) => {
    const name = await podman.start(["--memory=64m"]);
    const [one] = JSON.parse(await podman.ok(["stats", "--no-stream", "--format=json", name])) as Record<string, string>[];
    expect(one?.name).toBe(name);
    expect(one?.mem_usage).toMatch(/^\d+(\.\d+)?[kM]B \/ 67\.11MB$/);
    expect(Number(one?.pids)).toBeGreaterThan(0);
  },
  "cp, both ways": async (podman) => {
    const name = await podman.start();
    podman.world.write(`${worldFolder}/copied/file`, "copied in\n");
    await podman.ok(["cp", `${worldFolder}/copied`, `${name}:/`]);
    expect(await podman.ok(["exec", name, "cat", "/copied/file"])).toBe("copied in");
    await podman.ok(["exec", name, "sh", "-c", "echo copied out > /out"]);
    await podman.ok(["cp", `${name}:/out`, `${worldFolder}/out-${name}`]);
    expect(await podman.world.ok(["cat", `${worldFolder}/out-${name}`])).toBe("copied out");
  },
  "pause, unpause": async (podman) => {
    const name = await podman.start([], "while :; do echo x >> /ticks; sleep 0.01; done");
    const ticks = async (): Promise<string> =>
      await podman.world.ok(["sh", "-c", `wc -c < $0/ticks`, await podman.inspect(name, ".GraphDriver.Data.UpperDir")]);
    await untilAsync(async () => Number(await ticks()) > 0, "the first tick");
    await podman.ok(["pause", name]);
    expect(await podman.inspect(name, ".State.Status")).toBe("paused");
    const before = await ticks();
    expect((await podman.call(["exec", name, "true"])).exitCode).not.toBe(0);
    expect(await ticks()).toBe(before);
    await podman.ok(["unpause", name]);
    await untilAsync(async () => (await ticks()) !== before, "another tick");
  },
  update: async (podman) => {
    const name = await podman.start(["--memory=64m", "--cpu-shares=100"]);
    await podman.ok(["update", "--memory=32m", "--cpus=0.5", "--cpu-shares=200", "--cpuset-cpus=0", name]);
    const files = ["memory/memory.limit_in_bytes", "cpu/cpu.cfs_quota_us", "cpu/cpu.shares", "cpuset/cpuset.cpus"];
    expect(await podman.ok(["exec", name, "cat", ...files.map((file) => `/sys/fs/cgroup/${file}`)])).toBe("33554432\n50000\n200\n0");
  },
  "stop: the signal, and the command's exit code": async (podman) => {
    const name = await podman.start([], "trap 'echo stopping; exit 3' TERM; echo ready; while :; do sleep 0.05; done");
    await untilAsync(async () => (await podman.ok(["logs", name])) === "ready", "the trap");
    await podman.ok(["stop", "--time=20", name]);
    expect(await podman.ok(["logs", name])).toBe("ready\nstopping");
    expect(await podman.inspect(name, ".State.ExitCode")).toBe("3");
  },
  "stop: without grace, and after the grace": async (podman) => {
    const script = "trap '' TERM; while :; do sleep 0.05; done";
    for (const time of ["0", "1"]) {
      const name = await podman.start([], script);
      await podman.ok(["stop", `--time=${time}`, name]);
      expect(await podman.inspect(name, ".State.ExitCode")).toBe("137");
    }
  },
  "kill: any signal": async (podman) => {
    const name = await podman.start([], "trap 'echo usr1' USR1; trap 'exit 2' INT; echo ready; while :; do sleep 0.05; done");
    await untilAsync(async () => (await podman.ok(["logs", name])) === "ready", "the traps");
    await podman.ok(["kill", "--signal=USR1", name]);
    await untilAsync(async () => (await podman.ok(["logs", name])) === "ready\nusr1", "the signal");
    await podman.ok(["kill", "--signal=2", name]);
    expect(await podman.ok(["wait", name])).toBe("2");
  },
  "restart, and start again after an end": async (podman) => {
    const name = await podman.start([], "echo run >> /runs; while :; do sleep 0.05; done");
    await podman.ok(["restart", "--time=0", name]);
    await podman.ok(["kill", name]);
    await podman.ok(["wait", name]);
    await podman.ok(["start", name]);
    await untilAsync(async () => (await podman.ok(["exec", name, "cat", "/runs"])) === "run\nrun\nrun", "the third run");
  },
  "restart policy: on-failure": async (podman) => {
    const name = await podman.start(["--restart=on-failure:2"], "echo run >> /runs; exit 1");
    await untilAsync(async () => (await podman.inspect(name, ".RestartCount", ".State.Status")) === "2 exited", "two restarts");
  },
  "rm -f of a running container": async (podman) => {
    const name = await podman.start([], "trap '' TERM; sleep 1000 & sleep 1000");
    await podman.ok(["rm", "--force", "--time=0", name]);
    expect((await podman.call(["inspect", name])).exitCode).not.toBe(0);
  },
  "exec again and again, which the front does from the third time on": async (podman) => {
    const name = await podman.start();
    const id = await podman.inspect(name, ".Id");
    for (const say of ["one", "two", "three", "four"])
      expect(await podman.call(["exec", "-i", name, "sh", "-c", "cat; exit 5"], { stdin: say })).toMatchObject({
        exitCode: 5,
        stdout: say,
      });
    const kept = await podman.shell(`test -e /run/box/${id}/exec && echo kept || ls -la /run/box /run/box/${id}`);
    if (podman.runtime.name === "box") expect(kept).toBe("kept");
  },
  "healthcheck run": async (podman) => {
    const name = await podman.start(["--health-cmd=test -e /healthy", "--health-interval=disable"]);
    expect((await podman.call(["healthcheck", "run", name])).exitCode).toBe(1);
    await podman.ok(["exec", name, "touch", "/healthy"]);
    expect((await podman.call(["healthcheck", "run", name])).exitCode).toBe(0);
  },
};

const isolation: Scenarios = {
  "--pid=host": async (podman) => {
    expect(await podman.sh(["--pid=host"], "cat /proc/1/comm")).toEqual(["catatonit"]);
    expect(await podman.sh([], "cat /proc/1/comm; true")).toEqual(["sh"]);
  },
  "--network=none": async (podman) => {
    expect(await podman.sh([], "ls /sys/class/net; ip -o -4 addr show lo | awk '{ print $4 }'")).toEqual(["lo", "127.0.0.1/8"]);
  },
  "--network=host": async (podman) => {
    const mine = await podman.world.ok(["readlink", "/proc/self/ns/net"]);
    expect(await podman.ok(["run", "--rm", "--network=host", "bb", "readlink", "/proc/self/ns/net"])).toBe(mine);
  },
  "the default bridge": async (podman) => {
    expect(await podman.ok(["run", "--rm", "bb", "sh", "-c", "ip -o -4 addr show eth0 | awk '{ print $4 }'"])).toMatch(
      /^10\.88\.\d+\.\d+\/16$/,
    );
  },
  "--ipc=host, --uts=host": async (podman) => {
    const mine = await podman.world.ok(["readlink", "/proc/self/ns/ipc", "/proc/self/ns/uts"]);
    expect((await podman.sh(["--ipc=host", "--uts=host"], "readlink /proc/self/ns/ipc; readlink /proc/self/ns/uts")).join("\n")).toBe(mine);
  },
  "--network, --ipc and --pid of another container": async (podman) => {
    const name = await podman.start([], "sleep 1000");
    const flags = [`--network=container:${name}`, `--ipc=container:${name}`, `--pid=container:${name}`];
    const script =
      "cat /proc/1/cmdline | tr '\\0' ' '; echo; for ns in net ipc; do test $(readlink /proc/self/ns/$ns) = $(readlink /proc/1/ns/$ns) && echo same; done";
    expect(await podman.ok(["run", "--rm", ...flags, "bb", "sh", "-c", script])).toBe("sleep 1000 \nsame\nsame");
  },
  "--cgroupns=private and host": async (podman) => {
    expect(await podman.sh(["--cgroupns=private"], "grep pids /proc/self/cgroup")).toEqual([expect.stringMatching(/:pids:\/$/)]);
    expect(await podman.sh(["--cgroupns=host"], "grep pids /proc/self/cgroup")).toEqual([
      expect.stringMatching(/:pids:\/libpod_parent\/libpod-/),
    ]);
  },
  "--userns: maps of ids": async (podman) => {
    const flags = ["--uidmap=0:100000:2000", "--gidmap=0:200000:2000"];
    const script = "id -u; cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '; stat -c %u /bin/busybox; stat -c %u /dev/null";
    expect(await podman.sh(flags, script)).toEqual(["0", " 0 100000 2000", " 0 200000 2000", "0", expect.stringMatching(/^(0|65534)$/)]);
    expect(await podman.sh([...flags, "--user=user"], "id")).toEqual(["uid=1000(user) gid=1000(user) groups=1000(user),1002(extra)"]);
  },
  "--userns: exec and a terminal": async (podman) => {
    const name = await podman.start(["--uidmap=0:100000:2000", "--gidmap=0:200000:2000"]);
    await using terminal = podman.terminal(["exec", "-it", name, "sh", "-c", "id -u; tty; cat /proc/self/uid_map"]);
    expect((await terminal.end()).output.replace(/ +/g, " ")).toBe("0\n/dev/pts/0\n 0 100000 2000\n");
  },
};

const files: Scenarios = {
  "--read-only": async (podman) => {
    const { exitCode, stderr } = await podman.run(["--read-only"], ["sh", "-c", "touch /tmp/here && touch /here"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: "touch: /here: Read-only file system\n" });
  },
  "--tmpfs": async (podman) => {
    const [line = "", copied] = await podman.sh(["--tmpfs=/etc:size=1m,mode=750"], "grep ' /etc ' /proc/self/mounts; cat /etc/motd");
    expect(line).toMatch(/^tmpfs \/etc tmpfs rw,nosuid,nodev,.*size=1024k.*mode=750/);
    // podman asks for tmpcopyup: what the image has there is in it.
    expect(copied).toBe("hello from the image");
  },
  "-v: read-write, read-only, and with rslave": async (podman) => {
    podman.world.write(`${worldFolder}/shared/file`, "on the host\n");
    const flags = [`-v=${worldFolder}/shared:/rw`, `-v=${worldFolder}/shared:/ro:ro`, `-v=${worldFolder}/shared:/slave:rslave,noexec`];
    const script = "cat /ro/file; echo changed > /rw/new; cat /ro/new; touch /ro/x 2>&1; grep -c ' /slave .*master:' /proc/self/mountinfo";
    expect(await podman.sh(flags, script)).toEqual(["on the host", "changed", "touch: /ro/x: Read-only file system", "1"]);
  },
  "-v: a file, and a named volume": async (podman) => {
    podman.world.write(`${worldFolder}/single`, "one file\n");
    expect(await podman.sh([`-v=${worldFolder}/single:/etc/motd:ro`], "cat /etc/motd")).toEqual(["one file"]);
    const volume = podman.newName();
    await podman.sh([`-v=${volume}:/data`], "echo kept > /data/file");
    expect(await podman.sh([`-v=${volume}:/data`], "cat /data/file")).toEqual(["kept"]);
  },
  "--device": async (podman) => {
    expect(await podman.sh(["--device=/dev/fuse:/dev/renamed:r"], "stat -c '%t:%T' /dev/renamed; : < /dev/renamed && echo opened")).toEqual(
      ["a:e5", "opened"],
    );
    const { stderr } = await podman.run(["--device=/dev/fuse:/dev/renamed:r"], ["sh", "-c", ": > /dev/renamed"]);
    expect(stderr).toContain("Operation not permitted");
  },
  commit: async (podman) => {
    const name = podman.newName();
    await podman.ok(["run", `--name=${name}`, "--network=none", "bb", "sh", "-c", "echo committed > /file"]);
    await podman.ok(["commit", "--quiet", name, `localhost/${name}`]);
    expect(await podman.ok(["run", "--rm", "--network=none", `localhost/${name}`, "cat", "/file"])).toBe("committed");
  },
  "build: RUN": async (podman) => {
    const folder = `${worldFolder}/build`;
    podman.world.write(
      `${folder}/Containerfile`,
      "FROM bb\nRUN id -u > /built && echo $0 >> /built\nUSER user\nRUN id -un > /tmp/user\nCMD cat /built /tmp/user\n",
    );
    await podman.ok(["build", "--isolation=oci", "--network=none", "--pull-never", "--quiet", "--tag=localhost/built", folder]);
    expect(await podman.ok(["run", "--rm", "--network=none", "localhost/built"])).toBe("0\n/bin/sh\nuser");
  },
};

const rights: Scenarios = {
  "capabilities: drop, add, and privileged": async (podman) => {
    const script = "grep -E 'Cap(Prm|Eff|Bnd)' /proc/self/status | cut -f2";
    const kill = "0000000000000020";
    expect(await podman.sh(["--cap-drop=all", "--cap-add=kill"], script)).toEqual([kill, kill, kill]);
    const standard = "00000000a80425fb";
    expect(await podman.sh([], script)).toEqual([standard, standard, standard]);
  },
  "--privileged": async (podman) => {
    const { exitCode, stdout, stderr } = await podman.run(
      ["--privileged"],
      [
        "sh",
        "-c",
        "mount -t tmpfs none /mnt 2>/dev/null || mount -t tmpfs none /tmp; ls /dev/loop-control; touch /sys/fs/cgroup/x 2>&1; grep Seccomp: /proc/self/status",
      ],
    );
    expect({ exitCode, stdout: stdout.split("\n")[0], stderr }).toEqual({ exitCode: 0, stdout: "/dev/loop-control", stderr: "" });
    expect(stdout).toContain("Seccomp:\t0");
  },
  "--user": async (podman) => {
    expect(await podman.sh(["--user=user", "--umask=0077"], "id; umask; grep CapEff /proc/self/status | cut -f2")).toEqual([
      "uid=1000(user) gid=1000(user) groups=1000(user),1002(extra)",
      "0077",
      "0000000000000000",
    ]);
    expect(await podman.sh(["--user=7:8", "--group-add=9"], "id -u; id -g; id -G")).toEqual(["7", "8", "8 9"]);
  },
  "--security-opt seccomp": async (podman) => {
    const profile = {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 95 }],
    };
    podman.world.write(`${worldFolder}/seccomp.json`, JSON.stringify(profile));
    const filtered = await podman.run([`--security-opt=seccomp=${worldFolder}/seccomp.json`], ["mkdir", "/made"]);
    expect(filtered.stderr).toContain("Operation not supported");
    expect(await podman.sh(["--security-opt=seccomp=unconfined"], "grep Seccomp: /proc/self/status")).toEqual(["Seccomp:\t0"]);
    expect(await podman.sh([], "grep Seccomp: /proc/self/status")).toEqual(["Seccomp:\t2"]);
  },
  "--security-opt seccomp, with an agent": async (podman) => {
    const socket = `${worldFolder}/agent`;
    using agent = new Agent(podman.world.path(socket), () => ({ errno: 95 }));
    const profile = {
      defaultAction: "SCMP_ACT_ALLOW",
      listenerPath: socket,
      listenerMetadata: "from podman",
      syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_NOTIFY" }],
    };
    podman.world.write(`${worldFolder}/agent.json`, JSON.stringify(profile));
    const filtered = await podman.run([`--security-opt=seccomp=${worldFolder}/agent.json`], ["mkdir", "/made"]);
    expect(filtered.stderr).toContain("Operation not supported");
    expect(agent.told).toEqual([expect.objectContaining({ fds: ["seccompFd"], metadata: "from podman" })]);
    expect(agent.asked.map(({ call }) => call)).toEqual(["mkdir"]);
  },
  "--security-opt mask, unmask, no-new-privileges": async (podman) => {
    expect(await podman.sh([], "wc -c < /proc/keys; (echo x > /proc/sys/kernel/domainname) 2>&1; true")).toEqual([
      "0",
      expect.stringContaining("Read-only file system"),
    ]);
    const flags = ["--security-opt=mask=/proc/uptime", "--security-opt=unmask=/proc/timer_list", "--security-opt=no-new-privileges"];
    expect(await podman.sh(flags, "cat /proc/uptime; grep NoNewPrivs /proc/self/status")).toEqual(["NoNewPrivs:\t1"]);
  },
  "--ulimit": async (podman) => {
    expect(
      await podman.sh(["--ulimit=nofile=100:200", "--ulimit=core=0", `--ulimit=${processLimit}`], "ulimit -Sn; ulimit -Hn; ulimit -c"),
    ).toEqual(["100", "200", "0"]);
  },
  "--sysctl": async (podman) => {
    const flags = ["--sysctl=kernel.msgmax=65000", "--sysctl=net.ipv4.ip_forward=1"];
    expect(await podman.sh(flags, "cat /proc/sys/kernel/msgmax /proc/sys/net/ipv4/ip_forward")).toEqual(["65000", "1"]);
  },
  "--oom-score-adj": async (podman) => {
    expect(await podman.sh(["--oom-score-adj=500"], "cat /proc/self/oom_score_adj")).toEqual(["500"]);
  },
};

const limits: Scenarios = {
  "--memory: a process that wants more is killed": async (podman) => {
    const script =
      "cat /sys/fs/cgroup/memory/memory.limit_in_bytes; tail /dev/zero; echo $?; grep 'oom_kill ' /sys/fs/cgroup/memory/memory.oom_control";
    expect(await podman.sh(["--memory=16m", "--memory-swap=16m"], script)).toEqual(["16777216", "137", "oom_kill 1"]);
  },
  "--memory: podman knows why its container ended": async (podman) => {
    const name = await podman.start(["--memory=16m", "--memory-swap=16m"], "exec tail /dev/zero");
    expect(await podman.ok(["wait", name])).toBe("137");
    expect(await podman.inspect(name, ".State.OOMKilled")).toBe("true");
  },
  "--pids-limit: the next fork fails": async (podman) => {
    const { exitCode, stderr } = await podman.run(["--pids-limit=4"], ["sh", "-c", "for i in 1 2 3 4 5; do sleep 5 & done"]);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain("can't fork");
  },
  "--cpus, --cpu-shares, --cpuset-cpus, reservation": async (podman) => {
    const flags = ["--cpus=0.25", "--cpu-shares=77", "--cpuset-cpus=0", "--memory-reservation=8m"];
    const files = [
      "cpu/cpu.cfs_quota_us",
      "cpu/cpu.cfs_period_us",
      "cpu/cpu.shares",
      "cpuset/cpuset.cpus",
      "memory/memory.soft_limit_in_bytes",
    ];
    expect(await podman.sh(flags, files.map((file) => `cat /sys/fs/cgroup/${file}`).join("; "))).toEqual([
      "25000",
      "100000",
      "77",
      "0",
      "8388608",
    ]);
  },
  "--device-read-bps, --device-cgroup-rule": async (podman) => {
    const flags = ["--device-cgroup-rule=c 10:229 rwm", "--device-read-bps=/dev/vda:1mb"];
    const script = "mknod /tmp/fuse c 10 229 && : < /tmp/fuse && cat /sys/fs/cgroup/blkio/blkio.throttle.read_bps_device";
    expect(await podman.sh(flags, script)).toEqual([expect.stringMatching(/^\d+:\d+ 1048576$/)]);
  },
  "--cgroup-parent": async (podman) => {
    expect(await podman.sh(["--cgroup-parent=/elsewhere", "--cgroupns=host"], "grep pids /proc/self/cgroup")).toEqual([
      expect.stringMatching(/:pids:\/elsewhere\/libpod-/),
    ]);
  },
};

const pods: Scenarios = {
  "pod: containers share namespaces": async (podman) => {
    const pod = podman.newName();
    await podman.ok(["pod", "create", `--name=${pod}`, "--network=none", "--share=net,ipc,uts,pid", "--hostname=podded"]);
    const look = "for ns in net ipc uts pid; do readlink /proc/self/ns/$ns; done; hostname; cat /proc/1/comm";
    const inPod = (): Promise<string> => podman.ok(["run", "--rm", `--pod=${pod}`, "bb", "sh", "-c", look]);
    const first = await inPod();
    expect(first).toEndWith("\npodded\ncatatonit");
    expect(await inPod()).toBe(first);
    await podman.ok(["pod", "pause", pod]);
    await podman.ok(["pod", "unpause", pod]);
    await podman.ok(["pod", "stop", "--time=0", pod]);
    await podman.ok(["pod", "rm", pod]);
  },
  "play kube": async (podman) => {
    const container = {
      name: "main",
      image: "localhost/bb",
      imagePullPolicy: "Never",
      command: ["/bin/sh", "-c", "echo from the pod; hostname; sleep 1000"],
    };
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "played" }, spec: { restartPolicy: "Never", containers: [container] } };
    podman.world.write(`${worldFolder}/pod.json`, JSON.stringify(pod));
    await podman.ok(["play", "kube", "--network=none", `${worldFolder}/pod.json`]);
    await untilAsync(async () => (await podman.ok(["logs", "played-main"])) === "from the pod\nplayed", "the pod's output");
    await podman.ok(["play", "kube", "--down", `${worldFolder}/pod.json`]);
  },
};

const configurations: Scenarios = {
  "config.json: box plans what podman writes": async (podman) => {
    const flags = [
      "--init",
      "--read-only",
      "--tmpfs=/t",
      "--cap-add=sys_admin",
      "--memory=64m",
      "--device=/dev/fuse",
      "--hostname=h",
      "--user=1:1",
    ];
    for (const more of [
      [],
      ["-it"],
      flags,
      ["--privileged"],
      ["--uidmap=0:100000:2000", "--gidmap=0:100000:2000"],
      ["--pid=host", "--systemd=always"],
    ]) {
      const name = await podman.start(more);
      await expectPlan(podman.runtime, (argv) => podman.world.ok(argv), await podman.bundle(name));
    }
  },
};

const last: Scenarios = {
  "nothing is left when all containers are removed": async (podman) => {
    await podman.ok(["pod", "rm", "--all", "--force", "--time=0"]);
    await podman.ok(["rm", "--all", "--force", "--time=0"]);
    // A conmon ends a little after its container.
    const left = async (): Promise<string[]> =>
      (await podman.world.processes()).filter((name) => !["catatonit", "ps", "timeout"].includes(name));
    await untilAsync(async () => (await left()).length === 0, "the last processes to end");
    expect(podman.world.cgroups("libpod-").filter((path) => !path.includes("conmon"))).toEqual([]);
    expect(podman.world.list(`/run/${podman.runtime.name}`)).toEqual([]);
  },
};

const shared = { programs: podmanPrograms, last };

await testRing({
  ...shared,
  name: "podman",
  open: (runtime) => Podman.open(runtime),
  scenarios: { ...run, ...exec, ...life, ...isolation, ...files, ...rights, ...limits, ...pods, ...configurations },
});

await testRing({
  ...shared,
  name: "podman on cgroup v2",
  open: (runtime) => Podman.open(runtime, { layout: "v2" }),
  scenarios: {
    ...those(run, "run: output", "run -it: a shell", "run -d", "run --init"),
    ...those(exec, "exec: output", "exec -it", "exec -d", "exec --user"),
    ...those(life, "pause", "stop", "restart, ", "rm -f"),
    ...those(isolation, "--userns: maps", "--pid=host"),
    ...those(files, "--device", "--read-only"),
    ...those(rights, "--privileged"),
  },
});
