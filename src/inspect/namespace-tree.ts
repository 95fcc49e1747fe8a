// Namespaces as a tree: each below the user namespace that owns it, user namespaces below their parents, and a pid
// namespace below its parent where both have the same owner. Pure.

import type { Namespace } from "./namespaces.ts";
import { type Placed, treeOf } from "./tree.ts";

export function namespaceTree<One extends Namespace>(namespaces: readonly One[]): Placed<One>[] {
  const byId = new Map(namespaces.map((one) => [one.id, one]));
  return treeOf(
    namespaces.toSorted(userLast),
    ({ id }) => id,
    (one) => placeOf(one, byId),
  );
}

function placeOf({ type, relations }: Namespace, byId: ReadonlyMap<number, Namespace>): number | undefined {
  const { owner, parent } = relations ?? {};
  if (type === "user") return parent;
  const above = type === "pid" && parent !== undefined ? byId.get(parent) : undefined;
  return above !== undefined && above.relations?.owner === owner ? parent : owner;
}

const userLast = (one: Namespace, other: Namespace): number =>
  Number(one.type === "user") - Number(other.type === "user") || one.id - other.id;
