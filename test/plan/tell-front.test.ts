import { expect, test } from "bun:test";
import { type Changes, calls, planWith, section } from "./plan-for.ts";

const created: Changes = { launch: { way: "created" } };
const hook = [{ path: "/bin/hook" }];
const withHook = (name: string, way: "created" | "detached" = "created"): Changes => ({
  launch: { way },
  spec: { hooks: { [name]: hook } },
});

/** Whether the plan makes the file for the front, finds out what is to be in it, and says where box puts it. */
function tells(changes: Changes): boolean {
  const { box, observe, record } = planWith(changes);
  const asks = observe.steps.some(({ call }) => call === "pidfd_open");
  const writes = record.steps.some(({ call, args }) => call === "openat" && args[1] === "front");
  const told = box.front.told !== undefined;
  if (writes !== told || asks !== told) throw new Error(`told: ${told}, looks at init: ${asks}, makes a file: ${writes}`);
  return told;
}

test.each<[what: string, changes: Changes]>([
  ["a created container", created],
  ["a detached one", { launch: { way: "detached" } }],
  ["one with hooks that run before its program", withHook("createRuntime")],
  ["one with a hook of init's at its start", withHook("startContainer")],
  [
    "one with a user namespace of its own",
    {
      ...created,
      linux: {
        namespaces: ["pid", "mount", "user"].map((type) => ({ type: type as "pid" | "mount" | "user" })),
        uidMappings: [{ containerID: 0, hostID: 100_000, size: 65_536 }],
        gidMappings: [{ containerID: 0, hostID: 100_000, size: 65_536 }],
      },
    },
  ],
])("the front is told of %s", (_, changes) => {
  expect(tells(changes)).toBe(true);
});

test.each<[what: string, changes: Changes]>([
  ["one in the foreground, which has a supervisor", {}],
  [
    "one whose output box writes",
    {
      launch: { way: "detached", stdio: { kind: "supervised", driver: "local", maxBytes: 1000, files: 1 } },
    },
  ],
  ["one whose program says when it is ready", { launch: { way: "created", notifies: true } }],
  ["one with a hook poststart", withHook("poststart")],
  ["a detached one with a hook poststart", withHook("poststart", "detached")],
  ["one with a hook poststop", withHook("poststop")],
  ["an ordinary user's", { ...created, facts: { uid: 1000, gid: 1000 } }],
  ["one made in a user namespace", { ...created, facts: { inUserNamespace: true } }],
  ["one on another machine, which has no front", { ...created, facts: { machine: "arm64" } }],
])("the front is not told of %s", (_, changes) => {
  expect(tells(created)).toBe(true);
  expect(tells(changes)).toBe(false);
});

test("who init is, is seen by a handle on it while it waits", () => {
  expect(section(planWith(created), "box: init in /proc")).toMatchInlineSnapshot(`
    "openat(AT_FDCWD, &path of the child in /proc, O_RDONLY|O_DIRECTORY|O_CLOEXEC, 0) → the child in /proc
            box: open init in /proc
    openat(the child in /proc, "stat", O_RDONLY|O_CLOEXEC, 0) → stat
            box: open its stat
    read(stat, &stat, 1023)
            box: read when it started
    close(stat)
            box: done with it
    pidfd_open(init's pid, 0) → pidfd of init, to look at   (errors ignored)
            id: take a handle on init
        [done] fstatfs(pidfd of init, to look at, &statfs of init's pidfd)   (errors ignored)
                id: see that the handle has a number of its own
        [done] statx(pidfd of init, to look at, "", AT_EMPTY_PATH, STATX_INO, &statx of init's pidfd)   (errors ignored)
                id: look at it
        [done] close(pidfd of init, to look at)
                id: done with it
    openat(AT_FDCWD, "/proc/sys/kernel/random/boot_id", O_RDONLY|O_CLOEXEC, 0) → boot_id   (errors ignored)
            id: find out which boot this is
        [done] read(boot_id, &this boot, 40)   (errors ignored)
                id: read it
        [done] close(boot_id)
                id: done with it
    statx(AT_FDCWD, "/proc/self/ns/pid", 0, STATX_INO, &statx of the pid namespace)   (errors ignored)
            id: see in which namespace its pid is"
  `);
});

test("the file is made by nobody else, for root alone, once the state is there", () => {
  expect(calls(planWith(created), "box: terminal and state")).toMatchInlineSnapshot(`
    "openat(state folder, "state.new", O_WRONLY|O_CREAT|O_TRUNC|O_NOFOLLOW|O_CLOEXEC, 0600) → state.json
    write(state.json, the state, its length)
    close(state.json)
    renameat2(state folder, "state.new", state folder, "state.json", 0)
    openat(state folder, "front", O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600) → what the front is told
    write(what the front is told, what the front is told, its length)
    close(what the front is told)"
  `);
});
