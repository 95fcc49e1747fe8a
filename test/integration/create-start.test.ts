// create and start: two commands of two processes, between which the container's first process waits. What each of them
// reports, and what is left when one of them is killed.

import { describe, expect } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import type { State } from "../../src/state/state.ts";
import {
  Bundle,
  cgroupsOf,
  ended,
  linesOf,
  machine,
  type Outcome,
  pastTheFront,
  type RichSpec,
  type Running,
  testWith,
  until,
} from "./harness.ts";

const test = testWith();
const strace = testWith("strace");
const quiet: Outcome = { exitCode: 0, stdout: "", stderr: "" };
const said = (stderr: string, exitCode = 1): Outcome => ({ exitCode, stdout: "", stderr });

const running =
  (...args: string[]) =>
  (spec: RichSpec): void => {
    spec.process.args = args;
  };
const script = (text: string) => running("sh", "-c", text);
const endless = running("sleep", "1000");
const withoutPidNamespace = (spec: RichSpec): void => {
  spec.linux.namespaces = spec.linux.namespaces.filter(({ type }) => type !== "pid");
  spec.mounts = spec.mounts.filter(({ type }) => type !== "proc");
};

async function statusOf(bundle: Bundle): Promise<string> {
  const { exitCode, stdout, stderr } = await bundle.box(["state", bundle.id]);
  if (exitCode !== 0) throw new Error(stderr);
  return (JSON.parse(stdout) as { status: string }).status;
}

/** Makes the container; what it will write later is in the result's output. */
async function create(bundle: Bundle, ...flags: string[]): Promise<Running> {
  const creating = bundle.start(["create", ...flags, bundle.id]);
  expect(await creating.outcome()).toEqual(quiet);
  return creating;
}

const taken = (bundle: Bundle): Outcome =>
  said(`box: id: the container ${bundle.id} already exists\nhint: box delete --force ${bundle.id} ends and removes it\n`);
const start = (bundle: Bundle): Promise<Outcome> => bundle.box(["start", bundle.id]);
const fdsOf = (pid: number): string[] => readdirSync(`/proc/${pid}/fd`).sort((one, other) => Number(one) - Number(other));

/** At the end there is nothing: neither what the container made, nor its state. */
async function leavesNothing(bundle: Bundle, work: () => Promise<void>): Promise<void> {
  const before = machine(bundle);
  await work();
  await until(() => machine(bundle).processes.length === before.processes.length, "the end of all processes");
  expect(machine(bundle)).toEqual(before);
}

describe("a created container", () => {
  test("is all there but for its program, which start lets run", async () => {
    using bundle = new Bundle(script('echo "hello from $$ in $(hostname)"; exit 3'));
    bundle.change((spec) => (spec.hostname = "made"));
    await leavesNothing(bundle, async () => {
      using creating = await create(bundle);
      const { initPid } = bundle;
      expect([await statusOf(bundle), creating.stdout]).toEqual(["created", ""]);
      expect(readlinkSync(`/proc/${initPid}/exe`)).toBe("/memfd:box-stage (deleted)");
      expect(readlinkSync(`/proc/${initPid}/ns/pid_for_children`)).not.toBe(readlinkSync("/proc/self/ns/pid"));
      expect(readdirSync(`/proc/${initPid}/root`)).toEqual(readdirSync(bundle.rootfs));
      expect(await start(bundle)).toEqual(quiet);
      await until(() => creating.stdout === "hello from 1 in made\n", "the program's output");
      await ended(initPid);
      expect(await statusOf(bundle)).toBe("stopped");
      expect(await bundle.box(["delete", bundle.id])).toEqual(quiet);
    });
  });

  test("has no descriptor but stdio and the two FIFOs, and its program none but stdio", async () => {
    using bundle = new Bundle(endless);
    using _creating = await create(bundle);
    const { initPid } = bundle;
    const own = `${bundle.states}/${bundle.id}`;
    expect(
      fdsOf(initPid)
        .slice(3)
        .map((fd) => readlinkSync(`/proc/${initPid}/fd/${fd}`)),
    ).toEqual([`${own}/wait`, `${own}/answer`]);
    await start(bundle);
    expect(fdsOf(initPid)).toEqual(["0", "1", "2"]);
  });

  test("is its user already, with that user's rights and limits", async () => {
    using bundle = new Bundle(endless);
    bundle.change((spec) => {
      spec.process.user = { uid: 1000, gid: 1001 };
      spec.process.capabilities = { bounding: ["CAP_KILL"] };
      spec.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 77, hard: 78 }];
    });
    using _creating = await create(bundle);
    const looks = (): string[] =>
      linesOf(readFileSync(`/proc/${bundle.initPid}/status`, "utf8")).filter((line) =>
        /^(Uid|Gid|Cap|NoNewPrivs|SigBlk|SigIgn)/.test(line),
      );
    const before = looks();
    expect(before).toContain("CapBnd:\t0000000000000020");
    expect(before).toContain("Uid:\t1000\t1000\t1000\t1000");
    expect(readFileSync(`/proc/${bundle.initPid}/limits`, "utf8")).toMatch(/Max open files +77 +78 /);
    await start(bundle);
    expect(looks()).toEqual(before);
  });

  test("waits in its cgroups, and for as long as it takes", async () => {
    using bundle = new Bundle(endless);
    using _creating = await create(bundle);
    const holding = cgroupsOf("/sys/fs/cgroup", bundle.id).filter((path) =>
      linesOf(readFileSync(`${path}/cgroup.procs`, "utf8")).includes(String(bundle.initPid)),
    );
    expect(holding.length).toBeGreaterThan(0);
    expect(readFileSync(`/proc/${bundle.initPid}/stat`, "utf8")).toContain(") S ");
  });

  test("keeps the bundle's configuration of the time it was made", async () => {
    using bundle = new Bundle(script("echo $MADE"));
    bundle.change((spec) => spec.process.env.push("MADE=then"));
    using creating = await create(bundle);
    bundle.writeConfig("{");
    await start(bundle);
    await until(() => creating.stdout === "then\n", "the program's output");
  });

  test("without a pid namespace too", async () => {
    using bundle = new Bundle(script("echo ready; exec sleep 1000"));
    bundle.change(withoutPidNamespace);
    await leavesNothing(bundle, async () => {
      using creating = await create(bundle);
      expect(await start(bundle)).toEqual(quiet);
      await until(() => creating.stdout === "ready\n", "the program's output");
      expect(await bundle.box(["delete", "--force", bundle.id])).toEqual(quiet);
    });
  });

  test("by its bundle's path, with flags of create", async () => {
    using bundle = new Bundle(script("echo $SAID; exec sleep 1000"));
    using creating = bundle.start(["create", "--bundle", bundle.folder, "--env", "SAID=by a flag", bundle.id], { cwd: "/" });
    expect(await creating.outcome()).toEqual(quiet);
    await start(bundle);
    await until(() => creating.stdout === "by a flag\n", "the program's output");
  });
});

describe("a program that cannot be executed", () => {
  const hint = (text: string): string => `hint: ${text}\n`;

  test.each<[args: string[], message: string, exitCode: number]>([
    [["nothing"], "cannot execute nothing: executable file not found in $PATH", 127],
    [
      ["/bin/nothing"],
      'cannot execute /bin/nothing: faccessat2(AT_FDCWD, "/bin/nothing", X_OK, AT_EACCESS): ENOENT (no such file or directory)',
      127,
    ],
    [["/etc/passwd"], 'cannot execute /etc/passwd: faccessat2(AT_FDCWD, "/etc/passwd", X_OK, AT_EACCESS): EACCES (permission denied)', 126],
    [["/etc"], "cannot execute /etc: EACCES (permission denied)", 126],
  ])("%j: create says so, and nothing is left", async (args, message, exitCode) => {
    using bundle = new Bundle(running(...args));
    await leavesNothing(bundle, async () =>
      expect(await bundle.box(["create", bundle.id])).toEqual(said(`box: process.args[0]: ${message}\n`, exitCode)),
    );
  });

  /** A file that create takes for a program. */
  const plant = (bundle: Bundle, text: string): void => {
    writeFileSync(`${bundle.rootfs}/bin/odd`, text);
    chmodSync(`${bundle.rootfs}/bin/odd`, 0o755);
  };
  test.each<[what: string, text: string, errno: string, hint: string, exitCode: number]>([
    [
      "without its interpreter",
      "#!/bin/nothing -x\n",
      "ENOENT (no such file or directory)",
      'the script names the interpreter "/bin/nothing", which does not exist in the container\'s root',
      127,
    ],
    ["that is empty", "", "ENOEXEC (exec format error)", "the file is empty", 126],
    [
      "that is a text",
      "echo hello\n",
      "ENOEXEC (exec format error)",
      'the file is neither an ELF executable for this machine nor a script that begins with "#!"',
      126,
    ],
  ])("%s: start says so, and the container has stopped", async (_, text, errno, why, exitCode) => {
    using bundle = new Bundle(running("odd"));
    plant(bundle, text);
    await leavesNothing(bundle, async () => {
      using creating = await create(bundle);
      expect(await start(bundle)).toEqual(said(`box: process.args[0]: cannot execute odd: ${errno}\n${hint(why)}`, exitCode));
      expect([await statusOf(bundle), creating.stdout, creating.stderr]).toEqual(["stopped", "", ""]);
      expect(await start(bundle)).toEqual(said(`box: id: cannot start a container that has stopped: ${bundle.id}\n`));
      expect(await bundle.box(["delete", bundle.id])).toEqual(quiet);
    });
  });
});

describe("start refuses", () => {
  test("a container that runs", async () => {
    using bundle = new Bundle(endless);
    using _creating = await create(bundle);
    expect(await start(bundle)).toEqual(quiet);
    expect(await start(bundle)).toEqual(said(`box: id: cannot start an already running container: ${bundle.id}\n`));
    expect(await statusOf(bundle)).toBe("running");
  });

  test("a container that box run has started", async () => {
    using bundle = new Bundle();
    using _running = await bundle.startSh("echo ready; exec sleep 1000");
    expect(await start(bundle)).toEqual(said(`box: id: cannot start an already running container: ${bundle.id}\n`));
  });

  test("one that is not there, and what is no single id", async () => {
    using bundle = new Bundle();
    expect(await start(bundle)).toEqual(said(`box: id: the container ${bundle.id} does not exist\n`));
    expect(await bundle.box(["start"])).toEqual(said("box: a container id is missing\nhint: box start ID\n"));
    expect(await bundle.box(["start", "a", "b"])).toEqual(said("box: one container id is enough, and b is another\nhint: box start ID\n"));
  });

  test("one whose init was killed while it waited", async () => {
    using bundle = new Bundle(endless);
    await leavesNothing(bundle, async () => {
      using _creating = await create(bundle);
      const { initPid } = bundle;
      process.kill(initPid, "SIGKILL");
      await ended(initPid);
      expect(await start(bundle)).toEqual(said(`box: id: cannot start a container that has stopped: ${bundle.id}\n`));
      expect(await bundle.box(["delete", bundle.id])).toEqual(quiet);
    });
  });

  test("where there are too few descriptors to lock its state: it says so, and does not try for ever", async () => {
    using bundle = new Bundle(endless);
    using _creating = await create(bundle);
    const { exitCode, stderr } = await bundle.box(["start", bundle.id], { before: ["prlimit", "--nofile=7:7"] });
    expect([exitCode, stderr]).toEqual([1, `box: id: cannot start the container ${bundle.id}: EMFILE (too many open files)\n`]);
  });

  test("all but one of several at once", async () => {
    using bundle = new Bundle(script("echo started; exec sleep 1000"));
    for (let round = 0; round < 5; round++) {
      using creating = await create(bundle);
      const outcomes = await Promise.all(Array.from({ length: 4 }, () => start(bundle)));
      const lost = said(`box: id: cannot start an already running container: ${bundle.id}\n`);
      expect(outcomes.toSorted((one, other) => one.exitCode - other.exitCode)).toEqual([quiet, lost, lost, lost]);
      await until(() => creating.stdout === "started\n", "the program's output");
      expect(await bundle.box(["delete", "--force", bundle.id])).toEqual(quiet);
    }
  });
});

describe("start is killed", () => {
  const killing = (call: string): string[] => ["-e", `trace=${call}`, "-e", `inject=${call}:signal=SIGKILL:when=1`];
  /** Runs start under strace, which kills it: the front at a call that it makes once, the rest of box at one on a FIFO. */
  const ways: [
    who: string,
    atTelling: (fifos: string) => readonly string[],
    atListening: (fifos: string) => readonly string[],
    past: readonly string[],
  ][] = [
    ["the front", () => killing("write"), () => killing("ppoll"), []],
    [
      "the rest of box",
      (fifos) => ["-P", `${fifos}/wait`, ...killing("openat")],
      (fifos) => ["-P", `${fifos}/answer`, ...killing("read")],
      pastTheFront,
    ],
  ];
  for (const [who, atTelling, atListening, past] of ways) {
    const killedAt = (bundle: Bundle, words: (fifos: string) => readonly string[]): Promise<Outcome> =>
      bundle.box(["start", bundle.id], {
        before: ["strace", "-qq", "-o", "/dev/null", ...words(`${bundle.states}/${bundle.id}`), ...past],
      });

    strace(`by ${who}, before it has told init: the container waits on, and another start lets it run`, async () => {
      using bundle = new Bundle(script("echo started; exec sleep 1000"));
      await leavesNothing(bundle, async () => {
        using creating = await create(bundle);
        expect((await killedAt(bundle, atTelling)).exitCode).toBe(137);
        expect(await statusOf(bundle)).toBe("created");
        expect(await start(bundle)).toEqual(quiet);
        await until(() => creating.stdout === "started\n", "the program's output");
        expect(await bundle.box(["delete", "--force", bundle.id])).toEqual(quiet);
      });
    });

    strace(`by ${who}, after that: the container runs, and is started`, async () => {
      using bundle = new Bundle(script("echo started; exec sleep 1000"));
      await leavesNothing(bundle, async () => {
        using creating = await create(bundle);
        expect((await killedAt(bundle, atListening)).exitCode).toBe(137);
        await until(() => creating.stdout === "started\n", "the program's output");
        expect(await statusOf(bundle)).toBe("running");
        expect(await start(bundle)).toEqual(said(`box: id: cannot start an already running container: ${bundle.id}\n`));
        expect(await bundle.box(["delete", "--force", bundle.id])).toEqual(quiet);
      });
    });
  }

  strace(
    "by the front, at any call: the container either waits or runs",
    async () => {
      using bundle = new Bundle(script("echo started; exec sleep 1000"));
      const trace = `${bundle.folder}/trace`;
      using whole = await create(bundle);
      expect(await bundle.box(["start", bundle.id], { before: ["strace", "-qq", "-o", trace] })).toEqual(quiet);
      await until(() => whole.stdout === "started\n", "the program's output");
      expect(await bundle.box(["delete", "--force", bundle.id])).toEqual(quiet);
      const calls = linesOf(readFileSync(trace, "utf8")).map((line) => /^\w+/.exec(line)?.[0] as string);
      const seen: string[] = [];
      for (const [at, call] of calls.entries()) {
        if (call === "execve" || call === "exit_group") continue;
        const when = calls.slice(0, at + 1).filter((one) => one === call).length;
        using creating = await create(bundle);
        const before = ["strace", "-qq", "-o", "/dev/null", "-e", `trace=${call}`, "-e", `inject=${call}:signal=SIGKILL:when=${when}`];
        expect([call, when, (await bundle.box(["start", bundle.id], { before })).exitCode]).toEqual([call, when, 137]);
        const status = await statusOf(bundle);
        seen.push(status);
        if (status === "created") expect(await start(bundle)).toEqual(quiet);
        await until(() => creating.stdout === "started\n", `the program's output, after ${call} ${when}`);
        expect(await bundle.box(["delete", "--force", bundle.id])).toEqual(quiet);
      }
      const turn = seen.indexOf("running");
      expect(turn).toBeGreaterThan(10);
      expect(seen).toEqual(seen.map((_, at) => (at < turn ? "created" : "running")));
    },
    60_000,
  );
});

describe("delete", () => {
  test("of a created container, without --force as with runc", async () => {
    using bundle = new Bundle(endless);
    await leavesNothing(bundle, async () => {
      using _creating = await create(bundle);
      expect(await bundle.box(["delete", bundle.id])).toEqual(quiet);
    });
  });

  test("of a running one takes --force", async () => {
    using bundle = new Bundle(endless);
    await leavesNothing(bundle, async () => {
      using _creating = await create(bundle);
      await start(bundle);
      expect(await bundle.box(["delete", bundle.id])).toEqual(
        said(`box: id: cannot delete container ${bundle.id} that is not stopped: running\nhint: box delete --force ends it first\n`),
      );
      expect(await statusOf(bundle)).toBe("running");
      expect(await bundle.box(["delete", "--force", bundle.id])).toEqual(quiet);
    });
  });

  test("again: says that there is none, and nothing with --force", async () => {
    using bundle = new Bundle(endless);
    using _creating = await create(bundle);
    expect(await bundle.box(["delete", bundle.id])).toEqual(quiet);
    expect(await bundle.box(["delete", bundle.id])).toEqual(said(`box: id: the container ${bundle.id} does not exist\n`));
    expect(await bundle.box(["delete", "--force", bundle.id])).toEqual(quiet);
  });

  test("several at once: all end, nothing is left, and with --force nobody complains", async () => {
    using bundle = new Bundle(endless);
    await leavesNothing(bundle, async () => {
      for (let round = 0; round < 5; round++) {
        using _creating = await create(bundle);
        if (round % 2 === 1) await start(bundle);
        const outcomes = await Promise.all(Array.from({ length: 4 }, () => bundle.box(["delete", "--force", bundle.id])));
        expect([round, outcomes]).toEqual([round, [quiet, quiet, quiet, quiet]]);
      }
    });
  });

  test("while start is under way: one of them gives way", async () => {
    using bundle = new Bundle(endless);
    await leavesNothing(bundle, async () => {
      for (let round = 0; round < 10; round++) {
        using _creating = await create(bundle);
        const [, deleted] = await Promise.all([start(bundle), bundle.box(["delete", "--force", bundle.id])]);
        expect(deleted).toEqual(quiet);
        expect(existsSync(`${bundle.states}/${bundle.id}`)).toBe(false);
      }
    });
  });
});

describe("create with an id that is taken", () => {
  test("by a created container, a running one, a stopped one: is refused, and changes nothing", async () => {
    using bundle = new Bundle(endless);
    using _creating = await create(bundle);
    const { initPid } = bundle;
    const again = async (status: string): Promise<void> => {
      expect(await bundle.box(["create", bundle.id])).toEqual(taken(bundle));
      expect([await statusOf(bundle), bundle.initPid]).toEqual([status, initPid]);
    };
    await again("created");
    await start(bundle);
    await again("running");
    process.kill(initPid, "SIGKILL");
    await ended(initPid);
    await again("stopped");
    expect((await bundle.box(["run", bundle.id])).stderr).toBe(taken(bundle).stderr);
  });

  test("by the remains of a box that was killed: takes their place", async () => {
    using bundle = new Bundle(script("echo anew; exec sleep 1000"));
    {
      using running = await bundle.startSh("echo ready; exec sleep 1000");
      running.child.kill("SIGKILL");
      await running.child.exited;
    }
    bundle.change(script("echo anew; exec sleep 1000"));
    using creating = await create(bundle);
    await start(bundle);
    await until(() => creating.stdout === "anew\n", "the program's output");
  });

  test("twice at once: one makes it", async () => {
    using bundle = new Bundle(endless);
    for (let round = 0; round < 5; round++) {
      const outcomes = await Promise.all(Array.from({ length: 3 }, () => bundle.box(["create", bundle.id])));
      const refused = outcomes.filter(({ exitCode }) => exitCode !== 0);
      expect([outcomes.length - refused.length, refused]).toEqual([1, [taken(bundle), taken(bundle)]]);
      expect(await statusOf(bundle)).toBe("created");
      expect(await bundle.box(["delete", bundle.id])).toEqual(quiet);
    }
  });
});

describe("create is killed", () => {
  const MOMENTS = 40;
  /** How long one takes from its first trace to its end on this machine now, and half as much again. */
  async function latestMs(bundle: Bundle): Promise<number> {
    using creating = bundle.start(["create", bundle.id]);
    await until(() => existsSync(`${bundle.states}/${bundle.id}`), "the state folder");
    const began = performance.now();
    expect(await creating.outcome()).toEqual(quiet);
    const took = performance.now() - began;
    expect(await bundle.box(["delete", "--force", bundle.id])).toEqual(quiet);
    return took * 1.5;
  }

  test(`at ${MOMENTS} moments: box delete --force removes what is left`, async () => {
    using bundle = new Bundle(endless);
    const before = machine(bundle);
    const latest = await latestMs(bundle);
    const left = new Set<string>();
    for (let moment = 0; moment < MOMENTS; moment++) {
      using creating = bundle.start(["create", bundle.id]);
      const folder = `${bundle.states}/${bundle.id}`;
      // Busy waits: a timer's millisecond is too coarse for what is to be hit.
      const patience = performance.now() + 5000;
      while (!existsSync(folder) && performance.now() < patience);
      const end = performance.now() + (latest * moment) / MOMENTS;
      while (performance.now() < end);
      creating.child.kill("SIGKILL");
      await creating.child.exited;
      const file = `${folder}/state.json`;
      left.add(existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as State).status : "none");
      expect(await bundle.box(["delete", "--force", bundle.id])).toEqual(quiet);
      await until(() => machine(bundle).processes.length === before.processes.length, `the end of all processes at moment ${moment}`);
      expect([moment, machine(bundle)]).toEqual([moment, before]);
    }
    expect([...left]).toEqual(expect.arrayContaining(["creating", "created"]));
  }, 60_000);

  test(`at ${MOMENTS} moments: create again takes the place of what is left, unless that is a container that is there to be deleted`, async () => {
    using bundle = new Bundle(endless);
    const before = machine(bundle);
    const latest = await latestMs(bundle);
    for (let moment = 0; moment < MOMENTS; moment++) {
      using creating = bundle.start(["create", bundle.id]);
      await until(() => existsSync(`${bundle.states}/${bundle.id}`), "the state folder");
      await Bun.sleep((latest * moment) / MOMENTS);
      creating.child.kill("SIGKILL");
      await creating.child.exited;
      const again = await bundle.box(["create", bundle.id]);
      const status = await statusOf(bundle);
      if (again.exitCode === 0) expect([moment, again, status]).toEqual([moment, quiet, "created"]);
      else {
        // Its last state was written; whether init had heard from box by then is another matter.
        expect([moment, again]).toEqual([moment, taken(bundle)]);
        expect(["created", "stopped"]).toContain(status);
      }
      if (status === "created") expect([moment, await start(bundle)]).toEqual([moment, quiet]);
      expect([moment, await bundle.box(["delete", ...(status === "created" ? ["--force"] : []), bundle.id])]).toEqual([moment, quiet]);
      await until(() => machine(bundle).processes.length === before.processes.length, `the end of all processes at moment ${moment}`);
      expect([moment, machine(bundle)]).toEqual([moment, before]);
    }
  }, 60_000);
});

test("a state folder with files that are not box's is left to its owner, and the container still goes", async () => {
  using bundle = new Bundle(endless);
  using _creating = await create(bundle);
  const { initPid } = bundle;
  mkdirSync(`${bundle.states}/${bundle.id}/other`);
  const folder = `${bundle.states}/${bundle.id}`;
  expect(await bundle.box(["delete", bundle.id])).toEqual(
    said(`box: id: cannot remove ${folder}: ENOTEMPTY (directory not empty)\nhint: there is something in it that box did not put there\n`),
  );
  await ended(initPid);
  expect(readdirSync(folder)).toEqual(["other"]);
});
