// A person at a terminal: a shell script on a pseudoterminal of its own, what it shows, and keys to type.

import { type Bundle, binary, until } from "./harness.ts";

/** A shell on a pseudoterminal of 100 by 30, which box is run from as a person would. */
export class Terminal implements Disposable {
  readonly child: Bun.Subprocess;
  #output = "";

  constructor(bundle: Bundle, script: string) {
    this.child = Bun.spawn(["sh", "-c", script], {
      cwd: bundle.folder,
      env: { ...process.env, BOX: `${binary} --root ${bundle.states}` },
      terminal: {
        cols: 100,
        rows: 30,
        data: (_, bytes) => {
          this.#output += new TextDecoder().decode(bytes);
        },
      },
    });
  }

  get output(): string {
    return this.#output;
  }

  type(text: string): void {
    this.child.terminal?.write(text);
  }

  resize(cols: number, rows: number): void {
    this.child.terminal?.resize(cols, rows);
  }

  async says(text: string): Promise<void> {
    await until(() => this.#output.includes(text), `${JSON.stringify(text)} in ${JSON.stringify(this.#output)}`);
  }

  /** The exit code and all output, with newlines as they were written. */
  async end(): Promise<{ exitCode: number; output: string }> {
    const exitCode = await this.child.exited;
    return { exitCode, output: this.#output.replaceAll("\r\n", "\n") };
  }

  [Symbol.dispose](): void {
    this.child.kill("SIGKILL");
    this.child.terminal?.close();
  }
}
