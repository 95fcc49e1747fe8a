// Whether a container could change a file of the host: what is in its root, and what is bound into it to be written.

import { realFile } from "../execute/real-path.ts";
import type { Container } from "../plan/plan-container.ts";
import { sortOptions } from "../plan/sort-options.ts";

type Reaching = Pick<Container, "bundle" | "spec" | "hostRoot">;

/** The part of the configuration through which the container may write the file at `path`. */
export function withinReach(path: string, container: Reaching): string | undefined {
  for (const { folder, part } of writtenBy(container)) {
    const real = realFile(folder);
    if (typeof real !== "number" && (real.path === "/" || path === real.path || path.startsWith(`${real.path}/`))) return part;
  }
  return undefined;
}

/** What of the host it may write, as it is named, and through which part of its configuration. */
export function writtenBy({ bundle, spec, hostRoot }: Reaching): { folder: string; part: string }[] {
  const written: { folder: string; part: string }[] = [];
  const add = (folder: string, part: string): unknown =>
    written.push({ folder: folder.startsWith("/") ? folder : `${bundle}/${folder}`, part });
  if (!hostRoot && spec.root.readonly !== true) add(spec.root.path, "the root, root.path");
  for (const [index, { source, type, options = [] }] of (spec.mounts ?? []).entries()) {
    const binds = type === "bind" || options.includes("bind") || options.includes("rbind");
    if (!binds || source === undefined) continue;
    // Of "ro" and "rw" the later one counts.
    const { attributes, attributesBelow } = sortOptions(options);
    const readOnly = attributes.set.includes("MOUNT_ATTR_RDONLY") || attributesBelow.set.includes("MOUNT_ATTR_RDONLY");
    if (!readOnly) add(source, `the source of mounts[${index}]`);
  }
  return written;
}
