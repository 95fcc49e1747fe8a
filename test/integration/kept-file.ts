// The one program that box has kept for a bundle's container.

import { readdirSync, statSync } from "node:fs";
import type { Bundle } from "./harness.ts";

export const kept = (bundle: Bundle): string => `${bundle.states}/.kept`;
export const keptFile = (bundle: Bundle): string =>
  `${kept(bundle)}/${readdirSync(kept(bundle)).find((name) => name.startsWith("place-"))}`;
/** When the kept program was written: a start that uses it leaves it alone. */
export const writtenAt = (bundle: Bundle): number => statSync(keptFile(bundle)).ctimeMs;
