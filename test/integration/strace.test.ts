// box plan shows the very plan that box run executes: what strace sees of a run is followed through the printed plan,
// call by call. Init and its helper do nothing but the plan's steps; so does box, but for Bun's own work between them.

import { describe, expect, test as plainTest } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import type { NamespaceType, SeccompRule } from "../../src/config/spec.ts";
import type { PlannedStep } from "../../src/plan/print-plan.ts";
import { asUser, Bundle, binary, execute, inLayout, type RunOptions, testWith, userId } from "./harness.ts";
import { Agent } from "./seccomp-agent.ts";
import { type Call, comparePlan, parseTrace } from "./strace.ts";

const test = testWith("strace");
const LIMIT_MS = 30_000;

type Seen = { readonly steps: readonly PlannedStep[]; readonly calls: readonly Call[]; readonly kept: boolean; readonly exitCode: number };

/** Words in front of box that keep it from a kept start: a descriptor that one has for itself is taken. */
const plainly = ["bash", "-c", 'exec 64</dev/null; exec "$@"', "bash"];

/** The bundle's plan, and a run of it under strace. */
async function planAndRun(bundle: Bundle, options: RunOptions = {}, first: readonly string[] = []): Promise<Seen> {
  const box = [binary, "--root", bundle.states];
  // By now a start is kept, if any is: to keep one is no part of a plan.
  for (const _ of [1, 2]) await execute([binary, "run", "--help"], options);
  const planned = await execute([...box, "plan", "--json", "-b", bundle.folder, bundle.id], options);
  expect(planned.stderr).toBe("");
  const { steps } = JSON.parse(planned.stdout) as { steps: PlannedStep[] };
  const file = `${bundle.folder}/trace`;
  // In front of all, so that it keeps its rights: without them it cannot read what a process does that is closed to tracing.
  const before = [...first, "strace", "-f", "-v", "--decode-pids=pidns", "-s", "65536", "-o", file, ...(options.before ?? [])];
  const { exitCode } = await execute([...box, "run", "-b", bundle.folder, bundle.id], { limitMs: LIMIT_MS, ...options, before });
  const all = withoutFront(parseTrace(readFileSync(file, "utf8")));
  const calls = withoutKeeping(all);
  return { steps, calls, kept: calls.length < all.length, exitCode };
}

/** Without what comes before TypeScript goes on from a kept start, whose first look is at its command line. */
function withoutFront(calls: readonly Call[]): readonly Call[] {
  const begun = calls.findIndex(({ text }) => text.includes('"/proc/self/cmdline"'));
  return begun < 0 ? calls : calls.slice(begun);
}

/**
 * Without the calls that keep the program for the next start: they are about box's own files, after the start, and so
 * no part of the plan. From the look at box's executable to the closing of the folder.
 */
function withoutKeeping(calls: readonly Call[]): Call[] {
  const renamed = calls.findIndex(({ text }) => text.startsWith("renameat2(") && text.includes('"place-'));
  if (renamed < 0) return [...calls];
  const { pid } = calls[renamed] as Call;
  const own = (at: number): boolean => calls[at]?.pid === pid;
  const from = calls.findLastIndex(
    ({ text }, at) => at < renamed && own(at) && text.startsWith('openat(AT_FDCWD, "/proc/self/exe", O_RDONLY|O_CLOEXEC)'),
  );
  const to = calls.findIndex(({ text }, at) => at > renamed && own(at) && text.startsWith("close("));
  return calls.filter((_, at) => !own(at) || at < from || at > to);
}

/** Runs the bundle and expects every call to be the plan's. Returns the texts of the steps that were made. */
async function expectPlanned(bundle: Bundle, exitCode: number, options?: RunOptions): Promise<string[]> {
  const seen = await planAndRun(bundle, options);
  const { faults, made } = comparePlan(seen.steps, seen.calls);
  expect(faults).toEqual([]);
  // The second start keeps its program; the third, from that, is not a call more or less either.
  await planAndRun(bundle, options);
  const again = await planAndRun(bundle, options);
  expect(comparePlan(again.steps, again.calls).faults).toEqual([]);
  expect(again.kept).toBe(false);
  expect(seen.exitCode).toBe(exitCode);
  return made.map(({ text }) => text);
}

const runs = (...args: string[]): Bundle => new Bundle((spec) => (spec.process.args = args));

describe("every call is a step of the plan", () => {
  test(
    "the default spec",
    async () => {
      using bundle = runs("/bin/true");
      const made = await expectPlanned(bundle, 0);
      expect(made).toContain('pivot_root(".", ".")');
      expect(made.at(-1)).toStartWith('execve(the program\'s name, ["/bin/true"], [');
    },
    LIMIT_MS,
  );

  test(
    "what clients write about the process, its devices and its kernel",
    async () => {
      using bundle = new Bundle((spec) => {
        spec.process.args = ["/bin/true"];
        spec.process.oomScoreAdj = 500;
        spec.linux.memoryPolicy = { mode: "MPOL_LOCAL" };
        spec.linux.sysctl = { "net.ipv4.ip_unprivileged_port_start": "81", "kernel.shmmax": "4096" };
        spec.linux.devices = [{ path: "/devices/fuse", type: "c", major: 10, minor: 229, uid: 1, gid: 2 }];
      });
      const made = await expectPlanned(bundle, 0);
      expect(made).toContain('write(oom_score_adj, "500", 3)');
      expect(made).toContain('write(sys/kernel/shmmax, "4096", 4)');
      expect(made).toContain('mknodat(/devices, "fuse", 020666, makedev(10, 229))');
    },
    LIMIT_MS,
  );

  test(
    "network devices with addresses, in a network of the test's own",
    async () => {
      using bundle = runs("/bin/true");
      bundle.change((spec) => (spec.linux.netDevices = { dev0: { name: "net0" }, dev1: { name: "eth%d" } }));
      const host = "ip link add dev0 type veth peer name dev1 && ip address add 10.1.2.3/24 dev dev0 && ip address add fd00::1/64 dev dev0";
      const made = await expectPlanned(bundle, 0, { before: ["unshare", "--net", "sh", "-c", `${host} && exec "$@"`, "sh"] });
      expect(made.filter((text) => text.startsWith("write(netlink, &request to move "))).toHaveLength(2);
      expect(made.filter((text) => text.startsWith("write(netlink, &an address"))).toHaveLength(2);
    },
    LIMIT_MS,
  );

  test(
    "on pure v2, with a filter for devices",
    async () => {
      using bundle = runs("/bin/true");
      const made = await expectPlanned(bundle, 0, { before: inLayout("v2") });
      expect(made.filter((text) => text.startsWith("bpf(")).length).toBe(2);
    },
    LIMIT_MS,
  );

  test(
    "a mount point that is missing is made",
    async () => {
      using bundle = runs("/bin/true");
      bundle.change((spec) => spec.mounts.push({ destination: "/srv/data/new", type: "tmpfs", source: "tmpfs" }));
      const made = await expectPlanned(bundle, 0);
      expect(made.filter((text) => text.startsWith("mkdirat(") && /"(srv|data|new)"/.test(text))).toEqual([
        'mkdirat(root, "srv", 0755)',
        'mkdirat(/srv, "data", 0755)',
        'mkdirat(/srv/data, "new", 0755)',
      ]);
    },
    LIMIT_MS,
  );

  test(
    "a terminal, without one of the caller's",
    async () => {
      using bundle = runs("echo", "hello");
      bundle.change((spec) => (spec.process.terminal = true));
      const made = await expectPlanned(bundle, 0);
      expect(made).toContain("ioctl(master, TIOCGPTPEER, flags) → terminal");
    },
    LIMIT_MS,
  );

  test(
    "joined namespaces: a helper makes init",
    async () => {
      using target = new Bundle();
      using bundle = runs("/bin/true");
      using _running = await target.startSh("echo ready; exec sleep 1000");
      const join = (type: NamespaceType, name: string) => ({ type, path: `/proc/${target.initPid}/ns/${name}` });
      bundle.change((spec) => {
        const others = spec.linux.namespaces.filter(({ type }) => type !== "pid" && type !== "network");
        spec.linux.namespaces = [...others, join("pid", "pid"), join("network", "net")];
      });
      const made = await expectPlanned(bundle, 0);
      expect(made).toContain("setns(network namespace, CLONE_NEWNET)");
      expect(made).toContain("setns(pid namespace, CLONE_NEWPID)");
    },
    LIMIT_MS,
  );

  test(
    "an agent of system calls, and the thread that hands it its listener",
    async () => {
      using bundle = runs("/bin/true");
      using agent = new Agent(`${bundle.folder}/agent`, () => "continue");
      bundle.change((spec) => {
        const syscalls: SeccompRule[] = [{ names: ["mkdir", "execve"], action: "SCMP_ACT_NOTIFY" }];
        spec.linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW", listenerPath: agent.path, syscalls };
      });
      const made = await expectPlanned(bundle, 0);
      expect(made.filter((text) => text.startsWith("sendmsg(")).length).toBe(2);
      expect(made).toContain("exit(0)");
    },
    LIMIT_MS,
  );

  test(
    "a container that lives for longer than box waits in itself: a supervisor",
    async () => {
      using bundle = runs("sleep", "0.3");
      const made = await expectPlanned(bundle, 0);
      expect(made).toContain('execveat(stage, "", ["box"], [], AT_EMPTY_PATH)');
    },
    LIMIT_MS,
  );

  test(
    "hooks, at every point of a run, and the processes that become them",
    async () => {
      using bundle = runs("/bin/true");
      const hook = { path: "/bin/true", env: ["A=1"] };
      const inside = { path: "/bin/busybox", args: ["true"] };
      bundle.change((spec) => {
        spec.hooks = {
          prestart: [hook],
          createRuntime: [hook, { ...hook, timeout: 5 }],
          createContainer: [hook],
          startContainer: [inside, { ...inside, timeout: 5 }],
          poststart: [hook],
        };
      });
      const made = await expectPlanned(bundle, 0);
      expect(made.filter((text) => text.startsWith('execve("/bin/true", ["/bin/true"], ["A=1"])')).length).toBe(5);
      expect(made.filter((text) => text.startsWith('execve("/bin/busybox", ["true"], ["PATH=')).length).toBe(2);
    },
    LIMIT_MS,
  );

  test(
    "a program that is nowhere in the PATH",
    async () => {
      using bundle = runs("nowhere");
      const made = await expectPlanned(bundle, 127);
      expect(made).toContain('faccessat2(AT_FDCWD, "/sbin/nowhere", X_OK, AT_EACCESS)');
    },
    LIMIT_MS,
  );

  test(
    "a program that is missing",
    async () => {
      using bundle = runs("/bin/nowhere");
      await expectPlanned(bundle, 127);
    },
    LIMIT_MS,
  );

  test(
    "a script whose interpreter is missing: its first line is fetched for the error",
    async () => {
      using bundle = runs("/bin/script");
      writeFileSync(`${bundle.rootfs}/bin/script`, "#!/bin/nowhere\n", { mode: 0o755 });
      const made = await expectPlanned(bundle, 127);
      expect(made).toContain("read(program, &explanation, 255)");
    },
    LIMIT_MS,
  );
});

testWith("strace", "setpriv", "user namespaces for users")(
  "every call is a step of the plan, of an ordinary user's too",
  async () => {
    using bundle = runs("/bin/true");
    bundle.change((spec) => {
      spec.linux.namespaces = [...spec.linux.namespaces.filter(({ type }) => type !== "network" && type !== "cgroup"), { type: "user" }];
      spec.linux.uidMappings = [{ containerID: 0, hostID: userId, size: 1 }];
      spec.linux.gidMappings = [{ containerID: 0, hostID: userId, size: 1 }];
      spec.mounts = spec.mounts.filter(({ type }) => type === "proc" || type === "tmpfs");
      // Masks and devices both call a descriptor /dev/null, and descriptors are compared by the plan's names for them.
      spec.linux.maskedPaths = [];
    });
    bundle.giveTo(userId);
    const made = await expectPlanned(bundle, 0, { before: asUser });
    expect(made).toContain('write(map, "deny", 4)');
    expect(made).toContain(`write(map, "0 ${userId} 1\\n", 10)`);
  },
  LIMIT_MS,
);

/** A step and what hangs on it, which follow each other in the plan. */
function blockOf(steps: readonly PlannedStep[], { number }: PlannedStep): PlannedStep[] {
  const inside = new Set([number]);
  return steps.filter(({ number: own, of }) => {
    if (of !== undefined && inside.has(of)) inside.add(own);
    return inside.has(own);
  });
}

const without = (steps: readonly PlannedStep[], one: PlannedStep): PlannedStep[] => {
  const block = blockOf(steps, one);
  return steps.filter((step) => !block.includes(step));
};

/** The step after `one` in the same list. */
const follower = (steps: readonly PlannedStep[], one: PlannedStep): PlannedStep | undefined =>
  steps.find(({ number, of, when, section }) => number > one.number && of === one.of && when === one.when && section === one.section);

const swapped = (steps: readonly PlannedStep[], one: PlannedStep, next: PlannedStep): PlannedStep[] => {
  const rest = without(without(steps, one), next);
  return [...rest.slice(0, steps.indexOf(one)), ...blockOf(steps, next), ...blockOf(steps, one), ...rest.slice(steps.indexOf(one))];
};

plainTest("calls that others interrupt are put together, a handler's are left out, one begun again counts once", () => {
  const trace = `7 read(9,  <unfinished ...>
8 openat(AT_FDCWD, "a, \\"b)", O_RDONLY) = -1 ENOENT (No such file or directory)
8 ppoll(NULL, 0, NULL, ~[], 8) = ? ERESTARTNOHAND (To be restarted if no handler)
8 --- SIGPWR {si_signo=SIGPWR, si_code=SI_TKILL, si_pid=7, si_uid=0} ---
8 futex(0x1, FUTEX_WAKE_PRIVATE, 1) = 0
8 rt_sigreturn({mask=[]}) = 0
8 ppoll(NULL, 0, NULL, ~[], 8 <unfinished ...>
7 <... read resumed>"", 1)          = 0
8 <... ppoll resumed>)              = ?
8 +++ exited with 0 +++
`;
  expect(parseTrace(trace).map(({ pid, name, args, result, errno }) => [pid, name, args, result, errno])).toEqual([
    [7, "read", ["9", '""', "1"], 0, undefined],
    [8, "openat", ["AT_FDCWD", '"a, \\"b)"', "O_RDONLY"], -1, "ENOENT"],
    [8, "ppoll", ["NULL", "0", "NULL", "~[]", "8"], undefined, undefined],
  ]);
});

describe("the comparison is sharp", () => {
  test(
    "a step that the plan lacks or has in another place is noticed",
    async () => {
      using bundle = runs("/bin/true");
      const { steps, calls } = await planAndRun(bundle);
      const { faults, made } = comparePlan(steps, calls);
      expect(faults).toEqual([]);
      const noticed = (changed: readonly PlannedStep[]): boolean => comparePlan(changed, calls).faults.length > 0;
      // How it ends is in a status that no call shows: as init did, or as a shell would report a signal.
      const sharp = made.filter(({ call }) => call !== "exit_group");
      expect(sharp.length).toBeGreaterThan(150);
      expect(sharp.filter((one) => !noticed(without(steps, one))).map(({ text }) => text)).toEqual([]);
      const pairs = sharp.flatMap((one) => {
        const next = follower(steps, one);
        return next !== undefined && sharp.includes(next) && next.text !== one.text ? [{ one, next }] : [];
      });
      expect(pairs.length).toBeGreaterThan(100);
      expect(
        pairs.filter(({ one, next }) => !noticed(swapped(steps, one, next))).map(({ one, next }) => `${one.text} and ${next.text}`),
      ).toEqual([]);
    },
    2 * LIMIT_MS,
  );

  test(
    "a changed word of a step is noticed",
    async () => {
      using bundle = runs("/bin/true");
      const { steps, calls } = await planAndRun(bundle);
      const changes: [from: string, to: string, seen: string][] = [
        [
          'mount("none", "/", NULL, MS_REC|MS_SLAVE, NULL)',
          'mount("none", "/", NULL, MS_REC|MS_PRIVATE, NULL)',
          'mount("none", "/", NULL, MS_REC|MS_SLAVE, NULL) = 0',
        ],
        ['sethostname("runc", 4)', 'sethostname("crun", 4)', 'sethostname("runc", 4) = 0'],
        ['sethostname("runc", 4)', 'sethostname("runc", 3)', 'sethostname("runc", 4) = 0'],
        ['pivot_root(".", ".")', 'chroot(".")', 'pivot_root(".", ".") = 0'],
        [
          "rt_sigaction(SIGPIPE, {}, NULL, 8)",
          "rt_sigaction(SIGHUP, {}, NULL, 8)",
          "rt_sigaction(SIGPIPE, {sa_handler=SIG_DFL, sa_mask=[], sa_flags=0}, NULL, 8) = 0",
        ],
        [
          'openat2(root, "proc", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS}, 24)',
          'openat2(root, "proc", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_BENEATH}, 24)',
          "openat2(",
        ],
        [
          'execve(the program\'s name, ["/bin/true"], ["PATH=',
          'execve(the program\'s name, ["true"], ["PATH=',
          'execve("/bin/true", ["/bin/true"], ["PATH=',
        ],
      ];
      for (const [from, to, seen] of changes) {
        const changed = steps.map((step) => ({
          ...step,
          call: step.text.startsWith(from) ? to.slice(0, to.indexOf("(")) : step.call,
          text: step.text.replace(from, to),
        }));
        const { faults } = comparePlan(changed, calls);
        const isNoticed = (fault: string): boolean =>
          fault.startsWith(`init: ${seen}`) &&
          (fault.split(" where the plan has ")[1] ?? "").split(" or ").some((expected) => expected.startsWith(to));
        expect([to, faults.map(isNoticed)]).toEqual([to, [true]]);
      }
    },
    LIMIT_MS,
  );

  test(
    "a call more than the plan says is noticed",
    async () => {
      using bundle = runs("/bin/true");
      const { steps, calls } = await planAndRun(bundle, {}, plainly);
      const box = calls[0]?.pid as number;
      const find = (name: string, text: string): Call => calls.find((call) => call.name === name && call.text.includes(text)) as Call;
      const thread = find("clone3", "CLONE_THREAD").result as number;
      const faultsWith = (text: string, pid: number, before: Call): readonly string[] => {
        const [call] = parseTrace(`${pid} ${text}`) as [Call];
        return comparePlan(steps, calls.toSpliced(calls.indexOf(before), 0, call)).faults;
      };
      const release = find("write", ', "g", 1)');
      const first = (steps[0] as PlannedStep).text;
      expect([
        faultsWith('sethostname("other", 5) = 0', find("sethostname", "").pid, find("sethostname", "")),
        faultsWith("close(99) = 0", box, release),
        faultsWith("kill(1, SIGTERM) = 0", box, release),
        faultsWith('unlinkat(AT_FDCWD, "/etc/hosts", 0) = 0', box, calls[1] as Call),
        faultsWith('mkdirat(AT_FDCWD, "/run/other", 0700) = 0', thread, release),
        faultsWith("getpid() = 1", box, find("unlinkat", `"${bundle.id}", AT_REMOVEDIR`)),
      ]).toEqual([
        ['init: sethostname("other", 5) = 0 where the plan has sethostname("runc", 4)'],
        ['box: close(99) = 0 where the plan has write(line to the child, "g", 1)'],
        ['box: kill(1, SIGTERM) = 0 where the plan has write(line to the child, "g", 1)'],
        [`box: unlinkat(AT_FDCWD, "/etc/hosts", 0) = 0 where the plan has ${first}`],
        ['another thread of box: mkdirat(AT_FDCWD, "/run/other", 0700) = 0'],
        [`box: getpid() = 1 where the plan has unlinkat(folder of all states, kept, "${bundle.id}", AT_REMOVEDIR)`],
      ]);
    },
    LIMIT_MS,
  );
});
