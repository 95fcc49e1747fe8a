// Who may write to a container's cgroup of v2: its user, where the container has it mounted to be written to.

import { expect } from "bun:test";
import { statSync } from "node:fs";
import { Bundle, cgroupsOf, inLayout, testWith } from "./harness.ts";

const test = testWith();
const before = inLayout("v2");

/** A container with ids 100000 and up, a cgroup namespace, and its cgroup mounted with `options`. */
function bundleWith(options: readonly string[]): Bundle {
  const bundle = new Bundle((spec) => {
    // On pure v2 `box spec` has the latter already.
    const others = spec.linux.namespaces.filter(({ type }) => type !== "cgroup");
    spec.linux.namespaces = [...others, { type: "user" }, { type: "cgroup" }];
    spec.linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
    spec.linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
    spec.mounts = spec.mounts.filter(({ destination }) => destination !== "/sys/fs/cgroup");
    spec.mounts.push({
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: ["nosuid", "noexec", "nodev", ...options],
    });
  });
  bundle.giveRootTo(100000);
  return bundle;
}

const owners = "cd /sys/fs/cgroup; stat -c '%n %u' . cgroup.procs cgroup.subtree_control cgroup.threads cgroup.max.depth";

test("its root makes cgroups of its own and moves there, but cannot change what limits it", async () => {
  using bundle = bundleWith(["rw"]);
  const script = `${owners}; mkdir below; echo 0 > below/cgroup.procs; grep ^0: /proc/self/cgroup; echo 3 > cgroup.max.depth`;
  expect(await bundle.run(["sh", "-c", script], { before })).toEqual({
    exitCode: 1,
    stdout: ". 0\ncgroup.procs 0\ncgroup.subtree_control 0\ncgroup.threads 0\ncgroup.max.depth 65534\n0::/below\n",
    stderr: "sh: can't create cgroup.max.depth: Permission denied\n",
  });
  expect(cgroupsOf("/sys/fs/cgroup", bundle.id)).toEqual([]);
});

test("its program's user has it, where that is another", async () => {
  using bundle = bundleWith(["rw"]);
  bundle.change((spec) => (spec.process.user = { uid: 1000, gid: 1001 }));
  expect(await bundle.sh(owners, { before })).toEqual([
    ". 1000",
    "cgroup.procs 1000",
    "cgroup.subtree_control 1000",
    "cgroup.threads 1000",
    "cgroup.max.depth 65534",
  ]);
});

for (const [title, change] of [
  ["mounted read-only", (bundle: Bundle) => bundle.change((spec) => spec.mounts.at(-1)?.options?.push("ro"))],
  [
    "without a cgroup namespace",
    (bundle: Bundle) => bundle.change((spec) => (spec.linux.namespaces = spec.linux.namespaces.filter(({ type }) => type !== "cgroup"))),
  ],
] as const)
  test(`it stays the host's ${title}`, async () => {
    using bundle = bundleWith([]);
    change(bundle);
    using running = await bundle.startSh("echo ready; sleep 1000", { before });
    const [cgroup = ""] = cgroupsOf("/sys/fs/cgroup", bundle.id);
    expect(["", "/cgroup.procs"].map((file) => statSync(cgroup + file).uid)).toEqual([0, 0]);
    process.kill(bundle.initPid, "SIGKILL");
    await running.outcome();
  });
