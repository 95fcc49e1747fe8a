// Undoes what join-network.ts has done, or what there is of it: it may have stopped anywhere, or not have begun.

import type { PluginHost } from "../../hooks/plugin.ts";
import { removeRules } from "./firewall.ts";
import { type Lease, leaseFolder, nameOf, readLeases, removeLease } from "./leases.ts";
import { isMadeHere, type Link, readLinks, removeLink, setLocalRoutes } from "./links.ts";
import { type Run, runUnder } from "./run-program.ts";

export type Member = { readonly id: string; readonly pid: number };

export async function leaveNetwork({ id, pid }: Member, bridge: string, { lock }: PluginHost): Promise<void> {
  const folder = leaseFolder();
  await lock(`${folder}/lock`, async (fd) => await leave(runUnder(fd), folder, nameOf(id, pid), bridge));
}

async function leave(run: Run, folder: string, name: string, bridge: string): Promise<void> {
  const links = await readLinks(run);
  const lease = readLeases(folder).find((one) => one.name === name);
  if (lease !== undefined) await undo(run, folder, lease, links);
  // A bridge that was not finished has this name too.
  else if (links.some(({ ifname }) => ifname === name)) await removeLink(run, name);
  const madeHere = links.some((link) => link.ifname === bridge && isMadeHere(link));
  const isUsed = links.some(({ ifname, master }) => master === bridge && ifname !== name);
  if (madeHere && !isUsed) await removeLink(run, bridge);
}

/** The lease goes last: as long as it is there, the rest is tried again. */
export async function undo(run: Run, folder: string, lease: Lease, links: readonly Link[]): Promise<void> {
  const { name, bridge, ports, tool } = lease;
  const others = readLeases(folder).filter((one) => one.name !== name && one.bridge === bridge && one.ports.length > 0);
  const madeHere = links.some((link) => link.ifname === bridge && isMadeHere(link));
  if (ports.length > 0 && others.length === 0 && madeHere) setLocalRoutes(bridge, false);
  if (tool !== undefined) await removeRules(run, tool, name);
  if (links.some(({ ifname }) => ifname === name)) await removeLink(run, name);
  removeLease(folder, name);
}
