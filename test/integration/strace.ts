// A run as strace saw it, and whether it is what a printed plan says: strace's lines become calls, the plan's steps
// become a graph, and the calls of each process are followed through it. Where a step branches, the result that strace
// shows decides; a computation makes no call, so all its ways are kept until the calls leave one.
// Left out on purpose: contents that the plan does not print either (addresses of variables, bytes of a constant).

import { capabilities } from "../../src/linux/capabilities.ts";
import { flags } from "../../src/linux/flags.ts";
import { signals } from "../../src/linux/signals.ts";
import { type ArgKind, type CallName, syscalls } from "../../src/linux/syscalls.ts";
import type { PlannedStep } from "../../src/plan/print-plan.ts";
import { ARENA_FD, STATUS_ADDRESS, STATUS_BYTES, TAPE_ADDRESS, TAPE_BYTES_MAX, TAPE_FILE_OFFSET } from "../../src/tape/layout.ts";

export type Call = {
  readonly pid: number;
  readonly name: string;
  readonly args: readonly string[];
  /** Undefined where strace shows none: the call never returned. A process by the number that strace knows it by. */
  readonly result: number | undefined;
  readonly errno: string | undefined;
  /** As strace wrote it. */
  readonly text: string;
};

const opening = "([{";
const closing = ")]}";

/** The parts between commas from `from` to the bracket that closes what was open there, and where that is. */
function splitParts(text: string, from: number): { parts: string[]; end: number } {
  const parts: string[] = [];
  let depth = 0;
  let start = from;
  let quoted = false;
  let at = from;
  for (; at < text.length; at++) {
    const char = text[at] as string;
    if (quoted) {
      if (char === "\\") at++;
      else if (char === '"') quoted = false;
    } else if (char === '"') quoted = true;
    else if (opening.includes(char)) depth++;
    else if (closing.includes(char) && --depth < 0) break;
    else if (char === "," && depth === 0) {
      parts.push(text.slice(start, at).trim());
      start = at + 1;
    }
  }
  const last = text.slice(start, at).trim();
  return { parts: last === "" && parts.length === 0 ? [] : [...parts, last], end: at };
}

/** Every call of a trace in the order in which it began, all threads mixed. Signals and exits are left out. */
export function parseTrace(trace: string): Call[] {
  const calls: (Call | { readonly pid: number; readonly begun: string })[] = [];
  const unfinished = new Map<number, number>();
  const handlers = new Map<number, number>();
  for (const line of trace.split("\n")) {
    const [, first = "", text = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const pid = Number(first);
    const depth = handlers.get(pid) ?? 0;
    // With SIGPWR Bun stops its own threads: what its handler does is no part of the thread's way.
    if (text.startsWith("--- SIGPWR ")) handlers.set(pid, depth + 1);
    else if (depth > 0) {
      if (text.startsWith("rt_sigreturn(")) handlers.set(pid, depth - 1);
    } else if (text.endsWith(" <unfinished ...>"))
      unfinished.set(pid, calls.push({ pid, begun: text.slice(0, -" <unfinished ...>".length) }) - 1);
    else if (text.startsWith("<... ")) {
      const index = unfinished.get(pid);
      const begun = index === undefined ? undefined : calls[index];
      if (index === undefined || begun === undefined || !("begun" in begun)) throw new Error(`strace: resumed but never begun: ${line}`);
      calls[index] = parseCall(pid, begun.begun + text.replace(/^<\.\.\. \w+ resumed>/, ""));
      unfinished.delete(pid);
    } else if (/^\w+\(/.test(text)) calls.push(parseCall(pid, text));
  }
  // Begun again after a signal: the second time counts.
  return calls
    .map((one) => ("begun" in one ? parseCall(one.pid, `${one.begun}) = ?`) : one))
    .filter(({ errno }) => !errno?.startsWith("ERESTART"));
}

function parseCall(pid: number, text: string): Call {
  const open = text.indexOf("(");
  const { parts, end } = splitParts(text, open + 1);
  const [, result = "?", errno, outside] =
    /^\)\s+= (\S+)(?: (E[A-Z0-9]+)| \/\* (\d+) in strace's PID NS \*\/)?/.exec(text.slice(end)) ?? [];
  return { pid, name: text.slice(0, open), args: parts, result: result === "?" ? undefined : Number(outside ?? result), errno, text };
}

const machine = process.arch === "arm64" ? "arm64" : "x64";
/** Names that strace writes and box's tables need not know. */
const otherNames = {
  AT_STATX_SYNC_AS_STAT: 0,
  CLOCK_REALTIME: 0,
  IPPROTO_IP: 0,
  NETLINK_ROUTE: 0,
  KEY_POS_VIEW: 0x0100_0000,
  KEY_POS_READ: 0x0200_0000,
  KEY_POS_WRITE: 0x0400_0000,
  KEY_POS_SEARCH: 0x0800_0000,
  KEY_POS_LINK: 0x1000_0000,
  KEY_POS_SETATTR: 0x2000_0000,
  KEY_USR_VIEW: 0x0001_0000,
  KEY_USR_READ: 0x0002_0000,
  KEY_USR_SEARCH: 0x0008_0000,
  KEY_USR_LINK: 0x0010_0000,
  SFD_CLOEXEC: flags.O.O_CLOEXEC,
  SFD_NONBLOCK: flags.O.O_NONBLOCK,
  SEEK_SET: 0,
  SIG_DFL: 0,
  SUID_DUMP_DISABLE: 0,
  _LINUX_CAPABILITY_VERSION_3: 0x20080522,
} as const;
const numbers = new Map<string, bigint>();
for (const group of [...Object.values(flags), capabilities, signals, otherNames])
  for (const [name, value] of Object.entries(group)) numbers.set(name, BigInt(typeof value === "number" ? value : value[machine]));

/** The number that a text stands for: names or-ed, octal, hexadecimal, a product, a device; undefined if it is none. */
function numberOf(text: string): bigint | undefined {
  const bare = text.replace(/\/\*.*?\*\//g, "").trim();
  if (bare === "NULL" || bare === "[]") return 0n;
  const device = /^makedev\((\w+), (\w+)\)$/.exec(bare);
  if (device !== null) return (BigInt(device[1] as string) << 32n) + BigInt(device[2] as string);
  let sum = 0n;
  for (const term of bare.split("|")) {
    let product = 1n;
    for (const factor of term.split("*")) {
      const value = numbers.get(factor) ?? plainNumber(factor);
      if (value === undefined) return undefined;
      product *= value;
    }
    sum |= product;
  }
  return sum;
}

function plainNumber(text: string): bigint | undefined {
  if (/^0[0-7]+$/.test(text)) return BigInt(`0o${text.slice(1)}`);
  if (/^-\d+$/.test(text)) return -BigInt(text.slice(1));
  return /^(\d+|0x[0-9a-f]+)$/.test(text) ? BigInt(text) : undefined;
}

/** -1 and 4294967295 are the same to a call that takes 32 bits. */
const sameNumber = (one: bigint, other: bigint | undefined): boolean =>
  other !== undefined && (one === other || ((one < 0n || other < 0n) && BigInt.asUintN(32, one) === BigInt.asUintN(32, other)));

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", v: "\v", f: "\f" };
/** The bytes of a string in quotes, as strace or as a plan writes it. */
const bytesOf = (quoted: string): string =>
  Buffer.from(quoted.slice(1, -1))
    .toString("latin1")
    .replace(/\\(?:([0-7]{1,3})|x([0-9a-f]{2})|u\{([0-9a-f]+)\}|(.))/g, (_, octal, hex, code, char) => {
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      if (code !== undefined) return Buffer.from(String.fromCodePoint(Number.parseInt(code, 16))).toString("latin1");
      return escapes[char] ?? char;
    });

/** Descriptors and texts in quotes, by the names that the plan gives them. */
type Known = ReadonlyMap<string, number | string>;

type Planned = { readonly name: string; readonly args: readonly string[]; readonly out: string | undefined };
const parsed = new Map<string, Planned>();

/** A step's text as parts. */
function parseStep({ call, text }: PlannedStep): Planned {
  const before = parsed.get(text);
  if (before !== undefined) return before;
  const args = call === "compute" ? [] : joinNames(splitParts(text, text.indexOf("(") + 1).parts, syscalls[call as CallName].args.length);
  const made: Planned = { name: call, args, out: / → (.*)$/.exec(text)?.[1] };
  parsed.set(text, made);
  return made;
}

const isName = (part: string): boolean => !/^["&{[]/.test(part) && numberOf(part) === undefined;

/** Names of variables may hold commas; how many arguments the call takes says whether some do. */
function joinNames(parts: readonly string[], count: number): string[] {
  const args: string[] = [];
  for (const [index, part] of parts.entries()) {
    const last = args.at(-1);
    const rest = parts.length - index;
    if (last !== undefined && args.length + rest > count && isName(last) && isName(part)) args[args.length - 1] = `${last}, ${part}`;
    else args.push(part);
  }
  return args;
}

/** What is known after a call that may be this step, or undefined: it is not. */
function fits(planned: Planned, call: Call, known: Known): Known | undefined {
  if (planned.name !== call.name) return undefined;
  const kinds: readonly ArgKind[] = syscalls[planned.name as CallName].args;
  const seen = call.name === "clone" ? orderCloneArgs(call.args) : call.args;
  const learnt = new Map(known);
  // strace leaves out what a call does not read, such as the mode of a file that is there.
  const all = planned.args.every((arg, index) => argFits(arg, kinds[index] as ArgKind, seen[index] ?? "0", learnt));
  if (!all || seen.length > planned.args.length) return undefined;
  if (planned.out !== undefined) {
    if (call.result !== undefined && call.errno === undefined) learnt.set(planned.out, call.result);
    else learnt.delete(planned.out);
  }
  // Another step may open something else under that name, in a place that no result shows.
  if (call.name === "close" && call.errno === undefined) learnt.delete(planned.args[0] ?? "");
  return learnt;
}

/** strace names them: `child_stack=NULL, flags=CLONE_PARENT, parent_tid=[7]`. */
function orderCloneArgs(args: readonly string[]): string[] {
  const named = new Map(args.map((arg): [string, string] => [arg.slice(0, arg.indexOf("=")), arg.slice(arg.indexOf("=") + 1)]));
  return ["flags", "child_stack", "parent_tid", "child_tidptr", "tls"].map((name) => named.get(name) ?? "NULL");
}

function argFits(planned: string, kind: ArgKind, shown: string, known: Map<string, number | string>): boolean {
  // A struct that the call changed: `before => after`.
  const seen = shown.split(" => ")[0] as string;
  if (planned.startsWith('"')) return seen.startsWith('"') && bytesOf(planned) === bytesOf(seen);
  if (planned.startsWith("[")) return listFits(planned, seen);
  if (planned.startsWith("{")) return structFits(planned, seen);
  if (planned.startsWith("&") || / bytes$/.test(planned)) return seen !== "NULL";
  if (planned === seen) return true;
  const value = numberOf(planned);
  // Some requests of ioctl share a number: `SNDCTL_TMR_TIMEBASE or TCGETS`.
  if (value !== undefined) return seen.split(" or ").some((name) => sameNumber(value, numberOf(name)));
  const before = known.get(planned);
  if (typeof before === "string") return seen.startsWith('"') && bytesOf(before) === bytesOf(seen);
  if (kind !== "fd") return true;
  if (before === undefined) known.set(planned, Number(seen));
  return before === undefined || before === Number(seen);
}

/** Lists of strings; the plan shows the first of a long one and how many more there are. */
function listFits(planned: string, seen: string): boolean {
  if (!seen.startsWith("[")) return false;
  const [wanted, got] = [splitParts(planned, 1).parts, splitParts(seen, 1).parts];
  const more = Number(/^… (\d+) more$/.exec(wanted.at(-1) ?? "")?.[1] ?? 0);
  const shown = more === 0 ? wanted : wanted.slice(0, -1);
  return got.length === shown.length + more && shown.every((one, index) => bytesOf(one) === bytesOf(got[index] as string));
}

/** Fields that one of the two leaves out are 0. */
function structFits(planned: string, seen: string): boolean {
  if (!seen.startsWith("{")) return false;
  const fieldsOf = (text: string, between: string): Map<string, string> =>
    new Map(splitParts(text, 1).parts.map((field) => field.split(between, 2) as [string, string]));
  const [wanted, got] = [fieldsOf(planned, ": "), fieldsOf(seen, "=")];
  const names = [...new Set([...wanted.keys(), ...got.keys()])];
  return names.every((name) => argFits(wanted.get(name) ?? "0", "int", got.get(name) ?? "0", new Map()));
}

/** Where a process may go on: another step, or `end`, where the plan has nothing more to say. */
type Target = Node | "end";
type Node = {
  readonly step: PlannedStep;
  readonly planned: Planned;
  readonly next: Target;
  readonly branches: ReadonlyMap<string, Target>;
  readonly around: Around;
  /** Calls that may come before it, none of the plan's. */
  readonly gap: ((call: Call) => boolean) | undefined;
};

/** Ways that the plan does not print with each step. */
type Around = {
  /** Where an error may lead that the step has no branch for, other than to the next step. */
  readonly failures: readonly Target[];
  /** What the steps of one tape that go elsewhere call it. */
  readonly labels: Map<string, Target>;
};
const around = (...failures: readonly Target[]): Around => ({ failures, labels: new Map() });

/** The step after `node`, or the one that it goes to; none where the plan has no step of that name. */
function nextOf({ step, next, around: { labels } }: Node): readonly Target[] {
  if (finishes(step)) return ["end"];
  if (step.goto === undefined) return [next];
  const there = labels.get(step.goto);
  return there === undefined ? [] : [there];
}

type Tree = { readonly step: PlannedStep; readonly branches: Map<string, Tree[]>; readonly gap?: Node["gap"] };

/** The plan's list as trees: each step with the steps that hang on it. */
function growTrees(steps: readonly PlannedStep[]): Tree[] {
  const trees = new Map<number, Tree>();
  const top: Tree[] = [];
  for (const step of steps) {
    const tree: Tree = { step, branches: new Map() };
    trees.set(step.number, tree);
    if (step.of === undefined) top.push(tree);
    else {
      const branches = trees.get(step.of)?.branches;
      const when = step.when ?? "";
      branches?.set(when, [...(branches.get(when) ?? []), tree]);
    }
  }
  return top;
}

/** The way into these steps, which go on with `after`. */
function link(trees: readonly Tree[], after: Target, of: Around): Target {
  let target = after;
  for (const { step, branches, gap } of trees.toReversed()) {
    const next = target;
    const ways = [...branches].map(([when, inner]): [string, Target] => [when, link(inner, next, of)]);
    target = { step, planned: parseStep(step), next, branches: new Map(ways), around: of, gap };
    if (step.label !== undefined) of.labels.set(step.label, target);
  }
  return target;
}

/** What follows is not a tape's to do: box goes on in TypeScript, about which the plan says nothing. */
const finishes = ({ label, section }: PlannedStep): boolean => label === "hand over" && section === waiting;

const stageStep = (call: CallName, args: string): Tree => ({
  step: { number: 0, actor: "stage", section: "the stage itself", call, text: `${call}(${args})`, origin: "box", why: "" },
  branches: new Map(),
});
/** What the stage does before and after its tape, which no plan shows. */
const stageBegins = [
  stageStep("mmap", `${TAPE_ADDRESS}, ${TAPE_BYTES_MAX}, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED, ${ARENA_FD}, ${TAPE_FILE_OFFSET}`),
  stageStep("mmap", `${STATUS_ADDRESS}, ${STATUS_BYTES}, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_FIXED, ${ARENA_FD}, 0`),
];
const stageFails = [stageStep("exit_group", "125")];

const explained = ["when a mount fails", "when the program cannot be executed", "when start fails"];
const supervised = "while the container runs";
const handedOver = "what a tape cannot finish";
const waiting = "wait for its end";

type Ways = {
  readonly box: Target;
  readonly child: Target;
  readonly init: Target | undefined;
  /** Of the processes that become hooks, in the order in which their parents make them. */
  /** Of the thread that hands an agent's listener to box. */
  readonly thread: Target | undefined;
  readonly hooks: { readonly box: readonly Target[]; readonly init: readonly Target[] };
};

/** The ways of box, of the child it makes, and of init where the child is a helper that makes it. */
function linkPlan(steps: readonly PlannedStep[], started: boolean): Ways {
  const top = growTrees(steps);
  const sectionOf = (title: string): Tree[] => top.filter(({ step }) => step.section === title);
  const stop = link(stageFails, "end", around());
  const inChild = around(stop, ...explained.map((title) => link(sectionOf(title), stop, around())));
  const child = top.filter(({ step }) => step.actor !== "box" && !explained.includes(step.section));
  const clone = top.find(({ step }) => step.call === "clone3");
  const begin = [...(clone?.branches.get("in the child") ?? []), ...stageBegins];
  const makesInit = child.findIndex(({ step }) => step.call === "clone");
  const inInit = child[makesInit]?.branches.get("in the child");
  const own = top.filter(({ step }) => step.actor === "box" && step.section !== supervised && step.section !== handedOver);
  // A start that failed is undone by TypeScript, which the plan says nothing about.
  const until = started ? own.length : own.findLastIndex(({ step }) => step.section === "let it run") + 1;
  const thread = child.find(isThread)?.branches.get("in the child");
  const childWay = link([...begin, ...child], stop, inChild);
  return {
    box: link(withGaps(own.slice(0, until)), started ? linkSupervisor(sectionOf(supervised), sectionOf(handedOver)) : "end", around()),
    child: childWay,
    init: inInit === undefined ? undefined : link(inInit, stop, inChild),
    thread: thread === undefined ? undefined : link(thread, "end", around(stop)),
    hooks: { box: hooksAmong(own), init: hooksAmong(child) },
  };
}

const isHook = ({ step }: Tree): boolean => step.call === "clone3" && step.origin.startsWith("hooks.");
const isThread = ({ step }: Tree): boolean => step.call === "clone3" && step.origin === "linux.seccomp.listenerPath";
const hooksAmong = (trees: readonly Tree[]): Target[] =>
  trees.filter(isHook).map(({ branches }) => {
    const failure = link(branches.get("in the child, on failure") ?? [], "end", around());
    return link(branches.get("in the child") ?? [], "end", around(failure));
  });

/** Between its sections box runs TypeScript, and Bun does its own work. */
const withGaps = (trees: readonly Tree[]): Tree[] =>
  trees.map((tree, index) => {
    const before = trees[index - 1]?.step.section;
    if (before === tree.step.section) return tree;
    return { ...tree, gap: before === undefined ? (call: Call) => !changesMachine(call) : isBuns };
  });

function linkSupervisor(loop: readonly Tree[], handOver: readonly Tree[]): Target {
  const failures: Target[] = [];
  const tape: Around = { failures, labels: new Map() };
  const last = link(handOver, "end", tape);
  failures.push(last);
  return link(stageBegins, link(loop, last, tape), around());
}

const harmless = new Set([
  "brk",
  "clock_gettime",
  "clock_nanosleep",
  "epoll_ctl",
  "epoll_pwait",
  "epoll_pwait2",
  "epoll_wait",
  "futex",
  "getpid",
  "gettid",
  "madvise",
  "membarrier",
  "mprotect",
  "munmap",
  "nanosleep",
  "rt_sigaction",
  "rt_sigprocmask",
  "sched_getaffinity",
  "sched_yield",
  "sigaltstack",
]);

/** What Bun does with its own memory and threads, and one look of box at whether the helper's child is its own. */
function isBuns({ name, args, text }: Call): boolean {
  if (name === "mmap") return text.includes("MAP_ANONYMOUS");
  if (name === "prctl") return args[0] === "PR_SET_VMA";
  if (name === "clone3") return text.includes("CLONE_THREAD");
  if (name === "waitid") return text.includes("WNOWAIT");
  return harmless.has(name) || isWakeup(name, args);
}

/** Eight bytes to an eventfd. */
const isWakeup = (name: string, args: readonly string[]): boolean => name === "write" && args[1] === '"\\1\\0\\0\\0\\0\\0\\0\\0"';

const changing = new Set([
  "bind",
  "bpf",
  "capset",
  "chdir",
  "chmod",
  "chown",
  "chroot",
  "connect",
  "execve",
  "execveat",
  "fallocate",
  "fchdir",
  "fchmod",
  "fchmodat",
  "fchown",
  "fchownat",
  "fork",
  "fsconfig",
  "fsmount",
  "fsopen",
  "ftruncate",
  "keyctl",
  "kill",
  "lchown",
  "link",
  "linkat",
  "memfd_create",
  "mkdir",
  "mkdirat",
  "mknod",
  "mknodat",
  "mount",
  "mount_setattr",
  "move_mount",
  "open_tree",
  "pidfd_send_signal",
  "pivot_root",
  "ptrace",
  "pwrite64",
  "pwritev",
  "rename",
  "renameat",
  "renameat2",
  "rmdir",
  "sendmsg",
  "sendto",
  "setdomainname",
  "setgid",
  "setgroups",
  "sethostname",
  "setns",
  "setpgid",
  "setresgid",
  "setresuid",
  "setsid",
  "setuid",
  "socket",
  "symlink",
  "symlinkat",
  "truncate",
  "umask",
  "umount2",
  "unlink",
  "unlinkat",
  "unshare",
  "utimensat",
  "vfork",
  "writev",
]);

/** Whether a call reaches beyond box's own memory, threads and descriptors. */
function changesMachine({ name, args, text }: Call): boolean {
  if (name === "write") return !isWakeup(name, args);
  if (name === "clone" || name === "clone3") return !text.includes("CLONE_THREAD");
  if (/^open(at2?)?$/.test(name)) return args.some((arg) => !arg.startsWith('"') && /\bO_(WRONLY|RDWR|CREAT|TRUNC)\b/.test(arg));
  if (name === "ioctl") return /\b(TCSET|TIOCS|SIOCS)/.test(args[1] ?? "");
  return changing.has(name);
}

/** Without what Bun reads about its own memory now and then, and box about init: the whole of each such file, from open to close. */
function withoutReadings(calls: readonly Call[]): Call[] {
  // Several at once: Bun may look at its memory while box reads about init.
  const own = new Set<string>();
  return calls.filter(({ name, args, result }) => {
    if (name === "openat" && /^"\/proc\/(self\/(statm|maps|smaps)|\d+\/status)"$/.test(args[1] ?? "")) {
      own.add(String(result));
      return false;
    }
    if (!own.has(args[0] ?? "") || !["read", "pread64", "newfstatat", "fstat", "lseek", "close"].includes(name)) return true;
    if (name === "close") own.delete(args[0] ?? "");
    return false;
  });
}

type Trail = { readonly step: PlannedStep; readonly before: Trail | undefined };
type State = { readonly target: Target; readonly known: Known; readonly trail: Trail | undefined };

/** From where computations lead, all their ways, down to steps that make a call. Of two that differ in what is known the one with less will do. */
function settle(states: readonly State[]): State[] {
  const found = new Map<Target, State[]>();
  const add = ({ target, known, trail }: State): void => {
    const there = found.get(target) ?? [];
    if (there.some((one) => isPartOf(one.known, known))) return;
    found.set(target, [...there.filter((one) => !isPartOf(known, one.known)), { target, known, trail }]);
    if (target === "end" || target.step.call !== "compute") return;
    const { planned, branches, around: of } = target;
    const rest = new Map(known);
    if (planned.out !== undefined) rest.delete(planned.out);
    const text = /^compute (".*") → /.exec(target.step.text)?.[1];
    if (planned.out !== undefined && text !== undefined) rest.set(planned.out, text);
    // What is computed of constants is known: a negative number is a failure, any other is none.
    const fails = /^compute 0 - \d+$/.test(target.step.text);
    const succeeds = /^compute (\d+|".*")( → .*)?$/.test(target.step.text);
    const ways = [...(fails ? [] : [...nextOf(target), ...branches.values()]), ...(succeeds ? [] : of.failures)];
    for (const to of ways) add({ target: to, known: rest, trail });
  };
  for (const state of states) add(state);
  return [...found.values()].flat().filter(({ target }) => target === "end" || target.step.call !== "compute");
}

const isPartOf = (less: Known, more: Known): boolean =>
  less === more || (less.size <= more.size && [...less].every(([name, number]) => more.get(name) === number));

/** Where a step leads by the result of its call. */
function waysOn(node: Node, { errno, result }: Call): readonly Target[] {
  const { branches, around: of, step: planned } = node;
  if (errno !== undefined) {
    if (planned.againOn?.some((one) => one === errno) === true) return [node];
    const branch = branches.get(errno);
    return branch === undefined ? [...nextOf(node), ...of.failures] : [branch];
  }
  const equal = branches.get(`if ${result}`);
  const way = equal ?? branches.get("done");
  return way === undefined ? nextOf(node) : [way];
}

/** The program runs, or nothing does: either way the plan is done with. */
const endsPlan = ({ name, errno }: Call): boolean => name === "exit_group" || name === "exit" || (name === "execve" && errno === undefined);

type Walk = { readonly fault: string | undefined; readonly made: readonly PlannedStep[] };

/** Follows the calls of one process from `entry` on. */
function walk(who: string, entry: Target, calls: readonly Call[]): Walk {
  let states = settle([{ target: entry, known: new Map(), trail: undefined }]);
  const refuse = (fault: string): Walk => ({ fault: `${who}: ${fault}`, made: [] });
  for (const [index, call] of calls.entries()) {
    const on: State[] = [];
    for (const state of states) {
      const { target, known, trail } = state;
      if (target === "end") return { fault: undefined, made: follow(trail) };
      if (target.gap?.(call) === true) on.push(state);
      const learnt = fits(target.planned, call, known);
      if (learnt === undefined) continue;
      const after: Trail = { step: target.step, before: trail };
      if (endsPlan(call))
        return call.name !== "execve" && index + 1 < calls.length
          ? refuse(`goes on after ${call.text}`)
          : { fault: undefined, made: follow(after) };
      const left = target.step.number === 0 ? keptOf(learnt) : learnt;
      for (const to of waysOn(target, call)) on.push({ target: to, known: left, trail: after });
    }
    if (on.length === 0) return refuse(`${describe(call)} where the plan has ${expected(states)}`);
    states = settle(on);
  }
  const ended = states.find(({ target }) => target === "end");
  return ended === undefined
    ? refuse(`nothing more where the plan has ${expected(states)}`)
    : { fault: undefined, made: follow(ended.trail) };
}

/** The stage begins a tape with variables of its own; the supervisor's tape is given the descriptors that box kept for it. */
const keptOf = (known: Known): Known => {
  const kept = /, kept$/;
  return new Map([...known].filter(([name]) => kept.test(name)).map(([name, number]) => [name.replace(kept, ""), number]));
};

function follow(trail: Trail | undefined): PlannedStep[] {
  const steps: PlannedStep[] = [];
  for (let one = trail; one !== undefined; one = one.before) if (one.step.number > 0) steps.push(one.step);
  return steps.reverse();
}

const describe = ({ text }: Call): string => text.replace(/\s+= /, " = ").slice(0, 300);
const expected = (states: readonly State[]): string =>
  [...new Set(states.map(({ target }) => (target === "end" ? "nothing" : target.step.text)))].join(" or ");

export type Comparison = {
  /** What the run did and the plan does not say, or the other way round. */
  readonly faults: readonly string[];
  /** The steps that the run made, process after process. */
  readonly made: readonly PlannedStep[];
};

/** Whether the run that strace saw (its `-v` on) is the plan's, and all of it. */
export function comparePlan(steps: readonly PlannedStep[], calls: readonly Call[]): Comparison {
  const box = calls[0]?.pid;
  const callsOf = (pid: number | undefined): Call[] => calls.filter((call) => call.pid === pid);
  const all = callsOf(box);
  // Up to here it is strace, and what was to make another user of it.
  const own = all.slice(all.findLastIndex(({ name }) => name === "execve") + 1);
  const madeBy = (list: readonly Call[], name: string): number | undefined =>
    list.find((call) => call.name === name && !call.text.includes("CLONE_THREAD"))?.result;
  const child = callsOf(madeBy(own, "clone3"));
  const init = callsOf(madeBy(child, "clone"));
  const started = [...child, ...init].some(({ name, result }) => name === "execve" && result === 0);
  const ways = linkPlan(steps, started);
  const walks = [walk("box", ways.box, withoutReadings(own)), walk(ways.init === undefined ? "init" : "stage", ways.child, child)];
  if (ways.init !== undefined) walks.push(walk("init", ways.init, init));
  const thread = (ways.init === undefined ? child : init).find(({ name, text }) => name === "clone3" && text.includes("CLONE_THREAD"));
  if (thread !== undefined || ways.thread !== undefined) walks.push(walk("thread", ways.thread ?? "end", callsOf(thread?.result)));
  walks.push(
    ...walkHooks(
      "box",
      ways.hooks.box,
      own.slice(own.findIndex(({ name, text }) => name === "clone3" && !text.includes("CLONE_THREAD")) + 1),
    ),
  );
  walks.push(...walkHooks("init", ways.hooks.init, ways.init === undefined ? child : init));
  const threads = threadsOf(calls, box);
  const stray = calls.filter((call) => threads.has(call.pid) && changesMachine(call));
  return {
    faults: [...walks.flatMap(({ fault }) => fault ?? []), ...stray.map((call) => `another thread of box: ${describe(call)}`)],
    made: walks.flatMap(({ made }) => made),
  };

  function walkHooks(who: string, hooks: readonly Target[], parent: readonly Call[]): Walk[] {
    const made = parent.filter(({ name, text }) => name === "clone3" && text.includes("CLONE_PIDFD"));
    return made.map(({ result }, index) => walk(`hook ${index} of ${who}`, hooks[index] ?? "end", callsOf(result)));
  }
}

function threadsOf(calls: readonly Call[], box: number | undefined): Set<number> {
  const threads = new Set<number>();
  for (const { pid, name, result, text } of calls)
    if (name === "clone3" && text.includes("CLONE_THREAD") && result !== undefined && (pid === box || threads.has(pid)))
      threads.add(result);
  return threads;
}
