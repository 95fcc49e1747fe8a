// Amounts as people write them: `256MB`, `1.5`, or a share of what the machine has, `25%`. Each function throws what is
// wrong with one.

/** Powers of 1024, each with or without `B` or `iB`, in any case. */
const units = ["", "k", "m", "g", "t", "p"];

/** `whole` is what a share is of; without it a share makes no sense. */
export function bytesOf(value: number | string, whole?: number): number {
  const share = shareOf(value);
  if (share !== undefined && whole !== undefined) return Math.floor(share * whole);
  const [, digits, unit = ""] = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(String(value)) ?? [];
  const bytes = Math.floor(Number(digits) * 1024 ** units.indexOf(unit.toLowerCase()));
  if (!Number.isSafeInteger(bytes)) throw new Error(`expected a size such as 256MB${whole === undefined ? "" : " or 25%"}, got ${value}`);
  return bytes;
}

/** How many processors, a part of one too. */
export function cpusOf(value: number | string, whole: number): number {
  const share = shareOf(value);
  const cpus = share !== undefined ? share * whole : Number(/^\d+(?:\.\d+)?$/.exec(String(value)) ?? Number.NaN);
  if (!(cpus > 0)) throw new Error(`expected a number of processors such as 1.5 or 50%, got ${value}`);
  return cpus;
}

/** 0.25 for `25%`; undefined for what is no share. */
function shareOf(value: number | string): number | undefined {
  const [, percent] = /^(\d+(?:\.\d+)?)%$/.exec(String(value)) ?? [];
  return percent !== undefined && Number(percent) > 0 && Number(percent) <= 100 ? Number(percent) / 100 : undefined;
}
