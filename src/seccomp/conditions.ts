// The conditions on a call's arguments: a rule's `args` as runc and libseccomp read them, their order where rules of one call
// meet, and their instructions. An argument is 64 bits that a filter sees as two words; on ABIs of 32 bits it is the low one.

import type { ExactNumber, SeccompArgument } from "../config/spec.ts";
import { branch, codes, data, type FilterWriter, put, type Target, test, VERDICTS } from "./filter-writer.ts";

/** All of them must hold; without any the rule always applies. In the order of arguments, each at most once. */
export type Conditions = readonly SeccompArgument[];

export type ConditionalRule = {
  readonly conditions: Conditions;
  readonly verdict: number;
  /** Its place in linux.seccomp.syscalls; undefined when it is there for another call, made through this one. */
  readonly rule: number | undefined;
};

const WORD = 2 ** 32;
const high = (value: ExactNumber): number => (typeof value === "number" ? Math.floor(value / WORD) : Number(BigInt(value) >> 32n));
const low = (value: ExactNumber): number => (typeof value === "number" ? value % WORD : Number(BigInt(value) & 0xffff_ffffn));

/** What is to be compared after the mask. As for libseccomp, bits outside of it do not count, in either value. */
const maskedHigh = ({ value, valueTwo = 0 }: SeccompArgument): number => (high(value) & high(valueTwo)) >>> 0;
const maskedLow = ({ value, valueTwo = 0 }: SeccompArgument): number => (low(value) & low(valueTwo)) >>> 0;

/**
 * Alternatives, any of which applies the rule. An argument that is named twice makes every condition a rule of its own, which
 * is what runc and crun keep for profiles from before conditions were joined.
 */
export function readConditions(args: readonly SeccompArgument[], bits: 32 | 64): Conditions[] {
  const alternatives: Conditions[] = [];
  let seen = 0;
  let repeats = false;
  for (let at = 0; at < args.length; at++) {
    const bit = 1 << (args[at] as SeccompArgument).index;
    if (seen & bit) repeats = true;
    seen |= bit;
  }
  if (repeats) for (let at = 0; at < args.length; at++) addAlternative(alternatives, [args[at] as SeccompArgument], bits);
  else addAlternative(alternatives, args, bits);
  return alternatives;
}

function addAlternative(alternatives: Conditions[], args: readonly SeccompArgument[], bits: 32 | 64): void {
  const conditions: SeccompArgument[] = [];
  for (let at = 0; at < args.length; at++) {
    const condition = args[at] as SeccompArgument;
    const known = bits === 32 ? knownFor32(condition) : isEmptyMask(condition) ? true : undefined;
    if (known === false) return;
    if (known === undefined) conditions.push(condition);
  }
  if (conditions.length > 1) conditions.sort((one, other) => one.index - other.index);
  alternatives.push(conditions);
}

const isEmptyMask = ({ op, value }: SeccompArgument): boolean => op === "SCMP_CMP_MASKED_EQ" && value === 0;

/** Whether a condition holds for all arguments of 32 bits, or for none; undefined when it depends. */
function knownFor32(condition: SeccompArgument): boolean | undefined {
  const { op, value } = condition;
  if (op === "SCMP_CMP_MASKED_EQ") {
    if (maskedHigh(condition) !== 0) return false;
    return low(value) === 0 ? true : undefined;
  }
  if (high(value) === 0) return undefined;
  return op === "SCMP_CMP_NE" || op === "SCMP_CMP_LT" || op === "SCMP_CMP_LE";
}

/**
 * The order in which libseccomp tries the rules of one call, the first that holds being the one: by argument, the last one
 * first, then equality before "less" before "greater", then the narrower before the wider; rules that these do not tell
 * apart stay in the profile's order. A rule goes before one that has its conditions and more.
 */
export function compareRules(one: ConditionalRule, other: ConditionalRule): number {
  const shorter = Math.min(one.conditions.length, other.conditions.length);
  for (let at = 0; at < shorter; at++) {
    const difference = compareConditions(one.conditions[at] as SeccompArgument, other.conditions[at] as SeccompArgument);
    if (difference !== 0) return difference;
  }
  return one.conditions.length - other.conditions.length;
}

const isLess = ({ op }: SeccompArgument): boolean => op === "SCMP_CMP_LT" || op === "SCMP_CMP_LE";
const isGreater = ({ op }: SeccompArgument): boolean => op === "SCMP_CMP_GT" || op === "SCMP_CMP_GE";
const rank = (condition: SeccompArgument): number => (isGreater(condition) ? 2 : isLess(condition) ? 1 : 0);
const comparedHigh = (one: SeccompArgument): number => (one.op === "SCMP_CMP_MASKED_EQ" ? maskedHigh(one) : high(one.value));
const comparedLow = (one: SeccompArgument): number => (one.op === "SCMP_CMP_MASKED_EQ" ? maskedLow(one) : low(one.value));

function compareConditions(one: SeccompArgument, other: SeccompArgument): number {
  if (one.index !== other.index) return other.index - one.index;
  if (rank(one) !== rank(other)) return rank(one) - rank(other);
  const difference = comparedHigh(other) - comparedHigh(one) || comparedLow(other) - comparedLow(one);
  return isLess(one) ? -difference : difference;
}

export function areSame(one: Conditions, other: Conditions): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) {
    const { index, op, value, valueTwo = 0 } = one[at] as SeccompArgument;
    const that = other[at] as SeccompArgument;
    if (index !== that.index || op !== that.op || value !== that.value) return false;
    if (op === "SCMP_CMP_MASKED_EQ" && valueTwo !== (that.valueTwo ?? 0)) return false;
  }
  return true;
}

/** Writes the rules of one call, tried in order; `otherwise` is where to go when none applies. Returns where they begin. */
export function writeRules(to: FilterWriter, rules: readonly ConditionalRule[], bits: 32 | 64, otherwise: Target): Target {
  let next = otherwise;
  for (let at = rules.length - 1; at >= 0; at--) {
    const { conditions, verdict } = rules[at] as ConditionalRule;
    let pass: Target = VERDICTS + verdict;
    for (let place = conditions.length - 1; place >= 0; place--)
      pass = writeCondition(to, conditions[place] as SeccompArgument, bits, pass, next);
    next = pass;
  }
  return next;
}

function writeCondition(to: FilterWriter, condition: SeccompArgument, bits: 32 | 64, pass: Target, fail: Target): Target {
  switch (condition.op) {
    case "SCMP_CMP_EQ":
      return writeEqual(to, condition, bits, pass, fail);
    case "SCMP_CMP_NE":
      return writeEqual(to, condition, bits, fail, pass);
    case "SCMP_CMP_MASKED_EQ":
      return writeMasked(to, condition, bits, pass, fail);
    case "SCMP_CMP_GT":
      return writeGreater(to, condition, bits, codes.ifGreater, pass, fail);
    case "SCMP_CMP_GE":
      return writeGreater(to, condition, bits, codes.ifAtLeast, pass, fail);
    case "SCMP_CMP_LT":
      return writeGreater(to, condition, bits, codes.ifAtLeast, fail, pass);
    case "SCMP_CMP_LE":
      return writeGreater(to, condition, bits, codes.ifGreater, fail, pass);
  }
}

const lowOffset = (index: number): number => data.arguments + 8 * index;
const highOffset = (index: number): number => lowOffset(index) + 4;

/** The low word first: a row of values for one argument, such as personality's, then loads it once. */
function writeEqual(to: FilterWriter, { index, value }: SeccompArgument, bits: 32 | 64, pass: Target, fail: Target): Target {
  const rest = bits === 32 ? pass : test(to, highOffset(index), codes.ifEqual, high(value), pass, fail);
  return test(to, lowOffset(index), codes.ifEqual, low(value), rest, fail);
}

function writeMasked(to: FilterWriter, condition: SeccompArgument, bits: 32 | 64, pass: Target, fail: Target): Target {
  const { index, value } = condition;
  const rest = bits === 32 ? pass : writeMaskedWord(to, highOffset(index), high(value), maskedHigh(condition), pass, fail);
  return writeMaskedWord(to, lowOffset(index), low(value), maskedLow(condition), rest, fail);
}

function writeMaskedWord(to: FilterWriter, offset: number, mask: number, value: number, pass: Target, fail: Target): Target {
  if (mask === 0) return pass;
  if (value === 0) return test(to, offset, codes.ifAnyBit, mask, fail, pass);
  if (pass === fail) return pass;
  branch(to, codes.ifEqual, value, pass, fail);
  put(to, codes.and, 0, 0, mask);
  put(to, codes.load, 0, 0, offset);
  return to.at;
}

/** `code` compares the low words, when the high ones are equal. */
function writeGreater(
  to: FilterWriter,
  { index, value }: SeccompArgument,
  bits: 32 | 64,
  code: number,
  pass: Target,
  fail: Target,
): Target {
  const lowTest = test(to, lowOffset(index), code, low(value), pass, fail);
  if (bits === 32) return lowTest;
  // Nothing is less than 0.
  if (high(value) === 0) return test(to, highOffset(index), codes.ifEqual, 0, lowTest, pass);
  const equal = branch(to, codes.ifEqual, high(value), lowTest, fail);
  return test(to, highOffset(index), codes.ifGreater, high(value), pass, equal);
}
