// box ns: the namespaces in use, who is in them and what keeps them, as the kernel's own links say it.

import { describe, expect, setDefaultTimeout } from "bun:test";
import { closeSync, copyFileSync, mkdirSync, openSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { namespaceLinks, namespaceTypes } from "../../src/linux/namespace-types.ts";
import { tableOf } from "../docs/blocks.ts";
import { asUser, Bundle, descendants, execute, linesOf, Running, type RunOptions, testWith, until, userId } from "./harness.ts";
import { Terminal } from "./terminal.ts";

const test = testWith("unshare");
const idle = "echo ready; exec sleep 1000";
const long = `echo ready; sleep 1000; : ${"x".repeat(300)}`;
// Each look is one at all of /proc, and many tests take several.
setDefaultTimeout(60_000);

/** As docs/inspect.md names the keys. */
type Row = {
  readonly id: number;
  readonly type: string;
  readonly link?: string;
  readonly processes: number;
  readonly users: readonly number[];
  readonly host: boolean;
  readonly containers: readonly string[];
  readonly sharedWith: readonly string[];
  readonly pid: number | null;
  readonly command: string | null;
  readonly owner: number | null;
  readonly parent: number | null;
  readonly makerUid: number | null;
  readonly holders: readonly Readonly<Record<string, unknown>>[];
};

const idOf = (path: string): number => Number(/\[(\d+)\]/.exec(readlinkSync(path))?.[1]);
const inode = (pid: number, link: string): number => idOf(`/proc/${pid}/ns/${link}`);

/** What this user may not see differs from machine to machine; every other word on stderr is a failure. */
function withoutWarning(stderr: string): string {
  return stderr.replace(/^box: warning: the namespaces of \d+ of \d+ processes cannot be read by this user, and are not counted\n$/, "");
}

async function ns(bundle: Bundle, words: readonly string[], options: RunOptions = {}): Promise<string> {
  mkdirSync(bundle.states, { recursive: true, mode: 0o700 });
  const { exitCode, stdout, stderr } = await bundle.box(["ns", ...words], options);
  expect({ exitCode, stderr: withoutWarning(stderr) }).toEqual({ exitCode: 0, stderr: "" });
  return stdout;
}

const rowsOf = async (bundle: Bundle, ...words: string[]): Promise<Row[]> =>
  (JSON.parse(await ns(bundle, ["--json", ...words])) as { namespaces: Row[] }).namespaces;
const rowOf = async (bundle: Bundle, id: number): Promise<Row | undefined> => (await rowsOf(bundle)).find((one) => one.id === id);

/** Ends with all that it has started: the first process of a pid namespace outlives the one that made it. */
class Family extends Running {
  override [Symbol.dispose](): void {
    for (const line of descendants(this.pid)) process.kill(Number.parseInt(line, 10), "SIGKILL");
    super[Symbol.dispose]();
  }
}

describe("namespaces", () => {
  test("of a container, by their inodes, with its id", async () => {
    using bundle = new Bundle();
    using _running = await bundle.startSh(idle);
    const { id, initPid } = bundle;
    const rows = await rowsOf(bundle);
    for (const type of namespaceTypes) {
      const row = rows.find((one) => one.id === inode(initPid, type));
      const shared = inode(initPid, type) === inode(process.pid, type);
      expect([type, row?.type, row?.containers, row?.host, row?.sharedWith]).toEqual([
        type,
        type,
        [id],
        shared,
        shared ? ["host", id] : [],
      ]);
      if (!shared) expect(row).toMatchObject({ processes: 1, users: [0], pid: initPid, command: "sleep 1000", holders: [] });
    }
    expect(new Set(rows.map(({ type }) => type))).toEqual(new Set(namespaceTypes));
  });

  test("of a process, with those that its children will be in", async () => {
    using bundle = new Bundle();
    // Without --fork only the children are in the new one.
    using running = new Family(["unshare", "--pid", "sh", "-c", "sleep 1000 & echo ready; wait"], {});
    await running.says("ready");
    const rows = await rowsOf(bundle, "--pid", String(running.pid));
    expect(rows.map(({ link, id }) => [link, id])).toEqual(namespaceLinks.map((link) => [link, inode(running.pid, link)]));
    const [own, children] = ["pid", "pid_for_children"].map((link) => rows.find((one) => one.link === link));
    expect(own?.holders).toEqual([]);
    expect(children).toMatchObject({ type: "pid", processes: 1, command: "sleep 1000", parent: own?.id });
    expect(children?.holders).toEqual([{ by: "pid_for_children", pid: running.pid, thread: running.pid, name: "sh" }]);
    const table = linesOf(await ns(bundle, ["--pid", String(running.pid)]));
    expect(table.map((line) => line.split(/ +/)[1])).toEqual(["TYPE", ...namespaceLinks]);
  });

  test("of the processes of one container, with whom they are shared", async () => {
    using bundle = new Bundle(
      (spec) => (spec.linux.namespaces = spec.linux.namespaces.filter(({ type }) => !["network", "cgroup"].includes(type))),
    );
    using _running = await bundle.startSh(idle);
    const { id, initPid } = bundle;
    const other = `${id}-other`;
    bundle.change((spec) => {
      spec.linux.namespaces.push({ type: "uts", path: `/proc/${initPid}/ns/uts` });
      spec.linux.namespaces = spec.linux.namespaces.filter(({ type, path }) => type !== "uts" || path !== undefined);
      delete spec.hostname;
    });
    expect(await bundle.box(["run", "--detach", other])).toMatchObject({ exitCode: 0 });
    const shared = Object.fromEntries((await rowsOf(bundle, "--container", id)).map(({ type, sharedWith }) => [type, sharedWith]));
    const all = ["host", other];
    expect(shared).toEqual({ cgroup: all, ipc: [], mnt: [], net: all, pid: [], time: all, user: all, uts: [other] });
    expect((await rowsOf(bundle)).find(({ id: one }) => one === inode(initPid, "uts"))?.sharedWith).toEqual([id, other]);
    const table = linesOf(await ns(bundle, ["--shared", "--type", "uts", "--wide"]));
    expect(table.find((line) => line.startsWith(String(inode(initPid, "uts"))))).toContain(`${id},${other}`);
    expect(table[0]).toContain("SHARED");
  });

  test("of another runtime's container, by the name of its cgroup", async () => {
    using bundle = new Bundle();
    const hex = new Bun.CryptoHasher("sha256").update(bundle.id).digest("hex");
    using theirs = new Bundle((spec) => (spec.linux.cgroupsPath = `/libpod-${hex}`));
    using _running = await theirs.startSh(idle);
    const container = `podman:${hex.slice(0, 12)}`;
    expect(await rowOf(bundle, inode(theirs.initPid, "pid"))).toMatchObject({ containers: [container], pid: theirs.initPid });
    const types = (await rowsOf(bundle, "--container", container)).map(({ type }) => type);
    expect(types.sort()).toEqual([...namespaceTypes]);
    // For box it is its own.
    expect(await rowOf(theirs, inode(theirs.initPid, "pid"))).toMatchObject({ containers: [theirs.id] });
  });

  test("of some types alone", async () => {
    using bundle = new Bundle();
    expect(new Set((await rowsOf(bundle, "--type", "net,user")).map(({ type }) => type))).toEqual(new Set(["net", "user"]));
  });

  test("as a tree of owners and parents", async () => {
    using bundle = new Bundle();
    using running = new Family(["unshare", "--user", "--map-root-user", "--pid", "--fork", "unshare", "--net", "sh", "-c", idle], {});
    await running.says("ready");
    const user = inode(running.pid, "user");
    await until(() => childNet(running.pid) !== undefined, "a network namespace");
    const [pid, net] = [inode(running.pid, "pid_for_children"), childNet(running.pid) as number];
    const rows = new Map((await rowsOf(bundle)).map((one) => [one.id, one]));
    expect(rows.get(user)).toMatchObject({ parent: inode(process.pid, "user"), owner: inode(process.pid, "user"), makerUid: 0 });
    expect(rows.get(pid)).toMatchObject({ parent: inode(process.pid, "pid"), owner: user, makerUid: null });
    expect(rows.get(net)).toMatchObject({ parent: null, owner: user });
    const tree = linesOf(await ns(bundle, ["--tree"]));
    const at = tree.findIndex((line) => line.includes(`─${user} `));
    const below = tree.slice(at + 1, at + 3).map((line) => /^.*?[├└]─(\d+) +(\w+)/.exec(line)?.slice(1).join(" "));
    expect(tree[0]).toStartWith("NAMESPACE");
    expect(tree.find((line) => line.startsWith(String(inode(process.pid, "user"))))).toBeDefined();
    expect(below).toEqual([`${pid} pid`, `${net} net`].sort());
  });
});

/** The net namespace of the only child, once it is not its parent's. */
function childNet(pid: number): number | undefined {
  const child = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim());
  const net = child > 0 ? inode(child, "net") : 0;
  return net === 0 || net === inode(pid, "net") ? undefined : net;
}

describe("what keeps a namespace without a process:", () => {
  test("an open file", async () => {
    using bundle = new Bundle();
    let fd = 0;
    let id = 0;
    {
      using running = new Running(["unshare", "--uts", "sh", "-c", idle], {});
      await running.says("ready");
      id = inode(running.pid, "uts");
      fd = openSync(`/proc/${running.pid}/ns/uts`, "r");
      running.child.kill("SIGKILL");
      await running.child.exited;
    }
    try {
      const row = await rowOf(bundle, id);
      const name = readFileSync("/proc/self/comm", "utf8").trim();
      expect(row).toMatchObject({ type: "uts", processes: 0, pid: null, owner: inode(process.pid, "user") });
      expect(row?.holders).toEqual([{ by: "fd", pid: process.pid, name, fd }]);
      expect(await ns(bundle, [String(id)])).toBe(`HELD BY\nfd ${fd} of ${process.pid} (${name})\n`);
    } finally {
      closeSync(fd);
    }
    expect(await rowOf(bundle, id)).toBeUndefined();
  });

  test("a bind mount, also in another mount namespace", async () => {
    using bundle = new Bundle();
    const place = `${bundle.folder}/a namespace`;
    writeFileSync(place, "");
    const script = `unshare --net='${place}' true; stat -c %i '${place}'; ${idle}`;
    using running = new Running(["unshare", "--mount", "sh", "-c", script], {});
    await running.says("ready");
    const id = Number(linesOf(running.stdout)[0]);
    const row = await rowOf(bundle, id);
    expect(row).toMatchObject({ type: "net", processes: 0 });
    expect(row?.holders).toEqual([{ by: "mount", pid: running.pid, path: place, mountNamespace: inode(running.pid, "mnt") }]);
  });

  test("a thread that went there alone, and where its children will be", async () => {
    using bundle = new Bundle();
    using running = new Running([process.execPath, new URL("./stray-thread.ts", import.meta.url).pathname], {});
    await running.says("ready");
    const thread = Number(linesOf(running.stdout)[0]?.split(" ")[1]);
    const task = `/proc/${running.pid}/task/${thread}/ns`;
    const [uts, time] = [idOf(`${task}/uts`), idOf(`${task}/time_for_children`)];
    expect(uts).not.toBe(inode(running.pid, "uts"));
    const rows = new Map((await rowsOf(bundle)).map((one) => [one.id, one]));
    expect(rows.get(uts)).toMatchObject({ processes: 1, pid: running.pid, owner: inode(process.pid, "user") });
    const [inside] = (JSON.parse(await ns(bundle, ["--json", String(uts)])) as { processes: Row[] }).processes;
    // The thread may have made others.
    const { threads, threadsInside } = inside as unknown as { threads: number; threadsInside: number };
    expect(threadsInside).toBeGreaterThan(0);
    expect(threadsInside).toBeLessThan(threads);
    expect(rows.get(time)?.holders).toEqual([
      { by: "time_for_children", pid: running.pid, thread: expect.any(Number), name: expect.any(String) },
    ]);
    expect(rows.get(time)?.owner).toBe(inode(process.pid, "user"));
  });
});

test("the processes of one namespace", async () => {
  using bundle = new Bundle();
  using running = await bundle.startSh("sleep 1000 & echo ready; wait");
  const { id, initPid } = bundle;
  const namespace = inode(initPid, "pid");
  const [first, second] = (JSON.parse(await ns(bundle, ["--json", String(namespace)])) as { processes: Row[] }).processes;
  const usual = { uid: 0, state: "S", threads: 1, threadsInside: 1, container: id };
  expect(first).toMatchObject({ ...usual, pid: initPid, parent: running.pid, pids: [initPid, 1], name: "sh" });
  expect(second).toMatchObject({ ...usual, parent: initPid, pids: [expect.any(Number), 2], command: "sleep 1000" });
  const cgroup = readFileSync(`/proc/${initPid}/cgroup`, "utf8");
  const lines = (first as unknown as { cgroups: { hierarchy: number; controllers: string; path: string }[] }).cgroups;
  expect(`${lines.map((one) => `${one.hierarchy}:${one.controllers}:${one.path}`).join("\n")}\n`).toBe(cgroup);
  for (const word of [String(namespace), `pid:[${namespace}]`]) {
    const table = linesOf(await ns(bundle, [word])).map((line) => line.trim().split(/ +/));
    expect(table.map((cells) => cells.slice(0, 6))).toEqual([
      ["PID", "PPID", "NSPID", "STATE", "THREADS", "NAME"],
      [String(initPid), String(running.pid), "1", "S", "1", "sh"],
      [String(second?.pid), String(initPid), "2", "S", "1", "sleep"],
    ]);
  }
});

test("the keys of --json are those of the documentation", async () => {
  using bundle = new Bundle();
  using _running = await bundle.startSh(idle);
  const text = readFileSync("docs/inspect.md", "utf8");
  const documented = (heading: string): string[] => tableOf(text, heading).map(([key = ""]) => key.replaceAll("`", ""));
  const [row] = await rowsOf(bundle, "--pid", String(bundle.initPid));
  expect(Object.keys(row ?? {})).toEqual(documented("A namespace"));
  const one = JSON.parse(await ns(bundle, ["--json", String(inode(bundle.initPid, "pid"))])) as { processes: object[] };
  expect(Object.keys(one.processes[0] ?? {})).toEqual(documented("A process in a namespace"));
});

testWith("setpriv", "unshare")("an ordinary user sees what is its own, and is told of the rest", async () => {
  using bundle = new Bundle();
  bundle.giveTo(userId);
  using running = new Running([...asUser, "sh", "-c", idle], {});
  await running.says("ready");
  const { exitCode, stdout, stderr } = await bundle.box(["ns", "--json"], { before: asUser });
  const { namespaces, unseenProcesses } = JSON.parse(stdout) as { namespaces: Row[]; unseenProcesses: number };
  expect(exitCode).toBe(0);
  expect(unseenProcesses).toBeGreaterThan(0);
  expect(stderr).toMatch(new RegExp(`^box: warning: the namespaces of ${unseenProcesses} of \\d+ processes cannot be read by this user, `));
  const net = namespaces.find(({ id }) => id === inode(running.pid, "net"));
  expect(net).toMatchObject({ type: "net", host: true, users: [userId] });
  expect(await bundle.box(["ns", "--pid", String(process.pid)], { before: asUser })).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: `box: --pid: the namespaces of process ${process.pid} cannot be read: it has ended, or is not this user's\n`,
  });
});

test("names of strangers do nothing to a terminal, in a table or in JSON", async () => {
  using bundle = new Bundle();
  const name = "a\u001b[2J\n\u009b1m";
  const path = `${bundle.folder}/${name}`;
  copyFileSync("/bin/sleep", path);
  using running = new Running(["unshare", "--uts", path, "1000"], {});
  await until(() => readFileSync(`/proc/${running.pid}/comm`, "utf8").startsWith("a"), "the program");
  const uts = String(inode(running.pid, "uts"));
  for (const words of [["--json"], [uts, "--json"], ["--tree"], [uts]]) {
    const output = await ns(bundle, [...words, "--wide"]);
    expect(output.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
    expect(output).toMatch(/a(\\u\{1b\}|\\u001b)\[2J\\n(\\u\{9b\}|\\u009b)1m/);
  }
});

test("processes that come and go meanwhile are no failure", async () => {
  using bundle = new Bundle();
  using running = new Running(["sh", "-c", "echo ready; while :; do unshare --uts --net true; done"], {});
  await running.says("ready");
  for (let round = 0; round < 4; round++)
    for (const words of [["--tree"], ["--json"]]) expect(linesOf(await ns(bundle, words)).length).toBeGreaterThan(0);
});

describe("a table", () => {
  test("fits 80 columns, $COLUMNS, or anything, and has no colour where there is no terminal", async () => {
    using bundle = new Bundle();
    using _running = await bundle.startSh(long);
    const widest = async (words: readonly string[], env: Record<string, string> = {}): Promise<number> => {
      const output = await ns(bundle, words, { env: { COLUMNS: "", ...env } });
      expect(output).not.toContain("\u001b");
      return Math.max(...linesOf(output).map((line) => Bun.stringWidth(line)));
    };
    const pid = String(inode(bundle.initPid, "pid"));
    for (const words of [["--tree"], ["--shared"], ["--container", bundle.id], ["--pid", String(bundle.initPid)], [pid]])
      expect([words, await widest(words)]).toEqual([words, 80]);
    expect(await widest([pid], { COLUMNS: "133" })).toBe(133);
    expect(await widest(["--wide"])).toBeGreaterThan(300);
  });

  test("is as wide as the terminal, and there what is shared is red", async () => {
    using bundle = new Bundle();
    using _running = await bundle.startSh(long);
    const shown = async (before: string): Promise<string> => {
      using terminal = new Terminal(bundle, `${before} exec $BOX ns --container ${bundle.id} 2> warnings`);
      const { exitCode, output } = await terminal.end();
      expect(exitCode).toBe(0);
      return output;
    };
    const coloured = await shown("");
    expect(coloured).toStartWith("\u001b[1mNAMESPACE\u001b[39;22m");
    expect(coloured).toContain("\u001b[31mhost\u001b[39;22m");
    expect(Math.max(...linesOf(coloured).map((line) => Bun.stringWidth(line)))).toBe(100);
    for (const before of ["NO_COLOR=1", "TERM=dumb"]) {
      const plain = await shown(before);
      expect(plain).not.toContain("\u001b");
      expect(linesOf(plain)).toHaveLength(linesOf(coloured).length);
    }
  });
});

test("refusals", async () => {
  using bundle = new Bundle();
  const lacking = await bundle.box(["ns"]);
  expect(lacking).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: `box: --root: cannot list ${bundle.states}: ENOENT (no such file or directory)\n`,
  });
  mkdirSync(bundle.states, { mode: 0o700 });
  const hint = "hint: box ns [flags] [NAMESPACE]\n";
  const refused: [words: string[], message: string][] = [
    [["1", "2"], `box: expected one namespace, one --pid or one --container\n${hint}`],
    [["1", "--pid", "1"], `box: expected one namespace, one --pid or one --container\n${hint}`],
    [["--container", "a", "--pid", "1"], `box: expected one namespace, one --pid or one --container\n${hint}`],
    [["x"], `box: expected a namespace such as 4026531840 or net:[4026531840], got "x"\n${hint}`],
    [["1", "--tree"], `box: the processes of one namespace are no tree, and have no type\n${hint}`],
    [["1"], "box: no namespace 1 is in use, as far as this user may see\nhint: box ns lists them\n"],
    [["--pid", "0"], 'box: --pid: there is no process "0"\n'],
    [["--pid", "4294967295"], 'box: --pid: there is no process "4294967295"\n'],
    [["--container", "nope"], "box: id: the container nope does not exist\n"],
    [["--container", "podman:0"], "box: --container: no process is of podman:0, as far as this user may see\n"],
    [["--type", "net,mount"], 'box: --type: expected some of cgroup, ipc, mnt, net, pid, time, user, uts, got "mount"\n'],
    [["--fast"], "box: unknown flag --fast\nhint: box ns --help lists the flags\n"],
  ];
  for (const [words, stderr] of refused)
    expect([words, await bundle.box(["ns", ...words])]).toEqual([words, { exitCode: 1, stdout: "", stderr }]);
});

const PROCESSES = 2000;
const ROUNDS = 5;

testWith("unshare", "lsns")(
  `with ${PROCESSES} processes it takes no longer than lsns`,
  async () => {
    using bundle = new Bundle();
    const script = `i=0; while [ $i -lt ${PROCESSES} ]; do sleep 1000 & i=$((i+1)); done; echo ready; wait`;
    // They end with the first process of their pid namespace.
    using _running = new Running(["unshare", "--pid", "--fork", "--kill-child", "sh", "-c", script], { limitMs: 60_000 });
    await _running.says("ready");
    const timeOf = async (work: () => Promise<unknown>): Promise<number> => {
      const start = performance.now();
      await work();
      return performance.now() - start;
    };
    // It fails when a process ends while it reads; then it has not done all of its work.
    const theirs = async (): Promise<number> => {
      for (let tries = 0; tries < 20; tries++) {
        let exitCode = 0;
        const time = await timeOf(async () => ({ exitCode } = await execute(["lsns"])));
        if (exitCode === 0) return time;
      }
      throw new Error("lsns does not work here");
    };
    const ratios: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const limit = await theirs();
      ratios.push((await timeOf(() => ns(bundle, []))) / limit);
    }
    expect(ratios.sort((one, other) => one - other)[Math.floor(ROUNDS / 2)]).toBeLessThanOrEqual(1);
  },
  120_000,
);
