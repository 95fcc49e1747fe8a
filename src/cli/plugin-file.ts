// From the name of a plugin's file or folder to the file that is imported, if nobody else could have written it. What a
// plugin's file holds runs with all of box's rights, as the OCI hooks of a config.json do: who runs a bundle trusts its
// configuration. What must not happen is that a container, or another user, writes the code that box runs afterwards.

import { BoxError } from "../errors.ts";
import { hostReader, readText } from "../execute/files.ts";
import { type Owned, ownerAt, type RealFile, realFile } from "../execute/real-path.ts";
import { mapsEverything } from "../host/maps-everything.ts";
import { errnoName } from "../linux/errno-name.ts";

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;
const S_ISVTX = 0o1000;
const GROUP_OR_OTHERS_WRITE = 0o022;
const OTHERS_WRITE = 0o002;
/** What an id without a mapping is seen as in a user namespace (/proc/sys/kernel/overflowuid). */
const OVERFLOW_ID = 65534;

/** The part of the configuration through which the container could change a file, if there is one: within-reach.ts. */
export type ReachOf = (path: string) => string | undefined;

/** A name with a slash or a file's ending; any other is a built-in plugin's. */
export const isPath = (name: string): boolean => name.includes("/") || endsAsFile(name);

/** No regular expression, whose first use costs more than the rest of a look at a file. */
const endsAsFile = (name: string): boolean => endings.some((ending) => name.endsWith(ending));
const endings = [".ts", ".js", ".mts", ".mjs", ".cts", ".cjs"];

/** Whether a file with this text names others by paths, those of types aside: a quick look, which plugin-imports.ts is spared by. */
export function mayImport(text: string): boolean {
  for (const start of ['"./', "'./", "`./", '"../', "'../", "`../"])
    for (let at = text.indexOf(start); at >= 0; at = text.indexOf(start, at + 1))
      if (!text.startsWith("import type ", text.lastIndexOf("\n", at) + 1)) return true;
  return false;
}

export type Trust = {
  /** undefined once that has been asked. */
  readonly reachOf: ReachOf | undefined;
  /** It has to be root's alone. */
  readonly ofHost: boolean;
};

/** The real path of the file to import; throws a BoxError when there is none, or one that should not be trusted. */
export function pluginFile(label: string, path: string, trust: Trust): string {
  const named = found(label, path);
  if ((named.mode & S_IFMT) !== S_IFDIR) return checkFile(label, named, path, trust);
  const file = found(label, entryOf(label, named.path));
  const manifest = found(label, `${named.path}/package.json`);
  refuseUntrusted(label, manifest, manifest.path, trust);
  return checkFile(label, file, file.path, trust);
}

function checkFile(label: string, file: RealFile, shown: string, trust: Trust): string {
  if (!endsAsFile(file.path)) throw new BoxError({ origin: label, what: `${file.path}: a plugin's file ends in .ts or .js` });
  if ((file.mode & S_IFMT) !== S_IFREG) throw new BoxError({ origin: label, what: `${file.path} is no file` });
  refuseUntrusted(label, file, shown, trust);
  return file.path;
}

/** The real path of a file that a plugin's imports, whatever its ending. */
export function importedFile(label: string, path: string, trust: Trust): string {
  const file = found(label, path);
  refuseUntrusted(label, file, path, trust);
  return file.path;
}

function refuseUntrusted(label: string, file: RealFile, shown: string, { reachOf, ofHost }: Trust): void {
  refuse(label, whatOthersMayDo(file, shown));
  const reach = reachOf?.(file.path);
  if (reach !== undefined)
    throw new BoxError({
      origin: label,
      what: `the container could change ${shown}: it is in ${reach}`,
      hint: "make that read-only, or keep the plugin elsewhere",
    });
  if (ofHost) refuseUnlessRoots(label, file.path);
}

/** Whose a path was, where links on the way to it led, and what it was. A real one has none on the way, so who looks at those above knows. */
export type Led = readonly [path: string, uid: number, mode: number, real?: string];

/** What `pluginFile` found of a file, and of the folders that a container may write: if it is the same, so is what follows from it. */
export function ledTo(named: string, real: string, folders: readonly string[]): Led[] | undefined {
  const led: Led[] = [real, ...foldersAbove(real).map(({ path }) => path)].flatMap((path): Led[] => {
    const file = ownerAt(path);
    return typeof file === "number" ? [] : [[path, file.uid, file.mode]];
  });
  for (const path of named === real ? folders : [named, ...folders]) {
    const file = realFile(path);
    if (typeof file === "number" || (path === named && file.path !== real)) return undefined;
    led.push([path, file.uid, file.mode, file.path]);
  }
  return led;
}

/** Whether all still lead there. */
export function leadThere(led: readonly Led[]): boolean {
  for (let index = 0; index < led.length; index++) {
    const [path, uid, mode, real] = led[index] as Led;
    const file = real === undefined ? ownerAt(path) : realFile(path);
    if (typeof file === "number" || file.uid !== uid || file.mode !== mode) return false;
    if (real !== undefined && (file as RealFile).path !== real) return false;
  }
  return true;
}

/** Throws a BoxError unless the file at `path` and all folders above it are root's, and nobody else may write them. */
export function refuseUnlessRoots(label: string, path: string): void {
  const file = found(label, path);
  for (const one of [file, ...foldersAbove(file.path)]) {
    const what = (one.mode & S_IFMT) === S_IFDIR ? `the folder ${one.path}` : one.path;
    if (!isRoots(one.uid)) refuse(label, { what: `${what} belongs to another user than root`, hint: `chown root ${one.path}` });
    if ((one.mode & GROUP_OR_OTHERS_WRITE) !== 0 && (one === file || (one.mode & S_ISVTX) === 0))
      refuse(label, { what: `others than root may change ${what}`, hint: `chmod go-w ${one.path}` });
  }
}

type Objection = { readonly what: string; readonly hint: string };

function refuse(label: string, objection: Objection | undefined): void {
  if (objection !== undefined) throw new BoxError({ origin: label, ...objection });
}

function whatOthersMayDo(file: RealFile, shown: string): Objection | undefined {
  const consequence = "and it would run as the user that runs box";
  if ((file.mode & OTHERS_WRITE) !== 0) return { what: `anyone may change ${shown}, ${consequence}`, hint: `chmod o-w ${shown}` };
  for (const { path, mode } of foldersAbove(file.path))
    if ((mode & OTHERS_WRITE) !== 0 && (mode & S_ISVTX) === 0)
      return { what: `anyone may replace ${shown} in ${path}, ${consequence}`, hint: `chmod o-w ${path}` };
  return undefined;
}

/** Those that can still be looked at; `path` is a real one. Plugins mostly lie in one folder, so each is looked at once. */
function foldersAbove(path: string): RealFile[] {
  const folders: RealFile[] = [];
  for (let end = path.lastIndexOf("/"); end >= 0; end = end === 0 ? -1 : path.lastIndexOf("/", end - 1)) {
    const above = end === 0 ? "/" : path.slice(0, end);
    const folder = seen[above] ?? ownerAt(above);
    seen[above] = folder;
    if (typeof folder !== "number") folders.push({ ...folder, path: above });
  }
  return folders;
}

let seen: Record<string, Owned | number> = {};

/** For a process that goes on from a kept start, which is to see folders as they are then. */
export function lookAnew(): void {
  seen = {};
}

/** In a user namespace without it, the machine's root is nobody in particular. */
const isRoots = (uid: number): boolean =>
  uid === 0 || (uid === OVERFLOW_ID && !mapsEverything(hostReader.read("/proc/self/uid_map") ?? ""));

function found(label: string, path: string): RealFile {
  const file = realFile(path);
  if (typeof file === "number") throw new BoxError({ origin: label, what: "cannot read", object: path, errno: errnoName(-file) });
  return file;
}

/** The file that a folder's package.json names: `exports`, else `main`, else index.ts or index.js. */
function entryOf(label: string, folder: string): string {
  const path = `${folder}/package.json`;
  const text = readText(path);
  if (typeof text === "number")
    throw new BoxError({ origin: label, what: `${folder} is no file, and a plugin's folder has a package.json` });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new BoxError({ origin: label, what: `${path} is not JSON: ${(error as Error).message}` });
  }
  const { exports, main } = (typeof value === "object" && value !== null ? value : {}) as { exports?: unknown; main?: unknown };
  const entry = targetOf(exports) ?? (typeof main === "string" ? main : undefined);
  if (entry !== undefined) return `${folder}/${entry}`;
  const usual = ["index.ts", "index.js"].find((name) => typeof realFile(`${folder}/${name}`) !== "number");
  if (usual !== undefined) return `${folder}/${usual}`;
  throw new BoxError({ origin: label, what: `${path} names no file: "main" or "exports" says which is the plugin's` });
}

/** What "." leads to in the exports of a package: a file, or the first condition that holds here. */
function targetOf(exports: unknown): string | undefined {
  if (typeof exports === "string") return exports;
  if (typeof exports !== "object" || exports === null) return undefined;
  for (const [key, value] of Object.entries(exports)) if ([".", "bun", "node", "import", "default"].includes(key)) return targetOf(value);
  return undefined;
}
