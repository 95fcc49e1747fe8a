// Proves that a tape never uses a descriptor or an address that it does not have: each slot of kind "fd", and each int
// slot used as an address, is written on every path to a step that reads it, and not closed since. Every slot starts
// at -1, so what this finds is a step that would fail, or one whose failure nobody would notice; in buffers the danger
// is worse: the 0 left in a field for a descriptor is stdin.
//
// A forward analysis over the steps themselves, not over what the encoder makes of them: the state is the set of
// variables that are surely written, and where paths meet, what all of them agree on.

import { structFields } from "../../src/linux/structs.ts";
import { type ArgKind, type CallName, syscalls } from "../../src/linux/syscalls.ts";
import type { Address, AnyArg, Buffer, Explanation, Slot, Step, Struct, Variables } from "../../src/tape/step.ts";

export type Tape = {
  readonly variables: Variables;
  /** Lists that run one after the other, with what TypeScript writes between them taken as `given`. */
  readonly steps: readonly Step[];
  /** Where a failure that nothing handles leads, instead of ending the tape. */
  readonly failureList?: readonly Step[];
  readonly explanations?: { readonly [kind in Explanation]?: readonly Step[] };
  readonly given: readonly (Slot | Buffer)[];
  /** Slots that stay -1 where there is nothing to use: a step that ignores errors may read them all the same. */
  readonly optional?: readonly Slot[];
};

export type Finding = {
  readonly step: Step;
  readonly slot: string;
  readonly fault: "not written on every path" | "closed on some path";
};

type Written = ReadonlySet<string>;
type Edge = { readonly to: number | string; readonly done: boolean };
/** A step, with where it may lead: `done` edges when its call succeeded. A string is a label. */
type Node = { readonly step: Step; readonly edges: readonly Edge[] };

type Graph = {
  readonly nodes: Node[];
  readonly labels: Map<string, number>;
  readonly explanations: { readonly [kind in Explanation]?: number };
};

const END = -1;

/** The faults of a tape, and the steps that no path leads to. */
export function proveSlots(tape: Tape): { readonly faults: Finding[]; readonly unreachable: Step[] } {
  const empty: Graph = { nodes: [], labels: new Map(), explanations: {} };
  const failure = tape.failureList === undefined ? END : link(empty, tape.failureList, END, END);
  const explanations: { [kind in Explanation]?: number } = {};
  for (const [kind, steps] of Object.entries(tape.explanations ?? {})) explanations[kind as Explanation] = link(empty, steps, END, failure);
  const graph = { ...empty, explanations };
  const firstOwn = graph.nodes.length;
  const entry = link(graph, tape.steps, END, failure);
  const closing = solve(graph, tape, entry, true);
  const keeping = solve(graph, tape, entry, false);
  const faults: Finding[] = [];
  const unreachable: Step[] = [];
  for (const [index, { step }] of graph.nodes.entries()) {
    const written = closing[index];
    if (written === undefined) {
      // No failure may lead to the lists for failures.
      if (index >= firstOwn) unreachable.push(step);
    } else
      for (const [slot, key] of reads(step))
        if (!(step.onError === "ignore" && tape.optional?.includes(slot) === true) && !holds(tape.variables, written, slot, key))
          faults.push({
            step,
            slot: slot.slot,
            fault: holds(tape.variables, keeping[index] as Written, slot, key) ? "closed on some path" : "not written on every path",
          });
  }
  // Nodes stand from the last step to the first.
  return { faults: faults.toReversed(), unreachable: unreachable.toReversed() };
}

/** Adds `steps` to the graph, from the last to the first, and returns the entry. */
function link(graph: Graph, steps: readonly Step[] | undefined, end: number, failure: number): number {
  let next = end;
  for (const step of (steps ?? []).toReversed()) next = linkStep(graph, step, next, failure);
  return next;
}

function linkStep(graph: Graph, step: Step, end: number, failure: number): number {
  const { onError, equal, goto, explain } = step;
  const unhandled = explain === undefined ? failure : (graph.explanations[explain] ?? failure);
  const edges: Edge[] = [];
  const add = (done: boolean, to: number | string): number => edges.push({ to, done });
  if (!neverReturns.has(step.call) && !alwaysFails(step)) {
    if (equal !== undefined) {
      const inside = equal.onFailure === undefined ? failure : link(graph, equal.onFailure, end, failure);
      add(true, link(graph, equal.steps, end, inside));
    }
    add(true, goto ?? link(graph, step.ok, end, failure));
    if (step.expect !== undefined) add(true, unhandled);
  }
  if (onError === "ignore") add(false, goto ?? end);
  else {
    add(false, unhandled);
    // Once more changes nothing about what was written before.
    for (const [, alternative, fallback] of typeof onError === "object" ? onError : [])
      if (alternative !== "again") add(false, link(graph, alternative, end, fallback === undefined ? failure : unhandled));
  }
  const index = graph.nodes.push({ step, edges }) - 1;
  if (step.label !== undefined) graph.labels.set(step.label, index);
  return index;
}

/** Calls that come back only to report an error. */
const neverReturns: ReadonlySet<Step["call"]> = new Set(["execve", "execveat", "exit", "exit_group"]);

/** A computation over constants that gives an errno. */
function alwaysFails({ call, args }: Step): boolean {
  if (call !== "compute" || !args.every((arg) => typeof arg === "number")) return false;
  const [plus, and, minus, mask] = args as readonly number[] as readonly [number, number, number, number];
  const result = plus + and - minus;
  return mask === -1 && result < 0 && result >= -4095;
}

/** What is surely written before each node; undefined where no path leads. */
function solve(graph: Graph, { variables, given }: Tape, entry: number, closing: boolean): readonly (Written | undefined)[] {
  const before: (Written | undefined)[] = graph.nodes.map(() => undefined);
  const initial = variables.buffers.filter(({ initial }) => initial !== undefined);
  const waiting = entry === END ? [] : [entry];
  before[entry] = new Set([...initial, ...given].map(keyOf));
  for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
    const { step, edges } = graph.nodes[index] as Node;
    const failed = before[index] as Written;
    const done = afterSuccess(step, failed, closing);
    for (const edge of edges) {
      const to = typeof edge.to === "number" ? edge.to : graph.labels.get(edge.to);
      if (to === undefined) throw new Error(`no step has the label ${edge.to}`);
      if (to === END) continue;
      const known = before[to];
      const met = meet(known, edge.done ? done : failed);
      if (known !== undefined && met.size === known.size) continue;
      before[to] = met;
      waiting.push(to);
    }
  }
  return before;
}

const meet = (known: Written | undefined, arriving: Written): Written => (known === undefined ? arriving : known.intersection(arriving));

const keyOf = (of: Slot | Buffer): string => `${of.shared ? "shared" : "private"} ${of.place}${"slot" in of ? "" : " buffer"}`;

/** Written itself, or a part of a buffer that was. */
const holds = ({ buffers }: Variables, written: Written, slot: Slot, key: "slot" | "place"): boolean =>
  written.has(keyOf(slot)) ||
  (key === "place" &&
    buffers.some(
      (buffer) =>
        buffer.shared === slot.shared &&
        buffer.place <= slot.place &&
        slot.place < buffer.place + buffer.bytes &&
        written.has(keyOf(buffer)),
    ));

function afterSuccess(step: Step, before: Written, closing: boolean): Written {
  const filled = (fills[step.call] ?? []).flatMap((index) => reachable(step.args[index] as AnyArg));
  const out = step.out === undefined ? [] : [step.out];
  const after = new Set([...before, ...[...filled, ...out].map(keyOf)]);
  const [closed] = step.args;
  if (closing && step.call === "close" && isSlot(closed)) after.delete(keyOf(closed));
  return after;
}

/** The arguments that point at what a call fills. */
const fills: { readonly [N in CallName | "compute"]?: readonly number[] } = {
  clock_gettime: [1],
  read: [1],
  pread64: [1],
  recvmsg: [1],
  socketpair: [3],
  pipe2: [0],
  process_vm_readv: [1],
  getcwd: [0],
  clone: [2, 3, 4],
  capget: [0, 1],
  rt_sigtimedwait: [1],
  rt_sigprocmask: [2],
  rt_sigaction: [2],
  waitid: [2, 4],
  readlinkat: [2],
  getdents64: [1],
  epoll_pwait: [1],
  prlimit64: [3],
  statx: [4],
  fstatfs: [1],
  statfs: [1],
  ioctl: [2],
  clone3: [0],
  ppoll: [0],
};

/** A variable whose address is given, and those that its contents point at (a message's data and control). */
function reachable(arg: AnyArg): (Slot | Buffer)[] {
  if (arg === null || typeof arg !== "object" || !("address" in arg)) return [];
  const { address } = arg as Address;
  return [address, ...pointers(address)];
}

function pointers(of: Slot | Buffer): Buffer[] {
  const fields = "buffer" in of && of.initial !== undefined && "struct" in of.initial ? Object.values(of.initial) : [];
  const direct = fields.filter((field): field is Buffer => typeof field === "object" && "buffer" in field);
  return direct.flatMap((buffer) => [buffer, ...pointers(buffer)]);
}

const isSlot = (arg: AnyArg | undefined): arg is Slot => typeof arg === "object" && arg !== null && "slot" in arg;

/** Slots that a step must have; "slot": written by itself, what its buffer held before does not count. */
function reads(step: Step): [Slot, "slot" | "place"][] {
  const kinds: readonly ArgKind[] = step.call === "compute" ? ["int", "int", "int", "int"] : syscalls[step.call].args;
  const out = step.args.flatMap((arg, index): [Slot, "place"][] =>
    isSlot(arg) && (arg.kind === "fd" || addressKinds.has(kinds[index] as ArgKind)) ? [[arg, "place"]] : [],
  );
  return [...out, ...hiddenReads(step).map((slot): [Slot, "slot"] => [slot, "slot"])];
}

const addressKinds: ReadonlySet<ArgKind> = new Set<ArgKind>(["string", "argv", "pointer"]);

/** Descriptors that the kernel finds in a buffer. */
function hiddenReads(step: Step): Slot[] {
  const attaches = step.call === "bpf" && JSON.stringify(step.args[0]) === '["BPF_PROG_ATTACH"]';
  const pointed = step.call === "clone3" ? 0 : step.call === "sendmsg" || attaches ? 1 : undefined;
  const arg = pointed === undefined ? undefined : (step.args[pointed] as Address);
  if (arg === undefined || !("buffer" in arg.address)) return [];
  if (attaches) return [inBuffer(arg.address, 0, "attachment's cgroup and filter")];
  const initial = arg.address.initial as Struct;
  if (step.call === "clone3") {
    const intoCgroup = Array.isArray(initial.flags) && initial.flags.includes("CLONE_INTO_CGROUP");
    return intoCgroup ? [inBuffer(arg.address, structFields.clone_args.fields.cgroup?.offset as number, "clone_args.cgroup")] : [];
  }
  const control = initial.msg_control as Buffer | undefined;
  return control === undefined ? [] : [inBuffer(control, structFields.cmsghdr.fields.fd?.offset as number, "cmsghdr.fd")];
}

const inBuffer = ({ place, shared }: Buffer, offset: number, slot: string): Slot => ({ slot, kind: "fd", place: place + offset, shared });
