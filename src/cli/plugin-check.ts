// box plugin check: loads a plugin, holds its options against its schema, and lets it have its say on the plan of a plain
// container. Nothing is run, nothing is made.

import type { Schema } from "../../hooks/plugin.ts";
import { checkSupported } from "../config/unsupported.ts";
import { hostReader } from "../execute/files.ts";
import { writeLine } from "../execute/write-line.ts";
import type { Plan } from "../plan/plan.ts";
import { planContainer } from "../plan/plan-container.ts";
import { listSteps } from "../plan/print-plan.ts";
import { parseFlags } from "./arguments.ts";
import { changedPaths } from "./changed-paths.ts";
import type { Globals } from "./commands.ts";
import { containerFlags } from "./container-flags.ts";
import { loadContainer, neededFor } from "./load-container.ts";
import { type LoadedPlugin, loadPlugins } from "./load-plugins.ts";
import { callConfig, callPlan } from "./plugin-hooks.ts";
import { expectedOf } from "./plugin-options.ts";
import { flagRequest } from "./plugin-requests.ts";

type Report = {
  readonly name: string;
  readonly description: string | undefined;
  readonly file: string;
  readonly hooks: readonly string[];
  readonly options: readonly {
    readonly name: string;
    readonly expected: string;
    readonly required: boolean;
    readonly description?: string;
  }[];
  /** Places of the configuration that its taps of `config` changed. */
  readonly changes: readonly string[];
  /** Of the plan with it. */
  readonly steps: number;
};

/** Throws a BoxError with what is wrong. */
export async function checkPlugin(text: string, json: boolean, globals: Globals): Promise<number> {
  const plain = parseFlags(["--", "true"], containerFlags, "plan");
  const { container, facts } = await loadContainer(plain, globals, false);
  const plugins = await loadPlugins([flagRequest(text, text)], { stateRoot: facts.stateRoot });
  const before = structuredClone(container.spec);
  const spec = await callConfig(plugins, container.spec, container.id, container.bundle);
  checkSupported(spec);
  const needed = await neededFor(spec, hostReader);
  const plan = planContainer({ ...container, ...needed.steps, spec }, { ...facts, ...needed.facts });
  await callPlan(plugins, plan, container.id);
  const [loaded] = plugins.loaded;
  const report = reportOf(loaded as LoadedPlugin, changedPaths(before, spec), plan);
  writeLine(json ? JSON.stringify(report, null, 2) : inWords(report));
  return 0;
}

function reportOf({ plugin, name, hooks }: LoadedPlugin, changes: readonly string[], plan: Plan): Report {
  const { properties = {}, required = [] } = plugin.options ?? {};
  const options = Object.entries(properties).map(([key, schema]) => ({
    name: key,
    expected: `${expectedOf(schema)}${usual(schema)}`,
    required: required.includes(key),
    ...(schema.description === undefined ? {} : { description: schema.description }),
  }));
  return { name: plugin.name, description: plugin.description, file: name, hooks, options, changes, steps: listSteps(plan).length };
}

const usual = (schema: Schema): string => (schema.default === undefined ? "" : `, ${JSON.stringify(schema.default)} when left out`);

function inWords({ name, description, file, hooks, options, changes, steps }: Report): string {
  return [
    `plugin    ${name}${description === undefined ? "" : `: ${description}`}`,
    `from      ${file}`,
    `taps      ${hooks.length === 0 ? "no hook" : hooks.join(", ")}`,
    ...options.map((one, index) => `${index === 0 ? "options   " : "          "}${optionInWords(one)}`),
    `changes   ${changes.length === 0 ? "nothing in a plain configuration" : changes.join(", ")}`,
    `the plan  is made, with ${steps} steps`,
  ].join("\n");
}

const optionInWords = ({ name, expected, required, description }: Report["options"][number]): string =>
  `${name}: ${expected}${required ? ", required" : ""}${description === undefined ? "" : ` (${description})`}`;
