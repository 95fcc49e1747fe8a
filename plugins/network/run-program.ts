// Runs programs of the host to their end. Box blocks signals while it starts a container, and what is started then begins
// with every signal blocked; the programs here wait for none, and SIGKILL cannot be blocked.

const LIMIT_MS = 10_000;

/** Its stdout. Throws with the program's own words when it fails; `stdin` goes to it line by line. */
export type Run = (argv: readonly [string, ...string[]], stdin?: readonly string[]) => Promise<string>;

/** Each program holds the lock too: when box is killed, nobody comes upon work that one of them is still at. */
export const runUnder =
  (lock: number): Run =>
  async (argv, stdin = []) =>
    await runProgram(argv, stdin, lock);

async function runProgram(argv: readonly string[], stdin: readonly string[], lock: number): Promise<string> {
  const child = Bun.spawn([...argv], {
    stdio: [new Blob(stdin.map((line) => `${line}\n`)), "pipe", "pipe", lock],
    // Bun looks for the program in the PATH that box was started with, unless it is told of the one that box has now.
    env: process.env,
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (exitCode === 0) return stdout;
  const words = child.signalCode === null ? stderr.trim() || `ended with ${exitCode}` : `ended by ${child.signalCode}`;
  throw new Error(`${argv.join(" ")}: ${words.replaceAll(/\s*\n\s*/g, "; ")}`);
}

/** Which of these programs are not in PATH. */
export const missing = (names: readonly string[]): string[] =>
  names.filter((name) => Bun.which(name, { PATH: process.env.PATH ?? "" }) === null);
