// Tells when the kernel has killed in a container for lack of memory. v1 counts into an eventfd
// (Documentation/admin-guide/cgroup-v1/memory.rst, "OOM Control"); v2 has a counter in memory.events and wakes who polls
// that file.

import type { State } from "../state/state.ts";
import { exists, readAgain } from "./files.ts";
import { addressOf, cString, systemCall } from "./libc.ts";
import { POLLIN, POLLPRI, type Poll, waitFor } from "./poll.ts";
import { writeText } from "./write-text.ts";

export type OomWatch = {
  readonly poll: Poll;
  /** Whether it has happened since the last call. */
  readonly happened: () => boolean;
};

/** undefined where no hierarchy of the container counts memory. */
export function watchOom(cgroups: State["box"]["cgroups"]): OomWatch | undefined {
  for (const { version, path } of cgroups) {
    const watch = version === 1 ? watchV1(path) : watchV2(path);
    if (watch !== undefined) return watch;
  }
  return undefined;
}

const AT_FDCWD = -100;
const O_CLOEXEC = 0o2000000;
const EFD_CLOEXEC_NONBLOCK = 0o2004000;

function open(path: string): number {
  const name = cString(path);
  return systemCall("openat", AT_FDCWD, name.address, O_CLOEXEC, 0);
}

function watchV1(path: string): OomWatch | undefined {
  const control = open(`${path}/memory.oom_control`);
  if (control < 0) return undefined;
  const eventfd = systemCall("eventfd2", 0, EFD_CLOEXEC_NONBLOCK);
  if (eventfd < 0 || writeText(`${path}/cgroup.event_control`, `${eventfd} ${control}`) < 0) return undefined;
  const poll = { fd: eventfd, events: POLLIN };
  return { poll, happened: () => happenedV1(path, poll) };
}

/** How long the kernel may take, after a cgroup has gone, to say so. */
const GOODBYE_MS = 200;

/** The removal of the cgroup counts as one event too, and may be counted a little after the cgroup has gone. */
function happenedV1(path: string, poll: Poll): boolean {
  const count = countOf(poll.fd);
  if (count === 0 || exists(`${path}/cgroup.event_control`)) return count > 0;
  if (count > 1) return true;
  waitFor([poll], GOODBYE_MS);
  return countOf(poll.fd) > 0;
}

const counterBytes = new Uint8Array(8);

/** What was added since the last look; a negative errno is EAGAIN: nothing. */
const countOf = (eventfd: number): number =>
  systemCall("read", eventfd, addressOf(counterBytes), counterBytes.length) < 0 ? 0 : (new Uint32Array(counterBytes.buffer)[0] ?? 0);

function watchV2(path: string): OomWatch | undefined {
  const fd = open(`${path}/memory.events`);
  if (fd < 0) return undefined;
  let before = killsIn(readAgain(fd)) ?? 0;
  return {
    poll: { fd, events: POLLPRI },
    happened: () => {
      // A cgroup that has gone has no counters any more (ENODEV).
      const now = killsIn(readAgain(fd)) ?? before;
      const more = now > before;
      before = now;
      return more;
    },
  };
}

function killsIn(events: string | number): number | undefined {
  const [, kills] = /^oom_kill ([0-9]+)$/m.exec(String(events)) ?? [];
  return kills === undefined ? undefined : Number(kills);
}
