// Who takes part: each runtime is found, copied, and seen to run a container in each layout before anything is measured.
// One that is missing or fails is named with its error and left out, there and only there.

import { existsSync } from "node:fs";
import { runChild } from "./bench-child.ts";
import { type Entrant, inLayout, type Layout, layoutTitles, type Runtime, type RuntimeName, type Workshop } from "./bench-workshop.ts";

const peers: Record<Exclude<RuntimeName, "box">, { executable: string; debianPackage: string }> = {
  runc: { executable: "runc", debianPackage: "runc" },
  crun: { executable: "crun", debianPackage: "crun" },
  bubblewrap: { executable: "bwrap", debianPackage: "bubblewrap" },
};

/** What a reader of the figures must know: who was left out and why, and what was done to make someone run. */
export type Notes = { readonly leftOut: string[]; readonly remarks: string[] };

/** box and every peer that is installed, copied into the workshop. */
export function findRuntimes(workshop: Workshop, box: string, notes: Notes): [Runtime, ...Runtime[]] {
  const found: [Runtime, ...Runtime[]] = [workshop.copy("box", box)];
  for (const [name, { executable, debianPackage }] of Object.entries(peers)) {
    const path = Bun.which(executable);
    if (path === null) notes.leftOut.push(`${name}: not installed (Debian package ${debianPackage})`);
    else found.push(workshop.copy(name as RuntimeName, path));
  }
  return found;
}

/** What each runtime says of its version, without its own name. */
export async function readVersions(runtimes: readonly Runtime[], signal: AbortSignal): Promise<Partial<Record<RuntimeName, string>>> {
  const versions: Partial<Record<RuntimeName, string>> = {};
  for (const { name, path } of runtimes) {
    const [line = ""] = (await runChild([path, "--version"], { signal })).split("\n");
    versions[name] = line.split(" ").at(-1) ?? "";
  }
  return versions;
}

/** Those of the runtimes that run a container in the layout. */
export async function findEntrants(workshop: Workshop, runtimes: readonly Runtime[], layout: Layout, notes: Notes): Promise<Entrant[]> {
  const entrants: Entrant[] = [];
  for (const runtime of runtimes) {
    try {
      entrants.push(await enter(workshop, { ...runtime, layout, environment: {} }, notes));
    } catch (error) {
      workshop.signal.throwIfAborted();
      notes.leftOut.push(`${runtime.name}, ${layoutTitles[layout]}: ${messageOf(error)}`);
    }
  }
  return entrants;
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function enter(workshop: Workshop, entrant: Entrant, notes: Notes): Promise<Entrant> {
  try {
    await probe(workshop, entrant);
    return entrant;
  } catch (error) {
    if (!messageOf(error).includes("RLIM_MEMLOCK")) throw error;
  }
  const environment = { LD_PRELOAD: await buildHelper(workshop, "allow-memlock", ["-shared", "-fPIC"]) };
  await probe(workshop, { ...entrant, environment });
  const { name, layout } = entrant;
  notes.remarks.push(`${name}, ${layoutTitles[layout]}: may not raise RLIMIT_MEMLOCK here and is made to believe that it did`);
  return { ...entrant, environment };
}

async function probe(workshop: Workshop, entrant: Entrant): Promise<void> {
  try {
    await runChild([...inLayout(entrant.layout), ...workshop.runWords(entrant, "true")], workshop.optionsFor(entrant));
  } catch (error) {
    workshop.signal.throwIfAborted();
    await workshop.removeContainers(entrant);
    throw error;
  }
}

/** Builds bench/NAME.c in the workshop, once, and returns the path of the result. */
export async function buildHelper(workshop: Workshop, name: string, flags: readonly string[]): Promise<string> {
  const output = `${workshop.folder}/${name}`;
  if (existsSync(output)) return output;
  const compiler = Bun.which("cc");
  if (compiler === null) throw new Error(`a C compiler is missing to build bench/${name}.c (Debian package gcc)`);
  const source = new URL(`../bench/${name}.c`, import.meta.url).pathname;
  await runChild([compiler, "-O2", ...flags, "-o", output, source], { signal: workshop.signal });
  return output;
}
