// Address translation by whichever program there is for it: nft, or iptables.

import { iptablesRemoval, iptablesRules } from "./iptables-rules.ts";
import { nftRemoval, nftRules } from "./nft-rules.ts";
import type { Port } from "./ports.ts";
import { missing, type Run } from "./run-program.ts";

export type Tool = "nft" | "iptables";

/** Addresses as text. */
export type Rules = {
  readonly name: string;
  readonly bridge: string;
  readonly subnet: string;
  readonly address: string;
  readonly ports: readonly Port[];
  readonly masquerade: boolean;
};

const programs: Readonly<Record<Tool, readonly string[]>> = { nft: ["nft"], iptables: ["iptables-restore", "iptables-save"] };

/** The one that is asked for, or the first that is there. */
export const toolOf = (asked: Tool | undefined): Tool | undefined =>
  (asked === undefined ? (["nft", "iptables"] as const) : [asked]).find((tool) => missing(programs[tool]).length === 0);

export async function addRules(run: Run, tool: Tool, rules: Rules): Promise<void> {
  if (tool === "nft") await run(["nft", "-f", "-"], nftRules(rules));
  else await run(["iptables-restore", "--noflush", "--wait"], iptablesRules(rules));
}

/** Also when there are none. */
export async function removeRules(run: Run, tool: Tool, name: string): Promise<void> {
  if (tool === "nft") await run(["nft", "-f", "-"], nftRemoval(name));
  else await run(["iptables-restore", "--noflush", "--wait"], iptablesRemoval(name, await run(["iptables-save"])));
}
