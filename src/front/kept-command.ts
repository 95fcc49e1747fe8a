// The hidden command of the process that is kept (src/execute/keep-start.ts). By itself, since every start looks for it.

export const KEPT_COMMAND = "keep-start";
