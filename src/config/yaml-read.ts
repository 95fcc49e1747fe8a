// From the text of a YAML file to a plain value that fits a rule, or all faults with line and column. The file is
// hostile input: one walk over the syntax tree checks and converts, so that nothing that the rule does not know of is
// ever built, and aliases, tags, merge keys and key names cannot do more than plain text could.

import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  type YAMLError,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { BoxError, type ConfigFault } from "../errors.ts";
import { nearest, show, someOf, unknownWords } from "./faults.ts";
import { keyPath } from "./spec-paths.ts";
import type { YamlObject, YamlRule } from "./yaml-rules.ts";

export type YamlRead = {
  readonly value: unknown;
  /** `box.yaml:3:5` for `mounts[0]`: where a value, or what is around it, stands; only the file when it stands nowhere. */
  readonly placeOf: (path: string) => string;
  /** The unknown keys that lenient reading has left out, each with its place. */
  readonly ignored: readonly ConfigFault[];
};

const LARGEST_FILE = 256 * 1024;
/** Values that aliases may multiply into, and how deep they may lie. */
const MOST_VALUES = 20_000;
const DEEPEST = 32;

type Located = ConfigFault & { readonly at: number };
type Anchored = Node & { readonly anchor?: string; readonly tag?: string };

type Walk = {
  readonly faults: Located[];
  /** Unknown keys; undefined where they are faults. */
  readonly ignored: Located[] | undefined;
  /** Offset of each value by its path. */
  readonly places: Map<string, number>;
  readonly anchors: Map<string, Node>;
  values: number;
};

/** Throws a BoxError with all faults, each with `file`, line and column. `lenient`: unknown keys are left out, and told of. */
export function readYaml(text: string, file: string, rule: YamlRule, lenient = false): YamlRead {
  const lines = new LineCounter();
  const walk: Walk = { faults: [], ignored: lenient ? [] : undefined, places: new Map(), anchors: new Map(), values: 0 };
  const place = (at: number): string => {
    const { line, col } = lines.linePos(at);
    return line === 0 ? `${file}:1:1` : `${file}:${line}:${col}`;
  };
  const tell = (fault: Located): ConfigFault => withPlace(fault, place);
  const value = readDocument(text, lines, rule, walk);
  if (walk.faults.length > 0) throw new BoxError({ what: `${file} is not valid`, faults: someOf(walk.faults, file, tell) });
  return {
    value,
    placeOf: (path) => {
      const at = nearestPlace(walk.places, path);
      return at === undefined ? file : place(at);
    },
    ignored: someOf(walk.ignored ?? [], file, tell),
  };
}

const withPlace = ({ at, path, ...rest }: Located, place: (at: number) => string): ConfigFault => ({
  ...rest,
  path: path === "" ? place(at) : `${place(at)}: ${path}`,
});

/** The place of a path, or of the innermost part around it that has one. */
function nearestPlace(places: ReadonlyMap<string, number>, path: string): number | undefined {
  for (let part = path; part !== ""; ) {
    const at = places.get(part);
    if (at !== undefined) return at;
    part = part.slice(0, Math.max(part.lastIndexOf("."), part.lastIndexOf("["), 0));
  }
  return undefined;
}

function readDocument(text: string, lines: LineCounter, rule: YamlRule, walk: Walk): unknown {
  const refuse = (problem: string, at = 0): undefined => void walk.faults.push({ path: "", problem, at });
  if (text.length > LARGEST_FILE) return refuse(`larger than ${LARGEST_FILE / 1024} KiB`);
  const nul = text.indexOf("\0");
  if (nul >= 0) return refuse(`a NUL byte at character ${nul + 1}`);
  // What the decoder puts in the place of bytes that are none of UTF-8's.
  const strange = text.indexOf("\ufffd");
  if (strange >= 0) return refuse(`not UTF-8 at character ${strange + 1}`);
  const documents = parseDocuments(text, lines);
  if (documents === undefined) return refuse("nested too deeply");
  const [first, second] = documents;
  // Those after the first are mostly its echoes.
  const broken = documents.flatMap(({ errors }) => errors)[0];
  if (broken !== undefined) return void walk.faults.push(brokenFault(broken));
  if (second !== undefined) return refuse("a second document: the file may hold only one", startOf(second));
  if (first === undefined || first.contents === null) return refuse(`empty, expected ${rule.expected}`);
  return readValue(first.contents, rule, "", 0, walk);
}

function brokenFault({ message, code, pos }: YAMLError): Located {
  if (message.startsWith("Maximum call stack")) return { path: "", problem: "nested too deeply", at: pos[0] };
  return {
    path: "",
    problem: `not valid YAML: ${message.slice(0, 100)}`,
    at: pos[0],
    // The usual cause: `command: echo a: b`.
    ...(code === "BLOCK_AS_IMPLICIT_KEY" ? { hint: "a value that has a colon and a blank in it stands in quotes" } : {}),
  };
}

function parseDocuments(text: string, lineCounter: LineCounter): ReturnType<typeof parseAllDocuments> | undefined {
  try {
    // Duplicate keys are looked for below: the library compares each key with every other.
    return parseAllDocuments(text, {
      lineCounter,
      schema: "core",
      merge: false,
      resolveKnownTags: false,
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: "silent",
    });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

const startOf = (node: { readonly range?: readonly number[] | null } | null | undefined): number => node?.range?.[0] ?? 0;

function fault(walk: Walk, node: Node | null | undefined, path: string, words: Omit<ConfigFault, "path">): undefined {
  walk.faults.push({ ...words, path, at: startOf(node) });
  return undefined;
}

/** The value of a node, or undefined after a fault. `places` learns where it stands. */
function readValue(node: Anchored | null, rule: YamlRule, path: string, depth: number, walk: Walk): unknown {
  walk.values += 1;
  if (walk.values === MOST_VALUES + 1)
    fault(walk, node, path, { problem: `too many values (more than ${MOST_VALUES}, aliases counted as what they stand for)` });
  if (walk.values > MOST_VALUES) return undefined;
  if (depth > DEEPEST) return fault(walk, node, path, { problem: `nested deeper than ${DEEPEST} levels` });
  if (path !== "") walk.places.set(path, startOf(node));
  if (node !== null && isAlias(node)) return readAlias(node, rule, path, depth, walk);
  if (node?.tag !== undefined) return fault(walk, node, path, { problem: `the tag ${show(node.tag)} is not allowed: values are plain` });
  const value = isMap(node) || isSeq(node) ? readCollection(node, rule, path, depth, walk) : readScalar(node, rule, path, walk);
  if (node?.anchor !== undefined) walk.anchors.set(node.anchor, node);
  return value;
}

function readCollection(node: YAMLMap | YAMLSeq, rule: YamlRule, path: string, depth: number, walk: Walk): unknown {
  if (isMap(node)) {
    if (rule.object !== undefined) return readObject(node, rule.object, path, depth, walk);
    const values = rule.map ?? (rule.any === true ? rule : undefined);
    if (values !== undefined) return readMap(node, values, path, depth, walk);
    return fault(walk, node, path, { expected: rule.expected, got: "a map" });
  }
  const items = rule.list ?? (rule.any === true ? rule : undefined);
  if (items === undefined) return fault(walk, node, path, { expected: rule.expected, got: "a list" });
  return node.items.map((item, index) => readValue(item as Anchored | null, items, `${path}[${index}]`, depth + 1, walk));
}

/** As if what stands at the anchor stood here. Anchors count once they are complete, so none can hold itself. */
function readAlias(node: Alias, rule: YamlRule, path: string, depth: number, walk: Walk): unknown {
  const meant = walk.anchors.get(node.source);
  if (meant === undefined) return fault(walk, node, path, { problem: `no value before this one has the anchor ${show(node.source)}` });
  return readValue(meant, rule, path, depth + 1, walk);
}

function readScalar(node: Anchored | null, rule: YamlRule, path: string, walk: Walk): unknown {
  const scalar = isScalar(node) ? node : undefined;
  const value = scalar?.value ?? null;
  if (typeof value === "string" && value.includes("\0"))
    return fault(walk, node, path, { expected: "a string without NUL bytes", got: show(value) });
  if (typeof value === "number" && !Number.isFinite(value) && rule.any === true)
    return fault(walk, node, path, { expected: "a number that JSON has too", got: show(value) });
  if (rule.any === true) return value;
  if (rule.boolean === true && typeof value === "boolean") return value;
  const text = typeof value === "string" ? value : value === null ? undefined : scalar?.source;
  if (rule.text !== undefined && text !== undefined && (rule.text.pattern === undefined || new RegExp(rule.text.pattern).test(text)))
    return text;
  const meant = text === undefined ? undefined : nearest(text, rule.text?.words ?? []);
  return fault(walk, node, path, {
    expected: rule.expected,
    got: typeof value === "number" ? (scalar?.source ?? show(value)) : show(value),
    ...(meant === undefined ? {} : { hint: `did you mean ${JSON.stringify(meant)}?` }),
  });
}

/** The pairs of a map with keys that are safe to be keys of an object. */
function pairsOf(map: YAMLMap, path: string, walk: Walk): { key: string; at: Node; value: Anchored | null }[] {
  const seen = new Set<string>();
  const pairs: { key: string; at: Node; value: Anchored | null }[] = [];
  for (const { key: node, value } of map.items as Pair<Anchored | null, Anchored | null>[]) {
    if (!isScalar(node) || node.value === null || node.tag !== undefined) {
      fault(walk, node ?? map, path, { problem: "a key must be a plain word" });
      continue;
    }
    const key = typeof node.value === "string" ? node.value : (node.source ?? "");
    const place = keyPath(path, key);
    if (key === "<<") fault(walk, node, place, { problem: "merge keys are not allowed" });
    else if (key === "__proto__" || key.includes("\0")) fault(walk, node, place, { problem: "not allowed as a key" });
    else if (seen.has(key)) fault(walk, node, place, { problem: "stands here a second time" });
    else pairs.push({ key, at: node, value });
    seen.add(key);
  }
  return pairs;
}

const anything: YamlRule = { expected: "any value", any: true };

/** Keys without a value are as good as left out: people comment the lines below them out. */
function readObject(map: YAMLMap, { fields, required, elsewhere = {} }: YamlObject, path: string, depth: number, walk: Walk): unknown {
  const out: Record<string, unknown> = {};
  for (const { key, at, value } of pairsOf(map, path, walk)) {
    const place = keyPath(path, key);
    const rule = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (rule === undefined) {
      // Left out, but read for its anchors: `x-common: &common …` is where people keep what they repeat.
      const isOthers = key.startsWith("x-");
      if (isOthers || walk.ignored !== undefined) readValue(value, anything, place, depth + 1, walk);
      const meant = Object.hasOwn(elsewhere, key) ? elsewhere[key] : nearest(key, Object.keys(fields));
      if (!isOthers) (walk.ignored ?? walk.faults).push({ path: place, problem: unknownWords(meant), at: startOf(at) });
    } else if (!isEmpty(value)) out[key] = readValue(value, rule, place, depth + 1, walk);
  }
  for (const key of required)
    if (!Object.hasOwn(out, key))
      fault(walk, map, keyPath(path, key), { problem: `missing, expected ${fields[key]?.expected ?? "a value"}` });
  return out;
}

const isEmpty = (node: Anchored | null): boolean => node === null || (isScalar(node) && node.value === null && node.tag === undefined);

function readMap(map: YAMLMap, rule: YamlRule, path: string, depth: number, walk: Walk): unknown {
  const out: Record<string, unknown> = {};
  for (const { key, value } of pairsOf(map, path, walk)) out[key] = readValue(value, rule, keyPath(path, key), depth + 1, walk);
  return out;
}
