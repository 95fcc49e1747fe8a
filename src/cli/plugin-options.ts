// Holds a plugin's options against the plugin's own schema.

import type { ObjectSchema, Schema } from "../../hooks/plugin.ts";
import { joinPath, nearest, show } from "../config/faults.ts";
import type { ConfigFault } from "../errors.ts";

/** All that is wrong with the options; paths begin at the options: `ports[0]`. */
export function checkOptions(schema: ObjectSchema, options: unknown): ConfigFault[] {
  const faults: ConfigFault[] = [];
  check(schema, options, "", faults);
  return faults;
}

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
  if (schema.type === "integer") return Number.isInteger(value);
  if (schema.type === "number") return typeof value === "number" && Number.isFinite(value);
  if (schema.type === "boolean") return typeof value === "boolean";
  if (Array.isArray(schema.type)) return typeof value === "string" || (typeof value === "number" && Number.isFinite(value));
  return schema.type === "string" && typeof value === "string" && (schema.enum === undefined || schema.enum.includes(value));
}

function expectedOf(schema: Schema): string {
  if (schema.type === "string" && schema.enum !== undefined) return `one of ${schema.enum.join(", ")}`;
  if (typeof schema.type !== "string") return "a number or a string";
  const words = {
    string: "a string",
    number: "a number",
    integer: "an integer",
    boolean: "true or false",
    array: "a list",
    object: "a map",
  };
  return words[schema.type];
}

function checkObject(
  { properties, required = [] }: ObjectSchema,
  value: Record<string, unknown>,
  path: string,
  faults: ConfigFault[],
): void {
  for (const [key, one] of Object.entries(value)) {
    const schema = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (schema !== undefined) {
      check(schema, one, joinPath(path, key), faults);
      continue;
    }
    const meant = nearest(key, Object.keys(properties));
    faults.push({
      path: joinPath(path, key),
      problem: meant === undefined ? "unknown option" : `unknown option, did you mean ${JSON.stringify(meant)}?`,
    });
  }
  for (const key of required) {
    const schema = properties[key];
    if (!Object.hasOwn(value, key) && schema !== undefined)
      faults.push({ path: joinPath(path, key), problem: `missing, expected ${expectedOf(schema)}` });
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
