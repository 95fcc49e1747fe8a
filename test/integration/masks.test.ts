// Masked paths say nothing and take nothing; read-only paths can be read and not written.

import { expect } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { Bundle, testWith } from "./harness.ts";

const test = testWith();

test("masked files are empty, masked folders too", async () => {
  using bundle = new Bundle((spec) => {
    spec.linux.maskedPaths = ["/proc/keys", "/proc/timer_list", "/sys/firmware", "/etc/passwd", "/etc/deep", "/not/there"];
  });
  mkdirSync(`${bundle.rootfs}/etc/deep`);
  writeFileSync(`${bundle.rootfs}/etc/deep/secret`, "");
  const script =
    "cat /proc/keys /proc/timer_list /etc/passwd; ls -A /sys/firmware /etc/deep | grep -v :; stat -c '%F %t:%T' /proc/keys /etc/passwd; test -e /not || echo none";
  expect((await bundle.sh(script)).filter((line) => line !== "")).toEqual([
    "character special file 1:3",
    "character special file 1:3",
    "none",
  ]);
});

test("a path that is listed twice is covered once", async () => {
  using bundle = new Bundle((spec) => (spec.linux.maskedPaths = ["/etc/passwd", "/proc/acpi", "/etc/passwd", "/proc/acpi"]));
  const { stdout } = await bundle.run(["sh", "-c", "cut -d' ' -f5 /proc/self/mountinfo | grep -e /etc/passwd -e /proc/acpi"]);
  expect(stdout).toBe("/etc/passwd\n/proc/acpi\n");
});

test("twenty masks are one filesystem for folders, the null device for files, and one mount for each that exists", async () => {
  const names = Array.from({ length: 9 }, (_, index) => `/etc/${index < 5 ? "folder" : "file"}-${index}`);
  using bundle = new Bundle((spec) => {
    spec.linux.maskedPaths = [...names, ...names.map((name) => `${name}/.`), "/not/there", "/nor/this"];
    spec.linux.readonlyPaths = names;
  });
  for (const [index, name] of names.entries())
    if (index < 5) mkdirSync(`${bundle.rootfs}${name}`);
    else writeFileSync(`${bundle.rootfs}${name}`, "secret");
  const lines = await bundle.sh("grep ' /etc/' /proc/self/mountinfo");
  expect(lines.map((line) => line.split(" ")[4])).toEqual(names);
  const filesystems = lines.map((line) => line.split(" ")[2]);
  expect([new Set(filesystems.slice(0, 5)).size, new Set(filesystems.slice(5)).size]).toEqual([1, 1]);
});

test("writing to masked paths is refused or lost", async () => {
  using bundle = new Bundle((spec) => {
    spec.root.readonly = false;
    spec.linux.maskedPaths = ["/etc/passwd", "/etc/deep"];
  });
  mkdirSync(`${bundle.rootfs}/etc/deep`);
  expect(await bundle.sh("echo x > /etc/passwd; cat /etc/passwd; touch /etc/deep/x 2>&1 || true")).toEqual([
    "touch: /etc/deep/x: Read-only file system",
  ]);
});

test("a masked path through a link covers what the link names, inside the root", async () => {
  using bundle = new Bundle((spec) => (spec.linux.maskedPaths = ["/proc/self/../keys"]));
  expect(await bundle.sh("cat /proc/keys")).toEqual([]);
});

test("read-only paths", async () => {
  using bundle = new Bundle((spec) => {
    spec.root.readonly = false;
    spec.linux.readonlyPaths = ["/proc/sys", "/etc/passwd", "/etc/deep", "/not/there"];
  });
  mkdirSync(`${bundle.rootfs}/etc/deep`);
  const script = `exec 2>&1; head -n1 /etc/passwd; cat /proc/sys/kernel/ostype
    for f in /proc/sys/kernel/domainname /etc/passwd /etc/deep/x /etc/other; do (echo x > $f) 2>&1; done; true`;
  expect(await bundle.sh(script)).toEqual([
    "root:x:0:0:root:/root:/bin/sh",
    "Linux",
    ...["/proc/sys/kernel/domainname", "/etc/passwd", "/etc/deep/x"].map((path) => `sh: can't create ${path}: Read-only file system`),
  ]);
});

test("a read-only path stays so for mounts below it", async () => {
  using bundle = new Bundle((spec) => {
    spec.mounts.push({ destination: "/tmp/below", type: "tmpfs", source: "tmpfs" });
    spec.linux.readonlyPaths = ["/tmp"];
    spec.root.readonly = false;
  });
  expect(await bundle.sh("touch /tmp/x 2>&1; touch /tmp/below/x 2>&1; true")).toEqual([
    "touch: /tmp/x: Read-only file system",
    "touch: /tmp/below/x: Read-only file system",
  ]);
});
