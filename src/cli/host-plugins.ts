// The host's own file, /etc/box/config.yaml: plugins for every container, whoever starts it, and those that an annotation
// may name. It is root's alone, so it is read by Bun's own parser, which costs a twentieth of loading the other (measured:
// 0.2 ms and 4.5); whatever is not plainly what is wanted goes to the strict one, for its words and places.

import { boxYamlRule, type YamlRule } from "../config/yaml-rules.ts";
import { readTextOrThrow } from "../execute/read-or-throw.ts";
import { hostConfig } from "../host/host-config.ts";
import type { PluginRequest } from "./load-plugins.ts";
import { refuseUnlessRoots } from "./plugin-file.ts";

type Entry = string | Record<string, unknown>;
type HostConfig = { readonly plugins?: readonly Entry[]; readonly allow?: readonly Entry[] };

export type HostPlugins = {
  readonly plugins: readonly PluginRequest[];
  /** What an annotation may name. */
  readonly allow: readonly PluginRequest[];
};

const list: YamlRule = boxYamlRule.object?.fields.plugins ?? { expected: "a list of plugins" };
const rule: YamlRule = { expected: "a map with plugins and allow", object: { fields: { plugins: list, allow: list }, required: [] } };

/** Throws a BoxError when it is not root's alone, or is not right. `strict`: also what costs too much to see in every start. */
export async function readHostPlugins(strict = false): Promise<HostPlugins> {
  refuseUnlessRoots("the host's plugins", hostConfig);
  return await pluginsIn(readTextOrThrow(hostConfig, "cannot read", "the host's plugins"), strict);
}

/** Those that a file with this text names. */
export async function pluginsIn(text: string, strict = false): Promise<HostPlugins> {
  const quick = readQuickly(text);
  // A file of comments alone is right too, and the strict parser has no value for it.
  const isRead = quick !== undefined && (!strict || quick === empty);
  const { plugins = [], allow = [] } = isRead ? quick : ((await readStrictly(text)).value as HostConfig);
  const requests = (key: keyof HostConfig, entries: readonly Entry[]): PluginRequest[] =>
    entries.flatMap((entry, index) => requestsOf(entry, `${key}[${index}]`, text));
  return { plugins: requests("plugins", plugins), allow: requests("allow", allow) };
}

const empty: HostConfig = {};

const readStrictly = async (text: string) => (await import("../config/yaml-read.ts")).readYaml(text, hostConfig, rule);

function readQuickly(text: string): HostConfig | undefined {
  if (maySayMore(text)) return undefined;
  let value: unknown;
  try {
    value = Bun.YAML.parse(text);
  } catch {
    return undefined;
  }
  if (value === null) return empty;
  // Of two keys of one name it takes the last: then there are more colons than what it gives accounts for.
  if (!isRecord(value) || colonsIn(withoutComments(text)) !== colonsOf(value)) return undefined;
  for (const [key, entries] of Object.entries(value))
    if ((key !== "plugins" && key !== "allow") || !Array.isArray(entries) || !entries.every(isEntry)) return undefined;
  return value;
}

/** What gives keys without a colon of their own, or takes one away: aliases, keys after a question mark, escapes. */
function maySayMore(text: string): boolean {
  for (const mark of ["*", "?", "\\"]) if (text.includes(mark)) return true;
  return false;
}

/** Lines of nothing else; one within a text is left out as well, and has no key in it either. */
const withoutComments = (text: string): string => {
  let out = "";
  for (const line of text.split("\n")) if (!line.trimStart().startsWith("#")) out += `${line}\n`;
  return out;
};

function colonsIn(text: string): number {
  let count = 0;
  for (let at = text.indexOf(":"); at >= 0; at = text.indexOf(":", at + 1)) count++;
  return count;
}

/** One for each key, and those in keys and texts. */
function colonsOf(value: unknown): number {
  if (typeof value === "string") return colonsIn(value);
  if (typeof value !== "object" || value === null) return 0;
  let count = 0;
  for (const key in value) count += colonsOf((value as Record<string, unknown>)[key]) + (Array.isArray(value) ? 0 : 1 + colonsIn(key));
  return count;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

const isEntry = (entry: unknown): boolean => (typeof entry === "string" && entry !== "") || isRecord(entry);

function requestsOf(entry: Entry, path: string, text: string): PluginRequest[] {
  const named: [string, unknown][] = typeof entry === "string" ? [[entry, undefined]] : Object.entries(entry);
  return named.map(([name, options]) => ({
    label: `${hostConfig}: ${path} ${name}`,
    labelThere: `${path} ${name}`,
    name,
    folder: hostConfig.slice(0, hostConfig.lastIndexOf("/")),
    options: options ?? undefined,
    ofHost: true,
    placeOf: async (option) => {
      const { keyPath } = await import("../config/spec-paths.ts");
      const at = keyPath(path, name);
      return (await readStrictly(text)).placeOf(option.startsWith("[") ? at + option : `${at}.${option}`);
    },
  }));
}
