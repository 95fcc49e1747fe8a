import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  contains,
  gatewayOf,
  isHost,
  macOf,
  overlap,
  parseAddress,
  parseSubnet,
  pickAddress,
  type Subnet,
  showAddress,
  showSubnet,
} from "../../../plugins/network/subnet.ts";

const subnet = (text: string): Subnet => {
  const parsed = parseSubnet(text);
  if (parsed === undefined) throw new Error(`${text} is no subnet`);
  return parsed;
};
const address = (text: string): number => parseAddress(text) ?? Number.NaN;

test("addresses", () => {
  expect([address("0.0.0.0"), address("10.77.0.5"), address("255.255.255.255")]).toEqual([0, 0x0a4d0005, 2 ** 32 - 1]);
  fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (number) => expect(address(showAddress(number))).toBe(number)));
});
for (const wrong of ["", "1.2.3", "1.2.3.4.5", "256.0.0.1", "1.2.3.x", " 1.2.3.4", "1.2.3.0x4", "::1"])
  test(`${JSON.stringify(wrong)} is no address`, () => expect(parseAddress(wrong)).toBe(undefined));

test("subnets begin where they begin", () => {
  expect(showSubnet(subnet("10.77.3.9/16"))).toBe("10.77.0.0/16");
  expect(showSubnet(subnet("192.168.7.200/25"))).toBe("192.168.7.128/25");
  expect(showSubnet(subnet("1.2.3.4"))).toBe("1.2.3.4/32");
  expect(showSubnet(subnet("9.9.9.9/0"))).toBe("0.0.0.0/0");
});
for (const wrong of ["default", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/", "10.0.0.0/-1"])
  test(`${wrong} is no subnet`, () => expect(parseSubnet(wrong)).toBe(undefined));

describe("overlaps", () => {
  const check = (one: string, other: string, expected: boolean): void => {
    expect([overlap(subnet(one), subnet(other)), overlap(subnet(other), subnet(one))]).toEqual([expected, expected]);
  };
  test("the same", () => check("10.77.0.0/24", "10.77.0.0/24", true));
  test("one in the other", () => check("10.0.0.0/8", "10.77.0.0/24", true));
  test("neighbours", () => check("10.77.0.0/24", "10.77.1.0/24", false));
  test("an address alone", () => check("10.77.0.255", "10.77.0.0/24", true));
});

test("what a container may have", () => {
  const is = (text: string): boolean => isHost(subnet("10.77.0.0/24"), address(text));
  expect(["10.77.0.0", "10.77.0.1", "10.77.0.254", "10.77.0.255", "10.77.1.1"].map(is)).toEqual([false, true, true, false, false]);
});

test("a free address, the same for the same name while it can be had", () => {
  const net = subnet("10.9.0.0/29");
  const taken = new Set([gatewayOf(net)]);
  const first = pickAddress(net, "web", taken);
  expect(pickAddress(net, "web", taken)).toBe(first as number);
  const all: (number | undefined)[] = [];
  for (let got = first; got !== undefined; got = pickAddress(net, "web", taken)) {
    all.push(got);
    taken.add(got);
  }
  expect(all.map((one) => showAddress(one as number)).toSorted()).toEqual(["10.9.0.2", "10.9.0.3", "10.9.0.4", "10.9.0.5", "10.9.0.6"]);
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 8, max: 30 }), (id, prefix) => {
      const wide = { first: 0x0a000000, prefix };
      const got = pickAddress(wide, id, new Set([gatewayOf(wide)]));
      expect(got !== undefined && isHost(wide, got) && contains(wide, got) && got !== gatewayOf(wide)).toBe(true);
    }),
  );
});

test("a device's address is its own to give: locally administered, for one device", () =>
  expect(macOf(address("10.77.0.5"))).toBe("02:62:0a:4d:00:05"));
