import { describe, expect, test } from "bun:test";
import { errorLines } from "../../src/cli/report-error.ts";
import { lookUpUser } from "../../src/cli/user-names.ts";
import { defaultSeccomp } from "../../src/config/default-seccomp.ts";
import { defaultMaskedPaths, defaultReadonlyPaths } from "../../src/config/default-spec.ts";
import { usualCapabilities, usualMounts } from "../../src/config/embedded-spec.ts";
import type { Spec } from "../../src/config/spec.ts";
import { type ExpandedYaml, expandYaml, type YamlContext } from "../../src/config/yaml-expand.ts";
import { readYaml } from "../../src/config/yaml-read.ts";
import { type BoxYaml, boxYamlRule } from "../../src/config/yaml-rules.ts";
import { BoxError } from "../../src/errors.ts";
import { capabilities } from "../../src/linux/capabilities.ts";

const passwd = "root:x:0:0::/root:/bin/sh\nweb:x:33:34::/srv:/bin/sh\n1000:x:7:7::/:/bin/sh\n";
const group = "root:x:0:\nweb:x:34:\nadm:x:4:web\n";

const root: YamlContext = {
  id: "one",
  machine: "x64",
  root: "/bundle/root",
  folder: "/bundle",
  term: "xterm",
  rootless: undefined,
  lookUpUser: (text) => lookUpUser(text, passwd, group, "user"),
  resolveNamespace: (reference, type) => {
    if (reference === "container:db") return `/proc/7/ns/${type}`;
    throw new BoxError({ what: `the container ${reference.slice(reference.indexOf(":") + 1)} does not exist` });
  },
  exists: (path) => path === "/bundle/here",
  deviceAt: (path) => {
    if (path === "/dev/fuse") return { type: "c", major: 10, minor: 229, fileMode: 0o666, uid: 0, gid: 5 };
    if (path === "/dev/sda") return { type: "b", major: 8, minor: 0, fileMode: 0o660, uid: 0, gid: 6 };
    throw new BoxError({ what: `there is no ${path}` });
  },
  readJson: (path) => {
    if (path === "/bundle/profile.json") return { defaultAction: "SCMP_ACT_ALLOW" };
    if (path === "/wrong.json") return { defaultAction: "SCMP_ACT_ALOW", archMp: [] };
    throw new BoxError({ what: "cannot read", object: path, errno: "ENOENT" });
  },
};

const expandAll = (text: string, context = root): ExpandedYaml =>
  expandYaml(readYaml(`rootfs: ./root\n${text}`, "box.yaml", boxYamlRule).value as BoxYaml, context);
const expand = (text: string, context = root): Spec => expandAll(text, context).spec;

function check(text: string, ...expected: string[]): void {
  let lines: string[] = [];
  try {
    expand(text);
  } catch (error) {
    if (!(error instanceof BoxError)) throw error;
    lines = errorLines(error);
  }
  expect(lines).toEqual(expected);
}

const added = (text: string): Spec["mounts"] => expand(text).mounts?.slice(usualMounts().length);
const namespaces = (text: string, context = root): string[] =>
  (expand(text, context).linux?.namespaces ?? []).map(({ type, path }) => (path === undefined ? type : `${type} ${path}`));

test("the least file is a complete and safe container", () => {
  const all = [...usualCapabilities];
  expect(expand("")).toEqual({
    ociVersion: "1.3.0",
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: ["sh"],
      env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      cwd: "/",
      capabilities: { bounding: all, effective: all, permitted: all },
      noNewPrivileges: true,
    },
    root: { path: "/bundle/root" },
    hostname: "one",
    mounts: usualMounts(),
    linux: {
      resources: { devices: [{ allow: false, access: "rwm" }] },
      namespaces: [{ type: "pid" }, { type: "mount" }, { type: "ipc" }, { type: "uts" }, { type: "network" }, { type: "cgroup" }],
      maskedPaths: defaultMaskedPaths,
      readonlyPaths: defaultReadonlyPaths,
      seccomp: defaultSeccomp(all, "x64"),
    },
  });
});

describe("process", () => {
  test("a line", () => expect(expand(`command: sh -c 'exit 3'`).process?.args).toEqual(["sh", "-c", "exit 3"]));
  test("a list", () => expect(expand("command: [echo, a b]").process?.args).toEqual(["echo", "a b"]));
  test("a line for a shell", () =>
    check("command: a && b", 'box: command: "&" at character 3 needs a shell: quote it, or write [sh, -c, "…"]'));
  test("an empty list", () => check("command: []", "box: command: has no word in it"));
  test("env joins the usual one", () =>
    expect(expand("env: {A: 1}").process?.env).toEqual(["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "A=1"]));
  test("env as a list, over the usual one", () => expect(expand("env: [PATH=/bin, A=b=c]").process?.env).toEqual(["PATH=/bin", "A=b=c"]));
  test("a terminal brings the caller's TERM", () =>
    expect(expand("terminal: true\nenv: {PATH: /}").process).toMatchObject({ terminal: true, env: ["TERM=xterm", "PATH=/"] }));
  test("workdir", () => expect(expand("workdir: /srv").process?.cwd).toBe("/srv"));
  test("a user by name, with its groups", () =>
    expect(expand("user: web").process?.user).toEqual({ uid: 33, gid: 34, additionalGids: [34, 4] }));
  test("a user and a group", () => expect(expand("user: web:adm").process?.user).toEqual({ uid: 33, gid: 4, additionalGids: [4] }));
  test("numbers", () => expect(expand("user: 5:6").process?.user).toEqual({ uid: 5, gid: 6, additionalGids: [6] }));
  test("a number is no name", () => expect(expand("user: 1000").process?.user).toEqual({ uid: 1000, gid: 0, additionalGids: [0] }));
  test("an unknown user", () => check("user: bob", `box: user: the root's passwd knows no user "bob"`));
  test("a misspelt user", () => check("user: wbe", `box: user: the root's passwd knows no user "wbe"`, 'hint: did you mean "web"?'));
  test("an unknown group", () => check("user: web:staff", `box: user: the root's group file knows no group "staff"`));
});

describe("root and names", () => {
  test("read-only", () => expect(expand("read-only: true").root).toEqual({ path: "/bundle/root", readonly: true }));
  test("hostname", () => expect(expand("hostname: web").hostname).toBe("web"));
  test("no name of its own in the host's uts namespace", () => expect(expand("namespaces: {uts: host}").hostname).toBeUndefined());
  test("nor in another container's", () => expect(expand("namespaces: {uts: 'container:db'}").hostname).toBeUndefined());
  test("a name for the host's", () =>
    check("hostname: web\nnamespaces: {uts: host}", "box: hostname: it would rename the host, since namespaces.uts is host"));
});

describe("mounts", () => {
  test("short", () =>
    expect(added("mounts: ['./a:/b']")).toEqual([{ destination: "/b", type: "bind", source: "./a", options: ["rbind", "rprivate"] }]));
  test("short with options", () =>
    expect(added("mounts: ['/a:/b:ro,nosuid']")).toEqual([
      { destination: "/b", type: "bind", source: "/a", options: ["rbind", "rprivate", "ro", "nosuid"] },
    ]));
  test("long", () =>
    expect(added("mounts: [{source: /a, destination: /b}]")).toEqual([
      { destination: "/b", type: "bind", source: "/a", options: ["rbind", "rprivate"] },
    ]));
  test("long, one mount only", () =>
    expect(added("mounts: [{source: /a, destination: /b, type: bind, options: [bind, ro]}]")).toEqual([
      { destination: "/b", type: "bind", source: "/a", options: ["rprivate", "bind", "ro"] },
    ]));
  test("a filesystem", () =>
    expect(added("mounts: [{type: tmpfs, destination: /b, options: [size=1m]}]")).toEqual([
      { destination: "/b", type: "tmpfs", source: "tmpfs", options: ["size=1m"] },
    ]));
  test("an unknown option", () =>
    check("mounts: ['/a:/b:rprivat']", 'box: mounts[0]: unknown option "rprivat" of a bind mount, did you mean "rprivate"?'));
  test("neither source nor type", () =>
    check("mounts: [{destination: /b}]", "box: mounts[0].source: missing, expected the path to bind, or a type such as tmpfs"));
  test("with the owners that a user namespace has", () =>
    expect(added("mounts: ['/a:/c:ro,idmap']")).toEqual([
      { destination: "/c", type: "bind", source: "/a", options: ["rbind", "rprivate", "ro", "idmap"] },
    ]));
});

describe("namespaces", () => {
  test("the host's", () => expect(namespaces("namespaces: {net: host, pid: host, ipc: host, cgroup: host, uts: host}")).toEqual(["mount"]));
  test("none is a network of its own", () => expect(namespaces("namespaces: {net: none}")).toContain("network"));
  test("another container's", () => expect(namespaces("namespaces: {net: 'container:db'}")).toContain("network /proc/7/ns/network"));
  test("a path", () =>
    expect(namespaces("namespaces: {user: /run/ns/user, mount: /run/ns/mnt, time: new}").toSorted()).toEqual([
      "cgroup",
      "ipc",
      "mount /run/ns/mnt",
      "network",
      "pid",
      "time",
      "user /run/ns/user",
      "uts",
    ]));
  test("of a container that is not there", () =>
    check("namespaces: {net: 'container:web'}", "box: namespaces.net: the container web does not exist"));
  test("the host's mounts", () =>
    check("namespaces: {mount: host}", "box: namespaces.mount: box makes no container in the host's mount namespace"));
  test("new users as root", () => check("namespaces: {user: new}", "box: namespaces.user: a new user namespace needs a map of ids"));
  const rootless = { ...root, rootless: { uid: 1000, gid: 1001 } };
  test("without root, new users with a map", () => {
    expect(namespaces("", rootless)).toEqual(["pid", "mount", "ipc", "uts", "network", "cgroup", "user"]);
    expect(expand("", rootless).linux?.uidMappings).toEqual([{ containerID: 0, hostID: 1000, size: 1 }]);
  });
  test("without root, joined users without one", () =>
    expect(expand("namespaces: {user: 'container:db'}", rootless).linux?.uidMappings).toBeUndefined());
});

describe("mounts, more of them", () => {
  test("a new folder in memory", () =>
    expect(added("mounts: ['tmpfs:/run', 'tmpfs:/b:size=1m,mode=700', './tmpfs:/c']")).toEqual([
      { destination: "/run", type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev"] },
      { destination: "/b", type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev", "size=1m", "mode=700"] },
      { destination: "/c", type: "bind", source: "./tmpfs", options: ["rbind", "rprivate"] },
    ]));
  test("optional ones that are there, and that are not", () => {
    const text = "mounts: [{source: ./gone, destination: /a, optional: true}, {source: here, destination: /b, optional: true}]";
    expect(added(text)?.map(({ destination }) => destination)).toEqual(["/b"]);
    expect(expandAll(text).notes).toEqual(["mounts[0] is left out: there is no ./gone"]);
  });
});

test("what is no bind cannot be optional", () =>
  check(
    "mounts: [{type: tmpfs, destination: /a, optional: true}]",
    "box: mounts[0].optional: goes with a bind only: what else there is to mount needs no source",
  ));

describe("network", () => {
  test("the host's", () => expect(namespaces("network: host")).not.toContain("network"));
  test("its own", () => expect(namespaces("network: none")).toContain("network"));
  test("another container's", () => expect(namespaces("network: container:db")).toContain("network /proc/7/ns/network"));
  test("of a container that is not there", () => check("network: container:web", "box: network: the container web does not exist"));
  test("said twice", () => check("network: host\nnamespaces: {net: host}", "box: network: namespaces.net says it already"));
  test("the host's, without root: its sysfs too", () => {
    const { mounts = [] } = expand("network: host", { ...root, rootless: { uid: 1, gid: 1 } });
    expect(mounts.find(({ destination }) => destination === "/sys")).toEqual({
      destination: "/sys",
      type: "none",
      source: "/sys",
      options: ["rbind", "nosuid", "noexec", "nodev", "ro"],
    });
  });
});

describe("limits", () => {
  const limits = (text: string): unknown => {
    const { devices: _, ...rest } = expand(`limits: ${text}`).linux?.resources ?? {};
    return rest;
  };
  test("memory", () =>
    expect(limits("{memory: 256MB, memory-reservation: 1.5GiB, swap: 1k}")).toEqual({
      memory: { limit: 256 * 1024 ** 2, reservation: 1.5 * 1024 ** 3, swap: 256 * 1024 ** 2 + 1024 },
    }));
  test("no swap", () => expect(limits("{memory: 1MB, swap: 0}")).toEqual({ memory: { limit: 1024 ** 2, swap: 1024 ** 2 } }));
  test("any swap", () => expect(limits("{swap: unlimited}")).toEqual({ memory: { swap: -1 } }));
  test("processors", () =>
    expect(limits("{cpus: 1.5, cpu-shares: 512, cpuset: '0-3,7', cpuset-mems: 0}")).toEqual({
      cpu: { shares: 512, quota: 150_000, period: 100_000, cpus: "0-3,7", mems: "0" },
    }));
  test("processes", () =>
    expect([limits("{pids: 100}"), limits("{pids: unlimited}")]).toEqual([{ pids: { limit: 100 } }, { pids: { limit: -1 } }]));
  test("disks", () =>
    expect(limits("{io: {weight: 500, read-bps: {/dev/sda: 10MB, '9:1': 1}, write-iops: {'8:0': 50}}}")).toEqual({
      blockIO: {
        weight: 500,
        throttleReadBpsDevice: [
          { major: 8, minor: 0, rate: 10 * 1024 ** 2 },
          { major: 9, minor: 1, rate: 1 },
        ],
        throttleWriteIOPSDevice: [{ major: 8, minor: 0, rate: 50 }],
      },
    }));
  test("what cannot be", () =>
    check(
      "limits: {memory: 0, cpus: 0.001, pids: 0, io: {read-bps: {sda: 1, /dev/fuse: 1, /dev/sdz: 1}}}",
      "box: limits.memory: no program runs without memory",
      "box: limits.cpus: expected at least 0.01",
      "box: limits.pids: no program runs without a process",
      'box: limits.io.read-bps: expected a device such as /dev/sda or 8:0, got "sda"',
      "box: limits.io.read-bps: /dev/fuse is no block device",
      "box: limits.io.read-bps: there is no /dev/sdz",
    ));
  test("swap alone", () => check("limits: {swap: 1MB}", "box: limits.swap: needs limits.memory beside it"));
  test("of processes", () =>
    expect(expand("ulimits: {nofile: 512, core: '0:unlimited', nproc: unlimited}").process?.rlimits).toEqual([
      { type: "RLIMIT_NOFILE", hard: 512, soft: 512 },
      { type: "RLIMIT_CORE", hard: 2 ** 64, soft: 0 },
      { type: "RLIMIT_NPROC", hard: 2 ** 64, soft: 2 ** 64 },
    ]));
  test("of processes, soft above hard", () =>
    check("ulimits: {core: 1, nofile: '2:1'}", "box: ulimits.nofile: expected at most the hard limit of 1, got 2"));
});

describe("capabilities", () => {
  const short = (text: string): string[] => (expand(text).process?.capabilities?.bounding ?? []).map((name) => name.slice(4)).sort();
  const usual = usualCapabilities.map((name) => name.slice(4));
  const all = Object.keys(capabilities).map((name) => name.slice(4));
  test("added and dropped", () =>
    expect(short("capabilities: {add: [NET_ADMIN, CAP_NET_RAW], drop: [CHOWN, CAP_KILL]}")).toEqual(
      [...usual.filter((name) => name !== "CHOWN" && name !== "KILL"), "NET_ADMIN", "NET_RAW"].sort(),
    ));
  test("none", () => expect(short("capabilities: {drop: [ALL]}")).toEqual([]));
  test("one", () => expect(short("capabilities: {drop: [ALL], add: [KILL]}")).toEqual(["KILL"]));
  test("all", () => expect(short("capabilities: {add: [ALL]}")).toEqual(all.sort()));
  test("all but one", () =>
    expect(short("capabilities: {add: [ALL], drop: [SYS_ADMIN]}")).toEqual(all.filter((name) => name !== "SYS_ADMIN").sort()));
  test("both", () =>
    check("capabilities: {add: [KILL], drop: [CAP_KILL]}", "box: capabilities.drop[0]: CAP_KILL stands in capabilities.add too"));
  test("of root are in no other set", () =>
    expect(Object.keys(expand("capabilities: {add: [NET_RAW]}").process?.capabilities ?? {})).toEqual([
      "bounding",
      "effective",
      "permitted",
    ]));
  test("of another user are ambient when they are added by name", () =>
    expect(expand("user: '5'\ncapabilities: {add: [NET_RAW]}").process?.capabilities).toMatchObject({
      inheritable: ["CAP_NET_RAW"],
      ambient: ["CAP_NET_RAW"],
    }));
  test("open the filter", () => {
    const allowed = (text: string): readonly string[] => expand(text).linux?.seccomp?.syscalls?.[0]?.names ?? [];
    expect([allowed(""), allowed("capabilities: {add: [SYS_ADMIN]}")].map((names) => names.includes("mount"))).toEqual([false, true]);
  });
});

describe("the filter", () => {
  test("none", () => expect(expand("seccomp: unconfined").linux?.seccomp).toBeUndefined());
  test("by its name", () => expect(expand("seccomp: default")).toEqual(expand("")));
  test("a file", () => expect(expand("seccomp: profile.json").linux?.seccomp).toEqual({ defaultAction: "SCMP_ACT_ALLOW" }));
  test("no file", () => check("seccomp: ./gone", "box: seccomp: cannot read /bundle/gone: ENOENT"));
  test("a wrong one", () =>
    check(
      "seccomp: /wrong.json",
      'box: seccomp.defaultAction: expected a seccomp action, such as SCMP_ACT_ERRNO, got "SCMP_ACT_ALOW"',
      'hint: did you mean "SCMP_ACT_ALLOW"?',
      "box: seccomp.archMp: unknown key",
    ));
});

describe("devices", () => {
  test("with their rules", () => {
    const { devices, resources } = expand("devices: [/dev/fuse, '/dev/sda:/dev/disk:r', '/dev/fuse:rw']").linux ?? {};
    expect(devices).toEqual([
      { path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 0o666, uid: 0, gid: 5 },
      { path: "/dev/disk", type: "b", major: 8, minor: 0, fileMode: 0o660, uid: 0, gid: 6 },
      { path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 0o666, uid: 0, gid: 5 },
    ]);
    expect(resources?.devices).toEqual([
      { allow: false, access: "rwm" },
      { allow: true, type: "c", major: 10, minor: 229, access: "rwm" },
      { allow: true, type: "b", major: 8, minor: 0, access: "r" },
      { allow: true, type: "c", major: 10, minor: 229, access: "rw" },
    ]);
  });
  test("that are not there", () => check("devices: [/dev/gone]", "box: devices[0]: there is no /dev/gone"));
});

describe("hooks", () => {
  test("lines and maps", () =>
    expect(
      expand("hooks: {prestart: ['./a.sh --b \"c d\"'], poststop: [{path: bin/e, args: [e, -f], env: [A=b], timeout: 5}, {path: /g}]}")
        .hooks,
    ).toEqual({
      prestart: [{ path: "/bundle/a.sh", args: ["/bundle/a.sh", "--b", "c d"] }],
      poststop: [{ path: "/bundle/bin/e", args: ["e", "-f"], env: ["A=b"], timeout: 5 }, { path: "/g" }],
    }));
  test("a line for a shell", () =>
    check(
      "hooks: {poststart: [/a, /b | /c]}",
      'box: hooks.poststart[1]: "|" at character 4 needs a shell: quote it, or write { path: /bin/sh, args: [sh, -c, "…"] }',
    ));
  test("a timeout of nothing", () =>
    check("hooks: {poststart: [{path: /a, timeout: 0}]}", "box: hooks.poststart[0].timeout: expected a number of seconds above 0, got 0"));
});

test("other settings", () =>
  expect(expand("sysctl: {net.core.somaxconn: 5}\nannotations: {a: 1.0}\nno-new-privileges: false\ndomainname: d")).toMatchObject({
    domainname: "d",
    annotations: { a: "1.0" },
    process: { noNewPrivileges: false },
    linux: { sysctl: { "net.core.somaxconn": "5" } },
  }));
test("a setting of the host", () =>
  check("sysctl: {vm.swappiness: 5}", 'box: sysctl["vm.swappiness"]: is not of a namespace: it would change the host'));

describe("oci", () => {
  test("is merged in last: maps are merged, lists replaced, null takes away", () => {
    const spec = expand("hostname: web\noci: {hostname: other, process: {oomScoreAdj: 5, env: [A=b]}, linux: {maskedPaths: null}}");
    expect([spec.hostname, spec.process?.oomScoreAdj, spec.process?.env, spec.process?.cwd]).toEqual(["other", 5, ["A=b"], "/"]);
    expect(Object.hasOwn(spec.linux ?? {}, "maskedPaths")).toBe(false);
    expect(spec.linux?.readonlyPaths).toEqual(defaultReadonlyPaths);
  });
  test("is checked", () =>
    check(
      "oci: {process: {cwd: srv, args: null}, linux: {maskedPaths: [a], seccomp: {syscalls: [{action: SCMP_ACT_ALLOW}]}}, hostnam: a}",
      'box: oci.process.cwd: expected an absolute path, got "srv"',
      "box: oci.process.args: missing, expected an array of strings",
      'box: oci.linux.maskedPaths[0]: expected an absolute path, got "a"',
      "box: oci.linux.seccomp.syscalls[0].names: missing, expected an array of strings",
      'box: oci.hostnam: unknown key, did you mean "hostname"?',
    ));
  test("does not say where the view of the host is", () => {
    const yaml = { rootfs: "host", oci: { root: { path: "/etc" } } };
    expect(() => expandYaml(yaml, root)).toThrow(
      expect.objectContaining({
        facts: { what: "box.yaml is not valid", faults: [{ path: "oci.root.path", problem: "there is no choice, since rootfs is host" }] },
      }),
    );
  });
});

test("all faults at once", () =>
  check(
    "user: bob\nnamespaces: {pid: 'container:x'}\nmounts: ['/a:/b:rx']",
    `box: user: the root's passwd knows no user "bob"`,
    "box: namespaces.pid: the container x does not exist",
    'box: mounts[0]: unknown option "rx" of a bind mount',
  ));
describe("where parts of the Spec come from", () => {
  const { originOf } = expandAll(`
mounts: [{source: ./gone, destination: /a, optional: true}, '/a:/b']
network: container:db
devices: [/dev/fuse]
ulimits: {nofile: 5}
limits: {memory: 1MB, io: {weight: 5}}
sysctl: {net.core.somaxconn: 5}
hooks: {poststop: [/bin/true]}
seccomp: ./profile.json
oci: {process: {oomScoreAdj: 3, rlimits: [{type: RLIMIT_CPU, hard: 1, soft: 1}]}, linux: {maskedPaths: [/a, /b]}}
`);
  const check = (path: string, expected: string | undefined): void => test(path, () => expect(originOf(path)).toBe(expected));
  check("mounts[7]", "mounts[1]");
  check("mounts[7].options[1]", "mounts[1].options[1]");
  check("mounts[0]", undefined);
  check("linux.namespaces[4]", "network");
  check("linux.namespaces[0]", "namespaces.pid");
  check("root.path", "rootfs");
  check("process.args", "command");
  check("process.args[0]", "command");
  check("process.cwd", "workdir");
  check("process.capabilities.bounding[0]", "capabilities");
  check("linux.devices[0]", "devices[0]");
  check("linux.resources.devices[1]", "devices[0]");
  check("linux.resources.memory.limit", "limits.memory");
  check("linux.resources.blockIO.weight", "limits.io.weight");
  check("linux.seccomp.syscalls[3].names[0]", "seccomp.syscalls[3].names[0]");
  check("hooks.poststop[0].path", "hooks.poststop[0].path");
  check('linux.sysctl["net.core.somaxconn"]', 'sysctl["net.core.somaxconn"]');
  check("process.oomScoreAdj", "oci.process.oomScoreAdj");
  check("process.rlimits[0].soft", "oci.process.rlimits[0].soft");
  check("process.rlimits[0].no.such", "oci.process.rlimits[0].no.such");
  check("linux.maskedPaths[1]", "oci.linux.maskedPaths[1]");
  check("linux.readonlyPaths", "oci.linux.readonlyPaths");
  check("no path", undefined);
});
