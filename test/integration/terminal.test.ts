// process.terminal: what the container sees of its terminal, what the caller's terminal goes through meanwhile, and that
// it is as before afterwards.

import { describe, expect } from "bun:test";
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { Bundle, binary, execute, machine, testWith, until } from "./harness.ts";
import { Terminal } from "./terminal.ts";

const test = testWith();

type State = { readonly box: { readonly supervisor: number } };

/** Whether a link of /proc/PID/fd leads to the end of a terminal that programs have. */
const isSlave = (link: string): boolean => /^\/dev\/pts\/\d+$/.test(readlinkSync(link));

const bundleFor = (script: string): Bundle =>
  new Bundle((spec) => {
    spec.process.terminal = true;
    spec.process.args = ["sh", "-c", script];
  });

describe("inside", () => {
  test("stdio and /dev/console are a pseudoterminal of the container's own, which is its controlling terminal", async () => {
    using bundle = bundleFor(
      "for fd in 0 1 2; do readlink /proc/self/fd/$fd; done; stat -c '%t:%T %u' /dev/console; : < /dev/tty && ls -1 /dev/pts",
    );
    using terminal = new Terminal(bundle, `$BOX run ${bundle.id}`);
    expect(await terminal.end()).toEqual({ exitCode: 0, output: "/dev/pts/0\n/dev/pts/0\n/dev/pts/0\n88:0 0\n0\nptmx\n" });
  });

  test("the terminal belongs to the process's user", async () => {
    using bundle = bundleFor("stat -c %u /dev/console; id -u");
    bundle.change((spec) => (spec.process.user = { uid: 1000, gid: 1001 }));
    using terminal = new Terminal(bundle, `$BOX run ${bundle.id}`);
    expect((await terminal.end()).output).toBe("1000\n1000\n");
  });

  test("it has the caller's size before the process runs, and follows it", async () => {
    using bundle = bundleFor("trap 'stty size; exit 3' WINCH; stty size; echo ready; while :; do sleep 0.05; done");
    using terminal = new Terminal(bundle, `$BOX run ${bundle.id}`);
    await terminal.says("ready");
    expect(terminal.output).toBe("30 100\r\nready\r\n");
    terminal.resize(90, 20);
    expect(await terminal.end()).toEqual({ exitCode: 3, output: "30 100\nready\n20 90\n" });
  });

  test("consoleSize is its size when the caller has no terminal", async () => {
    using bundle = bundleFor("stty size");
    bundle.change((spec) => (spec.process.consoleSize = { height: 7, width: 77 }));
    expect(await bundle.box(["run", bundle.id])).toEqual({ exitCode: 0, stdout: "7 77\n", stderr: "" });
  });

  test("the signals that keys make reach the container's process, not box", async () => {
    using bundle = bundleFor("trap 'echo interrupted; exit 9' INT; echo ready; while :; do sleep 0.05; done");
    using terminal = new Terminal(bundle, `$BOX run ${bundle.id}`);
    await terminal.says("ready");
    terminal.type("\x03");
    expect(await terminal.end()).toEqual({ exitCode: 9, output: "ready\n^Cinterrupted\n" });
  });

  for (const [way, polls, command] of [
    ["in the foreground", "0x4", (id: string) => `$BOX run ${id}`],
    ["with a log", "0x5", (id: string) => `$BOX run -d --log-driver local ${id} && $BOX logs -f ${id}; exit $($BOX wait ${id})`],
  ] as const)
    test(`one that is closed and opened again goes on, ${way}`, async () => {
      const wait = (name: string): string => `until test -e /${name}; do sleep 0.01; done`;
      using bundle = bundleFor(
        `echo ready; ${wait("close")}; exec 0<&- 1<&- 2<&-; ${wait("open")}; echo again >/dev/console; echo more >/dev/console; exit 3`,
      );
      bundle.change((spec) => (spec.root.readonly = false));
      using terminal = new Terminal(bundle, command(bundle.id));
      await until(() => existsSync(`${bundle.states}/${bundle.id}/state.json`), "a state");
      const { supervisor } = (JSON.parse(readFileSync(`${bundle.states}/${bundle.id}/state.json`, "utf8")) as State).box;
      const waits = (): boolean => readFileSync(`/proc/${supervisor}/syscall`, "utf8").split(" ")[2] === polls;
      await until(() => readlinkSync(`/proc/${supervisor}/exe`) !== binary && waits(), "box to wait as the supervisor");
      const slaves = (): number => readdirSync(`/proc/${supervisor}/fd`).filter((fd) => isSlave(`/proc/${supervisor}/fd/${fd}`)).length;
      const before = slaves();
      writeFileSync(`${bundle.rootfs}/close`, "");
      await until(() => slaves() > before, "the supervisor to take over the terminal");
      writeFileSync(`${bundle.rootfs}/open`, "");
      expect(await terminal.end()).toMatchObject({ exitCode: 3, output: expect.stringMatching(/again\nmore\n$/) });
    });

  test("what is typed is echoed once and read as lines", async () => {
    using bundle = bundleFor('echo ready; read line; echo "got $line"');
    using terminal = new Terminal(bundle, `$BOX run ${bundle.id}`);
    await terminal.says("ready");
    terminal.type("grüße\r");
    expect((await terminal.end()).output).toBe("ready\ngrüße\ngot grüße\n");
  });
});

describe("the caller's terminal", () => {
  /** Runs `command` between two looks at the terminal's settings. */
  const around = (command: string): string => `stty -g; ${command}; code=$?; stty -g; exit $code`;

  async function settingsAround(bundle: Bundle, command: string, during: (terminal: Terminal) => Promise<void>): Promise<number> {
    using terminal = new Terminal(bundle, around(command));
    await during(terminal);
    const { exitCode, output } = await terminal.end();
    const lines = output.trim().split("\n");
    expect(lines.at(-1)).toMatch(/^[0-9a-f:]+$/);
    expect(lines.at(-1)).toBe(lines[0] as string);
    return exitCode;
  }

  test("is raw meanwhile, and has its settings back after an ordinary end", async () => {
    using bundle = bundleFor("echo ready; read line; exit 4");
    const code = await settingsAround(bundle, `$BOX run ${bundle.id}`, async (terminal) => {
      await terminal.says("ready");
      const tty = `/proc/${terminal.child.pid}/fd/0`;
      await until(() => Bun.spawnSync(["stty", "-F", tty, "-a"]).stdout.toString().includes("-icanon"), "raw mode");
      expect(Bun.spawnSync(["stty", "-F", tty, "-a"]).stdout.toString()).toMatch(/-icrnl.*\sopost\s.*-isig -icanon -iexten -echo\s/s);
      terminal.type("\r");
    });
    expect(code).toBe(4);
  });

  test("has them back after init was killed", async () => {
    using bundle = bundleFor("echo ready; sleep 100");
    const code = await settingsAround(bundle, `$BOX run ${bundle.id}`, async (terminal) => {
      await terminal.says("ready");
      process.kill(bundle.initPid, "SIGKILL");
    });
    expect(code).toBe(137);
  });

  test("has them back when box is told to end", async () => {
    using bundle = bundleFor("trap 'exit 6' TERM; echo ready; while :; do sleep 0.05; done");
    const code = await settingsAround(
      bundle,
      `$BOX run ${bundle.id} & box=$!; trap 'kill -TERM $box' USR1; wait $box; wait $box`,
      async (terminal) => {
        await terminal.says("ready");
        terminal.child.kill("SIGUSR1");
      },
    );
    expect(code).toBe(6);
  });

  test("has them back when box finishes what its supervisor cannot", async () => {
    using bundle = bundleFor("echo ready; read line; exit 5");
    bundle.change((spec) => (spec.linux.namespaces = spec.linux.namespaces.filter(({ type }) => type !== "pid")));
    const code = await settingsAround(bundle, `$BOX run ${bundle.id}`, async (terminal) => {
      await terminal.says("ready");
      terminal.type("\r");
    });
    expect(code).toBe(5);
  });

  test("is never touched by a start that fails", async () => {
    using bundle = bundleFor("true");
    bundle.change((spec) => (spec.process.args = ["nosuch"]));
    expect(await settingsAround(bundle, `$BOX run ${bundle.id}`, async () => {})).toBe(127);
  });

  test("may go away: the container's input ends", async () => {
    using bundle = bundleFor("echo ready; cat");
    const before = machine(bundle);
    using terminal = new Terminal(bundle, `exec $BOX run ${bundle.id}`);
    await terminal.says("ready");
    terminal.child.terminal?.close();
    await terminal.child.exited;
    await until(() => machine(bundle).states.length === 0, "the state to go");
    expect(machine(bundle)).toEqual({ ...before, states: [] });
  });
});

describe("without a terminal of the caller's", () => {
  test("input ends with ^D, and output has no carriage returns", async () => {
    using bundle = bundleFor("stty -echo; echo >/quiet; cat; echo end");
    bundle.change((spec) => (spec.root.readonly = false));
    // What is typed before is echoed.
    const typing = `{ until test -e ${bundle.rootfs}/quiet; do sleep 0.01; done; printf 'one\\ntwo\\n'; } | "$@"`;
    expect(await bundle.box(["run", bundle.id], { before: ["sh", "-c", typing, "sh"] })).toEqual({
      exitCode: 0,
      stdout: "one\ntwo\nend\n",
      stderr: "",
    });
  });

  test("a megabyte of output arrives whole, also what is written just before the end", async () => {
    using bundle = bundleFor("seq 1 150000");
    const { exitCode, stdout } = await bundle.box(["run", bundle.id]);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(Array.from({ length: 150_000 }, (_, index) => `${index + 1}\n`).join(""));
  });

  test("a hundred kilobytes of input arrive whole", async () => {
    using bundle = bundleFor("stty raw -echo; echo >/raw; head -c 100000 | wc -c");
    bundle.change((spec) => (spec.root.readonly = false));
    // What is typed before is a line, of which a terminal keeps 4095 bytes.
    const typing = `{ until test -e ${bundle.rootfs}/raw; do sleep 0.01; done; head -c 100000 /dev/zero; } | "$@"`;
    expect((await bundle.box(["run", bundle.id], { before: ["sh", "-c", typing, "sh"] })).stdout).toMatch(/100000\n$/);
  });

  test("a reader that goes away does not stop the container", async () => {
    using bundle = bundleFor("seq 1 100000; echo $? > /dev/shm/code; cat /dev/shm/code >&2; exit 8");
    const run = `${binary} --root ${bundle.states} run ${bundle.id}`;
    const { stderr } = await execute(["sh", "-c", `{ ${run}; echo "code $?" >&2; } | head -n 1 > /dev/null`], { cwd: bundle.folder });
    expect(stderr).toBe("code 8\n");
    await until(() => machine(bundle).states.length === 0, "the container to end");
  });

  test("stdin may be closed", async () => {
    using bundle = bundleFor("echo fine");
    expect(await execute(["sh", "-c", `${binary} --root ${bundle.states} run ${bundle.id} <&-`], { cwd: bundle.folder })).toEqual({
      exitCode: 0,
      stdout: "fine\n",
      stderr: "",
    });
  });
});

describe("refusals", () => {
  test("a container whose /dev/pts is no devpts has no terminal to give", async () => {
    using bundle = bundleFor("true");
    bundle.change(
      (spec) =>
        (spec.mounts = spec.mounts.map((mount) =>
          mount.destination === "/dev/pts" ? { destination: "/dev/pts", type: "tmpfs", source: "tmpfs" } : mount,
        )),
    );
    const { exitCode, stderr } = await bundle.box(["run", bundle.id]);
    expect(stderr).toBe("box: process.terminal: cannot open a pseudoterminal: /dev/pts is not a filesystem of pseudoterminals\n");
    expect(exitCode).toBe(125);
  });
});
