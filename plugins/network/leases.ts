// Who has which address and which ports: a file for each container, readable by root. A lease counts for as long as the
// container's end of its pair is there, which the kernel removes with the container's network; after that it is only
// what is left to be undone.

import { mkdirSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { Tool } from "./firewall.ts";
import type { Port } from "./ports.ts";

export type Lease = {
  /** Of the host's end of the pair, and of the rules. */
  readonly name: string;
  readonly id: string;
  readonly bridge: string;
  readonly address: number;
  readonly ports: readonly Port[];
  /** What has its rules. */
  readonly tool: Tool | undefined;
};

/** The same in every box process that works on the container; another container of that id has another pid. */
export function nameOf(id: string, pid: number): string {
  const hash = new Bun.CryptoHasher("sha256").update(`${id} ${pid}`).digest("hex");
  // IFNAMSIZ leaves fifteen letters.
  return `box-${hash.slice(0, 11)}`;
}

/** Made when it is missing. Networks of one name in two network namespaces have nothing to do with each other. */
export function leaseFolder(): string {
  const [, inode = ""] = /^net:\[(\d+)\]$/.exec(readlinkSync("/proc/self/ns/net")) ?? [];
  const folder = `/run/box-network/${inode}`;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

export const readLeases = (folder: string): Lease[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .map((file) => readLease(folder, file));

/** Leases are written whole, so what is no lease is somebody else's, and who has which address is not known any more. */
function readLease(folder: string, file: string): Lease {
  const text = readFileSync(`${folder}/${file}`, "utf8");
  try {
    const lease = JSON.parse(text) as Lease;
    if (`${lease.name}.json` === file && typeof lease.bridge === "string" && Number.isInteger(lease.address) && Array.isArray(lease.ports))
      return lease;
  } catch {
    // Said below, as for any other text.
  }
  throw new Error(`${folder}/${file} is no lease of a network: was it changed by hand? Remove it, and what is called ${file.slice(0, -5)}`);
}

/** All of it or nothing, however box ends meanwhile. */
export function writeLease(folder: string, lease: Lease): void {
  writeFileSync(`${folder}/new`, JSON.stringify(lease), { mode: 0o600 });
  renameSync(`${folder}/new`, `${folder}/${lease.name}.json`);
}

export const removeLease = (folder: string, name: string): void => rmSync(`${folder}/${name}.json`, { force: true });
