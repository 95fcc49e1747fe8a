import { expect, test } from "bun:test";
import { readdirSync, readlinkSync } from "node:fs";
import { namespaceLinks, parseNamespaceName, typeOfLink } from "../../src/linux/namespace-types.ts";

test("the links are those that the kernel has", () => {
  expect(readdirSync("/proc/self/ns").filter((name) => !(namespaceLinks as readonly string[]).includes(name))).toEqual([]);
});

test("what a link says is read", () => {
  for (const link of readdirSync("/proc/self/ns") as (typeof namespaceLinks)[number][]) {
    const text = readlinkSync(`/proc/self/ns/${link}`);
    const name = parseNamespaceName(text);
    expect([link, name?.type]).toEqual([link, typeOfLink(link)]);
    expect(text).toBe(`${name?.type}:[${name?.id}]`);
  }
});

test("any other text is no namespace", () => {
  for (const text of ["socket:[4026531840]", "net:[4026531840] ", "/net:[1]", "net:[]", "net:[x]", "net:[12345678901]", "net:[1]\n", ""])
    expect([text, parseNamespaceName(text)]).toEqual([text, undefined]);
});
