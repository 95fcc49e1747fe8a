// Where exec puts its process when the container has divided its own cgroup.

import { expect } from "bun:test";
import { Bundle, binary, execute, inLayout, testWith } from "./harness.ts";

const test = testWith();

test("on v2 a container that has handed controllers on takes a process beside its init", async () => {
  using bundle = new Bundle((spec) => {
    spec.process.args = ["sleep", "1000"];
    spec.linux.namespaces = spec.linux.namespaces?.filter(({ type }) => type !== "cgroup") ?? [];
  });
  const script = `
    box() { "$BOX" --root "$STATES" "$@"; }
    box run -d "$ID" || exit
    cgroup=$(find /sys/fs/cgroup -type d -name "$ID")
    mkdir "$cgroup/init.scope"
    cat "$cgroup/cgroup.procs" > "$cgroup/init.scope/cgroup.procs"
    echo +hugetlb > "$cgroup/cgroup.subtree_control"
    box exec "$ID" grep ^0:: /proc/self/cgroup
    box delete --force "$ID"
    ls "$cgroup" 2>/dev/null`;
  const env = { BOX: binary, STATES: bundle.states, ID: bundle.id };
  const { exitCode, stdout, stderr } = await execute([...inLayout("v2"), "sh", "-c", script], { env, cwd: bundle.folder });
  expect([exitCode, stderr]).toEqual([2, ""]);
  expect(stdout).toEndWith(`/${bundle.id}/init.scope\n`);
});
