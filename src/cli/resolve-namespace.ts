// References to the namespaces of somebody else, as people write them in box.yaml and in plugin options, as paths.

import { checkContainerId } from "../config/container-id.ts";
import type { NamespaceType } from "../config/spec.ts";
import { BoxError } from "../errors.ts";
import { readText } from "../execute/files.ts";
import { initLives } from "../execute/init-lives.ts";
import { findContainer } from "../execute/state-folder.ts";

/** Below /proc/PID/ns (namespaces(7)). */
const files: Readonly<Record<NamespaceType, string>> = {
  pid: "pid",
  network: "net",
  mount: "mnt",
  ipc: "ipc",
  uts: "uts",
  user: "user",
  cgroup: "cgroup",
  time: "time",
};

/** The namespace file of `container:ID`, `pid:NUMBER` or an absolute path; throws a BoxError when there is none. */
export function resolveNamespace(stateRoot: string, reference: string, type: NamespaceType): string {
  if (reference.startsWith("/")) return reference;
  const colon = reference.indexOf(":");
  const [kind, name] = [reference.slice(0, colon), reference.slice(colon + 1)];
  if (kind === "container") return `/proc/${containerPid(stateRoot, checkContainerId(name))}/ns/${files[type]}`;
  if (kind === "pid") return `/proc/${processPid(name)}/ns/${files[type]}`;
  throw new BoxError({ what: `expected container:ID, pid:NUMBER or an absolute path, got ${JSON.stringify(reference)}` });
}

function containerPid(stateRoot: string, id: string): number {
  const found = findContainer(stateRoot, id);
  if (found === undefined) throw new BoxError({ what: `the container ${id} does not exist` });
  if (found.state === undefined || !initLives(found.state)) throw new BoxError({ what: `the container ${id} is not running` });
  return found.state.pid;
}

/** As the text it was, once it is known to be a number and nothing else. */
function processPid(text: string): string {
  const digits = text !== "" && [...text].every((char) => char >= "0" && char <= "9");
  if (!digits || typeof readText(`/proc/${text}/stat`) !== "string") throw new BoxError({ what: `there is no process ${text}` });
  return text;
}
