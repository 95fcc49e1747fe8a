// A container's rules as a table of nftables that is its alone: made in one transaction, removed by its name. Pure.

import type { Rules } from "./firewall.ts";
import { isEvery, isLoopback } from "./ports.ts";

export function nftRules({ name, bridge, subnet, address, ports, masquerade }: Rules): string[] {
  const forwards = (chosen: Rules["ports"]): string[] =>
    chosen.map((port) => {
      const own = isEvery(port) ? "fib daddr type local" : `ip daddr ${port.address}`;
      return `${own} ${port.protocol} dport ${port.port} dnat to ${address}:${port.to}`;
    });
  const [inside, outside] = [`"${bridge}"`, `!= "${bridge}"`];
  return [
    `table ip ${name} {`,
    ...chain("from-here", "nat hook output priority -100", forwards(ports)),
    // Not what is for this host's own ear: a neighbour on the wire could send packets to 127.0.0.1 here.
    ...chain("from-elsewhere", "nat hook prerouting priority -100", forwards(ports.filter((port) => !isLoopback(port)))),
    ...chain("sources", "nat hook postrouting priority 100", [
      ...(masquerade ? [`ip saddr ${address} oifname ${outside} masquerade`] : []),
      // Answers to these would not come back through here.
      ...(ports.length > 0 ? [`ip saddr { 127.0.0.0/8, ${subnet} } ip daddr ${address} ct status dnat masquerade`] : []),
    ]),
    // What is masqueraded is private: from outside only forwarded ports lead in.
    ...chain("private", "filter hook forward priority 0", [
      ...(masquerade
        ? [
            `oifname ${inside} iifname ${outside} ip daddr ${address} ct status dnat accept`,
            `oifname ${inside} iifname ${outside} ip daddr ${address} ct state new drop`,
          ]
        : []),
    ]),
    // With route_localnet, containers could else talk to what listens on 127.0.0.1 here.
    ...chain(
      "no-loopback",
      "filter hook prerouting priority -300",
      ports.length > 0 ? [`iifname ${inside} ip daddr 127.0.0.0/8 drop`] : [],
    ),
    "}",
  ];
}

/** Also when there is no such table. */
export const nftRemoval = (name: string): string[] => [`add table ip ${name}`, `delete table ip ${name}`];

const chain = (name: string, place: string, rules: readonly string[]): string[] =>
  rules.length === 0 ? [] : [`chain ${name} {`, `type ${place}; policy accept;`, ...rules, "}"];
