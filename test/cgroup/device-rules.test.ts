import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type DeviceLines, deviceLines, deviceTable } from "../../src/cgroup/device-rules.ts";
import type { DeviceRule, Spec } from "../../src/config/spec.ts";
import { dockerConfig } from "../config/client-configs.ts";
import { isAllowed, type Request, randomRequest, randomRules } from "./read-rules.ts";

const linesOf = (rules: readonly DeviceRule[]): DeviceLines | { readonly problem: string } => deviceLines(deviceTable(rules));
const denyAll: DeviceRule = { allow: false, access: "rwm" };
const allowAll: DeviceRule = { allow: true, access: "rwm" };

const usual = [
  "c 1:3 rwm",
  "c 1:5 rwm",
  "c 1:7 rwm",
  "c 1:8 rwm",
  "c 1:9 rwm",
  "c 5:0 rwm",
  "c 5:2 rwm",
  "c 10:200 rwm",
  "c 136:* rwm",
  "c *:* m",
  "b *:* m",
];
const allowed = (...lines: string[]): DeviceLines => ({ first: "devices.deny", second: "devices.allow", lines });
const denied = (...lines: string[]): DeviceLines => ({ first: "devices.allow", second: "devices.deny", lines });

describe("lines for v1", () => {
  const check = (rules: readonly DeviceRule[], expected: DeviceLines): void => expect(linesOf(rules)).toEqual(expected);

  test("no rule: what every container has", () => check([], allowed(...usual)));
  test("deny all", () => check([denyAll], allowed(...usual)));
  test("deny some of what nothing allows", () => check([{ allow: false, type: "b", access: "w" }], allowed(...usual)));
  test("allow all", () => check([allowAll], denied()));
  test("allow all, type by type", () =>
    check(
      [
        { ...allowAll, type: "c" },
        { ...allowAll, type: "b", major: -1, minor: -1 },
      ],
      denied(),
    ));
  test("allow all, in two rules", () =>
    check(
      [
        { allow: true, access: "r" },
        { allow: true, access: "w" },
      ],
      denied(),
    ));
  test("one more", () =>
    check(
      [denyAll, { allow: true, type: "c", major: 1, minor: 11, access: "r" }],
      allowed(...usual.slice(0, 5), "c 1:11 rm", ...usual.slice(5)),
    ));
  test("a whole major number", () =>
    check([denyAll, { allow: true, type: "b", major: 7, access: "rw" }], allowed(...usual.slice(0, -1), "b 7:* rwm", "b *:* m")));
  test("a rule for both types", () =>
    check(
      [{ allow: true, major: 10, minor: 229, access: "rw" }],
      allowed(...usual.slice(0, 8), "c 10:229 rwm", ...usual.slice(8, -1), "b 10:229 rwm", "b *:* m"),
    ));
  test("the last rule wins", () =>
    check(
      [
        { allow: true, type: "c", major: 1, minor: 11, access: "rw" },
        { allow: false, type: "c", major: 1, minor: 11, access: "w" },
      ],
      allowed(...usual.slice(0, 5), "c 1:11 rm", ...usual.slice(5)),
    ));
  test("a later deny of all takes back what was allowed", () =>
    check([{ allow: true, type: "c", major: 1, minor: 11, access: "rw" }, denyAll], allowed(...usual)));
  test("what every container has cannot be denied", () =>
    check([denyAll, { allow: false, type: "c", major: 1, minor: 3, access: "rwm" }], allowed(...usual)));
  test("an exception has what the wider one has, since the kernel wants one that allows it all", () =>
    check(
      [
        { allow: true, type: "c", major: 4, access: "r" },
        { allow: true, type: "c", major: 4, minor: 64, access: "w" },
      ],
      allowed(...usual.slice(0, 5), "c 4:64 rwm", ...usual.slice(5, 8), "c 4:* rm", ...usual.slice(8)),
    ));
  test("all but some", () =>
    check(
      [allowAll, { allow: false, type: "b", major: 8, access: "w" }, { allow: false, type: "c", major: 1, minor: 11, access: "rwm" }],
      denied("c 1:11 rw", "b 8:* w"),
    ));
  test("Docker's", () =>
    check(
      (dockerConfig() as Spec).linux?.resources?.devices ?? [],
      allowed(...usual.slice(0, 5), "c 10:200 rwm", "c 5:* rwm", ...usual.slice(8)),
    ));
});

describe("what v1 cannot do", () => {
  const refused = (rules: readonly DeviceRule[], problem: string): void => expect(linesOf(rules)).toEqual({ problem });

  test("a hole in what is allowed", () =>
    refused(
      [denyAll, { allow: true, type: "c", major: 1, access: "rw" }, { allow: false, type: "c", major: 1, minor: 11, access: "w" }],
      "cgroup v1 cannot deny c 1:11 w, since c 1:* w is allowed",
    ));
  test("a hole in what is denied", () =>
    refused([allowAll, { allow: false, type: "c", major: 1, access: "rw" }], "cgroup v1 cannot allow c 1:3 rw, since c 1:* rw is denied"));
  test("where a major and a minor number meet", () =>
    refused(
      [
        { allow: true, type: "b", major: 8, access: "r" },
        { allow: false, type: "b", minor: 1, access: "r" },
      ],
      "cgroup v1 cannot deny b 8:1 r, since b 8:* r is allowed",
    ));
});

/** `[bcw] MAJOR:MINOR ACCESS` as the kernel keeps it. */
type Exception = { readonly type: string; readonly major: string; readonly minor: string; readonly access: string };
const parse = (line: string): Exception => {
  const [, type = "", major = "", minor = "", access = ""] = /^([bc]) (\*|\d+):(\*|\d+) ([rwm]+)$/.exec(line) ?? [];
  return { type, major, minor, access };
};

/** security/device_cgroup.c: match_exception for a cgroup that denies, match_exception_partial for one that allows. */
function kernelAllows({ first, lines }: DeviceLines, { type, major, minor, access }: Request): boolean {
  const fits = lines
    .map(parse)
    .filter((one) => one.type === type && [String(major), "*"].includes(one.major) && [String(minor), "*"].includes(one.minor));
  return first === "devices.deny"
    ? fits.some((one) => [...access].every((letter) => one.access.includes(letter)))
    : !fits.some((one) => [...access].some((letter) => one.access.includes(letter)));
}

test("the kernel decides by the lines as the rules say, or there are none", () => {
  let written = 0;
  let refused = 0;
  fc.assert(
    fc.property(randomRules, fc.array(randomRequest, { minLength: 40, maxLength: 40 }), (rules, requests) => {
      const lines = linesOf(rules);
      if ("problem" in lines) {
        refused += 1;
        return;
      }
      written += 1;
      for (const request of requests)
        expect({ request, allowed: kernelAllows(lines, request) }).toEqual({ request, allowed: isAllowed(rules, request) });
    }),
    { numRuns: 1000 },
  );
  // Enough of both, or the property says nothing.
  expect(Math.min(written, refused)).toBeGreaterThan(100);
});
