// The socket that a container's program tells its readiness to (sd_notify(3)), and the way on to the one that box's caller
// has named in NOTIFY_SOCKET. Only READY=1 is passed on, with init's pid as systemd's main one, as runc does.

import { notifyFolder, notifySocket } from "../plan/notify.ts";
import { addressOf, cString, systemCall } from "./libc.ts";
import { POLLIN, waitFor } from "./poll.ts";

const AF_UNIX = 1;
/** SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK */
const DATAGRAMS = 2 | 0o2000000 | 0o4000;
const AT_FDCWD = -100;
const MESSAGE_BYTES = 4096;
/** How often a wait looks for signals to pass on. */
const LOOK_MS = 100;

/** Binds the socket; any user of the container may write to it. Negative errno when it cannot be had. */
export function openNotifySocket(stateFolder: string): number {
  const path = `${stateFolder}/${notifyFolder}/${notifySocket}`;
  const name = cString(path);
  systemCall("unlinkat", AT_FDCWD, name.address, 0);
  const socket = systemCall("socket", AF_UNIX, DATAGRAMS, 0);
  if (socket < 0) return socket;
  const place = socketAddress(path);
  const umask = systemCall("umask", 0);
  const bound = systemCall("bind", socket, addressOf(place), place.length);
  systemCall("umask", umask);
  if (bound === 0) return socket;
  systemCall("close", socket);
  return bound;
}

/**
 * Waits until the program says that it is ready, or ends; then tells `host`, the caller's socket. `meanwhile` is called now
 * and then.
 */
export function passReadiness(socket: number, host: string, pid: number, meanwhile: () => void): void {
  const pidfd = systemCall("pidfd_open", pid, 0);
  const bytes = new Uint8Array(MESSAGE_BYTES);
  for (;;) {
    const got = systemCall("read", socket, addressOf(bytes), bytes.length);
    if (got > 0 && saysReady(new TextDecoder().decode(bytes.subarray(0, got)))) {
      send(host, `READY=1\n`);
      send(host, `MAINPID=${pid}\n`);
      break;
    }
    if (got > 0) continue;
    if (pidfd < 0) break;
    const ready = waitFor(
      [
        { fd: socket, events: POLLIN },
        { fd: pidfd, events: POLLIN },
      ],
      LOOK_MS,
    );
    if (ready[0] === 0 && ready[1] !== 0) break;
    meanwhile();
  }
  for (const fd of [socket, pidfd]) if (fd >= 0) systemCall("close", fd);
}

const saysReady = (text: string): boolean => text.split("\n").includes("READY=1");

/** An address in the abstract namespace begins with @ (unix(7)). */
function socketAddress(path: string): Uint8Array {
  const bytes = new TextEncoder().encode(path);
  const abstract = path.startsWith("@");
  const place = new Uint8Array(2 + bytes.length + (abstract ? 0 : 1));
  place[0] = AF_UNIX;
  place.set(bytes, 2);
  if (abstract) place[2] = 0;
  return place;
}

function send(path: string, text: string): void {
  const socket = systemCall("socket", AF_UNIX, DATAGRAMS, 0);
  const place = socketAddress(path);
  const bytes = new TextEncoder().encode(text);
  systemCall("sendto", socket, addressOf(bytes), bytes.length, 0, addressOf(place), place.length);
  systemCall("close", socket);
}
