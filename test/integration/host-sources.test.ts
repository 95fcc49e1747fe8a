// Bind mounts of a container with a user namespace, whose sources its own root could not reach.

import { expect } from "bun:test";
import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { Bundle, machine, testWith } from "./harness.ts";

const test = testWith();

/** Root in it is 100000, and what it binds lies in a folder of user 5 that is closed to everyone else. */
function bundleWithClosedFolder(): Bundle {
  const map = [{ containerID: 0, hostID: 100000, size: 65536 }];
  const bundle = new Bundle((spec) => {
    spec.linux.namespaces.push({ type: "user" });
    Object.assign(spec.linux, { uidMappings: map, gidMappings: map });
    spec.mounts.push(
      { destination: "/data", type: "bind", source: "closed/data", options: ["rbind"] },
      { destination: "/etc/greeting", type: "bind", source: "closed/greeting", options: ["bind", "ro"] },
    );
  });
  bundle.giveRootTo(100000);
  const closed = `${bundle.folder}/closed`;
  mkdirSync(`${closed}/data`, { recursive: true });
  writeFileSync(`${closed}/data/file`, "data");
  writeFileSync(`${closed}/greeting`, "hello\n");
  chownSync(closed, 5, 5);
  chmodSync(closed, 0o700);
  return bundle;
}

test("a folder and a file in a folder that is closed to the container's root", async () => {
  using bundle = bundleWithClosedFolder();
  const before = machine(bundle);
  expect(await bundle.run(["sh", "-c", "ls /data; cat /etc/greeting; echo x > /etc/greeting"])).toEqual({
    exitCode: 1,
    stdout: "file\nhello\n",
    stderr: "sh: can't create /etc/greeting: Read-only file system\n",
  });
  expect(machine(bundle)).toEqual(before);
});

test("the mounts are slaves of the host's", async () => {
  using bundle = bundleWithClosedFolder();
  const script = `
    mount --bind "$FOLDER/closed" "$FOLDER/closed"
    mount --make-shared "$FOLDER/closed"
    "$@"`;
  const before = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"];
  const env = { FOLDER: bundle.folder };
  const { exitCode, stdout, stderr } = await bundle.run(["grep", "-e", " /data ", "-e", " /etc/greeting ", "/proc/self/mountinfo"], {
    before,
    env,
  });
  expect([exitCode, stderr]).toEqual([0, ""]);
  const lines = stdout.trimEnd().split("\n");
  expect(lines.map((line) => [line.split(" ")[4], /shared:/.test(line), /master:/.test(line)])).toEqual([
    ["/data", false, true],
    ["/etc/greeting", false, true],
  ]);
});
