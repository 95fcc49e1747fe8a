// What a valid configuration may ask for and this version of box cannot do yet. It is refused, all of it at once,
// because a limit or a filter that is silently left out is worse than no container. A feature that lands takes its
// line out of the table.

import { BoxError, type ConfigFault } from "../errors.ts";
import { joinPath } from "./faults.ts";
import { isObject } from "./rule.ts";
import type { Namespace, Spec } from "./spec.ts";

/** Mirrors the configuration: at each refused field the reason. Arrays stand for each of their entries. */
type Refusals<T> = T extends (infer Entry)[] ? Refusals<Entry> : { readonly [Key in keyof T]?: string | Refusals<NonNullable<T[Key]>> };

const refusals: Refusals<Spec> = {
  linux: {
    personality: { flags: "this version of the runtime spec knows none" },
  },
};

/** Throws a BoxError that names every field of a checked Spec which box would have to ignore. */
export function checkSupported(spec: Spec): void {
  const faults = unsupportedIn(spec);
  if (faults.length > 0) throw new BoxError({ what: "the configuration asks for what this version of box cannot do", faults });
}

/** The same of any value, whatever else is wrong with it. */
export function unsupportedIn(spec: unknown): ConfigFault[] {
  const faults: ConfigFault[] = [];
  if (!isObject(spec)) return faults;
  refuseIn(refusals, spec, "", faults);
  const linux = isObject(spec.linux) ? spec.linux : {};
  if (linux.namespaces === undefined || Array.isArray(linux.namespaces)) refuseNamespaces(linux.namespaces ?? [], faults);
  return faults;
}

function refuseNamespaces(namespaces: readonly unknown[], faults: ConfigFault[]): void {
  let ownMounts = false;
  for (let index = 0; index < namespaces.length; index++) {
    const type = (namespaces[index] as Partial<Namespace> | null)?.type;
    if (type === "mount") ownMounts = true;
  }
  // This one is for good: box never mounts anything in the host's mount namespace.
  if (!ownMounts) faults.push({ path: "linux.namespaces", problem: "has no mount namespace, and box makes no container without" });
}

function refuseIn(table: Readonly<Record<string, unknown>>, value: unknown, path: string, faults: ConfigFault[]): void {
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) refuseIn(table, value[index], joinPath(path, index), faults);
    return;
  }
  if (!isObject(value)) return;
  for (const key in table) {
    const found = value[key];
    if (found === undefined) continue;
    const entry = table[key];
    if (typeof entry === "string") {
      if (asksForSomething(found)) faults.push({ path: joinPath(path, key), problem: entry });
    } else if (isObject(entry)) {
      refuseIn(entry, found, joinPath(path, key), faults);
    }
  }
}

/** Deeper than anything here goes. */
const DEEPEST = 8;

/** Clients write `{}`, `[]` and `false` for what they leave alone. A number asks for something, and 0 is one. */
function asksForSomething(value: unknown, depth = 0): boolean {
  if (typeof value !== "object" || value === null) return value !== false;
  if (depth === DEEPEST) return true;
  for (const key in value) if (asksForSomething((value as Record<string, unknown>)[key], depth + 1)) return true;
  return false;
}
