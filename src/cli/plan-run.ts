// The longer way to a start: read, check, plan and compile. Loaded by run when no program was kept for it.

import { BoxError } from "../errors.ts";
import { compile, type Program, type Sources } from "../execute/compile.ts";
import { type KeptKey, keepProgram } from "../execute/kept-program.ts";
import { type Between, type Started, startContainer, type Written } from "../execute/run-container.ts";
import type { Launch } from "../plan/launch.ts";
import { withNotifySocket } from "../plan/notify.ts";
import { type Container, planContainer } from "../plan/plan-container.ts";
import { firstState } from "../state/first-state.ts";
import type { PluginUse, State } from "../state/state.ts";
import type { Parsed } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { launchOf } from "./launch-flags.ts";
import { type Loaded, loadContainer } from "./load-container.ts";
import type { LoadedPlugin } from "./load-plugins.ts";
import { locating } from "./located.ts";

export type PlannedRun = {
  readonly id: string;
  readonly stateRoot: string;
  readonly cgroups: State["box"]["cgroups"];
  readonly program: Program;
  /** Can be called again after a failure; plugins see the plan once. */
  readonly start: () => Promise<Started>;
  /** Keeps the program for the next start. */
  readonly keep: (key: KeptKey) => void;
  readonly locate: Loaded["locate"];
  /** What failed in a start without keeping it from going on. */
  readonly warnings: readonly unknown[];
};

export async function planRun(parsed: Parsed, globals: Globals, way: Launch["way"]): Promise<PlannedRun> {
  const { container: bare, facts, seen, asked, plugins, locate, config } = await loadContainer(parsed, globals, true);
  const container = launched(bare, parsed, way, facts.stateRoot);
  const plan = locating(locate, () => planContainer(container, facts));
  const program = compile(plan);
  const warnings: unknown[] = [];
  // Box's tape as it is before it runs; it is compiled to where it runs, and what it writes is part of it.
  const untouched = plugins === undefined ? program.compiled.box.image.slice() : undefined;
  const written: Written = { state: firstState(container, facts, plugins?.loaded.map(useOf)), config: JSON.stringify(container.spec) };
  let between: Between = { warn: (error) => warnings.push(error) };
  if (container.spec.hooks?.poststop !== undefined)
    between = { ...between, poststop: async () => (await import("./poststop.ts")).poststop(written.state, facts.stateRoot) };
  if (plugins !== undefined) {
    const { betweenOf, callPlan } = await import("./plugin-hooks.ts");
    await callPlan(plugins, plan, container.id);
    between = { ...between, ...betweenOf(plugins, between.poststop) };
  }
  if (container.launch?.notifies === true && way !== "created")
    between = (await import("./pass-readiness.ts")).notifying(between, `${facts.stateRoot}/${container.id}`);
  let tries = 0;
  // A program runs once: what it has run in holds its traces.
  const fresh = (): Program => (tries++ === 0 ? program : compile(plan));
  return {
    id: container.id,
    stateRoot: facts.stateRoot,
    cgroups: written.state.box.cgroups,
    program,
    start: () => startContainer(fresh(), written, `${facts.stateRoot}/${container.id}`, between),
    keep: (key) => {
      // The file may have changed between the two times that it was read; then this program is not that text's.
      if (untouched === undefined || config !== key.config) return;
      keepProgram(key, () => ({
        made: { asked, seen, facts: JSON.stringify(facts), home: facts.home ?? null, ...written, compiled: program.compiled },
        box: untouched,
      }));
    },
    locate,
    warnings,
  };
}

/** What later processes need to know of a plugin. */
const useOf = ({ plugin: _, ...use }: LoadedPlugin): PluginUse => use;

/** The container with how it is started. */
function launched(container: Container, parsed: Parsed, way: Launch["way"], stateRoot: string): Container {
  const launch = launchOf(parsed, way, container.spec);
  const spec = launch.notifies ? withNotifySocket(container.spec, `${stateRoot}/${container.id}`) : container.spec;
  return { ...container, spec, launch, ownStdio: way !== "foreground" };
}

/** The steps behind a kept program, made once more because something has failed. */
export async function sourcesAgain(parsed: Parsed, globals: Globals, child: Uint8Array): Promise<Sources> {
  const { container, facts } = await loadContainer(parsed, globals, true);
  const program = compile(planContainer(launched(container, parsed, "foreground", facts.stateRoot), facts));
  const { image } = program.compiled.child;
  if (image.length !== child.length || image.some((byte, index) => byte !== child[index]))
    throw new BoxError({ what: "the start failed, and the configuration has changed meanwhile", hint: "run it again" });
  return await program.explain();
}
