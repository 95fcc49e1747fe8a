// What a start does for sd_notify(3), when whoever called box has named a socket in NOTIFY_SOCKET.

import { BoxError } from "../errors.ts";
import { openNotifySocket, passReadiness } from "../execute/notify-socket.ts";
import { passSignals } from "../execute/pass-signals.ts";
import type { Between } from "../execute/run-container.ts";
import { errnoName } from "../linux/errno-name.ts";
import { notifyHost } from "./launch-flags.ts";

/** The socket is there before the program runs, and box stays until it is ready. */
export function notifying(between: Between, stateFolder: string): Between {
  let socket = -1;
  return {
    ...between,
    async prestart(state) {
      socket = openSocket(stateFolder);
      await between.prestart?.(state);
    },
    async poststart(state) {
      await between.poststart?.(state);
      passReadiness(socket, notifyHost() ?? "", state.pid, () => passSignals(state.pid));
    },
  };
}

export const waitUntilReady = (socket: number, pid: number): void => passReadiness(socket, notifyHost() ?? "", pid, () => undefined);

export function openSocket(stateFolder: string): number {
  const socket = openNotifySocket(stateFolder);
  if (socket < 0)
    throw new BoxError({ origin: "NOTIFY_SOCKET", what: "cannot make a socket for it", object: stateFolder, errno: errnoName(-socket) });
  return socket;
}
