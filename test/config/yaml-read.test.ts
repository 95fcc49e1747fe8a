import { describe, expect, test } from "bun:test";
import { errorLines } from "../../src/cli/report-error.ts";
import { readYaml } from "../../src/config/yaml-read.ts";
import { type BoxYaml, boxYamlRule } from "../../src/config/yaml-rules.ts";
import { BoxError } from "../../src/errors.ts";

const read = (text: string): BoxYaml => readYaml(text, "box.yaml", boxYamlRule).value as BoxYaml;

/** What a person sees of a refused file; [] when it is accepted. */
function linesFor(text: string): string[] {
  try {
    read(text);
  } catch (error) {
    if (!(error instanceof BoxError)) throw error;
    return errorLines(error);
  }
  return [];
}

const check = (text: string, ...expected: string[]): void => expect(linesFor(text)).toEqual(expected);

describe("keys that begin with x-", () => {
  test("are left out, at every level", () =>
    expect(read("x-a: {b: [1]}\nrootfs: r\nlimits: {pids: 1, x-b: 2}\nmounts: [{source: /a, destination: /b, x-c: null}]")).toEqual({
      rootfs: "r",
      limits: { pids: "1" },
      mounts: [{ source: "/a", destination: "/b" }],
    }));
  test("are where people keep what they repeat", () =>
    expect(read("x-common: &env {A: b}\nrootfs: r\nenv: *env")).toEqual({ rootfs: "r", env: { A: "b" } }));
  test("where keys are free they are as others", () =>
    expect(read("rootfs: r\nenv: {x-a: b}\nannotations: {x-c: d}")).toEqual({
      rootfs: "r",
      env: { "x-a": "b" },
      annotations: { "x-c": "d" },
    }));
  test("are no way to more values than there may be", () =>
    check(
      `rootfs: r\nx-a: &a [${"1,".repeat(200)}]\nx-b: [${"*a,".repeat(100)}]`,
      "box: box.yaml:3:301: x-b[98]: too many values (more than 20000, aliases counted as what they stand for)",
    ));
});

describe("leniently", () => {
  const leniently = (text: string) => {
    const { value, ignored } = readYaml(text, "box.yaml", boxYamlRule, true);
    return { value: value as BoxYaml, ignored: ignored.map(({ path, problem }) => `${path}: ${problem}`) };
  };
  test("unknown keys are left out, and told of", () =>
    expect(leniently("rootfs: r\nhostnam: a\nlimits:\n  vendor: &v {deep: 1}\n  pids: 5\nannotations: {a: 1}")).toEqual({
      value: { rootfs: "r", limits: { pids: "5" }, annotations: { a: "1" } },
      ignored: ['box.yaml:2:1: hostnam: unknown key, did you mean "hostname"?', "box.yaml:4:3: limits.vendor: unknown key"],
    }));
  test("everything else is as strict as ever", () => {
    const lines = (): string[] => {
      try {
        leniently("hostnam: a\nworkdir: srv");
      } catch (error) {
        return errorLines(error as BoxError);
      }
      return [];
    };
    expect(lines()).toEqual([
      'box: box.yaml:2:10: workdir: expected an absolute path, got "srv"',
      "box: box.yaml:1:1: rootfs: missing, expected a folder, or host",
    ]);
  });
});

describe("accepted", () => {
  test("all keys", () => {
    const text = `
rootfs: ./root
command: sleep 10
env: {A: b}
workdir: /srv
user: www-data:adm
hostname: web
mounts: ["./a:/b:ro", {type: tmpfs, destination: /tmp, options: [size=1m]}]
namespaces: {net: "container:db", pid: host, ipc: new, uts: pid:7, mount: /proc/7/ns/mnt, cgroup: host, user: host}
plugins: [share-namespace, ./own.ts: {deep: {list: [1, true, null]}}]
domainname: example
devices: [/dev/fuse, /dev/sda:/dev/disk:r]
limits: {memory: 256MB, swap: 0, cpus: 1.5, cpuset: "0-3,7", pids: 10, io: {weight: 10, read-bps: {/dev/sda: 1 MiB}}}
ulimits: {nofile: 1024, core: 0:unlimited}
sysctl: {net.core.somaxconn: 5}
network: none
capabilities: {add: [NET_ADMIN], drop: [ALL]}
seccomp: ./profile.json
no-new-privileges: true
hooks: {poststop: [/bin/a -b, {path: ./c, args: [c], env: [A=b], timeout: 5}]}
annotations: {a: b}
read-only: true
terminal: false
oci: {linux: {maskedPaths: null}, process: {oomScoreAdj: 5}}
`;
    expect(Object.keys(read(text)).sort()).toEqual(Object.keys(boxYamlRule.object?.fields ?? {}).sort());
    expect(read(text)).toEqual({
      rootfs: "./root",
      command: "sleep 10",
      env: { A: "b" },
      workdir: "/srv",
      user: "www-data:adm",
      hostname: "web",
      mounts: ["./a:/b:ro", { type: "tmpfs", destination: "/tmp", options: ["size=1m"] }],
      namespaces: { net: "container:db", pid: "host", ipc: "new", uts: "pid:7", mount: "/proc/7/ns/mnt", cgroup: "host", user: "host" },
      plugins: ["share-namespace", { "./own.ts": { deep: { list: [1, true, null] } } }],
      domainname: "example",
      devices: ["/dev/fuse", "/dev/sda:/dev/disk:r"],
      limits: {
        memory: "256MB",
        swap: "0",
        cpus: "1.5",
        cpuset: "0-3,7",
        pids: "10",
        io: { weight: "10", "read-bps": { "/dev/sda": "1 MiB" } },
      },
      ulimits: { nofile: "1024", core: "0:unlimited" },
      sysctl: { "net.core.somaxconn": "5" },
      network: "none",
      capabilities: { add: ["NET_ADMIN"], drop: ["ALL"] },
      seccomp: "./profile.json",
      "no-new-privileges": true,
      hooks: { poststop: ["/bin/a -b", { path: "./c", args: ["c"], env: ["A=b"], timeout: "5" }] },
      annotations: { a: "b" },
      "read-only": true,
      terminal: false,
      oci: { linux: { maskedPaths: null }, process: { oomScoreAdj: 5 } },
    });
  });
  test("numbers and booleans where texts are meant stay as they were written", () =>
    expect(read("rootfs: host\nenv: {A: 1.10, B: 0x10, C: yes, D: true}\ncommand: [sleep, 010, 1e3]\nuser: 1000\nhostname: 7")).toEqual({
      rootfs: "host",
      env: { A: "1.10", B: "0x10", C: "yes", D: "true" },
      command: ["sleep", "010", "1e3"],
      user: "1000",
      hostname: "7",
    }));
  test("keys without a value are as good as left out", () =>
    expect(read("rootfs: host\nmounts:\n#  - a:/b\nenv: ~\n")).toEqual({ rootfs: "host" }));
  test("an alias is what it stands for", () =>
    expect(read("rootfs: host\nenv: &e {A: &v b, B: *v}\nplugins: [x: *e]").plugins).toEqual([{ x: { A: "b", B: "b" } }]));
  test("a key that every object inherits is a key like any other where keys are free", () =>
    expect(Object.entries(read("rootfs: host\nenv: {constructor: x, toString: y}").env ?? {})).toEqual([
      ["constructor", "x"],
      ["toString", "y"],
    ]));
  test("YAML 1.1 changes nothing", () =>
    expect(read("%YAML 1.1\n---\nrootfs: yes\nenv: {A: on}")).toEqual({ rootfs: "yes", env: { A: "on" } }));
});

describe("refused with line and column", () => {
  test("a misspelt key", () => check("rootfs: host\nhostnam: x", 'box: box.yaml:2:1: hostnam: unknown key, did you mean "hostname"?'));
  test("a misspelt key further in", () =>
    check(
      "rootfs: host\nmounts:\n  - source: /a\n    destinaton: /b",
      'box: box.yaml:4:5: mounts[0].destinaton: unknown key, did you mean "destination"?',
      "box: box.yaml:3:5: mounts[0].destination: missing, expected an absolute path",
    ));
  test("a key of no kind", () => check("rootfs: host\nprivileged: true", "box: box.yaml:2:1: privileged: unknown key"));
  test("no rootfs", () => check("command: sh", "box: box.yaml:1:1: rootfs: missing, expected a folder, or host"));
  test("a rootfs without a value", () => check("rootfs:\n", "box: box.yaml:1:1: rootfs: missing, expected a folder, or host"));
  test("an empty file", () => check("", "box: box.yaml:1:1: empty, expected a map"));
  test("a file of comments", () => check("# rootfs: host\n", "box: box.yaml:1:1: empty, expected a map"));
  test("a list", () => check("- rootfs", "box: box.yaml:1:1: expected a map, got a list"));
  test("a word", () => check("rootfs", 'box: box.yaml:1:1: expected a map, got "rootfs"'));
  test("a map for a command", () =>
    check("rootfs: host\ncommand:\n  sh: -c", "box: box.yaml:3:3: command: expected a line, or a list of words, got a map"));
  test("no value in env", () => check("rootfs: host\nenv:\n  A:\n", "box: box.yaml:3:5: env.A: expected a string, got null"));
  test("no assignment in env", () => check("rootfs: host\nenv: [A=1, B]", 'box: box.yaml:2:12: env[1]: expected NAME=VALUE, got "B"'));
  test("a relative workdir", () =>
    check("rootfs: host\nworkdir: srv", 'box: box.yaml:2:10: workdir: expected an absolute path, got "srv"'));
  test("yes for true", () => check("rootfs: host\nread-only: yes", 'box: box.yaml:2:12: read-only: expected true or false, got "yes"'));
  test("a long hostname", () =>
    check(
      `rootfs: host\nhostname: ${"x".repeat(65)}`,
      `box: box.yaml:2:11: hostname: expected a name of at most 64 characters, got "${"x".repeat(60)}"… (65 characters)`,
    ));
  test("a mount without a destination", () =>
    check(
      "rootfs: host\nmounts:\n  - /data",
      'box: box.yaml:3:5: mounts[0]: expected SOURCE:DESTINATION[:OPTION,…], or a map with source and destination, got "/data"',
    ));
  test("a mount on a relative path", () =>
    check(
      "rootfs: host\nmounts: ['a:b']",
      'box: box.yaml:2:10: mounts[0]: expected SOURCE:DESTINATION[:OPTION,…], or a map with source and destination, got "a:b"',
    ));
  test("a namespace of no kind", () =>
    check(
      "rootfs: host\nnamespaces: {net: bridge}",
      'box: box.yaml:2:19: namespaces.net: expected none, new, host, container:ID, pid:NUMBER or an absolute path, got "bridge"',
    ));
  test("none for what is no network", () =>
    check(
      "rootfs: host\nnamespaces: {pid: none}",
      'box: box.yaml:2:19: namespaces.pid: expected new, host, container:ID, pid:NUMBER or an absolute path, got "none"',
    ));
  test("a misspelt namespace", () =>
    check("rootfs: host\nnamespaces: {cgruop: new}", 'box: box.yaml:2:14: namespaces.cgruop: unknown key, did you mean "cgroup"?'));
  test("what other tools call it", () =>
    check(
      "rootfs: host\ntty: true\nvolumes: []\nmemory: 1g\nlimits: {cpu: 1}",
      'box: box.yaml:2:1: tty: unknown key, did you mean "terminal"?',
      'box: box.yaml:3:1: volumes: unknown key, did you mean "mounts"?',
      'box: box.yaml:4:1: memory: unknown key, did you mean "limits.memory"?',
      'box: box.yaml:5:10: limits.cpu: unknown key, did you mean "cpus"?',
    ));
  test("misspelt words", () =>
    check(
      "rootfs: host\nseccomp: unconfine\nnetwork: hosts\ncapabilities: {add: [net_admin]}",
      'box: box.yaml:2:10: seccomp: expected default, unconfined or a file, got "unconfine"',
      'hint: did you mean "unconfined"?',
      'box: box.yaml:3:10: network: expected none, new, host, container:ID, pid:NUMBER or an absolute path, got "hosts"',
      'hint: did you mean "host"?',
      'box: box.yaml:4:22: capabilities.add[0]: expected the name of a capability, such as NET_ADMIN, or ALL, got "net_admin"',
      'hint: did you mean "NET_ADMIN"?',
    ));
  test("amounts", () =>
    check(
      "rootfs: host\nlimits: {memory: 256XB, cpus: many, pids: -1}\nulimits: {nofiles: 5, nofile: a}",
      'box: box.yaml:2:18: limits.memory: expected a size such as 256MB, got "256XB"',
      'box: box.yaml:2:31: limits.cpus: expected a number above 0, such as 1.5, got "many"',
      "box: box.yaml:2:43: limits.pids: expected a number, or unlimited, got -1",
      'box: box.yaml:3:11: ulimits.nofiles: unknown key, did you mean "nofile"?',
      'box: box.yaml:3:31: ulimits.nofile: expected a number, unlimited, or two of them as SOFT:HARD, got "a"',
    ));
  test("a device in no folder", () =>
    check("rootfs: host\ndevices: [fuse]", 'box: box.yaml:2:11: devices[0]: expected PATH[:PATH IN THE CONTAINER][:rwm], got "fuse"'));
  test("a number that config.json cannot have", () =>
    check(
      "rootfs: host\noci: {process: {oomScoreAdj: .inf}}",
      "box: box.yaml:2:30: oci.process.oomScoreAdj: expected a number that JSON has too, got Infinity",
    ));
  test("all faults at once", () =>
    check(
      "hostnam: x\nrootfs: [a]\nterminal: 1",
      'box: box.yaml:1:1: hostnam: unknown key, did you mean "hostname"?',
      "box: box.yaml:2:9: rootfs: expected a folder, or host, got a list",
      "box: box.yaml:3:11: terminal: expected true or false, got 1",
    ));
  test("fifty at most", () => {
    const lines = linesFor(`rootfs: host\n${Array.from({ length: 60 }, (_, index) => `zzz${index}: 1`).join("\n")}`);
    expect(lines.slice(49)).toEqual(["box: box.yaml:51:1: zzz49: unknown key", "box: box.yaml: 10 more faults"]);
  });
});

describe("hostile", () => {
  test("broken YAML: the first fault only", () =>
    check(
      "rootfs: host\n  x: y\n z",
      "box: box.yaml:1:9: not valid YAML: Nested mappings are not allowed in compact mappings",
      "hint: a value that has a colon and a blank in it stands in quotes",
    ));
  test("a tab for blanks", () =>
    check("rootfs: host\nenv:\n\tA: b", "box: box.yaml:3:1: not valid YAML: Tabs are not allowed as indentation"));
  test("the same key twice", () => check("rootfs: host\nrootfs: /", "box: box.yaml:2:1: rootfs: stands here a second time"));
  test("the same key twice further in", () =>
    check("rootfs: host\nenv: {A: b, A: c}", "box: box.yaml:2:13: env.A: stands here a second time"));
  test("a merge key", () =>
    check("rootfs: host\nplugins: [x: {<<: {a: b}}]", 'box: box.yaml:2:15: plugins[0].x["<<"]: merge keys are not allowed'));
  test("tags", () =>
    check(
      "rootfs: !!js/function x\nenv: !own {A: b}\nhostname: !!str 3",
      'box: box.yaml:1:23: rootfs: the tag "tag:yaml.org,2002:js/function" is not allowed: values are plain',
      'box: box.yaml:2:11: env: the tag "!own" is not allowed: values are plain',
      'box: box.yaml:3:17: hostname: the tag "tag:yaml.org,2002:str" is not allowed: values are plain',
    ));
  test("keys of prototypes", () =>
    check(
      "__proto__: {rootfs: host}\nconstructor: 1\nrootfs: host\nplugins: [x: {__proto__: {a: b}}]",
      "box: box.yaml:1:1: __proto__: not allowed as a key",
      "box: box.yaml:2:1: constructor: unknown key",
      "box: box.yaml:4:15: plugins[0].x.__proto__: not allowed as a key",
    ));
  test("keys that are no words", () => check("? [a]\n: b\nrootfs: host", "box: box.yaml:1:3: a key must be a plain word"));
  test("two documents", () => check("rootfs: host\n---\nrootfs: /\n", "box: box.yaml:2:1: a second document: the file may hold only one"));
  test("a NUL byte", () => check("rootfs: a\0b", "box: box.yaml:1:1: a NUL byte at character 10"));
  test("bytes that are no text", () => {
    const text = new TextDecoder().decode(new Uint8Array([0x72, 0x3a, 0x20, 0xff, 0xfe, 0x80]));
    check(text, "box: box.yaml:1:1: not UTF-8 at character 4");
  });
  test("an escaped NUL byte", () =>
    check('rootfs: "a\\0b"', 'box: box.yaml:1:9: rootfs: expected a string without NUL bytes, got "a\\u0000b"'));
  test("an escaped NUL byte in a plugin's options", () =>
    check(
      'rootfs: host\nplugins: [x: {a: "\\0"}]',
      'box: box.yaml:2:18: plugins[0].x.a: expected a string without NUL bytes, got "\\u0000"',
    ));
  test("a large file", () => check(`rootfs: host\n#${"x".repeat(256 * 1024)}`, "box: box.yaml:1:1: larger than 256 KiB"));
  test("an alias of nothing", () => check("rootfs: *gone", 'box: box.yaml:1:9: rootfs: no value before this one has the anchor "gone"'));
  test("an alias of itself", () =>
    check("rootfs: host\nplugins: [x: &a {b: *a}]", 'box: box.yaml:2:21: plugins[0].x.b: no value before this one has the anchor "a"'));
  test("aliases that multiply", () => {
    const level = (index: number): string =>
      `      b${index}: &a${index} [${Array(9)
        .fill(`*a${index - 1}`)
        .join(", ")}]`;
    const text = [
      "rootfs: host",
      "plugins:",
      "  - x:",
      "      b0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]",
      ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map(level),
    ].join("\n");
    check(
      text,
      "box: box.yaml:4:25: plugins[0].x.b4[1][2][7][3][3]: too many values (more than 20000, aliases counted as what they stand for)",
    );
  });
  test("deep options", () =>
    check(
      `rootfs: host\nplugins: [x: ${"[".repeat(40)}${"]".repeat(40)}]`,
      `box: box.yaml:2:44: plugins[0].x${"[0]".repeat(30)}: nested deeper than 32 levels`,
    ));
  test("depth that no stack can hold", () =>
    expect(linesFor("[".repeat(100_000))).toEqual([expect.stringMatching(/^box: box\.yaml:1:\d+: nested too deeply$/)]));
});

test("what a path of the file is at", () => {
  const { placeOf } = readYaml("rootfs: host\nmounts:\n  - a:/b\nplugins:\n  - x: {y: 1}\n", "box.yaml", boxYamlRule);
  expect(["mounts[0]", "mounts[0].options", "plugins[0].x.y", "hostname"].map(placeOf)).toEqual([
    "box.yaml:3:5",
    "box.yaml:3:5",
    "box.yaml:5:12",
    "box.yaml",
  ]);
});
