// linux.sysctl: values of the container's own namespaces, written by init once it is in all of them. Which names are of a
// namespace is check-spec.ts's to say; that a joined network namespace is not the host's only the tape can see.

import { joinPath } from "../config/faults.ts";
import { sysctlPath } from "../config/sysctl-path.ts";
import { compute, type Slot, type Step, slotIn, step } from "../tape/step.ts";
import { type Building, newFd, newInt } from "./builder.ts";
import { statxOffset } from "./masks.ts";
import { openProcfs, writeInProcfs } from "./procfs.ts";
import { pointerTo } from "./steps.ts";

/** `opened`: a procfs of box's own that others use as well, and close. */
export function writeSysctls(building: Building, opened?: Slot<"fd">): Step[] {
  const sysctls = building.spec.linux?.sysctl ?? {};
  const steps: Step[] = [];
  const proc = opened ?? newFd(building, "procfs");
  for (const name in sysctls) {
    const value = sysctls[name] as string;
    if (steps.length === 0 && opened === undefined) steps.push(...openProcfs(building, proc, "linux.sysctl"));
    steps.push(
      ...writeInProcfs(
        building,
        proc,
        `sys/${sysctlPath(name)}`,
        value,
        joinPath("linux.sysctl", name),
        `set ${name} to ${JSON.stringify(value)}`,
      ),
    );
  }
  if (steps.length > 0 && opened === undefined) steps.push(step("close", [proc], "linux.sysctl", "done with it"));
  return steps;
}

/**
 * Stops when the network namespace to be joined is the one that box is in: its sysctls and devices are not the container's to
 * change. Made by the helper while it is still there.
 */
export function refuseHostNetwork(building: Building): Step[] {
  const path = building.namespaces.joined.get("network");
  const sysctls = building.spec.linux?.sysctl ?? {};
  const devices = building.spec.linux?.netDevices ?? {};
  let first: { readonly origin: string; readonly why: string } | undefined;
  for (const name in sysctls)
    if (first === undefined && sysctlPath(name)?.startsWith("net/")) first = { origin: joinPath("linux.sysctl", name), why: `set ${name}` };
  for (const name in devices) first ??= { origin: joinPath("linux.netDevices", name), why: `move the device ${name}` };
  if (path === undefined || first === undefined) return [];
  const { origin, why } = first;
  const found = slotIn("int", building.statx, statxOffset("ino"), "its number");
  const own = newInt(building, "number of the network namespace of box");
  const look = (file: string, why: string): Step =>
    step("statx", ["AT_FDCWD", file, [], ["STATX_INO"], pointerTo(building.statx)], origin, why);
  const refused = step("getpid", [], origin, why, {
    expect: { value: 0, refused: `the network namespace ${path} is the host's` },
  });
  return [
    look("/proc/self/ns/net", "look at the network namespace of box"),
    compute([found, 0, 0, -1], origin, "keep its number", { out: own }),
    look(path, `look at the network namespace ${path}`),
    // A difference of 64 bits might be a small negative number, and so an errno.
    compute([found, 0, own, 0xffffffff], origin, "are they the same?", { equal: { value: 0, steps: [refused] } }),
  ];
}
