// How a container is started: who looks after it, who hands it a terminal, what it keeps of box's descriptors. The
// configuration does not say any of this; the command and its flags do.

import { inherited, isSupervised, type Stdio } from "../config/stdio-choice.ts";

export type Launch = {
  /**
   * "foreground": box becomes its supervisor. "detached": it runs by itself. "created": by itself too, and init waits for
   * `box start` before it becomes the program.
   */
  readonly way: "foreground" | "detached" | "created";
  /** Absolute path of the socket that gets the terminal's master. */
  readonly consoleSocket?: string;
  /** Absolute path of the socket that gets a pidfd of init. */
  readonly pidfdSocket?: string;
  /** Absolute path of the file that gets init's pid. */
  readonly pidFile?: string;
  /** How many descriptors from 3 on the program gets. */
  readonly preserveFds: number;
  /** How many of them systemd has passed, of which the program is told (sd_listen_fds(3)). */
  readonly listenFds: number;
  /** There is a socket of box's own for sd_notify(3): its folder is to be made. */
  readonly notifies: boolean;
  /** chroot instead of pivot_root, for roots such as an initramfs that pivot_root refuses. */
  readonly noPivot: boolean;
  /** With a supervisor: leave state and cgroups when the container has ended, for `box delete`. */
  readonly keep: boolean;
  /** How init ended, and when, is noted in the state folder. */
  readonly notesEnd: boolean;
  /** Who gets stdout and stderr. */
  readonly stdio: Stdio;
  /** Stdin of a detached container with a supervisor: a FIFO that `box attach` writes to, instead of the null device. */
  readonly openStdin: boolean;
  /** Where a detached supervisor tells the box that started it that the container runs. */
  readonly reportFd: number | undefined;
  /** Box adopts what a container without a pid namespace of its own leaves behind (PR_SET_CHILD_SUBREAPER(2const)). */
  readonly subreaper: boolean;
  /** A session keyring of the container's own. */
  readonly newKeyring: boolean;
};

export const foreground: Launch = {
  way: "foreground",
  preserveFds: 0,
  listenFds: 0,
  notifies: false,
  noPivot: false,
  keep: false,
  notesEnd: false,
  stdio: inherited,
  openStdin: false,
  reportFd: undefined,
  subreaper: true,
  newKeyring: true,
};

/** Whether box becomes a supervisor once the container runs. */
export const hasSupervisor = ({ way, stdio }: Pick<Launch, "way" | "stdio">): boolean =>
  way === "foreground" || (way === "detached" && isSupervised(stdio));

/**
 * Numbers at which the child finds what box hands it; -1 where it gets none. Preserved descriptors keep their numbers,
 * but for the one in whose place the stage looks for its tape (layout.ts, ARENA_FD): that one is kept at `third`.
 */
export type Handed = {
  readonly sync: number;
  /** The FIFOs between init and `box start`. */
  readonly wait: number;
  readonly answer: number;
  /** Files in memory: the state for hooks, and what hooks print. */
  readonly hookState: number;
  readonly hookOutput: number;
  readonly third: number;
  /** A pidfd of the init to join. */
  readonly init: number;
  /** The first that the child has no use for. */
  readonly end: number;
};

export function handedTo({ way, preserveFds }: Launch, needs: { readonly hooks: boolean; readonly init: boolean }): Handed {
  let end = 4 + (preserveFds > 0 ? preserveFds - 1 : 0);
  const next = (needed: boolean): number => (needed ? end++ : -1);
  const sync = next(true);
  const wait = next(way === "created");
  const answer = next(way === "created");
  const hookState = next(needs.hooks);
  const hookOutput = next(needs.hooks);
  const third = next(preserveFds > 0);
  const init = next(needs.init);
  return { sync, wait, answer, hookState, hookOutput, third, init, end };
}

/** Where programs of a host are. */
export const usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
