import { expect, test } from "bun:test";
import { cgroupBelow } from "../../src/inspect/container-processes.ts";

const v1 = ["/sys/fs/cgroup/cpu,cpuacct/a/web", "/sys/fs/cgroup/memory/a/web", "/sys/fs/cgroup/unified/a/web"];

const check = (title: string, own: string[], paths: string[], expected: string | null): void =>
  test(title, () =>
    expect(
      cgroupBelow(
        own,
        paths.map((path, hierarchy) => ({ hierarchy, controllers: "", path })),
      ),
    ).toBe(expected),
  );

check("the container's own", v1, ["/a/web", "/a/web", "/"], "/");
check("below it, if only in one hierarchy", v1, ["/a/web", "/a/web/x/y"], "/x/y");
check("pure v2", ["/sys/fs/cgroup/web"], ["/web/x"], "/x");
check("one whose name begins alike", ["/sys/fs/cgroup/web"], ["/web2"], null);
check("somewhere else", v1, ["/b"], null);
check("none", [], ["/a/web"], null);
