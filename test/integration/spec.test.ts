// box spec --from, --yaml and --schema, as a user has them.

import { expect } from "bun:test";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { Spec } from "../../src/config/spec.ts";
import { Bundle, testWith } from "./harness.ts";

const test = testWith();

test("a file's configuration is one that runs by itself", async () => {
  using bundle = new Bundle();
  rmSync(`${bundle.folder}/config.json`);
  const yaml = "rootfs: rootfs\ncommand: sh -c 'id -u; hostname; grep -w Seccomp /proc/self/status'\nuser: user\nlimits: {pids: 50}\n";
  writeFileSync(`${bundle.folder}/box.yaml`, yaml);
  const { exitCode, stdout, stderr } = await bundle.box(["spec", "--from", `${bundle.folder}/box.yaml`, "named"], { cwd: "/" });
  expect([exitCode, stderr]).toEqual([0, ""]);
  const { process, hostname, linux } = JSON.parse(stdout) as Spec;
  expect([process?.user.uid, hostname, linux?.resources?.pids, linux?.seccomp?.defaultAction]).toEqual([
    1000,
    "named",
    { limit: 50 },
    "SCMP_ACT_ERRNO",
  ]);
  rmSync(`${bundle.folder}/box.yaml`);
  bundle.writeConfig(stdout);
  expect(await bundle.box(["run", bundle.id])).toEqual({ exitCode: 0, stdout: "1000\nnamed\nSeccomp:\t2\n", stderr: "" });
});

test("what config.json has no words for is said", async () => {
  using bundle = new Bundle();
  const path = `${bundle.folder}/a.yaml`;
  writeFileSync(path, "rootfs: host\nplugins: [share-namespace]\nmounts: [{source: gone, destination: /a, optional: true}]\n");
  const { exitCode, stderr } = await bundle.box(["spec", "--from", "a.yaml"]);
  expect([exitCode, stderr]).toEqual([
    0,
    [
      "box: warning: a.yaml:3:10: mounts[0] is left out: there is no gone",
      "box: warning: rootfs: root.path is where box mounts its view of /, and config.json cannot ask for one",
      "box: warning: plugins are no part of config.json",
      "",
    ].join("\n"),
  ]);
});

test("what box cannot do yet can be turned into the other all the same", async () => {
  using bundle = new Bundle((spec) => (spec.process.apparmorProfile = "mine"));
  const { stdout } = await bundle.box(["spec", "--yaml"]);
  expect(stdout).toContain("    apparmorProfile: mine\n");
  writeFileSync(`${bundle.folder}/again.yaml`, stdout);
  const again = await bundle.box(["spec", "--from", "again.yaml"]);
  expect((JSON.parse(again.stdout) as Spec).process?.apparmorProfile).toBe("mine");
});

test("there and back, run", async () => {
  using bundle = new Bundle((spec) => {
    spec.process.args = ["sh", "-c", "pwd; echo $A; grep CapEff /proc/self/status"];
    spec.process.cwd = "/tmp";
    spec.process.env = ["PATH=/bin", "A=b c"];
  });
  const before = await bundle.box(["run", bundle.id]);
  const { stdout } = await bundle.box(["spec", "--yaml"]);
  mkdirSync(`${bundle.folder}/there`);
  writeFileSync(`${bundle.folder}/there/box.yaml`, stdout.replace("rootfs: rootfs", "rootfs: ../rootfs"));
  expect(await bundle.box(["run", "-b", "there", bundle.id])).toEqual(before);
  expect(before.stdout).toBe("/tmp\nb c\nCapEff:\t0000000020000420\n");
});

test("without root too", async () => {
  using bundle = new Bundle();
  const ids = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
  const { exitCode, stdout } = await bundle.box(["spec", "--yaml"], { before: ids });
  expect([exitCode, stdout.includes("  user: host\n")]).toEqual([0, true]);
});

test("the schema is the one that is shipped", async () => {
  using bundle = new Bundle();
  const shipped = readFileSync(new URL("../../docs/box.schema.json", import.meta.url), "utf8");
  expect(await bundle.box(["spec", "--schema"])).toEqual({ exitCode: 0, stdout: shipped, stderr: "" });
});

test("what cannot be", async () => {
  using bundle = new Bundle((spec) => (spec.annotations = JSON.parse('{"<<": "a"}') as Record<string, string>));
  const refused = async (...args: string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await bundle.box(["spec", ...args]);
    expect([exitCode, stdout]).toEqual([1, ""]);
    return stderr;
  };
  expect(await refused("--yaml")).toStartWith("box: box.yaml cannot say what config.json does: box.yaml:");
  expect(await refused("--yaml", "--schema")).toBe("box: --yaml: goes without --schema\n");
  expect(await refused("--from", "gone.yaml")).toBe(
    `box: --from: cannot read ${bundle.folder}/gone.yaml: ENOENT (no such file or directory)\n`,
  );
  bundle.writeConfig("{");
  expect(await refused("--yaml")).toStartWith("box: config.json:1:2: not JSON: ");
  bundle.writeConfig('{"ociVersion": "1.0.0"}');
  expect(await refused("--yaml")).toBe("box: config.json:1:1: root: missing, expected an object\n");
});
