import { expect, test } from "bun:test";
import { checkContainerId } from "../../src/config/container-id.ts";
import { BoxError } from "../../src/errors.ts";

function refusal(id: string): string | undefined {
  try {
    checkContainerId(id);
  } catch (error) {
    if (error instanceof BoxError) return error.facts.what;
    throw error;
  }
  return undefined;
}

for (const id of ["a", "0", "_", "web.1+2-x", "A".repeat(255)])
  test(`right: ${id.slice(0, 10)}`, () => expect(checkContainerId(id)).toBe(id));

const allowed = 'only letters, digits, "_", ".", "+" and "-" are allowed';
const first = 'the first character must be a letter, a digit or "_"';
const refusals: [id: string, what: string][] = [
  ["", 'container id "" is empty'],
  ["a/b", 'container id "a/b" has a slash: an id is a plain name, not a path'],
  ["../x", `container id "../x" starts with ".": ${first}`],
  ["/x", 'container id "/x" has a slash: an id is a plain name, not a path'],
  ["-x", `container id "-x" starts with "-": ${first}`],
  ["+", `container id "+" starts with "+": ${first}`],
  ["..", `container id ".." starts with ".": ${first}`],
  ["a b", `container id "a b" has " " in it: ${allowed}`],
  ["a\n", `container id "a\\n" has "\\n" in it: ${allowed}`],
  ["a\0", `container id "a\\u0000" has "\\u0000" in it: ${allowed}`],
  ["é", `container id "é" has "é" in it: ${allowed}`],
  ["a😀", `container id "a😀" has "😀" in it: ${allowed}`],
  ["x".repeat(256), `container id "${"x".repeat(60)}"… (256 characters) is longer than 255 characters`],
];
for (const [id, what] of refusals) test(JSON.stringify(id.slice(0, 10)), () => expect(refusal(id)).toBe(what));
