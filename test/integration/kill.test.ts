// box kill: signals to init, or to everything in the container; to one container or several.

import { describe, expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { State } from "../../src/state/state.ts";
import { Bundle, descendants, ended, inLayout, machine, type RichSpec, type Running, testWith, until } from "./harness.ts";

const test = testWith();

const kill = async (bundle: Bundle, ...words: string[]): Promise<[number, string, string]> => {
  const { exitCode, stdout, stderr } = await bundle.box(["kill", ...words]);
  return [exitCode, stdout, stderr];
};
const quiet: [number, string, string] = [0, "", ""];
const stateOf = (bundle: Bundle): State => JSON.parse(readFileSync(`${bundle.states}/${bundle.id}/state.json`, "utf8")) as State;

/** A shell that says which signals it gets, and ends with 5 on the one called END. */
const trapping = (...names: string[]): string =>
  `${names.map((name) => `trap 'echo got ${name}' ${name};`).join(" ")} trap 'echo end; exit 5' URG; echo ready; while :; do sleep 0.01; done`;

const withoutPidNamespace = (spec: RichSpec): void => {
  spec.linux.namespaces = spec.linux.namespaces.filter(({ type }) => type !== "pid");
  spec.mounts = spec.mounts.filter(({ type }) => type !== "proc");
};

describe("signals", () => {
  const cases: [words: string[], name: string][] = [
    [[], "TERM"],
    [["TERM"], "TERM"],
    [["SIGUSR1"], "USR1"],
    [["usr2"], "USR2"],
    [["sighup"], "HUP"],
    [["2"], "INT"],
    [["RTMIN+3"], "37"],
    [["sigrtmax-1"], "63"],
  ];
  for (const [words, name] of cases)
    test(words.length === 0 ? "none: SIGTERM" : words.join(" "), async () => {
      using bundle = new Bundle();
      using running = await bundle.startSh(trapping(name));
      expect(await kill(bundle, bundle.id, ...words)).toEqual(quiet);
      await running.says(`got ${name}`);
      expect(await kill(bundle, bundle.id, "URG")).toEqual(quiet);
      expect(await running.outcome()).toEqual({ exitCode: 5, stdout: `ready\ngot ${name}\nend\n`, stderr: "" });
    });

  test("0 asks whether init is there, and sends nothing", async () => {
    using bundle = new Bundle();
    using running = await bundle.startSh(trapping("TERM"));
    expect(await kill(bundle, bundle.id, "0")).toEqual(quiet);
    expect(await kill(bundle, bundle.id, "URG")).toEqual(quiet);
    expect((await running.outcome()).stdout).toBe("ready\nend\n");
  });

  test("SIGKILL: box ends with 137 and leaves nothing", async () => {
    using bundle = new Bundle();
    const before = machine(bundle);
    {
      using running = await bundle.startSh("trap '' TERM; sleep 1000 & echo ready; while :; do sleep 0.01; done");
      expect(await kill(bundle, bundle.id, "9")).toEqual(quiet);
      expect((await running.outcome()).exitCode).toBe(137);
    }
    expect(machine(bundle)).toEqual(before);
  });

  test("only init gets it", async () => {
    using bundle = new Bundle(withoutPidNamespace);
    using running = await bundle.startSh(`sh -c "trap 'echo child' USR1; while :; do sleep 0.01; done" & ${trapping("USR1")}`);
    expect(await kill(bundle, bundle.id, "USR1")).toEqual(quiet);
    await running.says("got USR1");
    expect(await kill(bundle, bundle.id, "URG")).toEqual(quiet);
    expect((await running.outcome()).stdout).toBe("ready\ngot USR1\nend\n");
  });
});

describe("all processes", () => {
  const child = `sh -c "trap 'echo child' USR1; echo up; while :; do sleep 0.01; done" &`;

  for (const flag of ["--all", "-a"])
    test(`${flag}: any signal`, async () => {
      using bundle = new Bundle();
      using running = await bundle.startSh(`${child} ${child} ${trapping("USR1")}`);
      await until(() => running.stdout.split("up").length === 3, "both children");
      expect(await kill(bundle, flag, bundle.id, "USR1")).toEqual(quiet);
      await until(() => running.stdout.split("child").length === 3 && running.stdout.includes("got USR1"), "the signal at all three");
      expect(await kill(bundle, bundle.id, "KILL")).toEqual(quiet);
      expect((await running.outcome()).exitCode).toBe(137);
    });

  for (const layout of ["host", "v1", "v2"] as const)
    test(`SIGKILL without a pid namespace, cgroups ${layout}: none is left, forking or not`, async () => {
      using bundle = new Bundle(withoutPidNamespace);
      const before = descendants(process.pid);
      {
        const options = layout === "host" ? {} : { before: inLayout(layout) };
        using running = await bundle.startSh("trap '' TERM HUP; (while :; do sleep 0.005; done) & sleep 1000 & echo ready; wait", options);
        const inside = layout === "host" ? {} : { before: ["nsenter", "--target", String(running.pid), "--mount"] };
        expect(await bundle.box(["kill", bundle.id, "KILL"], inside)).toEqual({ exitCode: 0, stdout: "", stderr: "" });
        expect((await running.outcome()).exitCode).toBe(137);
        await until(() => descendants(process.pid).join() === before.join(), "the end of all processes");
      }
    });

  test("what outlived init and box without a pid namespace is still killed; after that nothing runs", async () => {
    using bundle = new Bundle(withoutPidNamespace);
    const before = descendants(process.pid);
    using running = await bundle.startSh("sleep 1000 & echo ready; wait");
    const { initPid } = bundle;
    running.child.kill("SIGKILL");
    await running.child.exited;
    process.kill(initPid, "SIGKILL");
    await until(() => !existsSync(`/proc/${initPid}/root`), "the end of init");
    expect(await kill(bundle, bundle.id, "TERM")).toEqual([1, "", `box: ${bundle.id}: container not running\n`]);
    expect(await kill(bundle, bundle.id, "KILL")).toEqual(quiet);
    await until(() => descendants(process.pid).join() === before.join(), "the end of all processes");
    expect(await kill(bundle, bundle.id, "KILL")).toEqual([1, "", `box: ${bundle.id}: container not running\n`]);
    expect(await kill(bundle, "--all", bundle.id, "KILL")).toEqual(quiet);
  });
});

/** On v1. */
async function freeze(bundle: Bundle): Promise<void> {
  const freezer = stateOf(bundle).box.cgroups.find(({ path }) => existsSync(`${path}/freezer.state`))?.path as string;
  writeFileSync(`${freezer}/freezer.state`, "FROZEN");
  await until(() => readFileSync(`${freezer}/freezer.state`, "utf8") === "FROZEN\n", "the frost");
}

describe("a frozen container", () => {
  async function frozen(bundle: Bundle): Promise<Running> {
    const running = await bundle.startSh("echo ready; exec sleep 1000");
    await freeze(bundle);
    expect(JSON.parse((await bundle.box(["state", bundle.id])).stdout)).toMatchObject({ status: "paused", pid: bundle.initPid });
    return running;
  }

  test("ends by SIGKILL", async () => {
    using bundle = new Bundle();
    using running = await frozen(bundle);
    expect(await kill(bundle, bundle.id, "KILL")).toEqual(quiet);
    expect((await running.outcome()).exitCode).toBe(137);
  });

  test("and by --all SIGKILL", async () => {
    using bundle = new Bundle(withoutPidNamespace);
    using running = await frozen(bundle);
    expect(await kill(bundle, "-a", bundle.id, "KILL")).toEqual(quiet);
    expect((await running.outcome()).exitCode).toBe(137);
  });

  test("and by box delete --force", async () => {
    using bundle = new Bundle();
    using running = await frozen(bundle);
    expect(await bundle.box(["delete", "--force", bundle.id])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    expect((await running.outcome()).exitCode).toBe(137);
  });
});

test("box delete --force of what outlived init in a frozen cgroup", async () => {
  using bundle = new Bundle(withoutPidNamespace);
  const before = descendants(process.pid);
  using running = await bundle.startSh("sleep 1000 & echo ready; wait");
  const { initPid } = bundle;
  running.child.kill("SIGKILL");
  await running.child.exited;
  process.kill(initPid, "SIGKILL");
  await until(() => !existsSync(`/proc/${initPid}/root`), "the end of init");
  await freeze(bundle);
  expect(await bundle.box(["delete", "--force", bundle.id])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  await until(() => descendants(process.pid).join() === before.join(), "the end of all processes");
});

describe("before the start", () => {
  const statusOf = async (bundle: Bundle): Promise<unknown> =>
    (JSON.parse((await bundle.box(["state", bundle.id])).stdout) as { status: unknown }).status;

  for (const signal of ["TERM", "INT", "HUP", "QUIT", "KILL"])
    test(`SIG${signal} ends it`, async () => {
      using bundle = new Bundle();
      const before = machine(bundle);
      expect(await bundle.box(["create", bundle.id])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
      const { initPid } = bundle;
      expect(await statusOf(bundle)).toBe("created");
      expect(await kill(bundle, bundle.id, signal)).toEqual(quiet);
      await ended(initPid);
      expect(await statusOf(bundle)).toBe("stopped");
      expect(await bundle.box(["delete", bundle.id])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
      expect(machine(bundle)).toEqual(before);
    });

  test("other signals change nothing, as the kernel has it for an init", async () => {
    using bundle = new Bundle((spec) => (spec.process.args = ["sh", "-c", "echo started"]));
    using creating = bundle.start(["create", bundle.id]);
    await creating.outcome();
    expect(await kill(bundle, bundle.id, "USR1")).toEqual(quiet);
    expect(await statusOf(bundle)).toBe("created");
    expect(await bundle.box(["start", bundle.id])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    await until(() => creating.stdout === "started\n", "the program's output");
  });
});

describe("several containers", () => {
  /** Puts a copy of a living container's state beside it, under another name: a signal to either reaches the same init. */
  function alsoCalled(bundle: Bundle, id: string): void {
    mkdirSync(`${bundle.states}/${id}`, { mode: 0o700 });
    const { box, ...state } = stateOf(bundle);
    writeFileSync(`${bundle.states}/${id}/state.json`, JSON.stringify({ ...state, id, box: { ...box, cgroups: [] } }));
  }

  test("each gets the signal; one that fails stops none", async () => {
    using bundle = new Bundle();
    using running = await bundle.startSh(trapping("USR1"));
    alsoCalled(bundle, "twin");
    expect(await kill(bundle, "nope", bundle.id, "../up", "USR1")).toEqual([
      1,
      "",
      'box: id: the container nope does not exist\nbox: container id "../up" starts with ".": the first character must be a letter, a digit or "_"\n',
    ]);
    await running.says("got USR1");
    expect(await kill(bundle, "twin", bundle.id)).toEqual([0, "", ""]);
    expect(await kill(bundle, bundle.id, "URG")).toEqual(quiet);
    expect((await running.outcome()).exitCode).toBe(5);
  });

  test("the last word is a signal if it is one at all, also where a container is called that", async () => {
    using bundle = new Bundle();
    using running = await bundle.startSh(trapping("USR1", "TERM"));
    alsoCalled(bundle, "usr1");
    expect(await kill(bundle, bundle.id, "usr1")).toEqual(quiet);
    await running.says("got USR1");
    expect(await kill(bundle, "usr1")).toEqual(quiet);
    await running.says("got TERM");
    expect(await kill(bundle, "usr1", "URG")).toEqual(quiet);
    expect((await running.outcome()).stdout).toBe("ready\ngot USR1\ngot TERM\nend\n");
  });

  test("a misspelt signal is sent to nobody", async () => {
    using bundle = new Bundle();
    using running = await bundle.startSh(trapping("TERM"));
    for (const word of ["SIGKIL", "65", "RTMIN+31", "../up", "-1"])
      expect(await kill(bundle, bundle.id, word)).toEqual([
        1,
        "",
        `box: unknown signal "${word}", and no container is called that\nhint: box kill [--all] ID… [SIGNAL]\n`,
      ]);
    expect(await kill(bundle, bundle.id, "URG")).toEqual(quiet);
    expect((await running.outcome()).stdout).toBe("ready\nend\n");
  });
});

test("the pid of a container that has ended, used again by another process, is not hit", async () => {
  using bundle = new Bundle();
  using running = await bundle.startSh("echo ready; exec sleep 1000");
  const state = stateOf(bundle);
  mkdirSync(`${bundle.states}/old`, { mode: 0o700 });
  const old = { ...state, id: "old", box: { ...state.box, startTime: state.box.startTime - 1, cgroups: [] } };
  writeFileSync(`${bundle.states}/old/state.json`, JSON.stringify(old));
  expect(await kill(bundle, "old", "KILL")).toEqual([1, "", "box: old: container not running\n"]);
  expect(await kill(bundle, "--all", "old", "KILL")).toEqual(quiet);
  expect(await kill(bundle, bundle.id, "0")).toEqual(quiet);
  expect(running.child.exitCode).toBe(null);
});

test("refusals", async () => {
  using bundle = new Bundle();
  expect(await kill(bundle)).toEqual([1, "", "box: a container id is missing\nhint: box kill [--all] ID… [SIGNAL]\n"]);
  expect(await kill(bundle, "nope")).toEqual([1, "", "box: id: the container nope does not exist\n"]);
  expect(await kill(bundle, "nope", "KILL")).toEqual([1, "", "box: id: the container nope does not exist\n"]);
});
