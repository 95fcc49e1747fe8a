// What a program of exec that the front runs (exec-at-front.ts) may fail at once there is a process, which it ends then: the rest of
// box says so, and does not begin anew.

export const frontFailures = {
  /** To find out whether the process has become the program. */
  waiting: 1,
  pidFile: 2,
  /** To become the process's supervisor. */
  supervising: 3,
} as const;
export type FrontFailure = keyof typeof frontFailures;

/** A signal that is to end exec came first: its number is added to this. */
export const ENDED_BY_SIGNAL = 100;
