// box plan --diff A B: what box would do otherwise for B than for A. As diff(1) ends: 0 when it is the same, 1 when not.

import { statSync } from "node:fs";
import { BoxError } from "../errors.ts";
import { writeLine } from "../execute/write-line.ts";
import { diffPlans, isSame, printDiff, type Side } from "../plan/diff-plans.ts";
import type { Parsed } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { absolute } from "./invocation.ts";
import { plannedAs } from "./plan.ts";

/** The same for both, so that it makes no difference itself. */
const ID = "container";

export async function diffConfigs(parsed: Parsed, globals: Globals): Promise<number> {
  const [from, to, ...more] = parsed.rest;
  if (from === undefined || to === undefined || more.length > 0)
    throw new BoxError({ origin: "--diff", what: "expected two configurations", hint: "box plan --diff A B" });
  const sides = [await sideOf(from, parsed, globals), await sideOf(to, parsed, globals)] as const;
  const diff = diffPlans(...sides);
  if (parsed.switches.has("json")) writeLine(JSON.stringify(diff, null, 2));
  else if (!isSame(diff)) writeLine(printDiff(...sides));
  return isSame(diff) ? 0 : 1;
}

async function sideOf(name: string, parsed: Parsed, globals: Globals): Promise<Side> {
  const { bundle: _, file: __, ...others } = parsed.values;
  const values = { ...others, ...descriptionAt(name) };
  const { plan, pluginOf } = await plannedAs({ ...parsed, values, rest: [ID], separated: false }, globals);
  return { name, plan, pluginOf };
}

/** A bundle's folder, its config.json, or a box.yaml of any name, as the flags that would name it. */
function descriptionAt(name: string): { readonly bundle: string } | { readonly file: string } {
  const path = absolute(name);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new BoxError({ origin: "--diff", what: "cannot read", object: path, errno: "ENOENT" });
  if (stat.isDirectory()) return { bundle: path };
  if (/\.ya?ml$/.test(path)) return { file: path };
  if (path.endsWith("/config.json")) return { bundle: path.slice(0, -"/config.json".length) || "/" };
  throw new BoxError({ origin: "--diff", what: `expected a bundle's folder, a config.json or a YAML file, got ${JSON.stringify(name)}` });
}
