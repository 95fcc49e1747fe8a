// A file of JSON that was refused is read once more, with what the first reading has no time for: numbers of 64 bits that are to
// be exact, where in the text each fault is, without capabilities that nobody knows, and, leniently, without such keys. Loaded only
// then.

import { checkProcess, checkResources, checkSpec } from "../config/check-spec.ts";
import { dropCapabilities } from "../config/drop-capabilities.ts";
import { dropUnknown } from "../config/drop-unknown.ts";
import { someOf } from "../config/faults.ts";
import { faultyPlace, jsonPlaces } from "../config/json-places.ts";
import { isObject } from "../config/rule.ts";
import type { Process, Resources, Spec } from "../config/spec.ts";
import { processRule, resourcesRule, specRule } from "../config/spec-rules.ts";
import { BoxError, type ConfigFault } from "../errors.ts";
import type { Parsed } from "./arguments.ts";
import { isLenient } from "./leniency.ts";
import { exactly } from "./parse-json.ts";

const documents = {
  config: { rule: specRule, check: checkSpec },
  process: { rule: processRule, check: checkProcess },
  resources: { rule: resourcesRule, check: checkResources },
};

type Checked = { readonly config: Spec; readonly process: Process; readonly resources: Resources };

/** `ignored`: unknown keys and capabilities that were left out, each with its place. */
export type ReadLeniently<T> = { readonly value: T; readonly ignored: readonly ConfigFault[] };

/**
 * What the file holds where exact numbers make it right, or it is right without what may be left out; else throws what is
 * wrong, with places. `refused`: what the first reading threw. `name`: what messages call the file.
 */
export function readAgain<Kind extends keyof Checked>(
  refused: unknown,
  kind: Kind,
  text: string,
  name: string,
  parsed: Pick<Parsed, "switches">,
): ReadLeniently<Checked[Kind]> {
  if (!(refused instanceof BoxError)) throw refused;
  const value = parsedWithPlace(text, name);
  if (refused.facts.faults === undefined) throw refused;
  const { rule, check } = documents[kind];
  const dropped = isLenient(parsed) ? dropUnknown(rule, value) : [];
  if (kind === "process") dropped.push(...dropCapabilities(value, ""));
  if (kind === "config" && isObject(value)) dropped.push(...dropCapabilities(value.process, "process"));
  try {
    return { value: check(value) as Checked[Kind], ignored: placed(someOf(dropped), text, name) };
  } catch (error) {
    throw withPlaces(error, text, name);
  }
}

/** The value of a text; throws a BoxError with the place where it is not JSON. */
export function parsedWithPlace(text: string, name: string): unknown {
  try {
    return JSON.parse(text, exactly as Parameters<typeof JSON.parse>[1]);
  } catch (error) {
    const { line, column } = faultyPlace(text);
    throw new BoxError({ origin: `${name}:${line}:${column}`, what: `not JSON: ${(error as Error).message}` }, { cause: error });
  }
}

/** The error with its faults in a file's places, if it has any. */
export function withPlaces(error: unknown, text: string, name: string): unknown {
  if (!(error instanceof BoxError) || error.facts.faults === undefined) return error;
  return new BoxError(
    { ...error.facts, what: `${name} is not valid`, faults: placed(error.facts.faults, text, name) },
    { cause: error.cause },
  );
}

/** `config.json:3:5: process.cwd`: a value where it stands, a key where it stands, and what is missing where it should be. */
export function placed(faults: readonly ConfigFault[], text: string, name: string): ConfigFault[] {
  const places = jsonPlaces(
    text,
    faults.map(({ path }) => path),
  );
  return faults.map((fault) => {
    const { line, column } = places.of(fault.path, fault.expected === undefined ? "key" : "value");
    const place = `${name}:${line}:${column}`;
    return { ...fault, path: fault.path === "" ? place : `${place}: ${fault.path}` };
  });
}
