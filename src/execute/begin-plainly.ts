// From a kept start back to one of its own: for what may want of the engine that which a kept one has settled for another
// process, such as its random numbers, or where PATH leads. Code that is not box's own may want that, unless it shows that it does
// not (src/cli/plugin-code.ts).

import { BoxError } from "../errors.ts";
import { FRONT_DATA_ADDRESS, PLAIN_NAME, words } from "../front/layout.ts";
import { addressOf, cString, mappedBytes, systemCall } from "./libc.ts";

/** The command line of this process, if it goes on from a kept start. */
let own: readonly string[] | undefined;

/** Whether it has done nothing yet that cannot be done again. */
let mayBeginAnew = true;

export function hasKeptStart(argv: readonly string[]): void {
  own = argv;
  mayBeginAnew = true;
}

/** From now on this process is the one to do all that is left, kept start or not. */
export function stayForGood(): void {
  mayBeginAnew = false;
}

/** While the process is made that is to be kept: what does not work in it does not begin anew, but fails. */
export const rehearsing: readonly string[] = [];

export const goesOnFromKept = (): boolean => own !== undefined;

/** This process's command line: the engine of a kept start has that of the process that was kept. */
export const commandLine = (): readonly string[] => own ?? Bun.argv.slice(2);

/**
 * Makes sure that this process has begun by itself: one with a kept start begins anew, as the same process with the same
 * command line, unless it has done what cannot be done again (stayForGood).
 */
export function beginPlainly(): void {
  if (own === undefined || !mayBeginAnew) return;
  if (own === rehearsing) throw new BoxError({ what: "this asks for a plain start" });
  keepOpen(preservedOf(own));
  const strings = [PLAIN_NAME, ...own].map(cString);
  const pointers = new BigUint64Array([...strings.map(({ address }) => BigInt(address)), 0n]);
  const environment = new DataView(mappedBytes(FRONT_DATA_ADDRESS, words.bytes)).getBigUint64(words.environment, true);
  const failed = systemCall("execve", cString("/proc/self/exe").address, addressOf(new Uint8Array(pointers.buffer)), Number(environment));
  throw new Error(`box: cannot begin again: errno ${-failed}`);
}

/** How many descriptors behind stdio the caller hands on, at most: by --preserve-fds, or as sd_listen_fds(3) has it. */
function preservedOf(argv: readonly string[]): number {
  const at = argv.findIndex((word) => word.startsWith("--preserve-fds"));
  const given = at < 0 ? "" : (argv[at]?.split("=")[1] ?? argv[at + 1] ?? "");
  return Math.max(
    0,
    ...[given, process.env.LISTEN_FDS ?? ""].map(Number).filter((count) => Number.isInteger(count) && count <= PRESERVED_MAX),
  );
}

const PRESERVED_MAX = 1024;
const FIRST = 3;
const F_GETFD = 1;
const F_SETFD = 2;
const FD_CLOEXEC = 1;

/** The front has marked all of the caller's descriptors but the first to be closed by execve, as Bun does when it starts. */
function keepOpen(count: number): void {
  for (let fd = FIRST; fd < FIRST + count; fd++)
    if (systemCall("fcntl", fd, F_GETFD, 0) === FD_CLOEXEC) systemCall("fcntl", fd, F_SETFD, 0);
}
