import { describe, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { errorLines } from "../../src/cli/report-error.ts";
import { hookFailed, howEnded } from "../../src/execute/hook-failed.ts";
import { compute, type StepOptions } from "../../src/tape/step.ts";

const CLD_EXITED = 1;
const CLD_KILLED = 2;
const CLD_DUMPED = 3;

/** As waitid(2) fills it. */
function siginfo(code: number, status: number): Uint8Array {
  const bytes = new Uint8Array(128);
  const view = new DataView(bytes.buffer);
  view.setInt32(8, code, true);
  view.setInt32(24, status, true);
  return bytes;
}

/** A struct timespec. */
function timespec(ms: number): Uint8Array {
  const words = new BigInt64Array([BigInt(Math.floor(ms / 1000)), BigInt((ms % 1000) * 1_000_000)]);
  return new Uint8Array(words.buffer);
}

const hookStep = (expected?: StepOptions["expect"]) =>
  compute([0, 0, 0, -1], "hooks.createRuntime[1]", "run the hook /bin/hook", expected === undefined ? {} : { expect: expected });

test.each([
  [CLD_EXITED, 0, "exit 0"],
  [CLD_EXITED, 255, "exit 255"],
  [CLD_KILLED, 9, "ended by SIGKILL"],
  [CLD_DUMPED, 11, "ended by SIGSEGV"],
  [CLD_KILLED, 40, "ended by SIGRTMIN+6"],
])("code %i, status %i: %s", (code, status, words) => expect(howEnded(siginfo(code, status))).toBe(words));

describe("in words", () => {
  const ended = { began: timespec(1_700_000_000_250), endedMs: 1_700_000_000_262, output: -1 };

  test("how it ended, and after how long", () =>
    expect(errorLines(hookFailed(hookStep(), 1, { ...ended, siginfo: siginfo(CLD_EXITED, 3) }, true))).toEqual([
      "box: hooks.createRuntime[1]: /bin/hook: exit 3 after 12 ms",
    ]));

  test("that it took too long", () =>
    expect(
      errorLines(
        hookFailed(hookStep({ value: 1, refused: "it took longer than 3 s" }), 1, { ...ended, siginfo: siginfo(CLD_KILLED, 9) }, true),
      ),
    ).toEqual(["box: hooks.createRuntime[1]: /bin/hook: it took longer than 3 s after 12 ms"]));

  test("that it could not be run", () =>
    expect(errorLines(hookFailed(hookStep(), 2, { ...ended, siginfo: siginfo(0, 0) }, false))).toEqual([
      "box: hooks.createRuntime[1]: cannot run the hook /bin/hook: ENOENT (no such file or directory)",
    ]));

  test("with what it printed, cut short", () => {
    const folder = mkdtempSync(`${tmpdir()}/box-hook-`);
    writeFileSync(`${folder}/short`, "\n said \x1b[1m\n\n");
    writeFileSync(`${folder}/long`, "x".repeat(100_000));
    const lines = (name: string): string[] => {
      const output = openSync(`${folder}/${name}`, "r");
      try {
        return errorLines(hookFailed(hookStep(), 1, { ...ended, output, siginfo: siginfo(CLD_EXITED, 3) }, true));
      } finally {
        closeSync(output);
      }
    };
    try {
      expect(lines("short")).toEqual(["box: hooks.createRuntime[1]: /bin/hook: exit 3 after 12 ms", "hint: it printed: said \\u{1b}[1m"]);
      expect(lines("long")[1]).toBe(`hint: it printed: ${"x".repeat(4096)}`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
