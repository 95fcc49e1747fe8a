import { expect, test } from "bun:test";
import type { Relations } from "../../src/execute/namespace-relations.ts";
import { namespaceTree } from "../../src/inspect/namespace-tree.ts";
import type { Namespace } from "../../src/inspect/namespaces.ts";

const namespace = (id: number, type: Namespace["type"], relations?: { owner?: number; parent?: number }): Namespace => ({
  id,
  type,
  isHost: false,
  members: [],
  strays: new Map(),
  uids: [],
  containers: [],
  holders: [],
  relations: relations && ({ type, owner: relations.owner, parent: relations.parent, makerUid: undefined } satisfies Relations),
});

const check = (title: string, namespaces: Namespace[], lines: string[]): void =>
  test(title, () => expect(namespaceTree(namespaces).map(({ item, branch }) => `${branch}${item.id} ${item.type}`)).toEqual(lines));

check(
  "below owners, user namespaces last and below their parents",
  [
    namespace(1, "user", {}),
    namespace(2, "user", { owner: 1, parent: 1 }),
    namespace(3, "net", { owner: 1 }),
    namespace(4, "net", { owner: 2 }),
    namespace(5, "user", { owner: 2, parent: 2 }),
  ],
  ["1 user", "├─3 net", "└─2 user", "  ├─4 net", "  └─5 user"],
);

check(
  "pid namespaces below their parents, where the owner is the same",
  [
    namespace(1, "user", {}),
    namespace(2, "pid", { owner: 1 }),
    namespace(3, "pid", { owner: 1, parent: 2 }),
    namespace(4, "user", { owner: 1, parent: 1 }),
    namespace(5, "pid", { owner: 4, parent: 3 }),
  ],
  ["1 user", "├─2 pid", "│ └─3 pid", "└─4 user", "  └─5 pid"],
);

check("what nothing is known of is a root", [namespace(1, "net"), namespace(2, "uts", { owner: 9 })], ["1 net", "2 uts"]);
