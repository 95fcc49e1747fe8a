import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkSpec } from "../../src/config/check-spec.ts";
import { defaultSpec } from "../../src/config/default-spec.ts";
import { checkSupported } from "../../src/config/unsupported.ts";
import { faultLines } from "./print-faults.ts";

/** Newer versions of runc write a little less: no ambient capabilities, for one. */
const comparable = "runc version 1.1.5";
const runc = Bun.which("runc");
const version = runc === null ? "no runc" : (Bun.spawnSync([runc, "--version"]).stdout.toString().split("\n")[0] ?? "").split("+")[0];

function runcSpec(...options: string[]): { linux: { namespaces: { type: string }[] } } {
  const folder = mkdtempSync(join(tmpdir(), "box-spec-"));
  using _ = { [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
  const made = Bun.spawnSync(["runc", "spec", ...options], { cwd: folder });
  expect(made.stderr.toString()).toBe("");
  return JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
}

describe.skipIf(version !== comparable)(`beside ${comparable} (here: ${version})`, () => {
  const cases = [
    { name: "root", options: [], rootless: undefined },
    {
      name: "rootless",
      options: ["--rootless"],
      rootless: { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 },
    },
  ];
  for (const { name, options, rootless } of cases) {
    test(name, () => {
      const theirs = runcSpec(...options);
      const cgroupV2 = theirs.linux.namespaces.some(({ type }) => type === "cgroup");
      const ours = defaultSpec(rootless === undefined ? { cgroupV2 } : { cgroupV2, rootless });
      expect({ ...ours }).toEqual({ ...theirs, ociVersion: "1.3.0" } as never);
      // The same order of fields, too, so that a diff of the two files is one line.
      expect(JSON.stringify(ours)).toBe(JSON.stringify({ ...theirs, ociVersion: "1.3.0" }));
    });
  }
});

describe("what box spec writes", () => {
  for (const options of [{}, { cgroupV2: true }, { rootless: { uid: 1000, gid: 1000 } }]) {
    test(`is valid and supported: ${JSON.stringify(options)}`, () =>
      expect(faultLines(() => checkSupported(checkSpec(defaultSpec(options))))).toEqual([]));
  }
  test("is a new value each time", () => {
    defaultSpec().linux?.maskedPaths?.push("/x");
    defaultSpec().process?.capabilities?.bounding?.push("CAP_X");
    expect(defaultSpec().linux?.maskedPaths).not.toContain("/x");
    expect(defaultSpec().process?.capabilities?.bounding).not.toContain("CAP_X");
  });
  test("in short", () => {
    expect(shorten(defaultSpec({ cgroupV2: true }))).toMatchInlineSnapshot(`
      "sh as 0:0, CAP_AUDIT_WRITE CAP_KILL CAP_NET_BIND_SERVICE
      /proc proc proc
      /dev tmpfs tmpfs nosuid strictatime mode=755 size=65536k
      /dev/pts devpts devpts nosuid noexec newinstance ptmxmode=0666 mode=0620 gid=5
      /dev/shm tmpfs shm nosuid noexec nodev mode=1777 size=65536k
      /dev/mqueue mqueue mqueue nosuid noexec nodev
      /sys sysfs sysfs nosuid noexec nodev ro
      /sys/fs/cgroup cgroup cgroup nosuid noexec nodev relatime ro
      namespaces pid network ipc uts mount cgroup
      devices [{"allow":false,"access":"rwm"}]
      uids undefined gids undefined"
    `);
  });
  test("in short, rootless", () => {
    expect(shorten(defaultSpec({ rootless: { uid: 1000, gid: 100 } }))).toMatchInlineSnapshot(`
      "sh as 0:0, CAP_AUDIT_WRITE CAP_KILL CAP_NET_BIND_SERVICE
      /proc proc proc
      /dev tmpfs tmpfs nosuid strictatime mode=755 size=65536k
      /dev/pts devpts devpts nosuid noexec newinstance ptmxmode=0666 mode=0620
      /dev/shm tmpfs shm nosuid noexec nodev mode=1777 size=65536k
      /dev/mqueue mqueue mqueue nosuid noexec nodev
      /sys none /sys rbind nosuid noexec nodev ro
      /sys/fs/cgroup cgroup cgroup nosuid noexec nodev relatime ro
      namespaces pid ipc uts mount user
      devices undefined
      uids [{"containerID":0,"hostID":1000,"size":1}] gids [{"containerID":0,"hostID":100,"size":1}]"
    `);
  });
});

/** The parts that differ between the variants, one line each. */
function shorten({ process, mounts = [], linux = {} }: ReturnType<typeof defaultSpec>): string {
  return [
    `${process?.args.join(" ")} as ${process?.user.uid}:${process?.user.gid}, ${process?.capabilities?.bounding?.join(" ")}`,
    ...mounts.map(({ destination, type, source, options = [] }) => [destination, type, source, ...options].join(" ")),
    `namespaces ${linux.namespaces?.map(({ type }) => type).join(" ")}`,
    `devices ${JSON.stringify(linux.resources?.devices)}`,
    `uids ${JSON.stringify(linux.uidMappings)} gids ${JSON.stringify(linux.gidMappings)}`,
  ].join("\n");
}
