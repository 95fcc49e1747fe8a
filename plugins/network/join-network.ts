// Connects a container to its bridge: address, pair of devices, rules. Whatever of it fails, leave-network.ts undoes all.

import { readFileSync, writeFileSync } from "node:fs";
import type { PluginHost } from "../../hooks/plugin.ts";
import { addRules, toolOf } from "./firewall.ts";
import { type Lease, leaseFolder, nameOf, readLeases, writeLease } from "./leases.ts";
import { type Member, undo } from "./leave-network.ts";
import { addressesOf, asBridge, type Bridge, connect, makeBridge, readLinks, setLocalRoutes } from "./links.ts";
import { checkFree, collide, isLoopback, showPort } from "./ports.ts";
import { type Run, runUnder } from "./run-program.ts";
import { type Settings, usualSubnet } from "./settings.ts";
import { isHost, pickAddress, showAddress, showSubnet } from "./subnet.ts";

export async function joinNetwork(member: Member, settings: Settings, host: PluginHost): Promise<void> {
  const folder = leaseFolder();
  await host.lock(`${folder}/lock`, async (fd) => await join(runUnder(fd), folder, member, settings, host));
}

async function join(run: Run, folder: string, { id, pid }: Member, settings: Settings, host: PluginHost): Promise<void> {
  const name = nameOf(id, pid);
  const links = await readLinks(run);
  const isThere = (lease: Lease): boolean => links.some(({ ifname }) => ifname === lease.name);
  // Whose pair is gone, has no network any more: its address may be given away, once no rules lead there.
  for (const lease of readLeases(folder)) if (!isThere(lease)) await undo(run, folder, lease, links);
  const leases = readLeases(folder);

  const { ports, masquerade } = settings;
  await checkPorts(settings, leases);
  const present = links.find(({ ifname }) => ifname === settings.bridge);
  const bridge =
    present === undefined
      ? await makeBridge(run, settings.bridge, settings.subnet ?? usualSubnet, links, settings.mtu, name)
      : asBridge(present, settings.subnet);
  const local = ports.find(isLoopback);
  if (local !== undefined && !bridge.madeHere)
    throw new Error(
      `ports: ${showPort(local)} needs a bridge that box made, since ${bridge.name} would have to route what is for 127.0.0.1`,
    );
  const taken = new Set([bridge.gateway, ...addressesOf(links, bridge)]);
  for (const lease of leases) if (lease.bridge === bridge.name) taken.add(lease.address);
  const address = chooseAddress(settings, bridge, id, taken);
  const tool = ports.length > 0 || masquerade ? toolOf(settings.firewall) : undefined;
  await prepareForwarding(settings, tool !== undefined, host);

  writeLease(folder, { name, id, bridge: bridge.name, address, ports, tool });
  await connect(run, bridge, { name, interface: settings.interface, address, pid });
  const addresses = { subnet: showSubnet(bridge.subnet), address: showAddress(address) };
  if (tool !== undefined) await addRules(run, tool, { name, bridge: bridge.name, ...addresses, ports, masquerade });
  // Packets of 127.0.0.1 to a bridge; only now, with the rules that keep those from it out.
  if (ports.length > 0 && bridge.madeHere) setLocalRoutes(bridge.name, true);
}

async function checkPorts({ ports }: Settings, leases: readonly Lease[]): Promise<void> {
  for (const port of ports) {
    const other = leases.find((lease) => lease.ports.some((one) => collide(one, port)));
    if (other !== undefined) throw new Error(`ports: ${showPort(port)} is forwarded to the container ${other.id}`);
    await checkFree(port);
  }
}

function chooseAddress({ address }: Settings, { name, subnet }: Bridge, id: string, taken: ReadonlySet<number>): number {
  if (address === undefined) {
    const free = pickAddress(subnet, id, taken);
    if (free === undefined) throw new Error(`every address of ${showSubnet(subnet)} is taken`);
    return free;
  }
  if (!isHost(subnet, address))
    throw new Error(`address: ${showAddress(address)} is none for a container in ${showSubnet(subnet)}, on ${name}`);
  if (taken.has(address)) throw new Error(`address: ${showAddress(address)} is taken`);
  return address;
}

const forwarding = "/proc/sys/net/ipv4/ip_forward";

/** Says what will not be reached, unless that was asked for. */
async function prepareForwarding({ forward, masquerade }: Settings, hasRules: boolean, { warn }: PluginHost): Promise<void> {
  let on = readFileSync(forwarding, "utf8").trim() === "1";
  if (!on && forward === true) {
    writeFileSync(forwarding, "1");
    on = true;
  }
  if (!on && forward === undefined)
    await warn("net.ipv4.ip_forward is 0: nothing beyond this host is reached, nor are ports from there; forward: true turns it on");
  if (on && masquerade && !hasRules)
    await warn("neither nft nor iptables is in PATH: nothing beyond this host is reached, since answers would not find back");
}
