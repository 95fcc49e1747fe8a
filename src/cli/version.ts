// box --version.

import { ociVersion } from "../config/default-spec.ts";

declare const BOX_VERSION: string | undefined;
declare const BOX_COMMIT: string | undefined;

export function printVersion(): number {
  const version = typeof BOX_VERSION === "string" ? BOX_VERSION : "0.0.0";
  const commit = typeof BOX_COMMIT === "string" ? BOX_COMMIT : "unknown";
  console.log(`box version ${version}\ncommit: ${commit}\nspec: ${ociVersion}\nbun: ${Bun.version}`);
  return 0;
}
