// The configuration that a container was made from, as its state folder keeps it.

import type { Spec } from "../config/spec.ts";
import { keptConfig } from "../plan/state-files.ts";
import { readText } from "./files.ts";

/** undefined where there is none yet, or it is torn. It was checked before it was kept, in a folder that is the caller's alone. */
export function readKeptConfig(folder: string): Spec | undefined {
  const text = readText(`${folder}/${keptConfig}`);
  if (typeof text !== "string") return undefined;
  try {
    return JSON.parse(text) as Spec;
  } catch {
    return undefined;
  }
}
