// The security rules that every plan keeps, as functions over plans: each returns what breaks it, in words. What they
// rest on is that a plan is data: order, flags and paths can be read off without running anything.

import { limitsOf } from "../../src/cgroup/limits.ts";
import { containerCgroups } from "../../src/cgroup/paths.ts";
import type { Hook, HookPoint, IdMapping, Spec } from "../../src/config/spec.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { type CapabilityName, capabilities } from "../../src/linux/capabilities.ts";
import { filesystemMagic } from "../../src/linux/magic.ts";
import { type ArgKind, syscalls } from "../../src/linux/syscalls.ts";
import { foreground, type Handed, handedTo, type Launch, usualPath } from "../../src/plan/launch.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { ARENA_FD } from "../../src/tape/layout.ts";
import { printStep } from "../../src/tape/print.ts";
import type { Address, AnyArg, Buffer, Slot, Step, Struct, Text } from "../../src/tape/step.ts";
import { proveSlots } from "../tape/prove-slots.ts";
import { boxSteps, childSteps, explainingSteps, isHook, type Placed } from "./walk.ts";

export type Container = {
  /** Of a process of exec: with all of the container's namespaces as joined ones, and the process itself. */
  readonly spec: Spec;
  readonly facts: HostFacts;
  readonly launch?: Launch;
  /** A filter of system calls is wanted, */
  readonly filtered?: boolean;
  /** and it asks an agent. */
  readonly asks?: boolean;
  /** Of a process of exec: the cgroups that it is to be in. */
  readonly execIn?: readonly { readonly version: 1 | 2; readonly path: string }[];
};
export type Rule = (plan: Plan, container: Container) => string[];

const hookPoints = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart"] as const satisfies HookPoint[];

/** The numbers at which the child finds what box hands it. */
function handedIn({ spec, launch, execIn }: Container): Handed & { readonly preserved: number } {
  const hooks = execIn === undefined && hookPoints.some((point) => (spec.hooks?.[point] ?? []).length > 0);
  return { ...handedTo(launch ?? foreground, { hooks, init: execIn !== undefined }), preserved: launch?.preserveFds ?? 0 };
}

const cgroupsIn = ({ spec, facts, execIn }: Container): readonly { readonly version: 1 | 2; readonly path: string }[] => {
  const path = spec.linux?.cgroupsPath;
  return execIn ?? (facts.cgroups.writable || path !== undefined ? containerCgroups(facts.cgroups, path, "web") : []);
};

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

/** In a procfs, by the one link that leads to the process's own thread: procfs makes it, and nothing that lies over it is entered. */
const ownThread = (how: AnyArg | undefined, path: AnyArg | undefined): boolean =>
  String(path).startsWith("thread-self/") &&
  ["RESOLVE_BENEATH", "RESOLVE_NO_MAGICLINKS", "RESOLVE_NO_XDEV"].every((flag) => inStruct(how, "resolve", flag));

const creates: readonly Step["call"][] = ["mkdirat", "mknodat", "symlinkat", "unlinkat", "renameat2"];
const creating = ({ step }: Placed): boolean => creates.includes(step.call) || (step.call === "openat" && flagged(step.args[2], "O_CREAT"));

/** The name of an entry as getdents64 gave it, which the kernel lets have no slash in it; and a call that follows no link there. */
function isNameOfEntry(plan: Plan, path: AnyArg | undefined, { step }: Placed): boolean {
  const steps = childSteps(plan);
  const writers = isSlot(path) ? steps.filter((one) => sameSlot(path, one.step.out)) : [];
  const nameAt = 19;
  const fromEntries = steps.some((one) => one.step.call === "getdents64");
  const stays =
    ["mkdirat", "mknodat", "readlinkat", "symlinkat", "fchmodat"].includes(step.call) ||
    step.args.some((arg) => flagged(arg, "O_NOFOLLOW") || flagged(arg, "AT_SYMLINK_NOFOLLOW"));
  return fromEntries && stays && writers.length > 0 && writers.every((one) => one.step.call === "compute" && one.step.args[1] === nameAt);
}

/** The name of a process's folder, as /proc/self told that process before anything of the container was there. */
function isOwnProcess(plan: Plan, path: AnyArg | undefined, one: Placed): boolean {
  const buffer = typeof path === "object" && path !== null && "address" in path ? path.address : undefined;
  const tells = childSteps(plan).some(
    ({ step }) => step.call === "readlinkat" && step.args[1] === "/proc/self" && same((step.args[2] as Address).address, buffer),
  );
  const before = childSteps(plan).findIndex(attaching);
  return tells && flagged(one.step.args[2], "O_NOFOLLOW") && (before < 0 || childSteps(plan).indexOf(one) < before);
}

/** In the container's root a path is one name below a descriptor, or openat2 is told to stay inside (CVE-2021-30465). */
const pathsStayInside: Rule = (plan) =>
  [...childSteps(plan), ...explainingSteps(plan)].flatMap((one) =>
    (folderAt.get(one.step.call) ?? []).flatMap((at) => {
      const [folder, path] = one.step.args.slice(at);
      if (folder === "AT_FDCWD") {
        if (creating(one)) return [say(one, "makes something along a path of the host")];
        const looksForProgram = one.step.origin === "process.args[0]" && ["faccessat2", "statx", "execve"].includes(one.step.call);
        return typeof path !== "string" || path.startsWith("/") || looksForProgram ? [] : [say(one, "depends on the working folder")];
      }
      if (isNameOfEntry(plan, path, one) || isOwnProcess(plan, path, one)) return [];
      if (typeof path !== "string") return [say(one, "takes a path that is not known")];
      const single = !path.includes("/") && path !== "..";
      return single || (one.step.call === "openat2" && (staysInside(one.step.args[2]) || ownThread(one.step.args[2], path)))
        ? []
        : [say(one, "walks a path in the root")];
    }),
  );

/** Linux walks these themselves, so they may only name what is certain. */
const mountsByDescriptor: Rule = (plan, { launch }) => {
  const steps = childSteps(plan);
  const noPivot = launch?.noPivot === true;
  const entered = steps.findIndex(noPivot ? call("chroot", ".") : call("pivot_root"));
  // Still the host's, and about to be out of sight.
  const drops = (one: Placed, index: number): boolean => noPivot && index < entered && (dropsHost("/proc")(one) || dropsHost("/sys")(one));
  return steps.flatMap((one, index) => {
    const { call: name, args } = one.step;
    const target = name === "mount" ? args[1] : name === "umount2" || name === "chdir" || name === "chroot" ? args[0] : ".";
    const known = target === "." || target === "/" || /^\/proc\/self\/fd\/\d+$/.test(String(target));
    return known || drops(one, index) || (name === "chdir" && (index > entered || entered < 0))
      ? []
      : [say(one, "walks a path in the root")];
  });
};

/** mount(2) of a new filesystem is made on "." alone, in a folder of a tmpfs that box has made and the container never sees. */
const filesystemsInOwnFolder: Rule = (plan) => {
  const steps = childSteps(plan);
  const opener = (slot: AnyArg | undefined, before: number): Placed | undefined =>
    steps.findLast((one, index) => index < before && sameSlot(slot, one.step.out));
  return steps.flatMap((one, index) => {
    const { call: name, args } = one.step;
    if (name !== "mount" || args[2] === null) return [];
    const stands = steps[index - 1]?.step;
    const place = stands?.call === "fchdir" ? opener(stands.args[0], index) : undefined;
    const inside = place?.step.call === "openat" && flagged(place.step.args[2], "O_NOFOLLOW");
    const own = opener(place?.step.args[0], index)?.step.call === "fsmount";
    const taken = steps[index + 1]?.step;
    const takes = taken?.call === "openat" && same(taken.args, place?.step.args);
    return args[1] === "." && inside && own && takes ? [] : [say(one, "mounts where others may be")];
  });
};

const dropsHost = (path: string) => call("umount2", path, ["MNT_DETACH"]);

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

const numbersIn = ({ sync, wait, answer, hookState, hookOutput, third, init }: Handed): number[] =>
  [sync, wait, answer, hookState, hookOutput, third, init].filter((number) => number >= 0);

/**
 * Every descriptor is closed by execve, but for stdio, what is to be preserved, and what box hands to the stage, which sees
 * to that first.
 */
const descriptorsClose: Rule = (plan, container) => {
  const handed = handedIn(container);
  const numbers = numbersIn(handed);
  const hands = (one: Placed): boolean =>
    one.actor === "box" && !one.hook && one.step.call === "dup3" && [ARENA_FD, ...numbers].includes(one.step.args[1] as number);
  const putsBack = call("dup3", handed.third, ARENA_FD, []);
  const preserves = (one: Placed): boolean => handed.preserved > 0 && one.actor !== "box" && putsBack(one);
  const open = [...boxSteps(plan), ...childSteps(plan), ...explainingSteps(plan)].filter(
    (one) => closedByExecve[one.step.call]?.(one.step.args) === false && !hands(one) && !preserves(one),
  );
  const unhanded = numbers.filter((number) => !boxSteps(plan).some((one) => hands(one) && one.step.args[1] === number));
  // Above all that the child gets, or moving one thing to its number would overwrite another.
  const low = boxSteps(plan).filter(
    (one) => one.step.call === "fcntl" && flagged(one.step.args[1], "F_DUPFD_CLOEXEC") && one.step.args[2] !== handed.end,
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
    ...unhanded.map((number) => `dup3: nothing is handed as descriptor ${number}`),
    ...low.map((one) => say(one, "may be in the way of what is handed")),
    ...precedes(
      child,
      handed.preserved > 0 ? putsBack : call("close", ARENA_FD),
      (one) => opens(one) && !putsBack(one),
      "comes before the arena is closed",
    ),
    ...numbers.flatMap((number) =>
      precedes(
        child,
        call("fcntl", number, ["F_SETFD"], 1),
        (one) => opens(one) && !preserves(one),
        number === handed.sync ? "comes before the line to box is made to close" : `comes before descriptor ${number} is made to close`,
      ),
    ),
    ...precedes(
      child,
      call("close_range", handed.end, 0xffffffff, []),
      (one) => opens(one) && !preserves(one),
      "comes before box's descriptors are closed",
    ),
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
/** Makes a mount that is attached nowhere, or changes such a one before init is on its own. */
function isDetached(steps: readonly Placed[], one: Placed): boolean {
  const copies = ({ step }: Placed): boolean => step.call === "open_tree" && flagged(step.args[2], "OPEN_TREE_CLONE");
  const first = steps.findIndex(attaching);
  const early = first < 0 || steps.indexOf(one) < first;
  return (
    early &&
    (copies(one) ||
      (one.step.call === "mount_setattr" && steps.some((other) => copies(other) && sameSlot(one.step.args[0], other.step.out))))
  );
}
const attaching = ({ step }: Placed): boolean => ["mount", "umount2", "move_mount", "pivot_root"].includes(step.call);
/** The container's program, and none of a hook's. */
const runsProgram = ({ step, hook }: Placed): boolean => step.call === "execve" && !hook;

/** Closed to tracing before it joins anything or waits, and never open again (CVE-2016-9962); but id maps come first. */
const untraceable: Rule = (plan, container) => {
  const { spec } = container;
  const steps = childSteps(plan);
  const { sync, wait } = handedIn(container);
  const waitsForBox = ({ step }: Placed): boolean =>
    step.call === "read" && (step.args[0] === sync || (wait >= 0 && step.args[0] === wait));
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
      (one) =>
        call("setns")(one) || (mounting(one) && !isDetached(steps, one)) || waits(one) || one.step.call === "execve" || isHook(one.step),
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
const hostMountsStay: Rule = (plan, { spec }) => {
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
  const joined = child.some(({ step }) => step.call === "setns" && flagged(step.args[1], "CLONE_NEWNS"));
  const ownMounts = joined || cloneFlags(plan).some(({ flags }) => flags.includes("CLONE_NEWNS"));
  const cut = call("mount", "none", "/", null, ["MS_REC", "MS_SLAVE"]);
  // What is copied before that must be cut off by itself, unless it is to stay a peer.
  const cutAt = joined ? -1 : child.findIndex((one) => cut(one) || one.step.call === "move_mount");
  const copied = child.slice(0, Math.max(0, cutAt)).filter(({ step }) => step.call === "open_tree" && step.origin !== "root.path");
  const staysPeer = spec.linux?.rootfsPropagation?.endsWith("shared") === true;
  const unslaved = copied.filter(
    ({ step }) =>
      !staysPeer &&
      !child.some(
        (one) =>
          one.step.call === "mount_setattr" &&
          sameSlot(one.step.args[0], step.out) &&
          inStruct(one.step.args[3], "propagation", "MS_SLAVE"),
      ),
  );
  return [
    ...box.filter(touches).map((one) => say(one, "changes a mount of the host")),
    ...child
      .filter((one) => one.actor === "stage" && mounting(one) && !isDetached(child, one))
      .map((one) => say(one, "changes a mount of the host")),
    ...unslaved.map((one) => say(one, "stays a peer of the host's")),
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
  const taken = steps.filter((one) => one.step.call === "dup3" && !one.hook && [0, 1, 2].includes(one.step.args[1] as number));
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
const cgroupsFirst: Rule = (plan, container) => {
  const steps = childSteps(plan);
  const wanted = cgroupsIn(container);
  const later = (one: Placed): boolean =>
    call("unshare", ["CLONE_NEWCGROUP"])(one) || ["execve", "setns", "clone"].includes(one.step.call) || isHook(one.step);
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
const procIsVerified: Rule = (plan, container) => {
  const { sync } = handedIn(container);
  const steps = childSteps(plan);
  const attached = steps.findIndex(
    ({ step }) =>
      step.call === "move_mount" || step.call === "pivot_root" || (step.call === "setns" && flagged(step.args[1], "CLONE_NEWNS")),
  );
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
  const isPlain = (how: AnyArg | undefined, path: AnyArg | undefined): boolean =>
    ownThread(how, path) || ["RESOLVE_BENEATH", "RESOLVE_NO_XDEV", "RESOLVE_NO_SYMLINKS"].every((flag) => inStruct(how, "resolve", flag));
  return steps.flatMap((one, index) => {
    if (one.step.call !== "write" || one.step.args[0] === sync) return [];
    const opened = openersOf(one.step.args[0], index).at(-1) ?? -1;
    const opener = steps[opened]?.step;
    const right =
      opener?.call === "openat2"
        ? isPlain(opener.args[2], opener.args[1]) && isVerified(opener.args[0], opened)
        : !String(opener?.args[1]).startsWith("/proc") || isVerified(one.step.args[0], index);
    return right ? [] : [say(one, "writes to what may be no file of /proc")];
  });
};

/**
 * Each label that is asked for is written, whole and once, to a file of the process itself, and nothing else is written there.
 * Through which procfs is for procIsVerified to see. Hooks of createContainer run as box does, so what holds from the next
 * execve on comes after them; a keyring's comes before the keyring.
 */
const labelsAreWritten: Rule = (plan, { spec, facts, launch, execIn }) => {
  const steps = childSteps(plan);
  const { apparmorProfile: profile, selinuxLabel: label, noNewPrivileges } = spec.process ?? {};
  const folder = execIn === undefined ? "thread-self/attr/" : "/proc/self/attr/";
  const fileOf = (at: number): string | undefined => {
    const [slot] = (steps[at] as Placed).step.args;
    const opener = steps.findLast((one, index) => index < at && sameSlot(slot, one.step.out));
    const path = String(opener?.step.args[1]);
    return (steps[at] as Placed).step.call === "write" && opener?.certain === true && path.startsWith(folder)
      ? path.slice(folder.length)
      : undefined;
  };
  const written = steps.flatMap((one, index) => {
    const file = fileOf(index);
    return file === undefined
      ? []
      : [{ one, file, text: String(one.step.args[1]), whole: one.step.args[2] === utf8Bytes(one.step.args[1]) }];
  });
  const mayStack = noNewPrivileges === true && facts.labels?.apparmor?.endsWith(" (enforce)") === true;
  const wanted = [
    ...(label !== undefined && (launch ?? foreground).newKeyring ? [`keycreate: ${label}`] : []),
    ...(label !== undefined ? [`exec: ${label}`] : []),
    ...(profile !== undefined && facts.labels?.apparmor !== undefined ? [`apparmor/exec: ${mayStack ? "stack" : "exec"} ${profile}`] : []),
  ];
  const found = written.map(({ file, text }) => `${file}: ${text}`);
  const ofKeyring = (one: Placed): boolean => written.some((each) => each.one === one && each.file === "keycreate");
  const ofProgram = (one: Placed): boolean => written.some((each) => each.one === one && each.file !== "keycreate");
  const early = (one: Placed): boolean => isHook(one.step) && one.step.origin.startsWith("hooks.createContainer");
  const others = steps.filter(
    (one, index) => one.step.call === "write" && labelOrigins.includes(one.step.origin) && fileOf(index) === undefined,
  );
  return [
    ...(same(found, wanted) ? [] : [`labels: [${found.join("; ")}] are written instead of [${wanted.join("; ")}]`]),
    ...written.flatMap(({ one, whole }) => (whole ? [] : [say(one, "writes a part of a label")])),
    ...others.map((one) => say(one, "writes a label to what is not the process's own file")),
    ...(wanted.some((one) => one.startsWith("keycreate"))
      ? precedes(steps, ofKeyring, call("keyctl", ["KEYCTL_JOIN_SESSION_KEYRING"]), "comes before its keyring has a label")
      : []),
    ...(wanted.length > 0 ? precedes(steps, ofProgram, runsProgram, "runs without its label") : []),
    ...steps.flatMap((one, index) =>
      early(one) && steps.slice(0, index).some(ofProgram) ? [say(one, "runs under the label of the program")] : [],
    ),
    ...endsBefore(steps, ofProgram, call("pivot_root"), "comes when the host's tree is out of reach"),
  ];
};
const labelOrigins: readonly string[] = ["process.apparmorProfile", "process.selinuxLabel"];
const utf8Bytes = (text: AnyArg | undefined): number => new TextEncoder().encode(String(text)).length;

/** The label of mounts is told to every filesystem that can have one, before it is made. */
const mountsAreLabelled: Rule = (plan, { spec }) => {
  const label = spec.linux?.mountLabel;
  const steps = childSteps(plan);
  const keep = ["proc", "sysfs", "mqueue", "cgroup", "cgroup2"];
  const makes = call("fsconfig", undefined, ["FSCONFIG_CMD_CREATE"]);
  const labels = ({ step }: Placed): boolean => call("fsconfig", undefined, ["FSCONFIG_SET_STRING"], "context", label)({ step } as Placed);
  return steps.flatMap((one, index) => {
    const { call: name, args, origin } = one.step;
    if (name === "mount" && typeof args[2] === "string") {
      const told = label !== undefined && String(args[4]).includes(`context="${label}"`);
      return told === (label !== undefined && !keep.includes(args[2])) ? [] : [say(one, "has not the label of mounts")];
    }
    // A folder of box's own for mounts under way is no part of what the container sees.
    if (name !== "fsopen" || origin === "mounts") return [];
    const end = steps.findIndex((other, at) => at > index && makes(other));
    const labelled = steps.slice(index, end).filter(labels).length;
    const wanted = label === undefined || keep.includes(String(one.step.args[0])) ? 0 : 1;
    return labelled === wanted ? [] : [say(one, `has ${labelled} labels instead of ${wanted}`)];
  });
};

/** Devices are limited before there is a process that could open one, wherever box is allowed to. */
const devicesAreLimited: Rule = (plan, { spec, facts }) => {
  const cgroups = cgroupsIn({ spec, facts });
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

/** Points whose hooks box runs, or init; poststart of a created container is left to start. */
const hooksOf = (plan: Plan, { spec }: Container): { readonly origin: string; readonly hook: Hook; readonly actor: "box" | "init" }[] =>
  hookPoints.flatMap((point) =>
    point === "poststart" && plan.way === "created"
      ? []
      : (spec.hooks?.[point] ?? []).map((hook, index) => ({
          origin: `hooks.${point}[${index}]`,
          hook,
          actor: point === "createContainer" || point === "startContainer" ? "init" : "box",
        })),
  );

/**
 * Hooks run in their order, each as a program that inherits nothing of box but the state, and must end well. Those of
 * startContainer inherit the program's environment, the others have the usual PATH and no more.
 */
const hooksRunAsAsked: Rule = (plan, container) => {
  const wanted = hooksOf(plan, container);
  const programEnv = childSteps(plan).find(({ step }) => step.call === "execve" && step.origin === "process.args[0]")?.step.args[2];
  const all = [...boxSteps(plan), ...childSteps(plan)];
  const hookOf = hooksBySteps(all);
  const { hookState, hookOutput } = handedIn(container);
  const faults: string[] = [];
  for (const actor of ["box", "init"] as const) {
    const started = (actor === "box" ? boxSteps(plan) : childSteps(plan)).filter(({ step }) => isHook(step)).map(({ step }) => step.origin);
    const asked = wanted.filter((one) => one.actor === actor).map(({ origin }) => origin);
    if (!same(started, asked)) faults.push(`${actor}: runs the hooks [${started.join(", ")}] instead of [${asked.join(", ")}]`);
  }
  for (const { origin, hook, actor } of wanted) {
    const within = all.filter((one) => one.hook && one.step.origin !== "box" && hookOf.get(one) === origin);
    const own = within.filter((one) => !filters(one)).map(({ step }) => step);
    const [state, output] = actor === "box" ? [plan.box.hookFiles.state, plan.box.hookFiles.output] : [hookState, hookOutput];
    const end = own.findIndex((one) => one.call === "execve");
    const takes = (from: Slot | number, to: number): boolean =>
      own.some(
        (one) =>
          one.call === "dup3" && one.args[1] === to && (typeof from === "number" ? one.args[0] === from : sameSlot(one.args[0], from)),
      );
    const inherited = origin.startsWith("hooks.startContainer") ? programEnv : [`PATH=${usualPath}`];
    const say = (fault: string): number => faults.push(`${origin}: ${fault}`);
    const isHeld = container.filtered === true && container.asks !== true && origin.startsWith("hooks.startContainer");
    const holds = within.findIndex(filters);
    if (holds !== (isHeld ? within.findIndex(({ step }) => step.call === "execve") - 1 : -1))
      say(isHeld ? "is not held to the filter of system calls" : "has a filter of its own");
    if (own[end - 1] === undefined || !same([own[end - 1]?.call, own[end - 1]?.args], ["close_range", [3, 0xffffffff, []]]))
      say("gets descriptors of box");
    if (!takes(state, 0)) say("does not get the state");
    if (!takes(output, 1) || !takes(output, 2)) say("writes to the caller");
    if (!same(own[end]?.args, [hook.path, hook.args ?? [hook.path], hook.env?.length ? hook.env : inherited]))
      say("is executed otherwise than asked");
    if (!own.some((one) => one.call === "rt_sigprocmask" && (one.args[1] as unknown as Uint8Array).every((byte) => byte === 0)))
      say("has signals blocked");
    for (const signal of container.facts.ignoredSignals)
      if (!own.some((one) => one.call === "rt_sigaction" && one.args[0] === signal)) say(`ignores signal ${signal}`);
    const after = all.filter((one) => !one.hook && one.certain && one.step.origin === origin).map(({ step }) => step);
    if (!after.some(({ call: name, args }) => name === "waitid" && same(args[0], ["P_PIDFD"]))) say("is not waited for");
    for (const refused of ["a signal ended it", "it failed"])
      if (!after.some((one) => one.expect?.refused === refused)) say("may fail unnoticed");
    const limit = all.find((one) => one.certain && one.step.origin === origin && one.step.call === "ppoll")?.step.args[2];
    if (hook.timeout !== undefined && hook.timeout > 0 && asStruct(limit).tv_sec !== hook.timeout) say("may take longer than asked");
  }
  return faults;
};

/** The hook that each step within a hook's process belongs to: the last clone before it. */
function hooksBySteps(all: readonly Placed[]): ReadonlyMap<Placed, string> {
  const hooks = new Map<Placed, string>();
  let last: string | undefined;
  for (const one of all) {
    if (last !== undefined) hooks.set(one, last);
    if (isHook(one.step)) last = one.step.origin;
  }
  return hooks;
}

/** Hooks run when the runtime-spec says: those of the host's namespaces before the container's, all of these before its root is entered. */
const hooksRunInTime: Rule = (plan, container) => {
  const box = boxSteps(plan);
  const child = childSteps(plan);
  const { sync } = handedIn(container);
  const of = (point: HookPoint) => (one: Placed) => isHook(one.step) && one.step.origin.startsWith(`hooks.${point}[`);
  const tells = (text: string) => (one: Placed) => call("write", sync, text)(one) && one.actor === "init";
  const hears = (one: Placed): boolean => call("read", sync)(one) && one.step.why === "wait for hooks";
  const letsGoOn = (one: Placed): boolean =>
    call("write", undefined, "g")(one) && sameSlot(one.step.args[0], plan.box.sync) && one.step.origin === "hooks";
  const waited = (one: Placed): boolean => one.step.why === "wait until init has made its mounts";
  const released = ({ step }: Placed): boolean => step.call === "read" && sameSlot(step.args[0], plan.box.sync) && step.origin === "box";
  const attaches = ({ step, actor }: Placed): boolean =>
    actor === "init" && step.call === "move_mount" && step.origin.startsWith("mounts[");
  return [
    ...precedes(box, waited, (one) => of("prestart")(one) || of("createRuntime")(one), "runs before the mounts are made"),
    ...endsBefore(box, of("prestart"), of("createRuntime"), "runs after createRuntime"),
    ...endsBefore(box, (one) => of("prestart")(one) || of("createRuntime")(one), letsGoOn, "runs when init goes on"),
    ...precedes(child, tells("h"), hears, "waits for what box does not know of"),
    ...precedes(child, hears, of("createContainer"), "runs before the hooks of the host's namespaces"),
    ...endsBefore(child, attaches, tells("h"), "is mounted after the hooks that are to see it"),
    ...endsBefore(child, of("createContainer"), tells("d"), "runs after box was told that it has"),
    ...endsBefore(child, of("createContainer"), entersRoot, "runs when the root is entered"),
    ...precedes(
      child,
      container.launch?.noPivot === true ? call("chroot", ".") : letsGo,
      (one) => of("startContainer")(one) && !joinsMounts(container),
      "runs outside of the container's root",
    ),
    // There is one listener, so an agent is asked about hooks by init's own filter.
    ...(container.asks === true
      ? precedes(child, filters, of("startContainer"), "runs before an agent can be asked about it")
      : endsBefore(child, of("startContainer"), (one) => filters(one) && !one.hook, "runs under init's own filter of system calls")),
    ...precedes(box, released, of("poststart"), "runs before the program"),
  ];
};
const joinsMounts = ({ spec }: Container): boolean =>
  spec.linux?.namespaces?.some(({ type, path }) => type === "mount" && path !== undefined) === true;

/** A created container does nothing of its own before start: it has let go of box, and waits. */
const waitsForStart: Rule = (plan, container) => {
  const { sync, wait, answer } = handedIn(container);
  const steps = childSteps(plan);
  const waits = call("read", wait);
  if (plan.way !== "created") return steps.filter((one) => one.step.why === "wait for start").map((one) => say(one, "waits for nobody"));
  const startsHook = (one: Placed): boolean => isHook(one.step) && one.step.origin.startsWith("hooks.startContainer[");
  const fails = ({ step, certain, hook }: Placed): boolean =>
    certain &&
    !hook &&
    step.onError !== "ignore" &&
    (step.origin.startsWith("hooks.startContainer[") || ["seccomp", "execve"].includes(step.call));
  // What fails before is told by box.
  const waiting = steps.findIndex(waits);
  const deaf = steps.filter((one, index) => index > waiting && fails(one) && one.step.call !== "compute" && one.step.explain !== "start");
  const [, , told] = plan.explanations;
  return [
    ...precedes(steps, waits, (one) => startsHook(one) || runsProgram(one), "does not wait for start"),
    ...precedes(steps, call("close", sync), waits, "keeps box waiting"),
    ...endsBefore(
      steps,
      (one) => one.step.call !== "execve" && !startsHook(one) && changesItself(one),
      waits,
      "happens after create said that all is well",
    ),
    ...deaf.map((one) => say(one, "fails without telling start")),
    ...(told.steps.some((one) => one.call === "write" && one.args[0] === answer) ? [] : ["explanation: start is told nothing"]),
  ];
};
/** What create is to have done, so that it can tell of a failure. */
const changesItself = ({ step, hook }: Placed): boolean =>
  !hook && ["setresuid", "capset", "chdir", "prlimit64", "faccessat2", "mount", "move_mount", "setgroups"].includes(step.call);

/** Every limit that the cgroups' files are asked for is there before the first process is, controllers before limits. */
const limitsAreSet: Rule = (plan, { spec, facts }) => {
  const steps = boxSteps(plan);
  const path = spec.linux?.cgroupsPath;
  const cgroups = facts.cgroups.writable || path !== undefined ? containerCgroups(facts.cgroups, path, "web") : [];
  const delegated = facts.uid !== 0 || facts.inUserNamespace;
  const { writes } = limitsOf(spec.linux?.resources ?? {}, cgroups, { prefix: "linux.resources.", delegated });
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

/** Whoever becomes the program is in its class, and what is counted of it, before it is in anything of the container. */
const classIsEntered: Rule = (plan, { spec, facts }) => {
  const { closID, enableMonitoring } = spec.linux?.intelRdt ?? {};
  if (spec.linux?.intelRdt === undefined) return [];
  const mount = facts.resctrl?.mount;
  const group = closID === "/" ? mount : `${mount}/${closID ?? "web"}`;
  const [box, child] = [boxSteps(plan), childSteps(plan)];
  const wanted = enableMonitoring === true ? [group, `${group}/mon_groups/web`] : [group];
  const enters = (path: string | undefined) => (one: Placed) => {
    const opened = child.find(call("openat", "AT_FDCWD", `${path}/tasks`))?.step.out;
    return one.step.call === "write" && one.step.args[1] === "0" && sameSlot(one.step.args[0], opened);
  };
  const later = (one: Placed): boolean => ["execve", "setns", "clone"].includes(one.step.call) || attaching(one);
  return [
    ...wanted.flatMap((path) => precedes(child, enters(path), later, `comes before ${path} is entered`)),
    ...(wanted[1] === undefined ? [] : precedes(child, enters(wanted[0]), enters(wanted[1]), "takes it out of its class")),
    ...endsBefore(box, ({ step }) => step.origin === "linux.intelRdt", call("clone3"), "comes after the first process"),
  ];
};

/**
 * A device leaves the host only once all are known to be there and their names to be free, for the namespace of a child of
 * box; its addresses are read before that. Who receives it has its network namespace and does so before anything is mounted.
 */
const devicesMoveOnce: Rule = (plan, container) => {
  const { spec } = container;
  const wanted = Object.keys(spec.linux?.netDevices ?? {});
  const [box, child] = [boxSteps(plan), childSteps(plan)];
  const { sync } = handedIn(container);
  const about = ({ step }: Placed): boolean => step.origin.startsWith("linux.netDevices");
  const asks = (text: string) => (one: Placed) => about(one) && one.step.call === "write" && one.step.why.startsWith(text);
  const looks = (one: Placed): boolean => about(one) && call("ioctl", undefined, ["SIOCGIFINDEX"])(one);
  const [moves, found, free] = [
    box.filter(asks("move ")),
    box.filter(looks),
    child.filter((one) => looks(one) && one.step.expect?.value === -1),
  ];
  const tells = (one: Placed): boolean => about(one) && call("write", sync, "n")(one);
  const counted = (what: string, steps: readonly Placed[]): string[] =>
    steps.length === wanted.length ? [] : [`netDevices: ${steps.length} of ${wanted.length} ${what}`];
  return [
    ...counted("are moved", moves),
    ...counted("are looked for", found),
    ...counted("names are looked at", free),
    ...precedes(box, call("read", plan.box.sync), asks("move "), "comes before the names are known to be free"),
    ...endsBefore(box, looks, asks("move "), "comes when another device has been moved"),
    ...moves.flatMap((move) =>
      precedes(
        box,
        (one) => one.step.origin === move.step.origin && asks("read the addresses")(one),
        (one) => one === move,
        "loses addresses",
      ),
    ),
    ...endsBefore(child, (one) => free.includes(one), tells, "comes after box was told that the names are free"),
    ...precedes(child, tells, asks("set up"), "sets up what is not there"),
    ...endsBefore(child, about, attaching, "comes after the first mount"),
  ];
};

/** What must have happened by the time the program runs (CVE-2024-21626 among it). */
const endsClean: Rule = (plan, container) => {
  const { spec, facts, filtered } = container;
  const { sync, end, preserved } = handedIn(container);
  const steps = childSteps(plan).filter(({ hook }) => !hook);
  const runs = runsProgram;
  // Not by a flag for execve, which looks its file up first. What was handed stays, but leads nowhere and is close-on-exec.
  const closesBelow = call("close_range", ARENA_FD, sync - 1, []);
  const closesAbove = call("close_range", end, 0xffffffff, []);
  // The first thing of all is to close what came from box.
  const begun = steps.findIndex(closesAbove) + 1;
  const closed = steps.findIndex((one, index) => index >= begun && closesAbove(one));
  const walks = (one: Placed): boolean =>
    runs(one) ||
    (one.step.call === "chdir" && one.step.args[0] !== "/") ||
    call("faccessat2", "AT_FDCWD", undefined, ["X_OK"])(one) ||
    (isHook(one.step) && one.step.origin.startsWith("hooks.startContainer["));
  const open = "comes before other descriptors are closed";
  const inside = (one: Placed): boolean => one.step.expect?.value === 0x2f && one.step.args[3] === 0xff;
  const unblocks = (one: Placed): boolean =>
    call("rt_sigprocmask", ["SIG_SETMASK"])(one) && (one.step.args[1] as unknown as Uint8Array).every((byte) => byte === 0);
  const lastChange = steps.findLastIndex((one) => one.step.call === "chdir" || one.step.call === "fchdir");
  const limits = steps.findIndex(call("prlimit64"));
  const umask = spec.process?.user.umask ?? 0o022;
  return [
    ...(steps.some(runs) ? [] : ["execve: nothing is executed"]),
    ...new Set([
      ...(preserved > 0 ? [] : precedes(steps, closesBelow, walks, open)),
      ...precedes(steps.slice(begun), closesAbove, walks, open),
    ]),
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
    ...(steps.at(-1)?.step.call === "execve" ? [] : ["execve: something comes after it"]),
    ...(filtersEarly(container) ? [] : filtersLast(steps, filtered === true)),
  ];
};
const filters = call("seccomp", ["SECCOMP_SET_MODE_FILTER"]);
/** Before init waits for start, and before it runs hooks. */
const filtersEarly = ({ asks, launch, spec, execIn }: Container): boolean =>
  asks === true && (launch?.way === "created" || (execIn === undefined && (spec.hooks?.startContainer ?? []).length > 0));

/** What is no call may come between it and execve. */
function filtersLast(steps: readonly Placed[], filtered: boolean): string[] {
  const made = steps.filter(({ step, hook }) => step.call !== "compute" && !hook);
  return made.findIndex(filters) === (filtered ? made.length - 2 : -1) ? [] : ["seccomp: it is not the last but one"];
}

/**
 * With an agent, loading the filter is followed by no call of init's until a thread that was made before has handed the
 * listener to box, and box has told the agent. Without, nothing of that is there.
 */
const agentIsTold: Rule = (plan, container) => {
  const { sync } = handedIn(container);
  const steps = childSteps(plan);
  const box = boxSteps(plan);
  const cloned = ({ step }: Placed): Struct => asStruct(((step.args[0] as Address).address as Buffer).initial as Struct);
  const threads = steps.filter((one) => one.step.call === "clone3" && inStruct(cloned(one), "flags", "CLONE_THREAD"));
  const listening = steps.filter((one) => filters(one) && flagged(one.step.args[1], "SECCOMP_FILTER_FLAG_NEW_LISTENER"));
  const ofAgent = box.filter(({ step }) => step.origin === "linux.seccomp.listenerPath");
  if (container.asks !== true) return [...threads, ...listening, ...ofAgent].map((one) => say(one, "is for an agent, and there is none"));
  const [thread, filter] = [threads[0], listening[0]];
  if (thread === undefined || filter === undefined) return ["seccomp: there is no thread, or no listener"];
  const wait = steps[steps.indexOf(filter) + 1]?.step;
  const goes = wait?.equal?.steps.map((one) => [one.call, one.goto]);
  const tid = cloned(thread).child_tid as Buffer;
  const waits =
    wait?.call === "compute" &&
    wait.goto !== undefined &&
    wait.goto === wait.label &&
    wait.equal?.value === 0 &&
    same(goes, [["compute", steps[steps.indexOf(filter) + 3]?.step.label]]) &&
    steps[steps.indexOf(filter) + 3]?.step.call === "compute" &&
    (wait.args[0] as Slot).place === tid.place;
  const own = thread.step.equal?.steps ?? [];
  const order = (list: readonly Step[], ...names: readonly Step["call"][]): boolean =>
    same(
      list.map((one) => one.call).filter((name) => name !== "compute"),
      names,
    );
  const first = own[0];
  const sendsWhatIsLoaded = first?.call === "compute" && sameSlot(first.args[0], filter.step.out);
  const told = ofAgent.map(({ step }) => step);
  return [
    ...(waits ? [] : [say(filter, "init does not wait for the end of the thread, or calls something")]),
    ...["CLONE_VM", "CLONE_FILES", "CLONE_CHILD_CLEARTID"]
      .filter((flag) => !inStruct(cloned(thread), "flags", flag))
      .map((flag) => say(thread, `lacks ${flag}`)),
    ...precedes(
      steps,
      (one) => one === thread,
      (one) => filters(one) || one.step.call === "prlimit64",
      "comes before the thread is made",
    ),
    ...(sendsWhatIsLoaded && order(own, "sendmsg", "close", "read", "exit") ? [] : [say(thread, "it does not send the listener")]),
    ...own.filter((one) => (one.call === "sendmsg" || one.call === "read") && one.args[0] !== sync).map(printStep),
    ...(order(told, "recvmsg", "socket", "setsockopt", "connect", "sendmsg", "close", "close", "write")
      ? []
      : ["box: it does not tell the agent before it lets init go on"]),
  ];
};

const words = (names: readonly string[] | undefined): number[] => {
  const bits = (names ?? []).map((name) => BigInt(capabilities[name as CapabilityName]));
  const all = bits.reduce((sum, bit) => sum | (1n << bit), 0n);
  return [Number(all & 0xffffffffn), Number(all >> 32n)];
};

/** Capabilities are those of the configuration, none inheritable or ambient unless it says so (CVE-2022-29162). */
const capabilitiesAsAsked: Rule = (plan, container) => {
  const { spec, facts, filtered } = container;
  const sets = spec.process?.capabilities ?? {};
  const steps = childSteps(plan);
  // For the filter of system calls; it is neither inheritable nor ambient, so execve takes it away.
  const more = filtered === true && spec.process?.noNewPrivileges !== true ? ["CAP_SYS_ADMIN"] : [];
  const set = steps.filter((one) => one.certain && one.step.call === "capset");
  const [e0 = 0, e1 = 0] = words([...(sets.effective ?? []), ...more]);
  const [p0 = 0, p1 = 0] = words([...(sets.permitted ?? []), ...more]);
  const [i0 = 0, i1 = 0] = words(sets.inheritable);
  const wanted = [...new Uint8Array(new Uint32Array([e0, p0, i0, e1, p1, i1]).buffer)];
  const [pe0 = 0, pe1 = 0] = words(sets.effective);
  const [pp0 = 0, pp1 = 0] = words(sets.permitted);
  const plain = [...new Uint8Array(new Uint32Array([pe0, pp0, i0, pe1, pp1, i1]).buffer)];
  // What an early filter took is given up again at once.
  const gives = filtersEarly(container) && more.length > 0;
  const given = set.map(({ step }) => [...(step.args[1] as unknown as Uint8Array)]);
  const right = same(given, gives ? [wanted, plain] : [wanted]);
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
    ...precedes(steps, call("prctl", ["PR_CAP_AMBIENT"], 4), runsProgram, "runs with ambient capabilities that were inherited"),
    ...precedes(steps, call("prctl", ["PR_SET_KEEPCAPS"], 1), becomes, "loses the capabilities that are to be kept"),
    ...precedes(steps, becomes, (one) => one.step.call === "capset" || runsProgram(one), "comes before the user is changed"),
    ...endsBefore(steps, call("prctl", ["PR_CAPBSET_DROP"]), becomes, "comes when it is no longer allowed"),
    ...precedes(steps, call("prctl", ["PR_SET_KEEPCAPS"], 0), runsProgram, "keeps capabilities over later changes"),
  ];
};

/**
 * Without root the groups are given up before box maps them (CVE-2014-8989), and the map of groups comes first. Box itself then
 * maps nothing but the own id; for anything else newuidmap and newgidmap are asked, for just what the configuration says.
 */
const groupsAreGivenUp: Rule = (plan, { spec, facts }) => {
  const steps = boxSteps(plan);
  const opens = (name: string) => (one: Placed) => one.step.call === "openat" && one.step.args[1] === name;
  const writes = (text: string) => (one: Placed) => one.step.call === "write" && one.step.args[1] === text;
  const runs = (name: string) => (one: Placed) => one.step.call === "execve" && String(one.step.args[0]).endsWith(`/${name}`);
  const mapsGroups = (one: Placed): boolean => opens("gid_map")(one) || runs("newgidmap")(one);
  const mapsUsers = (one: Placed): boolean => opens("uid_map")(one) || runs("newuidmap")(one);
  if (!steps.some((one) => mapsGroups(one) || mapsUsers(one))) return [];
  const first = steps.findIndex(mapsGroups);
  const early = steps.find((one, index) => index < first && mapsUsers(one));
  return [
    ...(facts.uid === 0 ? [] : precedes(steps, writes("deny"), opens("gid_map"), "comes before groups are given up")),
    ...(early === undefined && first >= 0
      ? []
      : [early === undefined ? "gid_map: it is not written" : say(early, "comes before the map of groups")]),
    ...(facts.uid === 0 ? [] : mapsAsAllowed(steps, "uid", spec.linux?.uidMappings, facts.uid)),
    ...(facts.uid === 0 ? [] : mapsAsAllowed(steps, "gid", spec.linux?.gidMappings, facts.gid)),
  ];
};

function mapsAsAllowed(steps: readonly Placed[], kind: "uid" | "gid", list: readonly IdMapping[] = [], own: number): string[] {
  const name = `new${kind}map`;
  const ownAlone = list.length === 1 && list[0]?.size === 1 && list[0].hostID === own;
  const bySelf = steps.some(({ step }) => step.call === "openat" && step.args[1] === `${kind}_map`);
  if (ownAlone !== bySelf) return [`${kind}_map: it is written by ${bySelf ? "box" : name}`];
  if (ownAlone) return [];
  const given = steps.flatMap(({ step: { call: what, out, args } }) => {
    const [value] = args;
    const named = what === "compute" && out?.slot.endsWith(` of ${name}`) === true && typeof value === "object" && value !== null;
    return named ? ["text" in value ? (value as unknown as Text).text : "PID"] : [];
  });
  const wanted = [name, "PID", ...list.flatMap(({ containerID, hostID, size }) => [containerID, hostID, size].map(String))];
  return same(given, wanted) ? [] : [`${name}: is asked for ${given.join(" ")}`];
}

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
  const groups =
    spec.linux?.intelRdt === undefined ? [] : steps.filter((one) => one.step.origin === "linux.intelRdt" && one.step.call === "mkdirat");
  return [
    // What is made and removed with the container was nobody's before.
    ...groups
      .filter(({ step }) => step.args[1] !== `${facts.resctrl?.mount}/${spec.linux?.intelRdt?.closID}`)
      .flatMap((one) =>
        precedes(
          steps,
          ({ step }) => step.call === "statx" && step.args[1] === one.step.args[1] && step.expect?.value === -1,
          recorded,
          `claims ${one.step.args[1]} before it is known to be unused`,
        ),
      ),
    ...precedes(steps, recorded, (one) => makes(one) || one.step.call === "clone3", "comes before the state is written"),
    ...unknown.map((one) => say(one, "makes a cgroup that the state does not name")),
    ...known.flatMap(({ path }) =>
      precedes(steps, call("openat", "AT_FDCWD", `${path}/cgroup.procs`), recorded, `claims ${path} before it is known to be unused`),
    ),
  ];
};

/** What is made in the root has the mode that is written, and all of it is made before the root is read-only. */
const rootIsFilledFirst: Rule = (plan, { spec, launch }) => {
  const noPivot = launch?.noPivot === true;
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
      (one) => call("pivot_root")(one) || call("chroot", ".")(one),
      "comes after the root is entered",
    ),
    ...(spec.root.readonly === true && !joined && !steps.some(seals) ? ["root: it is not made read-only"] : []),
    ...(joined ? [] : precedes(steps, noPivot ? call("chroot", ".") : letsGo, runsProgram, "still sees the host's mounts")),
    // Where the host's mounts cannot go, what shows the host does.
    ...(joined || !noPivot
      ? []
      : [
          ...["/proc", "/sys"].flatMap((path) => precedes(steps, dropsHost(path), movesOver, `leaves the host's ${path}`)),
          ...precedes(steps, movesOver, call("chroot", "."), "leads to what is not the root of its mount namespace"),
        ]),
  ];
};
const letsGo = call("umount2", ".", ["MNT_DETACH"]);
const movesOver = call("mount", ".", "/", null, ["MS_MOVE"]);
const entersRoot = (one: Placed): boolean => call("pivot_root")(one) || movesOver(one);
const setsPropagation = ({ step }: Placed): boolean => step.origin === "linux.rootfsPropagation";

/** Every descriptor that a step uses has been opened by then, on every path. */
const descriptorsExist: Rule = (plan) => {
  const [context, program, start] = plan.explanations;
  const { faults } = proveSlots({
    variables: plan.childVariables.variables,
    steps: plan.child.flatMap(({ steps }) => steps),
    explanations: { context: context.steps, program: program.steps, start: start.steps },
    given: [],
    optional: [],
  });
  return faults.map(({ step, slot, fault }) => `${printStep(step)}: ${slot} is ${fault}`).sort();
};

export const rules = {
  pathsStayInside,
  mountsByDescriptor,
  filesystemsInOwnFolder,
  descriptorsClose,
  untraceable,
  hostMountsStay,
  masksAreVerified,
  terminalIsOwn,
  cgroupsFirst,
  procIsVerified,
  labelsAreWritten,
  mountsAreLabelled,
  devicesAreLimited,
  limitsAreSet,
  devicesMoveOnce,
  classIsEntered,
  endsClean,
  agentIsTold,
  capabilitiesAsAsked,
  groupsAreGivenUp,
  stateComesFirst,
  rootIsFilledFirst,
  hooksRunAsAsked,
  hooksRunInTime,
  waitsForStart,
  descriptorsExist,
} satisfies Record<string, Rule>;

/** Those that a process of exec keeps too: what it joins has been made before. */
export const execRules = {
  pathsStayInside,
  mountsByDescriptor,
  descriptorsClose,
  untraceable,
  hostMountsStay,
  terminalIsOwn,
  cgroupsFirst,
  endsClean,
  agentIsTold,
  capabilitiesAsAsked,
  procIsVerified,
  labelsAreWritten,
  descriptorsExist,
} satisfies Record<string, Rule>;
