// Capabilities that this version of box has no name for, such as those of a newer kernel: taken out of a document before it is
// checked once more, and told of. "Any value which cannot be mapped to a relevant kernel interface […] MUST be logged as a warning
// by the runtime. Runtimes SHOULD NOT fail" (runtime-spec, config.md "Linux Process").

import type { ConfigFault } from "../errors.ts";
import { capabilities } from "../linux/capabilities.ts";
import { joinPath, wrongValue } from "./faults.ts";
import { isObject } from "./rule.ts";
import { capabilityRule } from "./spec-rules.ts";

/** Removes them in place from the `process` at `path`; returns what each was, as the checker would say it. */
export function dropCapabilities(process: unknown, path: string): ConfigFault[] {
  const sets = isObject(process) ? process.capabilities : undefined;
  if (!isObject(sets)) return [];
  const dropped: ConfigFault[] = [];
  for (const [name, set] of Object.entries(sets)) {
    if (!Array.isArray(set)) continue;
    const at = joinPath(joinPath(path, "capabilities"), name);
    sets[name] = set.filter((entry: unknown, index) => {
      const isKnown = typeof entry !== "string" || Object.hasOwn(capabilities, entry);
      if (!isKnown) dropped.push(wrongValue(capabilityRule, entry, joinPath(at, index)));
      return isKnown;
    });
  }
  return dropped;
}
