import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { type Lease, nameOf, readLeases, removeLease, writeLease } from "../../../plugins/network/leases.ts";

const lease = (id: string): Lease => ({ name: nameOf(id, 7), id, bridge: "box0", address: 1, ports: [], tool: "nft" });

test("written, replaced, read and removed", () => {
  const folder = mkdtempSync(`${tmpdir()}/box-leases-`);
  writeLease(folder, lease("a"));
  writeLease(folder, lease("b"));
  writeLease(folder, { ...lease("a"), address: 2 });
  expect(readLeases(folder).toSorted((one, other) => one.id.localeCompare(other.id))).toEqual([{ ...lease("a"), address: 2 }, lease("b")]);
  expect(statSync(`${folder}/${lease("a").name}.json`).mode & 0o777).toBe(0o600);
  for (const id of ["a", "a", "b"]) removeLease(folder, lease(id).name);
  expect(readdirSync(folder)).toEqual([]);
  rmSync(folder, { recursive: true });
});

test.each(["", "garbage", "null", "{}", '{"name":"other","id":"a","bridge":"box0","address":1,"ports":[]}'])(
  "what is no lease is named: %s",
  (text) => {
    const folder = mkdtempSync(`${tmpdir()}/box-leases-`);
    writeFileSync(`${folder}/box-1.json`, text);
    expect(() => readLeases(folder)).toThrow(
      new Error(`${folder}/box-1.json is no lease of a network: was it changed by hand? Remove it, and what is called box-1`),
    );
    rmSync(folder, { recursive: true });
  },
);

test("a name is a container's own, and short enough for an interface", () => {
  const names = [nameOf("a", 1), nameOf("a", 2), nameOf("b", 1), nameOf("a".repeat(300), 4194304)];
  expect(new Set(names).size).toBe(4);
  for (const name of names) expect(name).toMatch(/^box-[0-9a-f]{11}$/);
  expect(nameOf("a", 1)).toBe(nameOf("a", 1));
});
