import { describe, expect, test } from "bun:test";
import { splitCommand } from "../../src/config/yaml-command.ts";

const check = (line: string, expected: string[]): void => expect(splitCommand(line)).toEqual(expected);
const refuse = (line: string, problem: string): void => expect(splitCommand(line)).toEqual({ problem });

describe("words", () => {
  test("blanks part them", () => check("  sleep \t 10\n", ["sleep", "10"]));
  test("single quotes keep everything", () => check(`echo 'a "b" \\ $c'`, ["echo", 'a "b" \\ $c']));
  test("double quotes keep blanks", () => check(`sh -c "exit 3"`, ["sh", "-c", "exit 3"]));
  test("a backslash in double quotes quotes few characters", () => check('echo "\\" \\\\ \\$ \\` \\n"', ["echo", '" \\ $ ` \\n']));
  test("a backslash outside quotes any", () => check("echo a\\ b \\' \\|", ["echo", "a b", "'", "|"]));
  test("quotes inside a word", () => check(`a'b'"c"d`, ["abcd"]));
  test("an empty word", () => check(`printf '' ""`, ["printf", "", ""]));
  test("lines joined by a backslash", () => check('echo a\\\nb "c\\\nd"', ["echo", "ab", "cd"]));
  test("nothing is expanded", () => check("echo $HOME ~ *.ts {a,b} ! #x", ["echo", "$HOME", "~", "*.ts", "{a,b}", "!", "#x"]));
});

describe("refused", () => {
  test("no word", () => refuse("  ", "has no word in it"));
  test("an open single quote", () => refuse("echo 'a", "the quote ' at character 6 has no end"));
  test("an open double quote", () => refuse('echo "a\\"', 'the quote " at character 6 has no end'));
  test("a backslash at the end", () => refuse("echo \\", "ends with a backslash that has nothing to quote"));
  for (const operator of ["|", "&", ";", "<", ">", "(", ")", "`"])
    test(operator, () => refuse(`a ${operator} b`, `"${operator}" at character 3 needs a shell: quote it, or write [sh, -c, "…"]`));
});
