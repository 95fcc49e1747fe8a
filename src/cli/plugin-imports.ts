// The files that a plugin's file imports by their paths, and those that these import: held to what the plugin's own is. Loaded
// for a plugin that has any. What it imports by a name that it makes up while it runs nobody can tell beforehand.

import { dirname } from "node:path";
import { readText } from "../execute/files.ts";
import { importedFile, type Trust } from "./plugin-file.ts";

const loaders: Readonly<Record<string, "ts" | "tsx" | "jsx" | "js">> = {
  ts: "ts",
  mts: "ts",
  cts: "ts",
  js: "js",
  mjs: "js",
  cjs: "js",
  tsx: "tsx",
  jsx: "jsx",
};

/** Throws a BoxError for the first that should not be trusted. `file` is a real path. */
export function checkImports(label: string, file: string, trust: Trust): void {
  const seen = new Set([file]);
  // A set that grows while it is walked is walked to its new end.
  for (const one of seen) for (const path of importsOf(one)) seen.add(importedFile(label, path, trust));
}

/** What cannot be read or found is for the import itself to complain of. */
function importsOf(file: string): string[] {
  const loader = loaders[file.slice(file.lastIndexOf(".") + 1)];
  const text = readText(file);
  if (loader === undefined || typeof text === "number") return [];
  const paths: string[] = [];
  for (const specifier of specifiersIn(text, loader)) {
    const isPath = specifier.startsWith("./") || specifier.startsWith("../") || specifier.startsWith("/");
    const path = isPath ? resolve(specifier, dirname(file)) : undefined;
    if (path !== undefined) paths.push(path);
  }
  return paths;
}

function specifiersIn(text: string, loader: "ts" | "tsx" | "jsx" | "js"): string[] {
  try {
    return new Bun.Transpiler({ loader }).scanImports(text).map(({ path }) => path);
  } catch {
    return [];
  }
}

function resolve(specifier: string, folder: string): string | undefined {
  try {
    return Bun.resolveSync(specifier, folder);
  } catch {
    return undefined;
  }
}
