// The container's root: that of the bundle and nothing of the host's.

import { expect } from "bun:test";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { Bundle, testWith } from "./harness.ts";

const test = testWith();

test("the root is the bundle's folder, and .. does not lead out", async () => {
  using bundle = new Bundle();
  const { ino } = statSync(bundle.rootfs);
  expect(await bundle.sh("stat -c %i / /.. /../../.. /proc/1/root/ /proc/self/cwd/")).toEqual([ino, ino, ino, ino, ino].map(String));
});

test("files of the host cannot be reached", async () => {
  using bundle = new Bundle();
  writeFileSync(`${bundle.folder}/secret`, "");
  const path = `${bundle.folder}/secret`;
  expect(existsSync(path)).toBe(true);
  expect(
    await bundle.sh(`for p in ${path} /..${path} /proc/1/root${path} /proc/1/root/..${path}; do test -e $p && echo $p; done; true`),
  ).toEqual([]);
});

test("no mount of the host is left, and the old root is not mounted", async () => {
  using bundle = new Bundle();
  const lines = await bundle.sh("cat /proc/self/mountinfo");
  const points = lines.map((line) => line.split(" ")[4] as string);
  expect(points.filter((point) => point === "/")).toEqual(["/"]);
  expect(points.filter((point) => !/^\/$|^\/(proc|dev|sys)(\/|$)/.test(point))).toEqual([]);
});

test("the root is read-only where the configuration says so", async () => {
  using bundle = new Bundle();
  const script = "touch /new 2>&1; echo > /etc/passwd 2>&1; mkdir /tmp/new 2>&1; touch /dev/shm/new && echo written";
  const { stdout, stderr } = await bundle.run(["sh", "-c", script]);
  expect(stdout).toBe("touch: /new: Read-only file system\nmkdir: can't create directory '/tmp/new': Read-only file system\nwritten\n");
  expect(stderr).toBe("sh: can't create /etc/passwd: Read-only file system\n");
  expect(existsSync(`${bundle.rootfs}/new`)).toBe(false);
});

test("a writable root keeps what is written", async () => {
  using bundle = new Bundle((spec) => (spec.root.readonly = false));
  await bundle.sh("echo new > /etc/new");
  expect(readFileSync(`${bundle.rootfs}/etc/new`, "utf8")).toBe("new\n");
});

test("a root given as an absolute path, through a symbolic link", async () => {
  using bundle = new Bundle();
  symlinkSync(bundle.rootfs, `${bundle.folder}/link`);
  bundle.change((spec) => (spec.root.path = `${bundle.folder}/link`));
  expect(await bundle.sh("stat -c %i /")).toEqual([String(statSync(bundle.rootfs).ino)]);
});

for (const word of ["private", "slave", "rprivate", "rslave", "unbindable", "runbindable", "shared", "rshared"])
  test(`rootfsPropagation ${word}`, async () => {
    using bundle = new Bundle((spec) => (spec.linux.rootfsPropagation = word as "private"));
    const [root = ""] = await bundle.sh("grep ' / / \\| /[^ ]* / ' /proc/self/mountinfo");
    const tags = root
      .slice(0, root.indexOf(" - "))
      .split(" ")
      .slice(6)
      .map((tag) => tag.split(":")[0]);
    expect(tags).toEqual({ shared: ["shared"], rshared: ["shared"], unbindable: ["unbindable"], runbindable: ["unbindable"] }[word] ?? []);
  });

test("a mount in the container does not reach the host", async () => {
  using bundle = new Bundle((spec) => {
    spec.root.readonly = false;
    spec.process.capabilities.bounding = spec.process.capabilities.effective = spec.process.capabilities.permitted = ["CAP_SYS_ADMIN"];
  });
  mkdirSync(`${bundle.rootfs}/mnt`);
  const lines = await bundle.sh("mount -t tmpfs here /mnt && touch /mnt/inside && grep -c ' /mnt ' /proc/self/mountinfo");
  expect(lines).toEqual(["1"]);
  expect(existsSync(`${bundle.rootfs}/mnt/inside`)).toBe(false);
});

// CVE-2024-21626 by way of the program itself: execve looks it up before it closes anything.
test("no descriptor leads the program out of the root", async () => {
  using bundle = new Bundle((spec) => (spec.process.terminal = false));
  copyFileSync("/bin/busybox", `${bundle.folder}/echo`);
  chmodSync(`${bundle.folder}/echo`, 0o755);
  for (let fd = 3; fd < 40; fd++) {
    const { exitCode, stdout } = await bundle.run([`/proc/self/fd/${fd}/../echo`, "escaped"]);
    // 126: the line to box, which is open and no folder.
    expect({ fd, exitCode, stdout }).toEqual({ fd, exitCode: fd === 4 ? 126 : 127, stdout: "" });
  }
}, 30_000);
