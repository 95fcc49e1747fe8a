// The loop of a command that looks at something again and again: on a terminal what it sees is drawn in place, elsewhere
// it is printed. It ends with a signal, when nobody reads any more, or when there is nothing left to look at.

import { type Caught, catchSignals, LONGEST_WAIT_MS } from "../execute/caught-signals.ts";
import { systemCall } from "../execute/libc.ts";
import { waitFor } from "../execute/poll.ts";
import { newScreen, type Screen } from "../execute/screen.ts";
import { terminalRows } from "../execute/terminal-size.ts";
import { STDOUT, writeLine } from "../execute/write-line.ts";

export type Watched = {
  readonly intervalMs: number;
  /** Looks once more. False when there is nothing left to look at. */
  readonly look: () => boolean;
  /** What was seen, as a table for the terminal as it is now. */
  readonly table: () => string;
};

const ending: readonly Caught[] = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"];

/** On a terminal. What stood there last stays. */
export async function watchOnScreen(watched: Watched): Promise<void> {
  const screen = newScreen();
  const caught = catchSignals([...ending, "SIGWINCH", "SIGTSTP"]);
  const draw = (): boolean => screen.draw(frameOf(watched.table()));
  const clock = newClock(watched.intervalMs);
  try {
    for (let isRead = watched.look() && draw(); isRead; ) {
      const came = await caught.came();
      if (came.some((name) => ending.includes(name))) break;
      if (came.includes("SIGTSTP")) stopHere(screen);
      const isDue = clock.isDue();
      if (isDue && !watched.look()) break;
      isRead = ((!isDue && came.length === 0) || draw()) && clock.wait();
    }
  } finally {
    screen.leave();
    caught.stop();
  }
  writeLine(frameOf(watched.table()).join("\n"));
}

/** Without a terminal: prints after each interval, since the first look alone shows no rates; with `again` false that is once. */
export async function watchInPipe(watched: Watched, print: () => boolean, again: boolean): Promise<void> {
  const caught = catchSignals(ending);
  const clock = newClock(watched.intervalMs);
  try {
    for (let goesOn = watched.look(); goesOn; ) {
      if ((await caught.came()).length > 0) break;
      if (clock.isDue()) goesOn = watched.look() && print() && again;
      goesOn &&= clock.wait();
    }
  } finally {
    caught.stop();
  }
}

/** When the next look is due. */
function newClock(intervalMs: number) {
  let next = performance.now() + intervalMs;
  return {
    isDue(): boolean {
      if (performance.now() < next) return false;
      next = Math.max(next + intervalMs, performance.now());
      return true;
    },
    /** Until then, or a little earlier. False when nobody reads any more. */
    wait: (): boolean => waitFor([{ fd: STDOUT, events: 0 }], Math.min(next - performance.now(), LONGEST_WAIT_MS))[0] === 0,
  };
}

const SIGSTOP = 19;

/** As the terminal's user asked for; it goes on here (signal(7), SIGCONT). */
function stopHere(screen: Screen): void {
  screen.leave();
  systemCall("kill", systemCall("getpid"), SIGSTOP);
}

/** What there is room for, and how much there is besides. */
function frameOf(table: string): readonly string[] {
  const rows = terminalRows();
  const lines = table.split("\n");
  const most = Math.max(0, rows - 1);
  return lines.length <= rows ? lines : [...lines.slice(0, most), `… ${lines.length - most} more`];
}
