// What a valid configuration may ask for and this version of box cannot do yet. It is refused, all of it at once,
// because a limit or a filter that is silently left out is worse than no container. A feature that lands takes its
// line out of the table.

import { BoxError, type ConfigFault } from "../errors.ts";
import { joinPath } from "./faults.ts";
import { isObject } from "./rule.ts";
import type { Namespace, Spec } from "./spec.ts";

/** Mirrors the configuration: at each refused field the reason. Arrays stand for each of their entries. */
type Refusals<T> = T extends (infer Entry)[] ? Refusals<Entry> : { readonly [Key in keyof T]?: string | Refusals<NonNullable<T[Key]>> };

const notYet = "not supported yet";

const refusals: Refusals<Spec> = {
  linux: {
    netDevices: notYet,
    intelRdt: notYet,
    personality: { flags: "this version of the runtime spec knows none" },
  },
};

/** Throws a BoxError that names every field of a checked Spec which box would have to ignore. */
export function checkSupported(spec: Spec): void {
  const faults: ConfigFault[] = [];
  refuseIn(refusals, spec, "", faults);
  refuseNamespaces(spec.linux?.namespaces ?? [], faults);
  if (faults.length > 0) throw new BoxError({ what: "the configuration asks for what this version of box cannot do", faults });
}

function refuseNamespaces(namespaces: readonly Namespace[], faults: ConfigFault[]): void {
  let ownMounts = false;
  for (let index = 0; index < namespaces.length; index++) {
    const type = namespaces[index]?.type;
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
      // A network device is asked for by its name, and may have nothing else.
      if (asksForSomething(found) || (key === "netDevices" && isObject(found) && Object.keys(found).length > 0))
        faults.push({ path: joinPath(path, key), problem: entry });
    } else if (isObject(entry)) {
      refuseIn(entry, found, joinPath(path, key), faults);
    }
  }
}

/** Clients write `{}`, `[]` and `false` for what they leave alone. A number asks for something, and 0 is one. */
function asksForSomething(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(asksForSomething);
  if (isObject(value)) {
    for (const key in value) if (asksForSomething(value[key])) return true;
    return false;
  }
  return value !== false;
}
