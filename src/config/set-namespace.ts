// One namespace of a Spec made new, joined or left as the host's, with what follows from that for the rest of the Spec: the
// names, maps and mounts that would be somebody else's to set.

import type { Mount, Namespace, NamespaceType, Spec } from "./spec.ts";

/** A path joins the namespace that it names. */
export type Placement = "new" | "host" | { readonly path: string };

/** What tells against a placement, `new` or `host` or a reference, whoever asks for it; undefined for nothing. */
export function misplaced(spec: Spec, type: NamespaceType, placement: string): string | undefined {
  if (type === "mount" && placement === "host") return "box makes no container in the host's mount namespace";
  const mapped = (spec.linux?.uidMappings ?? []).length > 0;
  if (type === "user" && placement === "new" && !mapped) return "a new user namespace needs a map of ids";
  return undefined;
}

/** `spec` is changed at its first level and in `linux`; what lies deeper is replaced. */
export function setNamespace(spec: Spec, type: NamespaceType, placement: Placement): void {
  const before = spec.linux?.namespaces ?? [];
  const own: Namespace | undefined = placement === "new" ? { type } : placement === "host" ? undefined : { type, path: placement.path };
  // In its old place: origins such as `linux.namespaces[2]` stay what they were.
  const namespaces = before.flatMap((one) => (one.type !== type ? [one] : own === undefined ? [] : [own]));
  if (own !== undefined && !namespaces.includes(own)) namespaces.push(own);
  spec.linux = { ...spec.linux, namespaces };
  if (placement === "new") return;
  if (type === "uts") {
    delete spec.hostname;
    delete spec.domainname;
  }
  if (type === "user") {
    delete spec.linux.uidMappings;
    delete spec.linux.gidMappings;
  }
  if (type === "time") delete spec.linux.timeOffsets;
  const shown = placement === "host" || type === "network";
  if (shown && namespaces.some((one) => one.type === "user" && one.path === undefined)) useHostMount(spec, type);
}

/**
 * A new mount of these shows the namespace that its maker is in, and only whoever owns that may make one. Where a user
 * namespace of the container's own does not, the host's mount serves; of message queues, which need no mount, there is none.
 */
const hostMounts: {
  readonly [type in NamespaceType]?: { readonly filesystem: string; readonly source?: string; readonly options?: readonly string[] };
} = {
  network: { filesystem: "sysfs", source: "/sys", options: ["rbind", "nosuid", "noexec", "nodev", "ro"] },
  pid: { filesystem: "proc", source: "/proc", options: ["rbind", "nosuid", "noexec", "nodev"] },
  ipc: { filesystem: "mqueue" },
};

function useHostMount(spec: Spec, type: NamespaceType): void {
  const host = hostMounts[type];
  if (host === undefined) return;
  const { filesystem, source, options = [] } = host;
  spec.mounts = (spec.mounts ?? []).flatMap((mount): Mount[] => {
    if (mount.type !== filesystem) return [mount];
    return source === undefined ? [] : [{ destination: mount.destination, type: "none", source, options: [...options] }];
  });
}
