// What a plugin changed in a configuration, as the places that differ: `process.env[3]`, `mounts[7]`.

import { joinPath } from "../config/faults.ts";

/** More of them say no more. */
const MOST = 20;

/** Paths that are in `after` and not the same in `before`, and those that are gone; JSON values both. */
export function changedPaths(before: unknown, after: unknown): string[] {
  const paths: string[] = [];
  compare(before, after, "", paths);
  return paths.length <= MOST ? paths : [...paths.slice(0, MOST), `${paths.length - MOST} more`];
}

function compare(before: unknown, after: unknown, path: string, paths: string[]): void {
  if (Array.isArray(before) && Array.isArray(after)) {
    const most = before.length > after.length ? before.length : after.length;
    for (let index = 0; index < most; index++) compare(before[index], after[index], `${path}[${index}]`, paths);
  } else if (isRecord(before) && isRecord(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)]))
      compare(before[key], after[key], joinPath(path, key), paths);
  } else if (before !== after) paths.push(path);
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
