// From answers to instructions: the ABI is looked up, then the call's number in a balanced tree over ranges of numbers with
// one answer, then conditions. A path that does not look at arguments has nothing in it but comparisons of the number and
// the ABI: the kernel (since 5.11) tries those out when the filter is loaded, and never runs it for calls that pass.

import type { Seccomp } from "../config/spec.ts";
import { X32, X32_BIT } from "./abis.ts";
import { type AbiAnswers, type Answer, type Answers, placeOf } from "./answers.ts";
import { writeRules } from "./conditions.ts";
import { begin, branch, codes, data, type FilterWriter, finish, newWriter, put, type Target, VERDICTS } from "./filter-writer.ts";
import { ARM_OWN, NUMBER_MASK, PACKED_ARM_OWN } from "./pack-numbers.ts";
import { hidesNewCalls, NO_SUCH_CALL, WRONG_ABI } from "./verdicts.ts";

/** From `starts[n]` up to the next start, numbers are answered by what is at `places[n]` of the list. The first start is 0. */
type Ranges = { readonly starts: number[]; readonly places: number[] };

/** struct sock_filter[]. Throws a BoxError when it has more instructions than the kernel takes. */
export function writeFilter(answers: Answers, { defaultAction }: Seccomp): Uint8Array {
  const to = newWriter();
  const { list, abis } = answers;
  const hides = hidesNewCalls(defaultAction);
  let otherwise: Target = VERDICTS + WRONG_ABI;
  // x32 is found in the ranges of x86-64. The machine's own ABI comes first in the filter, so last here.
  let x32: AbiAnswers | undefined;
  for (let at = 0; at < abis.length; at++) if ((abis[at] as AbiAnswers).abi === X32) x32 = abis[at];
  for (let at = abis.length - 1; at >= 0; at--) {
    const on = abis[at] as AbiAnswers;
    if (on === x32) continue;
    const ranges: Ranges = { starts: [], places: [] };
    if (on.abi.audit === X32.audit) rangesOfX64(ranges, list, on, x32, hides);
    else rangesOf(ranges, list, on, 0, hides);
    begin(to, writeTree(to, ranges, 0, ranges.starts.length, list, on));
    put(to, codes.load, 0, 0, data.number);
    otherwise = branch(to, codes.ifEqual, on.abi.audit, to.at, otherwise);
  }
  put(to, codes.load, 0, 0, data.arch);
  return finish(to);
}

function addRange(to: Ranges, start: number, place: number): void {
  if (to.places.length > 0 && to.places[to.places.length - 1] === place) return;
  to.starts.push(start);
  to.places.push(place);
}

/** The answer to calls above those that the profile names. */
const aboveAll = (list: Answer[], { highest }: AbiAnswers, hides: boolean): number =>
  hides && highest > 0 ? placeOf(list, NO_SUCH_CALL) : 0;

/** An ABI's calls from `first` up, and all numbers above. */
function rangesOf(to: Ranges, list: Answer[], on: AbiAnswers, first: number, hides: boolean): void {
  const above = aboveAll(list, on, hides);
  // A call that others are made through can lie above what the profile names.
  const last = above === 0 ? NUMBER_MASK - 1 : on.highest;
  const { places } = on;
  let before = -1;
  // No call in this loop, since it is long and runs cold.
  for (let packed = 0; packed <= last; packed++) {
    const place = places[packed] as number;
    if (place === before) continue;
    addRange(to, first + unpack(packed), place);
    before = place;
  }
  addRange(to, first + unpack(last) + 1, above);
}

const unpack = (packed: number): number => (packed < PACKED_ARM_OWN ? packed : packed - PACKED_ARM_OWN + ARM_OWN);

/**
 * Numbers with bit 30 are x32's, whatever bit 31 is. Without x32 they are of a wrong ABI, except for −1, by which a tracer
 * skips a call and which no ABI has.
 */
function rangesOfX64(to: Ranges, list: Answer[], x64: AbiAnswers, x32: AbiAnswers | undefined, hides: boolean): void {
  rangesOf(to, list, x64, 0, hides);
  const above = aboveAll(list, x64, hides);
  if (x32 !== undefined) {
    rangesOf(to, list, x32, X32_BIT, hides);
    addRange(to, 2 * X32_BIT, above);
    addRange(to, 3 * X32_BIT, aboveAll(list, x32, hides));
    return;
  }
  const wrong = placeOf(list, WRONG_ABI);
  addRange(to, X32_BIT, wrong);
  // Above 2^31 there is no call of x86-64; libseccomp takes it for x32, where runc has not said ENOSYS before.
  addRange(to, 2 * X32_BIT, hides && x64.highest > 0 ? above : wrong);
  addRange(to, 3 * X32_BIT, wrong);
  addRange(to, 4 * X32_BIT - 1, 0);
}

/** Writes the ranges from `low` to before `high`; A holds the number where they begin. */
function writeTree(to: FilterWriter, ranges: Ranges, low: number, high: number, list: readonly Answer[], on: AbiAnswers): Target {
  if (high - low === 1) {
    const answer = list[ranges.places[low] as number] as Answer;
    const bits = (ranges.starts[low] as number) >= X32_BIT ? X32.bits : on.abi.bits;
    return typeof answer === "number" ? VERDICTS + answer : writeRules(to, answer, bits, VERDICTS + (list[0] as number));
  }
  const middle = (low + high) >> 1;
  const ifAtLeast = writeTree(to, ranges, middle, high, list, on);
  const ifLess = writeTree(to, ranges, low, middle, list, on);
  return branch(to, codes.ifAtLeast, ranges.starts[middle] as number, ifAtLeast, ifLess);
}
