// A bundle's box.yaml as a Spec: the text checked and expanded by src/config, with users looked up in the root's own
// files and references to other containers resolved on this machine.

import type { Spec } from "../config/spec.ts";
import { expandYaml, yamlPath } from "../config/yaml-expand.ts";
import { keyPath, readYaml } from "../config/yaml-read.ts";
import { type BoxYaml, boxYamlRule } from "../config/yaml-rules.ts";
import { BoxError } from "../errors.ts";
import { readInRoot } from "../execute/folders.ts";
import type { PluginRequest } from "./load-plugins.ts";
import { type Reference, resolveNamespace } from "./resolve-namespace.ts";
import { lookUpUser } from "./user-names.ts";

export type LoadedYaml = {
  readonly spec: Spec;
  readonly hostRoot: boolean;
  readonly plugins: readonly PluginRequest[];
  /** `mounts[7]` of the Spec → `box.yaml:3:5: mounts[0]`, for errors that come later. */
  readonly locate: (origin: string) => string;
};

type PlaceOf = (path: string) => string;

/** `text` is that of the box.yaml in `bundle`; `references` takes the namespaces that it joins. */
export function loadYaml(text: string, bundle: string, id: string, stateRoot: string, references: Reference[]): LoadedYaml {
  const { value, placeOf } = readYaml(text, "box.yaml", boxYamlRule);
  const yaml = value as BoxYaml;
  const hostRoot = yaml.rootfs === "host";
  const root = hostRoot ? `${stateRoot}/${id}/root` : yaml.rootfs.startsWith("/") ? yaml.rootfs : `${bundle}/${yaml.rootfs}`;
  const read = (path: string): string => readInRoot(hostRoot ? "/" : root, path) ?? "";
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  const spec = withPlaces(placeOf, () =>
    expandYaml(yaml, {
      id,
      root,
      term: process.env.TERM,
      rootless: uid === 0 ? undefined : { uid, gid },
      lookUpUser: (user) => lookUpUser(user, read("etc/passwd"), read("etc/group"), "user"),
      resolveNamespace: (reference, type) => {
        const found = resolveNamespace(stateRoot, reference, type);
        references.push(found);
        return found.path;
      },
    }),
  );
  const plugins = (yaml.plugins ?? []).flatMap((one, index) => pluginRequests(one, index, bundle, placeOf));
  const locate = (origin: string): string => {
    const path = yamlPath(origin, spec);
    return path === undefined ? origin : `${placeOf(path)}: ${path}`;
  };
  return { spec, hostRoot, plugins, locate };
}

function withPlaces(placeOf: PlaceOf, expand: () => Spec): Spec {
  try {
    return expand();
  } catch (error) {
    if (!(error instanceof BoxError) || error.facts.faults === undefined) throw error;
    const faults = error.facts.faults.map((fault) => ({ ...fault, path: `${placeOf(fault.path)}: ${fault.path}` }));
    throw new BoxError({ ...error.facts, faults });
  }
}

function pluginRequests(one: string | Record<string, unknown>, index: number, folder: string, placeOf: PlaceOf): PluginRequest[] {
  const named: [string, unknown][] = typeof one === "string" ? [[one, undefined]] : Object.entries(one);
  return named.map(([name, options]) => {
    const at = keyPath(`plugins[${index}]`, name);
    const label = `plugins[${index}] ${name}`;
    return { label, name, folder, options, placeOf: (path) => placeOf(path.startsWith("[") ? at + path : `${at}.${path}`) };
  });
}
