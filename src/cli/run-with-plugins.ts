// A run of a container that has plugins. If what they make of its configuration is what it was when a program was kept, then so
// is the plan. They are asked each time, but for those that would say the same again.

import { goesOnFromKept, stayForGood } from "../execute/begin-plainly.ts";
import { type Kept, type KeptKey, keepAgain, readKept } from "../execute/kept-program.ts";
import type { Between } from "../execute/run-container.ts";
import { isTapped, type State } from "../state/state.ts";
import type { Parsed } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { hooksAround, useOf } from "./hooks-around.ts";
import { isStillSuchAHost, startOf, startOfConfig } from "./kept-run.ts";
import { type Configured, configureContainer, configureSame, isToldByConfig } from "./load-container.ts";
import type { KnownPlugins, Plugins } from "./load-plugins.ts";
import type { PlannedRun } from "./plan-run.ts";
import { mayRunHere } from "./plugin-code.ts";
import { betweenOf, keptOf, knownOf } from "./plugin-hooks.ts";
import { areSame } from "./same-plugins.ts";

export async function runWithPlugins(key: KeptKey, parsed: Parsed, globals: Globals): Promise<PlannedRun> {
  const kept = readKept(key);
  const known = kept?.plugins === undefined ? undefined : knownOf(kept.plugins);
  const same = known !== undefined && areSame(known, parsed.lists.plugin ?? []) ? known : undefined;
  if (kept !== undefined && same?.same?.pure === true && mayWait(kept, same) && isStillSuchAHost(kept, key.stateRoot))
    return startUnasked(kept, same, key, parsed, globals);
  const configured =
    kept !== undefined && same !== undefined && goesOnFromKept()
      ? await configureSame(key, parsed, same, kept.state.box.plugins)
      : await configureAnew(key, parsed, globals, known);
  if (kept === undefined || !makesTheSame(kept, configured, key.config) || !isStillSuchAHost(kept, key.stateRoot))
    return await (await import("./plan-run.ts")).planRun(parsed, globals, "foreground", { configured });
  const explain = async () => (await import("./plan-run.ts")).sourcesAgain(parsed, globals, kept, configured);
  const started = startOf(kept, key, explain, hooksAround(configured, betweenOf));
  return { ...started, locate: async () => configured.locate, keep: (key) => keepWhatIsFound(key, kept, configured) };
}

/** `plugins`: what is known of them. What is not, or is no longer so, is found out. */
function configureAnew(key: KeptKey, parsed: Parsed, globals: Globals, plugins: KnownPlugins | undefined): Promise<Configured> {
  const known = { text: key.config, format: key.format, plugins };
  return configureContainer(parsed, globals, true, { known, use: plugins?.same === null ? undefined : { used: false } });
}

function keepWhatIsFound(key: KeptKey, kept: Kept, { plugins }: Configured): void {
  if (plugins !== undefined && plugins.same !== undefined) keepAgain(key, { ...kept, plugins: keptOf(plugins) });
}

/** Also where the host's file names no plugins, and the config.json is not as it was read first. */
const makesTheSame = (kept: Kept, configured: Configured, text: string): boolean =>
  isToldByConfig(configured) &&
  configured.source.config === text &&
  JSON.stringify(configured.container.spec) === kept.config &&
  JSON.stringify(configured.plugins?.loaded.map(useOf) ?? []) === JSON.stringify(kept.state.box.plugins);

/** Whether any of it is called before the container runs. */
const isCalled = ({ state }: Kept): boolean => isTapped(state, "prestart") || isTapped(state, "poststart");

/** Whether there is time to load plugins when they are called: nothing can keep these from being loaded then. */
const mayWait = (kept: Kept, { scripts }: KnownPlugins): boolean =>
  goesOnFromKept() ? scripts.every((script) => mayRunHere(script)) : !isCalled(kept);

/**
 * What they would make of the configuration is known. They are loaded for the hooks that are called while the container is made,
 * which it does by itself meanwhile, or where something fails.
 */
function startUnasked(kept: Kept, known: KnownPlugins, key: KeptKey, parsed: Parsed, globals: Globals): PlannedRun {
  stayForGood();
  let configured: Configured | undefined;
  const explain = async () => {
    configured ??= await configureContainer(parsed, globals, true);
    return (await import("./plan-run.ts")).sourcesAgain(parsed, globals, kept, configured);
  };
  const ask = async (): Promise<Plugins> => {
    configured = await configureSame(key, parsed, known, kept.state.box.plugins);
    return configured.plugins as Plugins;
  };
  const isNeeded = isCalled(kept) || isTapped(kept.state, "poststop");
  const started = startOfConfig(kept, key, explain, isNeeded ? (poststop) => betweenOfLater(ask, isCalled(kept), poststop) : undefined);
  return { ...started, locate: async () => configured?.locate };
}

/** As `betweenOf`, of plugins that are loaded by `ask`: before prestart, or only to undo what came after it. */
function betweenOfLater(ask: () => Promise<Plugins>, isCalled: boolean, poststop: Between["poststop"]): Between {
  let later: Between | undefined;
  let begun: State | undefined;
  const begin = async (state: State): Promise<void> => {
    later = betweenOf(await ask(), poststop);
    await later.prestart?.(state);
  };
  return {
    async prestart(state) {
      begun = state;
      if (isCalled) await begin(state);
    },
    async poststart(state) {
      await later?.poststart?.(state);
    },
    async poststop() {
      try {
        // None of them taps prestart: it only tells how far the start had come.
        if (!isCalled && begun !== undefined) await begin(begun);
      } finally {
        await (later === undefined ? poststop?.() : later.poststop?.());
      }
    },
  };
}
