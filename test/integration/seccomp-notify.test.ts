// SCMP_ACT_NOTIFY: an agent gets the listener and the container process state, and what it answers is what the container sees.

import { describe, expect } from "bun:test";
import { chmodSync, closeSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { Seccomp } from "../../src/config/spec.ts";
import { asUser, Bundle, binary, ended, execute, linesOf, machine, type Outcome, type RichSpec, testWith, userId } from "./harness.ts";
import { Agent, type Answer } from "./seccomp-agent.ts";
import { SocketReceiver } from "./socket-receiver.ts";

const test = testWith();
const quiet: Outcome = { exitCode: 0, stdout: "", stderr: "" };
const ENOMEDIUM = 123;
const noMedium: Outcome = { exitCode: 1, stdout: "", stderr: "mkdir: can't create directory '/tmp/a': No medium found\n" };

const profile = (listenerPath: string, names: string[], more: Partial<Seccomp> = {}): Seccomp => ({
  defaultAction: "SCMP_ACT_ALLOW",
  listenerPath,
  syscalls: [{ names, action: "SCMP_ACT_NOTIFY" }],
  ...more,
});

type Asking = { readonly bundle: Bundle; readonly agent: Agent } & Disposable;

/** A bundle whose calls of these names an agent answers. */
function asking(names: string[], answer: Answer, change: (spec: RichSpec) => void = () => {}): Asking {
  const bundle = new Bundle();
  const agent = new Agent(`${bundle.folder}/agent`, () => answer);
  bundle.change((spec) => {
    spec.root.readonly = false;
    spec.linux.seccomp = profile(agent.path, names);
    spec.process.args = ["mkdir", "/tmp/a"];
    change(spec);
  });
  return {
    bundle,
    agent,
    [Symbol.dispose]: () => {
      agent[Symbol.dispose]();
      bundle[Symbol.dispose]();
    },
  };
}

const makesFolders = ["mkdir", "mkdirat"];

describe("what the agent answers is what the container sees", () => {
  for (const noNewPrivileges of [true, false]) {
    const given = `${noNewPrivileges ? "with" : "without"} noNewPrivileges`;
    test(`an errno, ${given}`, async () => {
      using asked = asking(makesFolders, { errno: ENOMEDIUM }, ({ process }) => (process.noNewPrivileges = noNewPrivileges));
      expect(await asked.bundle.box(["run", asked.bundle.id])).toEqual(noMedium);
      expect(asked.agent.asked.map(({ call }) => call)).toEqual(["mkdir"]);
    });
    test(`nothing but to go on, ${given}`, async () => {
      using asked = asking(makesFolders, "continue", ({ process }) => {
        process.noNewPrivileges = noNewPrivileges;
        process.args = ["sh", "-c", "mkdir /tmp/a && test -d /tmp/a"];
      });
      expect(await asked.bundle.box(["run", asked.bundle.id])).toEqual(quiet);
    });
  }
  test("a result that it makes up", async () => {
    using asked = asking(makesFolders, { result: 0 }, ({ process }) => {
      process.args = ["sh", "-c", "mkdir /tmp/a && ls /tmp"];
    });
    expect(await asked.bundle.box(["run", asked.bundle.id])).toEqual(quiet);
  });
  test("and once it is gone, ENOSYS", async () => {
    using asked = asking(makesFolders, "continue", ({ process }) => {
      process.args = ["sh", "-c", "until test -e /tmp/gone; do :; done; mkdir /tmp/a"];
    });
    const { bundle, agent } = asked;
    using running = bundle.start(["run", bundle.id]);
    await agent.toldOf(1);
    agent.leave();
    writeFileSync(`${bundle.rootfs}/tmp/gone`, "");
    expect(await running.outcome()).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: "mkdir: can't create directory '/tmp/a': Function not implemented\n",
    });
  });
});

describe("the agent is told", () => {
  test("of a run: all of the state, whatever is in it", async () => {
    const metadata = 'quotes " and \\, a tab\t, a bell \u0007, NO-BREAK\u00a0SPACE, \ud83d\udce6';
    using asked = asking(makesFolders, { errno: ENOMEDIUM }, (spec) => {
      (spec.linux.seccomp as Seccomp).listenerMetadata = metadata;
      spec.annotations = { "org.example.line": "one\ntwo\u001b[31m", "org.example.long": "x".repeat(300_000) };
    });
    const { bundle, agent } = asked;
    expect(await bundle.box(["run", bundle.id])).toEqual(noMedium);
    const [{ pid = 0 } = {}] = agent.asked;
    expect(agent.told).toEqual([
      {
        ociVersion: "1.3.0",
        fds: ["seccompFd"],
        pid,
        metadata,
        state: {
          ociVersion: "1.3.0",
          id: bundle.id,
          status: "creating",
          pid,
          bundle: bundle.folder,
          annotations: { "org.example.line": "one\ntwo\u001b[31m", "org.example.long": "x".repeat(300_000) },
        },
      },
    ]);
  });

  const stateOf = ({ id, folder }: Bundle, status: string, pid: number) => ({ ociVersion: "1.3.0", id, status, pid, bundle: folder });
  const told = (bundle: Bundle, status: string, pid: number, init = pid) => ({
    ociVersion: "1.3.0",
    fds: ["seccompFd"],
    pid,
    state: stateOf(bundle, status, init),
  });

  test("of a container that is created, before it is started", async () => {
    using asked = asking(makesFolders, { errno: ENOMEDIUM }, ({ process }) => (process.noNewPrivileges = false));
    const { bundle, agent } = asked;
    expect(await bundle.box(["create", bundle.id])).toEqual(quiet);
    const { initPid } = bundle;
    expect(await agent.toldOf(1)).toEqual([told(bundle, "creating", initPid)]);
    expect(agent.asked).toEqual([]);
    expect(await bundle.box(["start", bundle.id])).toEqual(quiet);
    await ended(initPid);
    expect(agent.asked).toEqual([{ call: "mkdir", pid: initPid }]);
  });

  for (const flags of [[], ["--tty"]])
    test(`of an exec ${flags.join("")}: the process that it is, and the container`, async () => {
      using asked = asking(makesFolders, { errno: ENOMEDIUM });
      const { bundle, agent } = asked;
      using _ = await bundle.startSh("echo ready; exec sleep 1000");
      const { initPid } = bundle;
      const { exitCode, stdout, stderr } = await bundle.box(["exec", ...flags, bundle.id, "mkdir", "/tmp/a"]);
      expect([exitCode, (stdout + stderr).trim()]).toEqual([1, noMedium.stderr.trim()]);
      const [{ pid = 0 } = {}] = agent.asked;
      expect(pid).not.toBe(initPid);
      expect(agent.told).toEqual([told(bundle, "creating", initPid), told(bundle, "running", pid, initPid)]);
    });

  test("of a container that runs again from what was kept", async () => {
    using asked = asking(makesFolders, { errno: ENOMEDIUM });
    const { bundle, agent } = asked;
    for (const _ of [1, 2, 3, 4]) expect(await bundle.box(["run", bundle.id])).toEqual(noMedium);
    expect(agent.told).toEqual(agent.asked.map(({ pid }) => told(bundle, "creating", pid)));
    expect((await agent.toldOf(4)).length).toBe(4);
  });

  test("of an exec that is repeated, from what was kept", async () => {
    using asked = asking(makesFolders, { errno: ENOMEDIUM });
    const { bundle, agent } = asked;
    using _ = await bundle.startSh("echo ready; exec sleep 1000");
    const { initPid } = bundle;
    for (const _ of [1, 2, 3, 4]) expect(await bundle.box(["exec", bundle.id, "mkdir", "/tmp/a"])).toEqual(noMedium);
    expect(agent.told.slice(1)).toEqual(agent.asked.map(({ pid }) => told(bundle, "running", pid, initPid)));
    expect((await agent.toldOf(5)).length).toBe(5);
  });

  test("of a container in a user namespace, and of an exec there", async () => {
    const map = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    using asked = asking(makesFolders, { errno: ENOMEDIUM }, (spec) => {
      spec.linux.namespaces.push({ type: "user" });
      Object.assign(spec.linux, { uidMappings: map, gidMappings: map });
    });
    const { bundle, agent } = asked;
    bundle.giveRootTo(100_000);
    using _ = await bundle.startSh("mkdir /tmp/a; echo ready; exec sleep 1000");
    expect((await bundle.box(["exec", bundle.id, "mkdir", "/tmp/a"])).stderr).toBe(noMedium.stderr);
    expect((await agent.toldOf(2)).length).toBe(2);
  });
});

testWith("setpriv", "user namespaces for users")("without root, too", async () => {
  using asked = asking(makesFolders, { errno: ENOMEDIUM });
  const { bundle, agent } = asked;
  bundle.giveTo(userId);
  chmodSync(agent.path, 0o777);
  const made = await execute([
    ...asUser,
    "sh",
    "-c",
    `mkdir ${bundle.folder}/made && cd ${bundle.folder}/made && ${binary} spec --rootless`,
  ]);
  expect(made).toEqual(quiet);
  const spec = JSON.parse(readFileSync(`${bundle.folder}/made/config.json`, "utf8"));
  spec.linux.seccomp = profile(agent.path, makesFolders);
  spec.process = { ...spec.process, terminal: false, args: ["mkdir", "/tmp/a"] };
  bundle.writeConfig(JSON.stringify(spec));
  expect(await bundle.box(["run", bundle.id], { before: asUser })).toEqual(noMedium);
  expect((await agent.toldOf(1)).length).toBe(1);
});

test("in a pid namespace of another container", async () => {
  using asked = asking(makesFolders, { errno: ENOMEDIUM });
  using other = new Bundle();
  using _ = await other.startSh("echo ready; exec sleep 1000");
  const { bundle, agent } = asked;
  bundle.change(({ linux }) => {
    linux.namespaces = linux.namespaces.map((one) => (one.type === "pid" ? { type: "pid", path: `/proc/${other.initPid}/ns/pid` } : one));
  });
  expect(await bundle.box(["run", bundle.id])).toEqual(noMedium);
  expect((await agent.toldOf(1)).length).toBe(1);
});

describe("whatever is asked about", () => {
  const everything = ["execve", "openat", "open", "read", "close", "fcntl", "write", "sendmsg", "recvmsg", "capset", "exit_group", "ppoll"];
  for (const [title, change] of [
    [
      "calls that box makes itself",
      (spec: RichSpec) => ((spec.linux.seccomp as Seccomp).syscalls = [{ names: everything, action: "SCMP_ACT_NOTIFY" }]),
    ],
    [
      "every call",
      (spec: RichSpec) => (spec.linux.seccomp = { defaultAction: "SCMP_ACT_NOTIFY", listenerPath: `${spec.linux.seccomp?.listenerPath}` }),
    ],
  ] as const) {
    test(`${title}: run, create and start, exec`, async () => {
      using asked = asking([], "continue", (spec) => {
        change(spec);
        spec.process.noNewPrivileges = false;
        spec.process.args = ["echo", "hello"];
      });
      const { bundle, agent } = asked;
      expect(await bundle.box(["run", bundle.id])).toEqual({ exitCode: 0, stdout: "hello\n", stderr: "" });
      expect(agent.asked[0]?.call).toBe("execve");
      bundle.change((spec) => (spec.process.args = ["sleep", "1000"]));
      expect(await bundle.box(["create", bundle.id])).toEqual(quiet);
      expect(await bundle.box(["start", bundle.id])).toEqual(quiet);
      expect(await bundle.box(["exec", bundle.id, "echo", "more"])).toEqual({ exitCode: 0, stdout: "more\n", stderr: "" });
      expect((await agent.toldOf(3)).length).toBe(3);
    });
  }
  test("what else is refused does not keep the agent from being told", async () => {
    using asked = asking([], { errno: ENOMEDIUM }, (spec) => {
      spec.linux.seccomp = {
        defaultAction: "SCMP_ACT_KILL_PROCESS",
        listenerPath: `${spec.linux.seccomp?.listenerPath}`,
        syscalls: [{ names: ["execve"], action: "SCMP_ACT_NOTIFY" }],
      };
    });
    const { exitCode, stderr } = await asked.bundle.box(["run", asked.bundle.id]);
    expect([exitCode, stderr.split("\n")[0]]).toEqual([
      126,
      'box: process.args[0]: cannot execute mkdir: execve("/bin/mkdir", ["mkdir", "/tmp/a"], 3 variables): ENOMEDIUM (no medium found)',
    ]);
  });
});

test("nothing of it is left in the container: no thread, no descriptor, no other filter", async () => {
  using asked = asking(makesFolders, "continue", ({ process }) => {
    process.args = ["sh", "-c", "grep -E '^(Threads|Seccomp|Seccomp_filters):' /proc/self/status; ls /proc/self/fd | tr '\\n' ' '"];
  });
  const before = machine(asked.bundle);
  const { stdout } = await asked.bundle.box(["run", asked.bundle.id]);
  expect(linesOf(stdout)).toEqual(["Threads:\t1", "Seccomp:\t2", "Seccomp_filters:\t1", "0 1 2 3 "]);
  expect(machine(asked.bundle)).toEqual(before);
});

for (const way of ["create", "run"] as const)
  test(`hooks of startContainer run under the filter, and get no listener: ${way}`, async () => {
    using asked = asking(makesFolders, { errno: ENOMEDIUM }, (spec) => {
      const script = "mkdir /tmp/b 2> /tmp/said; ls /proc/self/fd > /tmp/open; :";
      spec.hooks = { startContainer: [{ path: "/bin/sh", args: ["sh", "-c", script] }] };
    });
    const { bundle } = asked;
    const read = (name: string): string => readFileSync(`${bundle.rootfs}/tmp/${name}`, "utf8");
    if (way === "create") {
      expect(await bundle.box(["create", bundle.id])).toEqual(quiet);
      const { initPid } = bundle;
      expect(await bundle.box(["start", bundle.id])).toEqual(quiet);
      await ended(initPid);
    } else expect(await bundle.box(["run", bundle.id])).toEqual(noMedium);
    expect(read("said")).toBe("mkdir: can't create directory '/tmp/b': No medium found\n");
    expect(linesOf(read("open"))).toEqual(["0", "1", "2", "3"]);
    expect(asked.agent.asked.map(({ call }) => call)).toEqual(["mkdir", "mkdir"]);
  });

test("WAIT_KILLABLE_RECV goes with it", async () => {
  using asked = asking(makesFolders, { errno: ENOMEDIUM }, (spec) => {
    (spec.linux.seccomp as Seccomp).flags = ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"];
  });
  expect(await asked.bundle.box(["run", asked.bundle.id])).toEqual(noMedium);
});

describe("where the agent cannot be told, nothing starts and nothing is left", () => {
  const cannotConnect = (to: string, errno: string): string =>
    `box: linux.seccomp.listenerPath: cannot connect to the agent at ${to}: connect(socket of the agent, &sockaddr_un, ${to.length + 3}): ${errno}\n` +
    "hint: no agent listens there\n";
  async function refuses(bundle: Bundle, listenerPath: string, errno: string): Promise<void> {
    bundle.change((spec) => {
      spec.root.readonly = false;
      spec.linux.seccomp = profile(listenerPath, makesFolders);
      spec.process.args = ["sh", "-c", "echo ran > /tmp/ran"];
    });
    const before = machine(bundle);
    for (const command of ["run", "create"]) {
      const { exitCode, stdout, stderr } = await bundle.box([command, bundle.id]);
      expect({ exitCode, stdout, stderr }).toEqual({
        exitCode: command === "run" ? 125 : 1,
        stdout: "",
        stderr: cannotConnect(listenerPath, errno),
      });
      expect(machine(bundle)).toEqual(before);
    }
    expect(readdirSync(`${bundle.rootfs}/tmp`)).toEqual([]);
  }
  test("without an agent", async () => {
    using bundle = new Bundle();
    await refuses(bundle, `${bundle.folder}/missing`, "ENOENT (no such file or directory)");
  });
  test("with a socket that nobody listens at", async () => {
    using bundle = new Bundle();
    const agent = new Agent(`${bundle.folder}/left`, () => "continue");
    agent[Symbol.dispose]();
    await refuses(bundle, agent.path, "ECONNREFUSED (connection refused)");
  });
  test("with a folder in its place", async () => {
    using bundle = new Bundle();
    mkdirSync(`${bundle.folder}/folder`);
    await refuses(bundle, `${bundle.folder}/folder`, "ECONNREFUSED (connection refused)");
  });
  test("an exec neither, and the container goes on", async () => {
    using asked = asking(makesFolders, "continue");
    const { bundle, agent } = asked;
    using _ = await bundle.startSh("echo ready; exec sleep 1000");
    agent.leave();
    rmSync(agent.path);
    const { exitCode, stderr } = await bundle.box(["exec", bundle.id, "true"]);
    expect([exitCode, stderr]).toEqual([125, cannotConnect(agent.path, "ENOENT (no such file or directory)")]);
    expect(JSON.parse((await bundle.box(["state", bundle.id])).stdout).status).toBe("running");
    expect(linesOf((await bundle.box(["ps", "-f", "json", bundle.id])).stdout.trim())).toEqual([`[${bundle.initPid}]`]);
  });
  test("nor where one process is all that there may be", async () => {
    using asked = asking(makesFolders, "continue", ({ linux }) => (linux.resources = { ...linux.resources, pids: { limit: 1 } }));
    const before = machine(asked.bundle);
    const { exitCode, stderr } = await asked.bundle.box(["run", asked.bundle.id]);
    expect([exitCode, stderr]).toEqual([
      125,
      "box: linux.seccomp.listenerPath: cannot make a thread that the filter will not apply to: clone3(&clone_args of the thread " +
        "{flags: CLONE_VM|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD|CLONE_PARENT_SETTID|CLONE_CHILD_CLEARTID, " +
        "parent_tid: &thread, child_tid: &thread}, 88): EAGAIN (resource temporarily unavailable)\n" +
        "hint: it counts as one more process, for linux.resources.pids too\n",
    ]);
    expect(machine(asked.bundle)).toEqual(before);
  });
  test("an agent that does not read is waited for ten seconds", async () => {
    using bundle = new Bundle();
    using receiver = new SocketReceiver(`${bundle.folder}/agent`);
    bundle.change((spec) => {
      spec.linux.seccomp = profile(receiver.path, makesFolders);
      spec.annotations = { long: "x".repeat(2_000_000) };
    });
    const before = machine(bundle);
    using running = bundle.start(["run", bundle.id], { limitMs: 30_000 });
    const connection = await receiver.connection();
    // Its loop need not keep a processor busy for that long.
    process.kill(bundle.initPid, "SIGSTOP");
    expect(await running.outcome()).toEqual({
      exitCode: 125,
      stdout: "",
      stderr: `box: linux.seccomp.listenerPath: cannot send the agent at ${receiver.path} the whole state: the agent has stopped reading\n`,
    });
    expect(machine(bundle)).toEqual(before);
    closeSync(connection);
  }, 40_000);
});

test("when box is killed while it tells the agent, init ends by itself", async () => {
  using bundle = new Bundle();
  using receiver = new SocketReceiver(`${bundle.folder}/agent`);
  bundle.change((spec) => {
    spec.linux.seccomp = profile(receiver.path, makesFolders);
    spec.annotations = { long: "x".repeat(2_000_000) };
  });
  using running = bundle.start(["run", bundle.id]);
  const connection = await receiver.connection();
  const { initPid } = bundle;
  running.child.kill("SIGKILL");
  await running.child.exited;
  await ended(initPid);
  expect(await bundle.box(["delete", "--force", bundle.id])).toEqual(quiet);
  closeSync(connection);
});
