// The records of a pax header: `LENGTH KEY=VALUE\n`, with LENGTH in decimal and counting itself (POSIX pax, "pax Extended
// Header"). Values stay bytes: extended attributes such as capabilities are no text. Keys may repeat.

import { BoxError } from "../errors.ts";

export type PaxRecords = readonly { readonly key: string; readonly value: Uint8Array }[];

const SPACE = 32;
const EQUALS = 61;
const NEWLINE = 10;
/** More digits than any header has bytes. */
const MOST_DIGITS = 8;

/** `what` names the archive in messages. */
export function readPax(bytes: Uint8Array, what: string): PaxRecords {
  const records: { key: string; value: Uint8Array }[] = [];
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(SPACE, at);
    const digits = space < 0 || space - at > MOST_DIGITS ? "" : Buffer.from(bytes.subarray(at, space)).toString("latin1");
    const end = at + (/^\d+$/.test(digits) ? Number(digits) : 0);
    const equals = bytes.indexOf(EQUALS, space);
    if (end > bytes.length || bytes[end - 1] !== NEWLINE || equals <= space + 1 || equals >= end)
      throw new BoxError({ what: `${what} is broken: a record of a pax header is wrong` });
    records.push({ key: Buffer.from(bytes.subarray(space + 1, equals)).toString("latin1"), value: bytes.subarray(equals + 1, end - 1) });
    at = end;
  }
  return records;
}

/** `-1.25` is 1.25 seconds before 1970: two seconds before, and 750 million nanoseconds. */
export function readPaxTime(text: string | undefined): { seconds: number; nanoseconds: number } | undefined {
  const [, sign, whole = "", part = ""] = /^(-?)(\d{1,15})(?:\.(\d+))?$/.exec(text ?? "") ?? [];
  if (whole === "") return undefined;
  const nanoseconds = Number(part.slice(0, 9).padEnd(9, "0"));
  if (sign !== "-") return { seconds: Number(whole), nanoseconds };
  return nanoseconds === 0 ? { seconds: -Number(whole), nanoseconds } : { seconds: -Number(whole) - 1, nanoseconds: 1e9 - nanoseconds };
}

/** The last record of that key; an empty one takes back what is known (POSIX pax, "pax Extended Header"). */
export function paxText(pax: PaxRecords, key: string): string | undefined {
  for (let at = pax.length - 1; at >= 0; at--) {
    const record = pax[at];
    if (record?.key === key) return record.value.length === 0 ? undefined : Buffer.from(record.value).toString("latin1");
  }
  return undefined;
}

export function paxNumber(pax: PaxRecords, key: string): number | undefined {
  const text = paxText(pax, key);
  return text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : undefined;
}
