// The hooks that plugins tap, all on this page. Each tap has its plugin's name, may be ordered with tapable's `stage`
// and `before`, and may be sync, callback or promise. A tap that throws, or is not done after `timeoutMs` (30 seconds
// unless the tap says otherwise), is reported with its plugin, its hook and how long it took; one that is done after more
// than a second, without having said so, is a warning.

import { AsyncSeriesHook, AsyncSeriesWaterfallHook } from "tapable";
import type { Process, Spec } from "../src/config/spec.ts";
import type { Stdio } from "../src/config/stdio-choice.ts";

export type { Process, Spec, Stdio };

export type TapOptions = { timeoutMs?: number };

/** The runtime-spec's state object. */
export type ContainerState = {
  readonly ociVersion: string;
  readonly id: string;
  readonly status: "creating" | "created" | "running" | "stopped";
  /** Of the container's first process, in box's own pid namespace. Its namespaces are below /proc/PID/ns. */
  readonly pid: number;
  /** Absolute, as is `rootfs`. */
  readonly bundle: string;
  readonly rootfs: string;
  readonly annotations?: Readonly<Record<string, string>>;
};

export type StoppedContainer = ContainerState & {
  /** What the container's first process ended with, 128 + n for signal n; undefined when the start failed or no box saw it. */
  readonly exitCode: number | undefined;
};

/** The steps as `box plan --json` shows them, the container's id, and the notes without those about plugins. */
export type PrintedPlan = {
  readonly id: string;
  readonly notes: readonly string[];
  readonly steps: readonly {
    readonly number: number;
    readonly actor: "box" | "stage" | "init";
    readonly section: string;
    /** Name of the system call, and the call as printed. */
    readonly call: string;
    readonly text: string;
    /** The part of the configuration that asks for it: `mounts[3]`. */
    readonly origin: string;
    readonly why: string;
  }[];
};

/** What a choice for stdio may depend on. */
export type StdioContainer = {
  readonly id: string;
  /** It gets a terminal, and all that it writes comes out of that. */
  readonly terminal: boolean;
  readonly annotations: Readonly<Record<string, string>>;
};

/** Made once for each box process that works on the container; the object itself is frozen. */
export const newHooks = () =>
  Object.freeze({
    /**
     * The configuration, complete and checked, after the command line's flags and before it is planned. In the box
     * process of `run`, `create` and `plan`; nothing exists yet. The tap may change the Spec or return another one; the result
     * is checked as any config.json is. A throw ends the command.
     */
    config: new AsyncSeriesWaterfallHook<
      [spec: Spec, container: { readonly id: string; readonly bundle: string }],
      Spec | undefined,
      TapOptions
    >(["spec", "container"], "config"),
    /**
     * Who gets what the container writes to stdout and stderr, in the box process of `run` and `plan`, after `config` and
     * before anything is made; for a run in the background twice, since another process looks after that. The first tap
     * gets `{ kind: "inherit" }`, each later one what the tap before it has returned; undefined leaves that as it is. The
     * answer is data, and the plan makes steps of it: `inherit` (as box got them), `file` (the container writes by itself), or
     * `supervised` (box's supervisor reads pipes, and writes a log or to the journal). A throw ends the command.
     */
    stdio: new AsyncSeriesWaterfallHook<[stdio: Stdio, container: StdioContainer], Stdio | undefined, TapOptions>(
      ["stdio", "container"],
      "stdio",
    ),
    /**
     * The plan, in the box process of `run` and `plan`, before anything is made. Nothing may be changed: a tap looks,
     * and vetoes by throwing, which ends the command.
     */
    plan: new AsyncSeriesHook<[plan: PrintedPlan], TapOptions>(["plan"], "plan"),
    /**
     * The container's namespaces and cgroups exist and its first process waits; the user's process does not run yet.
     * In the box process of `run`. The tap may change the host and the container's namespaces (/proc/PID/ns); what
     * it makes, its `poststop` must remove. A throw undoes the start, `poststop` included. Box keeps signals back
     * at this time, and programs that are started here begin with every signal blocked.
     */
    prestart: new AsyncSeriesHook<[state: ContainerState], TapOptions>(["state"], "prestart"),
    /**
     * The user's process runs. In the box process of `run`, which right after this becomes the supervisor and runs no
     * more JavaScript: timers and open work of a plugin end there. A throw is a warning.
     */
    poststart: new AsyncSeriesHook<[state: ContainerState], TapOptions>(["state"], "poststart"),
    /**
     * A further process for a container that runs, before it is planned. In the box process of `exec`. The tap may change
     * the process (arguments, environment, user, capabilities …) or return another one, which is checked as well; it cannot
     * change the container. A throw refuses the process and leaves the container alone.
     */
    onExec: new AsyncSeriesWaterfallHook<[process: Process, state: ContainerState], Process | undefined, TapOptions>(
      ["process", "state"],
      "onExec",
    ),
    /**
     * All processes of the container have ended and its cgroups are gone; its state is not yet removed. In the box
     * process that the supervisor becomes, or of `delete`, or of a `run` with the same id, where plugins are loaded and
     * applied anew; after a start that failed, in that same `run`. So nothing kept in variables and no variable of the
     * environment but PATH can be counted on. After a box was killed in the midst of this it is called again, so a tap
     * must bear to find its work done. A throw is a warning.
     */
    poststop: new AsyncSeriesHook<[state: StoppedContainer], TapOptions>(["state"], "poststop"),
  });

export type Hooks = ReturnType<typeof newHooks>;
export type HookName = keyof Hooks;
