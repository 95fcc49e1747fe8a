// hostname and domainname, seen inside, and the host's left alone.

import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { Bundle, testWith } from "./harness.ts";

const test = testWith();
const show = "hostname; cat /proc/sys/kernel/domainname";

test("both are set", async () => {
  using bundle = new Bundle((spec) => Object.assign(spec, { hostname: "web-1", domainname: "example.org" }));
  const before = readFileSync("/proc/sys/kernel/hostname", "utf8");
  expect(await bundle.sh(show)).toEqual(["web-1", "example.org"]);
  expect(readFileSync("/proc/sys/kernel/hostname", "utf8")).toBe(before);
});

test("left out, both are the host's at the start", async () => {
  using bundle = new Bundle((spec) => delete spec.hostname);
  const host = ["hostname", "domainname"].map((name) => readFileSync(`/proc/sys/kernel/${name}`, "utf8").trim());
  expect(await bundle.sh(show)).toEqual(host);
});

test("64 bytes fit, in any letters", async () => {
  using bundle = new Bundle((spec) => (spec.hostname = "é".repeat(32)));
  expect(await bundle.sh("hostname")).toEqual(["é".repeat(32)]);
});
