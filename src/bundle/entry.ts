// What unpacking passes on: the entries of an archive or a folder, and who receives them. Names are byte strings, one
// character for each byte, since to Linux they are bytes in no encoding.

export type EntryKind = "file" | "folder" | "symlink" | "hardlink" | "character" | "block" | "fifo";

export type Attribute = { readonly name: string; readonly value: Uint8Array };

export type Entry = {
  /** As the archive has it, not yet looked at. */
  readonly path: string;
  readonly kind: EntryKind;
  /** Permission bits with set-id and sticky bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  /** Of a file, with its holes. */
  readonly size: number;
  /** Whether some of them are missing from what is written. */
  readonly hasHoles: boolean;
  /** Of a link: any text for a symbolic one, another entry's path for a hard one. */
  readonly target: string;
  readonly major: number;
  readonly minor: number;
  readonly attributes: readonly Attribute[];
};

export type EntrySink = {
  /** Whether it wants the entry's bytes; they follow for files alone. */
  begin(entry: Entry): boolean;
  /** Bytes of the file that was begun; they are good for this call only. What is never written is a hole. */
  write(bytes: Uint8Array, offset: number): void;
  /** The file that was begun is whole. */
  end(): void;
};

/** A byte string as people read it. */
export const shown = (bytes: string): string => new TextDecoder().decode(Uint8Array.from(bytes, (char) => char.charCodeAt(0)));

/** Text as a byte string. */
export const byteString = (text: string): string => Buffer.from(text).toString("latin1");
