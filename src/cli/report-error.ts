// Puts an error's facts into words, `box: ORIGIN: WHAT OBJECT: CALL: ERRNO (text)`, then `hint: …`, and tells them.

import type { BoxError, ConfigFault } from "../errors.ts";
import { tell } from "../execute/tell.ts";
import type { Errno } from "../linux/errno.ts";
import { errnoText } from "../linux/errno-text.ts";
import { escapeControls } from "../tape/escape-controls.ts";

/** The lines to print, without a newline at the end. Names from a bundle cannot write to the terminal through them. */
export const errorLines = (error: BoxError): string[] => wordsOf(error).map(escapeControls);

/** To stderr and the log. */
export const reportError = (error: BoxError): void => tell("error", errorLines(error));

/** For what stops nothing. */
export const reportWarning = (error: BoxError): void =>
  tell(
    "warning",
    errorLines(error).map((line) => line.replace("box: ", "box: warning: ")),
  );

function wordsOf(error: BoxError): string[] {
  const { faults, origin, what, object, call, errno, hint } = error.facts;
  if (faults !== undefined) return faults.flatMap((fault) => faultLines(fault, what));
  const parts = ["box"];
  if (origin !== undefined) parts.push(origin);
  if (what !== undefined) parts.push(object === undefined ? what : `${what} ${object}`);
  if (call !== undefined) parts.push(call);
  if (errno !== undefined) parts.push(`${errno} (${errnoText(errno as Errno)})`);
  return [parts.join(": "), ...(hint === undefined ? [] : [`hint: ${hint}`])];
}

/** A fault of the whole document has no path: `what` says which document. */
function faultLines({ path, expected, got, problem, hint }: ConfigFault, what: string | undefined): string[] {
  const words = problem ?? `expected ${expected}${got === undefined ? "" : `, got ${got}`}`;
  const place = path === "" ? what : shortened(path);
  return [`box: ${place === undefined ? "" : `${place}: `}${words}`, ...(hint === undefined ? [] : [`hint: ${hint}`])];
}

/** A key may be as long as its file. Of such a path the beginning and the end are told. */
const longestPath = 300;

const shortened = (path: string): string => (path.length <= longestPath ? path : `${path.slice(0, longestPath - 100)}…${path.slice(-100)}`);
