// What has become of the containers whose namespaces a container shares: one may have ended or been removed while others
// go on in its namespaces, and its id may be another's by now.

import { initLives } from "../execute/init-lives.ts";
import { systemCall } from "../execute/libc.ts";
import { liveStatus } from "../execute/live-status.ts";
import { inodeOf, openNamespace } from "../execute/look-at-namespace.ts";
import { readFolder } from "../execute/state-folder.ts";
import type { Share, State } from "../state/state.ts";
import { namespaceFiles } from "./resolve-namespace.ts";
import type { ShownShare } from "./shown-state.ts";

/** `folder` is the container's own; the others' lie beside it. */
export const sharesNow = (folder: string, state: State, shares: readonly Share[]): ShownShare[] =>
  shares.map((share) => {
    if (!share.with.startsWith("container:")) return share;
    const id = share.with.slice("container:".length);
    return { ...share, status: statusOf(`${folder.slice(0, folder.lastIndexOf("/"))}/${id}`, state, share.type) };
  });

function statusOf(folder: string, own: State, type: Share["type"]): NonNullable<ShownShare["status"]> {
  const other = readFolder(folder);
  if (other.state === undefined) return "removed";
  // As long as both live, the kernel knows whether it is still the same namespace.
  if (initLives(own) && initLives(other.state)) {
    const [ours, theirs] = [numberOf(own.pid, type), numberOf(other.state.pid, type)];
    if (ours !== undefined && theirs !== undefined && ours !== theirs) return "another";
  }
  return liveStatus(other);
}

/** undefined for one that has just gone. */
function numberOf(pid: number, type: Share["type"]): number | undefined {
  const fd = openNamespace(`/proc/${pid}/ns/${namespaceFiles[type]}`);
  if (fd < 0) return undefined;
  const inode = inodeOf(fd);
  systemCall("close", fd);
  return inode;
}
