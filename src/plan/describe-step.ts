// One step of a plan in full: what the call does, what each argument means and where it comes from, what becomes of the
// result and of each errno, and what undoes what. For box plan --explain; src/linux has the words for calls and flags.

import { callWords, manPage } from "../linux/call-words.ts";
import { errnoText } from "../linux/errno-text.ts";
import { flagWords } from "../linux/flag-words.ts";
import { signalName } from "../linux/signals.ts";
import { type ArgKind, syscalls } from "../linux/syscalls.ts";
import { printArg } from "../tape/print.ts";
import type { Address, AnyArg, Buffer, Slot, Step, Struct } from "../tape/step.ts";
import type { ListedStep, PlannedStep } from "./print-plan.ts";

export type Described = {
  readonly step: PlannedStep;
  /** How many steps the plan has. */
  readonly of: number;
  readonly does: string;
  /** `openat2(2)`; undefined for what is no system call. */
  readonly page: string | undefined;
  readonly arguments: readonly { readonly name: string; readonly value: string; readonly meaning: readonly string[] }[];
  readonly result: readonly string[];
  readonly errors: readonly string[];
  readonly undo: readonly string[];
};

/** `all`: the whole plan's steps, of which `one` is one. */
export function describeStep(one: ListedStep, all: readonly ListedStep[]): Described {
  const { shown, step } = one;
  const { call } = step;
  const [does, page] =
    call === "compute" ? ["computes (a + b - c) & mask, without a system call", undefined] : [callWords[call].does, manPage(call)];
  return {
    step: shown,
    of: all.length,
    does,
    page,
    arguments: step.args.map((arg, index) => {
      const kind: ArgKind = call === "compute" ? "int" : (syscalls[call].args[index] ?? "int");
      const name = call === "compute" ? (computeArgs[index] as string) : (callWords[call].args[index] ?? `arg${index + 1}`);
      return { name, value: printArg(arg, kind), meaning: meaningOf(arg, kind, one, all) };
    }),
    result: resultOf(one, all),
    errors: errorsOf(one, all),
    undo: undoOf(one, all),
  };
}

const computeArgs = ["a", "b", "c", "mask"];

function meaningOf(arg: AnyArg, kind: ArgKind, one: ListedStep, all: readonly ListedStep[]): string[] {
  if (arg === null) return ["none"];
  if (typeof arg === "number") return meaningOfNumber(arg, kind);
  if (typeof arg === "string") return arg === "AT_FDCWD" && kind === "fd" ? ["relative paths begin in the current folder"] : [];
  if (arg instanceof Uint8Array)
    return [arg.length <= 64 ? `in hexadecimal ${hexOf(arg)}` : `in hexadecimal ${hexOf(arg.subarray(0, 64))} …`];
  if ("slot" in arg) return meaningOfSlot(arg as Slot, one, all);
  if ("address" in arg) return meaningOfAddress(arg as Address);
  if ("struct" in arg) return fieldsOf(arg as Struct);
  if ("major" in arg) return [`the device ${arg.major}:${arg.minor}`];
  if (!Array.isArray(arg)) return [];
  const list = arg as readonly string[];
  return kind.startsWith("flags:") ? list.map(flagMeaning) : list.map((word, index) => `[${index}] ${printArg(word, "string")}`);
}

const hexOf = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");

const flagMeaning = (name: string): string => (flagWords[name] === undefined ? name : `${name}: ${flagWords[name]}`);

function meaningOfNumber(value: number, kind: ArgKind): string[] {
  if (kind === "fd") return [(["stdin", "stdout", "stderr"] as const)[value] ?? `the descriptor with this number`];
  if (kind === "mode") return [modeInWords(value)];
  if (kind === "signal" && value > 0) return [`the signal ${signalName(value)}`];
  if (kind === "id") return [value === 0 ? "root" : `the id ${value}`];
  return [];
}

/** `rwxr-xr-x` for the lower nine bits. */
function modeInWords(mode: number): string {
  const letters = [..."rwxrwxrwx"].map((letter, index) => ((mode >> (8 - index)) & 1 ? letter : "-")).join("");
  return `owner ${letters.slice(0, 3)}, group ${letters.slice(3, 6)}, others ${letters.slice(6)}`;
}

function meaningOfSlot(slot: Slot, one: ListedStep, all: readonly ListedStep[]): string[] {
  const what = slot.kind === "fd" ? "the descriptor" : "the number";
  const setter = all.findLast(({ shown, step }) => shown.number < one.shown.number && (isSame(step.out, slot) || fills(step, slot)));
  return [
    setter === undefined ? `${what} that box puts there before the step` : `${what} from step ${setter.shown.number}: ${setter.shown.text}`,
  ];
}

const isSame = (slot: Slot | undefined, other: Slot): boolean =>
  slot !== undefined && slot.place === other.place && slot.shared === other.shared && slot.slot === other.slot;

/** Whether a call gets the address of memory that the slot is a part of. */
const fills = ({ args }: Step, { place, shared }: Slot): boolean =>
  args.some((arg) => {
    if (typeof arg !== "object" || arg === null || !("address" in arg)) return false;
    const of = (arg as Address).address;
    return of.shared === shared && place >= of.place && place < of.place + ("bytes" in of ? of.bytes : 8);
  });

function meaningOfAddress({ address, offset }: Address): string[] {
  const isSlot = "slot" in address;
  const size = isSlot ? "8 bytes" : `${(address as Buffer).bytes} bytes`;
  const where = offset === 0 ? "" : `, from byte ${offset} on`;
  const initial = isSlot ? undefined : (address as Buffer).initial;
  const fields = initial !== undefined && !(initial instanceof Uint8Array) ? fieldsOf(initial) : [];
  return [`memory of ${size}${where}, ${address.shared ? "which box can read too" : "the process's own"}`, ...fields];
}

function fieldsOf(struct: Struct): string[] {
  const out = [`a struct ${struct.struct}; what it does not name is 0`];
  for (const [name, value] of Object.entries(struct)) {
    if (name === "struct") continue;
    if (Array.isArray(value)) out.push(`${name}:`, ...value.map((flag) => `  ${flagMeaning(flag)}`));
    else if (typeof value !== "object") out.push(`${name}: ${value}`);
    else if ("text" in value) out.push(`${name}: ${printArg(value.text, "string")}`);
    else if ("slot" in value || "buffer" in value) out.push(`${name}: the address of ${"slot" in value ? value.slot : value.buffer}`);
  }
  return out;
}

function resultOf({ shown, step }: ListedStep, all: readonly ListedStep[]): string[] {
  const out: string[] = [];
  const slot = step.out;
  if (slot !== undefined) {
    const users = all.filter((other) => other.shown.number > shown.number && uses(other.step.args, slot));
    out.push(`kept as "${slot.slot}"${users.length === 0 ? "" : `, for ${stepsInWords(users.map((user) => user.shown.number))}`}`);
  }
  if (step.expect !== undefined) out.push(`must be ${step.expect.value}, else: ${step.expect.refused}`);
  if (step.equal !== undefined)
    out.push(
      `when it is ${step.equal.value}: ${hangingOn(shown, all, (when) => when.startsWith("if ") || when.startsWith("in the child"))}`,
    );
  if (step.ok !== undefined) out.push(`when it succeeds: ${hangingOn(shown, all, (when) => when === "done")}`);
  return out.length === 0 ? ["only whether it succeeds counts"] : out;
}

const uses = (value: unknown, slot: Slot): boolean => {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return false;
  if ("slot" in value) return isSame(value as Slot, slot);
  return Object.values(value).some((part) => uses(part, slot));
};

/** `steps 3, 4 and 9`; of many the first. */
function stepsInWords(numbers: readonly number[]): string {
  if (numbers.length === 0) return "no step";
  if (numbers.length === 1) return `step ${numbers[0]}`;
  if (numbers.length > 8) return `steps ${numbers.slice(0, 8).join(", ")} and ${numbers.length - 8} more`;
  return `steps ${numbers.slice(0, -1).join(", ")} and ${numbers.at(-1)}`;
}

const hangingOn = ({ number }: PlannedStep, all: readonly ListedStep[], matches: (when: string) => boolean): string =>
  stepsInWords(all.flatMap(({ shown }) => (shown.of === number && matches(shown.when ?? "") ? [shown.number] : [])));

function errorsOf({ shown, step }: ListedStep, all: readonly ListedStep[]): string[] {
  if (step.onError === "ignore") return ["whatever it is, the tape goes on"];
  const out: string[] = [];
  for (const [errno, steps, fallback] of typeof step.onError === "object" ? step.onError : []) {
    const name = `${errno} (${errnoText(errno)})`;
    if (steps === "again") out.push(`${name}: the call is made once more`);
    else if (steps.length === 0) out.push(`${name}: no failure, the tape goes on`);
    else {
      const instead = hangingOn(shown, all, (when) => when === errno);
      out.push(`${name}: instead ${instead}${fallback === undefined ? "" : "; if that fails too, this errno is told"}`);
    }
  }
  const other = out.length === 0 ? "any errno" : "any other";
  const words = step.failed === "search" ? "cannot execute the program" : `cannot ${step.why}`;
  const fate = fateOf(shown);
  out.push(`${other}: ${fate ?? `the tape stops, all that was made is undone, and box says "${words}", the call and the errno`}`);
  const fetched = step.explain === undefined ? undefined : explanations[step.explain];
  if (fetched !== undefined) out.push(fetched);
  return out;
}

/** What becomes of a failure where there is no start any more that could fail. */
function fateOf({ section, actor }: PlannedStep): string | undefined {
  if (section.startsWith("when ")) return "the tape stops with the failure that it was to explain";
  if (actor !== "box") return undefined;
  if (section === "while the container runs") return "the supervisor becomes box again, which finishes what is left";
  if (section === "hooks once it runs") return "a warning: the container runs";
  return undefined;
}

const explanations: Readonly<Record<NonNullable<Step["explain"]>, string>> = {
  context: "before that, the kernel's reason is read from the mount context",
  program: "before that, the beginning of the program's file is read, to tell what is wrong with it",
  start: "before that, it is told to box start, which waits for it",
};

/** What a call makes under a name, or takes away: the name. */
function nameOf({ call, args }: Step): { readonly made?: string; readonly removed?: string } {
  const text = (index: number): string | undefined => (typeof args[index] === "string" ? (args[index] as string) : undefined);
  const named = (key: "made" | "removed", name: string | undefined) => (name === undefined ? {} : { [key]: name });
  if (call === "mkdirat" || call === "mknodat") return named("made", text(1));
  if (call === "openat" && (args[2] as readonly string[]).includes("O_CREAT")) return named("made", text(1));
  if (call === "renameat2") return named("made", text(3));
  return call === "unlinkat" ? named("removed", text(1)) : {};
}

function undoOf(one: ListedStep, all: readonly ListedStep[]): string[] {
  const { shown, step } = one;
  if (step.call === "close" && typeof step.args[0] === "object" && step.args[0] !== null && "slot" in step.args[0]) {
    const slot = step.args[0] as Slot;
    const opener = all.findLast((other) => other.shown.number < shown.number && isSame(other.step.out, slot));
    return [opener === undefined ? "undoes what opened it before the plan begins" : `undoes step ${opener.shown.number}, which opened it`];
  }
  if (shown.actor !== "box") return ["needs none: what it changes ends with the container's processes and namespaces"];
  if (step.call === "clone3") return ["when the start fails, box ends this process and all that it has made"];
  const { made, removed } = nameOf(step);
  const matching = (key: "made" | "removed", name: string): number[] =>
    all.flatMap((other) => (other.shown.actor === "box" && other !== one && nameOf(other.step)[key] === name ? [other.shown.number] : []));
  if (removed !== undefined) {
    const makers = matching("made", removed);
    return makers.length === 0 ? [] : [`undoes ${stepsInWords(makers)}`];
  }
  if (made === undefined) return ["needs none: what it changes ends with this process, or is removed with what it is in"];
  const removers = matching("removed", made);
  if (removers.length > 0) return [`${stepsInWords(removers)} at the container's end, or box delete`];
  return [shown.origin === "--root" ? "none: the states of other containers are there too" : "box delete removes it with the container"];
}
