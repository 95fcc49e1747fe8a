// Archives for tests, header by header: as honest or as hostile as a test wants them, in chunks of any size.

const BLOCK = 512;

export type TestEntry = {
  /** One character for each byte. */
  readonly path: string;
  /** The letter of tar(5): a file when left out, or a folder when the path ends in a slash. */
  readonly type?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly content?: string | Uint8Array;
  readonly link?: string;
  readonly major?: number;
  readonly minor?: number;
  /** Written as a pax header in front. */
  readonly pax?: Readonly<Record<string, string | Uint8Array>>;
  /** In place of the content's length. */
  readonly size?: number;
};

/** A whole archive, with its end. In memory of its own: Bun hands the whole pool of a small Buffer to a child's stdin. */
export const tarOf = (entries: readonly TestEntry[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Buffer.concat([...entries.flatMap(blocksOf), Buffer.alloc(2 * BLOCK)]));

function blocksOf(entry: TestEntry): Buffer[] {
  const content = Buffer.from(entry.content ?? "");
  const own = [headerOf(entry, content.length), content, paddingFor(content)];
  if (entry.pax === undefined) return own;
  const records = Buffer.concat(Object.entries(entry.pax).map(([key, value]) => recordOf(key, Buffer.from(value))));
  return [headerOf({ path: "pax", type: "x" }, records.length), records, paddingFor(records), ...own];
}

const paddingFor = (bytes: Uint8Array): Buffer => Buffer.alloc(-bytes.length & (BLOCK - 1));

function recordOf(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from("\n")]);
  let length = rest.length;
  while (`${length}`.length + rest.length !== length) length = `${length}`.length + rest.length;
  return Buffer.concat([Buffer.from(`${length}`), rest]);
}

/**
 *   0    100  108  116  124  136   148      156  157    257     263  329   337
 *   name mode uid  gid  size mtime checksum type target "ustar" "00" major minor
 */
function headerOf(entry: TestEntry, length: number): Buffer {
  const { path, link = "", mode, uid = 0, gid = 0, mtime = 0, major = 0, minor = 0 } = entry;
  const type = entry.type ?? (path.endsWith("/") ? "5" : "0");
  const header = Buffer.alloc(BLOCK);
  const number = (value: number, at: number, width: number): void => {
    header.write(value.toString(8).padStart(width - 1, "0"), at);
  };
  header.write(path.slice(0, 100), 0, "latin1");
  number(mode ?? (type === "5" ? 0o755 : 0o644), 100, 8);
  number(uid, 108, 8);
  number(gid, 116, 8);
  number(entry.size ?? length, 124, 12);
  number(mtime, 136, 12);
  header.write(" ".repeat(8), 148);
  header.write(type, 156, "latin1");
  header.write(link.slice(0, 100), 157, "latin1");
  header.write("ustar\0" + "00", 257);
  number(major, 329, 8);
  number(minor, 337, 8);
  const sum = header.reduce((all, byte) => all + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}
