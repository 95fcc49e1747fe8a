import { expect, test } from "bun:test";
import { checkStdioAnswer } from "../../src/cli/stdio-answer.ts";
import { BoxError } from "../../src/errors.ts";

const log = { kind: "supervised", driver: "local", maxBytes: 1, files: 1 };
const journal = { kind: "supervised", driver: "journald", socket: "/s", fields: { A: "b" } };

test.each([{ kind: "inherit" }, { kind: "file", path: "/l" }, { kind: "file", path: "/l", stderrPath: "/e" }, log, journal])(
  "%j",
  (answer) => expect(checkStdioAnswer(answer)).toEqual(answer as ReturnType<typeof checkStdioAnswer>),
);

test.each([
  [[], "it is no object"],
  [{ kind: "pipe" }, "kind is none of inherit, file, supervised"],
  [{ kind: "file", path: "l" }, "path is no absolute path of a file"],
  [{ kind: "file", path: "/l/" }, "path is no absolute path of a file"],
  [{ kind: "file", path: "/l", stderrPath: 3 }, "stderrPath is no absolute path of a file"],
  [{ ...log, driver: "syslog" }, "driver is none of local, journald"],
  [{ ...log, path: "l" }, "path is no absolute path of a file"],
  [{ ...log, maxBytes: 0 }, "maxBytes is no number of bytes"],
  [{ ...log, path: `/${"a".repeat(254)}`, files: 2 }, `the name ${"a".repeat(254)}.1 is longer than 255 bytes`],
  [{ ...log, files: 101 }, "files is no number from 1 to 100"],
  [{ ...journal, socket: `/${"s".repeat(107)}` }, "socket is no path of a socket"],
  [{ ...journal, fields: { A: "b\nMESSAGE=c" } }, "fields has a name or a value that the journal refuses"],
  [{ ...journal, fields: { "A=": "b" } }, "fields has a name or a value that the journal refuses"],
] as const)("%j is none", (answer, problem) =>
  expect(() => checkStdioAnswer(answer)).toThrow(new BoxError({ what: `that is no choice for stdio: ${problem}` })),
);
