import { describe, expect, test } from "bun:test";
import type { Process } from "../../src/config/spec.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { candidates } from "../../src/plan/process.ts";
import { calls, planWith, section, userFacts } from "./plan-for.ts";

const ids = [{ containerID: 0, hostID: 1000, size: 1 }];

/** The process's calls that `wanted` chooses. */
const callsWith = (wanted: RegExp, process: Partial<Process>, facts: Partial<HostFacts> = {}): string =>
  calls(planWith({ process, facts }), "init: process")
    .split("\n")
    .filter((line) => wanted.test(line))
    .join("\n");

test("the order, from a finished root to the program", () => {
  const process: Partial<Process> = { args: ["/bin/true"], env: ["A=1"], cwd: "/srv", capabilities: { bounding: ["CAP_KILL"] } };
  expect(
    calls(planWith({ process, facts: { boundingSet: [0, 5], openFiles: { soft: 1024, hard: 4096 } } }), "init: process"),
  ).toMatchInlineSnapshot(`
    "close_range(3, 3, 0)
    close_range(5, 4294967295, 0)
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
    compute the program's name → the program's name, for box   (here: found)"
  `);
});

describe("the user", () => {
  test("groups first, then group, then user", () => {
    const user = { uid: 33, gid: 44, additionalGids: [5, 6], umask: 0o27 };
    expect(callsWith(/^(setgroups|setres|umask)/, { user })).toMatchInlineSnapshot(`
      "setgroups(2, 8 bytes)
      setresgid(44, 44, 44)
      setresuid(33, 33, 33)
      umask(027)"
    `);
  });
  test("without root in a user namespace groups stay as they are, and the plan says so", () => {
    const user = { uid: 0, gid: 0, additionalGids: [5] };
    const linux = { namespaces: [{ type: "mount" as const }, { type: "user" as const }], uidMappings: ids, gidMappings: ids };
    const plan = planWith({ process: { user }, linux, facts: userFacts, spec: { hostname: "" } });
    expect(calls(plan, "init: process")).not.toContain("setgroups");
    expect(plan.notes).toContain("process.user.additionalGids does not apply: without root a user namespace cannot change groups");
  });
});

describe("capabilities", () => {
  const wanted = /CAPBSET|^capset|AMBIENT/;
  test("none are left without process.capabilities", () => {
    const plan = planWith({ process: { args: ["/bin/true"] }, facts: { boundingSet: [0, 40] } });
    expect(calls(plan, "init: process")).toContain("prctl(PR_CAPBSET_DROP, 40, 0, 0, 0)");
  });
  test("what is listed stays in the bounding set; what box itself lacks is not dropped", () =>
    expect(callsWith(wanted, { capabilities: { bounding: ["CAP_CHOWN"] } }, { boundingSet: [0, 1, 40] })).toBe(
      "prctl(PR_CAPBSET_DROP, 1, 0, 0, 0)\nprctl(PR_CAPBSET_DROP, 40, 0, 0, 0)\ncapset({version: 537396514, pid: 0}, 24 bytes)\nprctl(PR_CAP_AMBIENT, 4, 0, 0, 0)",
    ));
  test("the sets as the kernel wants them: effective, permitted, inheritable, low words first", () => {
    const capabilities = { effective: ["CAP_CHOWN"], permitted: ["CAP_CHOWN", "CAP_BPF"], inheritable: ["CAP_KILL"] };
    const plan = planWith({ process: { capabilities } });
    const step = plan.child.flatMap(({ steps }) => steps).find(({ call }) => call === "capset");
    const bytes = step?.args[1] as unknown as Uint8Array;
    expect([...new Uint32Array(bytes.slice().buffer)]).toEqual([1, 1, 32, 0, 128, 0]);
  });
  test("ambient ones only where the kernel would allow them, and the plan says which not", () => {
    const capabilities = { permitted: ["CAP_KILL", "CAP_CHOWN"], inheritable: ["CAP_KILL"], ambient: ["CAP_KILL", "CAP_CHOWN"] };
    const plan = planWith({ process: { capabilities } });
    expect(calls(plan, "init: process").match(/.*PR_CAP_AMBIENT.*/g)).toEqual([
      "prctl(PR_CAP_AMBIENT, 4, 0, 0, 0)",
      "prctl(PR_CAP_AMBIENT, 2, 5, 0, 0)",
    ]);
    expect(plan.notes).toEqual([
      "process.capabilities.ambient: CAP_CHOWN stays off: only a permitted and inheritable capability can be ambient",
    ]);
  });
});

describe("limits", () => {
  const rlimits = [{ type: "RLIMIT_NOFILE", soft: 10, hard: 20 }];
  test("of the configuration", () =>
    expect(callsWith(/^prlimit/, { rlimits }, { openFiles: { soft: 1, hard: 2 } })).toBe(
      "prlimit64(0, RLIMIT_NOFILE, {rlim_cur: 10, rlim_max: 20}, NULL)",
    ));
  test("that Bun raised are given back", () =>
    expect(callsWith(/^prlimit/, { rlimits: [] }, { openFiles: { soft: 1, hard: 2 } })).toBe(
      "prlimit64(0, RLIMIT_NOFILE, {rlim_cur: 1, rlim_max: 2}, NULL)",
    ));
});

describe("the working folder", () => {
  test("is made while the root can be written; what root may not look into is left to the user", () => {
    const lines = section(planWith({ process: { cwd: "/srv//app/" } }), "init: masked and read-only paths").split("\n");
    expect(lines.slice(0, 10).join("\n")).toMatchInlineSnapshot(`
      "openat2(root, "srv/app", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → process.cwd   (again on EAGAIN)
              process.cwd: open /srv/app in the container's root
          [ENOENT] mkdirat(root, "srv", 0755)
                  process.cwd: make the folder /srv in the container's root
          [ENOENT] openat2(root, "srv", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → /srv   (again on EAGAIN)
                  process.cwd: open /srv in the container's root
          [ENOENT] mkdirat(/srv, "app", 0755)
                  process.cwd: make the folder /srv/app in the container's root
          [ENOENT] openat2(root, "srv/app", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → process.cwd   (again on EAGAIN)
                  process.cwd: open /srv/app in the container's root"
    `);
  });
  test("is entered as root, else as the user, and checked", () => {
    const lines = section(planWith({ process: { cwd: "/srv" } }), "init: process").split("\n");
    expect(lines.filter((line) => /chdir|cwd|compute entered|entered/.test(line)).join("\n")).toMatchInlineSnapshot(`
      "chdir("/srv") → entered
              process.cwd: change to the folder /srv
      compute (entered) & 0xff
              process.cwd: enter it now if not
          [if 255] chdir("/srv")
                  process.cwd: change to the folder /srv
      getcwd(&cwd, 4096)
              process.cwd: make sure of the folder /srv
      compute (cwd) & 0xff
              process.cwd: use the folder /srv"
    `);
  });
});

describe("the environment", () => {
  const env = (env: string[], home?: string): string => {
    const plan = planWith({ process: { args: ["/bin/true"], env }, facts: { home } });
    return calls(plan, "init: program");
  };
  const run = (list: string): string => `execve(the program's name, ["/bin/true"], [${list}])`;
  test("the last of two entries counts", () => expect(env(["A=1", "B=", "A=2=3"])).toBe(run('"B=", "A=2=3"')));
  test("HOME comes from the passwd file", () => expect(env(["A=1"], "/home/web")).toBe(run('"A=1", "HOME=/home/web"')));
  test("an empty HOME does too", () => expect(env(["HOME="], "/home/web")).toBe(run('"HOME=/home/web"')));
  test("another one stays", () => expect(env(["HOME=/x"], "/home/web")).toBe(run('"HOME=/x"')));
});

describe("the program", () => {
  test("is looked for in each folder of the PATH that it gets", () =>
    expect(candidates(["sh"], ["PATH=/bin::/usr/bin/"])).toEqual(["/bin/sh", "./sh", "/usr/bin//sh"]));
  test("with a slash in it is itself", () => expect(candidates(["./tool"], ["PATH=/bin"])).toEqual(["./tool"]));
  test("is nowhere without a PATH", () => expect(candidates(["sh"], ["HOME=/"])).toEqual([]));
  test("that may not be executed does not end the search, but is what failed when nothing else is found", () => {
    const lines = section(planWith({ process: { args: ["tool"], env: ["PATH=/bin"] } }), "init: process").split("\n");
    expect(lines.slice(lines.findIndex((line) => line.startsWith("faccessat2"))).join("\n")).toMatchInlineSnapshot(`
      "faccessat2(AT_FDCWD, "/bin/tool", X_OK, AT_EACCESS)
              process.args[0]: execute /bin/tool
          [done] statx(AT_FDCWD, "/bin/tool", 0, STATX_TYPE, &statx)
                  process.args[0]: look at /bin/tool
          [done] compute (type of the file) & 0xf000
                  process.args[0]: is it a file?
              [if 32768] compute "/bin/tool" → the program's name   (then: found)
                      process.args[0]: keep the name of the program
          [done] compute 0 → refused
                  process.args[0]: remember a file that may not be executed
          [EACCES] compute 0 → refused
                  process.args[0]: remember a file that may not be executed
      compute (refused) & 0xff
              process.args[0]: was there a file that may not be executed?
          [if 0] compute 0 - 13
                  process.args[0]: execute tool
      compute 0 - 2
              process.args[0]: execute tool
      compute the program's name → the program's name, for box   (here: found)
              process.args[0]: show box the program"
    `);
  });
});

test("signals that box found ignored do what they do by default, and none is blocked", () =>
  expect(callsWith(/^rt_sig/, {}, { ignoredSignals: [1, 13] })).toBe(
    "rt_sigaction(SIGHUP, {}, NULL, 8)\nrt_sigaction(SIGPIPE, {}, NULL, 8)\nrt_sigprocmask(SIG_SETMASK, 8 bytes, NULL, 8)",
  ));
