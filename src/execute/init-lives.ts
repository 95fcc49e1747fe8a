// Whether a container's first process is still there: the process that has its pid now may be another one.

import { type State, startTimeOf, statField } from "../state/state.ts";
import { readText } from "./files.ts";

/** Whether the state's init is the process that has its pid now, and has not ended. */
export function initLives({ pid, box }: Pick<State, "pid" | "box">, read: typeof readText = readText): boolean {
  if (pid <= 0) return false;
  const stat = read(`/proc/${pid}/stat`);
  return typeof stat === "string" && startTimeOf(stat) === box.startTime && !isZombie(stat);
}

/** Its first thread may have ended before others (pthread_exit(3)): then that is a zombie, and still counted with those that live. */
const isZombie = (stat: string): boolean => stat[stat.lastIndexOf(")") + 2] === "Z" && statField(stat, NUM_THREADS) <= 1;
const NUM_THREADS = 20;
