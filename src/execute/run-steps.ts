// A few steps run at once inside box, for commands that do one thing to a container that exists. A failure names its
// step in the same words as one of a start.

import { BoxError } from "../errors.ts";
import { encodeTape } from "../tape/encode.ts";
import { header } from "../tape/layout.ts";
import type { Buffer, Step, Variables } from "../tape/step.ts";
import { blame } from "./blame.ts";
import * as libc from "./libc.ts";
import { stepAt } from "./step-at.ts";
import { textAt } from "./tape-run.ts";

/** Runs them in order, to the first that fails. `reasons`: where steps put what the kernel says of a failure. */
export function runSteps(steps: readonly Step[], variables: Variables, reasons?: Buffer): void {
  if (steps.length === 0) return;
  const where = { machine: libc.machine, base: libc.tapeMemory.address, status: libc.boxStatusAddress };
  const encoded = encodeTape([steps], variables, where, { mostBytes: libc.tapeMemory.bytes });
  libc.loadTape(encoded.image);
  const failed = libc.runTape(encoded.entries[0] ?? 0);
  if (failed === 0) return;
  const at = stepAt(encoded, libc.readWord(libc.tapeMemory.address + header.lastRecord));
  if (at === undefined) throw new BoxError({ what: "box reports an impossible failure" });
  const explanation = reasons === undefined ? "" : textAt(encoded.addressOf(reasons), reasons.bytes);
  throw blame({ ...at, errno: -failed, explanation });
}
