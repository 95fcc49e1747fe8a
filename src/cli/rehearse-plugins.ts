// What containers with plugins do, done once by the process that is kept (rehearse.ts), with a plugin that does nothing.

import { defaultSpec } from "../config/default-spec.ts";
import { BoxError } from "../errors.ts";
import { makeFile } from "../execute/make-file.ts";
import { pluginHooks } from "./load-container.ts";
import { builtIn, prepareHooks } from "./load-plugins.ts";
import { modules } from "./plugin-code.ts";
import { lookAnew, refuseUnlessRoots } from "./plugin-file.ts";
import { configure, keptOf, knownOf } from "./plugin-hooks.ts";
import { hostPlugins } from "./plugin-requests.ts";
import { withPlugins } from "./run.ts";
import { withinReach } from "./within-reach.ts";

const TIMES = 3;

/** One that has to be asked each time, and one that has not. */
export const pluginKinds = ["looking", "pure"] as const;
type Kind = (typeof pluginKinds)[number];

const textOf = (kind: Kind): string => `import { existsSync } from "node:fs";
const plugin = { name: "rehearsal", options: { type: "object", properties: { word: { type: "string", default: "none" } } }, apply };
function apply(hooks: { config: { tap(name: string, call: (spec: object) => object): void } }, options: { word: string }): void {
  hooks.config.tap(plugin.name, (spec) => (${kind === "pure" || 'existsSync("/")'} ? { ...spec, annotations: { word: options.word } } : spec));
}
export default plugin;
`;

/** The path of its file, in a folder that is root's alone. */
export function makePlugin(folder: string, kind: Kind): string {
  const path = `${folder}/${kind}.ts`;
  makeFile(path, textOf(kind));
  return path;
}

/** `folder` is root's alone. */
export async function rehearsePlugins(stateRoot: string, folder: string): Promise<void> {
  for (const name of modules) process.getBuiltinModule(name);
  for (const name in builtIn) await builtIn[name]?.();
  await withPlugins();
  await pluginHooks();
  const path = makePlugin(stateRoot, "looking");
  const { pluginsIn } = await hostPlugins();
  for (let done = 0; done < TIMES; done++) {
    lookAnew();
    refuseUnlessRoots("the rehearsal's plugin", path);
    await pluginsIn("plugins:\n  - ./own.ts: { word: some }\n  - logging\nallow: [./more.ts]\n");
  }
  const container = { id: "rehearsal", bundle: folder, spec: { ...defaultSpec(), root: { path: "/nowhere" } }, hostRoot: false };
  const reachOf = (path: string): string | undefined => withinReach(path, container);
  const named = { fromHost: false, bundle: [], annotations: undefined, flags: [`${path}:word=some`], log: undefined };
  try {
    const { plugins } = await configure(container, named, { stateRoot, reachOf });
    if (plugins !== undefined) await configure(container, named, { stateRoot, reachOf, known: knownOf(keptOf(plugins)) });
  } catch (error) {
    // Where others may write to a folder above, files of plugins are refused.
    if (!(error instanceof BoxError)) throw error;
  }
  prepareHooks();
}
