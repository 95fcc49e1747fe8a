// sd_notify(3) for a container: its program tells a socket of box's own that it is ready, and box passes that on to the
// socket of whoever called it (src/execute/notify-socket.ts). The socket's folder lies in the state folder.

import type { Mount, Spec } from "../config/spec.ts";

/** In the state folder. */
export const notifyFolder = "notify";
export const notifySocket = "notify.sock";
const inside = "/run/notify";

/** The configuration with the folder mounted, and the socket's place in the environment. */
export function withNotifySocket(spec: Spec, stateFolder: string): Spec {
  if (spec.process === undefined) return spec;
  const mount: Mount = {
    destination: inside,
    type: "bind",
    source: `${stateFolder}/${notifyFolder}`,
    options: ["bind", "nosuid", "noexec", "nodev", "ro"],
  };
  const env = [...(spec.process.env ?? []), `NOTIFY_SOCKET=${inside}/${notifySocket}`];
  return { ...spec, mounts: [...(spec.mounts ?? []), mount], process: { ...spec.process, env } };
}
