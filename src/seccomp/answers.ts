// What a profile says of each system call, before it becomes instructions. The rules of runc and libseccomp hold:
//
// - a rule whose action is the default one says nothing;
// - a rule without conditions beats those with, wherever it stands, and the first of several counts;
// - rules with conditions are tried in compareRules' order (conditions.ts) if their actions differ;
// - a name that an ABI does not have is ignored there;
// - on i386, what is said of socket and its kin also holds for socketcall with that call's number, and so for ipc.

import type { Seccomp, SeccompArgument, SeccompRule } from "../config/spec.ts";
import { type Abi, X86 } from "./abis.ts";
import { areSame, type ConditionalRule, type Conditions, compareRules, readConditions } from "./conditions.ts";
import { MULTIPLEXED, multiplexedCalls, NUMBER_MASK } from "./pack-numbers.ts";
import type { Remarks } from "./remarks.ts";
import { verdictOf } from "./verdicts.ts";

/** A verdict, or rules to try before the default. */
export type Answer = number | ConditionalRule[];

/** The answers of one ABI. */
export type AbiAnswers = {
  readonly abi: Abi;
  /** By packed number, the place in `Answers.list`; 0, the default, where the profile says nothing. */
  readonly places: Uint32Array;
  /** The highest packed number that the profile names, in whatever rule; 0 when it names none above. */
  highest: number;
};

export type Answers = {
  /** The first is the default. */
  readonly list: Answer[];
  readonly abis: readonly AbiAnswers[];
  /** What is said of calls that i386 also makes through others. */
  readonly multiplexed: { readonly name: string; readonly rule: SeccompRule }[];
};

type Numbers = Readonly<Record<string, unknown>>;

/** Faults, and names that are no system call anywhere, go to `to`. `numbers` are those of readPackedNumbers. */
export function readAnswers(seccomp: Seccomp, abis: readonly Abi[], numbers: Numbers, to: Remarks): Answers {
  const list: Answer[] = [verdictOf(seccomp.defaultAction, seccomp.defaultErrnoRet)];
  const answers: Answers = { list, abis: emptyAnswers(abis), multiplexed: [] };
  const rules = seccomp.syscalls ?? [];
  for (let rule = 0; rule < rules.length; rule++) readRule(answers, rules[rule] as SeccompRule, rule, numbers, to);
  for (let at = 0; at < abis.length; at++) if (abis[at] === X86) readMultiplexed(answers, answers.abis[at] as AbiAnswers, numbers, to);
  for (let place = 0; place < list.length; place++) {
    const answer = list[place] as Answer;
    if (typeof answer !== "number" && answer.length > 1) orderRules(answer, to);
  }
  return answers;
}

function emptyAnswers(abis: readonly Abi[]): AbiAnswers[] {
  const empty: AbiAnswers[] = [];
  for (let at = 0; at < abis.length; at++) empty.push({ abi: abis[at] as Abi, places: new Uint32Array(NUMBER_MASK), highest: 0 });
  return empty;
}

/** The place of a verdict in the list; none is there twice. */
export function placeOf(list: Answer[], verdict: number): number {
  const known = list.indexOf(verdict);
  return known >= 0 ? known : list.push(verdict) - 1;
}

function readRule(answers: Answers, rule: SeccompRule, at: number, numbers: Numbers, to: Remarks): void {
  const { list, abis } = answers;
  const verdict = verdictOf(rule.action, rule.errnoRet);
  const says = verdict !== list[0];
  const place = says ? placeOf(list, verdict) : 0;
  const conditional = rule.args !== undefined && rule.args.length > 0;
  for (let named = 0; named < rule.names.length; named++) {
    const name = rule.names[named] as string;
    const packed = numbers[name];
    if (typeof packed !== "number") {
      to.notes.push(`linux.seccomp.syscalls[${at}].names[${named}]: ${JSON.stringify(name)} is left out: box knows no such system call.`);
      continue;
    }
    for (let one = 0; one < abis.length; one++) {
      const on = abis[one] as AbiAnswers;
      const number = (packed >> on.abi.shift) & NUMBER_MASK;
      if (number !== NUMBER_MASK) {
        if (number > on.highest) on.highest = number;
        // Most of a profile is done by the second line: no call, as this runs cold and often.
        if (!says) continue;
        if (!conditional && on.places[number] === 0) on.places[number] = place;
        else if (conditional) addRules(list, on, number, readConditions(rule.args ?? [], on.abi.bits), verdict, at);
        else addVerdict(list, on, number, place);
      }
    }
    if (packed >= MULTIPLEXED && says) answers.multiplexed.push({ name, rule });
  }
}

/** What is said without conditions stays, and replaces all that has some. */
function addVerdict(list: Answer[], on: AbiAnswers, number: number, place: number): void {
  const before = on.places[number] as number;
  if (before !== 0) {
    const known = list[before] as Answer;
    if (typeof known === "number") return;
    // Nothing is to be made of them any more.
    known.length = 0;
  }
  on.places[number] = place;
}

function addRules(
  list: Answer[],
  on: AbiAnswers,
  number: number,
  alternatives: readonly Conditions[],
  verdict: number,
  rule: number | undefined,
): void {
  for (let at = 0; at < alternatives.length; at++) {
    const conditions = alternatives[at] as Conditions;
    const place = on.places[number] as number;
    const known = list[place] as Answer;
    if (conditions.length === 0) addVerdict(list, on, number, placeOf(list, verdict));
    else if (typeof known !== "number") known.push({ conditions, verdict, rule });
    else if (place === 0) on.places[number] = list.push([{ conditions, verdict, rule }]) - 1;
  }
}

/**
 * The same for the calls that these can be made through: the first argument says which it is. The call's own arguments lie in
 * memory, where no filter looks. So libseccomp drops a condition on the first, and leaves the others as they are.
 */
function readMultiplexed({ list, multiplexed }: Answers, on: AbiAnswers, numbers: Numbers, to: Remarks): void {
  for (let at = 0; at < multiplexed.length; at++) {
    const { name, rule } = multiplexed[at] as Answers["multiplexed"][number];
    const through = multiplexedCalls.socketcall[name] === undefined ? "ipc" : "socketcall";
    const number = ((numbers[through] as number) >> on.abi.shift) & NUMBER_MASK;
    // Where the profile allows all of it, as most do, there is nothing to do.
    const place = on.places[number] as number;
    if (place !== 0 && typeof list[place] === "number") continue;
    const value = multiplexedCalls[through][name] as number;
    const alternatives = conditionsThrough({ index: 0, op: "SCMP_CMP_EQ", value }, rule.args ?? [], on.abi.bits);
    addRules(list, on, number, alternatives, verdictOf(rule.action, rule.errnoRet), undefined);
    if (rule.args === undefined || rule.args.length === 0) continue;
    const note = `linux.seccomp: the conditions of ${name} cannot be checked where i386 makes it through ${through}.`;
    if (!to.notes.includes(note)) to.notes.push(note);
  }
}

function conditionsThrough(isThis: SeccompArgument, given: readonly SeccompArgument[], bits: 32 | 64): Conditions[] {
  const args: SeccompArgument[] = [];
  for (const condition of given) args.push(condition.index === 0 ? isThis : condition);
  const alternatives: Conditions[] = [];
  for (const conditions of readConditions(args, bits)) alternatives.push(conditions[0]?.index === 0 ? conditions : [isThis, ...conditions]);
  return alternatives;
}

/** Sorts rules where the order matters. Two that differ in nothing but their action are a fault, as for libseccomp. */
function orderRules(rules: ConditionalRule[], to: Remarks): void {
  const { verdict } = rules[0] as ConditionalRule;
  let differ = false;
  for (let at = 1; at < rules.length; at++) if ((rules[at] as ConditionalRule).verdict !== verdict) differ = true;
  if (!differ) return;
  rules.sort(compareRules);
  for (let at = 1; at < rules.length; at++) refuseContradiction(rules[at - 1] as ConditionalRule, rules[at] as ConditionalRule, to);
}

function refuseContradiction(one: ConditionalRule, other: ConditionalRule, to: Remarks): void {
  if (one.verdict === other.verdict || !areSame(one.conditions, other.conditions)) return;
  if (one.rule === undefined || other.rule === undefined) return;
  const path = `linux.seccomp.syscalls[${other.rule}]`;
  // Each ABI comes by here.
  for (const fault of to.faults) if (fault.path === path) return;
  to.faults.push({ path, problem: `has another action than linux.seccomp.syscalls[${one.rule}] for the same call and conditions` });
}
