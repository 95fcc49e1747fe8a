// Forwarded ports: `8080:80`, `127.0.0.1:53:53/udp`. What the host's side is, and whether it is free.

import { parseAddress } from "./subnet.ts";

export type Port = {
  readonly protocol: "tcp" | "udp";
  /** Of the host; 0.0.0.0 is every one. */
  readonly address: string;
  readonly port: number;
  /** The container's. */
  readonly to: number;
};

const EVERY = "0.0.0.0";

/** Undefined for what is no such thing. */
export function parsePort(text: string): Port | undefined {
  const [, address = EVERY, port, to, protocol = "tcp"] = /^(?:([\d.]+):)?(\d{1,5}):(\d{1,5})(?:\/(tcp|udp))?$/.exec(text) ?? [];
  const isPort = (number: number): boolean => number > 0 && number < 65536;
  if (parseAddress(address) === undefined || !isPort(Number(port)) || !isPort(Number(to))) return undefined;
  return { protocol: protocol === "udp" ? "udp" : "tcp", address, port: Number(port), to: Number(to) };
}

export const showPort = ({ protocol, address, port }: Port): string => `${address}:${port}/${protocol}`;

export const isEvery = ({ address }: Port): boolean => address === EVERY;
export const isLoopback = ({ address }: Port): boolean => address.startsWith("127.");

/** Whether a packet could be meant for both. */
export const collide = (one: Port, other: Port): boolean =>
  one.protocol === other.protocol && one.port === other.port && (one.address === other.address || isEvery(one) || isEvery(other));

/** Throws when somebody on this host has it: the rules would take its packets away. */
export async function checkFree(port: Port): Promise<void> {
  const place = { hostname: port.address, port: port.port };
  try {
    if (port.protocol === "udp") (await Bun.udpSocket(place)).close();
    else Bun.listen({ ...place, socket: { data() {} } }).stop(true);
  } catch (error) {
    throw new Error(`ports: cannot have ${showPort(port)}: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}`);
  }
}
