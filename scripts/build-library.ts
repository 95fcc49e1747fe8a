// dist/library: src/index.ts as one JavaScript file, with types, for `import { plan } from "box"` in Node.js and Bun. Run by
// `npm pack` and `npm publish`. The sources themselves would not do: Node.js erases no types below node_modules, and Bun
// runs no macros there.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { version } from "../package.json" with { type: "json" };

const root = join(import.meta.dir, "..");
const folder = join(root, "dist/library");

rmSync(folder, { recursive: true, force: true });
const { success, logs } = await Bun.build({
  entrypoints: [join(root, "src/index.ts")],
  outdir: folder,
  target: "node",
  format: "esm",
  packages: "external",
  // Node.js has had this method since version 25.
  banner: 'const decodeBase64 = (text) => new Uint8Array(Buffer.from(text, "base64"));',
  define: { BOX_VERSION: JSON.stringify(version), "Uint8Array.fromBase64": "decodeBase64" },
  throw: false,
});
const types = Bun.spawnSync([join(root, "node_modules/.bin/tsc"), "--project", join(root, "tsconfig.library.json")], {
  stdio: ["ignore", "inherit", "inherit"],
});
if (!success || types.exitCode !== 0) {
  console.error(logs.join("\n"));
  process.exit(1);
}
