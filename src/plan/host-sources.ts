// Sources of bind mounts for a container with a user namespace. Its root need not have a way to them: a folder above may be
// closed to all but an owner who is nobody in there. So the first process that comes from box, which still has the rights
// of whoever started it, copies them, and leaves the descriptors to init.

import type { Mount } from "../config/spec.ts";
import type { Slot, Step } from "../tape/step.ts";
import { setPropagation } from "./attributes.ts";
import { type Building, newFd } from "./builder.ts";
import type { MappedMounts } from "./mapped-mounts.ts";
import { isBind, keepsHostPeers, openBindSource } from "./mounts.ts";

/**
 * `mapped`: sources that are copied already; the result has them too. Without root there are no such rights to use, and
 * before Linux 5.12 no way to make a copy a slave.
 */
export function openHostSources(building: Building, mapped: MappedMounts["sources"]): MappedMounts {
  const { facts, namespaces } = building;
  const steps: Step[] = [];
  const user = namespaces.made.has("user") || namespaces.joined.has("user");
  if (!user || namespaces.joined.has("mount") || facts.uid !== 0 || !facts.mountSetattr) return { steps, sources: mapped };
  const sources = new Map<number, Slot<"fd">>(mapped);
  const mounts = building.spec.mounts ?? [];
  for (let index = 0; index < mounts.length; index++) {
    const mount = mounts[index] as Mount;
    if (mapped.has(index) || !isBind(mount)) continue;
    const origin = `mounts[${index}]`;
    const source = newFd(building, mount.destination);
    sources.set(index, source);
    steps.push(openBindSource(building, mount, origin, source));
    if (keepsHostPeers(building, mount)) continue;
    // A copy shares the mounts that are made in it with the host's own, and all mounts of a container are slaves.
    steps.push(...setPropagation(building, source, "MS_SLAVE", true, origin, "let none of its mounts reach the host"));
  }
  return { steps, sources };
}
