import { expect, test } from "bun:test";
import { sysctlPath } from "../../src/config/sysctl-path.ts";

const cases: [name: string, path: string | undefined][] = [
  ["net.ipv4.ip_forward", "net/ipv4/ip_forward"],
  ["net/ipv4/ip_forward", "net/ipv4/ip_forward"],
  ["net/ipv4/conf/eth0.1/mtu", "net/ipv4/conf/eth0.1/mtu"],
  ["net.ipv4.conf.eth0/1.mtu", "net/ipv4/conf/eth0.1/mtu"],
  ["", undefined],
  [".", undefined],
  ["net.", undefined],
  ["/net/x", undefined],
  ["net..x", undefined],
  ["net/../kernel/panic", undefined],
  ["net.//.kernel.panic", undefined],
  ["net/./x", undefined],
  ["net.//", undefined],
];
for (const [name, path] of cases) test(JSON.stringify(name), () => expect(sysctlPath(name)).toBe(path));
