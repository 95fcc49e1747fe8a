// The text files that a process has below /proc, as data: command line, cgroups, and the pids that it has in the pid
// namespaces it is in. Pure. The file that all processes are asked for, stat, is parsed by src/host/process-stat.ts.

import { field } from "../host/read-facts.ts";

/** As typed, but for quotes. A process without arguments, a kernel thread or a zombie, has its name in brackets. */
export function commandLine(cmdline: string, name: string): string {
  const words = cmdline.endsWith("\0") ? cmdline.slice(0, -1) : cmdline;
  return words === "" ? `[${name}]` : words.replaceAll("\0", " ");
}

export type ProcessCgroup = {
  /** 0 for v2. */
  readonly hierarchy: number;
  /** `cpu,cpuacct`, `name=systemd`; empty for v2. */
  readonly controllers: string;
  readonly path: string;
};

/** /proc/PID/cgroup (cgroups(7)); paths as box's own cgroup namespace has them. */
export function parseCgroups(text: string): ProcessCgroup[] {
  return text.split("\n").flatMap((line) => {
    const [, hierarchy, controllers = "", path = ""] = /^(\d+):([^:]*):(.*)$/s.exec(line) ?? [];
    return hierarchy === undefined ? [] : [{ hierarchy: Number(hierarchy), controllers, path }];
  });
}

/** NSpid of /proc/PID/status: from box's pid namespace inwards, so the last one is what the process has for itself. */
export function pidsWithin(status: string): number[] {
  return field(status, "NSpid")
    .split(/\s+/)
    .filter((word) => /^\d+$/.test(word))
    .map(Number);
}

/** By uid, from /etc/passwd. Of several names for one user the first counts. */
export function namesOfUsers(passwd: string): Map<number, string> {
  const names = new Map<number, string>();
  for (const entry of passwd.split("\n")) {
    const [name = "", , uid = ""] = entry.split(":");
    if (name !== "" && /^\d+$/.test(uid) && !names.has(Number(uid))) names.set(Number(uid), name);
  }
  return names;
}
