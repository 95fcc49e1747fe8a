// The flags that run and plan share: where the container's description is, and what to change in it.

import type { FlagRow } from "./arguments.ts";

export const containerFlags: readonly FlagRow[] = [
  { name: "bundle", short: "b", value: "DIR", help: "folder with config.json or box.yaml (default: the current one)" },
  { name: "file", short: "f", value: "FILE", help: "a box.yaml of any name; its folder is the bundle" },
  { name: "rootfs", value: "DIR", help: "use this folder as the root" },
  { name: "read-only", help: "make the root read-only" },
  { name: "env", short: "e", value: "NAME=VALUE", repeats: true, help: "set an environment variable; NAME alone passes it on" },
  { name: "workdir", short: "w", value: "DIR", help: "folder to start in" },
  { name: "user", short: "u", value: "USER[:GROUP]", help: "run as this user: names of the root's passwd, or numbers" },
  { name: "hostname", short: "h", value: "NAME", help: "host name of the container" },
  { name: "volume", short: "v", value: "SRC:DST[:ro]", repeats: true, help: "bind a file or folder of the host" },
  { name: "tty", short: "t", help: "give the container a terminal" },
  {
    name: "interactive",
    short: "i",
    help: "stdin for box attach, in the background with a log; else nothing: it always reaches the container",
  },
  { name: "net", alias: "network", value: "NS", help: "network: none (loopback only), host, container:ID, pid:NUMBER or a path" },
  { name: "pid", value: "NS", help: "processes: new, host, container:ID, pid:NUMBER or a path" },
  { name: "ipc", value: "NS", help: "System V IPC and message queues: the same" },
  { name: "uts", value: "NS", help: "host name: the same" },
  { name: "cgroupns", value: "NS", help: "what is seen of cgroups: the same" },
  { name: "userns", value: "NS", help: "users: the same" },
  { name: "ns", value: "TYPE=NS", repeats: true, help: "any of net, pid, mount, ipc, uts, cgroup, user and time" },
  { name: "seccomp", value: "PROFILE", help: "filter of system calls: default, unconfined or a file" },
  {
    name: "plugin",
    value: "FILE[:OPTIONS]",
    repeats: true,
    help: "load a plugin: a .ts or .js file, a folder with a package.json, or a built-in one by name",
  },
  { name: "require-limits", help: "fail where a limit cannot be set, rather than warn: without root only some may be there" },
  { name: "rm", help: "remove the container at its end: always so, but in the background with a log" },
  { name: "help", help: "show this help" },
];
