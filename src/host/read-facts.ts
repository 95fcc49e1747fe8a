// Reads the host's facts: a few files of /proc and the layout of /sys/fs/cgroup. Read-only, and only what the plan
// will ask for; each file costs tens of microseconds of a start that takes six milliseconds.

import type { IdMapping } from "../config/spec.ts";
import { BoxError } from "../errors.ts";
import { filesystemMagic } from "../linux/magic.ts";
import type { Machine } from "../linux/syscalls.ts";
import { defaultStateRoot } from "./default-state-root.ts";
import type { CgroupFacts, CgroupHierarchy, HostFacts, LabelFacts } from "./facts.ts";
import { mapsEverything } from "./maps-everything.ts";
import { mapsOwnIdOnly } from "./own-id.ts";

/** How facts are read; src/execute/host-reader.ts does it with system calls, tests with plain data. */
export type HostReader = {
  /** The text of a file, undefined when it cannot be read. */
  read(path: string): string | undefined;
  /** Magic number of the filesystem at a path (statfs(2)), undefined when there is none. */
  filesystem(path: string): number | undefined;
  mayWrite(path: string): boolean;
  mayExecute(path: string): boolean;
  /** Of the root and the paths in it that are the lines of `question`, links that lead nowhere, as JSON; undefined for none. */
  danglingLinks(question: string): string | undefined;
};

export type FactsWanted = {
  readonly machine: Machine;
  readonly stateRoot: string | undefined;
  readonly runtimeFolder: string | undefined;
  readonly openFiles: boolean;
  readonly home: string | undefined;
  /** Whether the configuration limits resources, which a host with cgroups of both versions may do with either. */
  readonly limits: boolean;
  /** The maps of a new user namespace, and the folders to look for programs in that write what box may not. */
  readonly idMaps?: IdMapsWanted | undefined;
  /** The root folder and paths in it that are to be made where they are missing, a line each. */
  readonly places?: string | undefined;
  /** Whether the container has its cgroup mounted to be written to. */
  readonly delegation?: boolean;
  /** Which security modules the configuration asks for a label of. */
  readonly labels: LabelsAsked | undefined;
  /** Left out where a process only joins what a container has already. */
  readonly cgroups?: false;
};

export type IdMapsWanted = {
  readonly uids: readonly IdMapping[] | undefined;
  readonly gids: readonly IdMapping[] | undefined;
  /** As in the environment variable PATH. */
  readonly path: string;
};

export type LabelsAsked = { readonly apparmor: boolean; readonly selinux: boolean };

const noCgroups: CgroupFacts = { v1: [], v2: undefined, writable: false };

export function readFacts(reader: HostReader, wanted: FactsWanted): HostFacts {
  const status = reader.read("/proc/self/status");
  if (status === undefined) throw new BoxError({ what: "cannot read", object: "/proc/self/status", hint: "box needs /proc to be mounted" });
  const uid = Number(field(status, "Uid").split("\t")[1]);
  const gid = Number(field(status, "Gid").split("\t")[1]);
  const inUserNamespace = !mapsEverything(reader.read("/proc/self/uid_map") ?? "");
  return {
    machine: wanted.machine,
    mountSetattr: isKernel(reader.read("/proc/sys/kernel/osrelease") ?? "", 5, 12),
    uid,
    gid,
    ignoredSignals: ignoredSignals(field(status, "SigIgn")),
    boundingSet: bits(field(status, "CapBnd")),
    inUserNamespace,
    cgroups: cgroupsFor(reader, wanted, uid !== 0 || inUserNamespace),
    stateRoot: wanted.stateRoot ?? defaultStateRoot(uid, wanted.runtimeFolder),
    home: wanted.home,
    openFiles: wanted.openFiles ? callersOpenFiles(reader, field(status, "PPid")) : undefined,
    labels: wanted.labels === undefined ? undefined : readLabels(reader, wanted.labels),
    ...(wanted.places === undefined ? {} : danglingLinks(reader, wanted.places)),
    ...(uid === 0 || wanted.idMaps === undefined ? {} : idMapPrograms(reader, wanted.idMaps, uid, gid)),
  };
}

function danglingLinks(reader: HostReader, places: string): Pick<HostFacts, "danglingLinks"> {
  const found = reader.danglingLinks(places);
  return found === undefined ? {} : { danglingLinks: JSON.parse(found) as Record<string, string> };
}

/** Looked for only where there is a map that takes one of them. */
function idMapPrograms(reader: HostReader, { uids, gids, path }: IdMapsWanted, uid: number, gid: number): Pick<HostFacts, "idMapPrograms"> {
  if (mapsOwnIdOnly(uids, uid) && mapsOwnIdOnly(gids, gid)) return {};
  const find = (name: string): string | undefined => {
    for (const folder of path.split(":")) if (folder.startsWith("/") && reader.mayExecute(`${folder}/${name}`)) return `${folder}/${name}`;
    return undefined;
  };
  return { idMapPrograms: { newuidmap: find("newuidmap"), newgidmap: find("newgidmap") } };
}

/**
 * AppArmor answers in its own folder of /proc only where it is enabled. SELinux counts as enabled where its filesystem is
 * mounted and can be written to, as libselinux has it: a container whose host has SELinux sees it read-only.
 */
function readLabels(reader: HostReader, { apparmor, selinux }: LabelsAsked): LabelFacts {
  const enabled = selinux && reader.filesystem(selinuxfs) === filesystemMagic.SELINUX_MAGIC && reader.mayWrite(selinuxfs);
  const context = enabled ? reader.read("/proc/self/attr/current") : undefined;
  return {
    apparmor: apparmor ? reader.read("/proc/self/attr/apparmor/current")?.trim() : undefined,
    // With the NUL that ends it for C.
    selinux: context?.endsWith("\0") === true ? context.slice(0, -1) : context,
  };
}

const selinuxfs = "/sys/fs/selinux";

/** libc's own two, which posix_spawn(3) leaves ignored. */
const [SIGCANCEL, SIGSETXID] = [32, 33] as const;

/** With libc's second signal where the first is: its first thread takes the second over, so that would depend on when one looks. */
function ignoredSignals(mask: string): number[] {
  const signals = bits(mask);
  for (let index = 0; index < signals.length; index++) signals[index] = (signals[index] as number) + 1;
  if (signals.includes(SIGCANCEL) && !signals.includes(SIGSETXID)) signals.push(SIGSETXID);
  return signals;
}

/** What stands between blanks. */
function words(text: string): string[] {
  const out: string[] = [];
  for (const word of text.split(" ")) if (word !== "") out.push(word);
  return out;
}

/** Whether a release such as `6.1.0-18-amd64` is that version or a later one. */
export function isKernel(release: string, major: number, minor: number): boolean {
  const has = Number.parseInt(release, 10);
  return has > major || (has === major && Number.parseInt(release.slice(release.indexOf(".") + 1), 10) >= minor);
}

/** The value of `name:` in a file like /proc/self/status. */
export function field(text: string, name: string): string {
  const at = text.startsWith(`${name}:`) ? 0 : text.indexOf(`\n${name}:`) + 1;
  if (at === 0 && !text.startsWith(`${name}:`)) return "";
  const end = text.indexOf("\n", at);
  return text.slice(at + name.length + 1, end < 0 ? text.length : end).trim();
}

/** Positions of the set bits of a hexadecimal mask, such as CapBnd. */
export function bits(hex: string): number[] {
  const out: number[] = [];
  for (let digit = 0; digit < hex.length; digit++) {
    const value = Number.parseInt(hex[hex.length - 1 - digit] as string, 16);
    for (let bit = 0; bit < 4; bit++) if ((value >> bit) & 1) out.push(digit * 4 + bit);
  }
  return out;
}

/** Bun has raised only the soft limit, up to the hard one: that is still the caller's, and the soft one the parent's. */
function callersOpenFiles(reader: HostReader, parent: string): HostFacts["openFiles"] {
  const own = parseOpenFiles(reader.read("/proc/self/limits") ?? "");
  const before = parseOpenFiles(reader.read(`/proc/${parent}/limits`) ?? "");
  return own === undefined || before === undefined ? own : { soft: before.soft < own.hard ? before.soft : own.hard, hard: own.hard };
}

/** `Max open files   1024   4096   files` of proc_pid_limits(5). */
export function parseOpenFiles(limits: string): HostFacts["openFiles"] {
  const title = "\nMax open files";
  const at = limits.indexOf(title);
  if (at < 0) return undefined;
  const from = at + title.length;
  const end = limits.indexOf("\n", from);
  const [soft, hard] = words(limits.slice(from, end < 0 ? limits.length : end));
  const number = (word: string | undefined): number => Number(word);
  const limit = { soft: number(soft), hard: number(hard) };
  return Number.isNaN(limit.soft) || Number.isNaN(limit.hard) ? undefined : limit;
}

const root = "/sys/fs/cgroup";

/**
 * `limits`: whether the controllers of v2 are wanted on a host with both versions; on one with v2 alone they always are.
 * `user`: only what was handed to the cgroup that new ones are made in counts, since no user enables more above it.
 */
export function readCgroups(reader: HostReader, limits = false, user = false): CgroupFacts {
  const own = parseOwnCgroups(reader.read("/proc/self/cgroup") ?? "");
  const filesystem = reader.filesystem(root);
  if (filesystem === filesystemMagic.CGROUP2_SUPER_MAGIC) {
    const v2 = (own: string): CgroupHierarchy => {
      const from = user ? root + parentOf(own) : root;
      return { controllers: controllersOf(reader, from), mount: root, own };
    };
    const plain = own.get("") ?? "/";
    if (reader.mayWrite(root + parentOf(plain))) return { v1: [], v2: v2(plain), writable: true };
    // Inside another container the mount may show only that one's part of the tree.
    const seen = parseMounts(reader.read("/proc/self/mountinfo") ?? "", own).v2?.own ?? plain;
    return { v1: [], v2: v2(seen), writable: seen !== plain && reader.mayWrite(root + parentOf(seen)) };
  }
  const { v1, v2: mounted } = parseMounts(reader.read("/proc/self/mountinfo") ?? "", own);
  const first = v1[0] ?? mounted;
  const offered = mounted === undefined || !limits ? [] : controllersOf(reader, user ? mounted.mount + mounted.own : mounted.mount);
  const v2 = mounted === undefined || !limits ? mounted : { ...mounted, controllers: offered };
  return { v1, v2, writable: first !== undefined && reader.mayWrite(first.mount + first.own) };
}

function cgroupsFor(reader: HostReader, { cgroups, delegation, limits }: FactsWanted, ofUser: boolean): CgroupFacts {
  const facts = cgroups === false ? noCgroups : readCgroups(reader, limits, ofUser);
  // One of v1 cannot be given away safely.
  return delegation === true && facts.v1.length === 0 && facts.v2 !== undefined
    ? { ...facts, delegatedFiles: delegatedFiles(reader) }
    : facts;
}

/** The kernel's list, cgroups(7), and what is on it at least (runtime-spec, "Cgroup ownership"). */
function delegatedFiles(reader: HostReader): string[] {
  const text = (reader.read("/sys/kernel/cgroup/delegate") ?? "").trim();
  const names = text === "" ? ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"] : text.split("\n");
  return names.filter((name) => !name.includes("/"));
}

/** What can be enabled for the cgroups below one of v2: `cpuset cpu io memory hugetlb pids`. */
export function controllersOf(reader: HostReader, cgroup: string): string[] {
  const text = (reader.read(`${cgroup}/cgroup.controllers`) ?? "").trim();
  return text === "" ? [] : text.split(" ");
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));

/** Lines `ID:CONTROLLERS:PATH` of /proc/self/cgroup, by controllers; v2's has none. */
export function parseOwnCgroups(text: string): Map<string, string> {
  const out = new Map<string, string>();
  for (const line of text.split("\n")) {
    const first = line.indexOf(":");
    const second = line.indexOf(":", first + 1);
    if (second > 0) out.set(line.slice(first + 1, second), line.slice(second + 1));
  }
  return out;
}

/**
 * Hierarchies mounted below /sys/fs/cgroup, from mountinfo (proc_pid_mountinfo(5)). Of several mounts of one hierarchy
 * the first counts, unless a later one lies over it.
 */
export function parseMounts(mountinfo: string, own: ReadonlyMap<string, string>): Pick<CgroupFacts, "v1" | "v2"> {
  const found = new Map<string, CgroupHierarchy>();
  for (let start = 0, end = 0; end >= 0; start = end + 1) {
    end = mountinfo.indexOf("\n", start);
    const dash = mountinfo.indexOf(" - cgroup", start);
    if (dash < 0) break;
    if (end >= 0 && dash > end) continue;
    const before = mountinfo.slice(start, dash).split(" ");
    const after = mountinfo.slice(dash + 3, end < 0 ? mountinfo.length : end).split(" ");
    const mount = unescapePath(before[4] as string);
    if (mount !== root && !mount.startsWith(`${root}/`)) continue;
    const key = after[0] === "cgroup2" ? "" : hierarchyOf(own, after[2] ?? "");
    const path = key === undefined ? undefined : own.get(key);
    if (key === undefined || path === undefined) continue;
    const earlier = found.get(key);
    if (earlier === undefined || earlier.mount === mount)
      found.set(key, { controllers: key === "" ? [] : key.split(","), mount, own: below(path, unescapePath(before[3] as string)) });
  }
  const v2 = found.get("");
  found.delete("");
  return { v1: [...found.values()], v2 };
}

/** Which of the own hierarchies a v1 mount with these options shows: `rw,cpu,cpuacct` is nearly always it word for word. */
function hierarchyOf(own: ReadonlyMap<string, string>, options: string): string | undefined {
  const usual = options.slice(options.indexOf(",") + 1);
  if (usual !== "" && own.has(usual)) return usual;
  const present = options.split(",");
  for (const key of own.keys()) if (key !== "" && key.split(",").every((name) => present.includes(name))) return key;
  return undefined;
}

/** Spaces and the like are octal in mountinfo: `\040`. */
export const unescapePath = (text: string): string =>
  text.includes("\\") ? text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8))) : text;

/** A cgroup's path as seen from a mount whose root is `mountRoot`. */
function below(path: string, mountRoot: string): string {
  if (mountRoot === "/" || !`${path}/`.startsWith(`${mountRoot}/`)) return path;
  return path.slice(mountRoot.length) || "/";
}
