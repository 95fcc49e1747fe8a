// What a command line says before anything that it names is read: paths, the folder of all states, and whether its flags
// change the container's description.

import { BoxError } from "../errors.ts";
import { hostReader } from "../execute/files.ts";
import { currentFolder } from "../execute/folders.ts";
import { cString, systemCall } from "../execute/libc.ts";
import { defaultStateRoot } from "../host/default-state-root.ts";
import { hostConfig } from "../host/host-config.ts";
import { mapsEverything } from "../host/maps-everything.ts";
import type { Parsed } from "./arguments.ts";

/**
 * Without touching process.env where root makes it needless. Who is root in a user namespace alone, as below a user's podman,
 * has the user's folder, unless USER says that this is root after all (as in a container that has made itself at home).
 */
export function rootOfStates(): string {
  const uid = systemCall("getuid");
  if (uid === 0 && mapsEverything(hostReader.read("/proc/self/uid_map") ?? "")) return defaultStateRoot(0, undefined);
  const { XDG_RUNTIME_DIR, USER } = process.env;
  const isGuest = uid === 0 && XDG_RUNTIME_DIR !== undefined && XDG_RUNTIME_DIR !== "" && USER !== "root";
  return isGuest ? `${XDG_RUNTIME_DIR}/box` : defaultStateRoot(uid, XDG_RUNTIME_DIR);
}

/** The annotation that names plugins. */
export const pluginAnnotation = "box.plugins";
const AT_FDCWD = -100;
const ENOENT = 2;

/** While the process is made that is to be kept (rehearse.ts), what the host names is not for it: that is others' code. */
let isOverlooked = false;
export function overlookHost(overlooked: boolean): void {
  isOverlooked = overlooked;
}

/** Whether the host names any. What is there and cannot be looked at is for its reader to complain of. */
export function isHostConfigured(): boolean {
  if (isOverlooked) return false;
  const name = cString(hostConfig);
  return systemCall("faccessat2", AT_FDCWD, name.address, 0, 0) !== -ENOENT;
}

/** Without slashes at its end. */
export function absolute(given: string): string {
  let path = given;
  while (path.length > 1 && path.endsWith("/")) path = path.slice(0, -1);
  if (path.startsWith("/")) return path;
  const here = currentFolder();
  if (here === undefined) throw new BoxError({ what: `the current folder is gone, and ${path} is relative to it` });
  if (path === ".") return here;
  return `${here === "/" ? "" : here}/${path}`;
}

/** A file of any name makes its folder the bundle. */
export function folderOf(file: string, { values }: Pick<Parsed, "values">): string {
  if (values.bundle !== undefined)
    throw new BoxError({ origin: "--file", what: "goes without --bundle: the file's own folder is the bundle" });
  const path = absolute(file);
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

/** What a description is, by its file's name. */
export const formatOf = (file: string): "json" | "yaml" => (file.endsWith(".json") ? "json" : "yaml");

/** Flags that say how the container is started; what else it takes to start it so is in launch-flags.ts. */
const launches = [
  "console-socket",
  "pidfd-socket",
  "pid-file",
  "preserve-fds",
  "no-pivot",
  "no-new-keyring",
  "detach",
  "keep",
  "no-subreaper",
  "log-driver",
  "report-fd",
];
/** Flags that say where the description is or what to do with it, and nothing about what it says. */
const notChanges = ["bundle", "file", "plugin", "rm", "json", "interactive", "lenient", "diff", "explain", "trace", "log-opt", ...launches];

/** Whether a container is started as without any flag: in the foreground, and with nothing handed on. */
export function launchesPlainly({ values, switches }: Parsed): boolean {
  for (const name of launches) if (switches.has(name) || values[name] !== undefined) return false;
  return process.env.LISTEN_FDS === undefined && process.env.NOTIFY_SOCKET === undefined;
}

/** Whether the flags change what the description says. */
export function needsChanges({ values, lists, switches }: Parsed, command: readonly string[]): boolean {
  if (command.length > 0) return true;
  for (const name of switches.names) if (!notChanges.includes(name)) return true;
  for (const name in values) if (!notChanges.includes(name)) return true;
  for (const name in lists) if (!notChanges.includes(name)) return true;
  return false;
}
