// The container's terminal: a pseudoterminal of the container's own devpts. The slave comes from the master itself
// (TIOCGPTPEER), never by its name, and is mounted on /dev/console by descriptor (CVE-2025-52565). The master goes to
// box over the line between them.

import { filesystemMagic } from "../linux/magic.ts";
import { structFields } from "../linux/structs.ts";
import { address, compute, newBuffer, type Slot, type Step, type Struct, slotIn, step } from "../tape/step.ts";
import { type Building, newFd, newInt } from "./builder.ts";
import { statxOffset } from "./masks.ts";
import { attach, openRootFolder } from "./root.ts";
import { messageToSend } from "./send-descriptor.ts";
import { ensureInRoot, expectEqual, OPEN_HOW_BYTES, openInRoot, pointerTo } from "./steps.ts";

const origin = "process.terminal";

/** In a joined mount namespace its root is already this process's. */
export const terminalThere = (building: Building): Step[] => [
  openRootFolder(building, "/", building.root),
  ...openTerminal(building),
  step("close", [building.root], "process.terminal", "done with it"),
];

/** Makes the pseudoterminal and sends its master to box; with a root of the container's own, /dev/console is its slave. */
export function openTerminal(building: Building): Step[] {
  const master = newFd(building, "master");
  const console = building.namespaces.joined.has("mount") ? [] : bindConsole(building);
  return [...openMaster(building, master), ...openSlave(building, master), ...console, ...sendMaster(building, master)];
}

/**
 * Only the multiplexer of a devpts will do: a planted device or file would hand out somebody else's terminals, and
 * opening it could do more. So the folder is looked at first: nothing can be planted in a devpts but a mount.
 */
function openMaster(building: Building, master: Slot<"fd">): Step[] {
  const { variables } = building.child;
  const folder = newFd(building, "/dev/pts");
  const statfs = newBuffer(variables, "statfs", structFields.statfs.bytes);
  const magic = slotIn("int", statfs, 0, "filesystem of /dev/pts");
  const rdev = slotIn("int", building.statx, statxOffset("rdev_major"), "device number of ptmx");
  const how: Struct = {
    struct: "open_how",
    flags: ["O_RDWR", "O_NOCTTY", "O_CLOEXEC"],
    resolve: ["RESOLVE_BENEATH", "RESOLVE_NO_SYMLINKS", "RESOLVE_NO_XDEV"],
  };
  return [
    openInRoot(building.root, "dev/pts", "folder", origin, "open /dev/pts", folder),
    step("fstatfs", [folder, pointerTo(statfs)], origin, "look at its filesystem"),
    expectEqual(
      magic,
      -1,
      filesystemMagic.DEVPTS_SUPER_MAGIC,
      origin,
      "open a pseudoterminal",
      "/dev/pts is not a filesystem of pseudoterminals",
    ),
    step("openat2", [folder, "ptmx", how, OPEN_HOW_BYTES], origin, "open a pseudoterminal of the container's own", { out: master }),
    step("close", [folder], origin, "done with it"),
    step("statx", [master, "", ["AT_EMPTY_PATH"], ["STATX_TYPE"], pointerTo(building.statx)], origin, "look at its device number"),
    expectEqual(rdev, -1, 2 * 4294967296 + 5, origin, "open a pseudoterminal", "/dev/pts/ptmx is not a pseudoterminal multiplexer"),
    ioctl(master, "TIOCSPTLCK", address(newBuffer(variables, "unlocked", 8)), "unlock it"),
  ];
}

const ioctl = (file: Slot<"fd">, request: "TIOCSPTLCK" | "TIOCSWINSZ", argument: ReturnType<typeof address>, why: string): Step =>
  step("ioctl", [file, [request], argument], origin, why);

function openSlave(building: Building, master: Slot<"fd">): Step[] {
  const slave = building.terminal;
  const size = building.spec.process?.consoleSize;
  const { uid } = building.spec.process?.user ?? { uid: 0 };
  const flags = newInt(building, "flags");
  const steps = [
    compute([O_RDWR_NOCTTY_CLOEXEC, 0, 0, -1], origin, "flags of the slave: O_RDWR|O_NOCTTY|O_CLOEXEC", { out: flags }),
    step("ioctl", [master, ["TIOCGPTPEER"], flags], origin, "open its slave, not by name", { out: slave }),
  ];
  if (size !== undefined) {
    const winsize = new Uint8Array(new Uint16Array([size.height, size.width, 0, 0]).buffer);
    const buffer = newBuffer(building.child.variables, "winsize", 8, winsize);
    steps.push(ioctl(master, "TIOCSWINSZ", address(buffer), `set its size to ${size.width}x${size.height}`));
  }
  steps.push(
    step("fchown", [slave, uid, -1], origin, `give it to user ${uid}`, {
      onError: [
        ["EINVAL", []],
        ["EPERM", []],
      ],
    }),
  );
  return steps;
}

/** The same on x86-64 and aarch64. */
const O_RDWR_NOCTTY_CLOEXEC = 0o2 | 0o400 | 0o2000000;

/** A link at /dev/console is covered, not followed: it could name any file of the container. */
function bindConsole(building: Building): Step[] {
  const dev = newFd(building, "/dev");
  const console = newFd(building, "place of /dev/console");
  const mount = newFd(building, "/dev/console");
  return [
    ensureInRoot(building.child, building.root, "/dev", "folder", origin, dev),
    step("mknodat", [dev, "console", 0o100644, { major: 0, minor: 0 }], origin, "make the file /dev/console to mount on", {
      onError: [["EEXIST", []]],
    }),
    step("openat", [dev, "console", ["O_PATH", "O_NOFOLLOW", "O_CLOEXEC"], 0], origin, "open the file /dev/console", { out: console }),
    step(
      "open_tree",
      [building.terminal, "", ["OPEN_TREE_CLONE", "OPEN_TREE_CLOEXEC", "AT_EMPTY_PATH"]],
      origin,
      "copy the slave as a mount",
      { out: mount },
    ),
    attach(mount, console, origin, "mount the terminal on /dev/console"),
    step("close", [mount], origin, "done with it"),
    step("close", [console], origin, "done with it"),
    step("close", [dev], origin, "done with it"),
  ];
}

function sendMaster(building: Building, master: Slot<"fd">): Step[] {
  const { message, descriptor } = messageToSend(building.child.variables, "t");
  return [
    compute([master, 0, 0, -1], origin, "put the terminal into a message", { out: descriptor }),
    step("sendmsg", [building.handed.sync, address(message), ["MSG_NOSIGNAL"]], origin, "send the terminal to box"),
    step("close", [master], origin, "keep only the slave"),
  ];
}

/** The process's own terminal: controlling, and its stdio. */
export function takeTerminal(building: Building): Step[] {
  const slave = building.terminal;
  const steps = [step("ioctl", [slave, ["TIOCSCTTY"], null], origin, "make it the controlling terminal")];
  for (const fd of [0, 1, 2]) steps.push(step("dup3", [slave, fd, []], origin, `use it as descriptor ${fd}`));
  return steps;
}
