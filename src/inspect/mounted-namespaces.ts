// Namespaces that are kept by a bind mount, as `ip netns` makes them: read out of mountinfo (proc_pid_mountinfo(5)). Pure.

import { type NamespaceName, parseNamespaceName } from "../linux/namespace-types.ts";

export type MountedNamespace = NamespaceName & {
  /** As the process whose mountinfo it is sees it. */
  readonly path: string;
};

export function mountedNamespaces(mountinfo: string): MountedNamespace[] {
  if (!mountinfo.includes(" - nsfs ")) return [];
  return mountinfo.split("\n").flatMap((line) => {
    const [before = "", after = ""] = line.split(" - ");
    const [, , , root = "", path = ""] = before.split(" ");
    const name = after.startsWith("nsfs ") ? parseNamespaceName(root) : undefined;
    return name === undefined ? [] : [{ ...name, path: unescapeOctal(path) }];
  });
}

/** Blanks, backslashes and line ends are octal there: `\040`. */
const unescapeOctal = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
