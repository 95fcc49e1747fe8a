// The process's ids, groups and umask.

import { expect } from "bun:test";
import type { User } from "../../src/config/spec.ts";
import { Bundle, testWith } from "./harness.ts";

const test = testWith();
const show = "grep -e ^Uid -e ^Gid -e ^Groups -e ^Umask /proc/self/status | tr -s '\\t ' ' '";

const cases: [user: User, uid: string, gid: string, groups: string, umask: string][] = [
  [{ uid: 0, gid: 0 }, "0 0 0 0", "0 0 0 0", "", "0022"],
  [{ uid: 1000, gid: 1001 }, "1000 1000 1000 1000", "1001 1001 1001 1001", "", "0022"],
  [{ uid: 1000, gid: 0, additionalGids: [5, 1002, 4294967294] }, "1000 1000 1000 1000", "0 0 0 0", "5 1002 4294967294 ", "0022"],
  [{ uid: 4294967294, gid: 4294967294, umask: 0 }, "4294967294 ".repeat(4).trim(), "4294967294 ".repeat(4).trim(), "", "0000"],
  [{ uid: 0, gid: 5, umask: 0o77, additionalGids: [] }, "0 0 0 0", "5 5 5 5", "", "0077"],
  [{ uid: 0, gid: 0, umask: 0o777 }, "0 0 0 0", "0 0 0 0", "", "0777"],
];
for (const [user, uid, gid, groups, umask] of cases)
  test(JSON.stringify(user), async () => {
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
