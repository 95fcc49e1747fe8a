import { describe, expect, test } from "bun:test";
import type { IdMapping } from "../../src/config/spec.ts";
import { BoxError } from "../../src/errors.ts";
import { defaultStateRoot } from "../../src/host/default-state-root.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import {
  bits,
  type FactsWanted,
  field,
  type HostReader,
  isKernel,
  parseMounts,
  parseOpenFiles,
  parseOwnCgroups,
  readCgroups,
  readFacts,
} from "../../src/host/read-facts.ts";
import { filesystemMagic } from "../../src/linux/magic.ts";

const status = [
  "Name:\tbox",
  "PPid:\t12",
  "Uid:\t1000\t0\t0\t0",
  "Gid:\t1000\t5\t5\t5",
  "SigBlk:\t0",
  "SigIgn:\t0000000001001000",
  "CapInh:\t0",
  "CapBnd:\t0000000000000021",
  "",
].join("\n");
const limits = (soft: string, hard: string): string =>
  `Limit                     Soft Limit           Hard Limit           Units     \nMax cpu time              unlimited            unlimited            seconds   \nMax open files            ${soft.padEnd(20)} ${hard.padEnd(20)} files     \n`;

type Host = {
  readonly files?: Readonly<Record<string, string>>;
  readonly cgroups?: number;
  readonly writable?: readonly string[];
  readonly executable?: readonly string[];
};
const reader = ({ files = {}, cgroups, writable = [], executable = [] }: Host): HostReader => ({
  read: (path) => files[path],
  filesystem: (path) => (path === "/sys/fs/cgroup" ? cgroups : undefined),
  mayWrite: (path) => writable.includes(path),
  mayExecute: (path) => executable.includes(path),
  danglingLinks: (question) => (question.includes("/link") ? JSON.stringify({ [question.split("\n")[1] ?? ""]: "run" }) : undefined),
});
const wanted: FactsWanted = {
  machine: "x64",
  stateRoot: undefined,
  runtimeFolder: undefined,
  openFiles: true,
  home: "/root",
  limits: false,
  labels: undefined,
};
const v2 = filesystemMagic.CGROUP2_SUPER_MAGIC;

test("links on the way to mounts that lead nowhere are looked for where there are such mounts", () => {
  const files = { "/proc/self/status": "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n" };
  const links = (places: string | undefined): HostFacts["danglingLinks"] =>
    readFacts(reader({ files }), { ...wanted, places }).danglingLinks;
  expect([links(undefined), links("/root\nplain"), links("/root\nvar/link")]).toEqual([undefined, undefined, { "var/link": "run" }]);
});

test("programs for id maps are looked for where a user wants a map that takes them", () => {
  const own = [{ containerID: 0, hostID: 1000, size: 1 }];
  const more = [...own, { containerID: 1, hostID: 100000, size: 65536 }];
  const path = "/usr/local/bin:relative::/usr/bin:/bin";
  const executable = ["/usr/bin/newuidmap", "/bin/newuidmap", "relative/newgidmap"];
  const programs = (uid: number, uids: readonly IdMapping[], gids: readonly IdMapping[]): HostFacts["idMapPrograms"] =>
    readFacts(reader({ files: { "/proc/self/status": `Uid:\t${uid}\t${uid}\t0\t0\nGid:\t1000\t1000\t0\t0\n` }, executable }), {
      ...wanted,
      idMaps: { uids, gids, path },
    }).idMapPrograms;
  expect([programs(0, more, more), programs(1000, own, own)]).toEqual([undefined, undefined]);
  const found = { newuidmap: "/usr/bin/newuidmap", newgidmap: undefined };
  expect([programs(1000, more, own), programs(1000, own, more), programs(7, own, own)]).toEqual([found, found, found]);
});

describe("facts", () => {
  test("of a process with root's effective ids", () => {
    const files = {
      "/proc/self/status": status,
      "/proc/self/limits": limits("4096", "4096"),
      "/proc/12/limits": limits("1024", "4096"),
      "/proc/self/cgroup": "0::/a/b\n",
      "/proc/sys/kernel/osrelease": "6.1.0-18-amd64\n",
      "/proc/self/uid_map": "         0          0 4294967295\n",
      "/sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
    };
    expect(readFacts(reader({ files, cgroups: v2, writable: ["/sys/fs/cgroup/a"] }), wanted)).toEqual({
      machine: "x64",
      mountSetattr: true,
      uid: 0,
      gid: 5,
      ignoredSignals: [13, 25],
      boundingSet: [0, 5],
      inUserNamespace: false,
      cgroups: { v1: [], v2: { controllers: ["cpu", "memory"], mount: "/sys/fs/cgroup", own: "/a/b" }, writable: true },
      stateRoot: "/run/box",
      home: "/root",
      openFiles: { soft: 1024, hard: 4096 },
      labels: undefined,
    });
  });
  test("of a container that may write to its cgroup: v2's files for it, by the kernel's list or the specification's", () => {
    const delegated = (files: Readonly<Record<string, string>>, cgroups: number) =>
      readFacts(reader({ files: { "/proc/self/status": status, ...files }, cgroups }), { ...wanted, stateRoot: "/s", delegation: true })
        .cgroups.delegatedFiles;
    expect(delegated({ "/sys/kernel/cgroup/delegate": "cgroup.procs\nmemory.reclaim\n" }, v2)).toEqual(["cgroup.procs", "memory.reclaim"]);
    expect(delegated({}, v2)).toEqual(["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"]);
    expect(delegated({}, 0)).toBe(undefined);
  });
  test("without files that may be missing", () => {
    const facts = readFacts(reader({ files: { "/proc/self/status": status } }), { ...wanted, stateRoot: "/tmp/states" });
    expect(facts.cgroups).toEqual({ v1: [], v2: undefined, writable: false });
    expect([facts.openFiles, facts.stateRoot, facts.mountSetattr]).toEqual([undefined, "/tmp/states", false]);
  });
  test("how security modules take box, of those that are asked for", () => {
    const both = { apparmor: true, selinux: true };
    const labels = (host: Partial<HostReader>, asked: FactsWanted["labels"]) =>
      readFacts({ ...reader({ files: { "/proc/self/status": status } }), ...host }, { ...wanted, labels: asked }).labels;
    const read = (files: Readonly<Record<string, string>>) => ({
      read: (path: string) => ({ "/proc/self/status": status, ...files })[path],
    });
    const selinuxfs = { filesystem: () => filesystemMagic.SELINUX_MAGIC, mayWrite: () => true };
    const files = { "/proc/self/attr/apparmor/current": "lxc (enforce)\n", "/proc/self/attr/current": "u:r:t:s0\0" };
    expect(labels({}, both)).toEqual({ apparmor: undefined, selinux: undefined });
    expect(labels({ ...read(files), ...selinuxfs }, both)).toEqual({ apparmor: "lxc (enforce)", selinux: "u:r:t:s0" });
    expect(labels({ ...read(files), ...selinuxfs }, { apparmor: false, selinux: true })).toEqual({
      apparmor: undefined,
      selinux: "u:r:t:s0",
    });
    // A container's host keeps its policy to itself.
    expect(labels({ ...read(files), ...selinuxfs, mayWrite: () => false }, both)).toEqual({
      apparmor: "lxc (enforce)",
      selinux: undefined,
    });
    expect(labels({ ...read(files), filesystem: () => filesystemMagic.SYSFS_MAGIC, mayWrite: () => true }, both)?.selinux).toBeUndefined();
  });
  test("limits that the configuration sets are not looked up", () => {
    const files = { "/proc/self/status": status, "/proc/self/limits": limits("1", "2"), "/proc/12/limits": limits("1", "2") };
    expect(readFacts(reader({ files }), { ...wanted, openFiles: false }).openFiles).toBeUndefined();
  });
  test("none without /proc", () => {
    const read = (): unknown => readFacts(reader({}), wanted);
    expect(read).toThrow(BoxError);
    expect(read).toThrow("cannot read");
  });
});

test("a kernel by its release", () =>
  expect(
    ["5.11.22", "5.12", "5.12.0-rc1", "6.0.1", "4.19.0-26-amd64", "10.0", "", "odd"].map((release) => isKernel(release, 5, 12)),
  ).toEqual([false, true, true, true, false, true, false, false]));

describe("where states live", () => {
  test("by user", () =>
    expect([
      defaultStateRoot(0, "/run/user/0"),
      defaultStateRoot(7, "/run/user/7"),
      defaultStateRoot(7, ""),
      defaultStateRoot(7, undefined),
    ]).toEqual(["/run/box", "/run/user/7/box", "/tmp/box-7", "/tmp/box-7"]));
});

describe("a field", () => {
  test("in the middle, first, last, empty, missing", () =>
    expect([
      field("A:\t1\nB:\t2\nC: 3", "B"),
      field("A:\t1\n", "A"),
      field("A:\nC: 3", "C"),
      field("A:\nB:\t", "A"),
      field("AB:\t1\n", "B"),
    ]).toEqual(["2", "1", "3", "", ""]));
});

test("bits of a mask", () =>
  expect([bits("0"), bits("1"), bits("8000000000000000"), bits("f0"), bits("")]).toEqual([[], [0], [63], [4, 5, 6, 7], []]));

describe("the limit on open files", () => {
  test("numbers", () => expect(parseOpenFiles(limits("1024", "524288"))).toEqual({ soft: 1024, hard: 524288 }));
  test("none", () => expect([parseOpenFiles(""), parseOpenFiles(limits("unlimited", "unlimited"))]).toEqual([undefined, undefined]));
});

test("own cgroups, of v1 by controllers, of v2 by nothing", () =>
  expect([...parseOwnCgroups("12:cpu,cpuacct:/a\n1:name=systemd:/user.slice/a:b.scope\n0::/x\n\nodd\n")]).toEqual([
    ["cpu,cpuacct", "/a"],
    ["name=systemd", "/user.slice/a:b.scope"],
    ["", "/x"],
  ]));

const line = (root: string, mount: string, type: string, options: string, optional = ""): string =>
  `31 23 0:28 ${root} ${mount} rw,relatime ${optional}- ${type} ${type} ${options}`;
const mounts = (own: string, ...lines: string[]): string[] => {
  const { v1, v2: unified } = parseMounts(lines.join("\n"), parseOwnCgroups(own));
  return [...v1, ...(unified === undefined ? [] : [unified])].map((one) => `${one.controllers.join("+") || "v2"} ${one.mount} ${one.own}`);
};

describe("mounted hierarchies", () => {
  test("v1 beside v2, together, and by name", () =>
    expect(
      mounts(
        "3:cpu,cpuacct:/a\n2:memory:/\n1:name=systemd:/s\n0::/u",
        line("/", "/sys/fs/cgroup", "tmpfs", "ro"),
        line("/", "/sys/fs/cgroup/cpu,cpuacct", "cgroup", "rw,cpu,cpuacct"),
        line("/", "/sys/fs/cgroup/memory", "cgroup", "rw,memory", "shared:9 master:1 "),
        line("/", "/sys/fs/cgroup/systemd", "cgroup", "rw,xattr,name=systemd"),
        line("/", "/sys/fs/cgroup/unified", "cgroup2", "rw,nsdelegate", "shared:4 "),
      ),
    ).toEqual([
      "cpu+cpuacct /sys/fs/cgroup/cpu,cpuacct /a",
      "memory /sys/fs/cgroup/memory /",
      "name=systemd /sys/fs/cgroup/systemd /s",
      "v2 /sys/fs/cgroup/unified /u",
    ]));
  test("inside a container that sees only its own part", () =>
    expect(
      mounts(
        "2:memory:/docker/abc/deep\n1:pids:/docker/abc",
        line("/docker/abc", "/sys/fs/cgroup/memory", "cgroup", "rw,memory"),
        line("/docker/abc", "/sys/fs/cgroup/pids", "cgroup", "rw,pids"),
      ),
    ).toEqual(["memory /sys/fs/cgroup/memory /deep", "pids /sys/fs/cgroup/pids /"]));
  test("a part that only begins like box's cgroup is another", () =>
    expect(mounts("1:pids:/docker/abcdef", line("/docker/abc", "/sys/fs/cgroup/pids", "cgroup", "rw,pids"))).toEqual([
      "pids /sys/fs/cgroup/pids /docker/abcdef",
    ]));
  test("one hierarchy mounted twice counts once, and a mount over it instead of it", () =>
    expect(
      mounts(
        "1:pids:/a/b",
        line("/", "/sys/fs/cgroup/pids", "cgroup", "rw,pids"),
        line("/", "/sys/fs/cgroup/other", "cgroup", "rw,pids"),
        line("/a", "/sys/fs/cgroup/pids", "cgroup", "rw,pids"),
      ),
    ).toEqual(["pids /sys/fs/cgroup/pids /b"]));
  test("elsewhere, of other controllers, or not at all", () =>
    expect(
      mounts(
        "2:memory:/\n1:pids:/",
        line("/", "/mnt/cgroup/memory", "cgroup", "rw,memory"),
        line("/", "/sys/fs/cgroup/cpu", "cgroup", "rw,cpu"),
        line("/", "/sys/fs/cgroups/pids", "cgroup", "rw,pids"),
        "",
        "odd",
      ),
    ).toEqual([]));
  test("with a space and a backslash in the path", () =>
    expect(mounts("1:pids:/", line("/", "/sys/fs/cgroup/a\\040b\\134c", "cgroup", "rw,pids"))).toEqual(["pids /sys/fs/cgroup/a b\\c /"]));
  test("a mount point that reads like another field", () =>
    expect(mounts("1:pids:/", line("/", "/sys/fs/cgroup/-\\040cgroup", "cgroup", "rw,pids"))).toEqual(["pids /sys/fs/cgroup/- cgroup /"]));
});

describe("the layout of cgroups", () => {
  const layout = (host: Host): string => {
    const { v1, v2: unified, writable } = readCgroups(reader(host));
    return `${v1.length} of v1, ${unified === undefined ? "no v2" : `v2 ${unified.mount} ${unified.own}`}, ${writable ? "writable" : "not writable"}`;
  };
  const hybrid = {
    "/proc/self/cgroup": "1:pids:/a\n0::/u\n",
    "/proc/self/mountinfo": [
      line("/", "/sys/fs/cgroup/pids", "cgroup", "rw,pids"),
      line("/", "/sys/fs/cgroup/unified", "cgroup2", "rw"),
    ].join("\n"),
  };

  test("pure v2: new ones go beside box's", () =>
    expect(layout({ files: { "/proc/self/cgroup": "0::/a/b\n" }, cgroups: v2, writable: ["/sys/fs/cgroup/a"] })).toBe(
      "0 of v1, v2 /sys/fs/cgroup /a/b, writable",
    ));
  test("pure v2, box in the root", () =>
    expect(layout({ files: { "/proc/self/cgroup": "0::/\n" }, cgroups: v2, writable: ["/sys/fs/cgroup"] })).toBe(
      "0 of v1, v2 /sys/fs/cgroup /, writable",
    ));
  test("pure v2 of an ordinary user", () =>
    expect(layout({ files: { "/proc/self/cgroup": "0::/a/b\n" }, cgroups: v2 })).toBe("0 of v1, v2 /sys/fs/cgroup /a/b, not writable"));
  test("pure v2 inside a container without a cgroup namespace", () =>
    expect(
      layout({
        files: {
          "/proc/self/cgroup": "0::/docker/abc/x\n",
          "/proc/self/mountinfo": line("/docker/abc", "/sys/fs/cgroup", "cgroup2", "rw"),
        },
        cgroups: v2,
        writable: ["/sys/fs/cgroup"],
      }),
    ).toBe("0 of v1, v2 /sys/fs/cgroup /x, writable"));
  test("hybrid: the first v1 hierarchy decides", () =>
    expect(layout({ files: hybrid, writable: ["/sys/fs/cgroup/pids/a"] })).toBe("1 of v1, v2 /sys/fs/cgroup/unified /u, writable"));
  test("hybrid of an ordinary user", () => expect(layout({ files: hybrid })).toBe("1 of v1, v2 /sys/fs/cgroup/unified /u, not writable"));
  test("nothing mounted", () => expect(layout({})).toBe("0 of v1, no v2, not writable"));

  const controllers = (host: Host, limits?: boolean) => readCgroups(reader(host), limits).v2?.controllers;
  const offered = { ...hybrid, "/sys/fs/cgroup/unified/cgroup.controllers": "hugetlb\n" };
  test("hybrid: what v2 offers is asked for only when resources are limited", () =>
    expect([controllers({ files: offered }), controllers({ files: offered }, true), controllers({ files: hybrid }, true)]).toEqual([
      [],
      ["hugetlb"],
      [],
    ]));
  test("of an ordinary user: what was handed to the cgroup that new ones are made in", () => {
    const ofUser = (host: Host) => readCgroups(reader(host), true, true).v2?.controllers;
    const files = {
      "/proc/self/cgroup": "0::/user.slice/user@1000.service/a.scope\n",
      "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
      "/sys/fs/cgroup/user.slice/user@1000.service/cgroup.controllers": "memory pids\n",
    };
    const handed = { ...offered, "/sys/fs/cgroup/unified/u/cgroup.controllers": "pids\n" };
    expect([ofUser({ files, cgroups: v2, writable: ["/sys/fs/cgroup/user.slice/user@1000.service"] }), ofUser({ files: handed })]).toEqual([
      ["memory", "pids"],
      ["pids"],
    ]);
  });
  test("pure v2: what it offers, seen from inside a container too", () =>
    expect(
      controllers({
        files: {
          "/proc/self/cgroup": "0::/docker/abc/x\n",
          "/proc/self/mountinfo": line("/docker/abc", "/sys/fs/cgroup", "cgroup2", "rw"),
          "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io\n",
        },
        cgroups: v2,
      }),
    ).toEqual(["cpuset", "cpu", "io"]));
});
