// box --version, in runc's shape: the clients that read it look for the lines that begin with "commit: " and "spec: ".

import { ociVersion } from "../config/default-spec.ts";
import { BoxError } from "../errors.ts";

// Written into the program by scripts/build.ts; not there when the sources run as they are.
declare const BOX_VERSION: string | undefined;
declare const BOX_COMMIT: string | undefined;
declare const BOX_TARGET: string | undefined;

export const buildFacts = () => ({
  version: typeof BOX_VERSION === "string" ? BOX_VERSION : "0.0.0",
  commit: typeof BOX_COMMIT === "string" ? BOX_COMMIT : "unknown",
  target: typeof BOX_TARGET === "string" ? BOX_TARGET : "unknown",
});

export async function printVersion(): Promise<number> {
  const { version, commit, target } = buildFacts();
  const text = `box version ${version}\ncommit: ${commit}\nspec: ${ociVersion}\nbun: ${Bun.version}\ntarget: ${target}\n`;
  try {
    // Not by writeLine, which takes native code: clients ask for the version before all else.
    await Bun.write(Bun.stdout, text);
  } catch (error) {
    const { code = "EIO" } = error as NodeJS.ErrnoException;
    // Nobody reads it any more.
    if (code === "EPIPE") return 0;
    throw new BoxError({ what: "cannot write to stdout", errno: code, exitCode: 1 }, { cause: error });
  }
  return 0;
}
