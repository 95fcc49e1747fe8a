// How the tests of the configuration see a refusal: one line per fault, as a person will read it.

import { BoxError } from "../../src/errors.ts";

/** The faults that `run` is refused with; [] when it is not. Anything but a BoxError goes on to the test runner. */
export function faultLines(run: () => unknown): string[] {
  try {
    run();
  } catch (error) {
    if (!(error instanceof BoxError)) throw error;
    return (error.facts.faults ?? []).map(({ path, problem, expected, got, hint }) => {
      const words = problem ?? `expected ${expected}, got ${got}`;
      return (path === "" ? "" : `${path}: `) + words + (hint === undefined ? "" : `, ${hint}`);
    });
  }
  return [];
}
