import { expect, test } from "bun:test";
import { addressesOf, asBridge, type Link } from "../../../plugins/network/links.ts";
import { parseSubnet, showAddress, showSubnet } from "../../../plugins/network/subnet.ts";

const inet = (local: string, prefixlen: number): Link["addr_info"][number] => ({ family: "inet", local, prefixlen });
const link = (change: Partial<Link> = {}): Link => ({
  ifname: "box0",
  mtu: 1400,
  linkinfo: { info_kind: "bridge" },
  addr_info: [{ family: "inet6", local: "fe80::1", prefixlen: 64 }, inet("10.5.0.7", 16), inet("10.6.0.1", 24)],
  ...change,
});

const show = (one: Link, subnet?: string): string => {
  const bridge = asBridge(one, subnet === undefined ? undefined : parseSubnet(subnet));
  return `${bridge.name} ${showSubnet(bridge.subnet)} via ${showAddress(bridge.gateway)} mtu ${bridge.mtu}`;
};

test("the first network of a bridge", () => expect(show(link())).toBe("box0 10.5.0.0/16 via 10.5.0.7 mtu 1400"));
test("the one that is asked for", () => expect(show(link(), "10.6.0.0/24")).toBe("box0 10.6.0.0/24 via 10.6.0.1 mtu 1400"));
test("one that it does not have", () =>
  expect(() => show(link(), "10.5.0.0/24")).toThrow("bridge: box0 is there and has no address in 10.5.0.0/24"));
test("a bridge without one", () => expect(() => show(link({ addr_info: [] }))).toThrow("bridge: box0 is there and has no IPv4 address"));
test("no bridge", () =>
  expect(() => show(link({ linkinfo: { info_kind: "veth" } }))).toThrow("bridge: there is an interface box0, and it is no bridge"));

test("addresses that a bridge has itself in a subnet", () => {
  const links = [link(), link({ ifname: "lan", addr_info: [inet("10.5.0.9", 16)] })];
  expect(addressesOf(links, asBridge(link(), undefined)).map(showAddress)).toEqual(["10.5.0.7"]);
});
