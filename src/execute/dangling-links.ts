// Symbolic links of a root folder that lead nowhere yet, such as /var/run to a /run that no image layer has made. What a
// container wants to have mounted behind one is to be found where it leads, and where that is only its text says, which a tape
// cannot read. So it is looked up beforehand; a plan makes the folder there and still opens everything by the link.

import { addressOf, cString, machine, systemCall } from "./libc.ts";

const AT_FDCWD = -100;
const O_PATH_CLOEXEC = 0o10000000 | 0o2000000;
const O_DIRECTORY = { x64: 0o200000, arm64: 0o40000 };
const RESOLVE_IN_ROOT_NO_MAGICLINKS = 0x10 | 0x2;
const RESOLVE_BENEATH_NO_SYMLINKS = 0x08 | 0x04;
const ENOENT = 2;
const EAGAIN = 11;
const OPEN_TRIES = 128;
/** As many as the kernel follows (path_resolution(7)). */
const MAX_LINKS = 40;

const target = new Uint8Array(4096);

/** By the link's path in the root, where it leads, free of links: `var/run` to `run`. undefined when there is none. */
export function danglingLinks(root: string, paths: readonly string[]): Record<string, string> | undefined {
  const folder = systemCall("openat", AT_FDCWD, cString(root).address, O_PATH_CLOEXEC | O_DIRECTORY[machine], 0);
  if (folder < 0) return undefined;
  const found: [link: string, to: string][] = [];
  for (const path of paths) {
    if (isThere(folder, path)) continue;
    const link = firstDangling(folder, path);
    const to = link === undefined ? undefined : leadsTo(folder, link);
    if (link !== undefined && to !== undefined) found.push([link, to]);
  }
  systemCall("close", folder);
  return found.length === 0 ? undefined : Object.fromEntries(found);
}

function open(root: number, path: string, resolve: number): number {
  const how = new Uint8Array(new BigUint64Array([BigInt(O_PATH_CLOEXEC), 0n, BigInt(resolve)]).buffer);
  const name = cString(path === "" ? "." : path);
  let fd = -EAGAIN;
  // A `..` cannot be trusted while anything on the machine is renamed or mounted; the next try may do (openat2(2)).
  for (let tries = 0; fd === -EAGAIN && tries < OPEN_TRIES; tries++)
    fd = systemCall("openat2", root, name.address, addressOf(how), how.length);
  return fd;
}

/** Any error but ENOENT is for the plan's own steps to meet. */
function isThere(root: number, path: string): boolean {
  const fd = open(root, path, RESOLVE_IN_ROOT_NO_MAGICLINKS);
  if (fd >= 0) systemCall("close", fd);
  return fd !== -ENOENT;
}

/** The shortest beginning of the path that is a link, and leads nowhere. */
function firstDangling(root: number, path: string): string | undefined {
  const parts = path.split("/");
  for (let depth = 1; depth <= parts.length; depth++) {
    const prefix = parts.slice(0, depth).join("/");
    if (isThere(root, prefix)) continue;
    const text = linkIn(root, parts.slice(0, depth - 1).join("/"), parts[depth - 1] as string, RESOLVE_IN_ROOT_NO_MAGICLINKS);
    return text === undefined ? undefined : prefix;
  }
  return undefined;
}

/** The text of the link `name` in the folder `path`; undefined for what is none. */
function linkIn(root: number, path: string, name: string, resolve: number): string | undefined {
  const folder = open(root, path, resolve);
  if (folder < 0) return undefined;
  const length = systemCall("readlinkat", folder, cString(name).address, addressOf(target), target.length);
  systemCall("close", folder);
  return length < 0 ? undefined : new TextDecoder().decode(target.subarray(0, length));
}

/** Walks as the kernel would with RESOLVE_IN_ROOT, and goes on by names alone where nothing is. */
function leadsTo(root: number, path: string): string | undefined {
  const done: string[] = [];
  const ahead = path.split("/");
  for (let links = 0; ahead.length > 0; ) {
    const name = ahead.shift() as string;
    if (name === "" || name === ".") continue;
    if (name === "..") {
      done.pop();
      continue;
    }
    const text = linkIn(root, done.join("/"), name, RESOLVE_BENEATH_NO_SYMLINKS);
    if (text === undefined) done.push(name);
    else {
      if (++links > MAX_LINKS) return undefined;
      if (text.startsWith("/")) done.length = 0;
      ahead.unshift(...text.split("/"));
    }
  }
  return done.length === 0 ? undefined : done.join("/");
}
