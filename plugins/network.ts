// A network for containers: each gets an address on a bridge, can reach the others and what is beyond this host, and has
// ports of the host forwarded to it.
//
//   plugins:
//     - network: { ports: ["8080:80"] }
//
// Read it as a model: `config` refuses before anything is made, `prestart` makes, `poststop` undoes whatever there is and
// keeps nothing in variables, and what several containers share is changed under a lock. It runs programs of the host,
// as a plugin may. docs/plugin-network.md is for users.

import type { Spec } from "../hooks/hooks.ts";
import type { ObjectSchema, Plugin } from "../hooks/plugin.ts";
import { toolOf } from "./network/firewall.ts";
import { joinNetwork } from "./network/join-network.ts";
import { leaveNetwork } from "./network/leave-network.ts";
import { missing } from "./network/run-program.ts";
import { bridgeOf, type Options, readSettings } from "./network/settings.ts";

const schema: ObjectSchema = {
  type: "object",
  properties: {
    bridge: { type: "string" },
    subnet: { type: "string" },
    address: { type: "string" },
    interface: { type: "string" },
    mtu: { type: "integer" },
    ports: { type: "array", items: { type: "string" } },
    masquerade: { type: "boolean" },
    forward: { type: "boolean" },
    firewall: { type: "string", enum: ["nft", "iptables"] },
  },
};

/** One container after the other: with many at once, the last one waits for a while. */
const tap = { name: "network", timeoutMs: 120_000 };

const plugin: Plugin<Options> = {
  name: "network",
  description: "an address on a bridge, ports of the host, and what is beyond it",
  options: schema,
  apply(hooks, options, host) {
    hooks.config.tap("network", (spec) => check(spec, options));
    hooks.prestart.tapPromise(tap, async ({ id, pid }) => await joinNetwork({ id, pid }, readSettings(options), host));
    hooks.poststop.tapPromise(tap, async ({ id, pid }) => await leaveNetwork({ id, pid }, bridgeOf(options), host));
  },
};

export default plugin;

/** What can be known before anything is made. */
function check(spec: Spec, options: Options): undefined {
  const { ports, firewall } = readSettings(options);
  const own = spec.linux?.namespaces?.find(({ type }) => type === "network");
  if (own === undefined) throw new Error("the container uses the host's network, and needs one of its own");
  if (own.path !== undefined) throw new Error(`the container joins the network ${own.path}, and needs one of its own`);
  if (process.getuid?.() !== 0) throw new Error("a bridge and what is connected to it can be made by root alone");
  const programs = missing(["ip", "nsenter"]);
  if (programs.length > 0) throw new Error(`needs ${programs.join(" and ")} in PATH (packages iproute2 and util-linux)`);
  if (ports.length > 0 && toolOf(firewall) === undefined)
    throw new Error(`ports: need ${firewall ?? "nft or iptables"} in PATH (packages nftables and iptables)`);
}
