// A run of a container that has plugins. What they make of its configuration they are asked each time; if it is what it was when a
// program was kept, then so is the plan.

import { type Kept, type KeptKey, readKept } from "../execute/kept-program.ts";
import type { Parsed } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { hooksAround, useOf } from "./hooks-around.ts";
import { isStillSuchAHost, startOf } from "./kept-run.ts";
import { type Configured, configureContainer, isToldByConfig } from "./load-container.ts";
import type { PlannedRun } from "./plan-run.ts";
import { betweenOf, knownOf } from "./plugin-hooks.ts";

export async function runWithPlugins(key: KeptKey, parsed: Parsed, globals: Globals): Promise<PlannedRun> {
  const kept = readKept(key);
  const known = { text: key.config, plugins: kept?.plugins === undefined ? undefined : knownOf(kept.plugins) };
  const configured = await configureContainer(parsed, globals, true, known);
  if (kept === undefined || !makesTheSame(kept, configured, key.config) || !isStillSuchAHost(kept, key.stateRoot))
    return await (await import("./plan-run.ts")).planRun(parsed, globals, "foreground", { configured });
  const explain = async () => (await import("./plan-run.ts")).sourcesAgain(parsed, globals, kept.compiled.child.image, configured);
  const warnings: unknown[] = [];
  const started = startOf(kept, key, explain, hooksAround(configured, warnings, betweenOf));
  return { ...started, locate: configured.locate, warnings };
}

/** Also where the host's file names no plugins, and the config.json is not as it was read first. */
const makesTheSame = (kept: Kept, configured: Configured, text: string): boolean =>
  isToldByConfig(configured) &&
  configured.source.config === text &&
  JSON.stringify(configured.container.spec) === kept.config &&
  JSON.stringify(configured.plugins?.loaded.map(useOf) ?? []) === JSON.stringify(kept.state.box.plugins);
