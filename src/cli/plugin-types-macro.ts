// The types that plugins are written against as one text without imports, for a Bun macro to write into the program:
// the configuration, what a plugin is, and the hooks. Import it `with { type: "macro" }`.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { namespaceKeys } from "../config/yaml-rules.ts";

const sources = join(import.meta.dir, "..");

export function pluginTypes(): string {
  const keys = Object.keys(namespaceKeys).map((key) => JSON.stringify(key));
  return [
    "// What a plugin of box sees. Written by `box plugin new`, which also replaces it by that of a newer box.\n",
    `export type NamespaceKey = ${keys.join(" | ")};\n`,
    bodyOf("cli/starter-hooks.ts").replaceAll("export class", "class"),
    bodyOf("../hooks/hooks.ts"),
    bodyOf("../hooks/plugin.ts"),
    bodyOf("config/stdio-choice.ts"),
    // The hooks of a config.json are not those of plugins.
    bodyOf("config/spec.ts").replaceAll(/\bHooks\b/g, "OciHooks"),
    example,
  ].join("\n");
}

/** Without its header and imports, and without what it exports of them. */
function bodyOf(path: string): string {
  const lines = readFileSync(join(sources, path), "utf8").split("\n");
  const start = lines.findIndex((line) => !line.startsWith("//"));
  const kept = lines.slice(start).filter((line) => !/^import .* from "|^export type \{.*\};$/.test(line));
  return `${kept.join("\n").trim()}\n`;
}

const example = `/** For tests: the least that a container has. */
export const exampleSpec = (): Spec => ({
  ociVersion: "1.3.0",
  root: { path: "rootfs" },
  process: { args: ["sh"], env: ["PATH=/bin"], cwd: "/", user: { uid: 0, gid: 0 } },
  mounts: [],
  linux: { namespaces: [{ type: "pid" }, { type: "mount" }, { type: "network" }] },
});

/** For tests: every reference is found, and nobody else has a lock. */
export const exampleHost: PluginHost = {
  resolveNamespace: (reference, key) => ({ type: key === "net" ? "network" : key, path: \`/proc/1/ns/\${key}#\${reference}\` }),
  machine: async () => ({ memoryBytes: 2 ** 33, cpus: 4, cgroupVersion: 2 }),
  warn: async (message) => console.warn(message),
  lock: async (_path, work) => await work(-1),
};
`;
