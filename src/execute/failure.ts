// A failure of a tape in words, with the steps that it was made from. Loaded only when something has failed.

import { BoxError } from "../errors.ts";
import { ERRNO_MAX } from "../tape/layout.ts";
import { blame } from "./blame.ts";
import type { Sources } from "./compile.ts";
import { hookFailed } from "./hook-failed.ts";
import { stepAt } from "./step-at.ts";
import type { TapeFailure } from "./tape-failed.ts";

export function failureInWords({ tape, address, errno, explanation, program, hook }: TapeFailure, sources: Sources): BoxError {
  const at = stepAt(sources[tape], address);
  if (errno === 0) {
    const during = at === undefined ? "" : ` while it was to ${at.step.why}`;
    return new BoxError({
      what: `the container's first process was killed${during}`,
      ...(at === undefined ? {} : { origin: at.step.origin }),
    });
  }
  if (at === undefined || errno < 1 || errno > ERRNO_MAX) return new BoxError({ what: `the ${tape} reports an impossible failure` });
  if (at.step.failed === "hook" && hook !== undefined) return hookFailed(at.step, errno, hook, at.refused);
  // Only a refusal of the verifier fills its log, or one of resctrl, and only then is it about this step.
  const explained = at.step.call === "bpf" || at.step.origin.startsWith("linux.intelRdt");
  const about = tape === "box" && !explained ? "" : explanation;
  return blame({ ...at, errno, explanation: about, program });
}
