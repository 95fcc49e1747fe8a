// Bridges and pairs of virtual Ethernet devices, by the program ip(8) of iproute2. A pair's two ends are `name` on the host
// and the interface in the container; whichever end goes, takes the other with it. `dev` stands before each name, since ip
// takes a name such as up or group for one of its own words otherwise.

import { existsSync, writeFileSync } from "node:fs";
import type { Run } from "./run-program.ts";
import { contains, gatewayOf, macOf, overlap, parseAddress, parseSubnet, type Subnet, showAddress, showSubnet } from "./subnet.ts";

/** The part of `ip -json -details address show` that is looked at. */
export type Link = {
  readonly ifname: string;
  readonly mtu: number;
  /** The bridge that it is a port of. */
  readonly master?: string;
  readonly ifalias?: string;
  readonly linkinfo?: { readonly info_kind?: string };
  readonly addr_info: readonly { readonly family: string; readonly local: string; readonly prefixlen: number }[];
};
type Route = { readonly dst: string; readonly dev?: string };

export const readLinks = async (run: Run): Promise<Link[]> =>
  JSON.parse(await run(["ip", "-json", "-details", "address", "show"])) as Link[];

/** What a bridge that was made here has as its alias, which nothing but people reads otherwise. */
const MADE_HERE = "made-by-box";
export const isMadeHere = ({ ifalias }: Link): boolean => ifalias === MADE_HERE;

export type Bridge = {
  readonly name: string;
  readonly subnet: Subnet;
  readonly gateway: number;
  readonly mtu: number;
  readonly madeHere: boolean;
};

/** A bridge that is there, as it is. `subnet`: when it has to have an address in that one. */
export function asBridge(link: Link, subnet: Subnet | undefined): Bridge {
  const { ifname: name, linkinfo, addr_info, mtu } = link;
  if (linkinfo?.info_kind !== "bridge") throw new Error(`bridge: there is an interface ${name}, and it is no bridge`);
  for (const { family, local, prefixlen } of addr_info) {
    const own = family === "inet" ? parseSubnet(`${local}/${prefixlen}`) : undefined;
    const fits = own !== undefined && (subnet === undefined || showSubnet(own) === showSubnet(subnet));
    if (fits) return { name, subnet: own, gateway: parseAddress(local) ?? gatewayOf(own), mtu, madeHere: isMadeHere(link) };
  }
  const which = subnet === undefined ? "IPv4 address" : `address in ${showSubnet(subnet)}`;
  throw new Error(`bridge: ${name} is there and has no ${which}`);
}

/**
 * Makes a bridge under the name `unfinished`, and gives it its own when it is complete: so whoever comes upon the name
 * after a crash finds all of it, or nothing.
 */
export async function makeBridge(
  run: Run,
  name: string,
  subnet: Subnet,
  links: readonly Link[],
  mtu: number | undefined,
  unfinished: string,
): Promise<Bridge> {
  const routes = JSON.parse(await run(["ip", "-json", "-4", "route", "show"])) as Route[];
  for (const { dst, dev = "nothing" } of routes) {
    const other = parseSubnet(dst);
    if (other !== undefined && overlap(other, subnet))
      throw new Error(`subnet: ${showSubnet(subnet)} overlaps ${showSubnet(other)}, which is behind ${dev}: name another one`);
  }
  // What leaves this machine in the end should fit through there.
  const outside = routes.find(({ dst }) => dst === "default")?.dev;
  const most = mtu ?? links.find(({ ifname }) => ifname === outside)?.mtu ?? 1500;
  const bridge: Bridge = { name, subnet, gateway: gatewayOf(subnet), mtu: most, madeHere: true };
  await run(
    ["ip", "-batch", "-"],
    [
      // With an address of its own, which else is that of the port that has the lowest, and changes with these.
      `link add name ${unfinished} mtu ${bridge.mtu} address ${macOf(bridge.gateway)} type bridge`,
      `link set dev ${unfinished} alias ${MADE_HERE}`,
      `address add ${showAddress(bridge.gateway)}/${subnet.prefix} dev ${unfinished}`,
      `link set dev ${unfinished} name ${name}`,
    ],
  );
  return bridge;
}

export type End = { readonly name: string; readonly interface: string; readonly address: number; readonly pid: number };

/** Connects the network namespace of a process to the bridge. */
export async function connect(run: Run, bridge: Bridge, { name, interface: inside, address, pid }: End): Promise<void> {
  const { mtu, gateway, subnet } = bridge;
  await run(
    ["ip", "-batch", "-"],
    [
      `link add name ${name} mtu ${mtu} master ${bridge.name} type veth peer name ${inside} mtu ${mtu} address ${macOf(address)} netns ${pid}`,
      `link set dev ${name} up`,
      // Not yet, if box was killed right after it was made.
      ...(bridge.madeHere ? [`link set dev ${bridge.name} up`] : []),
    ],
  );
  await run(
    ["nsenter", `--net=/proc/${pid}/ns/net`, "ip", "-batch", "-"],
    [
      `address add ${showAddress(address)}/${subnet.prefix} dev ${inside}`,
      `link set dev ${inside} up`,
      `route add default via ${showAddress(gateway)} dev ${inside}`,
    ],
  );
}

/** Also when it goes by itself in this moment, as a pair does soon after its container. */
export async function removeLink(run: Run, name: string): Promise<void> {
  try {
    await run(["ip", "link", "delete", "dev", name]);
  } catch (error) {
    if ((await readLinks(run)).some(({ ifname }) => ifname === name)) throw error;
  }
}

/** Whether packets from 127.0.0.1 go out through a bridge, as those to a forwarded port do. */
export function setLocalRoutes(bridge: string, on: boolean): void {
  const path = `/proc/sys/net/ipv4/conf/${bridge}/route_localnet`;
  if (on || existsSync(path)) writeFileSync(path, on ? "1" : "0");
}

export const addressesOf = (links: readonly Link[], { name, subnet }: Bridge): number[] =>
  links
    .filter(({ ifname }) => ifname === name)
    .flatMap(({ addr_info }) => addr_info.map(({ local }) => parseAddress(local) ?? -1))
    .filter((address) => contains(subnet, address));
