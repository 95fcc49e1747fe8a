// A container's rules for iptables-restore(8), which makes each table's at once; they are known by their comment. The
// same rules as in nft-rules.ts, where the reasons are. Pure.

import type { Rules } from "./firewall.ts";
import { isEvery, isLoopback } from "./ports.ts";

export function iptablesRules({ name, bridge, subnet, address, ports, masquerade }: Rules): string[] {
  const rule = (chain: string, match: string, verdict: string): string => `${chain} ${match} -m comment --comment ${name} -j ${verdict}`;
  const forwards = (chain: string, chosen: Rules["ports"]): string[] =>
    chosen.map((port) => {
      const own = isEvery(port) ? "-m addrtype --dst-type LOCAL" : `-d ${port.address}`;
      return rule(`-A ${chain}`, `${own} -p ${port.protocol} --dport ${port.port}`, `DNAT --to-destination ${address}:${port.to}`);
    });
  const entering = `-o ${bridge} ! -i ${bridge} -d ${address}`;
  const nat = [
    ...forwards("OUTPUT", ports),
    ...forwards(
      "PREROUTING",
      ports.filter((port) => !isLoopback(port)),
    ),
    ...(masquerade ? [rule("-A POSTROUTING", `-s ${address} ! -o ${bridge}`, "MASQUERADE")] : []),
    ...(ports.length > 0 ? ["127.0.0.0/8", subnet] : []).map((source) =>
      rule("-A POSTROUTING", `-s ${source} -d ${address} -m conntrack --ctstate DNAT`, "MASQUERADE"),
    ),
  ];
  const filter = masquerade ? [rule("-I FORWARD", `${entering} -m conntrack --ctstate NEW -m conntrack ! --ctstate DNAT`, "DROP")] : [];
  const raw = ports.length > 0 ? [rule("-I PREROUTING", `-i ${bridge} -d 127.0.0.0/8`, "DROP")] : [];
  return [...table("nat", nat), ...table("filter", filter), ...table("raw", raw)];
}

/** What removes a container's rules from what `iptables-save` prints. */
export function iptablesRemoval(name: string, saved: string): string[] {
  const lines = saved.split("\n").filter((line) => /^(\*|COMMIT)/.test(line) || new RegExp(`--comment "?${name}"?( |$)`).test(line));
  return lines.map((line) => line.replace(/^-A /, "-D "));
}

const table = (name: string, rules: readonly string[]): string[] => (rules.length === 0 ? [] : [`*${name}`, ...rules, "COMMIT"]);
