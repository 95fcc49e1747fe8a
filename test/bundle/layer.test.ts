import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import type { BoxError } from "../../src/errors.ts";
import { describeTree } from "./describe-tree.ts";
import type { TestEntry } from "./make-tar.ts";
import { UnpackPlace } from "./unpack.ts";

const umask = process.umask();
beforeAll(() => void process.umask(0));
afterAll(() => void process.umask(umask));

const files = (...paths: string[]): TestEntry[] => paths.map((path) => ({ path }));

/** Names of what is there after all layers. */
function stack(...layers: readonly (readonly TestEntry[])[]): string[] {
  using place = new UnpackPlace();
  for (const layer of layers) place.layer(layer);
  place.tree.finish();
  return describeTree(place.path)
    .slice(1)
    .map((line) => (line.split(" ")[0] as string).slice(2));
}

const cases: Readonly<Record<string, readonly [layers: TestEntry[][], left: string[]]>> = {
  "a whiteout removes a file of a lower layer": [[files("a", "b"), files(".wh.a")], ["b"]],
  "and a folder with all in it": [[files("d/e/f", "b"), files(".wh.d")], ["b"]],
  "in a folder": [
    [files("d/a", "d/b"), files("d/.wh.a")],
    ["d", "d/b"],
  ],
  "what is not there cannot be removed": [[files("a"), files(".wh.x", "y/.wh.z", "a/.wh.z")], ["a"]],
  "a file of the same layer stays, before it": [[files("a"), files("a", ".wh.a")], ["a"]],
  "and behind it": [[files("a"), files(".wh.a", "a")], ["a"]],
  "of a folder that both have only the lower part goes": [
    [files("d/low"), files("d/high", ".wh.d")],
    ["d", "d/high"],
  ],
  "an opaque folder has nothing of lower layers": [
    [files("d/low", "d/e/low"), files("d/.wh..wh..opq", "d/high")],
    ["d", "d/high"],
  ],
  "wherever in the archive it says so": [
    [files("d/low", "d/e/low"), files("d/e/high", "d/high", "d/.wh..wh..opq")],
    ["d", "d/e", "d/e/high", "d/high"],
  ],
  "the root may be opaque too": [
    [files("a", "b/c"), files("b/d", ".wh..wh..opq")],
    ["b", "b/d"],
  ],
  "a higher layer may bring back what a lower one removed": [[files("a"), files(".wh.a"), files("a")], ["a"]],
  "other marks of AUFS are nothing": [[files("a"), files(".wh..wh.plnk/", ".wh..wh.aufs")], ["a"]],
  "a whiteout goes by a link as everything does": [
    [[{ path: "real/a" }, { path: "link", type: "2", link: "/real" }], files("link/.wh.a")],
    ["link", "real"],
  ],
  "and removes a link, not what it leads to": [
    [[{ path: "real/a" }, { path: "link", type: "2", link: "real" }], files(".wh.link")],
    ["real", "real/a"],
  ],
};
for (const [title, [layers, left]] of Object.entries(cases)) test(title, () => expect(stack(...layers)).toEqual(left));

for (const name of [".wh.", ".wh..", ".wh..."])
  test(`${name} names nothing`, () => {
    try {
      stack(files("a"), files(`d/${name}`));
    } catch (error) {
      expect((error as BoxError).facts.what).toBe(`the whiteout d/${name} names nothing`);
      return;
    }
    throw new Error("it was taken");
  });

test("no link of a lower layer leads a whiteout out of the root", () => {
  using place = new UnpackPlace();
  writeFileSync(`${place.folder}/secret`, "secret");
  const before = describeTree(`${place.folder}/secret`);
  place.layer([
    { path: "up", type: "2", link: "../.." },
    { path: "all", type: "2", link: place.folder },
  ]);
  place.layer(files("up/.wh.secret", "up/.wh..wh..opq", "all/.wh..wh..opq", "up/x"));
  expect(describeTree(`${place.folder}/secret`)).toEqual(before);
});

test("times and modes of folders are those of the highest layer that has them", () => {
  using place = new UnpackPlace();
  place.layer([
    { path: "d/", mode: 0o700, mtime: 1 },
    { path: "e/", mode: 0o700, mtime: 2 },
  ]);
  place.layer([
    { path: "d/", mode: 0o711, mtime: 3 },
    { path: "e/f", mtime: 4 },
  ]);
  place.tree.finish();
  const own = `${process.geteuid?.()}:${process.getegid?.()}`;
  expect(
    describeTree(place.path)
      .filter((line) => / folder /.test(line))
      .slice(1),
  ).toEqual([`./d folder 711 ${own} 3000000000`, `./e folder 700 ${own} 2000000000`]);
});
