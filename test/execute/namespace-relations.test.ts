import { expect, test } from "bun:test";
import { mkdtempSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { addRelations, type Relations } from "../../src/execute/namespace-relations.ts";
import { namespaceTypes } from "../../src/linux/namespace-types.ts";

const own = (link: string): number => Number(/\d+/.exec(readlinkSync(`/proc/self/ns/${link}`))?.[0]);
const read = (path: string, id: number): Map<number, Relations> => {
  const known = new Map<number, Relations>();
  addRelations(known, path, id);
  return known;
};

test("every type, with its owner, which becomes known too", () => {
  for (const type of namespaceTypes) {
    const known = read(`/proc/self/ns/${type}`, own(type));
    expect(known.get(own(type))?.type).toBe(type);
    expect(known.get(own("user"))?.type).toBe("user");
    if (type !== "user") expect(known.get(own(type))?.owner).toBe(own("user"));
  }
});

test("a path that leads to another namespace by now adds nothing", () => {
  expect([...read("/proc/self/ns/uts", own("ipc"))]).toEqual([]);
});

test("what is no namespace is not even opened: a FIFO without a writer would be waited for", () => {
  const folder = mkdtempSync(`${tmpdir()}/box-relations-`);
  try {
    expect(Bun.spawnSync(["mkfifo", `${folder}/fifo`]).exitCode).toBe(0);
    writeFileSync(`${folder}/file`, "");
    for (const name of ["fifo", "file", "missing", ""]) expect([...read(`${folder}/${name}`, own("uts"))]).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
