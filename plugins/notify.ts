// Tells of every container that starts, of every process that is executed in one, and of every end: a line of JSON in a
// file, on the stdin of a program, or, when neither is given, on stderr.
//
//   plugins:
//     - notify: { file: /var/log/containers.json, events: [exec] }
//
// Read it as a model for the hooks around a container that runs: onExec only looks here, and gives back nothing, so the
// process stays as it is. Environments are never told, since they hold secrets.

import type { ContainerState } from "../hooks/hooks.ts";
import type { Plugin } from "../hooks/plugin.ts";

const events = ["start", "exec", "stop"] as const;

type Options = {
  file?: string;
  command?: string[];
  events: (typeof events)[number][];
};

/** A program that takes longer than this holds up the container. */
const LIMIT_MS = 10_000;

const plugin: Plugin<Options> = {
  name: "notify",
  description: "tells a file or a program of starts, executed processes and ends",
  options: {
    type: "object",
    properties: {
      file: { type: "string", pattern: "^/", description: "gets a line of JSON for each event" },
      command: { type: "array", items: { type: "string" }, description: "is run for each event, with that line on stdin" },
      events: {
        type: "array",
        items: { type: "string", enum: events },
        default: events,
        byAnnotation: true,
        description: "which are told",
      },
    },
  },
  apply(hooks, options) {
    const wanted = (event: (typeof events)[number]): boolean => options.events.includes(event);
    if (wanted("start")) hooks.poststart.tapPromise("notify", (state) => tell(options, line("start", state, {})));
    if (wanted("exec"))
      hooks.onExec.tapPromise("notify", async ({ args, user }, state) => {
        await tell(options, line("exec", state, { args, uid: user.uid }));
        return undefined;
      });
    if (wanted("stop"))
      hooks.poststop.tapPromise("notify", (state) => tell(options, line("stop", state, { exitCode: state.exitCode ?? null })));
  },
};

export default plugin;

const line = (event: string, { id, pid, bundle }: ContainerState, more: Record<string, unknown>): string =>
  `${JSON.stringify({ time: new Date().toISOString(), event, id, pid, bundle, ...more })}\n`;

async function tell({ file, command = [] }: Options, text: string): Promise<void> {
  if (file === undefined && command.length === 0) console.error(text.trimEnd());
  if (file !== undefined) (await import("node:fs")).appendFileSync(file, text, { mode: 0o600 });
  const [program, ...args] = command;
  if (program === undefined) return;
  const { spawnSync } = await import("node:child_process");
  const { status, signal, error, stderr } = spawnSync(program, args, { input: text, timeout: LIMIT_MS, stdio: ["pipe", "ignore", "pipe"] });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${program} ended with ${status ?? signal}: ${stderr.toString().trim()}`);
}
