// The freezer of a container's cgroup: stops all of its processes where they are, and lets them go on. With v1 it is a
// hierarchy of its own (Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst), with v2 two files of every cgroup.
// The state rules of pause and resume are not here.

import { BoxError } from "../errors.ts";
import { errnoName } from "../linux/errno-name.ts";
import type { State } from "../state/state.ts";
import { exists, readAgain, readText } from "./files.ts";
import { cString, systemCall } from "./libc.ts";
import { POLLPRI, waitFor } from "./poll.ts";
import { writeText } from "./write-text.ts";

type Cgroups = { readonly box: Pick<State["box"], "cgroups"> };
type Cgroup = State["box"]["cgroups"][number];

/** Returns when every process stands still; throws a BoxError, with nothing frozen, when that cannot be had. */
export function freeze(state: Cgroups): void {
  const cgroup = freezerOf(state);
  if (cgroup === undefined)
    throw new BoxError({ what: "the container has no cgroup with a freezer", hint: "it was made without a right to cgroups", exitCode: 1 });
  const failure = cgroup.version === 1 ? freezeV1(cgroup.path) : freezeV2(cgroup.path);
  if (failure === undefined) return;
  // Half frozen is worse than not frozen.
  thawCgroup(cgroup);
  throw new BoxError({ what: "cannot freeze", object: cgroup.path, exitCode: 1, ...failure });
}

/** Lets all processes go on; throws a BoxError when the kernel refuses. */
export function thaw({ box: { cgroups } }: Cgroups): void {
  for (const cgroup of cgroups) {
    const result = thawCgroup(cgroup);
    if (result < 0 && result !== -ENOENT)
      throw new BoxError({ what: "cannot thaw", object: cgroup.path, errno: errnoName(-result), exitCode: 1 });
  }
}

/** 0, or the negative errno: ENOENT in all hierarchies of v1 but the freezer's. */
const thawCgroup = ({ version, path }: Cgroup): number =>
  version === 1 ? writeText(`${path}/freezer.state`, "THAWED") : writeText(`${path}/cgroup.freeze`, "0");

/** Where there are both, v1's: on a hybrid layout the v2 hierarchy may be there for its processes' names only. */
function freezerOf({ box: { cgroups } }: Cgroups): Cgroup | undefined {
  for (const cgroup of cgroups) if (cgroup.version === 1 && exists(`${cgroup.path}/freezer.state`)) return cgroup;
  for (const cgroup of cgroups) if (cgroup.version === 2 && exists(`${cgroup.path}/cgroup.freeze`)) return cgroup;
  return undefined;
}

type Failure = { readonly errno?: string; readonly hint?: string };
const failed = (result: number): Failure => ({ errno: errnoName(-result) });

const ENOENT = 2;
const TRIES = 1000;
const TRIES_BEFORE_THAW = 50;
const TRIES_BEFORE_PAUSE = 25;
const THAW_MS = 10;
const PAUSE_MS = 1;

/**
 * A v1 cgroup in which processes keep forking may stay FREEZING for ever, so FROZEN is written again and again; now and
 * then a pause helps on a slow machine, and a thaw against forks that came between. It remains a matter of luck.
 */
function freezeV1(path: string): Failure | undefined {
  for (let attempt = 1; attempt <= TRIES; attempt++) {
    if (attempt % TRIES_BEFORE_THAW === 0) {
      writeText(`${path}/freezer.state`, "THAWED");
      Bun.sleepSync(THAW_MS);
    }
    const written = writeText(`${path}/freezer.state`, "FROZEN");
    if (written < 0) return failed(written);
    if (attempt % TRIES_BEFORE_PAUSE === 0) Bun.sleepSync(PAUSE_MS);
    const now = readText(`${path}/freezer.state`);
    if (typeof now === "number") return failed(now);
    if (now.startsWith("FROZEN")) return undefined;
  }
  return { errno: "EBUSY", hint: "its processes fork faster than they can be frozen" };
}

const AT_FDCWD = -100;
const O_CLOEXEC = 0o2000000;
const PATIENCE_MS = 10_000;

/** The kernel writes `frozen 1` into cgroup.events when the last process stands still, and wakes who polls that file. */
function freezeV2(path: string): Failure | undefined {
  const name = cString(`${path}/cgroup.events`);
  const events = systemCall("openat", AT_FDCWD, name.address, O_CLOEXEC, 0);
  if (events < 0) return failed(events);
  const written = writeText(`${path}/cgroup.freeze`, "1");
  const outcome = written < 0 ? failed(written) : awaitFrozen(events);
  systemCall("close", events);
  return outcome;
}

function awaitFrozen(events: number): Failure | undefined {
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    const text = readAgain(events);
    if (typeof text === "number") return failed(text);
    if (`\n${text}`.includes("\nfrozen 1")) return undefined;
    const left = until - performance.now();
    if (left <= 0) return { errno: "ETIMEDOUT", hint: "a process in it does not stop; it may be waiting for a device" };
    waitFor([{ fd: events, events: POLLPRI }], left);
  }
}
