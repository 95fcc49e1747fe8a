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
    .map((file) => JSON.parse(readFileSync(`${folder}/${file}`, "utf8")) as Lease);

/** All of it or nothing, however box ends meanwhile. */
export function writeLease(folder: string, lease: Lease): void {
  writeFileSync(`${folder}/new`, JSON.stringify(lease), { mode: 0o600 });
  renameSync(`${folder}/new`, `${folder}/${lease.name}.json`);
}

export const removeLease = (folder: string, name: string): void => rmSync(`${folder}/${name}.json`, { force: true });
