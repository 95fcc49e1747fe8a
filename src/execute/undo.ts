// After a start that failed: ends what there is of the child, removes what was made. A failure to undo is told too,
// beside the error that matters.

import { BoxError } from "../errors.ts";
import { parseState, type State } from "../state/state.ts";
import { endChild } from "./end-child.ts";
import { readText } from "./files.ts";
import { removeContainer, removeStateFolder } from "./remove-container.ts";
import { tell } from "./tell.ts";

/**
 * `children`: pids of box's own unreaped children, so that none can be a stranger's. `begun`: there was one, if only the
 * helper, which has ended.
 */
export async function undoStart(
  state: State,
  folder: string,
  children: readonly number[],
  begun: boolean,
  poststop?: () => Promise<void>,
): Promise<void> {
  for (const pid of children) endChild(pid);
  try {
    const recorded = readText(`${folder}/state.json`);
    // What is to be undone is recorded before it is done; without a record there is only the folder.
    if (typeof recorded === "number") return removeStateFolder(folder);
    // Should another box have removed that folder in between, it may be a third one's by now.
    if (parseState(recorded)?.box.supervisor !== state.box.supervisor) return;
    // That there was a child says that the cgroups are this container's.
    await removeContainer({ ...state, pid: 0 }, folder, poststop, begun);
  } catch (error) {
    if (!(error instanceof BoxError)) throw error;
    const { what = "", object = "", errno = "" } = error.facts;
    tell("warning", [`box: while undoing: ${[what, object, errno].filter((word) => word !== "").join(" ")}`]);
  }
}
