// The flags of run and create that say how a container is started, and what clients of runc expect of them.

import type { Spec } from "../config/spec.ts";
import { inherited, type Stdio } from "../config/stdio-choice.ts";
import { BoxError } from "../errors.ts";
import { addressOf, cString, systemCall } from "../execute/libc.ts";
import { modeOf, statusOf } from "../execute/status.ts";
import { foreground, hasSupervisor, type Launch } from "../plan/launch.ts";
import { longestSocketPath } from "../plan/send-descriptor.ts";
import type { FlagRow, Parsed } from "./arguments.ts";
import { absolute, launchesPlainly } from "./invocation.ts";

/** Those of exec too. */
export const handOnFlags: readonly FlagRow[] = [
  { name: "console-socket", value: "SOCKET", help: "send the terminal's master to this unix socket" },
  { name: "pidfd-socket", value: "SOCKET", help: "send a pidfd of the container's first process to this unix socket" },
  { name: "pid-file", value: "FILE", help: "write the pid of the container's first process to this file" },
  { name: "preserve-fds", value: "N", help: "pass N more descriptors, from 3 on, to the container" },
];

/** Of every command that reads a configuration. */
export const lenientFlag: FlagRow = {
  name: "lenient",
  help: "warn of keys that box does not know, and leave them out, instead of refusing them (as with BOX_LENIENT=1)",
};

export const launchFlags: readonly FlagRow[] = [
  ...handOnFlags,
  { name: "no-pivot", help: "use chroot instead of pivot_root, for a root on a ramdisk; less safe" },
  { name: "no-new-keyring", help: "keep the caller's session keyring instead of a new one" },
];

/** Of run and plan; log-request.ts makes something of them. */
export const logFlags: readonly FlagRow[] = [
  { name: "log-driver", value: "DRIVER", help: "where output goes: local (or json-file), file, journald (the plugin logging)" },
  { name: "log-opt", value: "NAME=VALUE", repeats: true, help: "an option of the driver, such as max-size=10m" },
];

/** Throws a BoxError for flags that contradict each other or the configuration. */
export function launchOf(parsed: Parsed, way: Launch["way"], spec: Spec, stdio: Stdio = inherited): Launch {
  const { values, switches } = parsed;
  const terminal = spec.process?.terminal === true;
  if (way === "foreground" && launchesPlainly(parsed) && stdio.kind === "inherit") return foreground;
  const supervised = hasSupervisor({ way, stdio });
  if (way !== "foreground" && stdio.kind !== "inherit") checkStdioChoice(parsed, way, terminal, stdio);
  const consoleSocket = socketPath(values["console-socket"], "--console-socket");
  const detached = way !== "foreground";
  if (detached && terminal && consoleSocket === undefined && !supervised)
    throw new BoxError({
      origin: "process.terminal",
      what: "cannot allocate tty if box will detach without setting console socket",
      hint: "give one with --console-socket",
    });
  if (consoleSocket !== undefined && !(detached && terminal))
    throw new BoxError({ origin: "--console-socket", what: "cannot use console socket if box will not detach or allocate tty" });
  const pidfdSocket = socketPath(values["pidfd-socket"], "--pidfd-socket");
  const pidFile = values["pid-file"];
  return {
    way,
    ...(consoleSocket === undefined ? {} : { consoleSocket }),
    ...(pidfdSocket === undefined ? {} : { pidfdSocket }),
    ...(pidFile === undefined || pidFile === "" ? {} : { pidFile: absolute(pidFile) }),
    preserveFds: preservedFds(values["preserve-fds"], listenFds()),
    listenFds: listenFds(),
    notifies: notifyHost() !== undefined,
    noPivot: switches.has("no-pivot"),
    keep: switches.has("keep") || (way === "detached" && supervised && !switches.has("rm")),
    notesEnd: switches.has("keep") || (way === "detached" && supervised),
    stdio,
    openStdin: switches.has("interactive"),
    reportFd: values["report-fd"] === undefined ? undefined : Number(values["report-fd"]),
    subreaper: supervised && !switches.has("no-subreaper"),
    newKeyring: !switches.has("no-new-keyring"),
  };
}

/** Throws a BoxError where nobody would be there to do what was chosen for stdio. */
function checkStdioChoice({ values }: Parsed, way: Launch["way"], terminal: boolean, stdio: Stdio): void {
  const refuse = (what: string, hint: string): never => {
    throw new BoxError({ origin: "stdio", what, hint });
  };
  if (stdio.kind === "file") {
    if (terminal) refuse("a file cannot be a container's terminal", "leave the terminal out");
    return;
  }
  if (way === "created") refuse("a log needs a supervisor, which create does not leave behind", "use run -d, or write into files");
  if (values["console-socket"] !== undefined && values["console-socket"] !== "")
    refuse("a terminal goes to the log or to --console-socket, not to both", "leave one of them out");
}

function socketPath(path: string | undefined, origin: string): string | undefined {
  if (path === undefined || path === "") return undefined;
  const whole = absolute(path);
  if (new TextEncoder().encode(whole).length > longestSocketPath)
    throw new BoxError({ origin, what: `the path of a socket may have ${longestSocketPath} bytes, and this one has more: ${whole}` });
  return whole;
}

const F_GETFD = 1;
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;

/** Of what the container's program gets from box as it is. */
export function checkStdio(): void {
  for (let fd = 0; fd < 3; fd++) refuseFolder(fd);
}

/** Through an open folder of the host everything there is within reach, whatever the root (CVE-2024-21626). */
function refuseFolder(fd: number, origin?: string): void {
  const status = statusOf(fd);
  if (status === undefined || (modeOf(status) & S_IFMT) !== S_IFDIR) return;
  const what = `descriptor ${fd} is a folder, and a container must get none of the host's`;
  throw new BoxError({ what, ...(origin === undefined ? {} : { origin }) });
}

/** From the flag, and those that systemd passes (sd_listen_fds(3)). */
function preservedFds(flag: string | undefined, passed: number): number {
  const origin = "--preserve-fds";
  const asked = /^\d{1,4}$/.test(flag ?? "0") ? Number(flag ?? "0") : PRESERVED_MAX + 1;
  if (asked > PRESERVED_MAX) throw new BoxError({ origin, what: `expected a number of descriptors, got ${JSON.stringify(flag)}` });
  const count = asked + passed;
  for (let fd = 3; fd < 3 + count; fd++) {
    if (systemCall("fcntl", fd, F_GETFD, 0) < 0 || isBuns(fd))
      throw new BoxError({ origin, what: `descriptor ${fd} of ${count} to preserve is not open` });
    refuseFolder(fd, origin);
  }
  return count;
}

/** More than anybody passes. */
const PRESERVED_MAX = 1024;

/**
 * The first descriptor that Bun opens for itself is an epoll, at the first number that is free: so where the caller has
 * passed too few, it stands in the place of the first that is missing.
 */
function isBuns(fd: number): boolean {
  const bytes = new Uint8Array(64);
  const name = cString(`/proc/self/fd/${fd}`);
  const length = systemCall("readlinkat", AT_FDCWD, name.address, addressOf(bytes), bytes.length);
  return new TextDecoder().decode(bytes.subarray(0, Math.max(0, length))) === "anon_inode:[eventpoll]";
}

const AT_FDCWD = -100;

/** How many descriptors systemd has passed to this process; what is no number is none (sd_listen_fds(3)). */
function listenFds(): number {
  const { LISTEN_FDS = "", LISTEN_PID } = process.env;
  return LISTEN_PID === String(process.pid) && /^\d{1,3}$/.test(LISTEN_FDS) ? Number(LISTEN_FDS) : 0;
}

/** The socket on which somebody waits to hear that the program is ready (sd_notify(3)). */
export function notifyHost(): string | undefined {
  const path = process.env.NOTIFY_SOCKET ?? "";
  return path.startsWith("/") || path.startsWith("@") ? path : undefined;
}
