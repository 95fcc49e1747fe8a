// Mounts: the default ones beside runc's, then options, binds and places that are hard to reach.

import { expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import type { Mount } from "../../src/config/spec.ts";
import { Bundle, execute, linesOf, testWith } from "./harness.ts";

const test = testWith();
const testBesideRunc = testWith("runc");

/** A line of mountinfo as `ROOT POINT OPTIONS TYPE SOURCE SUPER-OPTIONS`, without its numbers. */
function mountOf(line: string): string {
  const [own = "", filesystem = ""] = line.split(" - ");
  return [...own.split(" ").slice(3, 6), filesystem].join(" ");
}

const isMask = (mount: string): boolean =>
  /^\S+ \/(proc|sys)\/(acpi|asound|kcore|keys|latency_stats|timer_list|timer_stats|sched_debug|firmware|scsi) /.test(mount);

testBesideRunc("the default mounts are those of runc, in its order", async () => {
  using bundle = new Bundle();
  const own = await bundle.sh("cat /proc/self/mountinfo");
  const { stdout, stderr } = await bundle.runc(["cat", "/proc/self/mountinfo"]);
  expect(stderr).toBe("");
  // runc also makes the filesystem of /sys read-only, not only its mount; and leaves the tmpfs with the cgroup
  // hierarchies' folders writable, which the configuration says should be read-only.
  const likeBox = (mount: string): string =>
    mount.replace(" sysfs sysfs ro", " sysfs sysfs rw").replace("/ /sys/fs/cgroup rw,", "/ /sys/fs/cgroup ro,");
  const peers = linesOf(stdout)
    .map(mountOf)
    .filter((mount) => !isMask(mount));
  expect(own.map(mountOf).filter((mount) => !isMask(mount))).toEqual(peers.map(likeBox));
});

testBesideRunc("the same paths are masked as with runc", async () => {
  using bundle = new Bundle();
  const points = (lines: readonly string[]): (string | undefined)[] =>
    lines
      .map(mountOf)
      .filter(isMask)
      .map((mount) => mount.split(" ")[1]);
  const own = await bundle.sh("cat /proc/self/mountinfo");
  const { stdout } = await bundle.runc(["cat", "/proc/self/mountinfo"]);
  expect(points(own)).toEqual(points(linesOf(stdout)));
});

/** The mount at `point`, as `OPTIONS TYPE SUPER-OPTIONS`, of a container with one more mount. */
async function optionsOf(bundle: Bundle, mount: Mount, script = ""): Promise<string> {
  bundle.change((spec) => spec.mounts.push(mount));
  const lines = await bundle.sh(`${script}\ngrep ' ${mount.destination} ' /proc/self/mountinfo`);
  const [, , options, type, , superOptions] = mountOf(lines.at(-1) ?? "").split(" ");
  return `${options} ${type} ${superOptions}`;
}

const tmpfs: [options: string[], seen: string][] = [
  [[], "rw,relatime tmpfs rw"],
  [["ro"], "ro,relatime tmpfs rw"],
  [["ro", "rw"], "rw,relatime tmpfs rw"],
  [["nosuid", "nodev", "noexec"], "rw,nosuid,nodev,noexec,relatime tmpfs rw"],
  [["noatime"], "rw,noatime tmpfs rw"],
  [["strictatime"], "rw tmpfs rw"],
  [["nodiratime"], "rw,nodiratime,relatime tmpfs rw"],
  [["noexec", "exec", "defaults"], "rw,relatime tmpfs rw"],
  [["size=64k", "mode=700"], "rw,relatime tmpfs rw,size=64k,mode=700"],
  [["uid=7", "gid=8", "nr_inodes=100"], "rw,relatime tmpfs rw,nr_inodes=100,uid=7,gid=8"],
  [["sync", "dirsync", "lazytime"], "rw,relatime tmpfs rw,sync,dirsync,lazytime"],
  [["sync", "async", "dirsync", "lazytime", "nolazytime", "mand", "nomand"], "rw,relatime tmpfs rw,dirsync"],
  [["nosymfollow"], "rw,relatime,nosymfollow tmpfs rw"],
  [["nosymfollow", "symfollow"], "rw,relatime tmpfs rw"],
  [
    ["rro", "rnosuid", "rnodev", "rnoexec", "rnosymfollow", "rnodiratime"],
    "ro,nosuid,nodev,noexec,nodiratime,relatime,nosymfollow tmpfs rw",
  ],
  [["loud", "noiversion", "nosuid"], "rw,nosuid,relatime tmpfs rw"],
  // By mount(2), which alone has flags for these.
  [["silent", "size=64k", "nosuid", "noatime", "mode=700"], "rw,nosuid,noatime tmpfs rw,size=64k,mode=700"],
  [["iversion", "ro", "sync", "lazytime"], "ro,relatime tmpfs rw,sync,lazytime"],
  [["silent", "loud", "iversion", "noiversion", "strictatime"], "rw tmpfs rw"],
];
for (const [options, seen] of tmpfs)
  test(`tmpfs with [${options.join(", ")}]`, async () => {
    using bundle = new Bundle();
    expect(await optionsOf(bundle, { destination: "/tmp", type: "tmpfs", source: "tmpfs", options })).toBe(seen);
  });

test("a tmpfs without a mode takes over that of the folder that it covers, and is for everyone where there was none", async () => {
  using bundle = new Bundle((spec) => {
    for (const destination of ["/new/folder", "/old"]) spec.mounts.push({ destination, type: "tmpfs", source: "tmpfs", options: [] });
  });
  mkdirSync(`${bundle.rootfs}/old`, { mode: 0o710 });
  expect(await bundle.sh("stat -c '%n %a' /new /new/folder /old")).toEqual(["/new 755", "/new/folder 1777", "/old 710"]);
});

const binds: [options: string[], seen: RegExp][] = [
  [["bind"], /^rw,/],
  [["rbind", "ro"], /^ro,/],
  [["bind", "nosuid", "noexec", "nodev"], /^rw,nosuid,nodev,noexec/],
  [["rbind", "rro"], /^ro,/],
];
for (const [options, seen] of binds)
  test(`bind of a folder with [${options.join(", ")}]`, async () => {
    using bundle = new Bundle();
    mkdirSync(`${bundle.folder}/source`);
    writeFileSync(`${bundle.folder}/source/file`, "");
    const mount = { destination: "/tmp", type: "none", source: `${bundle.folder}/source`, options };
    expect(await optionsOf(bundle, mount, "test -e /tmp/file")).toMatch(seen);
  });

/** Flags of a mount and of the one below it, of a bind of both with one option; both begin with all but their opposites. */
const recursive: [option: string, seen: string][] = [
  ["rro", "ro|ro"],
  ["rrw", "|"],
  ["rnosuid", "nosuid|nosuid"],
  ["rsuid", "|"],
  ["rnodev", "nodev|nodev"],
  ["rdev", "|"],
  ["rnoexec", "noexec|noexec"],
  ["rexec", "|"],
  ["rnosymfollow", "nosymfollow|nosymfollow"],
  ["rsymfollow", "|"],
  ["rnodiratime", "nodiratime|nodiratime"],
  ["rdiratime", "|"],
  ["rnoatime", "noatime|noatime"],
  ["rrelatime", "relatime|relatime"],
  ["rstrictatime", "|"],
  ["ratime", "relatime|relatime"],
  ["rnorelatime", "relatime|relatime"],
  ["rnostrictatime", "relatime|relatime"],
];
/** What the host's mounts begin with, so that each option has something to change. */
const beginWith: Readonly<Record<string, string>> = {
  rrw: "ro",
  rsuid: "nosuid",
  rdev: "nodev",
  rexec: "noexec",
  rsymfollow: "nosymfollow",
  rdiratime: "nodiratime",
  rstrictatime: "noatime",
  ratime: "noatime",
  rrelatime: "noatime",
  rnorelatime: "noatime",
  rnostrictatime: "strictatime",
};
for (const [option, seen] of recursive)
  test(`${option} is of the mounts below a bind too, and without its r only of the bind itself`, async () => {
    const first = beginWith[option] ?? "defaults";
    const nested = `mount -t tmpfs tmpfs data && mkdir data/below && mount -t tmpfs -o ${first} tmpfs data/below && mount -o remount,bind,${first} data`;
    const before = ["unshare", "-m", "sh", "-c", `${nested} && exec "$@"`, "sh"];
    const about = seen.split("|")[0] || first;
    const flagsOf = async (chosen: string): Promise<string> => {
      using bundle = new Bundle((spec) =>
        spec.mounts.push({ destination: "/data", type: "bind", source: "data", options: ["rbind", chosen] }),
      );
      mkdirSync(`${bundle.folder}/data`);
      const lines = await bundle.sh("grep -e ' /data ' -e ' /data/below ' /proc/self/mountinfo | cut -d' ' -f6", { before });
      return lines.map((line) => (line.split(",").includes(about) ? about : "")).join("|");
    };
    expect(await flagsOf(option)).toBe(seen);
    expect(await flagsOf(option.slice(1))).not.toBe(await flagsOf(option));
  });

test("with nosymfollow no link of that mount is followed", async () => {
  using bundle = new Bundle((spec) =>
    spec.mounts.push({ destination: "/mnt", type: "bind", source: "data", options: ["bind", "nosymfollow"] }),
  );
  mkdirSync(`${bundle.folder}/data`);
  symlinkSync("/etc/passwd", `${bundle.folder}/data/link`);
  expect(await bundle.sh("cat /mnt/link 2>&1; readlink /mnt/link")).toEqual([
    "cat: can't open '/mnt/link': Too many levels of symbolic links",
    "/etc/passwd",
  ]);
});

for (const layer of ["short", "x".repeat(200)])
  test(`an overlay with layers of ${layer.length} letters each`, async () => {
    using bundle = new Bundle();
    const layers = ["one", "two", "upper", "work"].map((name) => `${bundle.folder}/${name}-${layer}`) as [string, string, string, string];
    for (const folder of layers) mkdirSync(folder);
    const [one, two, upper, work] = layers;
    writeFileSync(`${one}/file`, "of the first\n");
    writeFileSync(`${two}/file`, "of the second\n");
    writeFileSync(`${two}/other`, "of the second\n");
    bundle.change((spec) =>
      spec.mounts.push({
        destination: "/mnt",
        type: "overlay",
        source: "overlay",
        options: [`lowerdir=${one}:${two}`, `upperdir=${upper}`, `workdir=${work}`, "nodev"],
      }),
    );
    const script = "cat /mnt/file /mnt/other; echo new > /mnt/file; cat /mnt/file; grep ' /mnt ' /proc/self/mountinfo | cut -d' ' -f6";
    expect(await bundle.sh(script)).toEqual(["of the first", "of the second", "new", "rw,nodev,relatime"]);
    expect([readFileSync(`${one}/file`, "utf8"), readFileSync(`${upper}/file`, "utf8")]).toEqual(["of the first\n", "new\n"]);
    expect(await bundle.sh("ls /mnt; cut -d' ' -f5 /proc/self/mountinfo | grep -v -e '^/$' -e ^/proc -e ^/sys -e ^/dev")).toEqual([
      "file",
      "other",
      "/mnt",
    ]);
  });

test("bind of a file, made where it is missing", async () => {
  using bundle = new Bundle((spec) =>
    spec.mounts.push({ destination: "/etc/deep/er/name", type: "bind", source: "hosts", options: ["bind"] }),
  );
  writeFileSync(`${bundle.folder}/hosts`, "from the bundle\n");
  expect(await bundle.sh("cat /etc/deep/er/name; stat -c %a /etc/deep")).toEqual(["from the bundle", "755"]);
  expect(statSync(`${bundle.rootfs}/etc/deep/er/name`).size).toBe(0);
});

test("a read-only bind cannot be written, another can", async () => {
  using bundle = new Bundle((spec) =>
    spec.mounts.push(
      { destination: "/tmp/a", type: "bind", source: "a", options: ["bind", "ro"] },
      { destination: "/tmp/b", type: "bind", source: "b", options: ["bind"] },
    ),
  );
  for (const name of ["a", "b"]) mkdirSync(`${bundle.folder}/${name}`);
  expect(await bundle.sh("touch /tmp/a/x 2>&1; touch /tmp/b/x 2>&1; true")).toEqual(["touch: /tmp/a/x: Read-only file system"]);
  expect([existsSync(`${bundle.folder}/a/x`), existsSync(`${bundle.folder}/b/x`)]).toEqual([false, true]);
});

test("rbind takes the mounts below along, bind does not", async () => {
  using bundle = new Bundle((spec) =>
    spec.mounts.push(
      { destination: "/tmp/one", type: "bind", source: "/dev", options: ["bind"] },
      { destination: "/tmp/all", type: "bind", source: "/dev", options: ["rbind"] },
    ),
  );
  expect(await bundle.sh('for m in one all; do grep -q " /tmp/$m/pts " /proc/self/mountinfo && echo $m; done; true')).toEqual(["all"]);
});

test("a destination through links stays in the root", async () => {
  using bundle = new Bundle((spec) => spec.mounts.push({ destination: "/etc/out/inside", type: "tmpfs", source: "tmpfs" }));
  mkdirSync(`${bundle.rootfs}/var`);
  symlinkSync("/../../../../var", `${bundle.rootfs}/etc/out`);
  expect(await bundle.sh("grep -c ' /var/inside ' /proc/self/mountinfo")).toEqual(["1"]);
  expect(existsSync("/var/inside")).toBe(false);
});

test("behind a link that leads nowhere yet, what it leads to is made: inside of the root, each time that it is missing", async () => {
  using bundle = new Bundle((spec) => {
    spec.mounts.push(
      { destination: "/var/run/secrets/one", type: "tmpfs", source: "tmpfs" },
      { destination: "/var/run/secrets/two", type: "tmpfs", source: "tmpfs" },
      { destination: "/etc/resolv.conf", type: "bind", source: "names", options: ["bind", "ro"] },
    );
    spec.process.cwd = "/work";
  });
  mkdirSync(`${bundle.rootfs}/var`);
  symlinkSync("/../../run", `${bundle.rootfs}/var/run`);
  symlinkSync("../box-test-resolve/stub.conf", `${bundle.rootfs}/etc/resolv.conf`);
  symlinkSync("deep/er", `${bundle.rootfs}/work`);
  writeFileSync(`${bundle.folder}/names`, "nameserver 192.0.2.1\n");
  const script = "pwd; cat /etc/resolv.conf; cut -d' ' -f5 /proc/self/mountinfo | grep -e run -e resolve";
  // Also with a program that is kept.
  for (let run = 0; run < 4; run++) {
    expect(await bundle.sh(script)).toEqual([
      "/deep/er",
      "nameserver 192.0.2.1",
      "/run/secrets/one",
      "/run/secrets/two",
      "/box-test-resolve/stub.conf",
    ]);
    for (const made of ["run", "box-test-resolve", "deep"]) {
      expect(existsSync(`${bundle.rootfs}/${made}`)).toBe(true);
      rmSync(`${bundle.rootfs}/${made}`, { recursive: true });
    }
  }
  expect(existsSync("/box-test-resolve")).toBe(false);
});

test("a later mount covers an earlier one", async () => {
  using bundle = new Bundle((spec) => {
    spec.mounts.push({ destination: "/tmp", type: "tmpfs", source: "first" }, { destination: "/tmp", type: "tmpfs", source: "second" });
  });
  expect(await bundle.sh("grep ' /tmp ' /proc/mounts | cut -d' ' -f1")).toEqual(["first", "second"]);
  expect(await bundle.sh("touch /tmp/x && echo written")).toEqual(["written"]);
});

test("the propagation of each mount is as it asks", async () => {
  using bundle = new Bundle((spec) => {
    for (const word of ["shared", "slave", "private", "unbindable"])
      spec.mounts.push({ destination: `/tmp/${word}`, type: "tmpfs", source: "tmpfs", options: [word] });
  });
  const lines = await bundle.sh("awk '$5 ~ /^\\/tmp\\//' /proc/self/mountinfo");
  const tags = lines.map((line) =>
    [line.split(" ")[4], ...line.slice(0, line.indexOf(" - ")).split(" ").slice(6)].join(" ").replace(/:\d+/, ""),
  );
  expect(tags).toEqual(["/tmp/shared shared", "/tmp/slave", "/tmp/private", "/tmp/unbindable unbindable"]);
});

/** Tags of the mount and of the one below it, of a bind with one option of a source that the host shares. */
for (const [options, tags] of [
  [["bind", "rshared"], ["shared master"]],
  [["rbind"], ["master", "master"]],
  [
    ["rbind", "rshared"],
    ["shared master", "shared master"],
  ],
  [
    ["rbind", "shared"],
    ["shared master", "master"],
  ],
  [
    ["rbind", "rslave"],
    ["master", "master"],
  ],
  [
    ["rbind", "rprivate"],
    ["", ""],
  ],
  [
    ["rbind", "private"],
    ["", "master"],
  ],
  [
    ["rbind", "runbindable"],
    ["unbindable", "unbindable"],
  ],
] as const)
  test(`the propagation of a bind with [${options.join(", ")}]`, async () => {
    using bundle = new Bundle((spec) => spec.mounts.push({ destination: "/data", type: "bind", source: "data", options: [...options] }));
    mkdirSync(`${bundle.folder}/data`);
    const shared = "mount -t tmpfs tmpfs data && mkdir data/below && mount -t tmpfs tmpfs data/below && mount --make-rshared data";
    const before = ["unshare", "-m", "sh", "-c", `${shared} && exec "$@"`, "sh"];
    const lines = await bundle.sh("grep -e ' /data ' -e ' /data/below ' /proc/self/mountinfo", { before });
    const shown = lines.map((line) =>
      line
        .slice(0, line.indexOf(" - "))
        .split(" ")
        .slice(6)
        .map((tag) => tag.split(":")[0])
        .join(" "),
    );
    expect(shown).toEqual([...tags]);
  });

test("a relative destination is one below the root", async () => {
  using bundle = new Bundle((spec) => spec.mounts.push({ destination: "srv/data", type: "tmpfs", source: "tmpfs" }));
  expect(await bundle.sh("grep -c ' /srv/data ' /proc/self/mountinfo")).toEqual(["1"]);
});

test("nothing of the bundle's root changes for a mount point that exists", async () => {
  using bundle = new Bundle();
  // The first run makes the mount points and links that the root lacks; from then on they exist.
  bundle.change((spec) => {
    spec.mounts.push({ destination: "/tmp", type: "tmpfs", source: "tmpfs", options: [] });
    spec.mounts.push({ destination: "/etc/passwd", type: "bind", source: "/etc/hostname", options: ["bind", "ro"] });
  });
  await bundle.sh("true");
  const listing = async (): Promise<string[]> =>
    linesOf((await execute(["find", bundle.rootfs, "-printf", "%p %m %U %s %T@ %C@\\n"])).stdout);
  const before = await listing();
  expect(before.some((line) => line.includes("/etc/passwd "))).toBe(true);
  await bundle.sh("true");
  expect(await listing()).toEqual(before);
});
