import { expect, test } from "bun:test";
import { diffPlans, isSame, printDiff } from "../../src/plan/diff-plans.ts";
import { allowAll, type Changes, planWith } from "./plan-for.ts";

/** The printed differences of two configurations, without the numbers of steps. */
function diff(from: Changes, to: Changes): string {
  const sides = [
    { name: "a", plan: planWith(from) },
    { name: "b", plan: planWith(to) },
  ] as const;
  const printed = printDiff(...sides);
  expect(printed === "").toBe(isSame(diffPlans(...sides)));
  return printed.replaceAll(/^([-+]) *\d+ /gm, "$1 ");
}
const mounts = [
  { destination: "/proc", type: "proc", source: "proc" },
  { destination: "/data", type: "tmpfs", source: "tmpfs" },
];

test("a plan and itself", () => expect(diff({}, {})).toBe(""));

test("another host name", () => {
  expect(diff({ spec: { hostname: "one" } }, { spec: { hostname: "two" } })).toMatchInlineSnapshot(`
    "--- a
    +++ b

    init: identity
    -  sethostname("one", 3)
    -        hostname: set the host name to one
    +  sethostname("two", 3)
    +        hostname: set the host name to two"
  `);
});

test("a mount in front: what only stands at another place in the configuration does not count", () => {
  expect(diff({ mounts: mounts.slice(1) }, { mounts })).toMatchInlineSnapshot(`
    "--- a
    +++ b

    init: mounts
    +  fsopen("proc", FSOPEN_CLOEXEC) → mount context
    +        mounts[0]: mount proc on /proc
    +  fsconfig(mount context, FSCONFIG_SET_STRING, "source", "proc", 0)
    +        mounts[0]: mount proc on /proc
    +  fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
    +        mounts[0]: mount proc on /proc
    +  fsmount(mount context, FSMOUNT_CLOEXEC, 0) → /proc
    +        mounts[0]: mount proc on /proc
    +  close(mount context)
    +        mounts[0]: done with it
    +  openat2(root, "proc", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS}, 24) → place of /proc   (again on EAGAIN)
    +        mounts[0]: open /proc in the container's root, without following a link
    +      [ENOENT] mkdirat(root, "proc", 0755)
    +            mounts[0]: make the folder /proc in the container's root
    +      [ENOENT] openat2(root, "proc", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS}, 24) → place of /proc   (again on EAGAIN)
    +            mounts[0]: open /proc in the container's root, without following a link
    +  move_mount(/proc, "", place of /proc, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    +        mounts[0]: mount proc on /proc
    +  close(place of /proc)
    +        mounts[0]: done with it
    +  close(/proc)
    +        mounts[0]: done with it"
  `);
});

test("what is not printed of a long list", () => {
  const env = Array.from({ length: 12 }, (_, index) => `N${index}=x`);
  expect(diff({ process: { env: [...env, "A=1"] } }, { process: { env: [...env, "A=2", "B=3"] } })).toMatchInlineSnapshot(`
    "--- a
    +++ b

    init: program
    -  execve(the program's name, ["sh"], ["N0=x", "N1=x", "N2=x", "N3=x", "N4=x", "N5=x", "N6=x", "N7=x", … 5 more])
    -        process.args[0]: execute sh
    +  execve(the program's name, ["sh"], ["N0=x", "N1=x", "N2=x", "N3=x", "N4=x", "N5=x", "N6=x", "N7=x", … 6 more])
    +        process.args[0]: execute sh
    +        without "A=1"
    +        with "A=2"
    +        with "B=3""
  `);
});

test("bytes that have other contents", () => {
  const other = { ...allowAll, filter: Uint8Array.from(allowAll.filter, (byte) => byte ^ 1) };
  expect(diff({ seccomp: allowAll }, { seccomp: other })).toMatchInlineSnapshot(`
    "--- a
    +++ b

    box: state, cgroups and the child
    -  write(filter, 8 bytes, 8)
    -        id: write the filter of system calls
    +  write(filter, 8 bytes, 8)
    +        id: write the filter of system calls
    +        argument 2 has other contents

    init: program
    -  seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG, {len: 1, filter: &filter of system calls})
    -        linux.seccomp: filter system calls
    +  seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG, {len: 1, filter: &filter of system calls})
    +        linux.seccomp: filter system calls
    +        argument 3 has other contents"
  `);
});

test("notes", () =>
  expect(
    diff({ facts: { cgroups: { v1: [], v2: undefined, writable: false } } }, {})
      .split("\n")
      .slice(0, 3),
  ).toEqual(["--- a", "+++ b", "-note: no cgroup: this user may make none here"]));

test("as data", () => {
  const sides = [
    { name: "a", plan: planWith({ spec: { hostname: "one" } }) },
    { name: "b", plan: planWith({ spec: { hostname: "two" } }) },
  ] as const;
  const { changes, notes } = diffPlans(...sides);
  expect([notes, changes.map(({ change, step }) => `${change} ${step.text}`)]).toEqual([
    { removed: [], added: [] },
    ['removed sethostname("one", 3)', 'added sethostname("two", 3)'],
  ]);
});
