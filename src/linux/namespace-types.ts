// The types of namespaces by the kernel's names for them (namespaces(7)), and the links below /proc/PID/ns that lead to
// them. The runtime-spec has names of its own for some: those are in src/config.

export const namespaceTypes = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"] as const;
export type NamespaceType = (typeof namespaceTypes)[number];

/** A process is in one namespace of each type; the last two links are those that its next child will be in. */
export const namespaceLinks = [...namespaceTypes, "pid_for_children", "time_for_children"] as const;
export type NamespaceLink = (typeof namespaceLinks)[number];

/** A link for children leads to a namespace of the type that its name begins with. */
export const typeOfLink = (link: NamespaceLink): NamespaceType => link.replace("_for_children", "") as NamespaceType;

export type NamespaceName = { readonly type: NamespaceType; readonly id: number };

/** What such a link, an open file or the root of a mount says, `net:[4026531840]`; undefined for any other text. */
export function parseNamespaceName(text: string): NamespaceName | undefined {
  const [, word, digits] = /^([a-z]+):\[(\d{1,10})\]$/.exec(text) ?? [];
  const type = namespaceTypes.find((one) => one === word);
  return type === undefined ? undefined : { type, id: Number(digits) };
}
