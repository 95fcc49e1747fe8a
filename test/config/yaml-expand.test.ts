import { describe, expect, test } from "bun:test";
import { errorLines } from "../../src/cli/report-error.ts";
import { lookUpUser } from "../../src/cli/user-names.ts";
import { defaultMaskedPaths, defaultReadonlyPaths } from "../../src/config/default-spec.ts";
import { usualCapabilities, usualMounts } from "../../src/config/embedded-spec.ts";
import type { Spec } from "../../src/config/spec.ts";
import { expandYaml, type YamlContext, yamlPath } from "../../src/config/yaml-expand.ts";
import { readYaml } from "../../src/config/yaml-read.ts";
import { type BoxYaml, boxYamlRule } from "../../src/config/yaml-rules.ts";
import { BoxError } from "../../src/errors.ts";

const passwd = "root:x:0:0::/root:/bin/sh\nweb:x:33:34::/srv:/bin/sh\n1000:x:7:7::/:/bin/sh\n";
const group = "root:x:0:\nweb:x:34:\nadm:x:4:web\n";

const root: YamlContext = {
  id: "one",
  root: "/bundle/root",
  term: "xterm",
  rootless: undefined,
  lookUpUser: (text) => lookUpUser(text, passwd, group, "user"),
  resolveNamespace: (reference, type) => {
    if (reference === "container:db") return `/proc/7/ns/${type}`;
    throw new BoxError({ what: `the container ${reference.slice(reference.indexOf(":") + 1)} does not exist` });
  },
};

const expand = (text: string, context = root): Spec =>
  expandYaml(readYaml(`rootfs: ./root\n${text}`, "box.yaml", boxYamlRule).value as BoxYaml, context);

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
    expect(expand("terminal: true\nenv: {PATH: /}").process).toMatchObject({ terminal: true, env: ["PATH=/", "TERM=xterm"] }));
  test("workdir", () => expect(expand("workdir: /srv").process?.cwd).toBe("/srv"));
  test("a user by name, with its groups", () =>
    expect(expand("user: web").process?.user).toEqual({ uid: 33, gid: 34, additionalGids: [34, 4] }));
  test("a user and a group", () => expect(expand("user: web:adm").process?.user).toEqual({ uid: 33, gid: 4, additionalGids: [4] }));
  test("numbers", () => expect(expand("user: 5:6").process?.user).toEqual({ uid: 5, gid: 6, additionalGids: [6] }));
  test("a number is no name", () => expect(expand("user: 1000").process?.user).toEqual({ uid: 1000, gid: 0, additionalGids: [0] }));
  test("an unknown user", () => check("user: bob", `box: user: the root's passwd knows no user "bob"`));
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

test("all faults at once", () =>
  check(
    "user: bob\nnamespaces: {pid: 'container:x'}\nmounts: ['/a:/b:rx']",
    `box: user: the root's passwd knows no user "bob"`,
    'box: mounts[0]: unknown option "rx" of a bind mount',
    "box: namespaces.pid: the container x does not exist",
  ));

test("where parts of the Spec come from", () => {
  const spec = expand("mounts: ['/a:/b']");
  const paths = [
    "mounts[7]",
    "mounts[7].options[1]",
    "mounts[0]",
    "linux.namespaces[4]",
    "root.path",
    "process.args",
    "process.args[0]",
    "process.cwd",
    "linux.maskedPaths",
  ];
  expect(paths.map((path) => yamlPath(path, spec))).toEqual([
    "mounts[0]",
    "mounts[0].options[1]",
    undefined,
    "namespaces.net",
    "rootfs",
    "command",
    "command",
    "workdir",
    undefined,
  ]);
});
