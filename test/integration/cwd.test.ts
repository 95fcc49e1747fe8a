// The working folder: made where it is missing, found through links, and never outside of the root.

import { expect } from "bun:test";
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { Bundle, Running, testWith } from "./harness.ts";

const test = testWith();

const inFolder = (cwd: string): Bundle => new Bundle((spec) => (spec.process.cwd = cwd));

for (const [cwd, seen] of [
  ["/", "/"],
  ["/tmp", "/tmp"],
  ["/tmp/", "/tmp"],
  ["/tmp/../etc", "/etc"],
  ["/../../..", "/"],
  ["/proc/1/..", "/proc"],
] as const)
  test(`${cwd} is ${seen}`, async () => {
    using bundle = inFolder(cwd);
    expect(await bundle.sh("/bin/pwd -P")).toEqual([seen]);
  });

test("a missing one is made, even in a read-only root", async () => {
  using bundle = inFolder("/srv/a/b");
  expect(await bundle.sh("pwd; stat -c '%a %u' /srv /srv/a/b; touch x 2>&1 || true")).toEqual([
    "/srv/a/b",
    "755 0",
    "755 0",
    "touch: x: Read-only file system",
  ]);
});

test("through a symbolic link, which leads inside", async () => {
  using bundle = inFolder("/link/sub");
  mkdirSync(`${bundle.rootfs}/etc/sub`);
  symlinkSync("/../../../etc", `${bundle.rootfs}/link`);
  expect(await bundle.sh("/bin/pwd -P")).toEqual(["/etc/sub"]);
});

test("through such a link while files are renamed elsewhere on the machine", async () => {
  using bundle = inFolder("/link/sub");
  mkdirSync(`${bundle.rootfs}/etc/sub`);
  symlinkSync("/../../../etc", `${bundle.rootfs}/link`);
  writeFileSync(`${bundle.folder}/a`, "");
  const rename = "import { renameSync } from 'node:fs'; for (;;) { renameSync('a', 'b'); renameSync('b', 'a'); }";
  using _renaming = new Running([process.execPath, "-e", rename], { cwd: bundle.folder, env: { BUN_BE_BUN: "1" } });
  // The kernel refuses a `..` that it walked while something was renamed; without another try some of these starts fail.
  for (let index = 0; index < 40; index++) expect(await bundle.sh("/bin/pwd -P")).toEqual(["/etc/sub"]);
}, 30_000);

test("a folder that only its owner may enter", async () => {
  using bundle = inFolder("/home/user");
  bundle.change((spec) => (spec.process.user = { uid: 1000, gid: 1000 }));
  mkdirSync(`${bundle.rootfs}/home/user`, { recursive: true });
  chownSync(`${bundle.rootfs}/home/user`, 1000, 1000);
  chmodSync(`${bundle.rootfs}/home/user`, 0o700);
  expect(await bundle.sh("pwd")).toEqual(["/home/user"]);
});

test("a file is refused", async () => {
  using bundle = inFolder("/etc/passwd");
  expect(await bundle.run(["true"])).toEqual({
    exitCode: 125,
    stdout: "",
    stderr: `box: process.cwd: cannot open /etc/passwd in the container's root: openat2(root, "etc/passwd", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24): ENOTDIR (not a directory)\n`,
  });
});

test("a descriptor of the host as working folder does not lead out (CVE-2024-21626)", async () => {
  using bundle = inFolder("/proc/self/fd/7");
  const { exitCode, stdout, stderr } = await bundle.run(["pwd"], { before: ["sh", "-c", 'exec 7< /; exec "$@"', "sh"] });
  expect({ exitCode, stdout }).toEqual({ exitCode: 125, stdout: "" });
  expect(stderr).toBe(
    `box: process.cwd: cannot open /proc/self/fd/7 in the container's root: openat2(root, "proc/self/fd/7", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24): ELOOP (too many levels of symbolic links)\n` +
      "hint: it has too many links in it, or one of the kernel's such as /proc/self/fd, which box never follows\n",
  );
});

test("a program of the working folder is found by its relative name", async () => {
  using bundle = inFolder("/tmp");
  writeFileSync(`${bundle.rootfs}/tmp/here`, "#!/bin/sh\necho $0\n", { mode: 0o755 });
  expect(await bundle.run(["./here"])).toEqual({ exitCode: 0, stdout: "./here\n", stderr: "" });
});
