import { expect, test } from "bun:test";
import { treeOf } from "../../src/inspect/tree.ts";

/** Items as `key<above`. */
function check(items: string[], lines: string[]): void {
  const placed = treeOf(
    items,
    (item) => Number(item.split("<")[0]),
    (item) => (item.includes("<") ? Number(item.split("<")[1]) : undefined),
  );
  expect(placed.map(({ item, branch }) => branch + item.split("<")[0])).toEqual(lines);
}

test("each below what it hangs on", () => check(["1", "2<1", "3<2", "4<1", "5<4", "6"], ["1", "├─2", "│ └─3", "└─4", "  └─5", "6"]));
test("what hangs on nothing that is here is a root", () => check(["2<1", "3<2"], ["2", "└─3"]));
test("in the order given, though one stands before what it hangs on", () => check(["3<1", "1", "2<1"], ["1", "├─3", "└─2"]));
test("a circle is not lost and has an end", () => check(["1<2", "2<1", "3<3"], ["3", "1", "└─2"]));
test("nothing", () => check([], []));
