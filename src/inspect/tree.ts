// A list of things as a tree: in which order they stand below each other, and the lines that lead to each. Pure.

/** `branch`: what leads to it, such as `│ └─`; empty for a root. */
export type Placed<Item> = { readonly item: Item; readonly branch: string };

/**
 * Every item once, in the order of `items`, each below the one whose key `above` gives; what hangs on nothing that is here
 * is a root. Items that hang on each other in a circle, which only a torn reading can give, come last as roots.
 */
export function treeOf<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => number,
  above: (item: Item) => number | undefined,
): Placed<Item>[] {
  const keys = new Set(items.map(keyOf));
  const below = Map.groupBy(items, (item) => {
    const key = above(item);
    return key !== undefined && keys.has(key) && key !== keyOf(item) ? key : undefined;
  });
  const placed: Placed<Item>[] = [];
  const left = new Set(items);
  const add = (item: Item, branch: string, indent: string): void => {
    if (!left.delete(item)) return;
    placed.push({ item, branch });
    const children = below.get(keyOf(item)) ?? [];
    for (const [index, child] of children.entries()) {
      const isLast = index === children.length - 1;
      add(child, `${indent}${isLast ? "└─" : "├─"}`, `${indent}${isLast ? "  " : "│ "}`);
    }
  };
  for (const root of below.get(undefined) ?? []) add(root, "", "");
  for (const lost of left) add(lost, "", "");
  return placed;
}
