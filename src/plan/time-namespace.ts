// A new time namespace. Unlike the others it is entered by children only, and its clocks can be set until the first one
// is there; clone takes no flag for it, and a clone3 that shares memory leaves the child outside (time_namespaces(7)). So
// the helper makes it, sets the clocks, and then clones init.

import type { TimeOffset } from "../config/spec.ts";
import { BoxError } from "../errors.ts";
import { type Step, step } from "../tape/step.ts";
import type { Building } from "./builder.ts";
import { writeOwnFile } from "./procfs.ts";

/** For the helper, before it joins anything: the offsets are written to its own /proc/self. */
export function makeTimeNamespace(building: Building): Step[] {
  const { facts, namespaces, spec } = building;
  if (!namespaces.made.has("time")) return [];
  const list = spec.linux?.namespaces ?? [];
  const origin = `linux.namespaces[${list.findIndex(({ type }) => type === "time")}]`;
  if (facts.uid !== 0) {
    const problem = "a new time namespace takes root's rights, which a new user namespace gives too late";
    throw new BoxError({ what: "the configuration cannot be had on this host", faults: [{ path: origin, problem }] });
  }
  const steps = [step("unshare", [["CLONE_NEWTIME"]], origin, "make a time namespace for the processes to come")];
  const offsets = spec.linux?.timeOffsets ?? {};
  let lines = "";
  for (const clock of ["monotonic", "boottime"] as const) lines += lineFor(clock, offsets[clock]);
  if (lines !== "") steps.push(...writeOwnFile(building, "timens_offsets", lines, "linux.timeOffsets", "set its clocks"));
  return steps;
}

/** One line of /proc/PID/timens_offsets: clock, seconds, nanoseconds. */
const lineFor = (clock: string, offset: TimeOffset | undefined): string =>
  offset === undefined ? "" : `${clock} ${offset.secs ?? 0} ${offset.nanosecs ?? 0}\n`;
