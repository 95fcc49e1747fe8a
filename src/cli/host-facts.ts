// Which facts of the host a container's plan needs, and those facts.

import type { Spec } from "../config/spec.ts";
import { hostReader } from "../execute/files.ts";
import { readInRoot } from "../execute/folders.ts";
import { machine } from "../execute/libc.ts";
import type { HostFacts } from "../host/facts.ts";
import { readFacts } from "../host/read-facts.ts";

/** What depends on the configuration; the other facts are always read. */
export type FactsAsked = {
  /** No limit on open files is configured, so the caller's is wanted. */
  readonly openFiles: boolean;
  /** The environment has no HOME, so the passwd file below this root is asked for the user's. */
  readonly home: { readonly root: string; readonly uid: number } | undefined;
};

export function factsAsked(spec: Spec, bundle: string, hostRoot: boolean): FactsAsked {
  let openFiles = true;
  for (const { type } of spec.process?.rlimits ?? []) if (type === "RLIMIT_NOFILE") openFiles = false;
  let knowsHome = false;
  for (const entry of spec.process?.env ?? []) if (entry.startsWith("HOME=") && entry !== "HOME=") knowsHome = true;
  if (knowsHome) return { openFiles, home: undefined };
  const path = spec.root?.path ?? "rootfs";
  const root = hostRoot ? "/" : path.startsWith("/") ? path : `${bundle}/${path}`;
  return { openFiles, home: { root, uid: spec.process?.user.uid ?? 0 } };
}

export const factsFor = ({ openFiles, home }: FactsAsked, stateRoot: string): HostFacts =>
  readFacts(hostReader, {
    machine,
    stateRoot,
    runtimeFolder: undefined,
    openFiles,
    home: home === undefined ? undefined : homeOf(home.root, String(home.uid)),
  });

/** Home folder of a user by the passwd file inside a root, `/` when it has none there, as with runc. */
function homeOf(root: string, uid: string): string {
  const text = readInRoot(root, "etc/passwd") ?? "";
  for (const line of text.split("\n")) {
    const parts = line.split(":");
    if (parts[2] === uid && parts[5] !== undefined && parts[5] !== "") return parts[5];
  }
  return "/";
}
