// process.oomScoreAdj, and what of it takes a capability.

import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { Bundle, type RichSpec, testWith } from "./harness.ts";

const test = testWith();
const own = Number(readFileSync("/proc/self/oom_score_adj", "utf8"));
const scoreOf =
  (score: number) =>
  (spec: RichSpec): void => {
    spec.process.oomScoreAdj = score;
  };
const look = "cat /proc/self/oom_score_adj /proc/1/oom_score_adj";

test("is the container's, and not box's", async () => {
  using bundle = new Bundle(scoreOf(777));
  using running = await bundle.startSh("cat /proc/self/oom_score_adj; echo ready; exec sleep 1000");
  expect(running.stdout).toBe("777\nready\n");
  expect(Number(readFileSync(`/proc/${running.pid}/oom_score_adj`, "utf8"))).toBe(own);
});

test("the value that is there needs no right", async () => {
  using bundle = new Bundle(scoreOf(own));
  const before = ["setpriv", "--bounding-set=-sys_resource", "--inh-caps=-sys_resource"];
  expect(await bundle.sh(look, { before })).toEqual([`${own}`, `${own}`]);
});

test("lower than that is refused without the capability", async () => {
  using bundle = new Bundle(scoreOf(own - 1));
  const { exitCode, stdout, stderr } = await bundle.run(["true"], {
    before: ["setpriv", "--bounding-set=-sys_resource", "--inh-caps=-sys_resource"],
  });
  expect({ exitCode, stdout, stderr }).toEqual({
    exitCode: 125,
    stdout: "",
    stderr:
      `box: process.oomScoreAdj: cannot set the adjustment of the OOM score to ${own - 1}: write(oom_score_adj, "${own - 1}", 2): EACCES (permission denied)\n` +
      "hint: it is made lower than that of box only with CAP_SYS_RESOURCE\n",
  });
});

test("goes over to a container in namespaces that are joined, and in a user namespace", async () => {
  using bundle = new Bundle((spec) => {
    scoreOf(300)(spec);
    spec.linux.namespaces = spec.linux.namespaces.map((one) => (one.type === "network" ? { ...one, path: "/proc/self/ns/net" } : one));
    spec.linux.namespaces.push({ type: "user" });
    spec.linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
    spec.linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
    spec.mounts = spec.mounts.filter(({ type }) => type !== "sysfs");
  });
  bundle.giveRootTo(100000);
  expect(await bundle.sh(look)).toEqual(["300", "300"]);
});
