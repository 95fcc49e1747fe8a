import { describe, expect, test } from "bun:test";
import { allowAll, type Changes, calls, execWith, userFacts } from "./plan-for.ts";

const runsTrue: Changes = {
  process: { args: ["/bin/true"], env: ["A=1"], cwd: "/srv", capabilities: { bounding: ["CAP_KILL"] } },
  facts: { boundingSet: [0, 5] },
};
const headings = (changes: Changes): string[] => execWith(changes).child.map(({ actor, title }) => `${actor}: ${title}`);
const ids = [{ containerID: 0, hostID: 1000, size: 1 }];

test("what box does until there is a process", () => {
  expect(calls(execWith(runsTrue), "box: the stage")).toMatchInlineSnapshot(`
    "fcntl(9, F_DUPFD_CLOEXEC, 6) → pidfd of the init to join
    memfd_create("box-stage", MFD_CLOEXEC|MFD_ALLOW_SEALING|MFD_EXEC) → stage
    memfd_create("box-tape", MFD_CLOEXEC) → line, as made
    pwrite64(line, as made, the tape, its length, 65536)
    mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, line, as made, 0) → status
    fcntl(line, as made, F_DUPFD_CLOEXEC, 6) → arena
    close(line, as made)
    socketpair(AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC, 0, &socketpair)
    compute (socketpair) & 0xffffffff → line to the child
    compute (socketpair's second half) & 0xffffffff → line to box, as made
    fcntl(line to box, as made, F_DUPFD_CLOEXEC, 6) → line to box
    close(line to box, as made)
    fcntl(stage, F_DUPFD_CLOEXEC, 6) → stage
    rt_sigprocmask(SIG_BLOCK, 8 bytes, NULL, 8)
    openat(AT_FDCWD, "/sys/fs/cgroup/unified/user.slice/web", O_PATH|O_DIRECTORY|O_CLOEXEC, 0) → the container's cgroup
    clone3(&clone_args {flags: CLONE_VM|CLONE_VFORK|CLONE_INTO_CGROUP, exit_signal: 17}, 88) → the child's pid
    close(arena)
    close(line to box)"
  `);
});

test("what the process does, from the stage to the program", () => {
  const plan = execWith(runsTrue);
  expect(
    plan.child.map(({ actor, title }) => `${actor}: ${title}\n${calls(plan, `${actor}: ${title}`)}`).join("\n\n"),
  ).toMatchInlineSnapshot(`
    "stage: let go of what came from box
    close(3)
    close_range(6, 4294967295, 0)
    fcntl(4, F_SETFD, 1)
    fcntl(5, F_SETFD, 1)
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)

    stage: enter the cgroups
    openat(AT_FDCWD, "/sys/fs/cgroup/cpuset/web/tasks", O_WRONLY|O_CLOEXEC, 0) → tasks
    write(tasks, "0", 1)
    close(tasks)

    stage: join the container
    setns(5, CLONE_NEWPID|CLONE_NEWNET|CLONE_NEWIPC|CLONE_NEWUTS|CLONE_NEWNS|CLONE_NEWCGROUP)
    close(5)
    clone(CLONE_PARENT|CLONE_PARENT_SETTID, NULL, &init's pid, NULL, NULL)

    init: identity
    getpid()   (here: init)
    setsid()
    sched_setaffinity(0, 1024, 1024 bytes)
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    keyctl(KEYCTL_JOIN_SESSION_KEYRING, "_ses.web", 0, 0, 0) → session keyring

    init: process
    close_range(3, 3, 0)
    close_range(6, 4294967295, 0)
    chdir("/srv") → entered
    prlimit64(0, RLIMIT_NOFILE, {rlim_cur: 1024, rlim_max: 1024}, NULL)
    prctl(PR_CAPBSET_DROP, 0, 0, 0, 0)
    prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    setgroups(0, NULL)
    setresgid(0, 0, 0)
    setresuid(0, 0, 0)
    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0)
    capset({version: 537396514, pid: 0}, 24 bytes)
    prctl(PR_CAP_AMBIENT, 4, 0, 0, 0)
    compute (entered) & 0xff
    getcwd(&cwd, 4096)
    compute (cwd) & 0xff
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    umask(022)
    rt_sigaction(SIGPIPE, {}, NULL, 8)
    rt_sigaction(SIGXFSZ, {}, NULL, 8)
    rt_sigprocmask(SIG_SETMASK, 8 bytes, NULL, 8)
    faccessat2(AT_FDCWD, "/bin/true", X_OK, AT_EACCESS)
    statx(AT_FDCWD, "/bin/true", 0, STATX_TYPE, &statx)
    compute (type of the file) & 0xf000
    compute 0 - 13
    compute the program's name → the program's name, for box   (here: found)

    init: program
    execve(the program's name, ["/bin/true"], ["A=1"])"
  `);
});

describe("the namespaces", () => {
  const joins = (namespaces: NonNullable<Changes["linux"]>["namespaces"], more: Changes = {}): string[] =>
    calls(
      execWith({ ...runsTrue, ...more, spec: { hostname: "" }, linux: { namespaces: namespaces ?? [] } }),
      "stage: join the container",
    ).split("\n");
  test("of pids take a helper, which makes the process as a child of box", () =>
    expect(joins([{ type: "mount" }, { type: "pid" }])).toEqual([
      "setns(5, CLONE_NEWNS|CLONE_NEWPID)",
      "close(5)",
      "clone(CLONE_PARENT|CLONE_PARENT_SETTID, NULL, &init's pid, NULL, NULL)",
    ]));
  test("of the host's pids take none", () => {
    const changes: Changes = { ...runsTrue, spec: { hostname: "" }, linux: { namespaces: [{ type: "mount" }] } };
    expect(joins([{ type: "mount" }])).toEqual(["setns(5, CLONE_NEWNS)", "close(5)"]);
    expect(execWith(changes).awaitHelper.steps).toEqual([]);
  });
  test("that the container joined are joined through its init all the same", () =>
    expect(joins([{ type: "mount" }, { type: "network", path: "/run/netns/web" }])[0]).toBe("setns(5, CLONE_NEWNS|CLONE_NEWNET)"));
  test("of users make the process their root, before it is anybody else", () => {
    const changes: Changes = {
      ...runsTrue,
      facts: { ...userFacts },
      linux: { namespaces: [{ type: "mount" }, { type: "user" }], uidMappings: ids, gidMappings: ids },
      spec: { hostname: "" },
    };
    const lines = calls(execWith(changes), "init: identity").split("\n");
    expect(lines.slice(0, 6)).toEqual([
      "getpid()   (here: init)",
      "setsid()",
      "sched_setaffinity(0, 1024, 1024 bytes)",
      "setresgid(0, 0, 0)",
      "setresuid(0, 0, 0)",
      "prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)",
    ]);
  });
});

describe("a terminal", () => {
  const terminal: Changes = { ...runsTrue, process: { ...runsTrue.process, terminal: true } };
  test("is one of the container's own devpts, and nothing is mounted", () => {
    const made = calls(execWith(terminal), "init: terminal");
    expect(made.split("\n")[0]).toBe('openat(AT_FDCWD, "/", O_PATH|O_DIRECTORY|O_CLOEXEC, 0) → root');
    expect(made).toContain("ioctl(master, TIOCGPTPEER, flags) → terminal");
    expect(made).not.toMatch(/mount|console/);
  });
  test("goes to the socket that asks for it", () => {
    const plan = execWith({ ...terminal, launch: { way: "detached", consoleSocket: "/run/c.sock" } });
    expect(calls(plan, "box: terminal").split("\n").slice(-2)).toEqual([
      "close(the container's terminal)",
      'write(line to the child, "g", 1)',
    ]);
    expect(calls(plan, "box: terminal")).toContain("connect(socket for the terminal, &sockaddr_un, 14)");
  });
});

test("the filter of the container holds for the process too", () => {
  const plan = execWith({ ...runsTrue, seccomp: allowAll });
  expect(calls(plan, "init: program")).toBe(
    'seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG, {len: 1, filter: &filter of system calls})\nexecve(the program\'s name, ["/bin/true"], ["A=1"])',
  );
});

describe("its end", () => {
  test("is waited for in box, for a moment, and then by the supervisor", () => {
    const plan = execWith(runsTrue);
    expect(calls(plan, "box: wait for its end")).toMatchInlineSnapshot(`
      "waitid(P_PID, init's pid, &siginfo, WEXITED|WNOHANG, NULL)
      compute (the ended child) & 0xffffffff   (then: ended)
      rt_sigtimedwait(8 bytes, NULL, {tv_sec: 0, tv_nsec: 50000000}, 8) → signal   (here: wait)
      compute signal
      kill(init's pid, signal)   (errors ignored, then: wait)
      compute 0   (here: ended)
      compute (how init ended) & 0xffffffff
      compute (init's status + 128) & 0xff → exit code
      exit_group(exit code)
      compute 1 → what is left to do   (here: patience)"
    `);
    expect(plan.waitHere.steps.at(-1)?.label).toBe("patience");
    expect(plan.startSupervisor.steps.length).toBeGreaterThan(0);
  });
  test("with a terminal by the supervisor from the beginning", () => {
    const plan = execWith({ ...runsTrue, process: { ...runsTrue.process, terminal: true } });
    expect(plan.waitHere.steps).toEqual([]);
    expect(plan.supervise.steps.length).toBeGreaterThan(0);
  });
  test("is nobody's when it is detached", () => {
    const plan = execWith({ ...runsTrue, launch: { way: "detached" } });
    expect([plan.waitHere, plan.becomeSupervisor, plan.startSupervisor, plan.supervise, plan.handOver].map(({ steps }) => steps)).toEqual([
      [],
      [],
      [],
      [],
      [],
    ]);
  });
  test("leaves the container as it is", () => {
    const plan = execWith(runsTrue);
    const all = [...plan.waitHere.steps, ...plan.supervise.steps, ...plan.handOver.steps];
    expect(all.filter(({ call }) => ["unlinkat", "execveat"].includes(call))).toEqual([]);
  });
});

test("nothing of a container's making: no state, no cgroups, no mounts", () => {
  const plan = execWith(runsTrue);
  const names = [plan.observe, plan.writeIdMaps, plan.runtimeHooks].map(({ steps }) => steps.length);
  expect(names).toEqual([0, 0, 0]);
  const steps = [...plan.prepare.steps, ...plan.child.flatMap((one) => one.steps)].map(({ call }) => call);
  expect(
    steps.filter((call) => ["mkdirat", "mknodat", "renameat2", "mount", "move_mount", "pivot_root", "fsopen", "bpf"].includes(call)),
  ).toEqual([]);
  expect(headings(runsTrue)).toEqual([
    "stage: let go of what came from box",
    "stage: enter the cgroups",
    "stage: join the container",
    "init: identity",
    "init: process",
    "init: program",
  ]);
});
