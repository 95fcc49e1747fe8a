// Which facts of the host a container's plan needs, and those facts.

import type { Process, Spec } from "../config/spec.ts";
import { hostReader } from "../execute/files.ts";
import { readInRoot } from "../execute/folders.ts";
import { machine } from "../execute/libc.ts";
import type { HostFacts } from "../host/facts.ts";
import { field, type HostReader, type IdMapsWanted, type LabelsAsked, readFacts } from "../host/read-facts.ts";
import { components } from "../linux/components.ts";
import { usualPath } from "../plan/launch.ts";

/** What depends on the configuration; the other facts are always read. */
export type FactsAsked = {
  /** No limit on open files is configured, so the caller's is wanted. */
  readonly openFiles: boolean;
  /** The environment has no HOME, so the passwd file below this root is asked for the user's. */
  readonly home: { readonly root: string; readonly uid: number } | undefined;
  /** Resources are limited, other than devices. */
  readonly limits: boolean;
  /** There is a user namespace to be made. */
  readonly idMaps?: IdMapsWanted;
  /** The root folder, and what is mounted in it other than in its usual places, a line each. */
  readonly places?: string;
  /** The container has a cgroup namespace and its cgroup mounted to be written to. */
  readonly delegation?: boolean;
  /** The security modules that a label is asked of. */
  readonly labels: LabelsAsked | undefined;
  readonly cgroups?: false;
};

export function factsAsked(spec: Spec, bundle: string, hostRoot: boolean): FactsAsked {
  let openFiles = true;
  for (const { type } of spec.process?.rlimits ?? []) if (type === "RLIMIT_NOFILE") openFiles = false;
  let limits = false;
  for (const part in spec.linux?.resources) if (part !== "devices") limits = true;
  const { uidMappings: uids, gidMappings: gids } = spec.linux ?? {};
  const idMaps = uids === undefined && gids === undefined ? {} : { idMaps: { uids, gids, path: process.env.PATH ?? usualPath } };
  const path = spec.root?.path ?? "rootfs";
  const root = hostRoot ? "/" : path.startsWith("/") ? path : `${bundle}/${path}`;
  const places = placesIn(spec, root);
  const more = {
    limits,
    labels: labelsAsked(spec.process, spec.linux?.mountLabel),
    ...idMaps,
    ...(writesToCgroup(spec) ? { delegation: true } : {}),
    ...(places === undefined ? {} : { places }),
  };
  let knowsHome = false;
  for (const entry of spec.process?.env ?? []) if (entry.startsWith("HOME=")) knowsHome = entry !== "HOME=";
  if (knowsHome) return { openFiles, home: undefined, ...more };
  return { openFiles, home: { root, uid: spec.process?.user.uid ?? 0 }, ...more };
}

const isIn = (folder: string, path: string): boolean =>
  path.startsWith(folder) && (path.length === folder.length || path[folder.length] === "/");

/** Paths with a line's end in them are left to fail by themselves. */
function placesIn({ mounts, process }: Spec, root: string): string | undefined {
  let lines: string | undefined;
  const add = (destination: string): void => {
    const place = components(destination).join("/");
    if (place !== "" && !place.includes("\n")) lines = `${lines ?? root}\n${place}`;
  };
  for (const { destination } of mounts ?? [])
    if (!isIn("/proc", destination) && !isIn("/dev", destination) && !isIn("/sys", destination)) add(destination);
  if (process !== undefined && process.cwd !== "/") add(process.cwd);
  return root.includes("\n") ? undefined : lines;
}

/** As the specification has it: "Runtimes SHOULD change the cgroup ownership if and only if the cgroup filesystem is to be mounted read/write". */
function writesToCgroup({ linux, mounts = [] }: Spec): boolean {
  let ownNamespace = false;
  for (const { type, path } of linux?.namespaces ?? []) if (type === "cgroup" && path === undefined) ownNamespace = true;
  if (!ownNamespace) return false;
  for (const { type, destination, options = [] } of mounts)
    if ((type === "cgroup" || type === "cgroup2") && destination === "/sys/fs/cgroup" && !options.includes("ro")) return true;
  return false;
}

/** undefined where there is no label to be had. */
export function labelsAsked(process: Process | undefined, mountLabel?: string): LabelsAsked | undefined {
  const apparmor = process?.apparmorProfile !== undefined;
  const selinux = process?.selinuxLabel !== undefined || mountLabel !== undefined;
  return apparmor || selinux ? { apparmor, selinux } : undefined;
}

export const factsFor = (asked: FactsAsked, stateRoot: string, reader: HostReader = hostReader): HostFacts =>
  readFacts(reader, {
    machine,
    stateRoot,
    runtimeFolder: undefined,
    openFiles: asked.openFiles,
    home: homeFor(asked),
    limits: asked.limits,
    idMaps: asked.idMaps,
    places: asked.places,
    ...(asked.delegation === undefined ? {} : { delegation: asked.delegation }),
    labels: asked.labels,
    ...(asked.cgroups === undefined ? {} : { cgroups: asked.cgroups }),
  });

/** What a reader was asked and what it answered: as long as it would answer the same, the facts are the same. */
export type Seen = readonly [ask: keyof HostReader, path: string, answer: string | number | boolean | null];

/** The host's reader, which also notes its answers. */
export function watchingReader(seen: Seen[]): HostReader {
  const note = <T extends string | number | boolean | undefined>(ask: keyof HostReader, path: string, answer: T): T => {
    seen.push([ask, path, comparable(path, answer) ?? null]);
    return answer;
  };
  return {
    read: (path) => note("read", path, hostReader.read(path)),
    filesystem: (path) => note("filesystem", path, hostReader.filesystem(path)),
    mayWrite: (path) => note("mayWrite", path, hostReader.mayWrite(path)),
    danglingLinks: (question) => note("danglingLinks", question, hostReader.danglingLinks(question)),
    mayExecute: (path) => note("mayExecute", path, hostReader.mayExecute(path)),
  };
}

/** Whether the host would answer as it did. Much less work than making the facts anew. */
export function stillSo(seen: readonly Seen[]): boolean {
  for (let index = 0; index < seen.length; index++) {
    const [ask, path, answer] = seen[index] as Seen;
    if ((comparable(path, hostReader[ask](path)) ?? null) !== answer) return false;
  }
  return true;
}

/** /proc/self/status counts memory and more; of it only what the facts take. */
function comparable<T extends string | number | boolean | undefined>(path: string, answer: T): T | string {
  if (path !== "/proc/self/status" || typeof answer !== "string") return answer;
  return `${field(answer, "Uid")} ${field(answer, "Gid")} ${withoutSetxid(field(answer, "SigIgn"))} ${field(answer, "CapBnd")}`;
}

/** Sixteen digits without the bit of libc's second signal, which depends on when one looks (read-facts.ts). */
const withoutSetxid = (mask: string): string => `${mask.slice(0, 7)}${Number.parseInt(mask[7] ?? "0", 16) & ~1}${mask.slice(8)}`;

/** What the user's home is now; undefined when the plan does not ask. */
export const homeFor = ({ home }: FactsAsked): string | undefined => (home === undefined ? undefined : homeOf(home.root, String(home.uid)));

/** Home folder of a user by the passwd file inside a root, `/` when it has none there, as with runc. */
function homeOf(root: string, uid: string): string {
  const text = readInRoot(root, "etc/passwd") ?? "";
  for (const line of text.split("\n")) {
    const parts = line.split(":");
    if (parts[2] === uid && parts[5] !== undefined && parts[5] !== "") return parts[5];
  }
  return "/";
}
