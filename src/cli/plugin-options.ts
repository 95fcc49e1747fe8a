// A plugin's options: held against the plugin's own schema, completed by its defaults, and read from a command line.

import type { ObjectSchema, Schema } from "../../hooks/plugin.ts";
import { joinPath, nearest, show } from "../config/faults.ts";
import type { ConfigFault } from "../errors.ts";

/** All that is wrong with the options; paths begin at the options: `ports[0]`. */
export function checkOptions(schema: ObjectSchema, options: unknown): ConfigFault[] {
  const faults: ConfigFault[] = [];
  check(schema, options, "", faults);
  return faults;
}

/** What an annotation asks for and may not have; options that are unknown are refused as such. */
export const checkAsked = ({ properties, additionalProperties }: ObjectSchema, asked: readonly string[]): ConfigFault[] =>
  asked
    .filter((name) => {
      const found = Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
      return found !== undefined && found.byAnnotation !== true;
    })
    .map((name) => ({
      path: name,
      problem: "no annotation may give this option",
      hint: "the host can give it, where it allows the plugin",
    }));

function check(schema: Schema, value: unknown, path: string, faults: ConfigFault[]): void {
  if (schema.type === "object" && isRecord(value)) checkObject(schema, value, path, faults);
  else if (schema.type === "array" && Array.isArray(value)) {
    for (const [index, item] of value.entries()) check(schema.items, item, `${path}[${index}]`, faults);
  } else if (!fits(schema, value)) {
    const meant = schema.type === "string" && typeof value === "string" ? nearest(value, schema.enum ?? []) : undefined;
    faults.push({
      path,
      expected: expectedOf(schema),
      got: show(value),
      ...(meant === undefined ? {} : { hint: `did you mean ${JSON.stringify(meant)}?` }),
    });
  }
}

function fits(schema: Schema, value: unknown): boolean {
  switch (schema.type) {
    case "number":
    case "integer":
      if (typeof value !== "number" || !(schema.type === "integer" ? Number.isInteger(value) : Number.isFinite(value))) return false;
      return value >= (schema.minimum ?? -Infinity) && value <= (schema.maximum ?? Infinity);
    case "boolean":
      return typeof value === "boolean";
    case "string":
      if (typeof value !== "string" || schema.enum?.includes(value) === false) return false;
      return schema.pattern === undefined || new RegExp(schema.pattern, "u").test(value);
    case "array":
    case "object":
      return false;
    default:
      return typeof value === "string" || (typeof value === "number" && Number.isFinite(value));
  }
}

/** What a schema takes, to follow the word "expected". */
export function expectedOf(schema: Schema): string {
  switch (schema.type) {
    case "string":
      if (schema.enum !== undefined) return `one of ${schema.enum.join(", ")}`;
      return schema.pattern === undefined ? "a string" : `a string like ${schema.pattern}`;
    case "number":
    case "integer":
      return `${schema.type === "number" ? "a number" : "an integer"}${range(schema.minimum, schema.maximum)}`;
    case "boolean":
      return "true or false";
    case "array":
      return "a list";
    case "object":
      return "a map";
    default:
      return "a number or a string";
  }
}

function range(least: number | undefined, most: number | undefined): string {
  if (least !== undefined && most !== undefined) return ` from ${least} to ${most}`;
  if (least !== undefined) return ` of at least ${least}`;
  return most === undefined ? "" : ` of at most ${most}`;
}

function checkObject(schema: ObjectSchema, value: Record<string, unknown>, path: string, faults: ConfigFault[]): void {
  const { properties, required = [], additionalProperties } = schema;
  for (const [key, one] of Object.entries(value)) {
    const found = Object.hasOwn(properties, key) ? properties[key] : additionalProperties;
    if (found !== undefined) {
      check(found, one, joinPath(path, key), faults);
      continue;
    }
    const meant = nearest(key, Object.keys(properties));
    faults.push({
      path: joinPath(path, key),
      problem: meant === undefined ? "unknown option" : `unknown option, did you mean ${JSON.stringify(meant)}?`,
    });
  }
  for (const key of required) {
    const found = properties[key];
    if (!Object.hasOwn(value, key) && found !== undefined)
      faults.push({ path: joinPath(path, key), problem: `missing, expected ${expectedOf(found)}` });
  }
}

/** Options that have been checked, with the defaults of what they leave out. */
export function withDefaults(schema: Schema, value: unknown): unknown {
  if (schema.type === "array" && Array.isArray(value)) return value.map((item) => withDefaults(schema.items, item));
  if (schema.type !== "object" || !isRecord(value)) return value;
  const out: Record<string, unknown> = {};
  for (const [key, one] of Object.entries(value)) {
    const found = Object.hasOwn(schema.properties, key) ? schema.properties[key] : schema.additionalProperties;
    out[key] = found === undefined ? one : withDefaults(found, one);
  }
  for (const [key, { default: usual }] of Object.entries(schema.properties))
    if (!Object.hasOwn(value, key) && usual !== undefined) out[key] = structuredClone(usual);
  return out;
}

/**
 * Options as they stand in a command line, `file=a.txt,port=80,port=81`: the schema says which words are numbers. A word
 * that is none stays as it is, for `checkOptions` to refuse.
 */
export function readOptions({ properties }: ObjectSchema, text: string): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const part of text.split(",")) {
    const equals = part.indexOf("=");
    const [key, word] = equals < 0 ? [part, "true"] : [part.slice(0, equals), part.slice(equals + 1)];
    const schema = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (schema?.type !== "array") Object.defineProperty(out, key, { ...plain, value: asValue(schema, word) });
    else out[key] = [...((out[key] as unknown[] | undefined) ?? []), asValue(schema.items, word)];
  }
  return out;
}

/** Also for a key that has a meaning of its own in JavaScript. */
const plain = { enumerable: true, writable: true, configurable: true };

function asValue(schema: Schema | undefined, word: string): unknown {
  if (schema?.type === "boolean" && (word === "true" || word === "false")) return word === "true";
  const number = schema?.type === "number" || schema?.type === "integer";
  return number && /^-?\d+(\.\d+)?$/.test(word) ? Number(word) : word;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
