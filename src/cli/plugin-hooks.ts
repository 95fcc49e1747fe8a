// Calls the hooks of loaded plugins at their places in a container's life.

import type { ContainerState, HookName, Hooks } from "../../hooks/hooks.ts";
import type { Process, Spec } from "../config/spec.ts";
import type { Between } from "../execute/run-container.ts";
import { usualPath } from "../plan/launch.ts";
import type { Plan } from "../plan/plan.ts";
import type { Container } from "../plan/plan-container.ts";
import type { State } from "../state/state.ts";
import { isHostConfigured } from "./invocation.ts";
import { type LoadOptions, loadPlugins, type PluginRequest, type Plugins, warn } from "./load-plugins.ts";
import { type Named, pluginRequests } from "./plugin-requests.ts";
import { callTaps, tapsOf } from "./plugin-taps.ts";

export type WithPlugins = { readonly container: Container; readonly plugins: Plugins | undefined };

/** The container as its plugins want it. `explained`: with notes of what each changed, for a plan that is printed. */
export async function configure(container: Container, named: Named, options: LoadOptions, explained: boolean): Promise<WithPlugins> {
  const requests = await pluginRequests(named);
  if (requests.length === 0) return { container, plugins: undefined };
  const plugins = await loadPlugins(requests, options);
  const finishInBox = plugins.hooks.poststop.taps.length > 0;
  const { spec, id, bundle } = container;
  if (!explained) return { container: { ...container, spec: await callConfig(plugins, spec, id, bundle), finishInBox }, plugins };
  const noted = await callConfigNoting(plugins, spec, id, bundle);
  return { container: { ...container, spec: noted.spec, finishInBox }, plugins: { ...plugins, notes: [...plugins.notes, ...noted.notes] } };
}

export const callConfig = ({ hooks }: Plugins, spec: Spec, id: string, bundle: string): Promise<Spec> =>
  callTaps(hooks, "config", spec, { id, bundle });

/** The same for a plan that is printed, with notes of what each plugin changed. */
async function callConfigNoting({ hooks }: Plugins, spec: Spec, id: string, bundle: string): Promise<{ spec: Spec; notes: string[] }> {
  const { changedPaths } = await import("./changed-paths.ts");
  const notes: string[] = [];
  let value = spec;
  for (const { label, fn } of tapsOf(hooks, "config")) {
    const before = structuredClone(value);
    value = (await (fn as unknown as (spec: Spec, container: unknown) => Promise<Spec>)(value, { id, bundle })) ?? value;
    const paths = changedPaths(before, value);
    if (paths.length > 0) notes.push(`${label} changed ${paths.join(", ")}`);
  }
  return { spec: value, notes };
}

export async function callPlan({ hooks }: Plugins, plan: Plan, id: string): Promise<void> {
  if (tapsOf(hooks, "plan").length === 0) return;
  const { planToJson } = await import("../plan/print-plan.ts");
  await callTaps(hooks, "plan", { id, ...planToJson(plan) });
}

/** What a start calls. When it fails after prestart had begun, poststop undoes what prestart may have done. */
export function betweenOf({ hooks }: Plugins, first: Between["poststop"]): Between {
  let begun: State | undefined;
  return {
    async prestart(state) {
      begun = state;
      await callTaps(hooks, "prestart", { ...shownState(state), status: "created" });
    },
    async poststart(state) {
      await callTaps(hooks, "poststart", shownState(state));
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
  // The supervisor starts box with an empty environment, and plugins call tools by name.
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
  const had = state.box.plugins.filter(({ ofHost }) => ofHost);
  return plugins.filter(({ name }) => !had.some(({ label }) => label.endsWith(` ${name}`)));
}
