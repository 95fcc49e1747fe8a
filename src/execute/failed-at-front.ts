// What an exec by the front has failed at once there was a process, in words (src/plan/exec-at-front.ts).

import { BoxError } from "../errors.ts";
import { errnoName } from "../linux/errno-name.ts";
import { signalName } from "../linux/signals.ts";
import { ENDED_BY_SIGNAL, frontFailures } from "../plan/front-failure.ts";
import { frontWord } from "./front-words.ts";

/** `pidFile`: the whole path of --pid-file, which is only asked for where there is one. */
export function failedAtFront(pidFile: string): BoxError {
  const failure = frontWord("failure") ?? 0;
  if (failure > ENDED_BY_SIGNAL) {
    const signal = failure - ENDED_BY_SIGNAL;
    return new BoxError({ what: `${signalName(signal)} has ended exec before the program ran`, exitCode: 128 + signal });
  }
  const errno = errnoName(frontWord("failureErrno") ?? 0);
  if (failure === frontFailures.pidFile) return new BoxError({ origin: "--pid-file", what: `cannot write the file ${pidFile}`, errno });
  const what = failure === frontFailures.supervising ? "cannot look after the process" : "cannot wait for the process";
  return new BoxError({ origin: "exec", what: `${what}, which was ended`, errno });
}
