import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { checkProcess, checkSpec } from "../../src/config/check-spec.ts";
import { defaultSpec } from "../../src/config/default-spec.ts";
import { BoxError } from "../../src/errors.ts";
import { dockerConfig, podmanConfig } from "./client-configs.ts";
import { faultLines } from "./print-faults.ts";

/** The default configuration with one field set, told by its path: `process.cwd`, `mounts.0.type`. */
function withField(path: string, value: unknown): unknown {
  const spec: unknown = defaultSpec();
  const keys = path.split("/");
  const last = keys.pop() ?? "";
  let at = spec as Record<string, unknown>;
  for (const key of keys) at = at[key] as Record<string, unknown>;
  if (value === undefined) delete at[last];
  else at[last] = value;
  return spec;
}

const check = (path: string, value: unknown, ...expected: string[]): void =>
  expect(faultLines(() => checkSpec(withField(path, value)))).toEqual(expected);

const ns = (...types: string[]): unknown => types.map((type) => ({ type }));
const map = (containerID: number, hostID: number, size: number): unknown => ({ containerID, hostID, size });
const onlyMount = (mount: unknown, ...expected: string[]): void => check("mounts", [mount], ...expected);
const linuxWith = (fields: object, ...expected: string[]): void => check("linux", fields, ...expected);

describe("the document", () => {
  const lines = (value: unknown): string[] => faultLines(() => checkSpec(value));
  test("not an object", () => expect(lines([])).toEqual(["expected an object, got []"]));
  test("null", () => expect(lines(null)).toEqual(["expected an object, got null"]));
  test("text", () => expect(lines("x")).toEqual(['expected an object, got "x"']));
  test("empty", () =>
    expect(lines({})).toEqual([
      "ociVersion: missing, expected a version of the runtime spec from 1.0.0 to 1.3",
      "root: missing, expected an object",
    ]));
  test("all faults at once", () =>
    expect(
      lines({
        ociVersion: 1,
        root: { path: "" },
        hostname: "a",
        process: { args: "sh", cwd: "srv", user: { uid: 0, gid: -1 } },
      }),
    ).toEqual([
      "ociVersion: expected a version of the runtime spec from 1.0.0 to 1.3, got 1",
      'root.path: expected a string that is not empty, got ""',
      'process.args: expected an array of strings, got "sh"',
      'process.cwd: expected an absolute path, got "srv"',
      "process.user.gid: expected an id from 0 to 4294967294, got -1",
      "hostname: needs a uts namespace in linux.namespaces",
    ]));
  test("the error's own words", () => {
    const error = (() => {
      try {
        checkSpec({});
      } catch (error) {
        return error;
      }
    })();
    expect(error).toBeInstanceOf(BoxError);
    expect((error as BoxError).facts.what).toBe("the configuration is not valid");
  });
});

describe("ociVersion", () => {
  for (const good of ["1.0.0", "1.0.0-rc5", "1.0.2-dev", "1.1.0+dev", "1.2.1", "1.3.0", "1.3.17"])
    test(good, () => check("ociVersion", good));
  for (const bad of ["2.0.0", "1.4.0", "1.0", "1", "0.5.0", "1.0.0-", "1.x.0", "1..0", "v1.0.0", "1.0.0rc1", " 1.0.0"])
    test(bad, () => check("ociVersion", bad, `ociVersion: expected a version of the runtime spec from 1.0.0 to 1.3, got "${bad}"`));
});

describe("unknown keys", () => {
  test("misspelt", () => check("process/noNewPrivilegess", true, 'process.noNewPrivilegess: unknown key, did you mean "noNewPrivileges"?'));
  test("two letters swapped", () => check("process/cdw", "/", 'process.cdw: unknown key, did you mean "cwd"?'));
  test("another case", () => check("root/readOnly", true, 'root.readOnly: unknown key, did you mean "readonly"?'));
  test("nothing near", () => check("process/banana", 1, "process.banana: unknown key"));
  test("not a plain word", () => check("linux/a b", 1, 'linux["a b"]: unknown key'));
  test("in an array", () => check("mounts/1/option", [], 'mounts[1].option: unknown key, did you mean "options"?'));
  test("what every object inherits", () => check("process/constructor", 1, "process.constructor: unknown key"));
  test("__proto__", () => {
    const text = JSON.stringify(defaultSpec()).replace('"cwd"', '"__proto__":{"cwd":1},"cwd"');
    expect(faultLines(() => checkSpec(JSON.parse(text)))).toEqual(["process.__proto__: unknown key"]);
  });
  test("null does not excuse it", () => check("process/banana", null, "process.banana: unknown key"));
  test("long names are cut short", () => check("k".repeat(100), 1, `${"k".repeat(100)}: unknown key`));
});

describe("keys that begin with x-", () => {
  const own = { any: ["thing"] };
  const objects = [
    ["", "process", "root", "hooks", "linux", "process/user", "process/capabilities", "process/rlimits/0", "mounts/0"],
    ["linux/namespaces/0", "linux/resources", "linux/resources/devices/0", "linux/timeOffsets", "linux/timeOffsets/monotonic"],
  ].flat();
  const whole = (): unknown => {
    const spec = withField("hooks", {}) as Record<string, Record<string, unknown>>;
    Object.assign(spec.linux as object, { namespaces: ns("time", "uts", "mount"), timeOffsets: { monotonic: {} } });
    return spec;
  };
  for (const place of objects)
    test(`pass, and are left out: ${place}`, () => {
      const spec = whole();
      let at = spec as Record<string, unknown>;
      for (const key of place === "" ? [] : place.split("/")) at = at[key] as Record<string, unknown>;
      at["x-own"] = own;
      at["x-"] = null;
      expect(checkSpec(spec)).toEqual(checkSpec(whole()));
    });
  test("where names are free they are names", () =>
    expect(checkSpec(withField("annotations", { "x-own": "a" })).annotations).toEqual({ "x-own": "a" }));
});

describe("other platforms", () => {
  for (const section of ["windows", "solaris", "vm", "zos", "freebsd"])
    test(section, () => check(section, {}, `${section}: box runs Linux containers`));
  test("null", () => check("solaris", null));
  test("command line", () => check("process/commandLine", "sh", "process.commandLine: is for Windows, where Linux has process.args"));
  test("user name", () => check("process/user/username", "root"));
});

describe("absent, null and empty", () => {
  test("null is absent", () => {
    const spec = checkSpec({ ...defaultSpec(), hooks: null, annotations: null, domainname: null, mounts: null });
    expect(Object.keys(spec)).toEqual(["ociVersion", "process", "root", "hostname", "linux"]);
  });
  test("null where a value is required", () => check("process/cwd", null, "process.cwd: missing, expected an absolute path"));
  test("null in an array", () => check("process/args", ["sh", null], "process.args[1]: expected a string, got null"));
  test("null in a map", () => check("annotations", { a: null }, "annotations.a: expected a string, got null"));
  test("an empty optional string is absent", () => {
    const spec = checkSpec({
      ...defaultSpec(),
      domainname: "",
      linux: { cgroupsPath: "", rootfsPropagation: "", namespaces: [{ type: "uts", path: "" }] },
    });
    expect(spec.linux).toEqual({ namespaces: [{ type: "uts" }] });
    expect("domainname" in spec).toBe(false);
  });
  test("but not in place of another type", () => check("process/terminal", "", 'process.terminal: expected true or false, got ""'));
  test("process may be absent", () => check("process", undefined));
  test("linux may be absent", () => {
    const { linux: _, hostname: __, ...rest } = defaultSpec();
    expect(faultLines(() => checkSpec(rest))).toEqual([]);
  });
});

describe("NUL bytes", () => {
  const expected = "expected a string without NUL bytes";
  test("argument", () => check("process/args", ["a\0b"], `process.args[0]: ${expected}, got "a\\u0000b"`));
  test("annotation", () => check("annotations", { a: "\0" }, `annotations.a: ${expected}, got "\\u0000"`));
  test("annotation's key", () => check("annotations", { "a\0": "" }, `annotations["a\\u0000"]: ${expected}, got "a\\u0000"`));
  test("sysctl", () => check("linux/sysctl", { "net.a": "\0" }, `linux.sysctl["net.a"]: ${expected}, got "\\u0000"`));
});

describe("process", () => {
  test("args empty", () => check("process/args", [], "process.args: expected at least one entry, got []"));
  test("args missing", () => check("process/args", undefined, "process.args: missing, expected an array of strings"));
  test("args a string", () => check("process/args", "sh", 'process.args: expected an array of strings, got "sh"'));
  test("args with a number", () => check("process/args", ["sh", 1], "process.args[1]: expected a string, got 1"));
  test("cwd relative", () => check("process/cwd", "srv", 'process.cwd: expected an absolute path, got "srv"'));
  test("cwd empty", () => check("process/cwd", "", 'process.cwd: expected an absolute path, got ""'));
  test("long values are cut short", () =>
    check("process/cwd", "a".repeat(100), `process.cwd: expected an absolute path, got "${"a".repeat(60)}"… (100 characters)`));
  test("env without a sign", () => check("process/env", ["PATH"], 'process.env[0]: expected NAME=value, got "PATH"'));
  test("env without a name", () => check("process/env", ["A=", "=b"], 'process.env[1]: expected NAME=value, got "=b"'));
  test("user missing", () => check("process/user", undefined, "process.user: missing, expected an object with uid and gid"));
  test("gid missing", () => check("process/user", { uid: 1 }, "process.user.gid: missing, expected an id from 0 to 4294967294"));
  test("uid too large", () =>
    check("process/user/uid", 4294967295, "process.user.uid: expected an id from 0 to 4294967294, got 4294967295"));
  test("uid largest", () => check("process/user/uid", 4294967294));
  test("uid a fraction", () => check("process/user/uid", 1.5, "process.user.uid: expected an id from 0 to 4294967294, got 1.5"));
  test("uid a string", () => check("process/user/uid", "0", 'process.user.uid: expected an id from 0 to 4294967294, got "0"'));
  test("more gids", () =>
    check("process/user/additionalGids", [1, -1], "process.user.additionalGids[1]: expected an id from 0 to 4294967294, got -1"));
  test("umask", () => check("process/user/umask", 512, "process.user.umask: expected an integer from 0 to 511 (octal 777), got 512"));
  test("terminal", () => check("process/terminal", "yes", 'process.terminal: expected true or false, got "yes"'));
  test("console size", () =>
    check(
      "process/consoleSize",
      { height: 25, width: 65536 },
      "process.consoleSize.width: expected an integer from 0 to 65535, got 65536",
    ));
  test("console size, half", () =>
    check("process/consoleSize", { height: 25 }, "process.consoleSize.width: missing, expected an integer from 0 to 65535"));
  const cap = "expected the name of a capability, such as CAP_KILL";
  test("capability", () =>
    check(
      "process/capabilities/bounding",
      ["CAP_NET_ADMNI"],
      `process.capabilities.bounding[0]: ${cap}, got "CAP_NET_ADMNI", did you mean "CAP_NET_ADMIN"?`,
    ));
  test("capability in lower case", () =>
    check(
      "process/capabilities/ambient",
      ["cap_kill"],
      `process.capabilities.ambient[0]: ${cap}, got "cap_kill", did you mean "CAP_KILL"?`,
    ));
  test("capabilities as a list", () =>
    check("process/capabilities", ["CAP_KILL"], "process.capabilities: expected an object, got an array"));
  test("oomScoreAdj", () => check("process/oomScoreAdj", 1001, "process.oomScoreAdj: expected an integer from -1000 to 1000, got 1001"));
  test("ioPriority", () =>
    check(
      "process/ioPriority",
      { class: "IOPRIO_CLASS_XX", priority: 8 },
      'process.ioPriority.class: expected IOPRIO_CLASS_RT, IOPRIO_CLASS_BE or IOPRIO_CLASS_IDLE, got "IOPRIO_CLASS_XX", did you mean "IOPRIO_CLASS_RT"?',
      "process.ioPriority.priority: expected an integer from 0 to 7, got 8",
    ));
  test("scheduler", () =>
    check(
      "process/scheduler",
      { policy: "SCHED_FIF", nice: 20, flags: ["X"] },
      'process.scheduler.policy: expected a scheduling policy, such as SCHED_OTHER, got "SCHED_FIF", did you mean "SCHED_FIFO"?',
      "process.scheduler.nice: expected an integer from -20 to 19, got 20",
      'process.scheduler.flags[0]: expected a scheduling flag, such as SCHED_FLAG_RESET_ON_FORK, got "X"',
    ));
  test("scheduler of real time without a priority", () =>
    check(
      "process/scheduler",
      { policy: "SCHED_RR" },
      "process.scheduler.priority: missing, expected a number from 1 to 99 with SCHED_RR",
    ));
  test("scheduler of real time with one that there is not", () =>
    check(
      "process/scheduler",
      { policy: "SCHED_FIFO", priority: 100 },
      "process.scheduler.priority: expected a number from 1 to 99 with SCHED_FIFO, got 100",
    ));
  test("scheduler with a deadline before its work is done", () =>
    check(
      "process/scheduler",
      { policy: "SCHED_DEADLINE", runtime: 3, deadline: 2, period: 1 },
      "process.scheduler.runtime: expected at most the deadline of 2, got 3",
      "process.scheduler.deadline: expected at most the period of 1, got 2",
    ));
  test("all that is right", () =>
    check("process", {
      ...defaultSpec().process,
      consoleSize: { height: 25, width: 80 },
      oomScoreAdj: -5,
      apparmorProfile: "unconfined",
      selinuxLabel: "a:b",
      ioPriority: { class: "IOPRIO_CLASS_BE", priority: 4 },
      scheduler: { policy: "SCHED_DEADLINE", runtime: 1, deadline: 2, period: 3, flags: ["SCHED_FLAG_RECLAIM"] },
      execCPUAffinity: { initial: "0-1", final: "1" },
    }));
});

test("security labels are one line of text, and short enough for the kernel to take whole", () => {
  const expected = "expected a label of at most 4000 bytes without control characters";
  for (const path of ["process/apparmorProfile", "process/selinuxLabel", "linux/mountLabel"]) {
    const place = path.replace("/", ".");
    check(path, "a:b\n", `${place}: ${expected}, got "a:b\\n"`);
    check(path, "a\u007fb", `${place}: ${expected}, got "a\u007fb"`);
    check(path, "a\0b", `${place}: expected a string without NUL bytes, got "a\\u0000b"`);
    check(path, "ü".repeat(2001), `${place}: ${expected}, got "${"ü".repeat(60)}"… (2001 characters)`);
    check(path, 5, `${place}: ${expected}, got 5`);
    check(path, "ü".repeat(2000));
  }
});

describe("process.rlimits", () => {
  const limit = (type: string, soft: number, hard: number): unknown => ({ type, soft, hard });
  test("unknown", () =>
    check(
      "process/rlimits",
      [limit("RLIMIT_NOFILES", 1, 1)],
      'process.rlimits[0].type: expected the name of a limit, such as RLIMIT_NOFILE, got "RLIMIT_NOFILES", did you mean "RLIMIT_NOFILE"?',
    ));
  test("soft above hard", () =>
    check("process/rlimits", [limit("RLIMIT_CPU", 2, 1)], "process.rlimits[0].soft: expected at most the hard limit of 1, got 2"));
  test("twice", () =>
    check(
      "process/rlimits",
      [limit("RLIMIT_CPU", 1, 1), limit("RLIMIT_AS", 1, 1), limit("RLIMIT_CPU", 1, 1)],
      'process.rlimits[2].type: "RLIMIT_CPU" stands already in process.rlimits[0]',
    ));
  test("negative", () =>
    check("process/rlimits", [limit("RLIMIT_CPU", -1, 1)], "process.rlimits[0].soft: expected an integer from 0 to 2^64 - 1, got -1"));
  test("no limit, as JSON.parse rounds it", () =>
    check("process/rlimits", [limit("RLIMIT_CPU", JSON.parse("18446744073709551615"), JSON.parse("18446744073709551615"))]));
  test("above 64 bits", () =>
    check(
      "process/rlimits",
      [limit("RLIMIT_CPU", 1, 2 ** 65)],
      "process.rlimits[0].hard: expected an integer from 0 to 2^64 - 1, got 36893488147419103000",
    ));
});

describe("mounts", () => {
  test("no destination", () => onlyMount({ type: "tmpfs" }, "mounts[0].destination: missing, expected a string that is not empty"));
  test("no type", () =>
    onlyMount({ destination: "/a" }, 'mounts[0].type: missing, expected a file system type, a bind mount has "bind" in its options'));
  test("bind needs no type", () => onlyMount({ destination: "/a", source: "a", options: ["rbind"] }));
  test("bind without source", () => onlyMount({ destination: "/a", type: "bind" }, "mounts[0].source: missing, expected the path to bind"));
  test("options as a string", () =>
    onlyMount({ destination: "/a", type: "tmpfs", options: "ro" }, 'mounts[0].options: expected an array of strings, got "ro"'));
  test("half of the id maps", () =>
    onlyMount(
      { destination: "/a", type: "tmpfs", uidMappings: [map(0, 1, 1)] },
      "mounts[0].gidMappings: missing: uidMappings needs it beside itself",
    ));
  test("empty id maps are none", () =>
    expect(checkSpec(withField("mounts", [{ destination: "/a", type: "tmpfs", uidMappings: [], gidMappings: [] }])).mounts).toEqual([
      { destination: "/a", type: "tmpfs" },
    ]));
  test("an empty id map beside another", () =>
    onlyMount(
      { destination: "/a", source: "/a", options: ["bind"], uidMappings: [map(0, 1, 1)], gidMappings: [] },
      "mounts[0].gidMappings: missing: uidMappings needs it beside itself",
    ));
  test("relative destination", () =>
    expect(checkSpec(withField("mounts", [{ destination: "data", type: "tmpfs" }])).mounts).toEqual([
      { destination: "/data", type: "tmpfs" },
    ]));
});

describe("hooks", () => {
  test("right", () => check("hooks", { prestart: [{ path: "/h", args: ["h"], env: ["A=b"], timeout: 1 }], poststop: [] }));
  test("path", () => check("hooks", { poststart: [{ path: "h" }] }, 'hooks.poststart[0].path: expected an absolute path, got "h"'));
  test("timeout", () =>
    check("hooks", { poststart: [{ path: "/h", timeout: 0 }] }, "hooks.poststart[0].timeout: expected a number of seconds above 0, got 0"));
  test("point", () => check("hooks", { preStart: [] }, 'hooks.preStart: unknown key, did you mean "prestart"?'));
});

describe("linux.namespaces", () => {
  test("unknown", () =>
    linuxWith(
      { namespaces: ns("pid", "net") },
      'linux.namespaces[1].type: expected one of pid, network, mount, ipc, uts, user, cgroup and time, got "net"',
    ));
  test("twice", () =>
    linuxWith({ namespaces: ns("uts", "pid", "uts") }, 'linux.namespaces[2].type: "uts" stands already in linux.namespaces[0]'));
  test("relative path", () =>
    linuxWith({ namespaces: [{ type: "uts", path: "ns" }] }, 'linux.namespaces[0].path: expected an absolute path, got "ns"'));
  test("hostname", () => linuxWith({ namespaces: ns("pid") }, "hostname: needs a uts namespace in linux.namespaces"));
  test("hostname in a joined one", () => linuxWith({ namespaces: [{ type: "uts", path: "/proc/1/ns/uts" }] }));
  test("hostname of long characters", () =>
    check("hostname", "é".repeat(33), `hostname: expected a name of at most 64 bytes, got "${"é".repeat(33)}"`));
  test("hostname of as many as there may be", () => check("hostname", "é".repeat(32)));
  test("hostname too long", () =>
    check("hostname", "h".repeat(65), `hostname: expected a name of at most 64 bytes, got "${"h".repeat(60)}"… (65 characters)`));
  test("domainname", () =>
    expect(faultLines(() => checkSpec({ ociVersion: "1.0.0", root: { path: "r" }, domainname: "d" }))).toEqual([
      "domainname: needs a uts namespace in linux.namespaces",
    ]));
});

describe("id maps", () => {
  const user = ns("uts", "user");
  const both = (maps: unknown): object => ({ namespaces: user, uidMappings: maps, gidMappings: [map(0, 0, 1)] });
  test("right", () => linuxWith(both([map(0, 1000, 1), map(1, 100000, 65535)])));
  test("no user namespace", () =>
    linuxWith({ namespaces: ns("uts"), uidMappings: [map(0, 0, 1)] }, "linux.uidMappings: needs a user namespace in linux.namespaces"));
  test("no map", () =>
    linuxWith(
      { namespaces: user },
      "linux.uidMappings: missing: a new user namespace needs a map of ids",
      "linux.gidMappings: missing: a new user namespace needs a map of ids",
    ));
  test("none for a joined one", () => linuxWith({ namespaces: [{ type: "uts" }, { type: "user", path: "/ns" }] }));
  test("empty range", () => linuxWith(both([map(0, 0, 0)]), "linux.uidMappings[0].size: expected an integer from 1 to 4294967295, got 0"));
  test("of a user who is in none", () =>
    expect(
      faultLines(() =>
        checkSpec({
          ...(withField("linux", both([map(1, 1000, 5)])) as object),
          process: { ...defaultSpec().process, user: { uid: 6, gid: 1 } },
        }),
      ),
    ).toEqual([
      "process.user.uid: is in none of the ranges of linux.uidMappings",
      "process.user.gid: is in none of the ranges of linux.gidMappings",
    ]));
  test("past the last id", () =>
    linuxWith(
      both([map(0, 4294967294, 2)]),
      "linux.uidMappings[0].size: expected a range that ends by id 4294967294, got 2 from 4294967294",
    ));
  test("every id", () => linuxWith(both([map(0, 0, 4294967295)])));
  test("overlap in the container", () =>
    linuxWith(both([map(0, 1, 2), map(1, 100, 5)]), "linux.uidMappings[1].containerID: the range overlaps that of linux.uidMappings[0]"));
  test("overlap on the host", () =>
    linuxWith(both([map(0, 100, 10), map(20, 95, 6)]), "linux.uidMappings[1].hostID: the range overlaps that of linux.uidMappings[0]"));
  test("too many", () =>
    linuxWith(both(Array.from({ length: 341 }, (_, at) => map(at, at, 1))), "linux.uidMappings: expected at most 340 entries, got 341"));
  test("misspelt", () =>
    linuxWith(
      both([{ containerId: 0, hostID: 0, size: 1 }]),
      'linux.uidMappings[0].containerId: unknown key, did you mean "containerID"?',
      "linux.uidMappings[0].containerID: missing, expected an id from 0 to 4294967294",
    ));
});

describe("linux.sysctl", () => {
  const one = (key: string, problem: string | undefined, ...types: string[]): void =>
    linuxWith(
      { namespaces: ns("uts", ...types), sysctl: { [key]: "1" } },
      ...(problem === undefined ? [] : [`linux.sysctl["${key}"]: ${problem}`]),
    );
  test("net", () => one("net.ipv4.ip_forward", undefined, "network"));
  test("net with slashes", () => one("net/ipv4/conf/eth0.1/forwarding", undefined, "network"));
  test("net without", () => one("net.ipv4.ip_forward", "needs a network namespace in linux.namespaces"));
  test("ipc", () => one("kernel.shmmax", undefined, "ipc"));
  test("ipc without", () => one("kernel.shmmax", "needs an ipc namespace in linux.namespaces"));
  test("mqueue", () => one("fs.mqueue.msg_max", "needs an ipc namespace in linux.namespaces"));
  test("host name", () => one("kernel.hostname", "the field hostname is the place for it"));
  test("limits of users", () => one("user.max_user_namespaces", "needs a user namespace in linux.namespaces"));
  test("domain name", () => one("kernel.domainname", undefined));
  test("domain name, of the field too", () =>
    expect(
      faultLines(() => checkSpec({ ...(withField("linux/sysctl", { "kernel.domainname": "a" }) as object), domainname: "b" })),
    ).toEqual(['linux.sysctl["kernel.domainname"]: the field domainname says it already']));
  test("the host's", () => one("kernel.panic", "is not of a namespace: it would change the host", "ipc"));
  test("the host's, near to a name", () => one("networkd.x", "is not of a namespace: it would change the host", "network"));
  test("leading out", () => one("net/../kernel/panic", "not the name of a sysctl", "network"));
  test("leading out by dots", () => one("net.//.x", "not the name of a sysctl", "network"));
  test("value not a string", () =>
    linuxWith({ namespaces: ns("uts", "network"), sysctl: { "net.a": 1 } }, 'linux.sysctl["net.a"]: expected a string, got 1'));
});

describe("the rest of linux", () => {
  const wrong = (field: string, value: unknown, ...lines: string[]): void =>
    check(`linux/${field}`, value, ...lines.map((line) => `linux.${field}${line}`));
  test("propagation", () =>
    wrong(
      "rootfsPropagation",
      "rslav",
      ': expected one of private, slave, shared and unbindable, each also with r in front, got "rslav", did you mean "rslave"?',
    ));
  test("cgroupsPath", () => wrong("cgroupsPath", "/a/../../b", ': expected a path without "..", got "/a/../../b"'));
  test("cgroupsPath of systemd", () => wrong("cgroupsPath", "user.slice:box:a..b"));
  test("maskedPaths", () => wrong("maskedPaths", ["proc"], '[0]: expected an absolute path, got "proc"'));
  test("device", () =>
    wrong(
      "devices",
      [{ path: "dev", type: "x" }],
      '[0].path: expected an absolute path, got "dev"',
      '[0].type: expected "c", "b", "u" or "p", got "x"',
    ));
  test("device without numbers", () =>
    wrong(
      "devices",
      [
        { path: "/dev/a", type: "c", minor: 0 },
        { path: "/dev/p", type: "p" },
      ],
      "[0].major: missing, expected an integer from 0 to 4294967295",
    ));
  test("device rule", () =>
    wrong(
      "resources",
      {
        devices: [{ access: "rx" }, { allow: true, access: "" }, { allow: false }, { allow: true, access: "m", major: -2, minor: 2 ** 32 }],
      },
      '.devices[0].access: expected some of the letters r, w and m, got "rx"',
      ".devices[0].allow: missing, expected true or false",
      '.devices[1].access: expected some of the letters r, w and m, got ""',
      ".devices[2].access: missing, expected some of the letters r, w and m",
      ".devices[3].major: expected a number from 0 to 4294967295, or -1 for every one, got -2",
      ".devices[3].minor: expected a number from 0 to 4294967295, or -1 for every one, got 4294967296",
    ));
  test("memory", () =>
    wrong(
      "resources",
      { memory: { limit: "1G", swapp: 1 } },
      '.memory.limit: expected an integer of 64 bits, got "1G"',
      '.memory.swapp: unknown key, did you mean "swap"?',
    ));
  test("old memory fields", () => wrong("resources", { memory: { kernel: 1, kernelTCP: 1, disableOOMKiller: false, useHierarchy: true } }));
  test("burst above the quota", () =>
    wrong("resources", { cpu: { quota: 5, burst: 6 } }, ".cpu.burst: expected at most the quota of 5, got 6"));
  test("burst without a quota", () => wrong("resources", { cpu: { quota: -1, burst: 6 } }));
  test("pids", () => wrong("resources", { pids: { limit: 0.5 } }, ".pids.limit: expected an integer of 64 bits, got 0.5"));
  test("unified", () =>
    wrong(
      "resources",
      { unified: { "../memory.max": "1" } },
      '.unified["../memory.max"]: expected the name of a cgroup file, got "../memory.max"',
    ));
  test("huge pages", () =>
    wrong(
      "resources",
      {
        hugepageLimits: [
          { pageSize: "2MB", limit: 0 },
          { pageSize: "x/2MB", limit: 0 },
          { pageSize: "B", limit: 1 },
        ],
      },
      '.hugepageLimits[1].pageSize: expected a page size, such as 2MB, got "x/2MB"',
      '.hugepageLimits[2].pageSize: expected a page size, such as 2MB, got "B"',
    ));
  test("throttle", () =>
    wrong(
      "resources",
      { blockIO: { throttleReadBpsDevice: [{ major: 8, minor: 0 }] } },
      ".blockIO.throttleReadBpsDevice[0].rate: missing, expected an integer from 0 to 2^64 - 1",
    ));
  test("a device of no weight", () =>
    wrong(
      "resources",
      {
        blockIO: {
          weightDevice: [
            { major: 8, minor: 0, weight: 0 },
            { major: 8, minor: 1 },
          ],
        },
      },
      ".blockIO.weightDevice[1]: needs a weight or a leafWeight",
    ));
  test("rdma of nothing", () => wrong("resources", { rdma: { mlx5_1: {} } }, ".rdma.mlx5_1: needs hcaHandles or hcaObjects"));
  test("rdma", () =>
    wrong("resources", { rdma: { mlx5_1: { hcaHandle: 3 } } }, '.rdma.mlx5_1.hcaHandle: unknown key, did you mean "hcaHandles"?'));
  test("seccomp", () =>
    wrong(
      "seccomp",
      {
        defaultAction: "SCMP_ACT_ALOW",
        syscalls: [{ names: [], action: "SCMP_ACT_ERRNO", args: [{ index: 6, value: 2 ** 60, op: "EQ" }] }],
      },
      '.defaultAction: expected a seccomp action, such as SCMP_ACT_ERRNO, got "SCMP_ACT_ALOW", did you mean "SCMP_ACT_ALLOW"?',
      ".syscalls[0].names: expected at least one entry, got []",
      ".syscalls[0].args[0].index: expected an integer from 0 to 5, got 6",
      ".syscalls[0].args[0].value: expected an exact integer from 0 to 2^64 - 1, got 1152921504606847000",
      '.syscalls[0].args[0].op: expected a seccomp operator, such as SCMP_CMP_EQ, got "EQ"',
    ));
  test("an errno for an action that has none", () =>
    wrong(
      "seccomp",
      {
        defaultAction: "SCMP_ACT_ALLOW",
        defaultErrnoRet: 1,
        syscalls: [
          { names: ["a"], action: "SCMP_ACT_TRACE", errnoRet: 1 },
          { names: ["b"], action: "SCMP_ACT_LOG", errnoRet: 0 },
        ],
      },
      ".syscalls[1].errnoRet: goes with SCMP_ACT_ERRNO and SCMP_ACT_TRACE only, and the action is SCMP_ACT_LOG",
    ));
  test("a default errno for an action that has none", () =>
    wrong(
      "seccomp",
      { defaultAction: "SCMP_ACT_KILL", defaultErrnoRet: 1 },
      ".defaultErrnoRet: goes with SCMP_ACT_ERRNO and SCMP_ACT_TRACE only, and the action is SCMP_ACT_KILL",
    ));
  test("metadata for nobody", () =>
    wrong(
      "seccomp",
      { defaultAction: "SCMP_ACT_ALLOW", listenerMetadata: "a" },
      ".listenerMetadata: needs a listenerPath, to whose agent it is told",
    ));
  test("net device", () =>
    wrong(
      "netDevices",
      { eth0: {}, "a/b": {}, eth1: { name: "a:b" } },
      '["a/b"]: expected the name of a network interface, got "a/b"',
      '.eth1.name: expected the name of a network interface, or one with %d for a number, got "a:b"',
    ));
  test("intelRdt", () =>
    wrong(
      "intelRdt",
      { closID: "../x", enableCMT: true, schemata: ["L3:0=f\nL3:1=f", ""], memBwSchema: "L3:0=1", l3CacheSchema: 5 },
      '.closID: expected one folder name, or "/", got "../x"',
      ".enableCMT: was replaced by enableMonitoring in version 1.3.0",
      '.schemata[0]: expected one line, such as MB:0=50, got "L3:0=f\\nL3:1=f"',
      '.schemata[1]: expected one line, such as MB:0=50, got ""',
      '.memBwSchema: expected one line that begins with MB:, got "L3:0=1"',
      ".l3CacheSchema: expected a string, got 5",
    ));
  test("intelRdt with a folder of resctrl itself", () =>
    wrong("intelRdt", { closID: "info" }, '.closID: expected one folder name, or "/", got "info"'));
  test("memoryPolicy", () =>
    wrong(
      "memoryPolicy",
      { mode: "MPOL_BND" },
      '.mode: expected a memory policy, such as MPOL_BIND, got "MPOL_BND", did you mean "MPOL_BIND"?',
    ));
  test("memoryPolicy of two minds", () =>
    wrong(
      "memoryPolicy",
      { mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"] },
      ".flags: nodes cannot be both MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES",
    ));
  test("personality", () =>
    wrong("personality", { domain: "LINUX64" }, '.domain: expected LINUX or LINUX32, got "LINUX64", did you mean "LINUX"?'));
  test("timeOffsets", () =>
    linuxWith(
      { namespaces: ns("uts", "time"), timeOffsets: { monotonic: { secs: -1, nanosecs: 1e9 }, realtime: {} } },
      "linux.timeOffsets.monotonic.nanosecs: expected an integer from 0 to 999999999, got 1000000000",
      "linux.timeOffsets.realtime: has no offset: only monotonic and boottime have one",
    ));
  test("timeOffsets without", () => wrong("timeOffsets", { monotonic: { secs: 1 } }, ": needs a time namespace in linux.namespaces"));
});

describe("what clients write", () => {
  test("podman", () => expect(checkSpec(podmanConfig()).process?.user).toEqual({ uid: 0, gid: 0, additionalGids: [0], umask: 18 }));
  test("docker", () => expect(checkSpec(dockerConfig()).mounts?.length).toBe(3));
});

describe("checkProcess", () => {
  test("without a user it is root", () =>
    expect(checkProcess({ args: ["sh"], cwd: "/" })).toEqual({ args: ["sh"], cwd: "/", user: { uid: 0, gid: 0 } }));
  test("paths start at the process", () =>
    expect(faultLines(() => checkProcess({ args: [], cwdd: "/" }))).toEqual([
      "args: expected at least one entry, got []",
      'cwdd: unknown key, did you mean "cwd"?',
      "cwd: missing, expected an absolute path",
    ]));
});

describe("any JSON value", () => {
  test("is accepted or refused, and never breaks the checker", () => {
    fc.assert(fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => Array.isArray(faultLines(() => checkSpec(value)))));
  });

  /** Paths of all parts of a value, as lists of keys. */
  const places = (value: unknown): string[][] =>
    typeof value !== "object" || value === null
      ? [[]]
      : [[], ...Object.entries(value).flatMap(([key, part]) => places(part).map((place) => [key, ...place]))];

  test("in place of any part of a real configuration", () => {
    const all = [podmanConfig, dockerConfig].flatMap((make) =>
      places(make())
        .filter((place) => place.length > 0)
        .map((place) => ({ make, place })),
    );
    fc.assert(
      fc.property(fc.constantFrom(...all), fc.jsonValue({ maxDepth: 3 }), ({ make, place }, value) => {
        const spec = make() as Record<string, unknown>;
        let at = spec;
        for (const key of place.slice(0, -1)) at = at[key] as Record<string, unknown>;
        at[place.at(-1) ?? ""] = value;
        return Array.isArray(faultLines(() => checkSpec(spec)));
      }),
      { numRuns: 2000 },
    );
  }, 60_000);

  test("deeper than the stack", () => {
    const deep = JSON.parse(`${"[".repeat(200_000)}${"]".repeat(200_000)}`);
    check("process/args", deep, "process.args[0]: expected a string, got an array");
  });

  test("a checked value passes again, unchanged", () => {
    const once = JSON.stringify(checkSpec(podmanConfig()));
    expect(JSON.stringify(checkSpec(JSON.parse(once)))).toBe(once);
  });
});
