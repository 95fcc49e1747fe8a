import { describe, expect, test } from "bun:test";
import { containerCgroups } from "../../src/cgroup/paths.ts";
import type { CgroupFacts, CgroupHierarchy } from "../../src/host/facts.ts";
import { faultLines } from "../config/print-faults.ts";

const v2 = (own: string, mount = "/sys/fs/cgroup"): CgroupHierarchy => ({ controllers: [], mount, own });
const v1 = (own: string, ...controllers: string[]): CgroupHierarchy => ({
  controllers,
  mount: `/sys/fs/cgroup/${controllers.join(",")}`,
  own,
});
const on = (...hierarchies: CgroupHierarchy[]): CgroupFacts => ({
  v1: hierarchies.filter(({ controllers }) => controllers.length > 0),
  v2: hierarchies.find(({ controllers }) => controllers.length === 0),
  writable: true,
});

function lies(title: string, facts: CgroupFacts, cgroupsPath: string | undefined, ...expected: string[]): void {
  test(title, () =>
    expect(containerCgroups(facts, cgroupsPath, "web").map(({ version, path }) => `v${version} ${path}`)).toEqual(expected),
  );
}

describe("without cgroupsPath", () => {
  lies(
    "v2: beside box, since a cgroup with processes hands nothing on",
    on(v2("/user.slice/session-1.scope")),
    undefined,
    "v2 /sys/fs/cgroup/user.slice/web",
  );
  lies("v2: box in the root of it", on(v2("/")), undefined, "v2 /sys/fs/cgroup/web");
  lies(
    "v1: below box",
    on(v1("/user.slice", "memory"), v1("/", "cpu", "cpuacct")),
    "",
    "v1 /sys/fs/cgroup/memory/user.slice/web",
    "v1 /sys/fs/cgroup/cpu,cpuacct/web",
  );
  lies(
    "hybrid: below box in both",
    on(v1("/a", "pids"), v2("/a", "/sys/fs/cgroup/unified")),
    undefined,
    "v1 /sys/fs/cgroup/pids/a/web",
    "v2 /sys/fs/cgroup/unified/a/web",
  );
  lies("none at all", on(), undefined);
});

describe("with cgroupsPath", () => {
  lies("absolute", on(v2("/user.slice/x.scope")), "/pods//web/", "v2 /sys/fs/cgroup/pods/web");
  lies("relative", on(v1("/user.slice", "memory")), "pods/web", "v1 /sys/fs/cgroup/memory/user.slice/pods/web");
  lies("never above the root", on(v2("/a/b")), "/../../web", "v2 /sys/fs/cgroup/web");
  lies("never above where it starts", on(v2("/a/b/c")), "x/../../../web", "v2 /sys/fs/cgroup/a/b/web");
});

test("the parts are the folders to make", () => {
  const [cgroup] = containerCgroups(on(v1("/a", "memory")), "b/c", "web");
  expect(cgroup).toEqual({
    version: 1,
    controllers: ["memory"],
    mount: "/sys/fs/cgroup/memory",
    present: 1,
    parts: ["a", "b", "c"],
    path: "/sys/fs/cgroup/memory/a/b/c",
  });
});

test("a hierarchy's root or box's own cgroup is never the container's: all in it would end with it", () => {
  const refused = (path: string): string[] =>
    faultLines(() => containerCgroups(on(v1("/", "memory"), v2("/", "/sys/fs/cgroup/unified")), path, "web"));
  expect(["/", "//", ".", "./", "a/..", "/.."].flatMap(refused)).toEqual(
    ["/", "//", ".", "./", "a/..", "/.."].map((path) => `linux.cgroupsPath: expected a path that names a cgroup, got "${path}"`),
  );
});
