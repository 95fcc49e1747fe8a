import { expect, test } from "bun:test";
import { nftRemoval, nftRules } from "../../../plugins/network/nft-rules.ts";
import { ports, rules } from "./rules.ts";

const check = (given: ReturnType<typeof rules>, expected: string): void => expect(`\n${nftRules(given).join("\n")}\n`).toBe(expected);

test("what leaves is masqueraded, and what comes else is dropped", () =>
  check(
    rules({ masquerade: true }),
    `
table ip box-1 {
chain sources {
type nat hook postrouting priority 100; policy accept;
ip saddr 10.77.0.5 oifname != "box0" masquerade
}
chain private {
type filter hook forward priority 0; policy accept;
oifname "box0" iifname != "box0" ip daddr 10.77.0.5 ct status dnat accept
oifname "box0" iifname != "box0" ip daddr 10.77.0.5 ct state new drop
}
}
`,
  ));

test("ports, and those of 127.0.0.1 for this host alone", () =>
  check(
    rules({ ports }),
    `
table ip box-1 {
chain from-here {
type nat hook output priority -100; policy accept;
fib daddr type local tcp dport 8080 dnat to 10.77.0.5:80
ip daddr 127.0.0.1 udp dport 53 dnat to 10.77.0.5:5353
ip daddr 192.0.2.2 tcp dport 25 dnat to 10.77.0.5:2525
}
chain from-elsewhere {
type nat hook prerouting priority -100; policy accept;
fib daddr type local tcp dport 8080 dnat to 10.77.0.5:80
ip daddr 192.0.2.2 tcp dport 25 dnat to 10.77.0.5:2525
}
chain sources {
type nat hook postrouting priority 100; policy accept;
ip saddr { 127.0.0.0/8, 10.77.0.0/24 } ip daddr 10.77.0.5 ct status dnat masquerade
}
chain no-loopback {
type filter hook prerouting priority -300; policy accept;
iifname "box0" ip daddr 127.0.0.0/8 drop
}
}
`,
  ));

test("they are removed, should there be any", () => expect(nftRemoval("box-1")).toEqual(["add table ip box-1", "delete table ip box-1"]));
