// All plugins of a container, by where they are named: the host's own file, the bundle's box.yaml, an annotation, the
// command line. In this order they are loaded, and tap. Imported only when one of these names any.

import type { Spec } from "../config/spec.ts";
import { BoxError } from "../errors.ts";
import { hostConfig } from "../host/host-config.ts";
import type { HostPlugins } from "./host-plugins.ts";
import { absolute, pluginAnnotation } from "./invocation.ts";
import { late } from "./late.ts";
import type { PluginRequest } from "./load-plugins.ts";

export type Named = {
  readonly fromHost: boolean;
  readonly bundle: readonly PluginRequest[];
  readonly annotations: Spec["annotations"];
  /** Values of --plugin. */
  readonly flags: readonly string[];
  /** What --log-driver asks for. */
  readonly log: PluginRequest | undefined;
};

export const hostPlugins = late(() => import("./host-plugins.ts"));

export async function pluginRequests({ fromHost, bundle, annotations, flags, log }: Named): Promise<PluginRequest[]> {
  const host = fromHost ? await (await hostPlugins()).readHostPlugins() : { plugins: [], allow: [] };
  const annotated = annotations?.[pluginAnnotation];
  return [
    ...host.plugins,
    ...bundle,
    ...(annotated === undefined ? [] : annotationRequests(annotated, host)),
    ...flags.map((text) => flagRequest(text)),
    ...(log === undefined ? [] : [log]),
  ];
}

/** `FILE`, `NAME`, and either with options: `FILE:file=a.txt,port=80`, or as JSON, `FILE:{"file": "a.txt"}`. */
export function flagRequest(text: string, label = `--plugin ${text}`): PluginRequest {
  const folder = absolute(".");
  for (let at = text.indexOf(":"); at >= 0; at = text.indexOf(":", at + 1)) {
    const [name, rest] = [text.slice(0, at), text.slice(at + 1)];
    const named = { label: label.slice(0, label.length - rest.length - 1), name, folder };
    if (rest.startsWith("{")) return { ...named, options: parseJson(named.label, rest) };
    if (/^[A-Za-z][\w-]*=/.test(rest)) return { ...named, options: undefined, words: rest };
  }
  return { label, name: text, folder, options: undefined };
}

function parseJson(label: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BoxError({ origin: label, what: `its options are not JSON: ${(error as Error).message}` });
  }
}

/**
 * `NAME,NAME`, or a list as in box.yaml, as JSON. An annotation may come from somebody whom the host trusts with a container
 * and no more, so it names only what the host allows, and what the host says of the options holds.
 */
function annotationRequests(text: string, { allow }: HostPlugins): PluginRequest[] {
  const origin = `annotations[${JSON.stringify(pluginAnnotation)}]`;
  return namedIn(text, origin).map(([name, options]) => {
    const allowed = allow.find((one) => one.name === name || fileStem(one.name) === name);
    if (allowed === undefined)
      throw new BoxError({
        origin,
        what: `this host lets no annotation name the plugin ${JSON.stringify(name)}`,
        hint: `"allow" in ${hostConfig} says which may be named`,
      });
    const { name: file, folder, ofHost } = allowed;
    const fixed = allowed.options as Record<string, unknown> | undefined;
    const named = { label: `${origin} ${name}`, name: file, folder, ...(ofHost === undefined ? {} : { ofHost }) };
    const given = options ?? {};
    // What is no map of options is left as it is, to be refused as such.
    if (typeof given !== "object" || Array.isArray(given)) return { ...named, options: given };
    const asked = Object.keys(given).filter((option) => !Object.hasOwn(fixed ?? {}, option));
    return { ...named, asked, options: { ...given, ...fixed } };
  });
}

/** `/usr/lib/box/ledger.ts` → `ledger`. */
const fileStem = (path: string): string => path.slice(path.lastIndexOf("/") + 1).replace(/\.[cm]?[jt]s$/, "");

function namedIn(text: string, origin: string): [name: string, options: unknown][] {
  if (!text.trimStart().startsWith("["))
    return text
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "")
      .map((name) => [name, undefined]);
  const list = parseJson(origin, text);
  const shape = (): never => {
    throw new BoxError({ origin, what: `expected names with commas between them, or a list as JSON: ["NAME", {"NAME": {"OPTION": 1}}]` });
  };
  if (!Array.isArray(list)) return shape();
  return list.flatMap((one: unknown): [string, unknown][] => {
    if (typeof one === "string") return [[one, undefined]];
    return typeof one === "object" && one !== null && !Array.isArray(one) ? Object.entries(one) : shape();
  });
}
