// Containers of other runtimes, told from the cgroups of their processes where the name of one says it plainly. Pure.

import type { ProcessCgroup } from "./process-text.ts";

/** How engines name the cgroup of a container: with systemd's driver a scope, without it a folder. */
const engines: readonly (readonly [engine: string, cgroup: RegExp])[] = [
  ["podman", /\/libpod-([0-9a-f]{64})(?:\.scope)?(?:\/|$)/],
  ["docker", /\/docker(?:-|\/)([0-9a-f]{64})(?:\.scope)?(?:\/|$)/],
  ["containerd", /\/cri-containerd-([0-9a-f]{64})\.scope(?:\/|$)/],
  ["cri-o", /\/crio-([0-9a-f]{64})(?:\.scope)?(?:\/|$)/],
];
const ID_LENGTH = 12;

/** `podman:0123456789ab`, with as much of the id as the engines show; undefined where no cgroup says so. */
export function foreignContainer(cgroups: readonly ProcessCgroup[]): string | undefined {
  for (const { path } of cgroups)
    for (const [engine, pattern] of engines) {
      const [, id] = pattern.exec(path) ?? [];
      if (id !== undefined) return `${engine}:${id.slice(0, ID_LENGTH)}`;
    }
  return undefined;
}
