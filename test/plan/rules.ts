// The security rules that every plan keeps, as functions over plans: each returns what breaks it, in words. What they
// rest on is that a plan is data: order, flags and paths can be read off without running anything.

import { limitsOf } from "../../src/cgroup/limits.ts";
import { containerCgroups } from "../../src/cgroup/paths.ts";
import type { Spec } from "../../src/config/spec.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { type CapabilityName, capabilities } from "../../src/linux/capabilities.ts";
import { filesystemMagic } from "../../src/linux/magic.ts";
import { type ArgKind, syscalls } from "../../src/linux/syscalls.ts";
import { type Plan, SYNC_FD } from "../../src/plan/plan.ts";
import { ARENA_FD } from "../../src/tape/layout.ts";
import { printStep } from "../../src/tape/print.ts";
import type { AnyArg, Slot, Step, Struct } from "../../src/tape/step.ts";
import { proveSlots } from "../tape/prove-slots.ts";
import { boxSteps, childSteps, explainingSteps, type Placed } from "./walk.ts";

export type Container = { readonly spec: Spec; readonly facts: HostFacts };
export type Rule = (plan: Plan, container: Container) => string[];

const say = ({ step }: Placed, fault: string): string => `${printStep(step)}: ${fault}`;
const call =
  (name: Step["call"], ...args: readonly unknown[]) =>
  ({ step }: Placed): boolean =>
    step.call === name && args.every((arg, index) => arg === undefined || same(step.args[index], arg));
const same = (value: unknown, wanted: unknown): boolean => value === wanted || JSON.stringify(value) === JSON.stringify(wanted);
const flagged = (arg: AnyArg | undefined, flag: string): boolean => Array.isArray(arg) && (arg as readonly string[]).includes(flag);
const asStruct = (arg: AnyArg | undefined): Struct =>
  typeof arg === "object" && arg !== null && "struct" in arg ? (arg as Struct) : { struct: "statx" };
const inStruct = (arg: AnyArg | undefined, field: string, flag: string): boolean => {
  const value = asStruct(arg)[field];
  return Array.isArray(value) && (value as readonly string[]).includes(flag);
};
const isSlot = (arg: AnyArg | undefined): arg is Slot => typeof arg === "object" && arg !== null && "slot" in arg;
const sameSlot = (one: AnyArg | undefined, other: Slot | undefined): boolean =>
  isSlot(one) && other !== undefined && one.place === other.place;

/** Everything that `later` chooses has a certain step that `earlier` chooses before it; else the first that has none is told. */
function precedes(steps: readonly Placed[], earlier: (one: Placed) => boolean, later: (one: Placed) => boolean, fault: string): string[] {
  const first = steps.findIndex((one) => one.certain && earlier(one));
  const wrong = steps.find((one, index) => (first < 0 || index <= first) && later(one));
  return wrong === undefined ? [] : [say(wrong, fault)];
}

/** Nothing that `later` chooses comes after the first step that `earlier` chooses; else the first that does is told. */
function endsBefore(steps: readonly Placed[], later: (one: Placed) => boolean, earlier: (one: Placed) => boolean, fault: string): string[] {
  const first = steps.findIndex(earlier);
  const wrong = first < 0 ? undefined : steps.find((one, index) => index > first && later(one));
  return wrong === undefined ? [] : [say(wrong, fault)];
}

/** By call, where a folder stands that the kernel resolves the argument after it against. */
const folderAt = new Map<Step["call"], readonly number[]>(
  Object.entries(syscalls).map(([name, { args }]) => {
    const kinds: readonly ArgKind[] = args;
    const at = kinds.flatMap((kind, index) => (kind === "fd" && kinds[index + 1] === "string" ? [index] : []));
    return [name as Step["call"], at];
  }),
);

const staysInside = (how: AnyArg | undefined): boolean =>
  inStruct(how, "resolve", "RESOLVE_IN_ROOT") ||
  (inStruct(how, "resolve", "RESOLVE_BENEATH") && inStruct(how, "resolve", "RESOLVE_NO_SYMLINKS"));

const creates: readonly Step["call"][] = ["mkdirat", "mknodat", "symlinkat", "unlinkat", "renameat2"];
const creating = ({ step }: Placed): boolean => creates.includes(step.call) || (step.call === "openat" && flagged(step.args[2], "O_CREAT"));

/** In the container's root a path is one name below a descriptor, or openat2 is told to stay inside (CVE-2021-30465). */
const pathsStayInside: Rule = (plan) =>
  [...childSteps(plan), ...explainingSteps(plan)].flatMap((one) =>
    (folderAt.get(one.step.call) ?? []).flatMap((at) => {
      const [folder, path] = one.step.args.slice(at);
      if (folder === "AT_FDCWD") {
        if (creating(one)) return [say(one, "makes something along a path of the host")];
        return typeof path !== "string" || path.startsWith("/") || ["faccessat2", "execve"].includes(one.step.call)
          ? []
          : [say(one, "depends on the working folder")];
      }
      if (typeof path !== "string") return [say(one, "takes a path that is not known")];
      const single = !path.includes("/") && path !== "..";
      return single || (one.step.call === "openat2" && staysInside(one.step.args[2])) ? [] : [say(one, "walks a path in the root")];
    }),
  );

/** Linux walks these themselves, so they may only name what is certain. */
const mountsByDescriptor: Rule = (plan) => {
  const steps = childSteps(plan);
  const entered = steps.findIndex(call("pivot_root"));
  return steps.flatMap((one, index) => {
    const { call: name, args } = one.step;
    const target = name === "mount" ? args[1] : name === "umount2" || name === "chdir" || name === "chroot" ? args[0] : ".";
    const known = target === "." || target === "/" || /^\/proc\/self\/fd\/\d+$/.test(String(target));
    return known || (name === "chdir" && (index > entered || entered < 0)) ? [] : [say(one, "walks a path in the root")];
  });
};

const closedByExecve: Partial<Record<Step["call"], (args: readonly AnyArg[]) => boolean>> = {
  openat: (args) => flagged(args[2], "O_CLOEXEC"),
  openat2: (args) => inStruct(args[2], "flags", "O_CLOEXEC"),
  open_tree: (args) => flagged(args[2], "OPEN_TREE_CLOEXEC"),
  fsopen: (args) => flagged(args[1], "FSOPEN_CLOEXEC"),
  fsmount: (args) => flagged(args[1], "FSMOUNT_CLOEXEC"),
  memfd_create: (args) => flagged(args[1], "MFD_CLOEXEC"),
  socket: (args) => flagged(args[1], "SOCK_CLOEXEC"),
  socketpair: (args) => flagged(args[1], "SOCK_CLOEXEC"),
  recvmsg: (args) => flagged(args[2], "MSG_CMSG_CLOEXEC"),
  fcntl: (args) => !flagged(args[1], "F_DUPFD"),
  dup3: (args) => flagged(args[2], "O_CLOEXEC") || [0, 1, 2].includes(args[1] as number),
  pipe2: (args) => flagged(args[1], "O_CLOEXEC"),
  epoll_create1: (args) => flagged(args[0], "O_CLOEXEC"),
  signalfd4: (args) => flagged(args[3], "SFD_CLOEXEC"),
};

const opens = ({ step }: Placed): boolean => step.call in closedByExecve && !flagged(step.args[1], "F_SETFD");

/** Every descriptor is closed by execve, but for stdio and the two that box hands to the stage, which sees to them first. */
const descriptorsClose: Rule = (plan) => {
  const handed = (one: Placed): boolean =>
    one.actor === "box" && one.step.call === "dup3" && [ARENA_FD, SYNC_FD].includes(one.step.args[1] as number);
  const open = [...boxSteps(plan), ...childSteps(plan), ...explainingSteps(plan)].filter(
    (one) => closedByExecve[one.step.call]?.(one.step.args) === false && !handed(one),
  );
  const child = childSteps(plan);
  const peers = child.filter(call("ioctl", undefined, ["TIOCGPTPEER"]));
  const openPeers = peers.filter(
    ({ step }) =>
      !child.some(
        (one) => one.step.call === "compute" && sameSlot(step.args[2], one.step.out) && (Number(one.step.args[0]) & 0o2000000) !== 0,
      ),
  );
  return [
    ...open.map((one) => say(one, "stays open over execve")),
    ...openPeers.map((one) => say(one, "stays open over execve")),
    ...precedes(child, call("close", ARENA_FD), opens, "comes before the arena is closed"),
    ...precedes(child, call("fcntl", SYNC_FD, ["F_SETFD"], 1), opens, "comes before the line to box is made to close"),
    ...precedes(child, call("close_range", 5, 0xffffffff, []), opens, "comes before box's descriptors are closed"),
  ];
};

/** A list of all that would change a mount, wherever it is attached. */
const mountCalls: readonly Step["call"][] = [
  "mount",
  "umount2",
  "move_mount",
  "pivot_root",
  "chroot",
  "mount_setattr",
  "fsmount",
  "open_tree",
];
const mounting = ({ step }: Placed): boolean => mountCalls.includes(step.call);
const attaching = ({ step }: Placed): boolean => ["mount", "umount2", "move_mount", "pivot_root"].includes(step.call);
const waitsForBox = ({ step }: Placed): boolean => step.call === "read" && step.args[0] === SYNC_FD;

/** Closed to tracing before it joins anything or waits, and never open again (CVE-2016-9962); but id maps come first. */
const untraceable: Rule = (plan, { spec }) => {
  const steps = childSteps(plan);
  const namespaces = spec.linux?.namespaces ?? [];
  const mapsIds = namespaces.some(({ type, path }) => type === "user" && path === undefined);
  const joins = namespaces.some(({ path }) => path !== undefined);
  const closes = call("prctl", ["PR_SET_DUMPABLE"], 0);
  const ids = steps.findIndex(waitsForBox);
  const waits = (one: Placed): boolean => waitsForBox(one) && !(mapsIds && steps.indexOf(one) === ids);
  const early = steps.findIndex(closes);
  return [
    ...steps
      .filter((one) => call("prctl", ["PR_SET_DUMPABLE"])(one) && one.step.args[1] !== 0)
      .map((one) => say(one, "opens the process to tracing")),
    ...precedes(
      steps,
      closes,
      (one) => call("setns")(one) || mounting(one) || waits(one) || one.step.call === "execve",
      "comes before the process is closed to tracing",
    ),
    ...(mapsIds && !joins && early < ids ? [say(steps[early] as Placed, "comes before box could write the id maps")] : []),
  ];
};

const cloneFlags = (plan: Plan): { readonly actor: string; readonly flags: readonly string[] }[] => {
  const byBox = plan.box.variables.buffers.flatMap(({ initial }) => {
    const flags = initial !== undefined && "struct" in initial && initial.struct === "clone_args" ? initial.flags : undefined;
    return Array.isArray(flags) ? [{ actor: "box", flags: flags as readonly string[] }] : [];
  });
  const byStage = childSteps(plan)
    .filter(call("clone"))
    .map(({ step }) => ({ actor: "stage", flags: step.args[0] as unknown as readonly string[] }));
  return [...byBox, ...byStage];
};

/** No mount is changed in the host's mount namespace; what box makes is attached nowhere. */
const hostMountsStay: Rule = (plan) => {
  const box = boxSteps(plan);
  const detached = box.filter(
    ({ step }) => step.call === "fsmount" || (step.call === "open_tree" && flagged(step.args[2], "OPEN_TREE_CLONE")),
  );
  const touches = (one: Placed): boolean => {
    const { call: name, args } = one.step;
    if (!mounting(one) || detached.includes(one)) return false;
    return name !== "mount_setattr" || !detached.some(({ step }) => sameSlot(args[0], step.out));
  };
  const child = childSteps(plan);
  const ownMounts =
    cloneFlags(plan).some(({ flags }) => flags.includes("CLONE_NEWNS")) || child.some(call("setns", undefined, ["CLONE_NEWNS"]));
  const cut = call("mount", "none", "/", null, ["MS_REC", "MS_SLAVE"]);
  const joined = child.some(call("setns", undefined, ["CLONE_NEWNS"]));
  return [
    ...box.filter(touches).map((one) => say(one, "changes a mount of the host")),
    ...child.filter((one) => one.actor === "stage" && mounting(one)).map((one) => say(one, "changes a mount of the host")),
    ...(ownMounts ? [] : child.filter(mounting).map((one) => say(one, "changes a mount of the host"))),
    ...(joined ? [] : precedes(child, cut, (one) => attaching(one) && !cut(one), "comes before mounts are cut off from the host's")),
  ];
};

/** The order of a mask: the null device is opened and verified before anything of the container is (CVE-2025-31133). */
const masksAreVerified: Rule = (plan) => {
  const steps = childSteps(plan);
  const copies = steps.filter((one) => one.step.call === "open_tree" && one.step.origin.startsWith("linux.maskedPaths["));
  if (copies.length === 0) return [];
  const opened = steps.find(
    (one) => one.certain && call("openat", "AT_FDCWD", "/dev/null")(one) && flagged(one.step.args[2], "O_NOFOLLOW"),
  );
  const empty = steps.find((one) => one.certain && one.step.call === "fsmount" && one.step.origin === "linux.maskedPaths");
  if (opened === undefined || empty === undefined) return ["masks: neither the null device nor an empty folder is made ready"];
  const looks = (one: Placed): boolean => one.step.call === "statx" && sameSlot(one.step.args[0], opened.step.out);
  const isDevice = (one: Placed): boolean => one.step.expect?.value === 0o020000 && one.step.args[3] === 0o170000;
  const isNull = (one: Placed): boolean => one.step.expect?.value === 3 * 2 ** 32 + 1 && one.step.args[3] === -1;
  const laysRoot = (one: Placed): boolean => one.step.call === "move_mount" && one.step.origin === "root.path";
  return [
    ...precedes(steps, looks, (one) => isDevice(one) || isNull(one), "looks at nothing"),
    ...precedes(steps, isDevice, (one) => laysRoot(one) || copies.includes(one), "comes before the null device is known to be a device"),
    ...precedes(steps, isNull, (one) => laysRoot(one) || copies.includes(one), "comes before the null device is known to be 1:3"),
    ...copies
      .filter(({ step }) => !sameSlot(step.args[0], opened.step.out) && !sameSlot(step.args[0], empty.step.out))
      .map((one) => say(one, "masks with something unverified")),
  ];
};

/** The terminal is one of the container's own devpts, its slave comes from the master, by descriptor (CVE-2025-52565). */
const terminalIsOwn: Rule = (plan, { spec }) => {
  if (spec.process?.terminal !== true) return [];
  const steps = childSteps(plan);
  const peer = steps.find(call("ioctl", undefined, ["TIOCGPTPEER"]));
  const master = steps.find((one) => one.step.call === "openat2" && one.step.args[1] === "ptmx");
  if (peer === undefined || master === undefined) return ["terminal: none is made"];
  const isDevpts = (one: Placed): boolean => one.step.expect?.value === filesystemMagic.DEVPTS_SUPER_MAGIC;
  const isMultiplexer = (one: Placed): boolean => one.step.expect?.value === 2 * 2 ** 32 + 5;
  const looks = (one: Placed): boolean => one.step.call === "fstatfs" && sameSlot(one.step.args[0], master.step.args[0] as Slot);
  const taken = steps.filter((one) => one.step.call === "dup3" && [0, 1, 2].includes(one.step.args[1] as number));
  const byName = (one: Placed): boolean => one.step.args.some((arg) => typeof arg === "string" && /pts\/\d/.test(arg));
  const mounted = steps.filter((one) => one.step.origin === "process.terminal" && one.step.call === "open_tree");
  return [
    ...precedes(steps, looks, isDevpts, "looks at nothing"),
    ...precedes(steps, isDevpts, (one) => one === master, "opens what may be any device"),
    ...precedes(steps, isMultiplexer, (one) => one === peer, "comes before the master is known to be a multiplexer"),
    ...steps.filter(byName).map((one) => say(one, "opens a terminal by its name")),
    ...[...taken, ...mounted]
      .filter(({ step }) => !sameSlot(step.args[0], peer.step.out))
      .map((one) => say(one, "takes something else for the terminal")),
    ...(taken.length === 3 ? [] : ["terminal: it does not become all of stdio"]),
  ];
};

/** The container's cgroups are entered before a cgroup namespace takes its root from them, and before its program runs. */
const cgroupsFirst: Rule = (plan, { spec, facts }) => {
  const steps = childSteps(plan);
  const wanted =
    facts.cgroups.writable || spec.linux?.cgroupsPath !== undefined ? containerCgroups(facts.cgroups, spec.linux?.cgroupsPath, "web") : [];
  const later = (one: Placed): boolean =>
    call("unshare", ["CLONE_NEWCGROUP"])(one) || one.step.call === "execve" || one.step.call === "setns" || one.step.call === "clone";
  const late = wanted
    .filter(({ version }) => version === 1)
    .flatMap(({ path }) => {
      const opened = steps.find((one) => one.certain && call("openat", "AT_FDCWD", `${path}/tasks`)(one))?.step.out;
      const enters = (one: Placed): boolean =>
        one.step.call === "write" && sameSlot(one.step.args[0], opened) && one.step.args[1] === "0" && one.step.why.endsWith(path);
      return precedes(steps, enters, later, `comes before ${path} is entered`);
    });
  const [first] = cloneFlags(plan);
  const into = first?.flags.includes("CLONE_INTO_CGROUP") === true;
  const atClone = cloneFlags(plan).find(({ flags }) => flags.includes("CLONE_NEWCGROUP"));
  return [
    ...late,
    ...(wanted.some(({ version }) => version === 2) && !into ? ["clone3: the process is not born in its cgroup"] : []),
    ...(atClone?.actor === "box" && wanted.some(({ version }) => version === 1)
      ? ["clone3: the cgroup namespace is made before v1 is entered"]
      : []),
  ];
};

/**
 * What is written below /proc is written to a procfs that was looked at, and that nothing of the container covers: one that
 * box made, or the host's while nothing has been attached yet (CVE-2025-52881).
 */
const procIsVerified: Rule = (plan) => {
  const steps = childSteps(plan);
  const attached = steps.findIndex(({ step }) => step.call === "move_mount" || step.call === "pivot_root");
  const openersOf = (slot: AnyArg | undefined, before: number): number[] =>
    steps.flatMap(({ step }, index) => (index < before && sameSlot(slot, step.out) ? [index] : []));
  const isProcfs = (one: Placed | undefined): boolean => one?.step.expect?.value === filesystemMagic.PROC_SUPER_MAGIC;
  const isLookedAt = (slot: AnyArg | undefined, from: number, to: number): boolean =>
    steps.some(
      (one, index) =>
        index > from &&
        index + 1 < to &&
        one.certain &&
        one.step.call === "fstatfs" &&
        sameSlot(slot, one.step.args[0] as Slot) &&
        isProcfs(steps[index + 1]),
    );
  const isOwn = (opened: number): boolean => {
    const { call: name, args } = (steps[opened] as Placed).step;
    if (name === "openat") return args[0] === "AT_FDCWD" && String(args[1]).startsWith("/proc") && (attached < 0 || opened < attached);
    return name === "fsmount" && steps.findLast((one, index) => index < opened && one.step.call === "fsopen")?.step.args[0] === "proc";
  };
  const isVerified = (slot: AnyArg | undefined, before: number): boolean => {
    const openers = openersOf(slot, before);
    return openers.length > 0 && openers.every(isOwn) && isLookedAt(slot, openers.at(-1) as number, before);
  };
  const isPlain = (how: AnyArg | undefined): boolean =>
    inStruct(how, "resolve", "RESOLVE_BENEATH") &&
    inStruct(how, "resolve", "RESOLVE_NO_XDEV") &&
    inStruct(how, "resolve", "RESOLVE_NO_SYMLINKS");
  return steps.flatMap((one, index) => {
    if (one.step.call !== "write" || one.step.args[0] === SYNC_FD) return [];
    const opened = openersOf(one.step.args[0], index).at(-1) ?? -1;
    const opener = steps[opened]?.step;
    const right =
      opener?.call === "openat2"
        ? isPlain(opener.args[2]) && isVerified(opener.args[0], opened)
        : !String(opener?.args[1]).startsWith("/proc") || isVerified(one.step.args[0], index);
    return right ? [] : [say(one, "writes to what may be no file of /proc")];
  });
};

/** Devices are limited before there is a process that could open one, wherever box is allowed to. */
const devicesAreLimited: Rule = (plan, { spec, facts }) => {
  const path = spec.linux?.cgroupsPath;
  const cgroups = facts.cgroups.writable || path !== undefined ? containerCgroups(facts.cgroups, path, "web") : [];
  if (facts.uid !== 0 || facts.inUserNamespace || cgroups.length === 0) return [];
  const limits = (one: Placed): boolean =>
    one.step.origin === "linux.resources.devices" && (call("bpf", ["BPF_PROG_ATTACH"])(one) || call("write", undefined, "a")(one));
  const steps = boxSteps(plan);
  const late = steps.findLastIndex(({ step }) => step.origin === "linux.resources.devices") > steps.findIndex(call("clone3"));
  return [
    ...precedes(steps, limits, (one) => one.step.call === "clone3", "comes before devices are limited"),
    ...(late ? ["clone3: comes before all rules for devices are written"] : []),
  ];
};

/** Every limit that the cgroups' files are asked for is there before the first process is, controllers before limits. */
const limitsAreSet: Rule = (plan, { spec, facts }) => {
  const steps = boxSteps(plan);
  const path = spec.linux?.cgroupsPath;
  const cgroups = facts.cgroups.writable || path !== undefined ? containerCgroups(facts.cgroups, path, "web") : [];
  const { writes } = limitsOf(spec.linux?.resources ?? {}, cgroups, { prefix: "linux.resources." });
  const clones = call("clone3");
  const isLimit = ({ step }: Placed): boolean => step.origin.startsWith("linux.resources.") && step.origin !== "linux.resources.devices";
  const missing = writes.flatMap(({ cgroup, file, value }) => {
    const opened = steps.filter(call("openat", "AT_FDCWD", `${cgroup.path}/${file}`));
    const sets = (one: Placed): boolean =>
      one.step.call === "write" && one.step.args[1] === value && opened.some(({ step }) => sameSlot(one.step.args[0], step.out));
    const [first, clone] = [steps.findIndex(sets), steps.findIndex(clones)];
    return first >= 0 && first < clone ? [] : [`${cgroup.path}/${file}: is not ${JSON.stringify(value)} when there is a process`];
  });
  const enables = (one: Placed): boolean => one.step.call === "openat" && String(one.step.args[1]).endsWith("/cgroup.subtree_control");
  return [
    ...missing,
    ...endsBefore(steps, isLimit, clones, "comes after the first process"),
    ...endsBefore(steps, enables, isLimit, "comes after a limit that may need it"),
    ...endsBefore(
      steps,
      ({ step }) => step.call === "mkdirat" && String(step.args[1]).startsWith("/sys/fs/cgroup"),
      isLimit,
      "comes after a limit",
    ),
  ];
};

/** What must have happened by the time the program runs (CVE-2024-21626 among it). */
const endsClean: Rule = (plan, { spec, facts }) => {
  const steps = childSteps(plan);
  const runs = (one: Placed): boolean => one.step.call === "execve";
  // Not by a flag for execve, which looks its file up first.
  const closesBelow = call("close_range", ARENA_FD, SYNC_FD - 1, []);
  const closesAbove = call("close_range", SYNC_FD + 1, 0xffffffff, []);
  const closed = steps.findIndex(closesBelow);
  const walks = (one: Placed): boolean =>
    runs(one) || (one.step.call === "chdir" && one.step.args[0] !== "/") || call("faccessat2", "AT_FDCWD", undefined, ["X_OK"])(one);
  const inside = (one: Placed): boolean => one.step.expect?.value === 0x2f && one.step.args[3] === 0xff;
  const unblocks = (one: Placed): boolean =>
    call("rt_sigprocmask", ["SIG_SETMASK"])(one) && (one.step.args[1] as unknown as Uint8Array).every((byte) => byte === 0);
  const lastChange = steps.findLastIndex((one) => one.step.call === "chdir" || one.step.call === "fchdir");
  const limits = steps.findIndex(call("prlimit64"));
  const umask = spec.process?.user.umask ?? 0o022;
  return [
    ...(steps.some(runs) || hasNoPath(spec) ? [] : ["execve: nothing is executed"]),
    ...precedes(steps, closesBelow, walks, "comes before other descriptors are closed"),
    ...precedes(steps.slice(closed + 1), closesAbove, walks, "comes before other descriptors are closed"),
    ...steps
      .filter((one, index) => closed >= 0 && index > closed && opens(one) && !runs(one))
      .map((one) => say(one, "opens a descriptor after all were closed")),
    ...precedes(steps, call("getcwd"), runs, "comes before the working folder is checked"),
    ...precedes(steps, inside, runs, "comes before the working folder is known to be inside"),
    ...(lastChange > steps.findIndex(inside) ? [say(steps[lastChange] as Placed, "comes after the working folder was checked")] : []),
    ...precedes(steps, unblocks, runs, "runs with signals blocked"),
    ...endsBefore(steps, call("rt_sigprocmask"), unblocks, "comes after signals were unblocked"),
    ...facts.ignoredSignals.flatMap((signal) =>
      precedes(steps, call("rt_sigaction", signal, { struct: "sigaction" }), runs, `runs with signal ${signal} ignored`),
    ),
    ...steps
      .filter((one, index) => limits >= 0 && index > limits && opens(one) && !runs(one))
      .map((one) => say(one, "opens a descriptor after the limits are set")),
    ...precedes(steps, call("umask", umask), runs, "runs with another umask"),
    ...(spec.process?.noNewPrivileges === true
      ? precedes(steps, call("prctl", ["PR_SET_NO_NEW_PRIVS"], 1), runs, "may gain privileges")
      : []),
    ...(steps.at(-1)?.step.call === "execve" || steps.at(-1)?.step.call === "compute" ? [] : ["execve: something comes after it"]),
  ];
};
/** A program by its name alone, and no folder to look for it in: the plan is to say that it was not found. */
const hasNoPath = ({ process }: Spec): boolean => {
  const path = process?.env?.findLast((entry) => entry.startsWith("PATH="));
  return process?.args[0]?.includes("/") === false && (path === undefined || path === "PATH=");
};

const words = (names: readonly string[] | undefined): number[] => {
  const bits = (names ?? []).map((name) => BigInt(capabilities[name as CapabilityName]));
  const all = bits.reduce((sum, bit) => sum | (1n << bit), 0n);
  return [Number(all & 0xffffffffn), Number(all >> 32n)];
};

/** Capabilities are those of the configuration, none inheritable or ambient unless it says so (CVE-2022-29162). */
const capabilitiesAsAsked: Rule = (plan, { spec, facts }) => {
  const sets = spec.process?.capabilities ?? {};
  const steps = childSteps(plan);
  const set = steps.filter((one) => one.certain && one.step.call === "capset");
  const [e0 = 0, e1 = 0] = words(sets.effective);
  const [p0 = 0, p1 = 0] = words(sets.permitted);
  const [i0 = 0, i1 = 0] = words(sets.inheritable);
  const wanted = [...new Uint8Array(new Uint32Array([e0, p0, i0, e1, p1, i1]).buffer)];
  const right = set.length === 1 && set.every(({ step }) => same([...(step.args[1] as unknown as Uint8Array)], wanted));
  const dropped = steps.filter(call("prctl", ["PR_CAPBSET_DROP"])).map(({ step }) => step.args[1] as number);
  const kept = (sets.bounding ?? []).map((name) => capabilities[name as CapabilityName]);
  // A user namespace begins with the whole set.
  const inUserNamespace = (spec.linux?.namespaces ?? []).some(({ type }) => type === "user");
  const had: readonly number[] = inUserNamespace ? Object.values(capabilities) : facts.boundingSet;
  const left = had.filter((number) => !dropped.includes(number) && !kept.some((one) => one === number));
  const lost = dropped.filter((number) => kept.some((one) => one === number));
  const ambient = steps.filter(call("prctl", ["PR_CAP_AMBIENT"], 2)).map(({ step }) => step.args[2]);
  const grantable = (sets.ambient ?? [])
    .filter((name) => sets.inheritable?.includes(name) === true && sets.permitted?.includes(name) === true)
    .map((name) => capabilities[name as CapabilityName] as number);
  const becomes = (one: Placed): boolean => one.step.call === "setresuid" && one.step.origin === "process.user.uid";
  return [
    ...(right ? [] : ["capset: the sets are not those of the configuration"]),
    ...left.map((number) => `bounding set: capability ${number} is left in`),
    ...lost.map((number) => `bounding set: capability ${number} is dropped`),
    ...(same(ambient, grantable) ? [] : ["ambient set: it is not that of the configuration"]),
    ...precedes(
      steps,
      call("prctl", ["PR_CAP_AMBIENT"], 4),
      (one) => one.step.call === "execve",
      "runs with ambient capabilities that were inherited",
    ),
    ...precedes(steps, call("prctl", ["PR_SET_KEEPCAPS"], 1), becomes, "loses the capabilities that are to be kept"),
    ...precedes(steps, becomes, (one) => one.step.call === "capset" || one.step.call === "execve", "comes before the user is changed"),
    ...endsBefore(steps, call("prctl", ["PR_CAPBSET_DROP"]), becomes, "comes when it is no longer allowed"),
    ...precedes(steps, call("prctl", ["PR_SET_KEEPCAPS"], 0), (one) => one.step.call === "execve", "keeps capabilities over later changes"),
  ];
};

/** Without root the groups are given up before they are mapped (CVE-2014-8989), and the map of groups comes first. */
const groupsAreGivenUp: Rule = (plan, { facts }) => {
  const steps = boxSteps(plan);
  const opens = (name: string) => (one: Placed) => one.step.call === "openat" && one.step.args[1] === name;
  const writes = (text: string) => (one: Placed) => one.step.call === "write" && one.step.args[1] === text;
  const maps = (one: Placed): boolean => one.step.call === "openat" && (one.step.args[1] === "gid_map" || one.step.args[1] === "uid_map");
  if (!steps.some(maps)) return [];
  return [
    ...(facts.uid === 0 ? [] : precedes(steps, writes("deny"), maps, "comes before groups are given up")),
    ...precedes(steps, opens("gid_map"), opens("uid_map"), "comes before the map of groups"),
  ];
};

/** On the host nothing is made before the state says how to undo it, but for the folder that holds the state and those above it. */
const stateComesFirst: Rule = (plan, { spec, facts }) => {
  const steps = boxSteps(plan);
  const recorded = (one: Placed): boolean => one.step.call === "renameat2" && one.step.args[3] === "state.json";
  const ofState = ({ step }: Placed): boolean =>
    (step.call === "mkdirat" && (`${facts.stateRoot}/`.startsWith(`${String(step.args[1])}/`) || step.args[1] === "web")) ||
    (step.call === "openat" && step.args[1] === "state.new");
  const makes = (one: Placed): boolean => creating(one) && !ofState(one) && !recorded(one);
  const known =
    facts.cgroups.writable || spec.linux?.cgroupsPath !== undefined ? containerCgroups(facts.cgroups, spec.linux?.cgroupsPath, "web") : [];
  const cgroups = steps.filter((one) => one.step.call === "mkdirat" && String(one.step.args[1]).startsWith("/sys/fs/cgroup"));
  const unknown = cgroups.filter(({ step }) => !known.some(({ path }) => `${path}/`.startsWith(`${String(step.args[1])}/`)));
  return [
    ...precedes(steps, recorded, (one) => makes(one) || one.step.call === "clone3", "comes before the state is written"),
    ...unknown.map((one) => say(one, "makes a cgroup that the state does not name")),
    ...known.flatMap(({ path }) =>
      precedes(steps, call("openat", "AT_FDCWD", `${path}/cgroup.procs`), recorded, `claims ${path} before it is known to be unused`),
    ),
  ];
};

/** What is made in the root has the mode that is written, and all of it is made before the root is read-only. */
const rootIsFilledFirst: Rule = (plan, { spec }) => {
  const steps = childSteps(plan);
  const seals = (one: Placed): boolean => ["mount_setattr", "mount"].includes(one.step.call) && one.step.origin === "root.readonly";
  const changes = (one: Placed): boolean => creating(one) || one.step.call === "fchmod";
  const joined = spec.linux?.namespaces?.some(({ type, path }) => type === "mount" && path !== undefined) === true;
  return [
    ...precedes(steps, call("umask", 0), creating, "is made under the caller's umask"),
    ...endsBefore(steps, changes, seals, "comes after the root is read-only"),
    ...endsBefore(
      steps,
      (one) => changes(one) || (mounting(one) && !setsPropagation(one) && !letsGo(one)),
      call("pivot_root"),
      "comes after the root is entered",
    ),
    ...(spec.root.readonly === true && !joined && !steps.some(seals) ? ["root: it is not made read-only"] : []),
    ...(joined ? [] : precedes(steps, letsGo, (one) => one.step.call === "execve", "still sees the host's mounts")),
  ];
};
const letsGo = call("umount2", ".", ["MNT_DETACH"]);
const setsPropagation = ({ step }: Placed): boolean => step.origin === "linux.rootfsPropagation";

/** Every descriptor that a step uses has been opened by then, on every path. */
const descriptorsExist: Rule = (plan) => {
  const [context, program] = plan.explanations;
  const { faults } = proveSlots({
    variables: plan.childVariables.variables,
    steps: plan.child.flatMap(({ steps }) => steps),
    explanations: { context: context.steps, program: program.steps },
    given: [],
    optional: [],
  });
  return faults.map(({ step, slot, fault }) => `${printStep(step)}: ${slot} is ${fault}`).sort();
};

export const rules = {
  pathsStayInside,
  mountsByDescriptor,
  descriptorsClose,
  untraceable,
  hostMountsStay,
  masksAreVerified,
  terminalIsOwn,
  cgroupsFirst,
  procIsVerified,
  devicesAreLimited,
  limitsAreSet,
  endsClean,
  capabilitiesAsAsked,
  groupsAreGivenUp,
  stateComesFirst,
  rootIsFilledFirst,
  descriptorsExist,
} satisfies Record<string, Rule>;
