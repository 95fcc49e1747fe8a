// The options of the plugin network, checked and with their defaults.

import type { Tool } from "./firewall.ts";
import { collide, type Port, parsePort, showPort } from "./ports.ts";
import { parseAddress, parseSubnet, type Subnet, showSubnet } from "./subnet.ts";

export type Options = {
  bridge?: string;
  subnet?: string;
  address?: string;
  interface?: string;
  mtu?: number;
  ports?: string[];
  masquerade?: boolean;
  forward?: boolean;
  firewall?: Tool;
};

export type Settings = {
  readonly bridge: string;
  /** undefined: the bridge's own, or `usualSubnet` for one that is to be made. */
  readonly subnet: Subnet | undefined;
  /** undefined: any free one. */
  readonly address: number | undefined;
  readonly interface: string;
  readonly mtu: number | undefined;
  readonly ports: readonly Port[];
  readonly masquerade: boolean;
  /** undefined: as it is. */
  readonly forward: boolean | undefined;
  readonly firewall: Tool | undefined;
};

/** One that neither podman (10.88 and up), Docker (172.17 and up), libvirt, LXC nor the usual Kubernetes have. */
export const usualSubnet: Subnet = { first: 0x0a4d0000, prefix: 24 };

export const bridgeOf = ({ bridge = "box0" }: Options): string => bridge;

/** Throws all that is wrong with them. */
export function readSettings(options: Options): Settings {
  const { subnet: network, address: fixed, interface: inside = "eth0", mtu, ports: given = [], masquerade = true } = options;
  const faults: string[] = [];
  const bridge = bridgeOf(options);
  // IFNAMSIZ, and what ip(8) could take for one of its options.
  for (const [key, name] of [
    ["bridge", bridge],
    ["interface", inside],
  ])
    if (!/^[a-z][\w.-]{0,14}$/i.test(name as string)) faults.push(`${key}: expected a name of at most 15 letters, got ${name}`);
  const subnet = network === undefined ? undefined : parseSubnet(network);
  if (network !== undefined && (subnet === undefined || subnet.prefix < 8 || subnet.prefix > 30 || showSubnet(subnet) !== network))
    faults.push(`subnet: expected one such as ${showSubnet(usualSubnet)}, from /8 to /30, got ${network}`);
  const address = fixed === undefined ? undefined : parseAddress(fixed);
  if (fixed !== undefined && address === undefined) faults.push(`address: expected one such as 10.77.0.5, got ${fixed}`);
  if (mtu !== undefined && (mtu < 68 || mtu > 65535)) faults.push(`mtu: expected an integer from 68 to 65535, got ${mtu}`);
  const ports = readPorts(given, faults);
  if (faults.length > 0) throw new Error(faults.join("; "));
  return { bridge, subnet, address, interface: inside, mtu, ports, masquerade, forward: options.forward, firewall: options.firewall };
}

function readPorts(given: readonly string[], faults: string[]): Port[] {
  const ports: Port[] = [];
  for (const [index, text] of given.entries()) {
    const port = parsePort(text);
    const other = port === undefined ? undefined : ports.find((one) => collide(one, port));
    if (port === undefined) faults.push(`ports[${index}]: expected [ADDRESS:]PORT:PORT[/tcp or /udp], got ${text}`);
    else if (other !== undefined) faults.push(`ports[${index}]: ${showPort(port)} is forwarded already, as ${showPort(other)}`);
    else ports.push(port);
  }
  return ports;
}
