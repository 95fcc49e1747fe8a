// Whether the plugins of a start are those of another one, so that what was found out then still holds: how they are named,
// what their files hold, and why these may be trusted.

import { readText } from "../execute/files.ts";
import { absolute, isHostConfigured, pluginAnnotation } from "./invocation.ts";
import { type KnownPlugins, type PluginRequest, type Plugins, pathOf, type SamePlugins } from "./load-plugins.ts";
import { isPath, type Led, leadThere, ledTo } from "./plugin-file.ts";
import type { Named } from "./plugin-requests.ts";
import type { Use } from "./watched-module.ts";

/** What is to be the same the next time; null where that would not be all. `written`: what of the host the container may write. */
export function sameOf(
  { fromHost, bundle, annotations, flags, log }: Named,
  requests: readonly PluginRequest[],
  { scripts }: Plugins,
  { used }: Use,
  written: readonly { readonly folder: string }[],
): SamePlugins | null | undefined {
  if (scripts === undefined) return undefined;
  if (fromHost || bundle.length > 0 || annotations?.[pluginAnnotation] !== undefined || log !== undefined) return null;
  const files = requests.filter(({ name }) => isPath(name));
  // Kept texts have no NUL in them.
  if (scripts.length !== files.length || scripts.some(({ text }) => text.includes("\0"))) return null;
  const led = new Map<string, Led>();
  for (const [index, file] of files.entries()) {
    const found = ledTo(
      pathOf(file),
      scripts[index]?.path ?? "",
      written.map(({ folder }) => folder),
    );
    // Which of a folder's files it is stands in another one.
    if (found === undefined) return null;
    for (const one of found) led.set(one[0], one);
  }
  // Box's own ask for more than they are given.
  const pure = !used && files.length === requests.length && scripts.every((script) => script.pure);
  return { flags, folder: flags.every((flag) => flag.startsWith("/")) ? null : absolute("."), led: [...led.values()], pure };
}

/** `flags`: values of --plugin. */
export function areSame({ same, scripts }: KnownPlugins, flags: readonly string[]): boolean {
  if (!same || flags.length !== same.flags.length || isHostConfigured()) return false;
  for (let index = 0; index < flags.length; index++) if (flags[index] !== same.flags[index]) return false;
  if ((same.folder !== null && same.folder !== absolute(".")) || !leadThere(same.led)) return false;
  for (const { path, text } of scripts) if (readText(path) !== text) return false;
  return true;
}
