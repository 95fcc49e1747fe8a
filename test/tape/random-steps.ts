// Random lists of steps for fast-check: control flow of every kind whose calls have a known fate.

import fc from "fast-check";
import { type Errno, errno } from "../../src/linux/errno.ts";
import type { EncodeOptions } from "../../src/tape/encode.ts";
import { compute, type ErrorTable, type Step, type StepOptions, step } from "../../src/tape/step.ts";
import type { Fate } from "./model.ts";

const errnos = ["EPERM", "ENOENT", "EEXIST", "EBUSY"] as const satisfies readonly Errno[];

/** A step before it has a number: what becomes of its call, and what hangs on it. */
type Wild = {
  readonly fails: (typeof errnos)[number] | undefined;
  readonly onError: "stop" | "ignore" | readonly (readonly [(typeof errnos)[number], readonly Wild[], boolean])[] | undefined;
  readonly ok: readonly Wild[] | undefined;
  readonly equal: { readonly hit: boolean; readonly steps: readonly Wild[]; readonly onFailure: readonly Wild[] | undefined } | undefined;
  readonly expect: boolean | undefined;
  readonly explain: "context" | "program" | undefined;
  /** How many steps of the outermost list to jump over. */
  readonly goto: number | undefined;
};

const depthIdentifier = fc.createDepthIdentifier();
const anyErrno = fc.constantFrom(...errnos);
/** Half of the time, and never four levels down. */
const sometimes = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: undefined, freq: 2, depthIdentifier, maxDepth: 4 });

const { list } = fc.letrec<{ list: Wild[]; step: Wild }>((tie) => ({
  list: fc.array(tie("step"), { maxLength: 3, depthIdentifier }),
  step: fc.record({
    fails: sometimes(anyErrno),
    onError: sometimes(
      fc.oneof(
        fc.constantFrom("stop" as const, "ignore" as const),
        fc.uniqueArray(fc.tuple(anyErrno, tie("list"), fc.boolean()), { maxLength: 3, selector: ([name]) => name }),
      ),
    ),
    ok: sometimes(tie("list")),
    equal: sometimes(fc.record({ hit: fc.boolean(), steps: tie("list"), onFailure: sometimes(tie("list")) })),
    expect: sometimes(fc.boolean()),
    explain: sometimes(fc.constantFrom("context" as const, "program" as const)),
    goto: sometimes(fc.nat(3)),
  }),
}));

const begun = list.filter(({ length }) => length > 0);

export type RandomTape = {
  readonly lists: readonly (readonly Step[])[];
  readonly options: EncodeOptions;
  readonly fates: ReadonlyMap<Step, Fate>;
};

/** What the calls say goes to descriptor `out`. */
export const randomTapes = (out: number): fc.Arbitrary<RandomTape> =>
  fc
    .record({ main: begun, failure: sometimes(begun), explanations: sometimes(fc.tuple(begun, begun)) })
    .map(({ main, failure, explanations }) => {
      const fates = new Map<Step, Fate>();
      const taming = { out, fates, main: false, count: 0 };
      const lists = [tame(main, { ...taming, main: true })];
      let options: EncodeOptions = {};
      if (failure !== undefined) {
        lists.push(tame(failure, { ...taming, count: 1000 }));
        options = { ...options, failureList: lists.length - 1 };
      }
      if (explanations !== undefined) {
        for (const one of explanations) lists.push(tame(one, { ...taming, count: 1000 * lists.length }));
        options = { ...options, explanations: { context: lists.length - 2, program: lists.length - 1 } };
      }
      return { lists, options, fates };
    });

type Taming = { readonly out: number; readonly fates: Map<Step, Fate>; readonly main: boolean; count: number };

/** Steps with texts of their own. Jumps lead forward to labels of the first list, so every tape ends. */
function tame(wild: readonly Wild[], taming: Taming): Step[] {
  const labels = wild.map((_, index) => `step ${index}`);
  return wild.map((one, index) => tameStep(one, taming, labels.slice(index + 1), taming.main ? labels[index] : undefined));
}

function tameStep(wild: Wild, taming: Taming, ahead: readonly string[], label: string | undefined): Step {
  const { out, fates, main } = taming;
  const text = `${taming.count++};`;
  const inside = (steps: readonly Wild[]): Step[] => steps.map((one) => tameStep(one, taming, ahead, undefined));
  const { equal, onError } = wild;
  const ok = wild.ok === undefined ? undefined : inside(wild.ok);
  const goto = main && wild.goto !== undefined && (ok ?? []).length === 0 ? ahead[wild.goto] : undefined;
  const value = (hit: boolean): number => (hit ? text.length : 99);
  const options: StepOptions = {
    ...(label === undefined ? {} : { label }),
    ...(goto === undefined ? {} : { goto }),
    ...(ok === undefined ? {} : { ok }),
    ...(equal === undefined ? {} : { equal: tameEqual(equal, value, inside) }),
    ...(equal !== undefined || wild.expect === undefined ? {} : { expect: { value: value(wild.expect), refused: "it is another" } }),
    ...(main && wild.explain !== undefined ? { explain: wild.explain } : {}),
    ...(onError === undefined ? {} : { onError: typeof onError === "string" ? onError : tameTable(onError, inside) }),
  };
  const made =
    wild.fails === undefined
      ? step("write", [out, text, text.length], "test", `say ${text}`, options)
      : compute([0, 0, errno[wild.fails], -1], "test", `fail with ${wild.fails}`, options);
  fates.set(made, wild.fails === undefined ? { result: text.length, says: text } : { errno: wild.fails });
  return made;
}

const tameEqual = (
  { hit, steps, onFailure }: NonNullable<Wild["equal"]>,
  value: (hit: boolean) => number,
  inside: (steps: readonly Wild[]) => Step[],
): NonNullable<Step["equal"]> => ({
  value: value(hit),
  steps: inside(steps),
  ...(onFailure === undefined ? {} : { onFailure: inside(onFailure) }),
});

const tameTable = (table: Exclude<Wild["onError"], string | undefined>, inside: (steps: readonly Wild[]) => Step[]): ErrorTable =>
  table.map(([name, steps, fallback]) => (fallback ? [name, inside(steps), "fallback"] : [name, inside(steps)]));
