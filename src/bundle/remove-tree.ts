// Removes a folder with all that is in it, however deep: no path is built and one folder is open at a time. A folder in it
// that is not empty is moved up first, to be emptied there.

import { closeFile, done, errnos, openHere, removeFile, removeFolder, rename, rewind, setMode, someNames } from "./calls.ts";

/** Whatever `name` is in `folder`. `trash` is an open folder of the same filesystem where nobody else has anything. */
export function removeTree(folder: number, name: string, trash: number): void {
  if (removeOne(folder, name)) return;
  let count = 0;
  const moveOut = (from: number, what: string): string => {
    const to = `${++count}`;
    // Whoever is not root may move a folder only if it may write in it.
    setMode(from, what, 0o700);
    done(rename(from, what, trash, to), "move away", what);
    return to;
  };
  const full = [moveOut(folder, name)];
  for (let next = full.pop(); next !== undefined; next = full.pop()) {
    emptyFolder(trash, next, (open, child) => full.push(moveOut(open, child)));
    done(removeFolder(trash, next), "remove", next);
  }
}

/** Whether it is gone; a folder that is not empty stays. */
function removeOne(folder: number, name: string): boolean {
  const failed = removeFile(folder, name);
  if (failed === errnos.ENOENT || failed === 0) return true;
  if (failed !== errnos.EISDIR) done(failed, "remove", name);
  const left = removeFolder(folder, name);
  return left !== errnos.ENOTEMPTY && done(left, "remove", name) === 0;
}

function emptyFolder(folder: number, name: string, moveOut: (open: number, child: string) => void): void {
  const open = done(openHere(folder, name, "list"), "open", name);
  try {
    for (let names = someNames(open, name); names.length > 0; names = someNames(open, name)) {
      for (const child of names) if (!removeOne(open, child)) moveOut(open, child);
      // What is removed while a folder is read may hide what is not.
      rewind(open);
    }
  } finally {
    closeFile(open);
  }
}
