// What is measured of containers that are made, started, entered, listed and removed by commands of their own, as podman
// and containerd do it. A visit makes its containers and removes them, and bench/time-each.c times the commands.

import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { runChild } from "./bench-child.ts";
import { buildHelper } from "./bench-entrants.ts";
import { type Entrant, inLayout, type Workshop } from "./bench-workshop.ts";

/** Words of one command, or of several that run at once. */
type Group = readonly (readonly string[])[];
const reap: Group = [["reap"]];

/** Milliseconds of each group but `reap`. */
export async function timeEach(workshop: Workshop, entrant: Entrant, groups: readonly Group[]): Promise<number[]> {
  const words = groups.flatMap((group) => [...group.flatMap((command) => ["&", ...command]).slice(1), ";"]);
  const argv = [...inLayout(entrant.layout), await buildHelper(workshop, "time-each", []), ...words];
  const text = await runChild(argv, workshop.optionsFor(entrant));
  return text.trim().split("\n").map(Number);
}

const repeat = <T>(count: number, one: T): T[] => new Array<T>(count).fill(one);

/** create, start, state, kill and delete of a container, the parts each and the sum of those that make and end it. */
export async function timeLife(workshop: Workshop, entrant: Entrant, runs: number): Promise<Record<string, number[]>> {
  const id = workshop.containerId(entrant);
  const say = (...words: readonly string[]): Group => [workshop.words(entrant, ...words)];
  const bundle = workshop.bundle(entrant.layout, "sleep");
  const life = [
    say("create", "--bundle", bundle, id),
    say("start", id),
    say("state", id),
    say("kill", id, "KILL"),
    reap,
    say("delete", id),
  ];
  const all = await timeEach(workshop, entrant, repeat(runs, life).flat());
  const parts: Record<string, number[]> = { life: [], create: [], start: [], state: [], kill: [], delete: [] };
  for (let at = 0; at < all.length; at += 5) {
    const [create, start, state, kill, remove] = all.slice(at, at + 5) as [number, number, number, number, number];
    for (const [name, value] of Object.entries({ create, start, state, kill, delete: remove })) parts[name]?.push(value);
    parts.life?.push(create + start + kill + remove);
  }
  return parts;
}

/** exec of /bin/true in a container that runs already. */
export async function timeExec(workshop: Workshop, entrant: Entrant, runs: number): Promise<number[]> {
  const id = workshop.containerId(entrant);
  const execs = repeat<Group>(runs, [workshop.words(entrant, "exec", id, "/bin/true")]);
  const all = await timeEach(workshop, entrant, [
    [workshop.detachWords(entrant, "sleep", id)],
    ...execs,
    [workshop.words(entrant, "kill", id, "KILL")],
    reap,
    [workshop.words(entrant, "delete", id)],
  ]);
  return all.slice(1, 1 + runs);
}

const AT_ONCE = 100;

/** So many containers, each made by a command of its own and all at the same moment, until the last one runs. */
export async function timeHundred(workshop: Workshop, entrant: Entrant): Promise<number[]> {
  const ids = Array.from({ length: AT_ONCE }, (_, index) => workshop.containerId(entrant, String(index)));
  const [time = Number.NaN] = await timeEach(workshop, entrant, [
    ids.map((id) => workshop.detachWords(entrant, "sleep", id)),
    ids.map((id) => workshop.words(entrant, "delete", "--force", id)),
    reap,
  ]);
  return [time];
}

const LISTED = 500;

/** list where there are so many stopped containers: one that has run, and the rest are copies of its state. */
export async function timeList(workshop: Workshop, entrant: Entrant, runs: number): Promise<number[]> {
  const folder = workshop.listFolder(entrant);
  if (!existsSync(folder)) await fillList(workshop, entrant, folder);
  const list = [entrant.path, "--root", folder, "list"];
  const lines = (await runChild([...inLayout(entrant.layout), ...list], workshop.optionsFor(entrant))).trimEnd().split("\n").length;
  if (lines !== LISTED + 1) throw new Error(`list shows ${lines - 1} containers, not ${LISTED}`);
  return timeEach(workshop, entrant, repeat(runs, [list]));
}

async function fillList(workshop: Workshop, entrant: Entrant, folder: string): Promise<void> {
  const id = workshop.containerId(entrant);
  await timeEach(workshop, entrant, [[workshop.detachWords(entrant, "true", id)], reap]);
  const original = `${workshop.stateFolder(entrant.name)}/${id}`;
  const files = readdirSync(original, { withFileTypes: true }).filter((file) => file.isFile());
  for (let index = 0; index < LISTED; index++) {
    const copy = `${id}-${index}`;
    // Symbolic links and folders as they are; a FIFO that waits for a start is gone by now.
    cpSync(original, `${folder}/${copy}`, { recursive: true });
    for (const { name } of files) {
      const text = readFileSync(`${original}/${name}`, "utf8");
      if (text.includes(id)) writeFileSync(`${folder}/${copy}/${name}`, text.replaceAll(id, copy));
    }
  }
  await timeEach(workshop, entrant, [[workshop.words(entrant, "delete", id)]]);
}
