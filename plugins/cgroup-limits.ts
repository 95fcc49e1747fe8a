// Limits on what containers use, by amount or as a share of the machine, for all containers or some of them:
//
//   plugins:
//     - cgroup-limits: { memory: 25%, cpus: 1.5, containers: [{ id: "db-*", memory: 2GB }] }
//
// Read it as a model: options with a schema, facts of the machine from box, and pure parts beside it that are tested by
// themselves. docs/plugin-cgroup-limits.md is for users.

import type { ObjectSchema, Plugin, Schema } from "../hooks/plugin.ts";
import { checkUnified } from "./cgroup-limits/check-unified.ts";
import { lower } from "./cgroup-limits/lower.ts";
import { type Given, readLimits } from "./cgroup-limits/read-limits.ts";

/** For containers whose id the pattern fits, and that have the annotation, `NAME` or `NAME=PATTERN`. */
type ForSome = Given & { id?: string; annotation?: string };
type Options = Given & { containers?: ForSome[] };

const amount: Schema = { type: ["number", "string"] };
const integer: Schema = { type: "integer" };
const limits: ObjectSchema["properties"] = {
  memory: amount,
  swap: amount,
  cpus: amount,
  pids: integer,
  "io-weight": integer,
  io: {
    type: "array",
    items: {
      type: "object",
      properties: { device: { type: "string" }, read: amount, write: amount, "read-ops": integer, "write-ops": integer },
      required: ["device"],
    },
  },
};
const forSome: ObjectSchema = { type: "object", properties: { ...limits, id: { type: "string" }, annotation: { type: "string" } } };

const plugin: Plugin<Options> = {
  name: "cgroup-limits",
  description: "limits by amount or as a share of the machine, for all containers or some",
  options: { type: "object", properties: { ...limits, containers: { type: "array", items: forSome } } },
  apply(hooks, options, host) {
    hooks.config.tapPromise("cgroup-limits", async (spec, { id }) => {
      const wanted = readLimits(chosen(options, id, spec.annotations ?? {}), await host.machine());
      const resources = spec.linux?.resources ?? {};
      checkUnified(resources, wanted);
      spec.linux = { ...spec.linux, resources: lower(resources, wanted) };
      return spec;
    });
  },
};

export default plugin;

/** What is said for all, then what is said for this one: each limit where it is said last. */
function chosen({ containers = [], ...forAll }: Options, id: string, annotations: Readonly<Record<string, string>>): Given {
  const found: Given = { ...forAll };
  for (const { id: pattern, annotation, ...own } of containers)
    if (fits(pattern, id) && (annotation === undefined || hasAnnotation(annotations, annotation))) Object.assign(found, own);
  return found;
}

/** A pattern has *, ? and […]; none fits everything. */
const fits = (pattern: string | undefined, text: string): boolean => pattern === undefined || new Bun.Glob(pattern).match(text);

function hasAnnotation(annotations: Readonly<Record<string, string>>, wanted: string): boolean {
  const equals = wanted.indexOf("=");
  const name = equals < 0 ? wanted : wanted.slice(0, equals);
  return Object.hasOwn(annotations, name) && fits(equals < 0 ? undefined : wanted.slice(equals + 1), annotations[name] ?? "");
}
