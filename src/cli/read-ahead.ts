// The hidden command read-ahead: what the thread beside box bundle's does (src/bundle/fill-ring.ts). It is a command so that
// the executable needs no second entry: modules that both use would be put apart from those that every start loads.

import type { Task } from "../bundle/read-archives.ts";
import { BoxError } from "../errors.ts";
import type { FlagRow } from "./arguments.ts";

export const flags: readonly FlagRow[] = [];

declare const self: { onmessage: ((event: { readonly data: Task }) => void) | null };

export async function run(): Promise<number> {
  if (Bun.isMainThread) throw new BoxError({ what: "read-ahead is a thread of box bundle, and no command" });
  const task = await new Promise<Task>((resolve) => {
    self.onmessage = ({ data }) => resolve(data);
  });
  await (await import("../bundle/fill-ring.ts")).fillRing(task);
  return 0;
}
