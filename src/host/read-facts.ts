// Reads the host's facts: a few files of /proc and the layout of /sys/fs/cgroup. Read-only, and only what the plan
// will ask for; each file costs tens of microseconds of a start that takes six milliseconds.

import { filesystemMagic } from "../linux/magic.ts";
import type { Machine } from "../linux/syscalls.ts";
import type { CgroupFacts, CgroupHierarchy, HostFacts } from "./facts.ts";

/** How facts are read; src/execute/host-reader.ts does it with system calls, tests with plain data. */
export type HostReader = {
  /** The text of a file, undefined when it cannot be read. */
  read(path: string): string | undefined;
  /** Magic number of the filesystem at a path (statfs(2)), undefined when there is none. */
  filesystem(path: string): number | undefined;
  mayWrite(path: string): boolean;
};

export type FactsWanted = {
  readonly machine: Machine;
  readonly stateRoot: string | undefined;
  readonly runtimeFolder: string | undefined;
  readonly openFiles: boolean;
  readonly home: string | undefined;
};

export function readFacts(reader: HostReader, wanted: FactsWanted): HostFacts {
  const status = reader.read("/proc/self/status") ?? "";
  const uid = Number(field(status, "Uid").split("\t")[1]);
  return {
    machine: wanted.machine,
    uid,
    gid: Number(field(status, "Gid").split("\t")[1]),
    ignoredSignals: bits(field(status, "SigIgn")).map((bit) => bit + 1),
    boundingSet: bits(field(status, "CapBnd")),
    cgroups: readCgroups(reader),
    stateRoot: wanted.stateRoot ?? defaultStateRoot(uid, wanted.runtimeFolder),
    home: wanted.home,
    openFiles: wanted.openFiles ? parseOpenFiles(reader.read(`/proc/${field(status, "PPid")}/limits`) ?? "") : undefined,
  };
}

/** Where containers' state lives unless --root says otherwise. */
export const defaultStateRoot = (uid: number, runtimeFolder: string | undefined): string =>
  uid === 0 ? "/run/box" : runtimeFolder !== undefined && runtimeFolder !== "" ? `${runtimeFolder}/box` : `/tmp/box-${uid}`;

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

/** `Max open files   1024   4096   files` of proc_pid_limits(5). */
export function parseOpenFiles(limits: string): HostFacts["openFiles"] {
  const line = limits.split("\n").find((one) => one.startsWith("Max open files"));
  if (line === undefined) return undefined;
  const [soft, hard] = line
    .slice(14)
    .split(" ")
    .filter((word) => word !== "");
  const number = (word: string | undefined): number => Number(word);
  const limit = { soft: number(soft), hard: number(hard) };
  return Number.isNaN(limit.soft) || Number.isNaN(limit.hard) ? undefined : limit;
}

const root = "/sys/fs/cgroup";

export function readCgroups(reader: HostReader): CgroupFacts {
  const own = parseOwnCgroups(reader.read("/proc/self/cgroup") ?? "");
  const filesystem = reader.filesystem(root);
  if (filesystem === filesystemMagic.CGROUP2_SUPER_MAGIC) {
    const v2 = { controllers: [], mount: root, own: own.get("") ?? "/" };
    return { v1: [], v2, writable: reader.mayWrite(root + parentOf(v2.own)) };
  }
  const { v1, v2 } = parseMounts(reader.read("/proc/self/mountinfo") ?? "", own);
  const first = v1[0] ?? v2;
  return { v1, v2, writable: first !== undefined && reader.mayWrite(first.mount + first.own) };
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

/** Hierarchies mounted below /sys/fs/cgroup, from mountinfo (proc_pid_mountinfo(5)). */
export function parseMounts(mountinfo: string, own: ReadonlyMap<string, string>): Pick<CgroupFacts, "v1" | "v2"> {
  const v1: CgroupHierarchy[] = [];
  let v2: CgroupHierarchy | undefined;
  for (const line of mountinfo.split("\n")) {
    const dash = line.indexOf(" - cgroup");
    if (dash < 0) continue;
    const fields = line.slice(0, dash).split(" ");
    const [type, , options] = line.slice(dash + 3).split(" ");
    const [mountRoot, mount] = [fields[3] as string, fields[4] as string];
    if (!mount.startsWith(root)) continue;
    if (type === "cgroup2") v2 ??= { controllers: [], mount, own: below(own.get("") ?? "/", mountRoot) };
    else {
      for (const [controllers, path] of own) {
        const list = controllers.split(",");
        if (controllers !== "" && list.every((name) => (options ?? "").split(",").includes(name)))
          v1.push({ controllers: list, mount, own: below(path, mountRoot) });
      }
    }
  }
  return { v1, v2 };
}

/** A cgroup's path as seen from a mount whose root is `mountRoot`. */
const below = (path: string, mountRoot: string): string =>
  mountRoot !== "/" && path.startsWith(mountRoot) ? path.slice(mountRoot.length) || "/" : path;
