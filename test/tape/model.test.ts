// Where a tape goes on after each step: random control flow, run by the interpreter inside this process and compared
// with what step.ts says in words (model.ts).

import { afterAll, describe, expect, test } from "bun:test";
import { closeSync, ftruncateSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import * as libc from "../../src/execute/libc.ts";
import { errnoName } from "../../src/linux/errno-name.ts";
import { encodeTape } from "../../src/tape/encode.ts";
import { header } from "../../src/tape/layout.ts";
import { newVariables } from "../../src/tape/step.ts";
import { type End, runModel } from "./model.ts";
import { type RandomTape, randomTapes } from "./random-steps.ts";
import { ownerAt, temporaryFolder } from "./run-steps.ts";

const folder = temporaryFolder();
const path = join(folder.path, "written");
const out = openSync(path, "a+");
afterAll(() => {
  closeSync(out);
  folder[Symbol.dispose]();
});

/** Runs the first list in this process. */
function runHere({ lists, options }: RandomTape): End {
  const where = { machine: libc.machine, base: libc.tapeMemory.address, status: libc.boxStatusAddress };
  const encoded = encodeTape(lists, newVariables(), where, options);
  ftruncateSync(out);
  libc.loadTape(encoded.image);
  const result = libc.runTape(encoded.entries[0] as number);
  const written = readFileSync(path, "utf8");
  if (result === 0) return { written };
  const failed = ownerAt(encoded, libc.readWord(libc.tapeMemory.address + header.lastRecord));
  return { written, errno: errnoName(-result) as End["errno"] & {}, ...(failed === undefined ? {} : { failed }) };
}

describe("a tape goes where its steps say", () => {
  test("whatever they say", () => {
    fc.assert(
      fc.property(randomTapes(out), (tape) => {
        const [real, meant] = [runHere(tape), runModel(tape.lists, tape.options, tape.fates)];
        expect({ ...real, failed: real.failed?.why }).toEqual({ ...meant, failed: meant.failed?.why });
        expect(real.failed === meant.failed).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
