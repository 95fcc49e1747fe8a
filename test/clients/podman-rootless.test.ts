// podman as an ordinary user with subordinate ids. podman has made its user namespace already when it calls the runtime:
// so box is root there without being the host's, and has no cgroup to write to where the machine's are v1.

import { expect } from "bun:test";
import { untilAsync, untilSized, worldFolder } from "./harness.ts";
import { boxer, Podman, rootlessPrograms } from "./podman.ts";
import { expectPlan, type Scenario, testRing } from "./scenarios.ts";

const scenarios: Readonly<Record<string, Scenario<Podman>>> = {
  "run: output, exit code, stdin": async (podman) => {
    const outcome = await podman.run(["-i"], ["sh", "-c", "cat; echo err >&2; exit 7"], { stdin: "in\n" });
    expect(outcome).toEqual({ exitCode: 7, stdout: "in\n", stderr: "err\n" });
  },
  "run: 126 and 127": async (podman) => {
    expect((await podman.run([], ["/etc/motd"])).exitCode).toBe(126);
    expect((await podman.run([], ["no-such-command"])).exitCode).toBe(127);
  },
  "run: the user is root inside, by podman's own user namespace": async (podman) => {
    expect(await podman.sh([], "id -u; cat /proc/self/uid_map | tr -s ' '")).toEqual([
      "0",
      ` 0 ${boxer.id} 1`,
      ` 1 ${boxer.subordinate} 65536`,
    ]);
  },
  "run -it": async (podman) => {
    await using terminal = podman.terminal(["run", "--rm", "-it", "--network=none", "bb", "sh"]);
    await terminal.says("#");
    terminal.type(`${untilSized}; tty; exit 5\r`);
    const { exitCode, output } = await terminal.end();
    expect(output).toContain("\n/dev/pts/0\n");
    expect(exitCode).toBe(5);
  },
  "run -d, logs, stop, rm": async (podman) => {
    const name = await podman.start([], "trap 'echo stopping; exit 3' TERM; echo ready; while :; do sleep 0.05; done");
    await untilAsync(async () => (await podman.ok(["logs", name])) === "ready", "the trap");
    await podman.ok(["stop", "--time=20", name]);
    expect(await podman.ok(["logs", name])).toBe("ready\nstopping");
    expect(await podman.inspect(name, ".State.ExitCode")).toBe("3");
    await podman.ok(["rm", name]);
  },
  "exec: --user, exit code": async (podman) => {
    const name = await podman.start();
    expect(await podman.ok(["exec", "--user=user", name, "id", "-un"])).toBe("user");
    expect((await podman.call(["exec", name, "sh", "-c", "exit 12"])).exitCode).toBe(12);
    expect((await podman.call(["exec", name, "no-such-command"])).exitCode).toBe(127);
  },
  "exec -it, exec -d": async (podman) => {
    const name = await podman.start();
    await using terminal = podman.terminal(["exec", "-it", name, "sh", "-c", "tty; exit 3"]);
    expect(await terminal.end()).toEqual({ exitCode: 3, output: "/dev/pts/0\n" });
    await podman.ok(["exec", "-d", name, "touch", "/detached"]);
    await untilAsync(async () => (await podman.call(["exec", name, "test", "-e", "/detached"])).exitCode === 0, "the detached command");
  },
  "top, kill, restart": async (podman) => {
    const name = await podman.start([], "exec sleep 1000");
    expect(await podman.ok(["top", name, "pid", "args"])).toMatch(/^PID +COMMAND\n1 +sleep 1000$/);
    await podman.ok(["restart", "--time=0", name]);
    await podman.ok(["kill", name]);
    expect(await podman.ok(["wait", name])).toBe("137");
  },
  "--userns=keep-id": async (podman) => {
    expect(await podman.sh(["--userns=keep-id"], "id -u; awk '$2 == 0 { print $1 }' /proc/self/uid_map")).toEqual([
      String(boxer.id),
      String(boxer.id),
    ]);
  },
  "--userns=nomap and --uidmap": async (podman) => {
    const flags = ["--uidmap=0:1:1000", "--uidmap=1000:0:1", "--uidmap=1001:1001:100"];
    expect(await podman.sh([...flags, "--user=user"], "id -u; cat /proc/self/uid_map | tr -s ' '")).toEqual([
      "1000",
      " 0 1 1000",
      " 1000 0 1",
      " 1001 1001 100",
    ]);
  },
  "--user, capabilities": async (podman) => {
    const script = "id -u; grep -E 'Cap(Eff|Bnd)' /proc/self/status | cut -f2";
    expect(await podman.sh(["--user=user"], script)).toEqual(["1000", "0000000000000000", "00000000a80425fb"]);
    expect(await podman.sh(["--cap-drop=all", "--cap-add=kill"], script)).toEqual(["0", "0000000000000020", "0000000000000020"]);
  },
  "--privileged": async (podman) => {
    expect(await podman.sh(["--privileged"], "mount -t tmpfs none /home && echo mounted; stat -c %t:%T /dev/null")).toEqual([
      "mounted",
      "1:3",
    ]);
  },
  "--read-only, --tmpfs, -v": async (podman) => {
    const flags = ["--read-only", "--tmpfs=/scratch", `-v=${worldFolder}/home:/mine`];
    await podman.sh(flags, "touch /scratch/a /mine/from-inside && ! touch /b 2>/dev/null");
    expect(await podman.world.ok(["stat", "-c", "%u", `${worldFolder}/home/from-inside`])).toBe(String(boxer.id));
  },
  "--init, --security-opt, --ulimit": async (podman) => {
    expect(
      await podman.sh(["--init", "--security-opt=no-new-privileges"], "cat /proc/1/comm; grep -E 'NoNewPrivs|Seccomp:' /proc/self/status"),
    ).toEqual(["podman-init", "NoNewPrivs:\t1", "Seccomp:\t2"]);
  },
  "--device": async (podman) => {
    expect(await podman.sh(["--device=/dev/full:/dev/renamed"], "stat -c %t:%T /dev/renamed")).toEqual(["1:7"]);
  },
  "--pid=host, --network=host": async (podman) => {
    const mine = await podman.world.ok(["readlink", "/proc/self/ns/net"]);
    expect(
      await podman.ok(["run", "--rm", "--network=host", "--pid=host", "bb", "sh", "-c", "readlink /proc/self/ns/net; cat /proc/1/comm"]),
    ).toBe(`${mine}\ncatatonit`);
  },
  "the default network: slirp4netns": async (podman) => {
    expect(await podman.ok(["run", "--rm", "bb", "sh", "-c", "ip -o -4 addr show tap0 | awk '{ print $4 }'"])).toBe("10.0.2.100/24");
  },
  "pod: containers share namespaces": async (podman) => {
    const pod = podman.newName();
    await podman.ok(["pod", "create", `--name=${pod}`, "--network=none", "--share=net,ipc,uts", "--hostname=podded"]);
    const inPod = (): Promise<string> =>
      podman.ok(["run", "--rm", `--pod=${pod}`, "bb", "sh", "-c", "for ns in net ipc uts; do readlink /proc/self/ns/$ns; done; hostname"]);
    const first = await inPod();
    expect(first).toEndWith("\npodded");
    expect(await inPod()).toBe(first);
    await podman.ok(["pod", "rm", "--force", "--time=0", pod]);
  },
  "build: RUN": async (podman) => {
    const folder = `${worldFolder}/build`;
    podman.world.write(`${folder}/Containerfile`, "FROM bb\nRUN id -u > /built\n");
    await podman.ok(["build", "--isolation=oci", "--network=none", "--pull-never", "--quiet", "--tag=localhost/built", folder]);
    expect(await podman.ok(["run", "--rm", "--network=none", "localhost/built", "cat", "/built"])).toBe("0");
  },
  cp: async (podman) => {
    const name = await podman.start();
    podman.world.write(`${worldFolder}/copied`, "copied in\n");
    await podman.ok(["cp", `${worldFolder}/copied`, `${name}:/copied`]);
    expect(await podman.ok(["exec", name, "cat", "/copied"])).toBe("copied in");
  },
  "config.json: box plans what podman writes": async (podman) => {
    for (const flags of [[], ["-it", "--read-only"], ["--privileged"], ["--userns=keep-id"]]) {
      const name = await podman.start(flags);
      await expectPlan(podman.runtime, (argv) => podman.ok(["unshare", ...argv]), await podman.bundle(name));
    }
  },
};

await testRing({
  name: "rootless podman",
  programs: rootlessPrograms,
  open: (runtime) => Podman.open(runtime, { rootless: true }),
  scenarios,
});
