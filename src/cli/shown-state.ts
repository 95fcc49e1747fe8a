// A container's state as state and list show it: the runtime-spec's state (runtime.md, "State") with what runc adds to
// it, keys in runc's order.

import { type ExitStatus, readExit } from "../execute/exit-status.ts";
import { readText } from "../execute/files.ts";
import { type LiveStatus, liveStatus } from "../execute/live-status.ts";
import type { Share, State } from "../state/state.ts";

export type ShownState = {
  readonly ociVersion: string;
  readonly id: string;
  /** 0 before there is an init and after it has ended. */
  readonly pid: number;
  readonly status: LiveStatus;
  readonly bundle: string;
  readonly rootfs: string;
  readonly created: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** A user's name, or `#1000` for one that has none. */
  readonly owner: string;
  /** Of one that has ended, where its end was noted. */
  readonly exit?: ExitStatus;
  /** What runc's has nothing like; only where there is something to say. */
  readonly box?: { readonly shares: readonly ShownShare[] };
};

/** A namespace of somebody else's; with a container's, what has become of that one. */
export type ShownShare = Share & { readonly status?: LiveStatus | "removed" | "another" };

export async function shownState(folder: string, state: State): Promise<ShownState> {
  const shown = plainly(folder, state);
  const { shares } = state.box;
  if (shares === undefined) return shown;
  const { sharesNow } = await import("./shares-now.ts");
  return { ...shown, box: { shares: sharesNow(folder, state, shares) } };
}

function plainly(folder: string, state: State): ShownState {
  const { ociVersion, id, pid, bundle, rootfs, created, annotations } = state;
  const status = liveStatus({ folder, state });
  const owner = ownerName(state.owner);
  const shownPid = status === "stopped" ? 0 : pid;
  const exit = status === "stopped" ? readExit(folder, state) : undefined;
  return {
    ...{ ociVersion, id, pid: shownPid, status, bundle, rootfs, created },
    ...(annotations === undefined ? {} : { annotations }),
    owner,
    ...(exit === undefined ? {} : { exit }),
  };
}

/** The state has a name for root alone, which saves most readers the search. */
function ownerName(owner: string): string {
  if (owner === "root") return owner;
  const passwd = readText("/etc/passwd");
  for (const line of typeof passwd === "string" ? passwd.split("\n") : []) {
    const [name = "", , uid] = line.split(":");
    if (uid === owner && name !== "") return name;
  }
  return `#${owner}`;
}
