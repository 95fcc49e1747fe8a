// tmpcopyup: a tmpfs that begins with what the folder below it holds.

import { expect } from "bun:test";
import { chmodSync, chownSync, lchownSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import type { Mount } from "../../src/config/spec.ts";
import { Bundle, execute, linesOf, testWith } from "./harness.ts";

const test = testWith();
const testBesideRunc = testWith("runc");

/** Its root may look into every folder. */
const bundleWith = (...mounts: Mount[]): Bundle =>
  new Bundle((spec) => {
    spec.mounts.push(...mounts);
    for (const set of ["bounding", "permitted", "effective"] as const) spec.process.capabilities[set]?.push("CAP_DAC_OVERRIDE");
  });
const onData: Mount = { destination: "/data", type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev", "tmpcopyup"] };
/** What there is in a folder, with everything that is to be the same in a copy. */
const list = (folder: string): string =>
  `cd ${folder}; find . -exec busybox stat -c '%N %F %a %u:%g %s' {} + | sed 's/ directory \\(.*\\) [0-9]*$/ directory \\1/' | sort`;

/** A folder with all sorts of things in it. */
function fill(data: string): void {
  mkdirSync(`${data}/deep/er/and/deeper`, { recursive: true });
  mkdirSync(`${data}/many`);
  for (let number = 0; number < 700; number++) writeFileSync(`${data}/many/a-rather-long-name-for-a-file-${number}`, `${number}\n`);
  mkdirSync(`${data}/many/folder-between-files`);
  writeFileSync(`${data}/many/folder-between-files/x`, "x");
  for (const name of [".hidden", "..x", "...", "-", "ü", "with space"]) writeFileSync(`${data}/deep/${name}`, name);
  writeFileSync(`${data}/deep/er/and/deeper/big`, Buffer.alloc(3_000_001, 7));
  writeFileSync(`${data}/empty`, "");
  symlinkSync("a/rather/long/target/that/leads/nowhere", `${data}/1-long-link`);
  symlinkSync("x", `${data}/2-short-link`);
  symlinkSync("/etc/passwd", `${data}/deep/link-out`);
  Bun.spawnSync(["mkfifo", `${data}/pipe`]);
  chownSync(`${data}/pipe`, 3, 4);
  chmodSync(`${data}/pipe`, 0o612);
  chownSync(`${data}/empty`, 1000, 1001);
  chmodSync(`${data}/empty`, 0o4711);
  lchownSync(`${data}/2-short-link`, 5, 6);
  chownSync(`${data}/deep`, 7, 8);
  chmodSync(`${data}/deep`, 0o2750);
  chmodSync(`${data}/deep/er`, 0o500);
}

test("everything is copied, and the copy is the container's own", async () => {
  using bundle = bundleWith(onData);
  const data = `${bundle.rootfs}/data`;
  fill(data);
  chmodSync(data, 0o1775);
  const original = linesOf((await execute(["busybox", "sh", "-c", list(data)])).stdout);
  expect(original.length).toBeGreaterThan(700);
  expect(await bundle.sh(`${list("/data")}; grep -c ' /data tmpfs ' /proc/mounts`)).toEqual([...original, "1"]);
  expect(await bundle.sh("cd /data; cat many/*-9[05]; tr -d '\\007' < deep/er/and/deeper/big | wc -c; cat 'deep/with space'")).toEqual([
    "90",
    "95",
    "0",
    "with space",
  ]);
  await bundle.sh("echo changed > /data/deep/.hidden; rm -r /data/many");
  expect(readFileSync(`${data}/deep/.hidden`, "utf8")).toBe(".hidden");
  expect(readFileSync(`${data}/many/a-rather-long-name-for-a-file-12`, "utf8")).toBe("12\n");
});

testBesideRunc("as runc copies it", async () => {
  using bundle = bundleWith({ ...onData, destination: "/data/deep" });
  fill(`${bundle.rootfs}/data`);
  const own = await bundle.sh(list("/data"));
  const { stdout } = await bundle.runc(["sh", "-c", list("/data")]);
  expect(own).toEqual(linesOf(stdout));
});

test("of a folder that is empty or missing, and read-only at the end", async () => {
  using bundle = bundleWith(
    { ...onData, destination: "/missing/folder" },
    { ...onData, options: ["tmpcopyup", "ro", "size=64k"] },
    { ...onData, destination: "/tmp" },
  );
  mkdirSync(`${bundle.rootfs}/data`);
  writeFileSync(`${bundle.rootfs}/data/file`, "text\n");
  expect(await bundle.sh("ls /missing/folder /tmp; cat /data/file; touch /data/new 2>&1; true")).toEqual([
    "/missing/folder:",
    "",
    "/tmp:",
    "text",
    "touch: /data/new: Read-only file system",
  ]);
});

test("in a user namespace", async () => {
  using bundle = bundleWith(onData);
  fill(`${bundle.rootfs}/data`);
  bundle.change((spec) => {
    spec.linux.namespaces.push({ type: "user" });
    spec.linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
    spec.linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
  });
  bundle.giveRootTo(100000);
  expect(await bundle.sh("stat -c '%u:%g %a' /data/deep/er /data/empty; cat /data/deep/.hidden; ls /data/many | wc -l")).toEqual([
    "0:0 500",
    "0:0 711",
    ".hidden701",
  ]);
});

test("more than there is room for", async () => {
  using bundle = bundleWith({ ...onData, options: ["tmpcopyup", "size=1m"] });
  fill(`${bundle.rootfs}/data`);
  const index = (bundle.spec.mounts?.length ?? 0) - 1;
  const { exitCode, stdout, stderr } = await bundle.run(["true"]);
  expect({ exitCode, stdout, stderr: stderr.replace(/ what is in it: .*: ENOSPC/, " what is in it: …: ENOSPC") }).toEqual({
    exitCode: 125,
    stdout: "",
    stderr: `box: mounts[${index}]: cannot copy what is in it: …: ENOSPC (no space left on device)\n`,
  });
});

test("what is no tmpfs", async () => {
  using bundle = bundleWith({ destination: "/data", type: "bind", source: "/tmp", options: ["bind", "tmpcopyup"] });
  const index = (bundle.spec.mounts?.length ?? 0) - 1;
  expect(await bundle.run(["true"])).toEqual({
    exitCode: 125,
    stdout: "",
    stderr: `box: mounts[${index}].options[1]: "tmpcopyup" goes with a tmpfs only\n`,
  });
});
