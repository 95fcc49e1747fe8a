// A container in the background whose output passes through a supervisor: that one has to be init's parent, and box's
// caller waits for box. So another box starts the container and becomes the supervisor, and this one waits until it says
// that the container runs; what goes wrong before, it tells on the same stderr.

import { BoxError, exitCodes } from "../errors.ts";
import { commandLine } from "../execute/begin-plainly.ts";
import { addressOf, systemCall } from "../execute/libc.ts";
import { isOnce } from "../execute/real-path.ts";
import { PLAIN_NAME } from "../front/layout.ts";
import { errnoName } from "../linux/errno-name.ts";
import type { Parsed } from "./arguments.ts";

const O_CLOEXEC = 0o2000000;
/** Where the other box finds its end of the pipe. */
const REPORT_FD = 3;

/** `argv`: what stands behind `run`. */
export async function startSupervisor(argv: readonly string[], { values }: Parsed): Promise<number> {
  if (values["preserve-fds"] !== undefined || process.env.LISTEN_PID === String(process.pid))
    throw new BoxError({ origin: "--preserve-fds", what: "descriptors cannot be passed to a container whose output a supervisor reads" });
  for (const flag of ["file", "seccomp"]) {
    const path = values[flag];
    if (path !== undefined && isOnce(path))
      throw new BoxError({
        origin: `--${flag}`,
        what: `${path} is no file, and for a container in the background whose output a supervisor reads it would be read twice`,
        hint: "write it to a file first",
      });
  }
  const [read, write] = pipe();
  const given = commandLine();
  const front = given.slice(0, given.length - argv.length);
  const other = Bun.spawn(["/proc/self/exe", ...front, `--report-fd=${REPORT_FD}`, ...argv], {
    argv0: PLAIN_NAME,
    // The engine of a kept start has another's (begin-plainly.ts).
    env: process.env,
    stdio: ["inherit", "inherit", "inherit", write],
  });
  systemCall("close", write);
  const answer = new Uint8Array(1);
  if (systemCall("read", read, addressOf(answer), 1) === 1) return 0;
  const exitCode = await other.exited;
  return exitCode === 0 ? exitCodes.failed : exitCode;
}

function pipe(): [read: number, write: number] {
  const ends = new Int32Array(2);
  const made = systemCall("pipe2", addressOf(new Uint8Array(ends.buffer)), O_CLOEXEC);
  if (made < 0) throw new BoxError({ what: "cannot make a pipe to the supervisor", errno: errnoName(-made) });
  return [ends[0] as number, ends[1] as number];
}
