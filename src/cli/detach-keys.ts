// The keys with which one leaves a container's terminal: ctrl-p ctrl-q, as with Docker.

const CTRL_P = 0x10;
const CTRL_Q = 0x11;

/** Passes on what was typed, but for a ctrl-p at its end, which waits for what follows it. */
export function newDetachKeys(): (typed: Uint8Array) => Uint8Array | "detach" {
  let waiting = false;
  return (typed) => {
    const passed: number[] = [];
    for (const key of typed) {
      if (waiting && key === CTRL_Q) return "detach";
      if (waiting) passed.push(CTRL_P);
      waiting = key === CTRL_P;
      if (!waiting) passed.push(key);
    }
    return new Uint8Array(passed);
  };
}
