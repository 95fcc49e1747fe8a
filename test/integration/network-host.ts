// A network namespace that stands for a machine, so that tests of networks neither see this machine's nor change it.

import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { execute, type RunOptions, until } from "./harness.ts";

type Lease = { readonly id: string; readonly name: string; readonly address: number };

export class NetworkHost implements Disposable {
  readonly #holder = Bun.spawn(["unshare", "--net", "sleep", "infinity"], { stdio: ["ignore", "ignore", "ignore"] });
  readonly #bin = mkdtempSync(`${tmpdir()}/box-bin-`);

  /** With a loopback, and `forward` packets or not. */
  static async make(forward: boolean): Promise<NetworkHost> {
    const host = new NetworkHost();
    try {
      await until(() => host.#place !== readlinkSync("/proc/self/ns/net"), "a network namespace");
      // Should there be some, they are of a namespace that had this number before.
      rmSync(host.leases, { recursive: true, force: true });
      await host.sh(`ip link set lo up; echo ${forward ? 1 : 0} > /proc/sys/net/ipv4/ip_forward`);
      return host;
    } catch (error) {
      host[Symbol.dispose]();
      throw error;
    }
  }

  get #place(): string {
    return readlinkSync(`/proc/${this.pid}/ns/net`);
  }

  /** Where the plugin keeps the leases of this machine. */
  get leases(): string {
    return `/run/box-network/${/\d+/.exec(this.#place)?.[0]}`;
  }

  get pid(): number {
    return this.#holder.pid;
  }

  /** Words in front of a command that is to run on this machine, whatever its PATH. */
  get before(): string[] {
    return [Bun.which("nsenter") ?? "nsenter", `--net=/proc/${this.pid}/ns/net`];
  }

  /** Runs a shell script on this machine; it must end with 0. Returns its output. */
  async sh(script: string, options: RunOptions = {}): Promise<string> {
    const { exitCode, stdout, stderr } = await execute(["sh", "-c", script], { ...options, before: this.before });
    if (exitCode !== 0) throw new Error(`${script}\nended with ${exitCode}: ${stderr}${stdout}`);
    return stdout;
  }

  /** Whether a command succeeds there. */
  async can(argv: readonly string[]): Promise<boolean> {
    return (await execute(argv, { before: this.before })).exitCode === 0;
  }

  /** All that the plugin could leave behind: devices, rules, leases. */
  async network(): Promise<string[]> {
    const links = await this.sh("ip -o link show | cut -d: -f2");
    const rules = await this.sh("nft list tables 2>/dev/null; iptables-save 2>/dev/null; true");
    return [
      ...links.split("\n").map((name) => name.trim().replace(/@.*/, "")),
      ...rules.split("\n").filter((line) => line.includes("box-")),
      ...this.leaseFiles,
    ].filter((name) => name !== "");
  }

  get leaseFiles(): string[] {
    return existsSync(this.leases) ? readdirSync(this.leases).filter((name) => name !== "lock") : [];
  }

  /** Of a container, as text. */
  addressOf(id: string): string {
    for (const file of this.leaseFiles) {
      const lease = JSON.parse(readFileSync(`${this.leases}/${file}`, "utf8")) as Lease;
      if (lease.id === id) return [24, 16, 8, 0].map((shift) => (lease.address >>> shift) & 255).join(".");
    }
    throw new Error(`${id} has no lease`);
  }

  /** A folder in front of PATH with this shell script as a program. */
  program(name: string, script: string): string {
    writeFileSync(`${this.#bin}/${name}`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return this.#bin;
  }

  [Symbol.dispose](): void {
    const leases = this.#place === readlinkSync("/proc/self/ns/net") ? undefined : this.leases;
    this.#holder.kill("SIGKILL");
    rmSync(this.#bin, { recursive: true });
    if (leases !== undefined) rmSync(leases, { recursive: true, force: true });
  }
}

/** Connects two machines: `one` has the first address, and `other` the second. */
export async function connect(one: NetworkHost, other: NetworkHost, addresses: readonly [string, string]): Promise<void> {
  await one.sh(`ip link add up0 type veth peer name up0 netns ${other.pid}; ip address add ${addresses[0]}/24 dev up0; ip link set up0 up`);
  await other.sh(`ip address add ${addresses[1]}/24 dev up0; ip link set up0 up`);
}
