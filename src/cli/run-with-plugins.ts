// A run of a container that has plugins. If what they make of its configuration is what it was when a program was kept, then so
// is the plan. They are asked each time, but for those that would say the same again.

import { goesOnFromKept, stayForGood } from "../execute/begin-plainly.ts";
import { type Kept, type KeptKey, readKept } from "../execute/kept-program.ts";
import type { Between } from "../execute/run-container.ts";
import type { State } from "../state/state.ts";
import { isTapped } from "../state/state.ts";
import type { Parsed } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { hooksAround, useOf } from "./hooks-around.ts";
import { isStillSuchAHost, startOf, startOfConfig } from "./kept-run.ts";
import { type Configured, configureContainer, configureSame, isToldByConfig, pluginHooks } from "./load-container.ts";
import type { KnownPlugins } from "./load-plugins.ts";
import type { PlannedRun } from "./plan-run.ts";
import { betweenOf, knownOf } from "./plugin-hooks.ts";
import { areSame } from "./same-plugins.ts";

export async function runWithPlugins(key: KeptKey, parsed: Parsed, globals: Globals): Promise<PlannedRun> {
  const found = readKept(key);
  const known = found?.plugins === undefined ? undefined : knownOf(found.plugins);
  // Here they may be looked at, and have not been yet: what is kept then says more.
  const kept = known?.same === undefined && goesOnFromKept() ? undefined : found;
  const flags = parsed.lists.plugin ?? [];
  const same = kept !== undefined && known !== undefined && areSame(known, flags);
  if (same && mayBeSkipped(kept, known) && isStillSuchAHost(kept, key.stateRoot)) return startUnasked(kept, key, parsed, globals);
  const configured =
    same && goesOnFromKept()
      ? await configureSame(key, parsed, known, kept.state.box.plugins)
      : await configureAnew(key, parsed, globals, kept === undefined ? undefined : known);
  if (kept === undefined || !makesTheSame(kept, configured, key.config) || !isStillSuchAHost(kept, key.stateRoot))
    return await (await import("./plan-run.ts")).planRun(parsed, globals, "foreground", { configured });
  const explain = async () => (await import("./plan-run.ts")).sourcesAgain(parsed, globals, kept.compiled.child.image, configured);
  const warnings: unknown[] = [];
  const started = startOf(kept, key, explain, hooksAround(configured, warnings, betweenOf));
  return { ...started, locate: configured.locate, warnings };
}

/** `plugins`: what is known of them. Where that is nothing, it is found out. */
function configureAnew(key: KeptKey, parsed: Parsed, globals: Globals, plugins: KnownPlugins | undefined): Promise<Configured> {
  const known = { text: key.config, plugins };
  return configureContainer(parsed, globals, true, { known, use: plugins === undefined ? { used: false } : undefined });
}

/** Also where the host's file names no plugins, and the config.json is not as it was read first. */
const makesTheSame = (kept: Kept, configured: Configured, text: string): boolean =>
  isToldByConfig(configured) &&
  configured.source.config === text &&
  JSON.stringify(configured.container.spec) === kept.config &&
  JSON.stringify(configured.plugins?.loaded.map(useOf) ?? []) === JSON.stringify(kept.state.box.plugins);

/** They would make the same of the configuration, and are not called before the container runs. */
const mayBeSkipped = ({ state }: Kept, { same }: KnownPlugins): boolean =>
  same?.pure === true && !isTapped(state, "prestart") && !isTapped(state, "poststart");

/** Without any of their code, unless something fails. */
function startUnasked(kept: Kept, key: KeptKey, parsed: Parsed, globals: Globals): PlannedRun {
  stayForGood();
  let configured: Configured | undefined;
  const explain = async () => {
    configured = await configureContainer(parsed, globals, true);
    return (await import("./plan-run.ts")).sourcesAgain(parsed, globals, kept.compiled.child.image, configured);
  };
  const { stateRoot } = key;
  const started = startOfConfig(
    kept,
    key,
    explain,
    isTapped(kept.state, "poststop") ? (first) => callingPoststop(first, stateRoot) : undefined,
  );
  return { ...started, locate: (origin) => configured?.locate?.(origin) ?? origin };
}

/** As `betweenOf`, of plugins that are not loaded yet. */
function callingPoststop(first: Between["poststop"], stateRoot: string): Between {
  let begun: State | undefined;
  return {
    async prestart(state) {
      begun = state;
    },
    async poststop() {
      await first?.();
      if (begun !== undefined) await (await pluginHooks()).poststopFromState(begun, stateRoot);
    },
  };
}
