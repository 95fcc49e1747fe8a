// The table of yaml-rules.ts as a JSON Schema (draft 7, which editors know), so that they complete and check a box.yaml.

import { boxYamlRule, type YamlObject, type YamlRule } from "./yaml-rules.ts";

export type JsonSchema = { readonly [keyword: string]: unknown };

export const yamlSchema = (): JsonSchema => ({
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "box.yaml",
  description: "A container for box",
  ...schemaOf(boxYamlRule),
});

function schemaOf(rule: YamlRule): JsonSchema {
  const ways = rule.any === true ? [] : waysOf(rule);
  const [only] = ways;
  const shape: JsonSchema = ways.length === 1 && only !== undefined ? only : ways.length === 0 ? {} : { anyOf: ways };
  const description = [
    ...(rule.means === undefined ? [] : [rule.means.replaceAll("`", "")]),
    ...(rule.any === true ? [] : [rule.expected]),
  ];
  return description.length === 0 ? shape : { description: description.join(": "), ...shape };
}

function waysOf({ text, boolean, list, map, object }: YamlRule): JsonSchema[] {
  return [
    ...(text === undefined ? [] : textWays(text)),
    ...(boolean === true ? [{ type: "boolean" }] : []),
    ...(list === undefined ? [] : [{ type: "array", items: schemaOf(list) }]),
    ...(map === undefined ? [] : [{ type: "object", additionalProperties: schemaOf(map) }]),
    ...(object === undefined ? [] : [objectWay(object)]),
  ];
}

/** A number or a boolean of the file counts as its text, where that fits: editors see it as what YAML makes of it. */
function textWays({ pattern, words }: NonNullable<YamlRule["text"]>): JsonSchema[] {
  const fits = (text: string): boolean => pattern === undefined || new RegExp(pattern).test(text);
  return [
    ...(words === undefined ? [] : [{ enum: words }]),
    pattern === undefined ? { type: "string" } : { type: "string", pattern },
    ...(fits("1.5")
      ? [{ type: "number", ...(fits("-1") ? {} : { minimum: 0 }) }]
      : fits("1")
        ? [{ type: "integer", ...(fits("-1") ? {} : { minimum: 0 }) }]
        : []),
    ...(fits("true") ? [{ type: "boolean" }] : []),
  ];
}

/** A key without a value is as good as left out. */
const objectWay = ({ fields, required }: YamlObject): JsonSchema => ({
  type: "object",
  properties: Object.fromEntries(
    Object.entries(fields).map(([key, rule]) => [key, required.includes(key) ? schemaOf(rule) : orNothing(rule)]),
  ),
  ...(required.length === 0 ? {} : { required: [...required] }),
  patternProperties: { "^x-": {} },
  additionalProperties: false,
});

function orNothing(rule: YamlRule): JsonSchema {
  const { description, ...shape } = schemaOf(rule);
  const ways = Array.isArray(shape.anyOf) ? shape.anyOf : [shape];
  return { ...(description === undefined ? {} : { description }), anyOf: [...ways, { type: "null" }] };
}
