// The flags that say which namespaces a container has: `--net container:db`, `--ns ipc=host`.

import { nearest } from "../config/faults.ts";
import { misplaced, setNamespace } from "../config/set-namespace.ts";
import type { NamespaceType, Spec } from "../config/spec.ts";
import { type NamespaceKey, namespaceKeys } from "../config/yaml-rules.ts";
import { BoxError } from "../errors.ts";
import type { Parsed } from "./arguments.ts";

/** The path of a namespace file for `container:ID`, `pid:NUMBER` or a path, given by `flag`; throws a BoxError. */
export type Resolve = (text: string, type: NamespaceType, flag: string) => string;

/** Flags of one type, as other tools have them. */
const flagOfType: { readonly [key in NamespaceKey]?: string } = {
  net: "net",
  pid: "pid",
  ipc: "ipc",
  uts: "uts",
  user: "userns",
  cgroup: "cgroupns",
};

export function placeNamespaces(spec: Spec, { values, lists }: Parsed, resolve: Resolve): void {
  const named = (lists.ns ?? []).map(splitReference);
  for (const key of Object.keys(namespaceKeys) as NamespaceKey[]) {
    const own = values[flagOfType[key] ?? ""];
    if (own !== undefined) place(spec, key, own, `--${flagOfType[key]}`, resolve);
    for (const one of named) if (one.key === key) place(spec, key, one.text, `--ns ${key}`, resolve);
  }
}

/** `net=container:db` */
function splitReference(given: string): { readonly key: NamespaceKey; readonly text: string } {
  const equals = given.indexOf("=");
  const key = given.slice(0, Math.max(0, equals));
  if (Object.hasOwn(namespaceKeys, key)) return { key: key as NamespaceKey, text: given.slice(equals + 1) };
  const keys = Object.keys(namespaceKeys);
  const meant = nearest(key, keys);
  throw new BoxError({
    origin: "--ns",
    what: `expected TYPE=NAMESPACE with one of ${keys.join(", ")}, got ${JSON.stringify(given)}`,
    ...(meant === undefined ? {} : { hint: `did you mean ${JSON.stringify(meant)}?` }),
  });
}

function place(spec: Spec, key: NamespaceKey, text: string, flag: string, resolve: Resolve): void {
  const type = namespaceKeys[key];
  const problem = misplaced(spec, type, text);
  if (problem !== undefined) throw new BoxError({ origin: flag, what: problem });
  if (text === "new" || (key === "net" && text === "none")) setNamespace(spec, type, "new");
  else if (text === "host") setNamespace(spec, type, "host");
  else if (!/^(\/|container:|pid:)/.test(text))
    throw new BoxError({ origin: flag, what: `expected ${expected(key)}, got ${JSON.stringify(text)}` });
  else setNamespace(spec, type, { path: resolved(text, type, flag, resolve) });
}

const expected = (key: NamespaceKey): string => `${key === "net" ? "none, " : ""}new, host, container:ID, pid:NUMBER or an absolute path`;

function resolved(text: string, type: NamespaceType, flag: string, resolve: Resolve): string {
  try {
    return resolve(text, type, flag);
  } catch (error) {
    if (!(error instanceof BoxError)) throw error;
    throw new BoxError({ origin: flag, ...error.facts });
  }
}
