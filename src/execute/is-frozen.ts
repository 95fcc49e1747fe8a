// Whether a container is frozen, as its freezer says; to freeze and thaw it is freezer.ts.

import type { State } from "../state/state.ts";
import { readText } from "./files.ts";

type Cgroups = { readonly box: Pick<State["box"], "cgroups"> };

/**
 * Whether the container itself was frozen; being below a frozen cgroup does not count, since no resume would help there. Of v1
 * one hierarchy alone has a freezer, nearly always the one mounted under that name: it is asked first, for a list asks of many.
 */
export function isFrozen({ box: { cgroups } }: Cgroups, read: typeof readText = readText): boolean {
  let known: boolean | undefined;
  for (const { version, path } of cgroups)
    if (version === 2) {
      if (says(`${path}/cgroup.freeze`, read) === true) return true;
    } else if (path.includes("freezer")) known = known === true || says(`${path}/freezer.self_freezing`, read);
  for (const { version, path } of cgroups) if (known === undefined && version === 1) known = says(`${path}/freezer.self_freezing`, read);
  return known === true;
}

/** undefined where there is no such file. */
function says(path: string, read: typeof readText): boolean | undefined {
  const text = read(path);
  return typeof text === "string" ? text.startsWith("1") : undefined;
}
