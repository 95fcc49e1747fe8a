// The command line, read by a table: one flag a row, the same for parsing and for help. Where a container's own command
// may follow, flags end at the first word that is none, so that it keeps its flags; elsewhere they may stand behind such
// words too. Both as with runc.

import { BoxError } from "../errors.ts";

export type FlagRow = {
  readonly name: string;
  readonly short?: string;
  /** Another name that other tools have for it. */
  readonly alias?: string;
  /** What the value is called in the help; without it the flag is a switch. */
  readonly value?: string;
  readonly repeats?: true;
  /** It may stand without its value, and takes one only behind `=`. */
  readonly optional?: true;
  /** Taken, but not in the help. */
  readonly hidden?: true;
  readonly help: string;
};

export type Parsed = {
  readonly values: Readonly<Record<string, string | undefined>>;
  readonly lists: Readonly<Record<string, readonly string[]>>;
  readonly switches: Switches;
  readonly rest: readonly string[];
  /** Whether `--` stood before the rest. */
  readonly separated: boolean;
};

/** Not a Set, whose first use costs 0.05 ms. */
export type Switches = { readonly names: readonly string[]; readonly has: (name: string) => boolean };

const usageError = (problem: string, command: string): BoxError =>
  new BoxError({ what: problem, hint: `box ${command === "" ? "" : `${command} `}--help lists the flags` });

/** Reads flags at the front of `argv`, or `anywhere` before a `--`. Unknown flags and missing values are errors. */
export function parseFlags(argv: readonly string[], rows: readonly FlagRow[], command: string, anywhere = false): Parsed {
  const values: Record<string, string | undefined> = {};
  const lists: Record<string, string[]> = {};
  const names: string[] = [];
  const switches: Switches = { names, has: (name) => names.includes(name) };
  const between: string[] = [];
  let index = 0;
  for (; index < argv.length; index++) {
    const word = argv[index] as string;
    if (word === "--") return { values, lists, switches, rest: [...between, ...argv.slice(index + 1)], separated: between.length === 0 };
    if (!word.startsWith("-") || word === "-") {
      if (!anywhere) break;
      between.push(word);
      continue;
    }
    const equals = word.indexOf("=");
    const given = equals < 0 ? word : word.slice(0, equals);
    const several = togetherIn(rows, given);
    if (several !== undefined) {
      for (const { name } of several) names.push(name);
      continue;
    }
    const row = findFlag(rows, given);
    if (row === undefined) throw usageError(`unknown flag ${given}`, command);
    if (row.value === undefined || (equals < 0 && row.optional === true)) {
      if (equals >= 0) throw usageError(`flag ${given} takes no value`, command);
      names.push(row.name);
      continue;
    }
    if (equals < 0) index += 1;
    const value = equals < 0 ? argv[index] : word.slice(equals + 1);
    if (value === undefined) throw usageError(`flag ${given} needs a value: ${row.value}`, command);
    if (row.repeats === true) lists[row.name] = [...(lists[row.name] ?? []), value];
    else values[row.name] = value;
  }
  return { values, lists, switches, rest: [...between, ...argv.slice(index)], separated: false };
}

/** Switches of one letter written together, such as `-it`; undefined when that is not what it is. */
function togetherIn(rows: readonly FlagRow[], given: string): readonly FlagRow[] | undefined {
  if (given.length < 3 || given.startsWith("--") || findFlag(rows, given) !== undefined) return undefined;
  const found: FlagRow[] = [];
  for (let at = 1; at < given.length; at++) {
    const row = findShort(rows, given[at] as string);
    if (row === undefined || row.value !== undefined) return undefined;
    found.push(row);
  }
  return found;
}

/** One dash or two, as Go's flag package takes them. */
function findFlag(rows: readonly FlagRow[], given: string): FlagRow | undefined {
  const name = given.startsWith("--") ? given.slice(2) : given.slice(1);
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index] as FlagRow;
    if (row.name === name || row.alias === name || row.short === name) return row;
  }
  return undefined;
}

function findShort(rows: readonly FlagRow[], letter: string): FlagRow | undefined {
  for (let index = 0; index < rows.length; index++) if (rows[index]?.short === letter) return rows[index];
  return undefined;
}
