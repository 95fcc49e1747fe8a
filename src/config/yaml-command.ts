// One line as the words of a command, split as a POSIX shell does (quotes and backslashes, "2.2 Quoting") and with
// nothing expanded: `$HOME` and `*` stay as they are. What a shell would act on is refused, since here it could only
// become a surprising argument.

/** The words, or `{ problem }` to follow the field's name in a message. `byShell`: how a shell is asked for there. */
export function splitCommand(line: string, byShell = '[sh, -c, "…"]'): string[] | { readonly problem: string } {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < line.length; at++) {
    const char = line.charAt(at);
    if (" \t\n".includes(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (char === "'" || char === '"') {
      const quoted = readQuoted(line, at);
      if (quoted === undefined) return { problem: `the quote ${char} at character ${at + 1} has no end` };
      word = (word ?? "") + quoted.text;
      at = quoted.end;
    } else if (char === "\\") {
      at += 1;
      if (at === line.length) return { problem: "ends with a backslash that has nothing to quote" };
      // A backslash before a line's end joins the lines.
      if (line[at] !== "\n") word = (word ?? "") + line[at];
    } else if (operators.includes(char)) {
      return { problem: `${JSON.stringify(char)} at character ${at + 1} needs a shell: quote it, or write ${byShell}` };
    } else word = (word ?? "") + char;
  }
  if (word !== undefined) words.push(word);
  return words.length === 0 ? { problem: "has no word in it" } : words;
}

/** The line that splits into these words, if it needs no quotes. */
export function lineOf(words: readonly string[]): string | undefined {
  const line = words.join(" ");
  const again = splitCommand(line);
  const plain = /^[\w./:=,@%+ -]+$/.test(line);
  return plain && Array.isArray(again) && again.length === words.length && again.every((word, at) => word === words[at]) ? line : undefined;
}

const operators = "|&;<>()`";
/** Inside double quotes a backslash quotes only these. */
const quotable = '"\\$`';

/** The quoted text that begins at `start`, and where its closing quote is. */
function readQuoted(line: string, start: number): { text: string; end: number } | undefined {
  const quote = line[start];
  let text = "";
  for (let at = start + 1; at < line.length; at++) {
    const char = line.charAt(at);
    if (char === quote) return { text, end: at };
    const next = line.charAt(at + 1);
    if (quote === '"' && char === "\\" && (quotable.includes(next) || next === "\n") && next !== "") {
      if (next !== "\n") text += next;
      at += 1;
    } else text += char;
  }
  return undefined;
}
