import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Errno, errno } from "../../src/linux/errno.ts";
import { errnoName } from "../../src/linux/errno-name.ts";
import { errnoText } from "../../src/linux/errno-text.ts";
import { ask, canAsk } from "./header-values.ts";

const names = Object.keys(errno) as Errno[];

for (const machine of ["x64", "arm64"] as const)
  test.skipIf(!canAsk(machine, `errnos of ${machine}`))(`numbers are those of the C headers, ${machine}`, () => {
    const answers = ask(machine, Object.fromEntries(names.map((name) => [name, { expression: name }])));
    expect(Object.fromEntries(answers)).toEqual(Object.fromEntries(names.map((name) => [name, BigInt(errno[name])])));
  });

test("1 to 133 without the two that Linux leaves out", () => {
  const all = Array.from({ length: 133 }, (_, index) => index + 1).filter((number) => number !== 41 && number !== 58);
  expect(names.map((name) => errno[name])).toEqual(all as (typeof errno)[Errno][]);
});

/** What libc says, a line each: the words of the table, but for the first letter. */
function strerrors(): string[] {
  const folder = mkdtempSync(join(tmpdir(), "box-errno-"));
  try {
    const source = `#include <stdio.h>\n#include <string.h>\nint main(void) { for (int n = 1; n <= 133; n++) puts(strerror(n)); }`;
    const program = join(folder, "strerror");
    const gcc = Bun.spawnSync(["gcc", "-x", "c", "-o", program, "-"], { stdin: Buffer.from(source) });
    if (gcc.exitCode !== 0) throw new Error(gcc.stderr.toString());
    return Bun.spawnSync([program], { env: { LC_ALL: "C" } })
      .stdout.toString()
      .split("\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** `Invalid argument` as `invalid argument`; `RFS specific error` stays. */
const lowerFirst = (text: string): string => (/^[A-Z]{2}/.test(text) ? text : text.charAt(0).toLowerCase() + text.slice(1));

test.skipIf(!canAsk("libc", "errno texts"))("texts are glibc's", () => {
  const said = strerrors();
  expect(names.map(errnoText)).toEqual(names.map((name) => lowerFirst(said[errno[name] - 1] ?? "")));
});

test("errnoName", () => {
  expect(errnoName(22)).toBe("EINVAL");
  expect(errnoName(95)).toBe("EOPNOTSUPP");
  expect(errnoName(999)).toBe("errno 999");
  expect(errnoText("errno 999" as Errno)).toBe("unknown error");
});
