// Paths as lists of names.

/** A path inside the container without `.`, `..` and doubled slashes, as components. Lexical, as runc cleans it. */
export function components(path: string): string[] {
  const out: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") out.pop();
    else out.push(part);
  }
  return out;
}
