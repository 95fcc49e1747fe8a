// Rules for a container, as tests of both programs want them.

import type { Rules } from "../../../plugins/network/firewall.ts";

export const rules = (change: Partial<Rules> = {}): Rules => ({
  name: "box-1",
  bridge: "box0",
  subnet: "10.77.0.0/24",
  address: "10.77.0.5",
  ports: [],
  masquerade: false,
  ...change,
});

export const ports: Rules["ports"] = [
  { protocol: "tcp", address: "0.0.0.0", port: 8080, to: 80 },
  { protocol: "udp", address: "127.0.0.1", port: 53, to: 5353 },
  { protocol: "tcp", address: "192.0.2.2", port: 25, to: 2525 },
];
