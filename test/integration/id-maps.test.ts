// Id maps that an ordinary user may not write: newuidmap and newgidmap write them, by what /etc/subuid and /etc/subgid say.
// Each run has files of its own in their places, in a mount namespace of its own.

import { expect } from "bun:test";
import { chmodSync, statSync, writeFileSync } from "node:fs";
import type { IdMapping } from "../../src/config/spec.ts";
import { Bundle, linesOf, machine, type Outcome, type RichSpec, testWith, userId } from "./harness.ts";

const test = testWith("newuidmap", "setpriv", "unshare", "user namespaces for users");

/** An ordinary user who can still become root by a file's mode, as newuidmap wants. */
const asUserWithSetuid = ["setpriv", "--reuid", String(userId), "--regid", String(userId), "--clear-groups", "--inh-caps=-all"];
const own: IdMapping[] = [{ containerID: 0, hostID: userId, size: 1 }];
const several: IdMapping[] = [
  { containerID: 0, hostID: userId, size: 1 },
  { containerID: 1, hostID: 200000, size: 1000 },
];

function rootless(uids: IdMapping[], gids: IdMapping[]): (spec: RichSpec) => void {
  return (spec) => {
    spec.linux.namespaces = (["pid", "mount", "ipc", "uts", "user", "network"] as const).map((type) => ({ type }));
    Object.assign(spec.linux, { uidMappings: uids, gidMappings: gids, resources: {} });
    spec.mounts = spec.mounts.filter(({ type }) => type !== "cgroup" && type !== "cgroup2");
    // With the group of terminals unmapped, devpts takes no gid.
    if (gids === own) for (const mount of spec.mounts) mount.options = mount.options?.filter((word) => word !== "gid=5") ?? [];
  };
}

/** Words that make a user of box whom both files allow the ids from 200000 to 200999, or what `subordinate` says. */
function user(bundle: Bundle, subordinate = `${userId}:200000:1000`): string[] {
  bundle.giveTo(userId);
  const file = `${bundle.folder}/subordinate`;
  writeFileSync(file, `${subordinate}\n`);
  const cover = `mount --bind ${file} /etc/subuid && mount --bind ${file} /etc/subgid && exec "$@"`;
  return ["unshare", "--mount", "--propagation", "private", "sh", "-c", cover, "sh", ...asUserWithSetuid];
}

const run = (bundle: Bundle, script: string): Promise<Outcome> => bundle.run(["sh", "-c", script], { before: user(bundle) });

test("several ranges, with groups that can be changed, and files of all these ids", async () => {
  using bundle = new Bundle(rootless(several, several));
  bundle.change((spec) => {
    spec.root.readonly = false;
    spec.process.user = { uid: 0, gid: 0, additionalGids: [7, 900] };
    for (const set of ["bounding", "permitted", "effective"] as const)
      spec.process.capabilities[set]?.push("CAP_CHOWN", "CAP_SETUID", "CAP_SETGID");
  });
  const before = machine(bundle);
  const script =
    "tr -s ' ' </proc/self/uid_map; tr -s ' ' </proc/self/gid_map; cat /proc/self/setgroups; grep ^Groups: /proc/self/status; touch /of-7; chown 7:900 /of-7; stat -c %u:%g /of-7";
  const { exitCode, stdout, stderr } = await run(bundle, script);
  expect({ exitCode, stderr, lines: linesOf(stdout).map((line) => line.trim()) }).toEqual({
    exitCode: 0,
    stderr: "",
    lines: ["0 65534 1", "1 200000 1000", "0 65534 1", "1 200000 1000", "allow", "Groups:\t7 900", "7:900"],
  });
  const { uid, gid } = statSync(`${bundle.rootfs}/of-7`);
  expect([uid, gid]).toEqual([200006, 200899]);
  expect(machine(bundle)).toEqual(before);
});

test("exec into it, with groups of its own", async () => {
  using bundle = new Bundle(rootless(several, several));
  bundle.change((spec) => {
    for (const set of ["bounding", "permitted", "effective"] as const) spec.process.capabilities[set]?.push("CAP_SETUID", "CAP_SETGID");
  });
  const before = user(bundle);
  using _running = await bundle.startSh("echo ready; exec sleep 1000", { before });
  expect(await bundle.box(["exec", "-u", "3:4", "-g", "5", bundle.id, "sh", "-c", "id -u; id -g; id -G"], { before })).toEqual({
    exitCode: 0,
    stdout: "3\n4\n4 5\n",
    stderr: "",
  });
});

test("one map by a program, the other by box: groups are given up then", async () => {
  using bundle = new Bundle(rootless(several, own));
  const { exitCode, stdout, stderr } = await run(bundle, "wc -l </proc/self/uid_map; wc -l </proc/self/gid_map; cat /proc/self/setgroups");
  expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: "2\n1\ndeny\n", stderr: "" });
});

test("with hooks, which keep their own output", async () => {
  using bundle = new Bundle(rootless(several, several));
  writeFileSync(`${bundle.folder}/hook`, "#!/bin/sh\necho words; exit 3\n");
  chmodSync(`${bundle.folder}/hook`, 0o755);
  bundle.change((spec) => (spec.hooks = { createRuntime: [{ path: `${bundle.folder}/hook` }] }));
  const { exitCode, stdout, stderr } = await run(bundle, "true");
  expect({ exitCode, stdout, stderr: stderr.replace(/after \d+ ms/, "after N ms") }).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: `box: hooks.createRuntime[0]: ${bundle.folder}/hook: exit 3 after N ms\nhint: it printed: words\n`,
  });
});

async function refused(bundle: Bundle, before: readonly string[]): Promise<string> {
  const earlier = machine(bundle);
  const { exitCode, stdout, stderr } = await bundle.run(["true"], { before });
  expect({ exitCode, stdout }).toEqual({ exitCode: 125, stdout: "" });
  expect(machine(bundle)).toEqual(earlier);
  return stderr.replace(/after \d+ ms/, "after N ms").replace(/: \/\S*\/(?=new[ug]idmap)/, ": ");
}

test("ids that the user may not map", async () => {
  using bundle = new Bundle(rootless(several, several));
  expect(await refused(bundle, user(bundle, `${userId}:300000:1000`))).toBe(
    "box: linux.gidMappings: newgidmap: exit 1 after N ms\n" +
      "hint: it printed: newgidmap: gid range [1-1001) -> [200000-201000) not allowed (/etc/subgid says which ids a user may map)\n",
  );
  bundle.change(rootless([{ containerID: 0, hostID: 5, size: 1 }], own));
  expect(await refused(bundle, user(bundle))).toBe(
    "box: linux.uidMappings: newuidmap: exit 1 after N ms\n" +
      "hint: it printed: newuidmap: uid range [0-1) -> [5-6) not allowed (/etc/subuid says which ids a user may map)\n",
  );
});

test("without the programs", async () => {
  using bundle = new Bundle(rootless(several, several));
  const hint = "hint: Debian, Ubuntu and Fedora have it in the packages uidmap and shadow-utils; box spec --rootless maps one id\n";
  expect(await refused(bundle, [...user(bundle), "env", "PATH=/nowhere:usr/bin"])).toBe(
    `box: linux.gidMappings: a user may map one id, the own one; any other map takes newgidmap, which is in no folder of PATH\n${hint}`,
  );
});
