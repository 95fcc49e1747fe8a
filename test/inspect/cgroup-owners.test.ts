import { expect, test } from "bun:test";
import { cgroupOwners, ownerOfCgroups } from "../../src/inspect/cgroup-owners.ts";

const hierarchy = (mount: string) => ({ controllers: [], mount, own: "/" });
const hybrid = { v1: [hierarchy("/sys/fs/cgroup/cpu"), hierarchy("/sys/fs/cgroup/memory")], v2: hierarchy("/sys/fs/cgroup/unified") };
const container = (id: string, ...paths: readonly string[]) => ({
  id,
  box: { cgroups: paths.map((path) => ({ version: 1 as const, path })) },
});

const owners = cgroupOwners(
  [
    container("web", "/sys/fs/cgroup/cpu/web", "/sys/fs/cgroup/memory/session/web", "/sys/fs/cgroup/unified/web"),
    container("db", "/sys/fs/cgroup/cpu/a/db"),
  ],
  hybrid,
);

test("a container's own cgroup, and those below it", () => {
  expect(ownerOfCgroups("4:memory:/session/web\n1:cpu:/\n0::/\n", owners)).toBe("web");
  expect(ownerOfCgroups("0::/web/inner/more\n", owners)).toBe("web");
  expect(ownerOfCgroups("1:cpu:/a/db\n", owners)).toBe("db");
});
test("no one else's", () => {
  for (const text of ["0::/\n", "0::/website\n", "1:cpu:/a\n", "0::/unified/web2\n", ""])
    expect(ownerOfCgroups(text, owners)).toBeUndefined();
});
test("v2 alone", () => {
  const v2 = cgroupOwners([container("web", "/sys/fs/cgroup/x/web")], { v1: [], v2: hierarchy("/sys/fs/cgroup") });
  expect(ownerOfCgroups("0::/x/web\n", v2)).toBe("web");
});
