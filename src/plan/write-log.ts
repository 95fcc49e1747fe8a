// Steps that put what a container has written into its log: entries of a header and the bytes as they were read (drawn in
// log-layout.ts), one writev each, into files that take turns. None of them waits, and none fails the tape: what cannot be
// written (the disk is full) is counted, and told by an entry of its own once writing works again.
//
//   is it still our file, as we left it? ──no──▶ begin a new one
//            │ yes
//   is it full? ──yes──▶ the files move on by one name, and back where no new one can be made
//            │ no
//   writev ──short or failed──▶ cut what is half, count the bytes as lost

import type { LogFiles } from "../config/stdio-choice.ts";
import { structFields } from "../linux/structs.ts";
import { address, type Buffer, compute, newBuffer, newSlot, type Slot, type Step, slotIn, step } from "../tape/step.ts";
import { entry, logPlace } from "./log-layout.ts";
import { logFlags, shiftBack, shiftFiles } from "./open-stdio.ts";
import type { SupervisorVariables } from "./plan.ts";

const origin = "stdio";
const SIGN_BIT = -(2 ** 63);
/** A difference is masked: a small negative number would be an error (layout.ts, ERRNO_MAX). */
const UINT_MAX = 0xffff_ffff;
const CLOCK_REALTIME = 0;

/** What is to be written: `stream` as a word of the header (log-layout.ts), and `count` bytes. */
export type Entry = { readonly bytes: Buffer; readonly count: Slot<"int">; readonly stream: Slot<"int"> };

type Log = {
  readonly file: Slot<"fd">;
  readonly folder: Slot<"fd">;
  readonly statx: Buffer;
  /** Bytes in the file, as this writer left it. */
  readonly size: Slot<"int">;
  readonly lost: Slot<"int">;
  readonly header: Buffer;
  readonly vector: Buffer;
};

export type LogWriter = {
  /** Once, before the first entry. */
  readonly prepare: readonly Step[];
  /** Writes the entry, and goes on behind it. `prefix` tells the labels of one use in a tape from those of another. */
  readonly write: (prefix: string) => readonly Step[];
  /** Once, behind the last entry: what was lost and is not told yet, where that can be told by now. */
  readonly end: (prefix: string) => readonly Step[];
};

export function logWriter(own: SupervisorVariables, files: LogFiles, one: Entry): LogWriter {
  if (own.stdio === undefined) throw new Error("stdio: a log without a place for it");
  const { variables } = own;
  const log: Log = {
    file: own.stdio.log,
    folder: own.stdio.folder,
    statx: newBuffer(variables, "the log's status", structFields.statx.bytes),
    size: newSlot(variables, "int", "the log's size"),
    lost: newSlot(variables, "int", "bytes that were lost"),
    header: newBuffer(variables, "header of an entry", entry.bytes),
    vector: newBuffer(variables, "header and bytes", 32),
  };
  return {
    prepare: [
      ...pointVector(log.vector, log.header, one.bytes),
      compute([0, 0, 0, -1], origin, "nothing is lost yet", { out: log.lost }),
      ...takeSize(log),
    ],
    write: (prefix) => [
      ...checkFile(log, prefix),
      ...moveOn(own, log, files, prefix),
      ...tellLost(own, log, prefix),
      ...writeEntry(log, one, prefix),
    ],
    end: (prefix) => tellLost(own, log, prefix),
  };
}

const word = (of: Buffer, offset: number, name: string): Slot<"int"> => slotIn("int", of, offset, name);
const statxField = (log: Log, field: "size" | "nlink"): Slot<"int"> =>
  word(log.statx, structFields.statx.fields[field]?.offset as number, `${field} of the log`);
const here = (label: string, why: string): Step => compute([0, 0, 0, -1], origin, why, { label });
const jump = (label: string, why: string): Step => compute([0, 0, 0, -1], origin, why, { goto: label });

const pointVector = (vector: Buffer, header: Buffer, bytes: Buffer): Step[] => [
  compute([address(header), 0, 0, -1], origin, "an entry is its header", { out: word(vector, 0, "where the header is") }),
  compute([entry.bytes, 0, 0, -1], origin, "all of it", { out: word(vector, 8, "its length") }),
  compute([address(bytes), 0, 0, -1], origin, "and the bytes behind it", { out: word(vector, 16, "where the bytes are") }),
];

const look = (log: Log): Step =>
  step("statx", [log.file, "", ["AT_EMPTY_PATH"], ["STATX_SIZE", "STATX_NLINK"], address(log.statx)], origin, "look at the log", {
    onError: "ignore",
  });
const takeSize = (log: Log): Step[] => [
  look(log),
  compute([statxField(log, "size"), 0, 0, -1], origin, "so much is in it", { out: log.size }),
];

/** Somebody may have removed the file, emptied it (`truncate -s 0`), or cut it: behind a cut no entry could be found. */
const checkFile = (log: Log, prefix: string): Step[] => [
  look(log),
  compute([statxField(log, "nlink"), 0, 0, UINT_MAX], origin, "was it removed?", {
    equal: { value: 0, steps: [jump(`${prefix} new file`, "begin another")] },
  }),
  compute([statxField(log, "size"), 0, 0, -1], origin, "is it empty?", {
    equal: { value: 0, steps: [compute([0, 0, 0, -1], origin, "it is", { out: log.size })] },
  }),
  compute([statxField(log, "size"), 0, log.size, UINT_MAX], origin, "is it as it was left?", {
    equal: { value: 0, steps: [] },
    ok: [jump(`${prefix} move on`, "no: let it be")],
  }),
];

/**
 * One that was removed is begun anew, and what somebody has put at its name moves on like a full one. Where no new file can
 * be made (the disk has no inode left), the last one goes on under its name, beyond its size.
 */
function moveOn(own: SupervisorVariables, log: Log, files: LogFiles, prefix: string): Step[] {
  const { name } = logPlace("", files);
  const begun = [jump(`${prefix} begun`, "it is begun")];
  return [
    compute([log.size, 0, files.maxBytes, SIGN_BIT], origin, "is it full?", {
      equal: { value: 0, steps: [jump(`${prefix} move on`, "yes")] },
      ok: [jump(`${prefix} fits`, "no")],
    }),
    here(`${prefix} new file`, "it was removed"),
    beginFile(own, log, name, begun),
    here(`${prefix} move on`, "the files move on"),
    ...shiftFiles(log.folder, name, files.files),
    beginFile(own, log, name, begun),
    ...(files.files === 1 ? [] : shiftBack(log.folder, name, files.files)),
    here(`${prefix} begun`, "whichever file it is"),
    ...takeSize(log),
    here(`${prefix} fits`, "there is room"),
  ];
}

function beginFile(own: SupervisorVariables, log: Log, name: string, then: readonly Step[]): Step {
  const fresh = newSlot(own.variables, "int", "the new file");
  return step("openat", [log.folder, name, logFlags, 0o600], origin, "begin a new file", {
    out: fresh,
    onError: "ignore",
    ok: [
      step("close", [log.file], origin, "done with the old one", { onError: "ignore" }),
      compute([fresh, 0, 0, -1], origin, "go on in it", { out: log.file }),
      ...then,
    ],
  });
}

const clock = (log: Log): Step => step("clock_gettime", [CLOCK_REALTIME, address(log.header)], origin, "take the time");

/** An entry whose eight bytes say how many were lost. */
function tellLost(own: SupervisorVariables, log: Log, prefix: string): Step[] {
  const vector = newBuffer(own.variables, "header and count", 32);
  const written = newSlot(own.variables, "int", "written of the count");
  const what = word(log.header, entry.lengthAndStream, "length and stream");
  return [
    compute([log.lost, 0, 0, -1], origin, "was something lost?", { equal: { value: 0, steps: [jump(`${prefix} nothing lost`, "no")] } }),
    clock(log),
    compute([8, entry.streams.lost, 0, -1], origin, "eight bytes that say how many", { out: what }),
    compute([address(log.header), 0, 0, -1], origin, "the header", { out: word(vector, 0, "where the header is") }),
    compute([entry.bytes, 0, 0, -1], origin, "all of it", { out: word(vector, 8, "its length") }),
    compute([address(log.lost), 0, 0, -1], origin, "the count", { out: word(vector, 16, "where the count is") }),
    compute([8, 0, 0, -1], origin, "all of it", { out: word(vector, 24, "its length") }),
    step("writev", [log.file, address(vector), 2], origin, "tell how many bytes were lost", {
      out: written,
      onError: "ignore",
      ok: [
        compute([written, 0, entry.bytes + 8, UINT_MAX], origin, "was all of it written?", {
          equal: {
            value: 0,
            steps: [
              compute([log.size, written, 0, -1], origin, "the file is longer", { out: log.size }),
              compute([0, 0, 0, -1], origin, "told", { out: log.lost, goto: `${prefix} nothing lost` }),
            ],
          },
        }),
        cutBack(log),
      ],
    }),
    here(`${prefix} nothing lost`, "now the entry"),
  ];
}

/** Half an entry would hide all that follow. */
const cutBack = (log: Log): Step =>
  step("ftruncate", [log.file, log.size], origin, "the disk is full: take back what is half", { onError: "ignore" });

function writeEntry(log: Log, { count, stream }: Entry, prefix: string): Step[] {
  const written = word(log.statx, 0, "written");
  const what = word(log.header, entry.lengthAndStream, "length and stream");
  return [
    clock(log),
    compute([count, stream, 0, -1], origin, "how many bytes of which stream", { out: what }),
    compute([count, 0, 0, -1], origin, "so many bytes", { out: word(log.vector, 24, "length of the bytes") }),
    step("writev", [log.file, address(log.vector), 2], origin, "write the entry", {
      out: written,
      onError: "ignore",
      ok: [
        compute([written, 0, count, UINT_MAX], origin, "how much more than the bytes?", {
          equal: {
            value: entry.bytes,
            steps: [compute([log.size, written, 0, -1], origin, "the file is longer", { out: log.size, goto: `${prefix} written` })],
          },
        }),
        cutBack(log),
      ],
    }),
    compute([log.lost, count, 0, -1], origin, "count the bytes as lost", { out: log.lost }),
    here(`${prefix} written`, "done with it"),
  ];
}
