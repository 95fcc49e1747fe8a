// box trace: containers from their first process on, how processes end, what is lost, and machines where the kernel tells nothing.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { isKernel } from "../../src/host/read-facts.ts";
import { asUser, Bundle, binary, linesOf, Running, testWith, until } from "./harness.ts";

const test = testWith();
const testAsUser = testWith("setpriv");

type Event = Readonly<Record<string, unknown>> & {
  readonly event: string;
  readonly container: string | null;
  readonly command: string | null;
};

/** A trace that has begun. */
async function startTrace(bundle: Bundle, args: readonly string[], before: readonly string[] = []): Promise<Running> {
  const running = new Running([binary, "--root", bundle.states, "trace", ...args], { before });
  await until(() => listens(running.pid) || running.child.exitCode !== null, "the trace to begin");
  return running;
}

/** Whether it catches SIGHUP, which it does once it has looked at what there is, and from then on misses nothing. */
function listens(pid: number): boolean {
  try {
    const [, caught = "0"] = /^SigCgt:\t([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return (BigInt(`0x${caught}`) & 1n) === 1n;
  } catch {
    return false;
  }
}

async function end(running: Running): Promise<{ stdout: string; stderr: string }> {
  running.child.kill("SIGINT");
  const { exitCode, stdout, stderr } = await running.outcome();
  expect(exitCode).toBe(0);
  return { stdout, stderr };
}

const eventsIn = (text: string): Event[] => linesOf(text).map((line) => JSON.parse(line) as Event);

test("of a container that is yet to be made nothing is missed, from the stage on", async () => {
  using bundle = new Bundle();
  using trace = await startTrace(bundle, ["--json", "--container", bundle.id]);
  expect(await bundle.run(["sh", "-c", "/bin/true; (exit 5); sh -c 'kill -KILL $$'; exit 9"])).toMatchObject({ exitCode: 9 });
  await until(() => trace.stdout.includes('"code":9'), "the container's end");
  const { stdout, stderr } = await end(trace);
  expect(stderr).toBe("");
  const events = eventsIn(stdout);
  expect(events.map(({ container }) => container).filter((one) => one !== bundle.id)).toEqual([]);
  expect(events.slice(0, 3).map(({ event }) => event)).toEqual(["fork", "exec", "exec"]);
  const ends = events.filter(({ event }) => event === "exit");
  expect(ends.map(({ code, signal }) => code ?? signal)).toEqual([0, 5, "SIGKILL", 9]);
});

test("create, start, exec, and a command without an id belong to their containers", async () => {
  using bundle = new Bundle((spec) => (spec.process.args = ["sleep", "1000"]));
  using trace = await startTrace(bundle, ["--json"]);
  // What box runs on the host, with the id among its words too.
  const listing = async () => expect((await bundle.box(["ps", bundle.id, "-ef"])).exitCode).toBe(0);
  for (const args of [
    ["create", bundle.id],
    ["start", bundle.id],
    ["exec", bundle.id, "/bin/sh", "-c", "exit 4"],
  ])
    expect((await bundle.box(args)).exitCode).toBe(args[0] === "exec" ? 4 : 0);
  await listing();
  expect((await bundle.box(["run", "--", "sh", "-c", "exit 6"])).exitCode).toBe(6);
  await until(() => trace.stdout.includes('"code":6'), "the last end");
  const events = eventsIn((await end(trace)).stdout);
  const init = bundle.initPid;
  expect(events.filter(({ event, command }) => event === "exec" && command?.endsWith("ps -ef")).map(({ container }) => container)).toEqual([
    null,
  ]);
  expect(events.filter(({ event, pid }) => event === "exec" && pid === init).map(({ container }) => container)).toEqual([
    bundle.id,
    bundle.id,
  ]);
  const ofCode = (wanted: number): (string | null)[] =>
    events.filter(({ code, container }) => code === wanted && container !== null).map(({ container }) => container);
  expect(ofCode(4)).toEqual([bundle.id]);
  expect(ofCode(6)).toEqual([expect.stringMatching(/^box-/)]);
});

test("of a container that is there already", async () => {
  using bundle = new Bundle();
  using _running = await bundle.startSh("echo ready; until test -e /go; do sleep 0.01; done; /bin/true; exit 9");
  using trace = await startTrace(bundle, ["--stats", "--quiet", "--container", bundle.id]);
  writeFileSync(`${bundle.rootfs}/go`, "");
  expect((await _running.outcome()).exitCode).toBe(9);
  const { stdout } = await end(trace);
  expect(stdout).toMatch(new RegExp(`^FORK +EXEC +EXIT +TOTAL  CONTAINER +PROCESS\n(.*\n)* *\\d+ +\\d+ +\\d+ +\\d+  ${bundle.id} +sh\n`));
});

/** Field 41 of proc_pid_stat(5). */
const policyOf = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[38]);
};

testAsUser("root's comes before ordinary processes, another user's does not", async () => {
  using bundle = new Bundle();
  using mine = await startTrace(bundle, []);
  bundle.giveTo(65534);
  using theirs = await startTrace(bundle, [], asUser);
  const [SCHED_OTHER, SCHED_RR] = [0, 2];
  expect([policyOf(mine.pid), policyOf(theirs.pid)]).toEqual([SCHED_RR, SCHED_OTHER]);
  for (const one of [mine, theirs]) await end(one);
});

test("a tree, a process, and other kinds of events", async () => {
  using bundle = new Bundle();
  const script = "read go; sleep 0; setpriv --reuid 1000 true; setsid true; exit 3";
  const shell = Bun.spawn(["sh", "-c", script], { stdin: "pipe" });
  using tree = await startTrace(bundle, ["--json", "--events", "exec,uid,sid", "--tree", String(shell.pid)]);
  using one = await startTrace(bundle, ["--json", "--pid", String(shell.pid), "--events", "exit"]);
  await shell.stdin.write("go\n");
  await shell.stdin.end();
  await shell.exited;
  await until(() => one.stdout.includes('"exit"') && tree.stdout.includes('"sid"'), "the end");
  expect(eventsIn((await end(one)).stdout)).toMatchObject([{ event: "exit", pid: shell.pid, code: 3 }]);
  const kinds = eventsIn((await end(tree)).stdout).map(({ event }) => event);
  expect(kinds.filter((kind) => kind !== "exec").sort()).toEqual(["sid", "uid"]);
  expect(kinds.filter((kind) => kind === "exec").length).toBeGreaterThan(3);
});

test("it ends after its duration, and when nobody reads", async () => {
  using bundle = new Bundle();
  const outcome = await bundle.box(["trace", "--duration", "100ms", "--pid", "1"]);
  expect(outcome).toEqual({ exitCode: 0, stdout: "TIME     EVENT      PID CONTAINER    INFO         DURATION PROCESS\n", stderr: "" });
  using running = new Running(["sh", "-c", `'${binary}' --root '${bundle.states}' trace | true`], {});
  expect((await running.outcome()).exitCode).toBe(0);
});

test("where the kernel tells nothing it looks at /proc, and says so", async () => {
  using bundle = new Bundle();
  const shell = Bun.spawn(["sh", "-c", "read go; sleep 0.4; exit 3"], { stdin: "pipe" });
  using trace = await startTrace(bundle, ["--json", "--tree", String(shell.pid)], ["unshare", "--net"]);
  await until(() => trace.stderr.includes("hint"), "the warning");
  await shell.stdin.write("go\n");
  await shell.stdin.end();
  await shell.exited;
  await until(() => trace.stdout.includes(`"exit","pid":${shell.pid}`), "the end");
  const { stdout, stderr } = await end(trace);
  expect(stderr).toBe(
    "box: warning: cannot get the kernel's process events, so this is a look at /proc every 100 ms, which misses what is shorter: sendto: ECONNREFUSED (connection refused)\n" +
      "hint: they are there in the host's first network namespace alone\n",
  );
  expect(eventsIn(stdout).map(({ event, command, code }) => [event, command, ...(code === undefined ? [] : [code])])).toEqual([
    ["fork", "sh -c read go; sleep 0.4; exit 3"],
    ["exec", "sleep 0.4"],
    ["exit", "sleep 0.4", null],
    ["exit", "sh -c read go; sleep 0.4; exit 3", null],
  ]);
});

test("in a pid namespace the kernel does not answer", async () => {
  using bundle = new Bundle();
  const { exitCode, stderr } = await bundle.box(["trace", "--events", "core,exec", "--duration", "10ms"], {
    before: ["unshare", "--pid", "--fork", "--mount-proc"],
  });
  expect([exitCode, stderr]).toEqual([
    0,
    "box: warning: cannot get the kernel's process events, so this is a look at /proc every 100 ms, which misses what is shorter: PROC_CN_MCAST_LISTEN\n" +
      "hint: the kernel does not answer: they are there in the host's first pid and user namespaces alone, and with CONFIG_PROC_EVENTS\n" +
      "box: warning: a look at /proc does not show core\n",
  ]);
});

/** Nothing that an interpreter does forks this often in a second. */
const compiler = Bun.which("gcc");
if (compiler === null) console.warn("SKIPPED: a burst of forks: this machine lacks gcc");

describe.skipIf(compiler === null)("a burst of forks", () => {
  const FORKS = 10_000;
  const folder = mkdtempSync(`${tmpdir()}/box-burst-`);
  const program = `${folder}/burst`;

  beforeAll(() => {
    chmodSync(folder, 0o755);
    writeFileSync(
      `${folder}/burst.c`,
      `#include <sys/wait.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv) {
  for (int left = atoi(argv[1]); left > 0; left--) {
    pid_t pid = vfork();
    if (pid == 0) _exit(0);
    waitpid(pid, 0, 0);
  }
}`,
    );
    const { exitCode, stderr } = Bun.spawnSync(["gcc", "-O1", "-o", program, `${folder}/burst.c`]);
    if (exitCode !== 0) throw new Error(stderr.toString());
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const burst = (forks: number): void => {
    const { exitCode } = Bun.spawnSync([program, String(forks)], { timeout: 20_000 });
    expect(exitCode).toBe(0);
  };

  type Statistics = { readonly lost: number; readonly commands: readonly { command: string; events: Record<string, number> }[] };
  const statisticsOf = (text: string): Statistics => JSON.parse(linesOf(text).at(-1) ?? "") as Statistics;

  test("is seen to the last one", async () => {
    using bundle = new Bundle();
    using trace = await startTrace(bundle, ["--json", "--stats", "--quiet"]);
    burst(FORKS);
    const { lost, commands } = statisticsOf((await end(trace)).stdout);
    const { events } = commands.find(({ command }) => command === "burst") ?? {};
    expect({ lost, fork: events?.fork, exit: events?.exit }).toEqual({ lost: 0, fork: FORKS, exit: FORKS + 1 });
  }, 30_000);

  testAsUser(
    "is counted where there is no room for it",
    async () => {
      if (!isKernel(readFileSync("/proc/sys/kernel/osrelease", "utf8"), 6, 6))
        return console.warn("SKIPPED: a listener without root: this takes Linux 6.6");
      using bundle = new Bundle();
      bundle.giveTo(65534);
      using trace = await startTrace(bundle, ["--json", "--stats", "--events", "fork,exit"], asUser);
      trace.child.kill("SIGSTOP");
      // An event takes 832 bytes of twice what the limit says.
      const room = (2 * Number(readFileSync("/proc/sys/net/core/rmem_max", "utf8"))) / 832;
      const forks = Math.ceil(room);
      burst(forks);
      trace.child.kill("SIGCONT");
      await until(() => trace.stdout.includes('"lost"'), "what was lost");
      const { stdout } = await end(trace);
      const { lost, commands } = statisticsOf(stdout);
      const seen = commands.reduce((sum, { events }) => sum + (events.fork ?? 0) + (events.exit ?? 0), 0);
      expect(lost).toBeGreaterThan(forks / 2);
      expect(seen + lost).toBeGreaterThanOrEqual(2 * forks);
      const told = eventsIn(stdout).filter(({ event }) => event === "lost");
      expect(told.reduce((sum, { count }) => sum + Number(count), 0)).toBe(lost);
    },
    30_000,
  );
});

for (const [args, problem] of [
  [["x"], "expected flags alone, got x\nhint: box trace [flags]"],
  [["--events", "fork,spoon"], '--events: expected some of fork,exec,exit,core,comm,clone,ptrace,uid,gid,sid, or all, got "spoon"'],
  [["--quiet"], "--quiet: nothing would be printed\nhint: box trace --quiet --stats"],
  [["--pid", "0"], '--pid: expected a process id, got "0"'],
  [["--tree", "1x"], '--tree: expected a process id, got "1x"'],
  [["--duration", "0s"], "--duration: the duration must be greater than 0"],
  [["--container", "../x"], 'container id "../x" starts with ".": the first character must be a letter, a digit or "_"'],
] as const)
  test(`refused: trace ${args.join(" ")}`, async () => {
    using bundle = new Bundle();
    expect(await bundle.box(["trace", ...args])).toEqual({ exitCode: 1, stdout: "", stderr: `box: ${problem}\n` });
  });
