// Whether a container could change a file of the host: what is in its root, and what is bound into it to be written.

import { realFile } from "../execute/real-path.ts";
import type { Container } from "../plan/plan-container.ts";
import { sortOptions } from "../plan/sort-options.ts";

/** The part of the configuration through which the container may write the file at `path`. */
export function withinReach(path: string, { bundle, spec, hostRoot }: Pick<Container, "bundle" | "spec" | "hostRoot">): string | undefined {
  const inside = (folder: string): boolean => {
    const real = realFile(folder.startsWith("/") ? folder : `${bundle}/${folder}`);
    return typeof real !== "number" && (real.path === "/" || path === real.path || path.startsWith(`${real.path}/`));
  };
  if (!hostRoot && spec.root.readonly !== true && inside(spec.root.path)) return "the root, root.path";
  for (const [index, { source, type, options = [] }] of (spec.mounts ?? []).entries()) {
    const binds = type === "bind" || options.includes("bind") || options.includes("rbind");
    if (!binds || source === undefined) continue;
    // Of "ro" and "rw" the later one counts.
    const { attributes, attributesBelow } = sortOptions(options);
    const readOnly = attributes.set.includes("MOUNT_ATTR_RDONLY") || attributesBelow.set.includes("MOUNT_ATTR_RDONLY");
    if (!readOnly && inside(source)) return `the source of mounts[${index}]`;
  }
  return undefined;
}
