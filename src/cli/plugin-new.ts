// box plugin new: a plugin to begin with, its test, and beside them the types of hooks and configuration as one file that
// needs nothing else.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { BoxError } from "../errors.ts";
import { writeLine } from "../execute/write-line.ts";
import { absolute } from "./invocation.ts";
import { pluginTypes } from "./plugin-types-macro.ts" with { type: "macro" };

const types = pluginTypes();
const typesFile = "box.ts";

/** Throws a BoxError when one of the files is there already, but for the types, which are replaced. */
export function writePlugin(name: string, folder: string): number {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name))
    throw new BoxError({ what: `${JSON.stringify(name)} is no name for a plugin`, hint: "small letters and digits, with - between words" });
  const files = { [`${name}.ts`]: starter(name), [`${name}.test.ts`]: starterTest(name), [typesFile]: types };
  const path = absolute(folder);
  const there = Object.keys(files).find((file) => existsSync(`${path}/${file}`) && !isOurTypes(`${path}/${file}`));
  if (there !== undefined) throw new BoxError({ what: `${path}/${there} exists already`, hint: "choose another name or folder" });
  try {
    mkdirSync(path, { recursive: true });
    for (const [file, text] of Object.entries(files)) writeFileSync(`${path}/${file}`, text);
  } catch (error) {
    const { code, path: object } = error as NodeJS.ErrnoException;
    throw new BoxError({ what: "cannot write", object: object ?? path, ...(code === undefined ? {} : { errno: code }) });
  }
  const shown = folder === "." ? "." : folder;
  writeLine(`wrote ${Object.keys(files).join(", ")}

  box plugin check ${shown}/${name}.ts
  box run --plugin ${shown}/${name}.ts -- env
  bun test ${shown}/${name}.test.ts        (or node --test with Node.js 22.18 and later)`);
  return 0;
}

const firstLine = types.slice(0, types.indexOf("\n"));

const isOurTypes = (path: string): boolean => path.endsWith(`/${typesFile}`) && readFileSync(path, "utf8").startsWith(`${firstLine}\n`);

const starter = (
  name: string,
): string => `// ${name}: greets the container's program by a variable of its environment, labels the container, and tells of its end.

import type { Plugin } from "./${typesFile}";

const plugin: Plugin<{ greeting: string }> = {
  name: "${name}",
  description: "greets the container's program",
  options: {
    type: "object",
    properties: { greeting: { type: "string", default: "hello", description: "what GREETING says" } },
  },
  apply(hooks, { greeting }) {
    hooks.config.tap("${name}", (spec, { id }) => {
      spec.process?.env?.push(\`GREETING=\${greeting}\`);
      spec.annotations = { ...spec.annotations, greeted: id };
      return spec;
    });
    hooks.poststop.tap("${name}", ({ id, exitCode }) => console.error(\`\${id} ended with \${exitCode}\`));
  },
};

export default plugin;
`;

const starterTest = (name: string): string =>
  [
    `import assert from "node:assert/strict";`,
    `import { test } from "node:test";`,
    `import { exampleHost, exampleSpec, newHooks } from "./${typesFile}";`,
    `import plugin from "./${name}.ts";`,
    "",
    `test("greets and labels the container", async () => {`,
    "  const hooks = newHooks();",
    `  await plugin.apply(hooks, { greeting: "good morning" }, exampleHost);`,
    `  const spec = await hooks.config.promise(exampleSpec(), { id: "web", bundle: "/bundle" });`,
    `  assert.deepEqual(spec?.process?.env, ["PATH=/bin", "GREETING=good morning"]);`,
    `  assert.deepEqual(spec?.annotations, { greeted: "web" });`,
    "});",
    "",
  ].join("\n");
