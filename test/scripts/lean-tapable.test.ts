import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { resolve } from "node:path";
import { leanTapable } from "../../scripts/lean-tapable.ts";

const hooks = resolve(import.meta.dir, "../../hooks/hooks.ts");

/** The text of hooks/hooks.ts and all it imports. */
async function bundled(plugins: readonly Bun.BunPlugin[]): Promise<string> {
  const { outputs } = await Bun.build({ entrypoints: [hooks], target: "bun", format: "esm", plugins: [...plugins] });
  return (await outputs[0]?.text()) ?? "";
}

test("leaves out node:util, which the package itself would load, and the hooks that nobody makes", async () => {
  const [usual, lean] = [await bundled([]), await bundled([leanTapable()])];
  expect([usual.includes('require("util")'), usual.includes("SyncBailHook")]).toEqual([true, true]);
  expect([lean.includes('require("util")'), lean.includes("SyncBailHook")]).toEqual([false, false]);
});

test("what is left are the hooks that are made", async () => {
  const folder = mkdtempSync(`${tmpdir()}/box-lean-`);
  writeFileSync(`${folder}/hooks.mjs`, await bundled([leanTapable()]));
  const { newHooks } = (await import(`${folder}/hooks.mjs`)) as typeof import("../../hooks/hooks.ts");
  rmSync(folder, { recursive: true });
  const { config } = newHooks();
  config.tap({ name: "second", stage: 1 }, (spec) => ({ ...spec, hostname: `${spec.hostname}b` }));
  config.tapPromise("first", async (spec) => ({ ...spec, hostname: "a" }));
  const changed = await config.promise({ ociVersion: "1.3.0", root: { path: "rootfs" } }, { id: "one", bundle: "/b" });
  expect(changed?.hostname).toBe("ab");
});
