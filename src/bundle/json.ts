// JSON of unknown shape, a part at a time: what is expected, or a BoxError that says where it is not.

import { BoxError } from "../errors.ts";

const wrong = (where: string, expected: string, value: unknown): BoxError =>
  new BoxError({ origin: where, what: `expected ${expected}, got ${(JSON.stringify(value) ?? "nothing").slice(0, 60)}` });

export function asObject(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw wrong(where, "an object", value);
}

export function asList(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw wrong(where, "a list", value);
}

export function asText(value: unknown, where: string): string {
  if (typeof value === "string") return value;
  throw wrong(where, "a string", value);
}

/** None where there is none: Go writes null for an empty list. */
export const asTexts = (value: unknown, where: string): string[] =>
  (value ?? null) === null ? [] : asList(value, where).map((one, index) => asText(one, `${where}[${index}]`));
