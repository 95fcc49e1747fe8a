// What a reader of a plan should know about namespaces that are not the container's own: whose they are, and what follows.

import type { NamespaceType, Spec } from "../config/spec.ts";
import type { Join } from "./builder.ts";
import { joinedName } from "./namespaces.ts";

/** Those that a container usually has for itself. */
const usual: readonly NamespaceType[] = ["pid", "network", "ipc", "uts", "cgroup"];

export function sharingNotes({ linux }: Spec, joins: readonly Join[]): string[] {
  const notes = joins.map((join) => `shares ${joinedName(join)}${join.type === "pid" ? endsWith(join) : ""}`);
  const listed = (linux?.namespaces ?? []).map(({ type }) => type);
  const host = usual.filter((type) => !listed.includes(type));
  if (host.length > 0) notes.push(`shares with the host: ${host.join(", ")}`);
  return notes;
}

/** pid_namespaces(7). */
const endsWith = ({ to }: Join): string =>
  `: the kernel ends this container when ${to?.startsWith("container:") === true ? "that one ends" : "the first process there ends"}`;
