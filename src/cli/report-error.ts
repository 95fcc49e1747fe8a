// Puts an error's facts into words: `box: ORIGIN: WHAT OBJECT: CALL: ERRNO (text)`, then `hint: …`.

import { BoxError, type ConfigFault } from "../errors.ts";
import { type Errno, errnoText } from "../linux/errno.ts";

/** The lines to print, without a newline at the end. */
export function errorLines(error: BoxError): string[] {
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
  return [`box: ${path === "" ? "" : `${path}: `}${words}`, ...(hint === undefined ? [] : [`hint: ${hint}`])];
}
