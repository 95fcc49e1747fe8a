// The container's limits on resources, written by box into its cgroups before there is a process in them. On v2 the
// controllers come first: a cgroup has the files of those that every cgroup above it hands on. Devices are in
// device-cgroup.ts.

import type { LimitWrite, Otherwise } from "../cgroup/limit-write.ts";
import { type LimitedCgroup, limitsOf, type PlacedLimit } from "../cgroup/limits.ts";
import type { ContainerCgroup } from "../cgroup/paths.ts";
import type { HostFacts } from "../host/facts.ts";
import { type ErrorTable, newSlot, type Step, step, type Variables } from "../tape/step.ts";
import type { Building } from "./builder.ts";
import { v2Of } from "./cgroups.ts";

/** Stands before the name of a limit in origins and notes. */
export const prefix = "linux.resources.";

export function limitResources({ cgroups, facts, limits: found, notes, spec }: Building, variables: Variables): Step[] {
  const resources = spec.linux?.resources;
  const limits = resources === undefined ? undefined : limitsOf(resources, cgroups, { prefix, delegated: hasDelegated(facts) });
  found.placed = limits;
  if (limits !== undefined) notes.push(...limits.notes);
  const steps: Step[] = [];
  const v2 = v2Of(cgroups);
  // On pure v2 without any limits too: what is not enabled is not counted either, and clients ask for statistics.
  if (v2 !== undefined && (facts.cgroups.v1.length === 0 || isIn(v2, limits?.writes ?? []))) enableControllers(steps, v2, variables);
  if (limits !== undefined) writeLimits(steps, limits.writes, variables, prefix);
  return steps;
}

/** Whether what there is of cgroups is only what somebody has handed to this user. */
export const hasDelegated = ({ uid, inUserNamespace }: HostFacts): boolean => uid !== 0 || inUserNamespace;

function isIn(cgroup: LimitedCgroup, writes: readonly PlacedLimit[]): boolean {
  for (const write of writes) if (write.cgroup === cgroup) return true;
  return false;
}

/**
 * All that the root offers, in each cgroup above the container's, as runc does. What cannot be (the files are
 * another user's; processes are in the way) is noticed by a limit that needs it.
 */
function enableControllers(steps: Step[], { controllers, mount, parts }: ContainerCgroup, variables: Variables): void {
  if (controllers.length === 0) return;
  const origin = "linux.cgroupsPath";
  const all = `+${controllers.join(" +")}`;
  const file = newSlot(variables, "fd", "cgroup.subtree_control");
  let path = mount;
  for (let depth = 0; depth < parts.length; depth++) {
    const why = `let cgroups below ${path} have controllers`;
    // Together it is one change for the kernel; but one that cannot be enabled then keeps none of the others.
    const ok = [step("write", [file, all, all.length], origin, why, { onError: "ignore" })];
    if (controllers.length > 1)
      for (const one of controllers)
        ok.push(step("write", [file, `+${one}`, one.length + 1], origin, `${why}: ${one}`, { onError: "ignore" }));
    ok.push(step("close", [file], origin, "done with it"));
    const open = step("openat", ["AT_FDCWD", `${path}/cgroup.subtree_control`, ["O_WRONLY", "O_CLOEXEC"], 0], origin, why, {
      out: file,
      onError: "ignore",
      ok,
    });
    steps.push(open);
    path += `/${parts[depth]}`;
  }
}

/** Adds the writes in their order. `before` stands in front of a field's name in a step's origin. */
export function writeLimits(steps: Step[], writes: readonly PlacedLimit[], variables: Variables, before: string): void {
  for (const write of writes) addWrite(steps, write, write.cgroup.path, variables, before);
}

function addWrite(steps: Step[], { file, field, otherwise, value, why }: LimitWrite, cgroup: string, variables: Variables, before: string) {
  const origin = before + field;
  const path = `${cgroup}/${file}`;
  // Named by its path, which a failed write then shows.
  const fd = newSlot(variables, "fd", path);
  const instead = ({ writes }: Otherwise): Step[] => {
    const other: Step[] = [];
    for (const one of writes) addWrite(other, one, cgroup, variables, before);
    return other;
  };
  const missing: ErrorTable[number][] = [];
  const refused: ErrorTable[number][] = [];
  for (const one of otherwise)
    (one.errno === "ENOENT" ? missing : refused).push(
      one.sameLimit === true ? [one.errno, instead(one), "fallback"] : [one.errno, instead(one)],
    );
  const set = [
    step("write", [fd, value, bytesOf(value)], origin, why, refused.length === 0 ? undefined : { onError: refused }),
    step("close", [fd], origin, "done with it"),
  ];
  const open = (more: { ok: Step[]; onError: ErrorTable } | undefined): Step =>
    step("openat", ["AT_FDCWD", path, ["O_WRONLY", "O_CLOEXEC"], 0], origin, why, { out: fd, ...more });
  if (missing.length > 0) steps.push(open({ ok: set, onError: missing }));
  else steps.push(open(undefined), ...set);
}

/** Names in a configuration may have any letters. */
function bytesOf(text: string): number {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 127) return new TextEncoder().encode(text).length;
  return text.length;
}
