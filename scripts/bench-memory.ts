// How much of the host's memory a runtime keeps while a container, or a process of exec, runs: the proportional set size of
// all its processes, the container's own left out. Which they are is seen, not assumed.

import { readdirSync, readFileSync } from "node:fs";
import { Child, runChild } from "./bench-child.ts";
import { buildHelper } from "./bench-entrants.ts";
import { commands, type Entrant, inLayout, type Workshop } from "./bench-workshop.ts";

const SETTLED_KIB = 64;
const SETTLED_LOOKS = 5;
const LOOK_MS = 20;
const READY_LIMIT_MS = 10_000;

/** What a foreground run keeps of the host's memory: all its processes but the container's own command. */
export async function takeHeldPss(workshop: Workshop, entrant: Entrant): Promise<number[]> {
  using child = new Child([...inLayout(entrant.layout), ...workshop.runWords(entrant, "sleep")], workshop.optionsFor(entrant));
  const { pss, command } = await settle(child, []);
  process.kill(command, "SIGKILL");
  await child.end();
  return [pss];
}

/** What is left of the runtime once a detached container runs. */
export async function takeDetachedPss(workshop: Workshop, entrant: Entrant): Promise<number[]> {
  const id = workshop.containerId(entrant);
  using child = await detach(workshop, entrant, id);
  const { pss } = await settle(child, [child.process.pid]);
  await remove(workshop, entrant, id);
  return [pss];
}

/** What a foreground exec keeps in a container that runs detached. */
export async function takeExecPss(workshop: Workshop, entrant: Entrant): Promise<number[]> {
  const id = workshop.containerId(entrant);
  using child = await detach(workshop, entrant, id);
  await settle(child, [child.process.pid]);
  const words = [...inLayout(entrant.layout), ...workshop.words(entrant, "exec", id, ...commands.sleep)];
  using exec = new Child(words, workshop.optionsFor(entrant));
  const { pss, command } = await settle(exec, []);
  process.kill(command, "SIGKILL");
  await exec.end();
  await remove(workshop, entrant, id);
  return [pss];
}

/** A helper that becomes the parent of whatever the runtime leaves behind, the container's first process included. */
async function detach(workshop: Workshop, entrant: Entrant, id: string): Promise<Child> {
  const helper = await buildHelper(workshop, "time-each", []);
  const words = [helper, ...workshop.detachWords(entrant, "sleep", id), ";", "stay"];
  return new Child([...inLayout(entrant.layout), ...words], workshop.optionsFor(entrant));
}

async function remove(workshop: Workshop, entrant: Entrant, id: string): Promise<void> {
  const words = [...inLayout(entrant.layout), ...workshop.words(entrant, "delete", "--force", id)];
  await runChild(words, workshop.optionsFor(entrant));
}

/** The memory of a child and all below it but for the container's command and `without`, once it stays about the same. */
async function settle(child: Child, without: readonly number[]): Promise<{ pss: number; command: number }> {
  let last = Number.NaN;
  let steady = 0;
  const limit = performance.now() + READY_LIMIT_MS;
  // The runtime may still be giving memory back when the command is seen, and the figure moves a little with every process
  // on the machine that shares a library: so wait until it stays about the same.
  while (steady < SETTLED_LOOKS) {
    if (child.process.exitCode !== null) await child.succeed();
    if (performance.now() > limit) throw new Error(`${commands.sleep.join(" ")} did not come to rest within ${READY_LIMIT_MS / 1000} s`);
    await Bun.sleep(LOOK_MS);
    const { command, others } = processesOf(child.process.pid);
    if (command === undefined) continue;
    const pss = others.reduce((sum, pid) => sum + (without.includes(pid) ? 0 : readPss(pid)), 0);
    steady = Math.abs(pss - last) <= SETTLED_KIB ? steady + 1 : 0;
    last = pss;
  }
  const { command } = processesOf(child.process.pid);
  if (command === undefined) throw new Error("the container ended before its memory was read");
  return { pss: last, command };
}

/** The container's command, once it runs, and the other processes from `ancestor` down. */
function processesOf(ancestor: number): { command: number | undefined; others: number[] } {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    const parent = Number.isInteger(pid) ? /^PPid:\s+(\d+)$/m.exec(readOrEmpty(`/proc/${pid}/status`))?.[1] : undefined;
    if (parent !== undefined) children.set(Number(parent), [...(children.get(Number(parent)) ?? []), pid]);
  }
  const below = (pid: number): number[] => [pid, ...(children.get(pid) ?? []).flatMap(below)];
  const all = below(ancestor);
  const command = all.find((pid) => readOrEmpty(`/proc/${pid}/cmdline`) === `${commands.sleep.join("\0")}\0`);
  return { command, others: all.filter((pid) => pid !== command) };
}

/** Proportional set size: memory shared with others is counted by its share. */
const readPss = (pid: number): number => Number(/^Pss:\s+(\d+) kB$/m.exec(readOrEmpty(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // A process may end between the look at /proc and this one.
    return "";
  }
}
