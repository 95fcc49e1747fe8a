// box plan --diff A B: what box would do otherwise for B than for A. As diff(1) ends: 0 when it is the same, 1 when not.

import { statSync } from "node:fs";
import { BoxError } from "../errors.ts";
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
  if (parsed.switches.has("json")) console.log(JSON.stringify(diff, null, 2));
  else if (!isSame(diff)) console.log(printDiff(...sides));
  return isSame(diff) ? 0 : 1;
}

async function sideOf(name: string, parsed: Parsed, globals: Globals): Promise<Side> {
  const values = { ...parsed.values, bundle: bundleOf(name) };
  const { plan, pluginOf } = await plannedAs({ ...parsed, values, rest: [ID], separated: false }, globals);
  return { name, plan, pluginOf };
}

/** A bundle's folder, or the file in it that describes the container. */
function bundleOf(name: string): string {
  const path = absolute(name);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new BoxError({ origin: "--diff", what: "cannot read", object: path, errno: "ENOENT" });
  if (stat.isDirectory()) return path;
  const slash = path.lastIndexOf("/");
  if (!["config.json", "box.yaml"].includes(path.slice(slash + 1)))
    throw new BoxError({ origin: "--diff", what: `expected a bundle's folder, or a config.json or box.yaml, got ${JSON.stringify(name)}` });
  return path.slice(0, slash) || "/";
}
