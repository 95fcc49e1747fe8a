// box --version, in runc's shape: the clients that read it look for the lines that begin with "commit: " and "spec: ".

import { ociVersion } from "../config/default-spec.ts";
import { writeLine } from "../execute/write-line.ts";

// Written into the program by scripts/build.ts; not there when the sources run as they are.
declare const BOX_VERSION: string | undefined;
declare const BOX_COMMIT: string | undefined;
declare const BOX_TARGET: string | undefined;

export const buildFacts = () => ({
  version: typeof BOX_VERSION === "string" ? BOX_VERSION : "0.0.0",
  commit: typeof BOX_COMMIT === "string" ? BOX_COMMIT : "unknown",
  target: typeof BOX_TARGET === "string" ? BOX_TARGET : "unknown",
});

export function printVersion(): number {
  const { version, commit, target } = buildFacts();
  writeLine(`box version ${version}\ncommit: ${commit}\nspec: ${ociVersion}\nbun: ${Bun.version}\ntarget: ${target}`);
  return 0;
}
