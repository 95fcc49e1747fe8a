// A container's state folder: found by id, locked by whoever works on it, read without trusting it.

import { BoxError } from "../errors.ts";
import { errnoName } from "../linux/errno-name.ts";
import { stateFile } from "../plan/state-files.ts";
import { parseState, type State } from "../state/state.ts";
import { readText } from "./files.ts";
import { cString, machine, systemCall } from "./libc.ts";
import { modeOf, ownerOf, statusOf } from "./status.ts";

const AT_FDCWD = -100;
const O_DIRECTORY_CLOEXEC = { x64: 0o200000 | 0o2000000, arm64: 0o40000 | 0o2000000 };
const O_DIRECTORY_NOFOLLOW_CLOEXEC = { x64: 0o200000 | 0o400000 | 0o2000000, arm64: 0o40000 | 0o100000 | 0o2000000 };
const LOCK_EX_NB = 2 | 4;
const ENOENT = 2;
const EWOULDBLOCK = 11;

export type Found = { readonly folder: string; readonly state: State | undefined };

/**
 * Throws when somebody else could have put a container into the folder of all states: what a state names is ended,
 * removed and, plugins, run.
 */
export function checkStateRoot(stateRoot: string): void {
  const name = cString(stateRoot);
  const fd = systemCall("openat", AT_FDCWD, name.address, O_DIRECTORY_CLOEXEC[machine], 0);
  if (fd < 0) return;
  const status = statusOf(fd);
  systemCall("close", fd);
  const refuse = (why: string): never => {
    throw new BoxError({ origin: "--root", what: `cannot use the folder ${stateRoot}: ${why}` });
  };
  if (status === undefined) return refuse("its owner cannot be read");
  if (ownerOf(status) !== systemCall("getuid")) refuse("it belongs to another user");
  if ((modeOf(status) & 0o022) !== 0) refuse("other users may write in it");
}

/** undefined: there is no such container. A torn state file gives a folder without a state. */
export function findContainer(stateRoot: string, id: string): Found | undefined {
  checkStateRoot(stateRoot);
  const folder = `${stateRoot}/${id}`;
  const name = cString(folder);
  return systemCall("faccessat2", AT_FDCWD, name.address, 0, 0) < 0 ? undefined : readFolder(folder);
}

/** How often a look at folders without a state is repeated, a millisecond apart, before they are what they seem to be. */
export type Patience = { looks: number };
export const somePatience = (): Patience => ({ looks: 20 });

/** What a look finds when it is over: there is a moment without a state before the first, and one between its removal and its folder's. */
export function settled(look: () => Found | undefined, patience: Patience): Found | undefined {
  let found = look();
  while (found !== undefined && found.state === undefined && patience.looks-- > 0) {
    Bun.sleepSync(1);
    found = look();
  }
  return found;
}

/** A state folder that is known to be there and to be the caller's. */
export function readFolder(folder: string): Found {
  const text = readText(`${folder}/${stateFile}`);
  return { folder, state: typeof text === "string" ? parseState(text) : undefined };
}

/** Locks the folder without waiting; undefined when another box holds it or has removed it. The lock lasts until this process ends. */
export function lockFolder(folder: string): number | undefined {
  const name = cString(folder);
  const fd = systemCall("openat", AT_FDCWD, name.address, O_DIRECTORY_NOFOLLOW_CLOEXEC[machine], 0);
  if (fd === -ENOENT) return undefined;
  if (fd < 0) throw new BoxError({ what: "cannot open the state folder", object: folder, origin: "id", errno: errnoName(-fd) });
  const locked = systemCall("flock", fd, LOCK_EX_NB);
  if (locked === 0) return fd;
  systemCall("close", fd);
  if (locked === -EWOULDBLOCK) return undefined;
  throw new BoxError({ what: "cannot lock the state folder", object: folder, origin: "id", errno: errnoName(-locked) });
}
