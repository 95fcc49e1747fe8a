// Paths such as `linux.sysctl["net.core.somaxconn"]` and `mounts[3].options`, as messages have them, put together and taken apart.

import { joinPath } from "./faults.ts";

/** As joinPath, with keys such as `read-only` as they are. */
export const keyPath = (path: string, key: string): string =>
  /^[\w-]+$/.test(key) ? (path === "" ? key : `${path}.${key}`) : joinPath(path, key);

/** The keys on the way; undefined for what is no such path. */
export function splitPath(path: string): (string | number)[] | undefined {
  const keys: (string | number)[] = [];
  const part = /\.?([\w-]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/y;
  while (part.lastIndex < path.length) {
    const match = part.exec(path);
    if (match === null) return undefined;
    const [, word, index, quoted] = match;
    keys.push(word ?? (index === undefined ? (JSON.parse(quoted as string) as string) : Number(index)));
  }
  return keys;
}
