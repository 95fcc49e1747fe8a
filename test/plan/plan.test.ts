// The security rules hold for every plan, and each of them notices a plan that breaks it.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { checkSpec } from "../../src/config/check-spec.ts";
import type { Hooks, Process, Spec } from "../../src/config/spec.ts";
import { checkSupported } from "../../src/config/unsupported.ts";
import { foreground } from "../../src/plan/launch.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { type Step, step } from "../../src/tape/step.ts";
import { wholeRuns } from "../runs.ts";
import { type Host, hosts } from "./arbitrary-spec.ts";
import {
  allowAll,
  askAll,
  asked,
  type Changes,
  calls,
  cgroupLayouts,
  execCgroups,
  execOf,
  execWith,
  plainFacts,
  planOf,
  planWith,
  specWith,
  userFacts,
} from "./plan-for.ts";
import { type Container, execRules, type Rule, rules } from "./rules.ts";
import { movedBefore, replaced, withAfter, withBefore, without } from "./walk.ts";

type RuleName = keyof typeof rules;

const { descriptorsExist, ...quick } = rules;
const { descriptorsExist: _, ...quickExec } = execRules;

const filterOf = ({ filtered, asks }: Host): Pick<Changes, "seccomp"> => (filtered ? { seccomp: asks ? askAll : allowAll } : {});

const planned = (host: Host): Plan => planOf(host.spec, host.facts, host.hostRoot, { launch: host.launch, ...filterOf(host) });

const brokenBy = (named: Readonly<Record<string, Rule>>, plan: Plan, container: Container): string[] =>
  Object.entries(named).flatMap(([name, rule]) => rule(plan, container).map((fault) => `${name}: ${fault}`));

test("every rule holds for every configuration", () => {
  fc.assert(
    fc.property(hosts, (host) => {
      checkSupported(checkSpec(structuredClone(host.spec)));
      expect(brokenBy(quick, planned(host), host)).toEqual([]);
    }),
    { numRuns: wholeRuns(1500, 20_000) },
  );
}, 1_200_000);

test("every descriptor exists when it is used", () => {
  fc.assert(
    fc.property(hosts, (host) => {
      expect(descriptorsExist(planned(host), host)).toEqual([]);
    }),
    { numRuns: 300 },
  );
}, 120_000);

/** A container as a process of exec finds it: all its namespaces are there. */
const joined = (spec: Spec): Spec => ({
  ...spec,
  linux: { ...spec.linux, namespaces: (spec.linux?.namespaces ?? []).map(({ type }) => ({ type, path: `/proc/7/ns/${type}` })) },
});

test("the rules hold for every process that is executed in a container", () => {
  fc.assert(
    fc.property(hosts, (host) => {
      const { spec, facts, filtered, asks } = host;
      const launch = { ...host.launch, way: host.launch.way === "created" ? ("detached" as const) : host.launch.way };
      const plan = execOf(spec, spec.process as Process, facts, execCgroups, { launch, ...filterOf(host) });
      const container = { spec: joined(spec), facts, launch, filtered, asks, execIn: execCgroups };
      expect(brokenBy(quickExec, plan, container)).toEqual([]);
    }),
    { numRuns: 500 },
  );
}, 120_000);

test("every descriptor of a process that is executed in a container exists when it is used", () => {
  fc.assert(
    fc.property(hosts, (host) => {
      const { spec, facts } = host;
      const plan = execOf(spec, spec.process as Process, facts, execCgroups, filterOf({ ...host, filtered: true }));
      expect(descriptorsExist(plan, { spec, facts })).toEqual([]);
    }),
    { numRuns: 100 },
  );
}, 120_000);

/** `rule` has nothing against the plan for `changes`, and says `faults` once `breaking` has changed it. */
function notices(title: string, rule: RuleName, changes: Changes, breaking: (plan: Plan) => Plan, ...faults: readonly string[]): void {
  test(title, () => {
    const container: Container = {
      spec: specWith(changes),
      facts: { ...plainFacts, ...changes.facts },
      launch: { ...foreground, ...changes.launch },
      filtered: changes.seccomp !== undefined,
      asks: changes.seccomp?.agent !== undefined,
    };
    const plan = planWith(changes);
    expect(rules[rule](plan, container)).toEqual([]);
    expect(rules[rule](breaking(plan), container)).toEqual([...faults]);
  });
}

/** The same of a process that is executed in the container. */
function noticesExec(
  title: string,
  rule: keyof typeof execRules,
  changes: Changes,
  breaking: (plan: Plan) => Plan,
  ...faults: readonly string[]
): void {
  test(title, () => {
    const container: Container = {
      spec: joined(specWith(changes)),
      facts: { ...plainFacts, ...changes.facts },
      launch: { ...foreground, ...changes.launch },
      filtered: changes.seccomp !== undefined,
      asks: changes.seccomp?.agent !== undefined,
      execIn: execCgroups,
    };
    const plan = execWith(changes);
    expect(rules[rule](plan, container)).toEqual([]);
    expect(rules[rule](breaking(plan), container)).toEqual([...faults]);
  });
}

const why =
  (text: string) =>
  (one: Step): boolean =>
    one.why === text;
const calling =
  (name: Step["call"], ...args: readonly unknown[]) =>
  (one: Step): boolean =>
    one.call === name && args.every((arg, index) => arg === undefined || JSON.stringify(one.args[index]) === JSON.stringify(arg));
const withArgs =
  (...args: Step["args"]) =>
  (one: Step): Step => ({ ...one, args: one.args.map((old, index) => args[index] ?? old) });

const stranger = (call: "mkdirat", path: string): Step => step(call, ["AT_FDCWD", path, 0o755], "test", "be a stranger");
const runsTrue: Changes = { process: { args: ["/bin/true"], env: [] } };
const masked: Changes = { linux: { maskedPaths: ["/proc/keys"] } };
const terminal: Changes = { process: { terminal: true } };
const copiesUp: Changes = { mounts: [{ destination: "/data", type: "tmpfs", options: ["tmpcopyup"] }] };
const v1: Changes = { facts: { cgroups: cgroupLayouts.hybrid } };
const joinsNetwork: Changes = { linux: { namespaces: [{ type: "mount" }, { type: "network", path: "/run/netns/web" }] } };
const ids = [{ containerID: 0, hostID: 1000, size: 1 }];
const rootless: Changes = {
  facts: userFacts,
  linux: { namespaces: [{ type: "mount" }, { type: "pid" }, { type: "user" }], uidMappings: ids, gidMappings: ids },
};

describe("a path is walked in the root", () => {
  notices(
    "by a call that follows links",
    "pathsStayInside",
    {},
    (plan) => replaced(plan, calling("mknodat", undefined, "null", 0o020666), withArgs(undefined as never, "pts/null")),
    'mknodat(/dev, "pts/null", 020666, makedev(1, 3)): walks a path in the root',
  );
  notices(
    "by openat2 without a bound",
    "pathsStayInside",
    {},
    (plan) =>
      replaced(plan, why("look for /proc/sys"), (one) => ({
        ...one,
        args: [one.args[0] as number, "proc/sys", { struct: "open_how", flags: ["O_PATH", "O_CLOEXEC"] }, 24],
      })),
    'openat2(root, "proc/sys", {flags: O_PATH|O_CLOEXEC}, 24) → read-only path: walks a path in the root',
  );
  notices(
    "from the working folder",
    "pathsStayInside",
    {},
    (plan) =>
      withAfter(plan, why("enter the container's root"), step("openat", ["AT_FDCWD", "etc", ["O_CLOEXEC"], 0], "test", "be a stranger")),
    'openat(AT_FDCWD, "etc", O_CLOEXEC, 0): depends on the working folder',
  );
  notices(
    "to make something",
    "pathsStayInside",
    {},
    (plan) => withBefore(plan, calling("pivot_root"), stranger("mkdirat", "/srv/web/rootfs/new")),
    'mkdirat(AT_FDCWD, "/srv/web/rootfs/new", 0755): makes something along a path of the host',
  );
  notices(
    "by a name that is no entry's",
    "pathsStayInside",
    copiesUp,
    (plan) => replaced(plan, why("know its name"), (one) => ({ ...one, args: [one.args[0] as number, 24, 0, -1] })),
    ...[
      "statx",
      "mknodat",
      "fchownat",
      "fchmodat",
      "openat",
      "openat",
      "readlinkat",
      "symlinkat",
      "fchownat",
      "mkdirat",
      "openat",
      "openat",
    ].map((call) => expect.stringMatching(new RegExp(`^${call}\\(.*: takes a path that is not known$`))),
  );
  notices(
    "by an entry that may be a link",
    "pathsStayInside",
    copiesUp,
    (plan) =>
      replaced(plan, why("open the file"), (one) => ({
        ...one,
        args: [...one.args.slice(0, 2), ["O_RDONLY", "O_CLOEXEC"], 0] as Step["args"],
      })),
    "openat(folder, name, O_RDONLY|O_CLOEXEC, 0) → entry opened: takes a path that is not known",
  );
  notices(
    "by mount",
    "mountsByDescriptor",
    {},
    (plan) =>
      withBefore(plan, calling("pivot_root"), step("mount", ["proc", "/srv/web/rootfs/proc", "proc", [], null], "test", "be a stranger")),
    'mount("proc", "/srv/web/rootfs/proc", "proc", 0, NULL): walks a path in the root',
  );
});

describe("something is written below /proc", () => {
  const scored: Changes = { process: { oomScoreAdj: 5 } };
  const tuned: Changes = { linux: { sysctl: { "kernel.shmmax": "1" } } };
  const fault = "writes to what may be no file of /proc";
  const score = 'write(oom_score_adj, "5", 1)';
  const value = 'write(sys/kernel/shmmax, "1", 1)';
  const looks = why("look at its filesystem");
  notices("to a file that was not looked at", "procIsVerified", scored, (plan) => without(plan, looks), `${score}: ${fault}`);
  notices(
    "to a file that is looked at too late",
    "procIsVerified",
    scored,
    (plan) => movedBefore(plan, calling("write", undefined, "5"), looks),
    `${score}: ${fault}`,
  );
  notices(
    "in the container's /proc",
    "procIsVerified",
    scored,
    (plan) =>
      withBefore(plan, calling("openat", "AT_FDCWD", "/proc/self/oom_score_adj"), step("pivot_root", [".", "."], "test", "be a stranger")),
    `${score}: ${fault}`,
  );
  notices("to a folder that was not looked at", "procIsVerified", tuned, (plan) => without(plan, looks), `${value}: ${fault}`);
  notices(
    "by way of a link",
    "procIsVerified",
    tuned,
    (plan) =>
      replaced(plan, calling("openat2", undefined, "sys/kernel/shmmax"), (one) => ({
        ...one,
        args: [one.args[0] as number, "sys/kernel/shmmax", { struct: "open_how", flags: ["O_WRONLY"], resolve: ["RESOLVE_IN_ROOT"] }, 24],
      })),
    `${value}: ${fault}`,
  );
  notices(
    "to another filesystem",
    "procIsVerified",
    tuned,
    (plan) => replaced(plan, calling("fsopen", "proc"), withArgs("tmpfs")),
    `${value}: ${fault}`,
  );
});

describe("a security label", () => {
  const labelled: Changes = { process: { args: ["/bin/true"], env: [], apparmorProfile: "web", selinuxLabel: "u:r:t:s0" } };
  const hooked: Changes = { ...labelled, spec: { hooks: { createContainer: [{ path: "/bin/hook" }] } } };
  const profile = calling("write", undefined, "exec web");
  const opensProfile = calling("openat2", undefined, "thread-self/attr/apparmor/exec");
  const kept = "keycreate: u:r:t:s0; exec: u:r:t:s0";
  const instead = `are written instead of [${kept}; apparmor/exec: exec web]`;
  const written = 'write(attr/apparmor/exec, "exec web", 8)';
  const hook = (one: Step): boolean => one.call === "clone3" && one.origin.startsWith("hooks.");
  const noFile = "writes to what may be no file of /proc";
  notices("that is left out", "labelsAreWritten", labelled, (plan) => without(plan, profile), `labels: [${kept}] ${instead}`);
  notices(
    "that is written in part",
    "labelsAreWritten",
    labelled,
    (plan) => replaced(plan, profile, withArgs(undefined as never, undefined as never, 7)),
    'write(attr/apparmor/exec, "exec web", 7): writes a part of a label',
  );
  notices(
    "that is another's",
    "labelsAreWritten",
    labelled,
    (plan) => replaced(plan, profile, withArgs(undefined as never, "exec unconfined", 15)),
    `labels: [${kept}; apparmor/exec: exec unconfined] ${instead}`,
  );
  notices(
    "that goes to another process",
    "labelsAreWritten",
    labelled,
    (plan) => replaced(plan, opensProfile, withArgs(undefined as never, "1/attr/apparmor/exec")),
    `labels: [${kept}] ${instead}`,
    `${written}: writes a label to what is not the process's own file`,
  );
  notices(
    "that goes through a procfs nobody looked at",
    "procIsVerified",
    labelled,
    (plan) => without(plan, (one) => one.call === "fstatfs" && one.origin === "process.selinuxLabel"),
    `write(attr/keycreate, "u:r:t:s0", 8): ${noFile}`,
    `write(attr/exec, "u:r:t:s0", 8): ${noFile}`,
    `${written}: ${noFile}`,
  );
  notices(
    "whose file may be one that lies over it",
    "procIsVerified",
    labelled,
    (plan) =>
      replaced(plan, opensProfile, (one) => ({
        ...one,
        args: [one.args[0] as number, one.args[1] as string, { struct: "open_how", flags: ["O_WRONLY"], resolve: ["RESOLVE_BENEATH"] }, 24],
      })),
    `${written}: ${noFile}`,
  );
  notices(
    "that a hook runs under which is box's",
    "labelsAreWritten",
    hooked,
    (plan) => movedBefore(movedBefore(plan, opensProfile, hook), profile, hook),
    `labels: [keycreate: u:r:t:s0; apparmor/exec: exec web; exec: u:r:t:s0] ${instead}`,
    "clone3(&clone_args {flags: CLONE_VM|CLONE_VFORK|CLONE_PIDFD, pidfd: &pidfd, exit_signal: 17}, 88): runs under the label of the program",
  );
  notices(
    "of the keyring that comes after it",
    "labelsAreWritten",
    labelled,
    (plan) => movedBefore(plan, calling("keyctl", ["KEYCTL_JOIN_SESSION_KEYRING"]), calling("write", undefined, "u:r:t:s0")),
    'keyctl(KEYCTL_JOIN_SESSION_KEYRING, "_ses.web", 0, 0, 0) → session keyring: comes before its keyring has a label',
  );
  noticesExec(
    "of exec, once the container is joined",
    "procIsVerified",
    labelled,
    (plan) => movedBefore(plan, calling("setns"), calling("openat", "AT_FDCWD", "/proc/self/attr/apparmor/exec")),
    `${written}: ${noFile}`,
  );
  const mounts: Changes = { linux: { mountLabel: "u:object_r:t:s0", maskedPaths: [] }, mounts: [{ destination: "/a", type: "tmpfs" }] };
  notices(
    "of mounts that a filesystem goes without",
    "mountsAreLabelled",
    mounts,
    (plan) => without(plan, calling("fsconfig", undefined, ["FSCONFIG_SET_STRING"], "context")),
    'fsopen("tmpfs", FSOPEN_CLOEXEC) → mount context: has 0 labels instead of 1',
  );
});

describe("a descriptor reaches the program", () => {
  notices(
    "opened without close-on-exec",
    "descriptorsClose",
    {},
    (plan) =>
      replaced(plan, why("open the root folder /srv/web/rootfs"), (one) => ({
        ...one,
        args: [...one.args.slice(0, 2), ["O_PATH"], 0] as Step["args"],
      })),
    'openat(AT_FDCWD, "/srv/web/rootfs", O_PATH, 0) → root folder: stays open over execve',
  );
  notices(
    "since box's are not closed",
    "descriptorsClose",
    {
      mounts: [],
      linux: { namespaces: [{ type: "mount" }], maskedPaths: [], readonlyPaths: [] },
      spec: { hostname: "" },
      facts: { cgroups: cgroupLayouts.none },
    },
    (plan) => movedBefore(plan, calling("close_range", 5), calling("close_range", 3)),
    `openat(AT_FDCWD, "/srv/web/rootfs", O_PATH|O_DIRECTORY|O_CLOEXEC, 0) → root folder: comes before box's descriptors are closed`,
  );
  notices(
    "as the line to box",
    "descriptorsClose",
    {
      mounts: [],
      linux: { namespaces: [{ type: "mount" }], maskedPaths: [], readonlyPaths: [] },
      spec: { hostname: "" },
      facts: { cgroups: cgroupLayouts.none },
    },
    (plan) => movedBefore(plan, calling("fcntl", 4), calling("move_mount")),
    `openat(AT_FDCWD, "/srv/web/rootfs", O_PATH|O_DIRECTORY|O_CLOEXEC, 0) → root folder: comes before the line to box is made to close`,
  );
});

describe("what box hands over", () => {
  const created: Changes = { launch: { way: "created" } };
  const preserving: Changes = { launch: { preserveFds: 2 } };
  const executable = 'openat(AT_FDCWD, "/srv/web/rootfs", O_PATH|O_DIRECTORY|O_CLOEXEC, 0) → root folder';
  const quiet: Changes = {
    mounts: [],
    linux: { namespaces: [{ type: "mount" }], maskedPaths: [], readonlyPaths: [] },
    spec: { hostname: "" },
    facts: { cgroups: cgroupLayouts.none },
  };
  notices(
    "is not handed",
    "descriptorsClose",
    created,
    (plan) => without(plan, calling("dup3", undefined, 6)),
    "dup3: nothing is handed as descriptor 6",
  );
  notices(
    "is no FIFO that execve closes",
    "descriptorsClose",
    { ...quiet, ...created },
    (plan) => without(plan, calling("fcntl", 6)),
    `${executable}: comes before descriptor 6 is made to close`,
  );
  notices(
    "is no file for hooks that execve closes",
    "descriptorsClose",
    { ...quiet, spec: { hostname: "", hooks: { startContainer: [{ path: "/bin/hook" }] } } },
    (plan) => without(plan, calling("fcntl", 5)),
    `${executable}: comes before descriptor 5 is made to close`,
  );
  notices(
    "is overwritten by another",
    "descriptorsClose",
    created,
    (plan) =>
      replaced(plan, why("move the FIFO wait out of the way"), (one) => ({ ...one, args: [...one.args.slice(0, 2), 5] as Step["args"] })),
    "fcntl(FIFO wait, as opened, F_DUPFD_CLOEXEC, 5) → FIFO that init waits on: may be in the way of what is handed",
  );
  notices(
    "leaves the arena in the place of what is preserved",
    "descriptorsClose",
    { ...quiet, ...preserving },
    (plan) => without(plan, (one) => one.call === "dup3" && one.origin === "--preserve-fds"),
    `${executable}: comes before the arena is closed`,
  );
  notices(
    "leaves descriptors of box above what is preserved",
    "endsClean",
    { ...runsTrue, ...preserving },
    (plan) => without(plan, (one) => one.call === "close_range" && one.origin === "process"),
    'faccessat2(AT_FDCWD, "/bin/true", X_OK, AT_EACCESS): comes before other descriptors are closed',
  );
});

describe("a hook", () => {
  const hooks: Hooks = {
    prestart: [{ path: "/bin/first" }],
    createRuntime: [{ path: "/bin/second", args: ["second", "a"], env: ["A=1"], timeout: 3 }],
    createContainer: [{ path: "/bin/third" }],
    startContainer: [{ path: "/bin/fourth", timeout: 2 }],
    poststart: [{ path: "/bin/fifth" }],
  };
  const hooked: Changes = { ...runsTrue, spec: { hooks } };
  const of =
    (point: string, name: Step["call"], ...args: readonly unknown[]) =>
    (one: Step): boolean =>
      one.origin === `hooks.${point}[0]` && calling(name, ...args)(one);
  const asAsked = (title: string, changed: (plan: Plan) => Plan, ...faults: readonly string[]): void =>
    notices(title, "hooksRunAsAsked", hooked, changed, ...faults);
  asAsked(
    "is left out by box",
    (plan) => without(plan, of("createRuntime", "clone3")),
    "box: runs the hooks [hooks.prestart[0], hooks.poststart[0]] instead of [hooks.prestart[0], hooks.createRuntime[0], hooks.poststart[0]]",
    "hooks.createRuntime[0]: gets descriptors of box",
    "hooks.createRuntime[0]: does not get the state",
    "hooks.createRuntime[0]: writes to the caller",
    "hooks.createRuntime[0]: is executed otherwise than asked",
    "hooks.createRuntime[0]: has signals blocked",
    "hooks.createRuntime[0]: ignores signal 13",
    "hooks.createRuntime[0]: ignores signal 25",
  );
  asAsked(
    "keeps descriptors",
    (plan) => without(plan, of("startContainer", "close_range")),
    "hooks.startContainer[0]: gets descriptors of box",
  );
  asAsked(
    "gets another descriptor after they are closed",
    (plan) => withBefore(plan, of("createContainer", "execve"), step("dup3", [9, 3, []], "test", "be a stranger")),
    "hooks.createContainer[0]: gets descriptors of box",
  );
  asAsked("has no state", (plan) => without(plan, of("poststart", "dup3", undefined, 0)), "hooks.poststart[0]: does not get the state");
  asAsked(
    "has a stderr of its own",
    (plan) => without(plan, of("prestart", "dup3", undefined, 2)),
    "hooks.prestart[0]: writes to the caller",
  );
  asAsked(
    "has other arguments",
    (plan) => replaced(plan, of("createRuntime", "execve"), withArgs(undefined as never, ["other"])),
    "hooks.createRuntime[0]: is executed otherwise than asked",
  );
  asAsked("has signals blocked", (plan) => without(plan, of("prestart", "rt_sigprocmask")), "hooks.prestart[0]: has signals blocked");
  asAsked(
    "ignores a signal",
    (plan) => without(plan, of("createContainer", "rt_sigaction", 25)),
    "hooks.createContainer[0]: ignores signal 25",
  );
  asAsked("is not waited for", (plan) => without(plan, of("startContainer", "waitid")), "hooks.startContainer[0]: is not waited for");
  asAsked(
    "fails, and nobody cares",
    (plan) => without(plan, (one) => one.origin === "hooks.createRuntime[0]" && one.expect?.refused === "it failed"),
    "hooks.createRuntime[0]: may fail unnoticed",
  );
  asAsked("takes too long", (plan) => without(plan, of("startContainer", "ppoll")), "hooks.startContainer[0]: may take longer than asked");

  const inTime = (title: string, changed: (plan: Plan) => Plan, ...faults: readonly string[]): void =>
    notices(title, "hooksRunInTime", hooked, changed, ...faults);
  const clone = "clone3(&clone_args {flags: CLONE_VM|CLONE_VFORK|CLONE_PIDFD, pidfd: &pidfd, exit_signal: 17}, 88)";
  inTime(
    "runs before the mounts are made",
    (plan) => without(plan, why("wait until init has made its mounts")),
    `${clone}: runs before the mounts are made`,
  );
  inTime(
    "runs in the wrong order",
    (plan) => movedBefore(plan, of("createRuntime", "clone3"), of("prestart", "clone3")),
    `${clone}: runs after createRuntime`,
  );
  inTime(
    "of the container runs before those of the host",
    (plan) => movedBefore(plan, of("createContainer", "clone3"), why("wait for hooks")),
    `${clone}: runs before the hooks of the host's namespaces`,
  );
  inTime(
    "of the container runs when its root is entered",
    (plan) => movedBefore(plan, calling("pivot_root"), of("createContainer", "clone3")),
    `${clone}: runs when the root is entered`,
  );
  inTime(
    "of the start runs outside of the root",
    (plan) => without(plan, calling("umount2", ".")),
    `${clone}: runs outside of the container's root`,
  );
  inTime(
    "that waits for the program does not wait",
    (plan) => without(plan, why("wait until it has become the container's process")),
    `${clone}: runs before the program`,
  );
});

describe("a created container", () => {
  const created: Changes = {
    ...runsTrue,
    launch: { way: "created" },
    seccomp: allowAll,
    spec: { hooks: { startContainer: [{ path: "/bin/hook" }] } },
  };
  notices(
    "does not wait for start",
    "waitsForStart",
    created,
    (plan) => without(plan, why("wait for start")),
    "clone3(&clone_args {flags: CLONE_VM|CLONE_VFORK|CLONE_PIDFD, pidfd: &pidfd, exit_signal: 17}, 88): does not wait for start",
  );
  notices(
    "keeps box waiting",
    "waitsForStart",
    created,
    (plan) => without(plan, why("done with box")),
    "read(5, &go, 1): keeps box waiting",
  );
  notices(
    "becomes its user only then",
    "waitsForStart",
    created,
    (plan) => movedBefore(plan, why("wait for start"), why("become user 0")),
    "read(5, &go, 1): keeps box waiting",
    "setresuid(0, 0, 0): happens after create said that all is well",
  );
  notices(
    "fails without a word",
    "waitsForStart",
    created,
    (plan) =>
      replaced(
        plan,
        (one) => one.call === "execve" && one.origin === "process.args[0]",
        (one) => ({ ...one, explain: undefined }),
      ),
    'execve(the program\'s name, ["/bin/true"], []): fails without telling start',
  );
  notices(
    "has nothing to say",
    "waitsForStart",
    created,
    (plan) => without(plan, (one) => one.call === "write" && one.args[0] === 6),
    "explanation: start is told nothing",
  );
});

describe("the filter of system calls", () => {
  const filtered: Changes = { ...runsTrue, seccomp: allowAll };
  notices("is left out", "endsClean", filtered, (plan) => without(plan, calling("seccomp")), "seccomp: it is not the last but one");
  const hooked: Changes = { ...filtered, spec: { ...filtered.spec, hooks: { startContainer: [{ path: "/bin/hook" }] } } };
  notices(
    "does not hold a hook that init runs",
    "hooksRunAsAsked",
    hooked,
    (plan) => without(plan, (one) => one.call === "seccomp" && one.explain === undefined),
    "hooks.startContainer[0]: is not held to the filter of system calls",
  );
  notices(
    "is there before the rest",
    "endsClean",
    filtered,
    (plan) => movedBefore(plan, calling("seccomp"), calling("umask", 0o22)),
    "seccomp: it is not the last but one",
  );
  notices(
    "leaves CAP_SYS_ADMIN to the process",
    "capabilitiesAsAsked",
    runsTrue,
    (plan) =>
      replaced(plan, calling("capset"), () =>
        capsetOf(planWith({ ...filtered, process: { ...runsTrue.process, noNewPrivileges: false } })),
      ),
    "capset: the sets are not those of the configuration",
  );
});

describe("an agent of system calls", () => {
  const asking: Changes = { ...runsTrue, seccomp: askAll, linux: { seccomp: asked } };
  const thread = (one: Step): boolean => one.why === "make a thread that the filter will not apply to";
  const loads =
    "seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG|SECCOMP_FILTER_FLAG_NEW_LISTENER, {len: 1, filter: &filter of system calls}) → listener";
  const clone =
    "clone3(&clone_args of the thread {flags: CLONE_VM|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD|CLONE_PARENT_SETTID|CLONE_CHILD_CLEARTID, parent_tid: &thread, child_tid: &thread}, 88)";
  for (const [way, launch] of [
    ["run", {}],
    ["create", { way: "created" }],
  ] as const) {
    const changes: Changes = { ...asking, launch };
    notices(
      `${way}: init goes on before it is told`,
      "agentIsTold",
      changes,
      (plan) => without(plan, (one) => one.label === "is the agent told?"),
      `${loads}: init does not wait for the end of the thread, or calls something`,
    );
    notices(
      `${way}: init calls something before it is told`,
      "agentIsTold",
      changes,
      (plan) => withAfter(plan, calling("seccomp"), step("getpid", [], "box", "ask")),
      `${loads}: init does not wait for the end of the thread, or calls something`,
    );
    notices(
      `${way}: there is no thread`,
      "agentIsTold",
      changes,
      (plan) => without(plan, thread),
      "seccomp: there is no thread, or no listener",
    );
    notices(
      `${way}: the thread goes before the agent is told`,
      "agentIsTold",
      changes,
      (plan) => without(plan, why("wait until the agent is told")),
      `${clone}: it does not send the listener`,
    );
    notices(
      `${way}: the thread keeps the listener`,
      "agentIsTold",
      changes,
      (plan) => without(plan, why("keep none")),
      `${clone}: it does not send the listener`,
    );
    notices(
      `${way}: the thread is made under the process's limits`,
      "agentIsTold",
      { ...changes, process: { ...runsTrue.process, rlimits: [{ type: "RLIMIT_NPROC", soft: 1, hard: 1 }] } },
      (plan) => movedBefore(plan, calling("prlimit64"), thread),
      "prlimit64(0, RLIMIT_NPROC, {rlim_cur: 1, rlim_max: 1}, NULL): comes before the thread is made",
    );
    notices(
      `${way}: box lets init go on first`,
      "agentIsTold",
      changes,
      (plan) => movedBefore(plan, why("tell the thread that the agent is told"), calling("socket")),
      "box: it does not tell the agent before it lets init go on",
    );
    notices(
      `${way}: box keeps the listener`,
      "agentIsTold",
      changes,
      (plan) => without(plan, why("only the agent has it")),
      "box: it does not tell the agent before it lets init go on",
    );
  }
  noticesExec(
    "exec: init goes on before it is told",
    "agentIsTold",
    asking,
    (plan) => without(plan, (one) => one.label === "is the agent told?"),
    `${loads}: init does not wait for the end of the thread, or calls something`,
  );
});

const capsetOf = (plan: Plan): Step => plan.child.flatMap(({ steps }) => steps).find(({ call }) => call === "capset") as Step;

describe("a process of exec", () => {
  const setns = "setns(5, CLONE_NEWPID|CLONE_NEWNET|CLONE_NEWIPC|CLONE_NEWUTS|CLONE_NEWNS|CLONE_NEWCGROUP)";
  noticesExec(
    "is open to tracing by what it joins",
    "untraceable",
    runsTrue,
    (plan) => without(plan, calling("prctl", ["PR_SET_DUMPABLE"])),
    `${setns}: comes before the process is closed to tracing`,
  );
  noticesExec(
    "joins before it is in the cgroup",
    "cgroupsFirst",
    runsTrue,
    (plan) => movedBefore(plan, calling("setns"), why("enter the cgroup /sys/fs/cgroup/cpuset/web")),
    `${setns}: comes before /sys/fs/cgroup/cpuset/web is entered`,
  );
  noticesExec(
    "keeps the handle on init",
    "descriptorsClose",
    { ...runsTrue, facts: { cgroups: cgroupLayouts.none } },
    (plan) => without(plan, calling("fcntl", 5)),
    'openat(AT_FDCWD, "/sys/fs/cgroup/cpuset/web/tasks", O_WRONLY|O_CLOEXEC, 0) → tasks: comes before descriptor 5 is made to close',
  );
  noticesExec(
    "keeps what it had from box",
    "endsClean",
    runsTrue,
    (plan) => without(plan, calling("close_range", 3)),
    'faccessat2(AT_FDCWD, "/bin/true", X_OK, AT_EACCESS): comes before other descriptors are closed',
  );
  noticesExec(
    "has inheritable capabilities",
    "capabilitiesAsAsked",
    runsTrue,
    (plan) => replaced(plan, calling("capset"), withArgs(undefined as never, new Uint8Array(24).fill(0xff, 8, 12))),
    "capset: the sets are not those of the configuration",
  );
});

describe("tracing", () => {
  notices(
    "is possible when a namespace is joined",
    "untraceable",
    joinsNetwork,
    (plan) => without(plan, calling("prctl", ["PR_SET_DUMPABLE"])),
    "setns(network namespace, CLONE_NEWNET): comes before the process is closed to tracing",
  );
  notices(
    "is allowed again",
    "untraceable",
    {},
    (plan) => replaced(plan, calling("prctl", ["PR_SET_DUMPABLE"]), withArgs(undefined as never, 1)),
    "prctl(PR_SET_DUMPABLE, 1, 0, 0, 0): opens the process to tracing",
    'mount("none", "/", NULL, MS_REC|MS_SLAVE, NULL): comes before the process is closed to tracing',
  );
  notices(
    "is closed before box can write the id maps",
    "untraceable",
    rootless,
    (plan) => movedBefore(plan, calling("prctl", ["PR_SET_DUMPABLE"]), why("ask box for the id maps")),
    "prctl(PR_SET_DUMPABLE, 0, 0, 0, 0): comes before box could write the id maps",
  );
});

describe("the host's mounts are changed", () => {
  notices(
    "by box",
    "hostMountsStay",
    {},
    (plan) => withBefore(plan, calling("clone3"), step("mount", ["none", "/mnt", null, ["MS_BIND"], null], "test", "be a stranger")),
    'mount("none", "/mnt", NULL, MS_BIND, NULL): changes a mount of the host',
  );
  notices(
    "by the stage",
    "hostMountsStay",
    joinsNetwork,
    (plan) => withBefore(plan, calling("clone"), step("umount2", ["/mnt", []], "test", "be a stranger")),
    'umount2("/mnt", 0): changes a mount of the host',
    'umount2("/mnt", 0): comes before mounts are cut off from the host\'s',
  );
  notices(
    "through what is still shared",
    "hostMountsStay",
    { mounts: [], linux: { namespaces: [{ type: "mount" }], maskedPaths: [], readonlyPaths: [] }, spec: { hostname: "" } },
    (plan) => movedBefore(plan, calling("mount", "none", "/"), calling("pivot_root")),
    'move_mount(root, "", root folder, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH): comes before mounts are cut off from the host\'s',
  );
});

describe("a mask", () => {
  notices(
    "of an unverified device",
    "masksAreVerified",
    masked,
    (plan) => without(plan, why("check that /dev/null is device 1:3")),
    'move_mount(root, "", root folder, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH): comes before the null device is known to be 1:3',
  );
  notices(
    "verified too late",
    "masksAreVerified",
    masked,
    (plan) => movedBefore(plan, why("check that /dev/null is a character device"), why("enter the container's root")),
    'move_mount(root, "", root folder, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH): comes before the null device is known to be a device',
  );
  notices(
    "taken from the container",
    "masksAreVerified",
    masked,
    (plan) => replaced(plan, why("copy /dev/null as a mount"), (one) => ({ ...one, args: [9, ...one.args.slice(1)] })),
    'open_tree(9, "", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_EMPTY_PATH) → cover: masks with something unverified',
  );
});

describe("a terminal", () => {
  notices(
    "of an unverified devpts",
    "terminalIsOwn",
    terminal,
    (plan) => without(plan, (one) => one.expect?.refused === "/dev/pts is not a filesystem of pseudoterminals"),
    'openat2(/dev/pts, "ptmx", {flags: O_RDWR|O_NOCTTY|O_CLOEXEC, resolve: RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS|RESOLVE_NO_XDEV}, 24) → master: opens what may be any device',
  );
  notices(
    "from an unverified multiplexer",
    "terminalIsOwn",
    terminal,
    (plan) => without(plan, (one) => one.expect?.refused === "/dev/pts/ptmx is not a pseudoterminal multiplexer"),
    "ioctl(master, TIOCGPTPEER, flags) → terminal: comes before the master is known to be a multiplexer",
  );
  notices(
    "opened by name",
    "terminalIsOwn",
    terminal,
    (plan) =>
      withBefore(
        plan,
        why("copy the slave as a mount"),
        step("openat", ["AT_FDCWD", "/dev/pts/0", ["O_RDWR", "O_CLOEXEC"], 0], "test", "be a stranger"),
      ),
    'openat(AT_FDCWD, "/dev/pts/0", O_RDWR|O_CLOEXEC, 0): opens a terminal by its name',
  );
  notices(
    "that is not the slave's",
    "terminalIsOwn",
    terminal,
    (plan) => replaced(plan, why("copy the slave as a mount"), (one) => ({ ...one, args: [9, ...one.args.slice(1)] })),
    'open_tree(9, "", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_EMPTY_PATH) → /dev/console: takes something else for the terminal',
  );
});

describe("a cgroup", () => {
  notices(
    "is entered after its namespace is made",
    "cgroupsFirst",
    v1,
    (plan) => movedBefore(plan, calling("unshare"), why("close the arena, now mapped")),
    "unshare(CLONE_NEWCGROUP): comes before /sys/fs/cgroup/cpu,cpuacct/web is entered",
    "unshare(CLONE_NEWCGROUP): comes before /sys/fs/cgroup/cpuset/web is entered",
    "unshare(CLONE_NEWCGROUP): comes before /sys/fs/cgroup/systemd/user.slice/web is entered",
  );
  notices(
    "is left out",
    "cgroupsFirst",
    v1,
    (plan) => without(plan, why("enter the cgroup /sys/fs/cgroup/cpuset/web")),
    "unshare(CLONE_NEWCGROUP): comes before /sys/fs/cgroup/cpuset/web is entered",
  );
});

describe("devices", () => {
  const v1Alone: Changes = { facts: { cgroups: cgroupLayouts.v1 } };
  const late =
    "clone3(&clone_args {flags: CLONE_VM|CLONE_VFORK|CLONE_NEWPID|CLONE_NEWNET|CLONE_NEWIPC|CLONE_NEWUTS|CLONE_NEWNS|CLONE_NEWCGROUP|CLONE_INTO_CGROUP, exit_signal: 17}, 88) → the child's pid: comes before devices are limited";
  notices("are not limited", "devicesAreLimited", {}, (plan) => without(plan, calling("bpf", ["BPF_PROG_ATTACH"])), late);
  notices(
    "are limited too late",
    "devicesAreLimited",
    v1Alone,
    (plan) => movedBefore(plan, calling("clone3"), calling("write", undefined, "b *:* m")),
    "clone3: comes before all rules for devices are written",
  );
});

describe("a class of cache and memory bandwidth", () => {
  const own: Changes = {
    linux: { intelRdt: { enableMonitoring: true, l3CacheSchema: "L3:0=f" } },
    facts: { resctrl: { mount: "/sys/fs/resctrl", exists: false } },
  };
  const group = "/sys/fs/resctrl/web";
  notices(
    "is not entered",
    "classIsEntered",
    own,
    (plan) => without(plan, why(`enter the resctrl group ${group}`)),
    `mount("none", "/", NULL, MS_REC|MS_SLAVE, NULL): comes before ${group} is entered`,
    `write(${group}/mon_groups/web/tasks, "0", 1): takes it out of its class`,
  );
  notices(
    "is limited too late",
    "classIsEntered",
    own,
    (plan) => movedBefore(plan, calling("clone3"), why(`limit the resctrl group ${group}`)),
    `openat(AT_FDCWD, "${group}/schemata", O_WRONLY|O_CLOEXEC, 0) → ${group}/schemata: comes after the first process`,
  );
  notices(
    "may be somebody else's",
    "stateComesFirst",
    own,
    (plan) => without(plan, why(`have the resctrl group ${group}`)),
    `renameat2(state folder, "state.new", state folder, "state.json", 0): claims ${group} before it is known to be unused`,
  );
});

describe("network devices", () => {
  const two: Changes = { linux: { netDevices: { eth0: { name: "net0" }, eth1: {} } } };
  notices(
    "are left where they are",
    "devicesMoveOnce",
    two,
    (plan) => without(plan, why("move eth1 into the network of the container web")),
    "netDevices: 1 of 2 are moved",
  );
  notices(
    "are moved without their addresses",
    "devicesMoveOnce",
    two,
    (plan) => without(plan, why("read the addresses of eth1")),
    "write(netlink, &request to move eth1, 52): loses addresses",
  );
  notices(
    "may have a name that is taken",
    "devicesMoveOnce",
    two,
    (plan) => without(plan, why("have the name net0 in the container's network")),
    "netDevices: 1 of 2 names are looked at",
  );
  notices(
    "are moved before anything is known",
    "devicesMoveOnce",
    two,
    (plan) => without(plan, calling("read")),
    "write(netlink, &request to move eth0, 52): comes before the names are known to be free",
  );
  notices(
    "are looked for when it is too late",
    "devicesMoveOnce",
    two,
    (plan) => movedBefore(plan, why("move eth0 into the network of the container web as net0"), why("find the device eth1")),
    "ioctl(netlink, SIOCGIFINDEX, &ifreq of eth1): comes when another device has been moved",
    "write(netlink, &request to move eth0, 52): loses addresses",
  );
});

describe("limits", () => {
  const limited = (cgroups: "fullV1" | "fullV2"): Changes => ({
    facts: { cgroups: cgroupLayouts[cgroups] },
    linux: { resources: { pids: { limit: 5 } } },
  });
  const writesLimit = calling("write", undefined, "5");
  notices(
    "are left out",
    "limitsAreSet",
    limited("fullV1"),
    (plan) => without(plan, writesLimit),
    '/sys/fs/cgroup/pids/web/pids.max: is not "5" when there is a process',
  );
  notices(
    "come too late",
    "limitsAreSet",
    limited("fullV1"),
    (plan) => movedBefore(plan, calling("clone3"), writesLimit),
    '/sys/fs/cgroup/pids/web/pids.max: is not "5" when there is a process',
    'write(/sys/fs/cgroup/pids/web/pids.max, "5", 1): comes after the first process',
  );
  notices(
    "come before their controller",
    "limitsAreSet",
    limited("fullV2"),
    (plan) =>
      movedBefore(
        plan,
        calling("openat", undefined, "/sys/fs/cgroup/user.slice/web/pids.max"),
        why("let cgroups below /sys/fs/cgroup/user.slice have controllers"),
      ),
    'openat(AT_FDCWD, "/sys/fs/cgroup/user.slice/cgroup.subtree_control", O_WRONLY|O_CLOEXEC, 0) → cgroup.subtree_control: comes after a limit that may need it',
  );
});

describe("the program runs", () => {
  notices(
    "with descriptors open",
    "endsClean",
    runsTrue,
    (plan) => without(plan, calling("close_range", 3)),
    'faccessat2(AT_FDCWD, "/bin/true", X_OK, AT_EACCESS): comes before other descriptors are closed',
  );
  notices(
    "with the higher descriptors open",
    "endsClean",
    runsTrue,
    (plan) => without(plan, (one) => one.call === "close_range" && one.origin === "process" && one.args[0] === 5),
    'faccessat2(AT_FDCWD, "/bin/true", X_OK, AT_EACCESS): comes before other descriptors are closed',
  );
  notices(
    "with descriptors that only execve closes, once it has looked the program up",
    "endsClean",
    runsTrue,
    (plan) =>
      replaced(
        plan,
        (one) => one.call === "close_range" && one.origin === "process",
        (one) => step("close_range", [one.args[0] as number, one.args[1] as number, ["CLOSE_RANGE_CLOEXEC"]], "process", one.why),
      ),
    'faccessat2(AT_FDCWD, "/bin/true", X_OK, AT_EACCESS): comes before other descriptors are closed',
  );
  notices(
    "in an unchecked folder",
    "endsClean",
    runsTrue,
    (plan) => without(plan, calling("getcwd")),
    'execve(the program\'s name, ["/bin/true"], []): comes before the working folder is checked',
  );
  notices(
    "in another folder than was checked",
    "endsClean",
    runsTrue,
    (plan) => withBefore(plan, calling("execve"), step("chdir", ["/tmp"], "test", "be a stranger")),
    'chdir("/tmp"): comes after the working folder was checked',
  );
  notices(
    "with signals blocked",
    "endsClean",
    runsTrue,
    (plan) => without(plan, why("block no signal")),
    'execve(the program\'s name, ["/bin/true"], []): runs with signals blocked',
  );
  notices(
    "with signals ignored",
    "endsClean",
    runsTrue,
    (plan) => without(plan, calling("rt_sigaction", 13)),
    'execve(the program\'s name, ["/bin/true"], []): runs with signal 13 ignored',
  );
  notices(
    "after limits that its own set-up meets",
    "endsClean",
    runsTrue,
    (plan) => withAfter(plan, calling("prlimit64"), step("fsopen", ["tmpfs", ["FSOPEN_CLOEXEC"]], "test", "be a stranger")),
    'fsopen("tmpfs", FSOPEN_CLOEXEC): opens a descriptor after all were closed',
    'fsopen("tmpfs", FSOPEN_CLOEXEC): opens a descriptor after the limits are set',
  );
  notices(
    "with a way to gain privileges",
    "endsClean",
    runsTrue,
    (plan) => without(plan, calling("prctl", ["PR_SET_NO_NEW_PRIVS"])),
    'execve(the program\'s name, ["/bin/true"], []): may gain privileges',
  );
});

describe("capabilities", () => {
  const inheritable = new Uint8Array(24).fill(0xff, 8, 12);
  notices(
    "that are inheritable",
    "capabilitiesAsAsked",
    {},
    (plan) => replaced(plan, calling("capset"), withArgs(undefined as never, inheritable)),
    "capset: the sets are not those of the configuration",
  );
  notices(
    "left in the bounding set",
    "capabilitiesAsAsked",
    {},
    (plan) => without(plan, why("drop CAP_SYS_ADMIN")),
    "bounding set: capability 21 is left in",
  );
  notices(
    "set before the user is changed",
    "capabilitiesAsAsked",
    {},
    (plan) => movedBefore(plan, calling("capset"), why("become user 0")),
    "capset({version: 537396514, pid: 0}, 24 bytes): comes before the user is changed",
  );
  notices(
    "that are ambient",
    "capabilitiesAsAsked",
    {},
    (plan) => withAfter(plan, calling("capset"), step("prctl", [["PR_CAP_AMBIENT"], 2, 5, 0, 0], "test", "be a stranger")),
    "ambient set: it is not that of the configuration",
  );
});

describe("a filesystem by mount(2)", () => {
  test("gets words that it may know as they are, also those that every object of JavaScript has", () => {
    const options = ["silent", "constructor", "toString", "__proto__"];
    const plan = planWith({ mounts: [{ destination: "/data", type: "tmpfs", source: "tmpfs", options }] });
    expect(calls(plan, "init: mounts")).toContain('mount("tmpfs", ".", "tmpfs", MS_SILENT, "constructor,toString,__proto__")');
  });
  const silent: Changes = { mounts: [{ destination: "/data", type: "tmpfs", source: "tmpfs", options: ["silent"] }] };
  notices(
    "is mounted where box happens to stand",
    "filesystemsInOwnFolder",
    silent,
    (plan) => without(plan, why("stand in it")),
    'mount("tmpfs", ".", "tmpfs", MS_SILENT, NULL): mounts where others may be',
  );
  notices(
    "is mounted in a folder of the container",
    "filesystemsInOwnFolder",
    silent,
    (plan) => replaced(plan, why("open it"), (one) => ({ ...one, args: [3, ...one.args.slice(1)] })),
    'mount("tmpfs", ".", "tmpfs", MS_SILENT, NULL): mounts where others may be',
  );
});

describe("groups", () => {
  notices(
    "are not given up",
    "groupsAreGivenUp",
    rootless,
    (plan) => without(plan, why("write init's setgroups")),
    'openat(the child in /proc, "gid_map", O_WRONLY|O_CLOEXEC, 0) → map: comes before groups are given up',
  );
  const ranges = [{ containerID: 0, hostID: 100000, size: 10 }];
  const byProgram: Changes = {
    facts: { ...userFacts, idMapPrograms: { newuidmap: "/usr/bin/newuidmap", newgidmap: "/usr/bin/newgidmap" } },
    linux: { ...rootless.linux, uidMappings: ranges, gidMappings: ranges },
  };
  notices(
    "are mapped otherwise than asked",
    "groupsAreGivenUp",
    byProgram,
    (plan) =>
      replaced(
        plan,
        (one) => one.out?.slot === "argument 3 of newgidmap",
        (one) => ({ ...one, args: [{ text: "0" } as never, 0, 0, -1] }),
      ),
    "newgidmap: is asked for newgidmap PID 0 0 10",
  );
  notices(
    "are mapped by box to what the user may not",
    "groupsAreGivenUp",
    byProgram,
    (plan) => replaced(plan, calling("execve", "/usr/bin/newgidmap"), () => step("openat", [3, "gid_map", [], 0], "test", "be a stranger")),
    'openat(3, "gid_map", 0, 0): comes before groups are given up',
    "gid_map: it is written by box",
  );
  notices(
    "are mapped after users",
    "groupsAreGivenUp",
    rootless,
    (plan) => movedBefore(plan, why("open init's uid_map"), why("open init's gid_map")),
    'openat(the child in /proc, "uid_map", O_WRONLY|O_CLOEXEC, 0) → map: comes before the map of groups',
  );
});

describe("something on the host", () => {
  notices(
    "is made before the state says so",
    "stateComesFirst",
    {},
    (plan) => movedBefore(plan, why("make the cgroup /sys/fs/cgroup/user.slice/web"), why("write the state")),
    'mkdirat(AT_FDCWD, "/sys/fs/cgroup/user.slice/web", 0755): comes before the state is written',
  );
  notices(
    "is made that the state does not name",
    "stateComesFirst",
    {},
    (plan) => withBefore(plan, calling("clone3"), stranger("mkdirat", "/sys/fs/cgroup/other")),
    'mkdirat(AT_FDCWD, "/sys/fs/cgroup/other", 0755): makes a cgroup that the state does not name',
  );
  notices(
    "is claimed that somebody else may use",
    "stateComesFirst",
    {},
    (plan) => without(plan, calling("openat", "AT_FDCWD", "/sys/fs/cgroup/user.slice/web/cgroup.procs")),
    'renameat2(state folder, "state.new", state folder, "state.json", 0): claims /sys/fs/cgroup/user.slice/web before it is known to be unused',
  );
});

describe("the root", () => {
  notices(
    "is filled after it is read-only",
    "rootIsFilledFirst",
    {},
    (plan) => movedBefore(plan, why("make the container's root read-only"), why("link /dev/fd to /proc/self/fd")),
    'symlinkat("/proc/self/fd", /dev, "fd"): comes after the root is read-only',
  );
  notices(
    "is filled under the caller's umask",
    "rootIsFilledFirst",
    { mounts: [] },
    (plan) => without(plan, calling("umask", 0)),
    `mkdirat(root, "dev", 0755): is made under the caller's umask`,
  );
  notices(
    "keeps the host's mounts",
    "rootIsFilledFirst",
    runsTrue,
    (plan) => without(plan, calling("umount2")),
    `execve(the program's name, ["/bin/true"], []): still sees the host's mounts`,
  );
  const noPivot: Changes = { ...runsTrue, launch: { noPivot: true } };
  notices(
    "is not entered where it cannot be pivoted to",
    "rootIsFilledFirst",
    noPivot,
    (plan) => without(plan, calling("chroot")),
    `execve(the program's name, ["/bin/true"], []): still sees the host's mounts`,
  );
  notices(
    "is laid over the host's /proc",
    "rootIsFilledFirst",
    noPivot,
    (plan) => without(plan, calling("umount2", "/proc")),
    `mount(".", "/", NULL, MS_MOVE, NULL): leaves the host's /proc`,
  );
  notices(
    "is not laid over anything",
    "rootIsFilledFirst",
    noPivot,
    (plan) => without(plan, calling("mount", ".", "/")),
    `chroot("."): leads to what is not the root of its mount namespace`,
  );
  notices(
    "is moved along a path of it",
    "mountsByDescriptor",
    noPivot,
    (plan) => withAfter(plan, calling("chroot"), step("umount2", ["/sys", ["MNT_DETACH"]], "test", "be a stranger")),
    'umount2("/sys", MNT_DETACH): walks a path in the root',
  );
});

describe("a descriptor", () => {
  notices(
    "is used before it is opened",
    "descriptorsExist",
    {},
    (plan) => without(plan, why("open the root folder /srv/web/rootfs")),
    'move_mount(empty folder, "", root folder, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH): root folder is not written on every path',
    'move_mount(root, "", root folder, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH): root folder is not written on every path',
    'open_tree(root folder, "", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_EMPTY_PATH|AT_RECURSIVE) → root: root folder is not written on every path',
  );
  notices(
    "is used after it is closed",
    "descriptorsExist",
    {},
    (plan) => withBefore(plan, calling("pivot_root"), ...closeRoot(plan)),
    "close(root): root is closed on some path",
  );
});

const closeRoot = (plan: Plan): Step[] =>
  plan.child.flatMap(({ steps }) => steps).filter((one) => one.call === "close" && one.origin === "root.path");
