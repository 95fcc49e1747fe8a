// Namespaces as a tree: each below the user namespace that owns it, user namespaces below their parents, and a pid
// namespace below its parent where both have the same owner. Pure.

import type { Namespace } from "./namespaces.ts";

/** `branch`: what leads to it, such as `│ └─`; empty for a root. */
export type Placed<One extends Namespace> = { readonly namespace: One; readonly branch: string };

/** Every namespace once, each below what it hangs on; what hangs on nothing that is here is a root. */
export function treeOf<One extends Namespace>(namespaces: readonly One[]): Placed<One>[] {
  const byId = new Map(namespaces.map((one) => [one.id, one]));
  const below = new Map<number | undefined, One[]>();
  for (const one of namespaces) {
    const above = placeOf(one, byId);
    below.set(above, [...(below.get(above) ?? []), one]);
  }
  const placed: Placed<One>[] = [];
  const add = (one: One, branch: string, indent: string): void => {
    placed.push({ namespace: one, branch });
    const children = [...(below.get(one.id) ?? [])].sort(userLast);
    for (const [index, child] of children.entries()) {
      const last = index === children.length - 1;
      add(child, `${indent}${last ? "└─" : "├─"}`, `${indent}${last ? "  " : "│ "}`);
    }
  };
  for (const root of (below.get(undefined) ?? []).sort(userLast)) add(root, "", "");
  return placed;
}

function placeOf(one: Namespace, byId: ReadonlyMap<number, Namespace>): number | undefined {
  const { owner, parent } = one.relations ?? {};
  const wanted = one.type === "user" || (one.type === "pid" && isSiblings(one, byId.get(parent ?? 0))) ? parent : owner;
  return wanted !== undefined && byId.has(wanted) && wanted !== one.id ? wanted : undefined;
}

const isSiblings = (one: Namespace, parent: Namespace | undefined): boolean =>
  parent?.relations?.owner === one.relations?.owner && parent !== undefined;

const userLast = (one: Namespace, other: Namespace): number =>
  Number(one.type === "user") - Number(other.type === "user") || one.id - other.id;
