import { expect, test } from "bun:test";
import { errorLines } from "../../src/cli/report-error.ts";
import { BoxError, type BoxFacts } from "../../src/errors.ts";

const cases: [facts: BoxFacts, lines: string[]][] = [
  [{ what: "a container id is missing" }, ["box: a container id is missing"]],
  [{ what: "cannot read", object: "/x" }, ["box: cannot read /x"]],
  [{ what: "cannot read", object: "/x", errno: "ENOENT" }, ["box: cannot read /x: ENOENT (no such file or directory)"]],
  [
    { origin: "mounts[3]", what: "cannot mount tmpfs on /data", call: 'mount("tmpfs")', errno: "EINVAL", hint: "try again" },
    ['box: mounts[3]: cannot mount tmpfs on /data: mount("tmpfs"): EINVAL (invalid argument)', "hint: try again"],
  ],
  [
    {
      what: "the configuration is not valid",
      faults: [
        { path: "process.cwd", expected: "an absolute path", got: '"srv"' },
        { path: "hostnam", problem: "unknown key", hint: 'did you mean "hostname"?' },
        { path: "", expected: "an object", got: "null" },
        { path: "root", expected: "an object" },
      ],
    },
    [
      'box: process.cwd: expected an absolute path, got "srv"',
      "box: hostnam: unknown key",
      'hint: did you mean "hostname"?',
      "box: the configuration is not valid: expected an object, got null",
      "box: root: expected an object",
    ],
  ],
  [
    { faults: [{ path: `linux["${"a".repeat(500)}"].x`, problem: "unknown key" }] },
    [`box: linux["${"a".repeat(193)}…${"a".repeat(96)}"].x: unknown key`],
  ],
  [{ what: "cannot read", object: "/\u001b[2J\nx\u202e" }, ["box: cannot read /\\u{1b}[2J\\nx\\u{202e}"]],
];
for (const [facts, lines] of cases) test(lines[0] ?? "", () => expect(errorLines(new BoxError(facts))).toEqual(lines));
