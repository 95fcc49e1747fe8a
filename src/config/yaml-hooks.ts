// `hooks` of box.yaml as those of config.json, and back.

import type { ConfigFault } from "../errors.ts";
import { hookPoints } from "./hook-points.ts";
import { same } from "./merge-patch.ts";
import type { Hook, Hooks } from "./spec.ts";
import { lineOf, splitCommand } from "./yaml-command.ts";
import type { BoxYaml, YamlHook } from "./yaml-rules.ts";

type YamlHooks = NonNullable<BoxYaml["hooks"]>;

/** A relative path begins at `folder`. */
export function expandHooks(hooks: YamlHooks, folder: string, faults: ConfigFault[]): Hooks {
  const out: Hooks = {};
  for (const point of hookPoints) {
    const list = hooks[point];
    if (list !== undefined) out[point] = list.map((hook, at) => expandHook(hook, folder, `hooks.${point}[${at}]`, faults));
  }
  return out;
}

function expandHook(hook: string | YamlHook, folder: string, path: string, faults: ConfigFault[]): Hook {
  if (typeof hook !== "string") {
    const { timeout, ...rest } = hook;
    return { ...rest, path: inFolder(hook.path, folder), ...(timeout === undefined ? {} : { timeout: Number(timeout) }) };
  }
  const words = splitCommand(hook, '{ path: /bin/sh, args: [sh, -c, "…"] }');
  if (Array.isArray(words)) {
    const program = inFolder(words[0] as string, folder);
    return { path: program, args: [program, ...words.slice(1)] };
  }
  faults.push({ path, problem: words.problem });
  return { path: "/" };
}

export const inFolder = (path: string, folder: string): string =>
  path.startsWith("/") ? path : `${folder}/${path.startsWith("./") ? path.slice(2) : path}`;

export function shortenHooks(hooks: Hooks): YamlHooks | undefined {
  const out: YamlHooks = {};
  for (const point of hookPoints) {
    const list = hooks[point];
    if (list !== undefined) out[point] = list.map(shortenHook);
  }
  return Object.keys(out).length === 0 ? undefined : out;
}

function shortenHook({ timeout, ...hook }: Hook): string | YamlHook {
  const line = hook.args === undefined ? undefined : lineOf(hook.args);
  if (line !== undefined && timeout === undefined && same(expandHook(line, "/", "", []), hook)) return line;
  return { ...hook, ...(timeout === undefined ? {} : { timeout: String(timeout) }) };
}
