// What failed without stopping anything, told as a warning.

import { BoxError } from "../errors.ts";
import { reportWarning } from "./report-error.ts";

/** Throws what is no BoxError: a bug. */
export function warnOf(error: unknown): void {
  if (!(error instanceof BoxError)) throw error;
  reportWarning(error);
}
