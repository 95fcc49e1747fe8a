// The process's ids, groups and umask.

import { expect } from "bun:test";
import type { User } from "../../src/config/spec.ts";
import { Bundle, testWith } from "./harness.ts";

const test = testWith();
const show = "grep -e ^Uid -e ^Gid -e ^Groups -e ^Umask /proc/self/status | tr -s '\\t ' ' '";

const cases: [title: string, user: User, uid: string, gid: string, groups: string, umask: string][] = [
  ["root", { uid: 0, gid: 0 }, "0 0 0 0", "0 0 0 0", "", "0022"],
  ["another user", { uid: 1000, gid: 1001 }, "1000 1000 1000 1000", "1001 1001 1001 1001", "", "0022"],
  [
    "a user with more groups",
    { uid: 1000, gid: 0, additionalGids: [5, 1002, 4294967294] },
    "1000 1000 1000 1000",
    "0 0 0 0",
    "5 1002 4294967294 ",
    "0022",
  ],
  [
    "the last ids",
    { uid: 4294967294, gid: 4294967294, umask: 0 },
    "4294967294 ".repeat(4).trim(),
    "4294967294 ".repeat(4).trim(),
    "",
    "0000",
  ],
  ["root with another group", { uid: 0, gid: 5, umask: 0o77, additionalGids: [] }, "0 0 0 0", "5 5 5 5", "", "0077"],
  ["a user who lets nobody in", { uid: 0, gid: 0, umask: 0o777 }, "0 0 0 0", "0 0 0 0", "", "0777"],
];
for (const [title, user, uid, gid, groups, umask] of cases)
  test(`ids, groups and umask of ${title}`, async () => {
    using bundle = new Bundle((spec) => (spec.process.user = user));
    expect(await bundle.sh(show)).toEqual([`Umask: ${umask}`, `Uid: ${uid}`, `Gid: ${gid}`, `Groups: ${groups}`]);
  });

test("the caller's groups are not passed on", async () => {
  using bundle = new Bundle();
  expect((await bundle.sh(show, { before: ["setpriv", "--groups", "7,8"] })).at(-1)).toBe("Groups: ");
});

test("the umask applies to what the program makes, not to what box makes", async () => {
  using bundle = new Bundle((spec) => {
    spec.process.user = { uid: 0, gid: 0, umask: 0o27 };
    spec.process.cwd = "/made/by/box";
    spec.root.readonly = false;
  });
  expect(
    await bundle.sh("mkdir /tmp/mine; stat -c %a /made /made/by/box /tmp/mine", { before: ["sh", "-c", 'umask 077; exec "$@"', "sh"] }),
  ).toEqual(["755", "755", "750"]);
});
