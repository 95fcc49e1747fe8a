import { expect, test } from "bun:test";
import { type Options, readSettings } from "../../../plugins/network/settings.ts";

test("what is not said", () =>
  expect(readSettings({})).toEqual({
    bridge: "box0",
    subnet: undefined,
    address: undefined,
    interface: "eth0",
    mtu: undefined,
    ports: [],
    masquerade: true,
    forward: undefined,
    firewall: undefined,
  }));

test("what is", () => {
  const options: Options = { bridge: "lan", subnet: "10.9.0.0/16", address: "10.9.0.5", interface: "net0", mtu: 1400, ports: ["80:8080"] };
  expect(readSettings({ ...options, masquerade: false, forward: true, firewall: "nft" })).toEqual({
    bridge: "lan",
    subnet: { first: 0x0a090000, prefix: 16 },
    address: 0x0a090005,
    interface: "net0",
    mtu: 1400,
    ports: [{ protocol: "tcp", address: "0.0.0.0", port: 80, to: 8080 }],
    masquerade: false,
    forward: true,
    firewall: "nft",
  });
});

test("all that is wrong at once", () =>
  expect(() =>
    readSettings({
      ...{ bridge: "-batch", interface: "a/../../b", subnet: "10.9.0.1/16", address: "10.9", mtu: 10 },
      ports: ["80", "1:1", "127.0.0.1:1:2", "1:1/udp"],
    }),
  ).toThrow(
    [
      "bridge: expected a name of at most 15 letters, got -batch",
      "interface: expected a name of at most 15 letters, got a/../../b",
      "subnet: expected one such as 10.77.0.0/24, from /8 to /30, got 10.9.0.1/16",
      "address: expected one such as 10.77.0.5, got 10.9",
      "mtu: expected an integer from 68 to 65535, got 10",
      "ports[0]: expected [ADDRESS:]PORT:PORT[/tcp or /udp], got 80",
      "ports[2]: 127.0.0.1:1/tcp is forwarded already, as 0.0.0.0:1/tcp",
    ].join("; "),
  ));

for (const subnet of ["10.0.0.0/7", "10.0.0.0/31", "10.0.0.0", "lan"])
  test(`${subnet} is no subnet for containers`, () =>
    expect(() => readSettings({ subnet })).toThrow(`subnet: expected one such as 10.77.0.0/24, from /8 to /30, got ${subnet}`));
