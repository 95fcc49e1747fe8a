// IPv4 addresses and subnets as numbers. Pure.

export type Subnet = { readonly first: number; readonly prefix: number };

/** Undefined for what is no address. */
export function parseAddress(text: string): number | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return undefined;
  const bytes = text.split(".").map(Number);
  return bytes.every((byte) => byte < 256) ? bytes.reduce((sum, byte) => sum * 256 + byte, 0) : undefined;
}

export const showAddress = (address: number): string => [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");

/** `10.77.0.0/24`; an address alone is a subnet of one, as `ip route` prints it. Undefined for what is none. */
export function parseSubnet(text: string): Subnet | undefined {
  const [, address = "", bits = "32"] = /^([\d.]+)(?:\/(\d{1,2}))?$/.exec(text) ?? [];
  const [parsed, prefix] = [parseAddress(address), Number(bits)];
  return parsed === undefined || prefix > 32 ? undefined : { first: parsed - (parsed % sizeOf(prefix)), prefix };
}

export const showSubnet = ({ first, prefix }: Subnet): string => `${showAddress(first)}/${prefix}`;

const sizeOf = (prefix: number): number => 2 ** (32 - prefix);

export const contains = ({ first, prefix }: Subnet, address: number): boolean => address >= first && address < first + sizeOf(prefix);

export const overlap = (one: Subnet, other: Subnet): boolean => contains(one, other.first) || contains(other, one.first);

/** Neither the subnet's own address nor that of its broadcasts. */
export const isHost = (subnet: Subnet, address: number): boolean =>
  contains(subnet, address - 1) && contains(subnet, address) && contains(subnet, address + 1);

/** For the bridge: the first one that a host may have. */
export const gatewayOf = ({ first }: Subnet): number => first + 1;

/**
 * A free address. The search starts at a place that depends on `id` alone, so a container that is started again mostly
 * gets what it had, and others do not get at once what somebody's caches know as another's. Undefined when all are taken.
 */
export function pickAddress({ first, prefix }: Subnet, id: string, taken: ReadonlySet<number>): number | undefined {
  const hosts = sizeOf(prefix) - 2;
  const start = Number(Bun.hash(id) % BigInt(hosts));
  for (let step = 0; step < hosts; step++) {
    const address = first + 1 + ((start + step) % hosts);
    if (!taken.has(address)) return address;
  }
  return undefined;
}

/** A locally administered one that goes with the address: whoever has it next is found where the last one was. */
export const macOf = (address: number): string =>
  ["02", "62", ...[24, 16, 8, 0].map((shift) => ((address >>> shift) & 255).toString(16).padStart(2, "0"))].join(":");
