import { expect, test } from "bun:test";
import { missing, runProgram } from "../../../plugins/network/run-program.ts";

test("what it prints, and what it is given", async () => expect(await runProgram(["cat"], ["one", "two"])).toBe("one\ntwo\n"));
test("nothing to read", async () => expect(await runProgram(["cat"])).toBe(""));
test("its own words when it fails, in one line", () =>
  expect(runProgram(["sh", "-c", "echo one >&2; echo two >&2; exit 3"])).rejects.toThrow(
    "sh -c echo one >&2; echo two >&2; exit 3: one; two",
  ));
test("no words", () => expect(runProgram(["sh", "-c", "exit 3"])).rejects.toThrow("sh -c exit 3: ended with 3"));
test("a signal", () => expect(runProgram(["sh", "-c", "kill -9 $$"])).rejects.toThrow("sh -c kill -9 $$: ended by SIGKILL"));
test("which ones there are", () => expect(missing(["sh", "no-such-program"])).toEqual(["no-such-program"]));
