// The notes on a map of ids, which three objects of the configuration have two of each.

import type { Note, Notes } from "./note.ts";

const id = "expected an id from 0 to 4294967294, got -1";

/** The list and the fields of its entries, which one test shows together. */
export function idMapNotes<const Path extends string>(
  path: Path,
  does: string,
  shown: Note["shown"],
): Notes<Path | `${Path}[].containerID` | `${Path}[].hostID` | `${Path}[].size`> {
  const notes: Record<string, Note> = {
    [path]: { does, shown, wrong: [[7], "[0]: expected an object with containerID, hostID and size, got 7"] },
    [`${path}[].containerID`]: { does: "The first id inside.", shown, wrong: [-1, `: ${id}`] },
    [`${path}[].hostID`]: { does: "The first id outside.", shown, wrong: [-1, `: ${id}`] },
    [`${path}[].size`]: {
      does: "How many ids. Ranges that overlap or end beyond the last id are refused here, where the kernel would only say EINVAL.",
      shown,
      wrong: ["all", ': expected an integer from 1 to 4294967295, got "all"'],
    },
  };
  return notes as Notes<Path | `${Path}[].containerID` | `${Path}[].hostID` | `${Path}[].size`>;
}
