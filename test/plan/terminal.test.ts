import { expect, test } from "bun:test";
import { calls, planWith, section } from "./plan-for.ts";

const terminal = { terminal: true, consoleSize: { height: 24, width: 80 }, user: { uid: 33, gid: 33 } };

test("one of the container's own devpts, its slave on /dev/console, its master to box", () => {
  expect(calls(planWith({ process: terminal }), "init: terminal")).toMatchInlineSnapshot(`
    "openat2(root, "dev/pts", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → /dev/pts   (again on EAGAIN)
    fstatfs(/dev/pts, &statfs)
    compute filesystem of /dev/pts
    openat2(/dev/pts, "ptmx", {flags: O_RDWR|O_NOCTTY|O_CLOEXEC, resolve: RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS|RESOLVE_NO_XDEV}, 24) → master
    close(/dev/pts)
    statx(master, "", AT_EMPTY_PATH, STATX_TYPE, &statx)
    compute device number of ptmx
    ioctl(master, TIOCSPTLCK, &unlocked)
    compute 524546 → flags
    ioctl(master, TIOCGPTPEER, flags) → terminal
    ioctl(master, TIOCSWINSZ, &winsize)
    fchown(terminal, 33, -1)
    openat2(root, "dev", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → /dev   (again on EAGAIN)
    mknodat(/dev, "console", 0100644, makedev(0, 0))
    openat(/dev, "console", O_PATH|O_NOFOLLOW|O_CLOEXEC, 0) → place of /dev/console
    open_tree(terminal, "", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_EMPTY_PATH) → /dev/console
    move_mount(/dev/console, "", place of /dev/console, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    close(/dev/console)
    close(place of /dev/console)
    close(/dev)
    compute master → the descriptor in the message
    sendmsg(4, &msghdr {msg_iov: &iovec, msg_iovlen: 1, msg_control: &control, msg_controllen: 20}, MSG_NOSIGNAL)
    close(master)"
  `);
});

test("the process takes it for its stdio", () =>
  expect(
    calls(planWith({ process: terminal }), "init: process")
      .split("\n")
      .slice(0, 4),
  ).toEqual(["ioctl(terminal, TIOCSCTTY, NULL)", "dup3(terminal, 0, 0)", "dup3(terminal, 1, 0)", "dup3(terminal, 2, 0)"]));

test("box receives it before it writes the final state", () => {
  expect(
    calls(planWith({ process: terminal }), "box: terminal and state")
      .split("\n")
      .slice(0, 2)
      .join("\n"),
  ).toMatchInlineSnapshot(`
    "recvmsg(line to the child, &msghdr {msg_iov: &iovec, msg_iovlen: 1, msg_control: &control, msg_controllen: 20}, MSG_CMSG_CLOEXEC)
    compute (the descriptor in the message) & 0xffffffff → the container's terminal"
  `);
});

test("whoever asked for it at a socket gets it there, as it is", () => {
  const plan = planWith({ process: terminal, launch: { way: "detached", consoleSocket: "/run/c.sock" } });
  expect(calls(plan, "box: terminal and state").split("\n").slice(0, 8).join("\n")).toMatchInlineSnapshot(`
    "recvmsg(line to the child, &msghdr {msg_iov: &iovec, msg_iovlen: 1, msg_control: &control, msg_controllen: 20}, MSG_CMSG_CLOEXEC)
    compute (the descriptor in the message) & 0xffffffff → the container's terminal
    socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0) → socket for the terminal
    connect(socket for the terminal, &sockaddr_un, 14)
    compute the container's terminal → the descriptor in the message
    sendmsg(socket for the terminal, &msghdr {msg_iov: &iovec, msg_iovlen: 1, msg_control: &control, msg_controllen: 20}, MSG_NOSIGNAL)
    close(socket for the terminal)
    close(the container's terminal)"
  `);
});

test("a /dev/console that is there is covered, a link too", () => {
  const lines = section(planWith({ process: terminal }), "init: terminal")
    .split("\n")
    .filter((line) => line.includes('"console"'));
  expect(lines.join("\n")).toMatchInlineSnapshot(`
    "mknodat(/dev, "console", 0100644, makedev(0, 0))
    openat(/dev, "console", O_PATH|O_NOFOLLOW|O_CLOEXEC, 0) → place of /dev/console"
  `);
});

test("in a joined mount namespace it comes from there, and nothing is mounted", () => {
  const plan = planWith({ process: terminal, spec: { hostname: "" }, linux: { namespaces: [{ type: "mount", path: "/proc/7/ns/mnt" }] } });
  const made = calls(plan, "init: terminal").split("\n");
  expect(made[0]).toBe('openat(AT_FDCWD, "/", O_PATH|O_DIRECTORY|O_CLOEXEC, 0) → root');
  expect(made.filter((line) => /mount|console/.test(line))).toEqual([]);
});

test("without one none is made", () => {
  const plan = planWith({});
  expect(plan.child.some(({ title }) => title === "terminal")).toBe(false);
  expect(calls(plan, "box: terminal and state")).not.toContain("recvmsg");
});
