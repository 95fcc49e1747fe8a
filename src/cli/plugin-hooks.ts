// Calls the hooks of loaded plugins at their places in a container's life.

import type { ContainerState, HookName, Hooks } from "../../hooks/hooks.ts";
import type { Process, Spec } from "../config/spec.ts";
import { inherited, type Stdio } from "../config/stdio-choice.ts";
import { readText } from "../execute/files.ts";
import type { KeptPlugins } from "../execute/kept-program.ts";
import type { Between } from "../execute/run-container.ts";
import { hostConfig } from "../host/host-config.ts";
import { usualPath } from "../plan/launch.ts";
import type { Plan } from "../plan/plan.ts";
import type { Container } from "../plan/plan-container.ts";
import type { State } from "../state/state.ts";
import { isHostConfigured } from "./invocation.ts";
import {
  type KnownPlugins,
  type LoadedPlugin,
  type LoadOptions,
  loadPlugins,
  type PluginRequest,
  type Plugins,
  type SamePlugins,
  warn,
} from "./load-plugins.ts";
import { type Script, scriptOf } from "./plugin-code.ts";
import { isPath } from "./plugin-file.ts";
import { type Named, pluginRequests } from "./plugin-requests.ts";
import { callTaps, tapsOf } from "./plugin-taps.ts";
import { writtenBy } from "./within-reach.ts";

export type WithPlugins = {
  readonly container: Container;
  readonly plugins: Plugins | undefined;
  /** What plugins have chosen for stdout and stderr; undefined without any. */
  readonly stdio: Stdio | undefined;
};

/** The container as its plugins want it. */
export async function configure(container: Container, named: Named, options: LoadOptions): Promise<WithPlugins> {
  const requests = await pluginRequests(named);
  if (requests.length === 0) return { container, plugins: undefined, stdio: undefined };
  const { use } = options;
  const { plugins, ...configured } = await configureBy(requests, container, options);
  // Before any other hook is called, which is not asked what it uses.
  const same = use && (await import("./same-plugins.ts")).sameOf(named, requests, plugins, use, writtenBy(container));
  return { ...configured, plugins: { ...plugins, same } };
}

/** The same for plugins that are known by name. */
export async function configureBy(
  requests: readonly PluginRequest[],
  container: Container,
  options: LoadOptions,
): Promise<WithPlugins & { readonly plugins: Plugins }> {
  const plugins = await loadPlugins(requests, { ...options, spec: container.spec });
  const spec = await callConfig(plugins, container.spec, container.id, container.bundle);
  const stdio = await callStdio(plugins, container.id, spec);
  return { container: { ...container, spec, finishInBox: plugins.hooks.poststop.taps.length > 0 }, plugins, stdio };
}

export const callConfig = ({ hooks }: Plugins, spec: Spec, id: string, bundle: string): Promise<Spec> =>
  callTaps(hooks, "config", spec, { id, bundle });

/** Who gets stdout and stderr; as box got them where no tap says otherwise. */
function callStdio({ hooks }: Plugins, id: string, { process, annotations = {} }: Spec): Promise<Stdio> {
  const container = { id, terminal: process?.terminal === true, annotations };
  return callTaps<Stdio>(hooks, "stdio", inherited, container);
}

export async function callPlan({ hooks }: Plugins, plan: Plan, id: string): Promise<void> {
  if (tapsOf(hooks, "plan").length === 0) return;
  const { planToJson } = await import("../plan/print-plan.ts");
  await callTaps(hooks, "plan", { id, ...planToJson(plan) });
}

type Kinds = {
  /** What was given, and what taps made of it. */
  readonly versions: number;
  /** Two texts each: the file's, and the script's. */
  readonly scripts: readonly Omit<Script, "text" | "body">[];
  readonly same?: SamePlugins | null | undefined;
};

/** What a further start with the same plugins need not find out, as it is kept. */
export function keptOf({ loaded, hooks, origins, scripts: ran, same: found, use }: Plugins): KeptPlugins {
  const versions = origins?.texts() ?? [];
  const scripts = (ran ?? loaded.flatMap(readScript)).filter(({ text }) => !text.includes("\0"));
  const isCalled = tapsOf(hooks, "prestart").length > 0 || tapsOf(hooks, "poststart").length > 0;
  // What nobody waited for may have come since. Those that are called are loaded each time, and do it then.
  const same = found && { ...found, pure: found.pure && (isCalled || use?.used !== true) };
  const kinds: Kinds = { versions: versions.length, scripts: scripts.map(({ text: _, body: __, ...kind }) => kind), same };
  return { kinds, texts: [...versions, ...scripts.flatMap(({ text, body }) => [text, body])] };
}

/** Where the engine has loaded the file. */
function readScript({ name }: LoadedPlugin): Script[] {
  const text = isPath(name) ? readText(name) : undefined;
  const script = typeof text === "string" ? scriptOf(name, text) : undefined;
  return script === undefined ? [] : [script];
}

export function knownOf({ kinds, texts }: KeptPlugins): KnownPlugins {
  const { versions, scripts, same } = kinds as Kinds;
  const [given = "", ...checked] = texts.slice(0, versions);
  const textsOf = (index: number): Pick<Script, "text" | "body"> => {
    const [text = "", body = ""] = texts.slice(versions + 2 * index);
    return { text, body };
  };
  return { given, checked, scripts: scripts.map((kind, index) => ({ ...kind, ...textsOf(index) })), same };
}

/** What a start calls. When it fails after prestart had begun, poststop undoes what prestart may have done. */
export function betweenOf({ hooks }: Plugins, first: Between["poststop"]): Between {
  let begun: State | undefined;
  const isTapped = (hook: HookName): boolean => tapsOf(hooks, hook).length > 0;
  return {
    async prestart(state) {
      begun = state;
      if (isTapped("prestart")) await callTaps(hooks, "prestart", { ...shownState(state), status: "created" });
    },
    async poststart(state) {
      if (isTapped("poststart")) await callTaps(hooks, "poststart", shownState(state));
    },
    async poststop() {
      await first?.();
      if (begun !== undefined) await callPoststop(hooks, begun, undefined);
    },
  };
}

const shownState = ({ box: _, ...state }: State): ContainerState => state;

async function callPoststop(hooks: Hooks, state: State, exitCode: number | undefined): Promise<void> {
  await callTaps(hooks, "poststop", { ...shownState(state), status: "stopped", exitCode });
}

/** Poststart for a container that another box process has made. */
export async function poststartFromState(state: State, stateRoot: string): Promise<void> {
  const { hooks } = await pluginsOf(state, stateRoot, "poststart");
  await callTaps(hooks, "poststart", shownState(state));
}

/** Poststop for a container that another box process started: its plugins are loaded anew from what the state says. */
export async function poststopFromState(state: State, stateRoot: string, exitCode?: number): Promise<void> {
  const { hooks } = await pluginsOf(state, stateRoot, "poststop");
  await callPoststop(hooks, state, exitCode);
}

async function pluginsOf(state: State, stateRoot: string, hook: HookName): Promise<Plugins> {
  // Whoever calls box delete may have none, and plugins call tools by name.
  process.env.PATH ??= usualPath;
  return await loadPlugins(tapping(state, hook), { stateRoot, tolerate: warn });
}

const tapping = ({ bundle, box }: State, hook: HookName): PluginRequest[] =>
  box.plugins.filter(({ hooks }) => hooks.includes(hook)).map((use) => ({ ...use, folder: bundle }));

/**
 * What exec may run, by the container's plugins, and by those that the host has named since it was made. Without any of
 * them nothing can be said, so each must load.
 */
export async function callOnExec(state: State, stateRoot: string, given: Process): Promise<Process> {
  const requests = [...(await newOfHost(state)), ...tapping(state, "onExec")];
  if (requests.length === 0) return given;
  const { hooks } = await loadPlugins(requests, { stateRoot });
  return await callTaps(hooks, "onExec", given, { ...shownState(state), status: "running" });
}

/** A plugin that the container has already taps what the state says, and need not be loaded to find out. */
async function newOfHost(state: State): Promise<readonly PluginRequest[]> {
  if (!isHostConfigured()) return [];
  const { plugins } = await (await import("./host-plugins.ts")).readHostPlugins();
  // One that an annotation names has options of its maker's, and does not stand for the host's.
  const had = state.box.plugins.filter(({ ofHost, label }) => ofHost && label.startsWith(`${hostConfig}: `));
  return plugins.filter(({ name }) => !had.some(({ label }) => label.endsWith(` ${name}`)));
}
