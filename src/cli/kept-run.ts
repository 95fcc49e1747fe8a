// The start of a program that was kept, if one was kept that was made from just this configuration on just such a host.

import type { Spec } from "../config/spec.ts";
import type { Program } from "../execute/compile.ts";
import { type Kept, type KeptKey, readKept } from "../execute/kept-program.ts";
import { takeMemory } from "../execute/libc.ts";
import { type Between, type Started, startContainer, type Written } from "../execute/run-container.ts";
import type { State } from "../state/state.ts";
import type { Parsed } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { hooksAround } from "./hooks-around.ts";
import { factsFor, homeFor, stillSo } from "./host-facts.ts";
import type { Loaded } from "./load-container.ts";
import type { PlannedRun } from "./plan-run.ts";
import { isAnsweredSo } from "./yaml-answers.ts";

/** Of a container without plugins. */
export function keptRun(key: KeptKey, parsed: Parsed, globals: Globals): PlannedRun | undefined {
  const kept = readKept(key);
  if (kept === undefined || !isAnsweredSo(kept.answered) || !isStillSuchAHost(kept, key.stateRoot)) return undefined;
  let locate: Loaded["locate"];
  // Of what is kept, and not of what there may be by now.
  const explain = async () => {
    const { config: text, format } = key;
    const explained = await (await import("./plan-run.ts")).explainKept(parsed, globals, kept, { text, format, answered: kept.answered });
    ({ locate } = explained);
    return explained.sources;
  };
  return { ...startOfConfig(kept, key, explain), locate: async () => locate };
}

/** With the hooks of the configuration. `more`: what else is called, given what the configuration asks for as poststop. */
export function startOfConfig(
  kept: Kept,
  key: KeptKey,
  explain: Program["explain"],
  more?: (poststop: Between["poststop"]) => Between,
): PlannedRun {
  if (!kept.config.includes('"hooks":') && more === undefined) return startOf(kept, key, explain);
  const container = { spec: JSON.parse(kept.config) as Spec };
  const around = hooksAround({ container, plugins: undefined, stateRoot: key.stateRoot }, undefined);
  const between = (written: Written): Between => {
    const own = around(written);
    return { ...own, ...more?.(own.poststop) };
  };
  return startOf(kept, key, explain, between);
}

/** `between`: what hooks there are, for the state that is written first. */
export function startOf(kept: Kept, key: KeptKey, explain: Program["explain"], between?: (written: Written) => Between): PlannedRun {
  const { compiled } = kept;
  // It runs where a tape of this process's own would be made.
  takeMemory("own");
  const state: State = { ...kept.state, created: new Date().toISOString(), box: { ...kept.state.box, supervisor: process.pid } };
  const program = { compiled, explain };
  const written: Written = { state, config: kept.config };
  const { id, stateRoot } = key;
  const hooks = between?.(written) ?? {};
  const start = (): Promise<Started> => startContainer(program, written, `${stateRoot}/${id}`, hooks);
  const { cgroups } = state.box;
  return { id, stateRoot, cgroups, program, start, keep: () => {}, locate: async () => undefined, warnings: [], needsSupervisor: false };
}

/** The facts are the same when all that they were made from is; else they are made and compared. */
export function isStillSuchAHost({ asked, seen, facts, home }: Kept, stateRoot: string): boolean {
  // The limits on open files are the parent's, which is another process each time.
  if (!asked.openFiles && (homeFor(asked) ?? null) === home && stillSo(seen)) return true;
  return JSON.stringify(factsFor(asked, stateRoot)) === facts;
}
