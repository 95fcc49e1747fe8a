// References to the namespaces of somebody else, as people write them in box.yaml, in flags and in plugin options, as paths.

import { checkContainerId } from "../config/container-id.ts";
import type { NamespaceType } from "../config/spec.ts";
import { BoxError } from "../errors.ts";
import { readText } from "../execute/files.ts";
import { initLives } from "../execute/init-lives.ts";
import { findContainer } from "../execute/state-folder.ts";
import type { State } from "../state/state.ts";

/** Below /proc/PID/ns (namespaces(7)). */
export const namespaceFiles: Readonly<Record<NamespaceType, string>> = {
  pid: "pid",
  network: "net",
  mount: "mnt",
  ipc: "ipc",
  uts: "uts",
  user: "user",
  cgroup: "cgroup",
  // Not time_for_children: what is meant is the one that the process is in itself.
  time: "time",
};

/** A reference that was resolved, for the check of what the configuration joins in the end. */
export type Reference = {
  readonly type: NamespaceType;
  readonly path: string;
  /** As it was written: `container:db`. */
  readonly text: string;
  /** The flag that it was given by: `--net`. */
  readonly flag?: string;
  readonly container?: { readonly id: string; readonly folder: string; readonly state: State };
};

/** The namespace file of `container:ID`, `pid:NUMBER` or an absolute path; throws a BoxError when there is none. */
export function resolveNamespace(stateRoot: string, text: string, type: NamespaceType): Reference {
  if (text.startsWith("/")) return { type, text, path: text };
  const colon = text.indexOf(":");
  const [kind, name] = [text.slice(0, colon), text.slice(colon + 1)];
  if (kind === "pid") return { type, text, path: `/proc/${processPid(name)}/ns/${namespaceFiles[type]}` };
  if (kind !== "container")
    throw new BoxError({ what: `expected container:ID, pid:NUMBER or an absolute path, got ${JSON.stringify(text)}` });
  const container = runningContainer(stateRoot, checkContainerId(name));
  return { type, text, container, path: `/proc/${container.state.pid}/ns/${namespaceFiles[type]}` };
}

function runningContainer(stateRoot: string, id: string): NonNullable<Reference["container"]> {
  const found = findContainer(stateRoot, id);
  if (found === undefined) throw new BoxError({ what: `the container ${id} does not exist` });
  const { folder, state } = found;
  if (state === undefined || !initLives(state)) throw new BoxError({ what: `the container ${id} is not running` });
  return { id, folder, state };
}

/** As the text it was, once it is known to be a number and nothing else. */
function processPid(text: string): string {
  const digits = text !== "" && [...text].every((char) => char >= "0" && char <= "9");
  if (!digits || typeof readText(`/proc/${text}/stat`) !== "string") throw new BoxError({ what: `there is no process ${text}` });
  return text;
}
