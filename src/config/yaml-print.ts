// A box.yaml as text, in the order of its keys, and with lists of short words on one line.

import { Document, isPair, isScalar, visit } from "yaml";
import { isObject } from "./rule.ts";
import { type BoxYaml, boxYamlRule, type YamlRule } from "./yaml-rules.ts";

const LONGEST_LINE = 100;

export function printYaml(yaml: BoxYaml): string {
  const document = new Document(plain(yaml, boxYamlRule), { schema: "core", aliasDuplicateObjects: false });
  visit(document, {
    Seq(_, list, path) {
      const words = list.items.filter(isScalar);
      const length = words.reduce((sum, { value }) => sum + String(value).length + 4, 0);
      const parent = path.at(-1);
      const isMounts = isPair(parent) && isScalar(parent.key) && parent.key.value === "mounts";
      list.flow = words.length === list.items.length && length < LONGEST_LINE && !isMounts;
    },
  });
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

/** Texts that are read as they stand in the file need no quotes around numbers. */
function plain(value: unknown, rule: YamlRule | undefined): unknown {
  if (typeof value === "string")
    return rule?.text !== undefined && String(Number(value)) === value && Number.isFinite(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return rule?.list === undefined ? value : value.map((item) => plain(item, rule.list));
  if (!isObject(value) || rule?.any === true) return value;
  const fields = rule?.object?.fields ?? {};
  const ruleOf = (key: string): YamlRule | undefined => (Object.hasOwn(fields, key) ? fields[key] : rule?.map);
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one, ruleOf(key))]));
}
