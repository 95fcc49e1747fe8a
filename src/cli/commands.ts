// The table of commands: help and dispatch are made from it. Each command's code is loaded only when it runs.

import { BoxError } from "../errors.ts";
import type { FlagRow } from "./arguments.ts";

export type Globals = {
  /** --root: folder of the containers' state. */
  readonly root: string | undefined;
  readonly debug: boolean;
};

export type Run = (argv: readonly string[], globals: Globals) => number | Promise<number>;

export type Command = {
  readonly synopsis: string;
  readonly help: string;
  readonly hidden?: true;
  readonly load: () => Promise<{ readonly run: Run; readonly flags: readonly FlagRow[] }>;
};

export const commands: Readonly<Record<string, Command>> = {
  run: {
    synopsis: "run [flags] ID [COMMAND…] | run [flags] -- COMMAND…",
    help: "run a container from a bundle, or a command in a copy-on-write view of this machine",
    load: () => import("./run.ts"),
  },
  create: { synopsis: "create [flags] ID", help: "make a container that waits for start", load: () => import("./create.ts") },
  start: { synopsis: "start ID", help: "let a created container's program run", load: () => import("./start.ts") },
  exec: { synopsis: "exec [flags] ID COMMAND…", help: "run one more process in a container", load: () => import("./exec.ts") },
  plan: {
    synopsis: "plan [flags] [ID [COMMAND…]] | plan [flags] -- COMMAND…",
    help: "show every step that run would take, and take none",
    load: () => import("./plan.ts"),
  },
  spec: { synopsis: "spec [flags]", help: "write a config.json to begin with", load: () => import("./spec.ts") },
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
  features: { synopsis: "features", help: "show as JSON what this build can do", load: () => import("./features.ts") },
  // Not in the help, since they do nothing but say so.
  checkpoint: { synopsis: "checkpoint", help: "not supported yet", hidden: true, load: () => import("./checkpoint.ts") },
  restore: { synopsis: "restore", help: "not supported yet", hidden: true, load: () => import("./restore.ts") },
  finish: { synopsis: "finish ID", help: "end a container whose supervisor asks for it", hidden: true, load: () => import("./finish.ts") },
};

/** Throws a BoxError when there is no command of that name. */
export function commandNamed(name: string): Command {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) throw new BoxError({ what: `unknown command ${name}`, hint: "box --help lists the commands" });
  return command;
}

export const globalFlags: readonly FlagRow[] = [
  {
    name: "root",
    value: "DIR",
    help: "folder of the containers' state (default /run/box; without root $XDG_RUNTIME_DIR/box, else /tmp/box-UID)",
  },
  { name: "debug", help: "on an error, show the system calls before it" },
  { name: "help", short: "h", help: "show this help" },
  { name: "version", short: "v", help: "show the version" },
];
