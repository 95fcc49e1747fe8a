// Which part of a Spec comes from which plugin. Taps of the hook `config` change it as they like, so it is compared with
// what it was before each: what is new is that plugin's, and what was moved still knows where it stood at first. Compared
// only when somebody asks: most starts have no error and print no plan.

import { joinPath } from "../config/faults.ts";
import { isObject } from "../config/rule.ts";
import type { Spec } from "../config/spec.ts";
import { changedPaths } from "./changed-paths.ts";

export type SpecOrigins = {
  /** Takes what a tap has made of the Spec, as JSON. */
  readonly note: (text: string, plugin: string) => void;
  /** For the origin of a step: the plugin that put it there or changed it, and where it was before all plugins. */
  readonly of: (origin: string) => { readonly plugin?: string; readonly from: string };
  /** The first Spec and what each tap made of it, as JSON. */
  readonly texts: () => string[];
  /** What each tap changed, in words for the printed plan. */
  readonly changes: () => string[];
};

/** Of a value in the Spec: from where in the first Spec, or by whom; `parts` where those differ from the whole. */
type Trace =
  | { readonly from: string }
  | { readonly plugin: string }
  | { readonly from: string; readonly parts: ReadonlyMap<string, Trace> };

type Version = { readonly spec: unknown; readonly plugin: string };

export function followSpec(first: Spec): SpecOrigins {
  const texts = [{ text: JSON.stringify(first), plugin: "" }];
  let seen: { readonly versions: readonly Version[]; readonly trace: Trace } | undefined;
  const look = (): NonNullable<typeof seen> => {
    if (seen !== undefined) return seen;
    const versions = texts.map(({ text, plugin }) => ({ spec: JSON.parse(text) as unknown, plugin }));
    seen = { versions, trace: traceOf(versions) };
    return seen;
  };
  return {
    note(text, plugin) {
      texts.push({ text, plugin });
      seen = undefined;
    },
    texts: () => texts.map(({ text }) => text),
    of: (origin) => originIn(look(), origin),
    changes: () => changesOf(look().versions),
  };
}

function originIn({ versions, trace }: { versions: readonly Version[]; trace: Trace }, origin: string): ReturnType<SpecOrigins["of"]> {
  const keys = keysOf(origin);
  const last = versions.at(-1)?.spec;
  // Not all origins are paths in it: some are flags, or box itself.
  if (!isObject(last) || !Object.hasOwn(last, keys[0] ?? "")) return { from: origin };
  const found = keys.reduce(partOf, trace);
  if ("plugin" in found) return { plugin: found.plugin, from: origin };
  const changer = origin.endsWith("]") ? changerOf(found) : undefined;
  return { from: found.from, ...(changer === undefined ? {} : { plugin: changer }) };
}

function traceOf(versions: readonly Version[]): Trace {
  let trace: Trace = { from: "" };
  for (const [index, { spec, plugin }] of versions.entries())
    if (index > 0) trace = compare(versions[index - 1]?.spec, trace, spec, plugin);
  return trace;
}

const changesOf = (versions: readonly Version[]): string[] =>
  versions.flatMap(({ spec, plugin }, index) => {
    const paths = index === 0 ? [] : changedPaths(versions[index - 1]?.spec, spec);
    return paths.length === 0 ? [] : [`${plugin} changed ${paths.join(", ")}`];
  });

/** `linux.sysctl["a.b"][3]` as its keys. */
const keysOf = (path: string): string[] =>
  [...path.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.[]+)/g)].map(([, quoted, index, word]) => quoted ?? index ?? word ?? "");

/** What a Spec has at a step's origin; undefined where that is no part of it. */
export const valueAt = (spec: Spec, origin: string): unknown =>
  keysOf(origin).reduce<unknown>(
    (value, key) => (typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined),
    spec,
  );

function partOf(trace: Trace, key: string): Trace {
  if ("plugin" in trace) return trace;
  const part = "parts" in trace ? trace.parts.get(key) : undefined;
  return part ?? { from: joinPath(trace.from, /^\d+$/.test(key) ? Number(key) : key) };
}

/** Who changed a part of an entry of a list, such as one option of a mount. */
function changerOf(trace: Trace): string | undefined {
  if ("plugin" in trace) return trace.plugin;
  if (!("parts" in trace)) return undefined;
  for (const part of trace.parts.values()) {
    const changer = changerOf(part);
    if (changer !== undefined) return changer;
  }
  return undefined;
}

const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

function compare(before: unknown, trace: Trace, after: unknown, plugin: string): Trace {
  if (same(before, after)) return trace;
  if ("plugin" in trace) return { plugin };
  if (Array.isArray(before) && Array.isArray(after)) return { from: trace.from, parts: compareLists(before, trace, after, plugin) };
  if (!isObject(before) || !isObject(after)) return { plugin };
  const parts = new Map<string, Trace>();
  for (const key in after)
    parts.set(key, Object.hasOwn(before, key) ? compare(before[key], partOf(trace, key), after[key], plugin) : { plugin });
  return { from: trace.from, parts };
}

/** An entry is where an equal one was; else, in the place of one that is gone, that one changed; else it is new. */
function compareLists(before: readonly unknown[], trace: Trace, after: readonly unknown[], plugin: string): Map<string, Trace> {
  const found = after.map((): number => -1);
  const free = new Set(before.keys());
  const take = (index: number, of: number): void => {
    found[index] = of;
    free.delete(of);
  };
  for (const [index, entry] of after.entries()) {
    const equal = [...free].find((of) => same(before[of], entry));
    if (equal !== undefined) take(index, equal);
  }
  for (const [index, entry] of after.entries()) if (found[index] === -1 && free.has(index) && isObject(entry)) take(index, index);
  return new Map(
    after.map((entry, index) => {
      const of = found[index] as number;
      return [String(index), of < 0 ? { plugin } : compare(before[of], partOf(trace, String(of)), entry, plugin)];
    }),
  );
}
