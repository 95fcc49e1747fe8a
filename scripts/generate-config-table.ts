// Writes docs/config.md: each field of config.json with what box does with it, a value that is refused, and the test that
// looks at the effect. The fields come from the checker's tables, the rest from config-fields/. A test compares the two and
// the file: npm run docs:config.

import { writeFileSync } from "node:fs";
import type { ObjectRule, Rule } from "../src/config/rule.ts";
import { specRule } from "../src/config/spec-rules.ts";
import { fieldNotes } from "./config-fields/all.ts";
import { type Note, testFile } from "./config-fields/note.ts";

/** A field's path, as in FieldPath, with its rule. */
type RuledField = { readonly path: string; readonly rule: Exclude<Rule, { is: "later" }> };

/** Every field that the checker knows, in its order. */
export const ruledFields = (): RuledField[] => fieldsIn(specRule, "");

function fieldsIn(rule: ObjectRule, path: string): RuledField[] {
  return Object.entries(rule.fields).flatMap(([key, field]) => {
    const own = path === "" ? key : `${path}.${key}`;
    return [{ path: own, rule: resolved(field) }, ...fieldsBelow(resolved(field), own)];
  });
}

function fieldsBelow(rule: RuledField["rule"], path: string): RuledField[] {
  if (rule.is === "object") return fieldsIn(rule, path);
  const parts = rule.is === "list" ? resolved(rule.items) : rule.is === "map" ? resolved(rule.values) : undefined;
  if (parts?.is !== "object") return [];
  if (rule.is === "list") return fieldsIn(parts, `${path}[]`);
  // A map with a closed list of keys is an object to whoever writes one.
  const keys = rule.is === "map" && rule.keys?.is === "name" ? rule.keys.among : undefined;
  if (keys === undefined) return fieldsIn(parts, `${path}.*`);
  return keys.flatMap((key) => [{ path: `${path}.${key}`, rule: parts }, ...fieldsIn(parts, `${path}.${key}`)]);
}

const resolved = (rule: Rule): RuledField["rule"] => (rule.is === "later" ? resolved(rule.rule()) : rule);

/** Headings, where their fields begin, and what is to be known first; a field belongs to the longest that fits. */
const sections: readonly (readonly [heading: string, part: string, first?: string])[] = [
  ["The document", ""],
  ["process", "process"],
  ["mounts", "mounts"],
  ["hooks", "hooks"],
  ["linux", "linux"],
  ["linux.resources", "linux.resources", "Where two files are named, the first is that of cgroup v1 and the second that of v2."],
  ["linux.seccomp", "linux.seccomp"],
];

const begins = (path: string, part: string): boolean =>
  part === "" || path === part || path.startsWith(`${part}.`) || path.startsWith(`${part}[`);

function sectionOf(path: string): string {
  const fitting = sections.filter(([, part]) => begins(path, part));
  return fitting.toSorted((one, other) => other[1].length - one[1].length)[0]?.[0] ?? "";
}

const introduction = `# config.json, field by field

Every field of the OCI runtime specification 1.3 that is for Linux: what box does with it, something that it refuses and in
which words, and the test that looks at the effect from inside a container, at the cgroup's file, or at the steps of the plan.
Made by \`npm run docs:config\` from the tables that the check runs on.

- All faults are told at once, each with its place: \`process.cwd: expected an absolute path, got "srv"\`. An unknown key is one.
- \`null\` is the same as nothing, as is \`""\` for an optional string: Go's programs write them.
- A field of another type is refused by the words of the table's third column, whatever was meant.
- \`[]\` stands for any entry of a list, \`*\` for any name of a map.
`;

/** The file's text. */
export function configTable(): string {
  const fields = ruledFields();
  const parts = sections.map(([heading, part, first]) => {
    const rows = fields.filter(({ path }) => sectionOf(path) === heading).map(({ path }) => rowOf(path, part));
    return `## ${heading}\n\n${first === undefined ? "" : `${first}\n\n`}| field | what box does | refused, for example | shown by |\n| --- | --- | --- | --- |\n${rows.join("")}`;
  });
  return [introduction, ...parts].join("\n");
}

function rowOf(path: string, part: string): string {
  const { does, shown, wrong } = noteOn(path);
  const [file, title] = shown;
  const [value, says] = wrong;
  const given = value === undefined ? "left out" : code(shorten(JSON.stringify(value)));
  const place = part === "" || path === part ? path : path.slice(part.length).replace(/^\./, "");
  const cells = [
    code(place),
    does,
    `${given}: ${code(shorten(says.replace(/^: /, "")))}`,
    `[${file}](../${testFile(file)}) ${code(title)}`,
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
}

function noteOn(path: string): Note {
  const note = (fieldNotes as Readonly<Record<string, Note | undefined>>)[path];
  if (note === undefined) throw new Error(`${path} is a field of src/config/spec-rules.ts without a note in scripts/config-fields`);
  return note;
}

const code = (text: string): string => `\`${text}\``;
const shorten = (text: string): string => text.replaceAll(/h{10,}/g, "h…");

if (import.meta.main) writeFileSync(new URL("../docs/config.md", import.meta.url), configTable());
