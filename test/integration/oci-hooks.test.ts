// OCI hooks at all six points: when and where they run, what they are told, and what becomes of their failures.

import { describe, expect } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import type { Hook, HookPoint, Hooks } from "../../src/config/spec.ts";
import { Bundle, ended, linesOf, machine, type Outcome, type RichSpec, testWith, until } from "./harness.ts";

const test = testWith();
const quiet: Outcome = { exitCode: 0, stdout: "", stderr: "" };
const points = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"] as const satisfies HookPoint[];

/** A shell script as a hook: on the host, or inside where only busybox is. */
const script = (text: string, more: Partial<Hook> = {}): Hook => ({ path: "/bin/sh", args: ["sh", "-c", text], ...more });

/** A bundle whose root is writable, and a folder of its own on the host that is also in the container, as /log. */
function bundleWith(hooks: (log: string) => Hooks, change: (spec: RichSpec) => void = () => {}): { bundle: Bundle; log: string } {
  const bundle = new Bundle();
  const log = `${bundle.folder}/log`;
  mkdirSync(log);
  bundle.change((spec) => {
    spec.process.args = ["true"];
    spec.mounts.push({ destination: "/log", type: "bind", source: log, options: ["bind"] });
    spec.hooks = hooks(log);
    change(spec);
  });
  return { bundle, log };
}
const read = (file: string): string => (existsSync(file) ? readFileSync(file, "utf8") : "");

async function leavesNothing(bundle: Bundle, work: () => Promise<void>): Promise<void> {
  const before = machine(bundle);
  await work();
  await until(() => machine(bundle).processes.length === before.processes.length, "the end of all processes");
  expect(machine(bundle)).toEqual(before);
}

describe("order", () => {
  const noting = (log: string): Hooks =>
    Object.fromEntries(
      points.map((point) => {
        const folder = point === "startContainer" ? "/log" : log;
        return [point, [1, 2].map((number) => script(`echo ${point} ${number} >>${folder}/order`))];
      }),
    );
  const program = (spec: RichSpec): void => {
    spec.process.args = ["sh", "-c", "echo program >>/log/order"];
  };
  const before = ["prestart", "createRuntime", "createContainer"].flatMap((point) => [`${point} 1`, `${point} 2`]);

  test("of a run", async () => {
    const { bundle, log } = bundleWith(noting, program);
    using _ = bundle;
    await leavesNothing(bundle, async () => expect(await bundle.box(["run", bundle.id])).toEqual(quiet));
    const order = linesOf(read(`${log}/order`));
    // poststart and the program run side by side.
    const rest = order.filter((line) => line !== "program");
    expect(rest).toEqual([...before, "startContainer 1", "startContainer 2", "poststart 1", "poststart 2", "poststop 1", "poststop 2"]);
    expect(order.indexOf("program")).toBeGreaterThan(order.indexOf("startContainer 2"));
    expect(order.indexOf("program")).toBeLessThan(order.indexOf("poststop 1"));
  });

  test("of create, start and delete", async () => {
    const { bundle, log } = bundleWith(noting, program);
    using _ = bundle;
    await leavesNothing(bundle, async () => {
      expect(await bundle.box(["create", bundle.id])).toEqual(quiet);
      expect(linesOf(read(`${log}/order`))).toEqual(before);
      const { initPid } = bundle;
      expect(await bundle.box(["start", bundle.id])).toEqual(quiet);
      await ended(initPid);
      const order = linesOf(read(`${log}/order`));
      expect(order.filter((line) => line !== "program")).toEqual([
        ...before,
        "startContainer 1",
        "startContainer 2",
        "poststart 1",
        "poststart 2",
      ]);
      expect(order).toContain("program");
      expect(await bundle.box(["delete", bundle.id])).toEqual(quiet);
      expect(linesOf(read(`${log}/order`)).slice(-2)).toEqual(["poststop 1", "poststop 2"]);
    });
  });

  test("of a run by itself: poststop waits for delete", async () => {
    const { bundle, log } = bundleWith(noting, program);
    using _ = bundle;
    await leavesNothing(bundle, async () => {
      expect(await bundle.box(["run", "--detach", bundle.id])).toEqual(quiet);
      await ended(bundle.initPid);
      expect(
        linesOf(read(`${log}/order`))
          .filter((line) => line !== "program")
          .slice(6),
      ).toEqual(["startContainer 1", "startContainer 2", "poststart 1", "poststart 2"]);
      expect(await bundle.box(["delete", bundle.id])).toEqual(quiet);
      expect(linesOf(read(`${log}/order`)).slice(-2)).toEqual(["poststop 1", "poststop 2"]);
    });
  });

  test("of a container that runs for long, whose supervisor has to become box again for poststop", async () => {
    const { bundle, log } = bundleWith(
      noting,
      (spec) => (spec.process.args = ["sh", "-c", "echo program >>/log/order; sleep 0.3; exit 3"]),
    );
    using _ = bundle;
    await leavesNothing(bundle, async () => expect((await bundle.box(["run", bundle.id])).exitCode).toBe(3));
    expect(linesOf(read(`${log}/order`)).slice(-2)).toEqual(["poststop 1", "poststop 2"]);
  });
});

describe("what a hook is told and where it stands", () => {
  type Told = { readonly state: Record<string, unknown>; readonly folder: string; readonly namespaces: string[]; readonly root: string[] };
  const names = ["mnt", "pid", "net", "uts"];
  /** Notes stdin, the working folder, namespaces, and what is in /. */
  const telling = (folder: string, point: string): Hook =>
    script(
      `cat >${folder}/${point}.state; { pwd; for n in ${names.join(" ")}; do readlink /proc/self/ns/$n; done; ls /; } >${folder}/${point}.place`,
    );
  const told = (log: string, point: string): Told => {
    const [folder = "", ...rest] = linesOf(read(`${log}/${point}.place`));
    return { state: JSON.parse(read(`${log}/${point}.state`)) as Told["state"], folder, namespaces: rest.slice(0, 4), root: rest.slice(4) };
  };
  const namespacesOf = (pid: number | "self"): string[] => names.map((name) => readlinkSync(`/proc/${pid}/ns/${name}`));

  test("state, folder and namespaces at each point", async () => {
    const { bundle, log } = bundleWith((folder) =>
      Object.fromEntries(points.map((point) => [point, [telling(point === "startContainer" ? "/log" : folder, point)]])),
    );
    using _ = bundle;
    bundle.change((spec) => {
      spec.process.args = ["sleep", "1000"];
      spec.annotations = { "org.example.key": "value" };
    });
    expect(await bundle.box(["create", bundle.id])).toEqual(quiet);
    const { initPid } = bundle;
    const inside = namespacesOf(initPid);
    const host = namespacesOf("self");
    expect(await bundle.box(["start", bundle.id])).toEqual(quiet);
    expect(await bundle.box(["delete", "--force", bundle.id])).toEqual(quiet);

    const common = {
      ociVersion: "1.3.0",
      id: bundle.id,
      bundle: bundle.folder,
      annotations: { "org.example.key": "value" },
    };
    const seen = Object.fromEntries(points.map((point) => [point, told(log, point)]));
    const state = (point: HookPoint): unknown => {
      const { rootfs: _rootfs, created: _created, owner: _owner, ...rest } = seen[point]?.state ?? {};
      return rest;
    };
    expect(points.map((point) => [point, state(point)])).toEqual([
      ["prestart", { ...common, status: "creating", pid: initPid }],
      ["createRuntime", { ...common, status: "creating", pid: initPid }],
      // In the container's pid namespace init is 1.
      ["createContainer", { ...common, status: "creating", pid: 1 }],
      ["startContainer", { ...common, status: "created", pid: 1 }],
      ["poststart", { ...common, status: "running", pid: initPid }],
      ["poststop", { ...common, status: "stopped", pid: initPid }],
    ]);
    expect(points.map((point) => [point, seen[point]?.namespaces])).toEqual([
      ["prestart", host],
      ["createRuntime", host],
      ["createContainer", inside],
      ["startContainer", inside],
      ["poststart", host],
      ["poststop", host],
    ]);
    expect(points.map((point) => [point, seen[point]?.folder])).toEqual([
      ["prestart", bundle.folder],
      ["createRuntime", bundle.folder],
      ["createContainer", bundle.rootfs],
      ["startContainer", "/"],
      ["poststart", bundle.folder],
      ["poststop", bundle.folder],
    ]);
    // Before pivot_root a hook of the container still sees the host's files, and finds its own by its working folder.
    expect(seen.createContainer?.root).toEqual(seen.prestart?.root as string[]);
    expect(seen.startContainer?.root).toContain("log");
  });

  test("arguments and environment are those of the configuration, and nothing of box's", async () => {
    const { bundle, log } = bundleWith((folder) => ({
      createRuntime: [{ path: "/bin/sh", args: ["named", "-c", `echo "$0 $1 $A"; env`, "zero", "one"], env: ["A=a b"], timeout: 5 }].map(
        ({ args, ...hook }) => ({ ...hook, args: [args[0] as string, "-c", `exec >${folder}/out; ${args[2]}`, "zero", "one"] }),
      ),
      poststart: [{ path: "/usr/bin/env" }],
    }));
    using _ = bundle;
    expect(await bundle.box(["run", bundle.id], { env: { SECRET: "of the caller" } })).toEqual(quiet);
    expect(linesOf(read(`${log}/out`))).toEqual(["zero one a b", "A=a b", `PWD=${bundle.folder}`]);
  });

  test("without an environment of its own a hook of the host finds programs by name, and has nothing of the caller's", async () => {
    const { bundle, log } = bundleWith((folder) => ({
      createRuntime: [{ path: "/bin/sh", args: ["sh", "-c", `tr '\\0' '\\n' </proc/$$/environ >${folder}/usual`] }],
    }));
    using _ = bundle;
    expect(await bundle.box(["run", bundle.id], { env: { SECRET: "of the caller" } })).toEqual(quiet);
    expect(linesOf(read(`${log}/usual`))).toEqual(["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]);
  });

  test("the environment of startContainer, where it has none of its own, is the container's", async () => {
    const { bundle, log } = bundleWith(() => ({ startContainer: [script('echo "$OF $HOME" >/log/own')] }));
    using _ = bundle;
    bundle.change((spec) => spec.process.env.push("OF=container"));
    expect(await bundle.box(["run", bundle.id], { env: { OF: "caller" } })).toEqual(quiet);
    expect(read(`${log}/own`)).toBe("container /root\n");
  });

  test("descriptors and signals are those of a fresh process", async () => {
    const look = (folder: string, point: string): Hook =>
      script(`set -- /proc/self/fd/*; echo "$*" >${folder}/${point}; grep -E '^Sig(Blk|Ign)' /proc/self/status | cat >>${folder}/${point}`);
    const { bundle, log } = bundleWith((folder) =>
      Object.fromEntries(points.map((point) => [point, [look(point === "startContainer" ? "/log" : folder, point)]])),
    );
    using _ = bundle;
    const before = ["sh", "-c", `trap '' INT HUP USR1; exec "$@" 5</ 6</etc`, "sh"];
    expect(await bundle.box(["run", bundle.id], { before })).toEqual(quiet);
    for (const point of points) {
      const [fds = "", ...signals] = linesOf(read(`${log}/${point}`));
      // The shell may have the folder itself open, as a fourth.
      expect([point, fds.replaceAll("/proc/self/fd/", "").replace(/ 3$/, ""), signals]).toEqual([
        point,
        "0 1 2",
        ["SigBlk:\t0000000000000000", "SigIgn:\t0000000000000000"],
      ]);
    }
  });

  test("hooks of the host run while init waits, before the container's program is there", async () => {
    const { bundle, log } = bundleWith((folder) => ({
      createRuntime: [
        script(
          `pid=$(sed 's/.*"pid":\\([0-9]*\\).*/\\1/'); readlink /proc/$pid/exe >${folder}/exe; cat /proc/$pid/mountinfo >${folder}/mounts`,
        ),
      ],
    }));
    using _ = bundle;
    expect(await bundle.box(["run", bundle.id])).toEqual(quiet);
    expect(read(`${log}/exe`)).toBe("/memfd:box-stage (deleted)\n");
    // The mounts of the configuration are there.
    expect(read(`${log}/mounts`)).toContain(` ${bundle.rootfs}/log `);
  });
});

describe("a hook that fails", () => {
  /** The whole message without its milliseconds. */
  const message = (stderr: string): string => stderr.replaceAll(/after \d+ ms/g, "after N ms");
  const early = ["prestart", "createRuntime", "createContainer"] as const;

  for (const point of early)
    for (const command of [["run"], ["create"]])
      test(`${point}: ${command[0]} fails with what it printed, and nothing is left`, async () => {
        const { bundle, log } = bundleWith((folder) => ({
          [point]: [script("true"), script("cat >/dev/null; echo out; echo err >&2; exit 3"), script(`touch ${folder}/third`)],
          poststop: [script(`touch ${folder}/stopped`)],
        }));
        using _ = bundle;
        await leavesNothing(bundle, async () => {
          const { exitCode, stdout, stderr } = await bundle.box([...command, bundle.id]);
          expect([exitCode, stdout, message(stderr)]).toEqual([
            1,
            "",
            `box: hooks.${point}[1]: /bin/sh: exit 3 after N ms\nhint: it printed: out\\nerr\n`,
          ]);
        });
        expect([existsSync(`${log}/third`), existsSync(`${log}/stopped`)]).toEqual([false, true]);
      });

  test("startContainer: run says so, and nothing is left", async () => {
    const { bundle } = bundleWith(() => ({ startContainer: [script("echo inside; exit 4")] }));
    using _ = bundle;
    await leavesNothing(bundle, async () => {
      const { exitCode, stderr } = await bundle.box(["run", bundle.id]);
      expect([exitCode, message(stderr)]).toEqual([
        1,
        "box: hooks.startContainer[0]: /bin/sh: exit 4 after N ms\nhint: it printed: inside\n",
      ]);
    });
  });

  test("startContainer: start says so, and the container has stopped", async () => {
    const { bundle } = bundleWith(() => ({ startContainer: [script("true"), script("echo inside; exit 4")] }));
    using _ = bundle;
    await leavesNothing(bundle, async () => {
      expect(await bundle.box(["create", bundle.id])).toEqual(quiet);
      const { initPid } = bundle;
      expect(await bundle.box(["start", bundle.id])).toEqual({
        exitCode: 1,
        stdout: "",
        stderr: "box: hooks.startContainer[1]: cannot run the hook /bin/sh: exit 4\nhint: it printed: inside\n",
      });
      await ended(initPid);
      expect(await bundle.box(["delete", bundle.id])).toEqual(quiet);
    });
  });

  test("poststop: is a warning, and the others run", async () => {
    const { bundle, log } = bundleWith((folder) => ({
      poststop: [script("echo first; exit 5"), script("kill -9 $$"), script(`touch ${folder}/third`), { path: "/nonexistent" }],
    }));
    using _ = bundle;
    bundle.change((spec) => (spec.process.args = ["sh", "-c", "echo ran; exit 6"]));
    await leavesNothing(bundle, async () => {
      const { exitCode, stdout, stderr } = await bundle.box(["run", bundle.id]);
      expect([exitCode, stdout]).toEqual([6, "ran\n"]);
      expect(message(stderr)).toBe(
        [
          "box: warning: hooks.poststop[0]: /bin/sh: exit 5 after N ms",
          "hint: it printed: first",
          "box: warning: hooks.poststop[1]: /bin/sh: ended by SIGKILL after N ms",
          "box: warning: hooks.poststop[3]: cannot run the hook /nonexistent: ENOENT (no such file or directory)",
          "",
        ].join("\n"),
      );
    });
    expect(existsSync(`${log}/third`)).toBe(true);
  });

  describe("poststart: the container is ended, and what follows its end runs", () => {
    const failing = (folder: string): Hooks => ({
      poststart: [script("echo first; exit 5"), script(`touch ${folder}/second`)],
      poststop: [script(`touch ${folder}/poststop`)],
    });
    for (const flags of [[], ["--detach"], ["--detach", "--log-driver", "file", "--log-opt", "path=/dev/null"]])
      test(`of ${["run", ...flags].join(" ")}`, async () => {
        const { bundle, log } = bundleWith(failing);
        using _ = bundle;
        bundle.change((spec) => (spec.process.args = ["sleep", "1000"]));
        await leavesNothing(bundle, async () => {
          const { exitCode, stdout, stderr } = await bundle.box(["run", ...flags, bundle.id]);
          expect([exitCode, stdout, message(stderr)]).toEqual([
            1,
            "",
            "box: hooks.poststart[0]: /bin/sh: exit 5 after N ms\nhint: it printed: first\n",
          ]);
        });
        expect([existsSync(`${log}/second`), existsSync(`${log}/poststop`)]).toEqual([false, true]);
      });

    test("of start, whose container is there for delete", async () => {
      const { bundle, log } = bundleWith(failing);
      using _ = bundle;
      bundle.change((spec) => (spec.process.args = ["sleep", "1000"]));
      await leavesNothing(bundle, async () => {
        expect(await bundle.box(["create", bundle.id])).toEqual(quiet);
        const { initPid } = bundle;
        const { exitCode, stderr } = await bundle.box(["start", bundle.id]);
        expect([exitCode, message(stderr)]).toEqual([1, "box: hooks.poststart[0]: /bin/sh: exit 5 after N ms\nhint: it printed: first\n"]);
        await ended(initPid);
        expect([existsSync(`${log}/second`), existsSync(`${log}/poststop`)]).toEqual([false, false]);
        expect(await bundle.box(["delete", bundle.id])).toEqual(quiet);
      });
      expect(existsSync(`${log}/poststop`)).toBe(true);
    });
  });

  test("poststop of delete: is a warning too", async () => {
    const { bundle } = bundleWith(() => ({ poststop: [script("exit 6")] }));
    using _ = bundle;
    await leavesNothing(bundle, async () => {
      expect(await bundle.box(["create", bundle.id])).toEqual(quiet);
      const { initPid } = bundle;
      expect(await bundle.box(["start", bundle.id])).toEqual(quiet);
      await ended(initPid);
      const deleted = await bundle.box(["delete", bundle.id]);
      expect([deleted.exitCode, message(deleted.stderr)]).toEqual([0, "box: warning: hooks.poststop[0]: /bin/sh: exit 6 after N ms\n"]);
    });
  });

  test("by a signal", async () => {
    const { bundle } = bundleWith(() => ({ createRuntime: [script("kill -SEGV $$")] }));
    using _ = bundle;
    const { exitCode, stderr } = await bundle.box(["run", bundle.id]);
    expect([exitCode, message(stderr)]).toEqual([1, "box: hooks.createRuntime[0]: /bin/sh: ended by SIGSEGV after N ms\n"]);
  });

  test("since it cannot be run", async () => {
    for (const [mode, errno] of [
      [undefined, "ENOENT (no such file or directory)"],
      [0o644, "EACCES (permission denied)"],
      [0o755, "ENOEXEC (exec format error)"],
    ] as const) {
      const { bundle, log } = bundleWith((folder) => ({ createRuntime: [{ path: `${folder}/hook` }] }));
      using _ = bundle;
      const path = `${log}/hook`;
      if (mode !== undefined) writeFileSync(path, "no program\n", { mode });
      await leavesNothing(bundle, async () =>
        expect(await bundle.box(["run", bundle.id])).toEqual({
          exitCode: 1,
          stdout: "",
          stderr: `box: hooks.createRuntime[0]: cannot run the hook ${path}: ${errno}\n`,
        }),
      );
    }
  });

  test("that prints without end: the message has its beginning", async () => {
    const { bundle } = bundleWith(() => ({ createRuntime: [script("yes | head -c 100000; exit 1")] }));
    using _ = bundle;
    const { exitCode, stderr } = await bundle.box(["run", bundle.id]);
    const [first = "", hint = "", ...rest] = linesOf(stderr);
    expect([exitCode, message(first), hint.startsWith("hint: it printed: y\\ny\\n"), rest]).toEqual([
      1,
      "box: hooks.createRuntime[0]: /bin/sh: exit 1 after N ms",
      true,
      [],
    ]);
    expect(hint.length).toBeLessThan(10_000);
  });

  test("by its time", async () => {
    for (const point of ["prestart", "createRuntime", "createContainer", "startContainer"] as const) {
      const { bundle, log } = bundleWith((folder) => {
        const place = point === "startContainer" ? "/log" : folder;
        return { [point]: [script(`echo $$ >${place}/pid; exec sleep 1000`, { timeout: 1 })] };
      });
      using _ = bundle;
      await leavesNothing(bundle, async () => {
        const began = performance.now();
        const { exitCode, stderr } = await bundle.box(["run", bundle.id]);
        expect([exitCode, message(stderr)]).toEqual([1, `box: hooks.${point}[0]: /bin/sh: it took longer than 1 s after N ms\n`]);
        expect(performance.now() - began).toBeGreaterThan(1000);
      });
      expect(read(`${log}/pid`)).not.toBe("");
    }
  }, 20_000);

  test("of poststop by its time does not keep the others from running", async () => {
    const { bundle, log } = bundleWith((folder) => ({
      poststop: [script("exec sleep 1000", { timeout: 1 }), script(`touch ${folder}/second`)],
    }));
    using _ = bundle;
    await leavesNothing(bundle, async () => {
      const { exitCode, stderr } = await bundle.box(["run", bundle.id]);
      expect([exitCode, message(stderr)]).toEqual([0, "box: warning: hooks.poststop[0]: /bin/sh: it took longer than 1 s after N ms\n"]);
    });
    expect(existsSync(`${log}/second`)).toBe(true);
  });
});

describe("with other things", () => {
  test("a hook that takes its time within its time is waited for", async () => {
    const { bundle, log } = bundleWith((folder) => ({ createRuntime: [script(`sleep 0.3; echo done >${folder}/done`, { timeout: 20 })] }));
    using _ = bundle;
    bundle.change((spec) => (spec.process.args = ["cat", "/log/done"]));
    expect(await bundle.box(["run", bundle.id])).toEqual({ exitCode: 0, stdout: "done\n", stderr: "" });
    expect(read(`${log}/done`)).toBe("done\n");
  });

  test("a hook that leaves a process behind, which keeps its output open, is not waited for longer than it lives", async () => {
    const { bundle, log } = bundleWith((folder) => ({ createRuntime: [script(`sleep 1000 & echo $! >${folder}/pid`)] }));
    using _ = bundle;
    expect(await bundle.box(["run", bundle.id])).toEqual(quiet);
    const pid = Number(read(`${log}/pid`));
    process.kill(pid, "SIGKILL");
    await ended(pid);
  });

  test("a network device that createRuntime moves into the container", async () => {
    const { bundle } = bundleWith(() => ({
      createRuntime: [
        script(
          `pid=$(sed 's/.*"pid":\\([0-9]*\\).*/\\1/'); exec nsenter --net=/proc/$pid/ns/net sh -c 'echo 81 >/proc/sys/net/ipv4/ip_unprivileged_port_start'`,
          { env: ["PATH=/usr/bin:/bin"] },
        ),
      ],
    }));
    using _ = bundle;
    bundle.change((spec) => (spec.process.args = ["cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start"]));
    expect((await bundle.box(["run", bundle.id])).stdout).toBe("81\n");
  });

  test("a file that createContainer makes in the root is there for the program", async () => {
    const { bundle } = bundleWith(() => ({ createContainer: [script("echo made >made")] }));
    using _ = bundle;
    bundle.change((spec) => {
      spec.root.readonly = true;
      spec.process.args = ["cat", "/made"];
    });
    expect(await bundle.box(["run", bundle.id])).toEqual({ exitCode: 0, stdout: "made\n", stderr: "" });
  });

  test("a terminal, ids of a user namespace, and a program that is missing", async () => {
    const { bundle, log } = bundleWith((folder) => ({
      createRuntime: [script(`echo runtime >>${folder}/order`)],
      createContainer: [script(`echo container >>${folder}/order; id -u >>${folder}/order`)],
      poststop: [script(`echo stopped >>${folder}/order`)],
    }));
    using _ = bundle;
    bundle.giveRootTo(100000);
    writeFileSync(`${log}/order`, "");
    chmodSync(`${log}/order`, 0o666);
    bundle.change((spec) => {
      spec.process.terminal = true;
      spec.process.args = ["nothing"];
      spec.linux.namespaces.push({ type: "user" });
      spec.linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 1000 }];
      spec.linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 1000 }];
    });
    await leavesNothing(bundle, async () =>
      expect(await bundle.box(["run", bundle.id])).toEqual({
        exitCode: 127,
        stdout: "",
        stderr: "box: process.args[0]: cannot execute nothing: executable file not found in $PATH\n",
      }),
    );
    expect(linesOf(read(`${log}/order`))).toEqual(["runtime", "container", "0", "stopped"]);
  });

  test("box killed while a hook runs: the remains can be deleted", async () => {
    const { bundle, log } = bundleWith((folder) => ({
      createRuntime: [script(`echo $$ >${folder}/pid; exec sleep 1000`)],
      poststop: [script(`touch ${folder}/stopped`)],
    }));
    using _ = bundle;
    await leavesNothing(bundle, async () => {
      using running = bundle.start(["create", bundle.id]);
      await until(() => read(`${log}/pid`).endsWith("\n"), "the hook");
      running.child.kill("SIGKILL");
      await running.child.exited;
      const pid = Number(read(`${log}/pid`));
      process.kill(pid, "SIGKILL");
      await ended(pid);
      expect(await bundle.box(["delete", "--force", bundle.id])).toEqual(quiet);
    });
    expect(existsSync(`${log}/stopped`)).toBe(true);
  });

  test("a configuration with hooks is not kept as a program in which they would be missing", async () => {
    const { bundle, log } = bundleWith((folder) => ({ createRuntime: [script(`echo ran >>${folder}/order`)] }));
    using _ = bundle;
    for (let round = 0; round < 4; round++) expect(await bundle.box(["run", bundle.id])).toEqual(quiet);
    expect(linesOf(read(`${log}/order`))).toEqual(["ran", "ran", "ran", "ran"]);
    writeFileSync(`${log}/order`, "");
    bundle.change((spec) => (spec.hooks = {}));
    expect(await bundle.box(["run", bundle.id])).toEqual(quiet);
    expect(read(`${log}/order`)).toBe("");
  });
});
