import { afterEach, describe, expect, test } from "bun:test";
import { parseFlags } from "../../src/cli/arguments.ts";
import { lenientFlag } from "../../src/cli/launch-flags.ts";
import { isLenient } from "../../src/cli/leniency.ts";
import { errorLines } from "../../src/cli/report-error.ts";
import { BoxError } from "../../src/errors.ts";

const before = process.env.BOX_LENIENT;
afterEach(() => {
  if (before === undefined) delete process.env.BOX_LENIENT;
  else process.env.BOX_LENIENT = before;
});

function answer(environment: string | undefined, ...words: readonly string[]): boolean | string[] {
  if (environment === undefined) delete process.env.BOX_LENIENT;
  else process.env.BOX_LENIENT = environment;
  try {
    return isLenient(parseFlags(words, [lenientFlag], "run"));
  } catch (error) {
    if (!(error instanceof BoxError)) throw error;
    return errorLines(error);
  }
}

describe("unknown keys are warnings", () => {
  test("with the flag, whatever the environment says", () => {
    for (const environment of [undefined, "", "0", "1", "yes"]) expect(answer(environment, "--lenient")).toBe(true);
  });
  test("with BOX_LENIENT=1", () => expect(answer("1")).toBe(true));
  test("else not", () => {
    for (const environment of [undefined, "", "0"]) expect(answer(environment)).toBe(false);
  });
  test("and nobody guesses what else it says", () => expect(answer("yes")).toEqual(['box: BOX_LENIENT: expected 1 or 0, got "yes"']));
});
