// The folder of all states decides whose processes end and which plugins run, so box takes it from its own user alone.

import { expect } from "bun:test";
import { chmodSync, chownSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { asUser, Bundle, testWith, userId } from "./harness.ts";

const test = testWith("setpriv");

/** A container that has ended, as somebody else may leave it there: with a plugin to call. Returns what the plugin makes. */
function plant(bundle: Bundle): string {
  const made = `/dev/shm/${bundle.id}`;
  mkdirSync(`${bundle.states}/planted`, { recursive: true, mode: 0o755 });
  writeFileSync(
    `${bundle.folder}/evil.ts`,
    `import { writeFileSync } from "node:fs";\nwriteFileSync("${made}", "");\nexport default { name: "evil", apply() {} };\n`,
  );
  const plugins = [{ label: "--plugin evil", name: `${bundle.folder}/evil.ts`, options: {}, hooks: ["poststop"] }];
  const box = { startTime: 0, supervisor: 0, cgroups: [], plugins };
  const state = { id: "planted", status: "running", pid: 0, bundle: bundle.folder, rootfs: bundle.rootfs, box };
  writeFileSync(`${bundle.states}/planted/state.json`, JSON.stringify(state));
  for (const folder of [bundle.folder, bundle.states]) chmodSync(folder, 0o755);
  return made;
}

const commands = [
  ["delete", "--force", "planted"],
  ["delete", "planted"],
  ["run", "planted"],
] as const;

for (const command of commands)
  for (const [title, before, spoil, problem] of [
    ["a user, in root's folder", asUser, () => {}, "it belongs to another user"],
    ["root, in a user's folder", [], (states: string) => chownSync(states, userId, userId), "it belongs to another user"],
    ["root, in a folder for everybody", [], (states: string) => chmodSync(states, 0o777), "other users may write in it"],
  ] as const)
    test(`box ${command.join(" ")} by ${title}: refused, and the plugin is not run`, async () => {
      using bundle = new Bundle((spec) => (spec.process.args = ["true"]));
      const made = plant(bundle);
      spoil(bundle.states);
      const { exitCode, stdout, stderr } = await bundle.box([...command], { before });
      expect({ exitCode, stdout }).toEqual({ exitCode: command[0] === "run" ? 125 : 1, stdout: "" });
      expect(stderr).toStartWith(`box: --root: cannot use the folder ${bundle.states}: ${problem}`);
      expect(existsSync(made)).toBe(false);
    });

test("the planted plugin would run where the folder is the caller's", async () => {
  using bundle = new Bundle();
  const made = plant(bundle);
  expect(await bundle.box(["delete", "--force", "planted"])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  expect(Bun.spawnSync(["rm", made]).exitCode).toBe(0);
});
