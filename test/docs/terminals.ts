// The terminals that a document shows side by side: blocks of `console NAME` are what the terminal of that name shows, in order.
//
//   $ box ps mybox         a line after a prompt (`$ ` of the shell, `/ # ` of one in a container) is typed once the prompt is there
//    PID  COMMAND          anything else is what comes out, compared line by line: `…` is any text, alone on a line any lines
//   21734 sh
//   ^C                     is typed as well
//
// Numbers of five digits and more are examples, of pids and inodes: the first time stands for whatever comes out, from then
// on for that same number, in all terminals and in what is typed; and two numbers of the page are two. Times (12:30:01, 01:05)
// and durations (0.004s) stand for any. Spaces may be more or fewer, since numbers have as many digits as they like.

import { until } from "../integration/harness.ts";

/** The second is that of a line that goes on. */
const prompts = ["$ ", "> ", "/ # "] as const;

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const escapes = /\u001b\[[0-9;?]*[A-Za-z]/g;

type Typed = { readonly prompt: string; readonly text: string };
type Part = { readonly expected: string[]; readonly typed: Typed | undefined };

/** What comes out, and what is typed then; the last part types nothing. */
export function partsOf(block: string): Part[] {
  const parts: Part[] = [];
  let expected: string[] = [];
  for (const line of block.split("\n").slice(0, -1)) {
    const prompt = line === "^C" ? "" : prompts.find((one) => `${line} `.startsWith(one));
    if (prompt === undefined) expected.push(line);
    else {
      parts.push({ expected, typed: { prompt, text: line.slice(prompt.length) } });
      expected = [];
    }
  }
  return [...parts, { expected, typed: undefined }];
}

/** Numbers of the page by what they stand for. */
export class Examples {
  readonly #values = new Map<string, string>();

  /** The numbers that are known by now in their places. */
  fill = (text: string): string => text.replaceAll(/\d{5,}/g, (number) => this.#values.get(number) ?? number);

  /** What lines have to look like from here on, each ended; numbers that are not known yet are groups of their name. */
  pattern(lines: readonly string[]): string {
    const fresh = new Set<string>();
    const piece = (text: string): string =>
      text
        .split(/(\d\d:\d\d(?::\d\d)?|\d+\.\d{3}s|\d{5,}|…| +)/)
        .map((part, index) => (index % 2 === 0 ? RegExp.escape(part) : this.#special(part, fresh)))
        .join("");
    return lines.map((line) => (line.trim() === "…" ? "(?:.*\n)*?" : ` *${piece(line.trim())} *\n`)).join("");
  }

  #special(part: string, fresh: Set<string>): string {
    if (part === "…") return ".*?";
    if (part.startsWith(" ")) return " +";
    if (part.includes(":")) return "(?:\\d\\d:)+\\d\\d";
    if (part.endsWith("s")) return "\\d+\\.\\d{3}s";
    const known = this.#values.get(part);
    if (known !== undefined) return `(?<!\\d)${known}(?!\\d)`;
    if (fresh.has(part)) return `\\k<n${part}>`;
    fresh.add(part);
    return `(?<!\\d)(?<n${part}>\\d+)(?!\\d)`;
  }

  /** Takes what a match says of numbers. Throws an Error when two of the page turn out to be one. */
  learn(groups: Readonly<Record<string, string | undefined>> = {}): void {
    for (const [group, value = ""] of Object.entries(groups)) {
      const number = group.slice(1);
      const twin = [...this.#values].find(([, other]) => other === value);
      if (twin !== undefined) throw new Error(`${number} and ${twin[0]} are both ${value}`);
      this.#values.set(number, value);
    }
  }
}

/** One terminal, 80 by 24, with a shell. */
class Terminal implements Disposable {
  readonly #child: Bun.Subprocess;
  readonly #examples: Examples;
  #output = "";
  #position = 0;
  /** Lines of any kind at the end of a block are those in front of the next one. */
  #begun: string[] = [];

  constructor(cwd: string, env: Readonly<Record<string, string>>, examples: Examples) {
    this.#examples = examples;
    const decoder = new TextDecoder();
    this.#child = Bun.spawn(["sh", "-i"], {
      cwd,
      env: { ...env, PS1: "$ ", TERM: "xterm", ENV: "" },
      terminal: {
        cols: 80,
        rows: 24,
        data: (_, bytes) => {
          this.#output += decoder.decode(bytes, { stream: true });
        },
      },
    });
  }

  /** Without what moves the cursor and asks where it is (busybox's shell does), and with newlines as they were written. */
  get #rest(): string {
    return this.#output.replaceAll(escapes, "").replaceAll(/\r+\n/g, "\n").replaceAll("\r", "").slice(this.#position);
  }

  async show(block: string, place: string): Promise<void> {
    for (const { expected, typed } of partsOf(block)) {
      const end = typed === undefined ? "" : `${RegExp.escape(typed.prompt)}$`;
      const lines = [...this.#begun, ...expected];
      this.#begun = typed === undefined && lines.at(-1) === "…" ? lines.splice(-1) : [];
      await this.#says(`^${this.#examples.pattern(lines)}${end}`, place);
      if (typed === undefined) continue;
      const text = this.#examples.fill(typed.text);
      this.#child.terminal?.write(text === "^C" ? "\u0003" : `${text}\r`);
      // What is typed is seen, and Ctrl-C not on every terminal's own line.
      await this.#says(text === "^C" ? "^\\^C\n?" : `^${RegExp.escape(text)}\n`, place);
    }
  }

  async #says(pattern: string, place: string): Promise<void> {
    const expression = new RegExp(pattern);
    const match = (): RegExpExecArray | null => expression.exec(this.#rest);
    try {
      await until(() => match() !== null, "");
    } catch {
      throw new Error(`${place}: in vain for ${pattern}\nin ${JSON.stringify(this.#rest)}`);
    }
    const found = match() as RegExpExecArray;
    this.#examples.learn(found.groups);
    this.#position += found[0].length;
  }

  async end(): Promise<void> {
    // A shell whose terminal is gone ends by itself, and what it runs too.
    this.#child.terminal?.close();
    await this.#child.exited;
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
    this.#child.terminal?.close();
  }
}

/** All terminals of one page; each is there from the first block that names it. */
export class Terminals implements Disposable {
  readonly #cwd: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #examples = new Examples();
  readonly #open = new Map<string, Terminal>();

  constructor(cwd: string, env: Readonly<Record<string, string>>) {
    this.#cwd = cwd;
    this.#env = env;
  }

  async show(name: string, block: string, place: string): Promise<void> {
    const terminal = this.#open.get(name) ?? new Terminal(this.#cwd, this.#env, this.#examples);
    this.#open.set(name, terminal);
    await terminal.show(block, place);
  }

  /** Closes them, as somebody who is done closes their windows. */
  async end(): Promise<void> {
    for (const terminal of this.#open.values()) await terminal.end();
  }

  [Symbol.dispose](): void {
    for (const terminal of this.#open.values()) terminal[Symbol.dispose]();
  }
}
