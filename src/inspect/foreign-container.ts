// Containers of other runtimes, told from the cgroups of their processes where the name of one says it plainly. Pure.

import { parseCgroups } from "./process-text.ts";

/** How engines name the cgroup of a container: with systemd's driver a scope, without it a folder. */
const engines: readonly (readonly [engine: string, cgroup: RegExp])[] = [
  ["podman", /\/libpod-([0-9a-f]{64})(?:\.scope)?(?:\/|$)/],
  ["docker", /\/docker(?:-|\/)([0-9a-f]{64})(?:\.scope)?(?:\/|$)/],
  ["containerd", /\/cri-containerd-([0-9a-f]{64})\.scope(?:\/|$)/],
  ["cri-o", /\/crio-([0-9a-f]{64})(?:\.scope)?(?:\/|$)/],
  // Whichever it uses, where no systemd is asked for a scope.
  ["kubernetes", /\/kubepods(?:\/[^/]+)*\/pod[^/]+\/([0-9a-f]{64})(?:\/|$)/],
];
/** In each of those. */
const marks = ["libpod-", "docker", "containerd-", "crio-", "kubepods"];
const ID_LENGTH = 12;

/** What a container of another engine is called here. */
export const isForeign = (name: string): boolean => {
  const [engine, id = "", ...more] = name.split(":");
  return engines.some(([one]) => one === engine) && /^[0-9a-f]{12}$/.test(id) && more.length === 0;
};

/**
 * `podman:0123456789ab`, with as much of the id as the engines show; undefined where no cgroup says so. `text` is
 * /proc/PID/cgroup, of which nearly all say at a glance that there is none.
 */
export function foreignContainer(text: string): string | undefined {
  if (!marks.some((mark) => text.includes(mark))) return undefined;
  for (const { path } of parseCgroups(text))
    for (const [engine, pattern] of engines) {
      const [, id] = pattern.exec(path) ?? [];
      if (id !== undefined) return `${engine}:${id.slice(0, ID_LENGTH)}`;
    }
  return undefined;
}
