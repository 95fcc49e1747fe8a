// OCI hooks from folders of JSON files, as podman and CRI-O read them (oci-hooks(5), schema 1.0.0): each file holds a hook,
// the stages that it belongs to, and which containers get it.
//
//   plugins:
//     - hooks-d: { folders: [/usr/share/containers/oci/hooks.d, /etc/containers/oci/hooks.d] }
//
// Of two files with one name, that of the later folder counts. Patterns are JavaScript's, which agree with POSIX's on all
// but classes such as [[:alpha:]]. Podman does this itself; with it, do not name the same folders here.

import type { Spec } from "../hooks/hooks.ts";
import type { Plugin } from "../hooks/plugin.ts";

const usualFolders = ["/usr/share/containers/oci/hooks.d", "/etc/containers/oci/hooks.d"];
const stages = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"] as const;
type Stage = (typeof stages)[number];

type Definition = {
  version: string;
  hook: { path: string; args?: string[]; env?: string[]; timeout?: number };
  when: { always?: boolean; annotations?: Record<string, string>; commands?: string[]; hasBindMounts?: boolean };
  stages: Stage[];
};

const plugin: Plugin<{ folders?: string[] }> = {
  name: "hooks-d",
  description: "adds OCI hooks from folders of JSON files, as oci-hooks(5) describes them",
  options: {
    type: "object",
    properties: {
      folders: { type: "array", items: { type: "string", pattern: "^/" }, description: `instead of ${usualFolders.join(" and ")}` },
    },
  },
  apply(hooks, { folders }) {
    hooks.config.tapPromise("hooks-d", async (spec) => {
      for (const path of await listFiles(folders ?? usualFolders, folders === undefined)) {
        const definition = await readDefinition(path);
        if (!isWanted(definition.when, spec, path)) continue;
        spec.hooks ??= {};
        for (const stage of definition.stages) spec.hooks[stage] = [...(spec.hooks[stage] ?? []), definition.hook];
      }
    });
  },
};

export default plugin;

/** Paths in the order of injection: by their names in lower case. */
async function listFiles(folders: readonly string[], mayLack: boolean): Promise<string[]> {
  const { readdirSync } = await import("node:fs");
  const paths = new Map<string, string>();
  for (const folder of folders)
    try {
      for (const name of readdirSync(folder)) if (name.endsWith(".json")) paths.set(name, `${folder}/${name}`);
    } catch (error) {
      if (!mayLack || (error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  const key = (name: string): string => name.toLowerCase();
  return [...paths].sort(([a], [b]) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0)).map(([, path]) => path);
}

async function readDefinition(path: string): Promise<Definition> {
  const { readFileSync } = await import("node:fs");
  const refuse = (problem: string): never => {
    throw new Error(`${path}: ${problem}`);
  };
  let value: Partial<Definition>;
  try {
    value = JSON.parse(readFileSync(path, "utf8")) as Partial<Definition>;
  } catch (error) {
    return refuse((error as Error).message);
  }
  const { version, hook, when, stages: at } = value;
  if (version !== "1.0.0") refuse(`version: expected "1.0.0", got ${JSON.stringify(version)}`);
  if (typeof hook?.path !== "string") refuse("hook.path: expected the path of a program");
  if (typeof when !== "object" || Object.keys(when).length === 0) refuse("when: expected at least one condition");
  const unknown = Object.keys(when ?? {}).find((key) => !["always", "annotations", "commands", "hasBindMounts"].includes(key));
  if (unknown !== undefined) refuse(`when.${unknown}: there is no such condition`);
  if (!Array.isArray(at) || at.length === 0) refuse("stages: expected at least one stage");
  const strange = at?.find((stage) => !stages.includes(stage));
  if (strange !== undefined) refuse(`stages: expected ${stages.join(", ")}, got ${JSON.stringify(strange)}`);
  return value as Definition;
}

/** All conditions that are given hold. One that is false says nothing, as if it were not there. */
function isWanted({ always, annotations, commands, hasBindMounts }: Definition["when"], spec: Spec, path: string): boolean {
  const matches = (pattern: string, text: string): boolean => {
    try {
      return new RegExp(pattern).test(text);
    } catch (error) {
      throw new Error(`${path}: when: ${(error as Error).message}`);
    }
  };
  const given = Object.entries(spec.annotations ?? {});
  const conditions: boolean[] = [];
  if (always === true) conditions.push(true);
  if (annotations !== undefined)
    conditions.push(
      Object.entries(annotations).every(([key, value]) => given.some((one) => matches(key, one[0]) && matches(value, one[1]))),
    );
  if (commands !== undefined) conditions.push(commands.some((command) => matches(command, spec.process?.args[0] ?? "")));
  if (hasBindMounts === true) conditions.push((spec.mounts ?? []).some(isOfCaller));
  return conditions.length > 0 && conditions.every(Boolean);
}

/** What container engines bind by themselves was not asked for by anybody. */
const ofEngines = /^\/(etc\/(hosts|hostname|resolv\.conf)|run\/\.containerenv|run\/secrets|dev\/shm)$/;

const isOfCaller = ({ type, options = [], destination }: NonNullable<Spec["mounts"]>[number]): boolean =>
  (type === "bind" || options.includes("bind") || options.includes("rbind")) && !ofEngines.test(destination);
