// Where everything lies in a tape's memory: one table of offsets per record, written once and used by the encoder,
// by the interpreter's program (src/stage) and by whoever reads results back. All fields are little-endian.
//
// Two regions. The status region is shared between box and the child (MAP_SHARED); the tape region (header, records,
// slots, strings) is private to whoever runs it (MAP_PRIVATE in the stage, box's own memory when box runs a tape
// itself), so nothing that enters a container can rewrite what box will read or what another process will run.

/** Where the stage maps its regions. Below 2^38 (39-bit address spaces), aligned to 64 KiB (the largest page size). */
export const STATUS_ADDRESS = 0x4000_0000;
export const TAPE_ADDRESS = 0x4001_0000;
/** File offset of the tape region in the arena memfd; the status region is at offset 0. */
export const TAPE_FILE_OFFSET = 0x1_0000;
export const STATUS_BYTES = 0x1000;
/** Bytes of the tape region that the stage maps; the memfd behind it may be shorter, never longer. */
export const TAPE_BYTES_MAX = 0x40_0000;
/** The descriptor the stage finds the arena memfd at; the tape's first record closes it. */
export const ARENA_FD = 3;

/** A record: one system call, or with a negative number one `compute`. */
export const record = {
  nr: 0, // i32: the call's number; negative: compute (a0 + a1 - a2) & a3
  mask: 4, // u32: bit i (0..5): argument i is the address of a slot to load; bit 6: next is one
  args: 8, // u64[6]
  out: 56, // u64: address that takes the 8-byte result on success; 0: nowhere
  matchValue: 64, // i64: compared with the result on success...
  matchTarget: 72, // u64: ...and where to go if equal; 0: no comparison
  onError: 80, // u64: 0: record and stop; 1: go on with next; else: address of the record to go on with
  next: 88, // u64: address of the next record; 0: stop, all done
  bytes: 96,
} as const;
export const MASK_NEXT = 1 << 6;
export const ON_ERROR_STOP = 0;
export const ON_ERROR_IGNORE = 1;
/** Results in [-4095, -1] are errors, the kernel's own rule (and compute's: a negative errno computed is an error). */
export const ERRNO_MAX = 4095;

/** The tape region begins with this header; the interpreter knows all of it but `saved`. */
export const header = {
  status: 0, // u64: address of the status region
  entry: 8, // u64: address of the first record
  lastErrno: 16, // i64: negative errno of the last record that failed, whatever its onError; 0 at the start
  lastRecord: 24, // u64: that record's address
  saved: 32, // i64[8]: errnos that error tables keep, one for each level of nesting
  bytes: 96,
} as const;

/** The status region begins with this; reported slots follow it. Box treats every field as hostile input. */
export const status = {
  current: 0, // u64: address of the record being run, stored before its call
  failed: 8, // u64: address of the record that stopped the tape; 0: none did
  errno: 16, // i64: its negative errno
  bytes: 32,
} as const;
