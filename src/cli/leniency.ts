// Whether unknown keys of a configuration are warnings: by --lenient, or by BOX_LENIENT for clients that pass no flags. Asked
// when there is such a key, or for a box.yaml; a start of a right config.json never gets here.

import { BoxError, type ConfigFault } from "../errors.ts";
import type { Parsed } from "./arguments.ts";

/** Throws a BoxError when the environment says neither yes nor no. */
export function isLenient({ switches }: Pick<Parsed, "switches">): boolean {
  if (switches.has("lenient")) return true;
  const { BOX_LENIENT } = process.env;
  if (BOX_LENIENT === undefined || BOX_LENIENT === "" || BOX_LENIENT === "0") return false;
  if (BOX_LENIENT === "1") return true;
  throw new BoxError({ origin: "BOX_LENIENT", what: `expected 1 or 0, got ${JSON.stringify(BOX_LENIENT)}` });
}

/** What is left out of a configuration is told once, by whoever reads it. */
export async function warnOfIgnored(faults: readonly ConfigFault[]): Promise<void> {
  if (faults.length === 0) return;
  const { reportWarning } = await import("./report-error.ts");
  reportWarning(new BoxError({ what: "the configuration has parts that box does not know, and leaves out", faults }));
}
