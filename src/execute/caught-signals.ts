// Signals for a command that waits in ppoll(2) most of its time, and has something to do before it ends: statistics to
// print, a terminal to tidy up. Bun's handlers run in the event loop, so that gets a turn after each wait.

export type Caught = "SIGINT" | "SIGTERM" | "SIGHUP" | "SIGQUIT" | "SIGWINCH" | "SIGTSTP" | "SIGCONT";

export type CaughtSignals = {
  /** Those that came since the last call. */
  readonly came: () => Promise<readonly Caught[]>;
  readonly stop: () => void;
};

/** How long to go on at most without asking. For a wait: a signal that arrives right before ppoll does not interrupt it. */
export const LONGEST_WAIT_MS = 200;

export function catchSignals(names: readonly Caught[]): CaughtSignals {
  const waiting: Caught[] = [];
  const catching = (name: Caught): void => void waiting.push(name);
  for (const name of names) process.on(name, catching);
  return {
    async came() {
      await new Promise((resolve) => setImmediate(resolve));
      return waiting.splice(0);
    },
    stop() {
      for (const name of names) process.off(name, catching);
    },
  };
}
