// After a start that failed: ends what there is of the child, removes what was made. A failure to undo is told too,
// beside the error that matters.

import { BoxError } from "../errors.ts";
import { parseState, type State } from "../state/state.ts";
import { readText } from "./files.ts";
import { systemCall } from "./libc.ts";
import { removeContainer, removeStateFolder } from "./remove-container.ts";
import { tell } from "./tell.ts";

const SIGKILL = 9;
const P_PID = 1;
const WEXITED = 4;

/** `children`: pids of box's own unreaped children, so that none can be a stranger's. */
export async function undoStart(state: State, folder: string, children: readonly number[], poststop?: () => Promise<void>): Promise<void> {
  for (const pid of children) {
    systemCall("kill", pid, SIGKILL);
    systemCall("waitid", P_PID, pid, 0, WEXITED, 0);
  }
  try {
    const recorded = readText(`${folder}/state.json`);
    // What is to be undone is recorded before it is done; without a record there is only the folder.
    if (typeof recorded === "number") return removeStateFolder(folder);
    // Should another box have removed that folder in between, it may be a third one's by now.
    if (parseState(recorded)?.box.supervisor !== state.box.supervisor) return;
    // That there was a child says that the cgroups are this container's; it has ended, so nobody is sent a signal.
    await removeContainer({ ...state, pid: children[0] ?? 0 }, folder, poststop);
  } catch (error) {
    if (!(error instanceof BoxError)) throw error;
    const { what = "", object = "", errno = "" } = error.facts;
    tell("warning", [`box: while undoing: ${[what, object, errno].filter((word) => word !== "").join(" ")}`]);
  }
}
