// Lenient reading: keys that no rule knows are taken out of a document before it is checked, and told of, where strict
// reading refuses them. Everything else is as strict as ever. One walk along the rules, of its own, so that the checker, which
// every start runs, knows nothing of it.

import type { ConfigFault } from "../errors.ts";
import { joinPath, unknownKey } from "./faults.ts";
import { foreignProblem, isObject, type ObjectRule, type Rule } from "./rule.ts";

/** Removes them in place; returns what each was, as the strict checker would say it. */
export function dropUnknown(rule: ObjectRule, document: unknown): ConfigFault[] {
  const dropped: ConfigFault[] = [];
  dropIn(rule, document, "", dropped);
  return dropped;
}

/** As deep as the rules go, however deep the value is. */
function dropIn(rule: Rule, value: unknown, path: string, dropped: ConfigFault[]): void {
  switch (rule.is) {
    case "later":
      dropIn(rule.rule(), value, path, dropped);
      break;
    case "list":
      if (Array.isArray(value)) for (let at = 0; at < value.length; at++) dropIn(rule.items, value[at], joinPath(path, at), dropped);
      break;
    case "map":
      if (isObject(value)) for (const key in value) dropIn(rule.values, value[key], joinPath(path, key), dropped);
      break;
    case "object":
      if (isObject(value)) dropInObject(rule, value, path, dropped);
  }
}

function dropInObject(rule: ObjectRule, object: Record<string, unknown>, path: string, dropped: ConfigFault[]): void {
  for (const key in object) {
    const field = Object.hasOwn(rule.fields, key) ? rule.fields[key] : undefined;
    if (field !== undefined) dropIn(field, object[key], joinPath(path, key), dropped);
    else if (!key.startsWith("x-")) {
      const problem = foreignProblem(rule, key);
      // A field of another platform that says nothing is not worth a word in strict reading either.
      if (problem === undefined) dropped.push(unknownKey(rule, path, key));
      else if (object[key] !== null) dropped.push({ path: joinPath(path, key), problem });
      delete object[key];
    }
  }
}
