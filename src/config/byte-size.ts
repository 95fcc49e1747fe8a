// Amounts of memory as people write them on a command line: 512m, 1.5GiB, 4096.

const units = "kmgtp";

/**
 * Bytes of a size; undefined for what is none. Units are powers of 1024, each with or without `b` or `ib`, in any case, as
 * with runc and Docker (github.com/docker/go-units, RAMInBytes). A part of a byte is dropped.
 */
export function byteSize(text: string): number | undefined {
  const match = /^(\d+\.?\d*|\.\d+) ?([a-z]*)$/.exec(text.toLowerCase());
  if (match === null) return undefined;
  const [, number = "", unit = ""] = match;
  if (unit === "" || unit === "b") return Math.floor(Number(number));
  const power = units.indexOf(unit.charAt(0));
  if (power < 0 || !["", "b", "ib"].includes(unit.slice(1))) return undefined;
  return Math.floor(Number(number) * 1024 ** (power + 1));
}
