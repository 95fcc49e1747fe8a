// Whether a resctrl group has the limits that a configuration wants of it. Lines of a schemata file: `L3:0=7f0;1=1f`,
// the resource and for each cache or node a value. Masks are hexadecimal, bandwidths decimal.

import type { ConfigFault } from "../errors.ts";

type Line = { readonly resource: string; readonly values: readonly (readonly [domain: number, value: number])[] };

/** undefined for what is no such line. */
function parseLine(text: string): Line | undefined {
  const colon = text.indexOf(":");
  const resource = text.slice(0, colon).trim();
  if (colon < 0 || resource === "") return undefined;
  const values: [number, number][] = [];
  for (const part of text.slice(colon + 1).split(";")) {
    const [, domain, digits = ""] = /^\s*(\d+)\s*=\s*(?:0x)?([0-9a-fA-F]+)\s*$/.exec(part) ?? [];
    if (domain === undefined || (isBandwidth(resource) && !/^\d+$/.test(digits))) return undefined;
    values.push([Number(domain), Number.parseInt(digits, isBandwidth(resource) ? 10 : 16)]);
  }
  return { resource, values };
}

/** MB, and SMBA of AMD. */
const isBandwidth = (resource: string): boolean => resource.endsWith("MB") || resource.endsWith("MBA");

/**
 * What of `lines` is not so in the `schemata` of the group `name`. The kernel rounds a bandwidth up to a multiple of
 * `granularity`, so one that was written so is the same.
 */
export function schemataFaults(
  lines: readonly { readonly path: string; readonly line: string }[],
  schemata: string,
  granularity: number | undefined,
  name: string,
  origin: string,
): ConfigFault[] {
  const has = new Map<string, ReadonlyMap<number, number>>();
  for (const line of schemata.split("\n")) {
    const parsed = parseLine(line);
    if (parsed !== undefined) has.set(parsed.resource, new Map(parsed.values));
  }
  const faults: ConfigFault[] = [];
  for (const { path, line } of lines) {
    const problem = problemOf(line, has, granularity, name);
    if (problem !== undefined) faults.push({ path: `${origin}.${path}`, problem });
  }
  return faults;
}

function problemOf(
  text: string,
  has: ReadonlyMap<string, ReadonlyMap<number, number>>,
  granularity: number | undefined,
  name: string,
): string | undefined {
  // The field l3CacheSchema may have several.
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const parsed = parseLine(line);
    if (parsed === undefined) return `${JSON.stringify(line)} is no line of a schemata file, such as "L3:0=f;1=f"`;
    const { resource, values } = parsed;
    const own = has.get(resource);
    if (own === undefined) return `the class ${name} is there already, and has no ${resource}`;
    for (const [domain, value] of values) {
      const actual = own.get(domain);
      const rounded = granularity !== undefined && isBandwidth(resource) ? Math.ceil(value / granularity) * granularity : value;
      if (actual === value || actual === rounded) continue;
      const shown = actual === undefined ? `no ${domain}` : `${domain}=${actual.toString(isBandwidth(resource) ? 10 : 16)}`;
      return `the class ${name} is there already, and its ${resource} has ${shown}`;
    }
  }
  return undefined;
}
