// The table of commands: help and dispatch are made from it. Each command's code is loaded only when it runs.

import { BoxError, exitCodes } from "../errors.ts";
import type { FlagRow } from "./arguments.ts";

export type Globals = {
  /** --root: folder of the containers' state. */
  readonly root: string | undefined;
  readonly debug: boolean;
  /** --cgroup-manager: `disabled` makes no cgroups. */
  readonly cgroupManager: "cgroupfs" | "disabled" | "systemd";
};

export type Run = (argv: readonly string[], globals: Globals) => number | Promise<number>;

export type Command = {
  readonly synopsis: string;
  readonly help: string;
  readonly hidden?: true;
  /** It ends with the exit code of the container's program, so box's own failures have others. */
  readonly endsAsProgram?: true;
  /** Machines that run it run more of the kind, so that a start is worth keeping (src/execute/consider-keeping.ts). */
  readonly keepsStart?: true;
  /** Signals wait until it has somebody to pass them on to (blockSignals in src/execute/libc.ts). */
  readonly holdsSignals?: true;
  readonly load: () => Promise<Loaded>;
};

type Loaded = { readonly run: Run; readonly flags: readonly FlagRow[] };

export const commands: Readonly<Record<string, Command>> = {
  run: {
    synopsis: "run [flags] ID [COMMAND…] | run [flags] -- COMMAND…",
    help: "run a container from a bundle, or a command in a copy-on-write view of this machine",
    endsAsProgram: true,
    keepsStart: true,
    holdsSignals: true,
    load: () => import("./run.ts"),
  },
  create: {
    synopsis: "create [flags] ID",
    help: "make a container that waits for start",
    keepsStart: true,
    holdsSignals: true,
    load: () => import("./create.ts"),
  },
  start: { synopsis: "start ID", help: "let a created container's program run", load: () => import("./start.ts") },
  exec: {
    synopsis: "exec [flags] ID COMMAND…",
    help: "run one more process in a container",
    endsAsProgram: true,
    keepsStart: true,
    holdsSignals: true,
    load: () => import("./exec.ts"),
  },
  plan: {
    synopsis: "plan [flags] [ID [COMMAND…]] | plan [flags] -- COMMAND…",
    help: "show every step that run would take, and take none",
    // What run would say, with run's exit code.
    endsAsProgram: true,
    load: () => import("./plan.ts"),
  },
  validate: {
    synopsis: "validate [flags]",
    help: "say all that is wrong with a config.json or box.yaml, or that it is valid, and do nothing else",
    load: () => import("./validate.ts"),
  },
  state: { synopsis: "state ID", help: "show a container's state as JSON", load: () => import("./state.ts") },
  list: { synopsis: "list [flags]", help: "list the containers", load: () => import("./list.ts") },
  ps: { synopsis: "ps [flags] [ID [PS-OPTION…]]", help: "list the processes of one container or of all", load: () => import("./ps.ts") },
  ns: { synopsis: "ns [flags] [NAMESPACE]", help: "list the namespaces in use, or the processes of one", load: () => import("./ns.ts") },
  kill: {
    synopsis: "kill [--all] ID… [SIGNAL]",
    help: "send a signal to containers: SIGTERM, or the last word if that is one",
    load: () => import("./kill.ts"),
  },
  spec: {
    synopsis: "spec [flags] [ID]",
    help: "write a config.json to begin with, or turn one into a box.yaml and back",
    load: () => import("./spec.ts"),
  },
  bundle: {
    synopsis: "bundle [flags] SOURCE DIR",
    help: "make a bundle from an archive of a root, an image, or a folder; SOURCE may be - for stdin",
    load: () => import("./bundle.ts"),
  },
  delete: { synopsis: "delete [--force] ID…", help: "remove what is left of a container", load: () => import("./delete.ts") },
  update: {
    synopsis: "update [flags] ID",
    help: "change what a container may use while it lives",
    load: () => import("./update.ts"),
  },
  pause: { synopsis: "pause ID", help: "stop all processes of a container where they are", load: () => import("./pause.ts") },
  resume: { synopsis: "resume ID", help: "let a paused container go on", load: () => import("./resume.ts") },
  events: {
    synopsis: "events [flags] ID",
    help: "show what a container uses, again and again, and when it runs out of memory, as JSON",
    load: () => import("./events.ts"),
  },
  logs: {
    synopsis: "logs [flags] ID",
    help: "show what a container has written, where that is kept",
    load: () => import("./logs.ts"),
  },
  wait: { synopsis: "wait [flags] ID…", help: "wait until containers have ended, and show how they did", load: () => import("./wait.ts") },
  attach: {
    synopsis: "attach [flags] ID",
    help: "be at a container's stdin, stdout and stderr, or at its terminal",
    holdsSignals: true,
    load: () => import("./attach.ts"),
  },
  plugin: {
    synopsis: "plugin list | plugin new NAME [DIR] | plugin check FILE[:OPTIONS]",
    help: "list plugins, write one to begin with, or try one without running anything",
    load: () => import("./plugin.ts"),
  },
  trace: {
    synopsis: "trace [flags]",
    help: "show what happens to processes as it happens: fork, exec, exit and more, each with its container",
    load: () => import("./trace.ts"),
  },
  cg: {
    synopsis: "cg [flags] ID|PID [FILE…]",
    help: "show the control files of a container's cgroups, or of a process's",
    load: () => import("./cg.ts"),
  },
  stats: { synopsis: "stats [flags] [ID…]", help: "show what containers use, as it changes", load: () => import("./stats.ts") },
  seccomp: {
    synopsis: "seccomp dump [flags] [ID]",
    help: "show the filter of system calls that a bundle or a container gets, instruction by instruction",
    load: () => import("./seccomp.ts"),
  },
  features: { synopsis: "features", help: "show as JSON what this build can do", load: () => import("./features.ts") },
  // Not in the help, since they do nothing but say so.
  checkpoint: { synopsis: "checkpoint", help: "not supported yet", hidden: true, load: () => import("./checkpoint.ts") },
  restore: { synopsis: "restore", help: "not supported yet", hidden: true, load: () => import("./restore.ts") },
  "read-ahead": { synopsis: "read-ahead", help: "a thread of box bundle", hidden: true, load: () => import("./read-ahead.ts") },
  finish: {
    synopsis: "finish ID",
    help: "end a container whose supervisor asks for it",
    hidden: true,
    endsAsProgram: true,
    load: () => import("./finish.ts"),
  },
};

/** Throws a BoxError when there is no command of that name. */
export function commandNamed(name: string): Command {
  // Own properties alone, without Object.hasOwn, whose first use costs more than the look at all of them.
  for (const one in commands) if (one === name) return commands[one] as Command;
  throw new BoxError({ what: `unknown command ${name}`, hint: "box --help lists the commands" });
}

const loaded: Record<string, Loaded> = {};

/** A command's code, which is there from then on: to ask the engine for it again takes a tenth of a short command's time. */
export async function loadCommand(name: string): Promise<Loaded> {
  const there = loaded[name] ?? (await commandNamed(name).load());
  loaded[name] = there;
  return there;
}

/** How box exits when it fails at a command and the failure has no exit code of its own; undefined: before there is one. */
export const failureOf = (command: Command | undefined): number => (command?.endsAsProgram === true ? exitCodes.failed : exitCodes.refused);

export const globalFlags: readonly FlagRow[] = [
  {
    name: "root",
    value: "DIR",
    help: "folder of the containers' state (default /run/box; without root $XDG_RUNTIME_DIR/box, else /tmp/box-UID)",
  },
  { name: "log", value: "FILE", help: "add errors and warnings to this file too" },
  { name: "log-format", value: "text|json", help: "how they are written there; without --log, on stderr (default text)" },
  { name: "log-level", value: "error|warning|debug", help: "errors alone, warnings too (the default), or as with --debug" },
  { name: "debug", help: "on an error, show the system calls before it" },
  {
    name: "cgroup-manager",
    value: "cgroupfs|disabled|systemd",
    help: "cgroups by box itself (default), or none; systemd is not supported yet",
  },
  { name: "systemd-cgroup", help: "not supported yet" },
  {
    name: "rootless",
    value: "true|false|auto",
    help: "nothing: box sees itself which cgroups it may use, as auto says (the default)",
  },
  { name: "help", short: "h", help: "show this help" },
  { name: "version", short: "v", help: "show the version" },
];
