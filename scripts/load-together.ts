// Which modules are loaded as one chunk. By itself Bun makes a chunk for every set of late imports that reach a module, so
// that nothing is loaded in vain: sixteen for `box state`. But each costs 25 µs to load, and most hold next to nothing. So
// modules that commands mostly share are put together here, as groups: a late import that needs one of a group gets all.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const sources = join(import.meta.dir, "../src");

/** Each with all that it imports and that is in no group before it. What is in none stays as Bun has it. */
const groups: readonly (readonly string[])[] = [
  // What every start of box loads.
  ["main.ts"],
  // The kernel, the folder of all states, and what a state says.
  [
    ...["cli/invocation.ts", "execute/state-folder.ts", "execute/write-text.ts", "linux/errno-name.ts", "config/container-id.ts"],
    ...["plan/start-answer.ts", "plan/notify.ts", "execute/read-or-throw.ts", "plan/launch.ts", "front/layout.ts", "front/front-file.ts"],
    ...["host/host-config.ts", "plan/state-files.ts", "execute/front-words.ts", "execute/list-folder.ts"],
  ],
  // A start, for box run with a kept program and for all that plan one.
  ["cli/run.ts"],
  // What a container is doing, and signals to it.
  [
    ...["cli/named-container.ts", "cli/one-container.ts", "execute/live-status.ts", "execute/signal-container.ts", "linux/signals.ts"],
    ...[
      "execute/kept-config.ts",
      "execute/kept-filter.ts",
      "cli/shown-state.ts",
      "execute/poll.ts",
      "execute/write-line.ts",
      "cli/parse-json.ts",
      "execute/pass-signals.ts",
      "execute/end-child.ts",
    ],
  ],
  // What is left of one, removed.
  ["execute/remove-container.ts", "execute/take-over.ts"],
  // Tapes, and what the plans of a container and of exec have in common.
  [
    ...["execute/compile.ts", "plan/box.ts", "plan/supervise-terminal.ts", "plan/process.ts", "plan/settle.ts", "plan/terminal.ts"],
    ...["plan/receive-terminal.ts", "plan/affinity.ts", "plan/explain.ts", "plan/oom-score.ts", "plan/namespaces.ts", "plan/cgroups.ts"],
  ],
  // The plan of a container.
  ["plan/plan-container.ts", "config/unsupported.ts"],
];

type Imports = { readonly atOnce: readonly string[]; readonly late: readonly string[] };
const scanner = new Bun.Transpiler({ loader: "ts" });

/** Of box's own modules, by absolute paths; types are not imported, and macros are run by the build. */
function importsOf(path: string): Imports {
  const found: { atOnce: string[]; late: string[] } = { atOnce: [], late: [] };
  for (const { kind, path: to } of scanner.scanImports(readFileSync(path, "utf8")))
    if (to.startsWith(".") && !to.endsWith("-macro.ts")) found[kind === "dynamic-import" ? "late" : "atOnce"].push(join(dirname(path), to));
  return found;
}

/** The plugin for Bun.build: late modules import their groups first. */
export function loadTogether(): Bun.BunPlugin {
  const known = new Map<string, Imports>();
  const look = (path: string): Imports => {
    const imports = known.get(path) ?? importsOf(path);
    known.set(path, imports);
    return imports;
  };
  const withImports = (...paths: readonly string[]): Set<string> => {
    const all = new Set(paths);
    // A set that grows while it is walked is walked to its new end.
    for (const path of all) for (const next of look(path).atOnce) all.add(next);
    return all;
  };
  const late = new Set<string>();
  for (const path of new Set([...withImports(join(sources, "main.ts"))])) for (const next of look(path).late) late.add(next);
  for (const path of late) for (const one of withImports(path)) for (const next of look(one).late) late.add(next);
  const grouped = new Set<string>([join(sources, "main.ts"), ...late]);
  const members = groups.map((anchors) => {
    const fresh = [...withImports(...anchors.map((one) => join(sources, one)))].filter((path) => !grouped.has(path));
    for (const path of fresh) grouped.add(path);
    return fresh;
  });
  return {
    name: "load together",
    setup(build) {
      build.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const text = await Bun.file(path).text();
        if (!late.has(path)) return { contents: text, loader: "ts" };
        const needed = withImports(path);
        const together = members.filter((group) => group.some((one) => needed.has(one))).flat();
        return { contents: together.map((one) => `import ${JSON.stringify(one)};`).join("") + text, loader: "ts" };
      });
    },
  };
}
