// Calls the hooks of loaded plugins at their places in a container's life.

import type { ContainerState, Hooks } from "../../hooks/hooks.ts";
import type { Spec } from "../config/spec.ts";
import { inherited, type Stdio } from "../config/stdio-choice.ts";
import type { Between } from "../execute/run-container.ts";
import { usualPath } from "../plan/hooks.ts";
import type { Plan } from "../plan/plan.ts";
import { planToJson } from "../plan/print-plan.ts";
import type { PluginUse, State } from "../state/state.ts";
import { loadPlugins, type Plugins } from "./load-plugins.ts";
import { reportWarning } from "./report-error.ts";

export async function callConfig({ hooks }: Plugins, spec: Spec, id: string, bundle: string): Promise<Spec> {
  return (await hooks.config.promise(spec, { id, bundle })) ?? spec;
}

/** Who gets stdout and stderr; as box got them where no tap says otherwise. */
export async function callStdio({ hooks }: Plugins, id: string, { process, annotations = {} }: Spec): Promise<Stdio> {
  const container = { id, terminal: process?.terminal === true, annotations };
  return (await hooks.stdio.promise(inherited, container)) ?? inherited;
}

export async function callPlan({ hooks }: Plugins, plan: Plan, id: string): Promise<void> {
  if (hooks.plan.isUsed()) await hooks.plan.promise({ id, ...planToJson(plan) });
}

/** What a start calls. When it fails after prestart had begun, poststop undoes what prestart may have done. */
export function betweenOf({ hooks }: Plugins, first: Between["poststop"]): Between {
  let begun: State | undefined;
  return {
    async prestart(state) {
      begun = state;
      await hooks.prestart.promise({ ...shownState(state), status: "created" });
    },
    async poststart(state) {
      await hooks.poststart.promise(shownState(state));
    },
    async poststop() {
      await first?.();
      if (begun !== undefined) await callPoststop(hooks, begun, undefined);
    },
  };
}

const shownState = ({ box: _, ...state }: State): ContainerState => state;

const callPoststop = (hooks: Hooks, state: State, exitCode: number | undefined): Promise<void> =>
  hooks.poststop.promise({ ...shownState(state), status: "stopped", exitCode });

/** Poststart for a container that another box process has made. */
export async function poststartFromState(state: State, stateRoot: string): Promise<void> {
  const { hooks } = await pluginsOf(state, stateRoot);
  await hooks.poststart.promise(shownState(state));
}

/** Poststop for a container that another box process started: its plugins are loaded anew from what the state says. */
export async function poststopFromState(state: State, stateRoot: string, exitCode?: number): Promise<void> {
  const { hooks } = await pluginsOf(state, stateRoot);
  await callPoststop(hooks, state, exitCode);
}

async function pluginsOf(state: State, stateRoot: string): Promise<Plugins> {
  // The supervisor starts box with an empty environment, and plugins call tools by name.
  process.env.PATH ??= usualPath;
  const requests = state.box.plugins.map((use: PluginUse) => ({ ...use, folder: state.bundle }));
  return await loadPlugins(requests, { stateRoot, container: undefined, tolerate: reportWarning });
}
