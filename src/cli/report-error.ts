// Puts an error's facts into words: `box: ORIGIN: WHAT OBJECT: CALL: ERRNO (text)`, then `hint: …`.

import type { BoxError, ConfigFault } from "../errors.ts";
import { type Errno, errnoText } from "../linux/errno.ts";
import { escapeControls } from "../tape/print.ts";

/** The lines to print, without a newline at the end. Names from a bundle cannot write to the terminal through them. */
export const errorLines = (error: BoxError): string[] => wordsOf(error).map(escapeControls);

function wordsOf(error: BoxError): string[] {
  const { faults } = error.facts;
  if (faults !== undefined) return faults.flatMap(faultLines);
  const { origin, what, object, call, errno, hint } = error.facts;
  const parts = ["box"];
  if (origin !== undefined) parts.push(origin);
  if (what !== undefined) parts.push(object === undefined ? what : `${what} ${object}`);
  if (call !== undefined) parts.push(call);
  if (errno !== undefined) parts.push(`${errno} (${errnoText(errno as Errno)})`);
  return [parts.join(": "), ...(hint === undefined ? [] : [`hint: ${hint}`])];
}

function faultLines({ path, expected, got, problem, hint }: ConfigFault): string[] {
  const words = problem ?? `expected ${expected}${got === undefined ? "" : `, got ${got}`}`;
  return [`box: ${path === "" ? "the configuration" : path}: ${words}`, ...(hint === undefined ? [] : [`hint: ${hint}`])];
}
