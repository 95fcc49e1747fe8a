// A child of the benchmark, run to its end. Output goes through files, not pipes: a container that hangs holds a pipe
// open after its runtime is dead, and the benchmark would wait with it.

import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";

const LIMIT_MS = 60_000;

export type ChildOptions = {
  /** Added to the environment of the benchmark. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Ends the child early. */
  readonly signal?: AbortSignal;
};

/**
 * A process under way, the first of a session of its own, whose output goes to files. At the end of its scope, of its time,
 * or when the benchmark is told to end, the whole session is killed: hyperfine or strace alone would leave a runtime behind.
 */
export class Child implements Disposable {
  readonly process: Bun.Subprocess;
  readonly #argv: readonly string[];
  readonly #folder: string;
  readonly #signal: AbortSignal | undefined;
  readonly #timer: Timer;
  #late = false;

  constructor(argv: readonly string[], { environment, cwd, signal }: ChildOptions = {}) {
    this.#argv = argv;
    this.#signal = signal;
    this.#folder = mkdtempSync(`${tmpdir()}/box-bench-output-`);
    const files = ["stdout", "stderr"].map((name) => openSync(`${this.#folder}/${name}`, "w"));
    try {
      this.process = Bun.spawn([...argv], {
        detached: true,
        stdin: "ignore",
        stdout: files[0] as number,
        stderr: files[1] as number,
        env: { ...process.env, ...environment },
        ...(cwd === undefined ? {} : { cwd }),
      });
    } catch (error) {
      rmSync(this.#folder, { recursive: true, force: true });
      throw error;
    } finally {
      for (const file of files) closeSync(file);
    }
    signal?.addEventListener("abort", this.#kill);
    this.#timer = setTimeout(() => {
      this.#late = true;
      this.#kill();
    }, LIMIT_MS);
  }

  /** Waits for its end and returns what it wrote to stdout. Any exit code but 0 is an error, in the child's own words. */
  async succeed(): Promise<string> {
    const exitCode = await this.end();
    if (exitCode === 0) return this.#read("stdout");
    const ending = this.#late ? `no end within ${LIMIT_MS / 1000} s` : `exit code ${exitCode}`;
    throw new Error(complaint(this.#read("stderr")) ?? complaint(this.#read("stdout")) ?? `${this.#argv.join(" ")}: ${ending}`);
  }

  /** Waits for its end, whatever its exit code. */
  async end(): Promise<number> {
    const exitCode = await this.process.exited;
    this.#signal?.throwIfAborted();
    return exitCode;
  }

  #read(name: string): string {
    return readFileSync(`${this.#folder}/${name}`, "utf8");
  }

  readonly #kill = (): void => {
    // Its pid is the session's only until it has been waited for.
    if (this.process.exitCode === null && this.process.signalCode === null) process.kill(-this.process.pid, "SIGKILL");
  };

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener("abort", this.#kill);
    this.#kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Runs a command to its end and returns what it wrote to stdout; an error unless its exit code is 0. */
export async function runChild(argv: readonly string[], options: ChildOptions = {}): Promise<string> {
  using child = new Child(argv, options);
  return await child.succeed();
}

/** Runs a command to its end; returns whether its exit code was 0. For clean-up, where nothing to clean is no error. */
export async function tryChild(argv: readonly string[], options: ChildOptions = {}): Promise<boolean> {
  using child = new Child(argv, options);
  return (await child.end()) === 0;
}

/** The line that says what went wrong: the first, but for a crash of Bun, which shows the source before the error. */
function complaint(text: string): string | undefined {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return (lines.find((line) => /^\w*error: /i.test(line)) ?? lines[0])?.slice(0, 300);
}
