// Markdown as far as the documents use it: fenced blocks, tables by their heading, and inline code.

export type Block = {
  readonly language: string;
  /** What else the opening fence says: of a `console`, which terminal it is. */
  readonly name: string;
  /** Ends with a newline, unless it is empty. */
  readonly text: string;
  /** Of the opening fence, from 1. */
  readonly line: number;
  /** Nothing but blank lines between it and the block before. */
  readonly follows: boolean;
};

export function readBlocks(markdown: string): Block[] {
  const blocks: Block[] = [];
  const lines = markdown.split("\n");
  let follows = false;
  for (let at = 0; at < lines.length; at++) {
    const fence = /^```(\w*)(?: (\w+))?$/.exec(lines[at] ?? "");
    if (fence === null) {
      if ((lines[at] ?? "").trim() !== "") follows = false;
      continue;
    }
    const end = lines.indexOf("```", at + 1);
    if (end < 0) throw new Error(`line ${at + 1}: a block without an end`);
    const text = lines.slice(at + 1, end).map((line) => `${line}\n`);
    blocks.push({ language: fence[1] ?? "", name: fence[2] ?? "", text: text.join(""), line: at + 1, follows });
    follows = true;
    at = end;
  }
  return blocks;
}

/** The document without its fenced blocks. */
export const proseOf = (markdown: string): string => markdown.replaceAll(/^```\w*(?: \w+)?\n.*?^```$/gms, "");

/** All inline code, in order. */
export const codeIn = (prose: string): string[] => [...prose.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code.replaceAll("\\|", "|"));

/** From a heading, given without its marks, to the next one of any level. */
export function sectionOf(markdown: string, heading: string): string {
  const [, section] = new RegExp(`^#+ ${heading}\\n(.*?)(?=^#+ |$(?![^]))`, "ms").exec(markdown) ?? [];
  if (section === undefined) throw new Error(`there is no heading ${JSON.stringify(heading)}`);
  return section;
}

/** Rows of the first table below a heading, without its head; cells as they are written. */
export function tableOf(markdown: string, heading: string): string[][] {
  const lines = sectionOf(markdown, heading).split("\n");
  const start = lines.findIndex((line) => /^\|[ :|-]+\|$/.test(line));
  if (start < 0) throw new Error(`there is no table below ${JSON.stringify(heading)}`);
  const length = [...lines.slice(start + 1), ""].findIndex((line) => !line.startsWith("|"));
  return lines.slice(start + 1, start + 1 + length).map((line) =>
    line
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim().replaceAll("\\|", "|")),
  );
}

/** What an output has to look like: `…` stands for any text within a line, and alone on a line for any number of lines. */
export function patternOf(expected: string): RegExp {
  const lines = expected.split("\n").slice(0, -1);
  const escaped = lines.map((line) => (line.trim() === "…" ? "(.*\n)*" : `${RegExp.escape(line).replaceAll(RegExp.escape("…"), ".*")}\n`));
  return new RegExp(`^${escaped.join("")}$`);
}
