// config.json as a whole: one container that has much of it at once, each field looked at from inside; and a configuration in
// which every single value is wrong. Fields by themselves have their own files; docs/config.md says which.

import { expect } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { fieldNotes } from "../../scripts/config-fields/all.ts";
import { everyField } from "../../scripts/config-fields/every-field.ts";
import type { FieldPath, Note } from "../../scripts/config-fields/note.ts";
import { ruledFields } from "../../scripts/generate-config-table.ts";
import { hookPoints } from "../../src/config/hook-points.ts";
import type { Hook } from "../../src/config/spec.ts";
import { placeIn } from "../config/place-in.ts";
import { Bundle, linesOf, machine, type RichSpec, testWith, withoutPlaces } from "./harness.ts";

const test = testWith();

/** An ordinary user with a little of everything. */
function fill(spec: RichSpec, id: string): void {
  Object.assign(spec, { hostname: "web", domainname: "example.org" });
  Object.assign(spec.process, {
    user: { uid: 1000, gid: 1001, umask: 0o27, additionalGids: [5, 1002], username: "user" },
    cwd: "/srv/made",
    capabilities: {
      bounding: ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"],
      permitted: ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"],
      effective: ["CAP_CHOWN"],
      inheritable: ["CAP_KILL", "CAP_NET_RAW"],
      ambient: ["CAP_KILL"],
    },
    rlimits: [{ type: "RLIMIT_NOFILE", hard: 78, soft: 77 }],
    noNewPrivileges: true,
    oomScoreAdj: 777,
    scheduler: { policy: "SCHED_BATCH", nice: -5, flags: ["SCHED_FLAG_RESET_ON_FORK"] },
    ioPriority: { class: "IOPRIO_CLASS_BE", priority: 6 },
  });
  spec.process.env.push("EMPTY=", "SIGNS=a=b");
  spec.mounts.push({ destination: "data", type: "tmpfs", source: "name", options: ["nosuid", "noexec", "size=64k", "mode=1777"] });
  spec.linux.namespaces.push({ type: "time" }, { type: "cgroup" });
  Object.assign(spec.linux, {
    sysctl: { "net.ipv4.ip_forward": "1" },
    cgroupsPath: `/${id}`,
    devices: [{ path: "/dev/plain", type: "c", major: 1, minor: 5, fileMode: 0o604, uid: 3, gid: 4 }],
    seccomp: {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 28 }],
    },
    rootfsPropagation: "rshared",
    maskedPaths: ["/etc/group"],
    readonlyPaths: ["/proc/sys"],
    memoryPolicy: { mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"] },
    timeOffsets: { monotonic: { secs: 1000, nanosecs: 5 }, boottime: { secs: 77 } },
  });
}

const statusOf = (name: string): string => `grep -w ${name} /proc/self/status | cut -f2-`;
const mountAt = (path: string): string => `grep ' ${path} ' /proc/mounts | cut -d' ' -f`;

/** What a shell in the container says of a field, and has to say. */
const looks: { readonly [path in FieldPath]?: readonly [script: string, says: string] } = {
  hostname: ["hostname", "web"],
  domainname: ["cat /proc/sys/kernel/domainname", "example.org"],
  "process.args": [`printf '<%s>' "$0" "$@"; echo`, "<name><><two words><--flag>"],
  "process.env": [`echo "$EMPTY<$SIGNS>$TERM"`, "<a=b>xterm"],
  "process.cwd": ["pwd", "/srv/made"],
  "process.user.uid": [statusOf("Uid"), "1000\t1000\t1000\t1000"],
  "process.user.gid": [statusOf("Gid"), "1001\t1001\t1001\t1001"],
  "process.user.additionalGids": [statusOf("Groups"), "5 1002 "],
  "process.user.umask": [statusOf("Umask"), "0027"],
  "process.user.username": ["id -un", "user"],
  "process.capabilities.bounding": [statusOf("CapBnd"), "0000000000002021"],
  "process.capabilities.inheritable": [statusOf("CapInh"), "0000000000002020"],
  "process.capabilities.ambient": [statusOf("CapAmb"), "0000000000000020"],
  // Of a user's, execve leaves what is ambient (capabilities(7)).
  "process.capabilities.permitted": [statusOf("CapPrm"), "0000000000000020"],
  "process.capabilities.effective": [statusOf("CapEff"), "0000000000000020"],
  "process.rlimits[].hard": ["ulimit -Hn", "78"],
  "process.rlimits[].soft": ["ulimit -Sn", "77"],
  "process.noNewPrivileges": [statusOf("NoNewPrivs"), "1"],
  "process.oomScoreAdj": ["cat /proc/self/oom_score_adj", "777"],
  "process.scheduler.policy": ["cut -d' ' -f41 /proc/1/stat", "3"],
  "process.scheduler.nice": ["cut -d' ' -f19 /proc/1/stat", "-5"],
  // What the process starts has no part in it.
  "process.scheduler.flags": ["cut -d' ' -f19 /proc/self/stat", "0"],
  "process.ioPriority": ["busybox ionice -p 1", "best-effort: prio 6"],
  "root.readonly": [`${mountAt("/")}4 | cut -d, -f1`, "ro"],
  "mounts[].destination": [`${mountAt("/data")}2`, "/data"],
  "mounts[].type": [`${mountAt("/data")}3`, "tmpfs"],
  "mounts[].source": [`${mountAt("/data")}1`, "name"],
  "mounts[].options": [`${mountAt("/data")}4`, "rw,nosuid,noexec,relatime,size=64k"],
  "linux.sysctl": ["cat /proc/sys/net/ipv4/ip_forward", "1"],
  "linux.cgroupsPath": ["cut -d: -f3 /proc/self/cgroup | sort -u", "/"],
  "linux.devices[].path": ["stat -c '%n %F' /dev/plain", "/dev/plain character special file"],
  "linux.devices[].major": ["stat -c %t:%T /dev/plain", "1:5"],
  "linux.devices[].fileMode": ["stat -c %a /dev/plain", "604"],
  "linux.devices[].uid": ["stat -c %u:%g /dev/plain", "3:4"],
  "linux.seccomp.syscalls[].errnoRet": ["mkdir /data/folder 2>&1", "mkdir: can't create directory '/data/folder': No space left on device"],
  "linux.rootfsPropagation": ["grep -cE '^([^ ]+ ){4}/ [^ ]+ shared:' /proc/self/mountinfo", "1"],
  "linux.maskedPaths": ["stat -c '%F %t:%T' /etc/group", "character special file 1:3"],
  "linux.readonlyPaths": [`${mountAt("/proc/sys")}4 | cut -d, -f1`, "ro"],
  "linux.memoryPolicy": ["cut -d' ' -f2 /proc/1/numa_maps | sort -u", "bind=static:0"],
  "linux.timeOffsets.monotonic.nanosecs": ["tr -s ' ' </proc/self/timens_offsets | head -n1", "monotonic 1000 5"],
  "linux.timeOffsets.boottime.secs": ["tr -s ' ' </proc/self/timens_offsets | tail -n1", "boottime 77 0"],
};

test("much of it at once, each as it is configured", async () => {
  using bundle = new Bundle();
  bundle.change((spec) => fill(spec, bundle.id));
  const before = machine(bundle);
  const script = Object.entries(looks).map(([path, [look]]) => `echo '${path}:' "$(${look})"`);
  const { exitCode, stdout, stderr } = await bundle.run(["sh", "-c", script.join("\n"), "name", "", "two words", "--flag"]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(linesOf(stdout)).toEqual(Object.entries(looks).map(([path, [, says]]) => `${path}: ${says}`));
  expect(machine(bundle)).toEqual(before);
});

test("all five sets of capabilities, as they are before execve", async () => {
  using bundle = new Bundle((spec) => {
    spec.process.args = ["true"];
    spec.process.capabilities = {
      bounding: ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW", "CAP_SYS_CHROOT"],
      permitted: ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"],
      effective: ["CAP_CHOWN"],
      inheritable: ["CAP_KILL", "CAP_NET_RAW"],
      ambient: ["CAP_KILL"],
    };
  });
  expect(await bundle.box(["create", bundle.id])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  const status = readFileSync(`/proc/${bundle.initPid}/status`, "utf8");
  expect(linesOf(status).filter((line) => line.startsWith("Cap"))).toEqual([
    "CapInh:\t0000000000002020",
    "CapPrm:\t0000000000002021",
    "CapEff:\t0000000000000001",
    "CapBnd:\t0000000000042021",
    "CapAmb:\t0000000000000020",
  ]);
});

test("every hook, with its words, its environment and more time than it takes", async () => {
  using bundle = new Bundle();
  const log = `${bundle.folder}/log`;
  mkdirSync(log);
  bundle.change((spec) => {
    spec.process.args = ["true"];
    spec.mounts.push({ destination: "/log", type: "bind", source: log, options: ["bind"] });
    const hook = (point: string): Hook => {
      const file = `${point === "startContainer" ? "/log" : log}/${point}`;
      return { path: "/bin/sh", args: ["sh", "-c", `echo "$0 $1 $A" >${file}`, "zero", "one"], env: [`A=${point}`], timeout: 60 };
    };
    spec.hooks = Object.fromEntries(hookPoints.map((point) => [point, [hook(point)]]));
  });
  expect(await bundle.box(["run", bundle.id])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  expect(hookPoints.map((point) => readFileSync(`${log}/${point}`, "utf8"))).toEqual(hookPoints.map((point) => `zero one ${point}\n`));
});

test("annotations are in the state, whatever their keys", async () => {
  const annotations = { "org.example.key": "value", "x y/z": "ä\n", "org.example.empty": "" };
  using bundle = new Bundle((spec) => {
    spec.process.args = ["true"];
    spec.annotations = annotations;
  });
  expect(await bundle.box(["create", bundle.id])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  const { stdout } = await bundle.box(["state", bundle.id]);
  expect(JSON.parse(stdout).annotations).toEqual(annotations);
});

for (const version of ["1.0.0", "1.0.2-dev", "1.1.0", "1.2.1", "1.3.0"])
  test(`a configuration of version ${version}`, async () => {
    using bundle = new Bundle((spec) => (spec.ociVersion = version));
    expect(await bundle.sh("hostname")).toEqual(["runc"]);
  });

test("maps of several ranges, other ones for groups", async () => {
  using bundle = new Bundle((spec) => {
    spec.linux.namespaces.push({ type: "user" });
    spec.linux.uidMappings = [
      { containerID: 0, hostID: 100000, size: 1000 },
      { containerID: 1000, hostID: 200000, size: 7 },
    ];
    spec.linux.gidMappings = [
      { containerID: 0, hostID: 100000, size: 10 },
      { containerID: 1000, hostID: 300000, size: 20 },
    ];
    spec.process.user = { uid: 1003, gid: 1005 };
    spec.mounts.push({ destination: "/own", type: "bind", source: "own", options: ["bind"] });
  });
  mkdirSync(`${bundle.folder}/own`);
  chmodSync(`${bundle.folder}/own`, 0o777);
  bundle.giveRootTo(100000);
  const lines = await bundle.sh("cat /proc/self/uid_map /proc/self/gid_map; touch /own/file; stat -c %u:%g /own/file");
  expect(lines.map((line) => line.trim().replace(/ +/g, " "))).toEqual([
    ...["0 100000 1000", "1000 200000 7", "0 100000 10", "1000 300000 20"],
    "1003:1005",
  ]);
  const { uid, gid } = statSync(`${bundle.folder}/own/file`);
  expect([uid, gid]).toEqual([200003, 300005]);
});

for (const [part, says] of [
  ["process", "process: missing: there is nothing to run"],
  ["linux", "linux.namespaces: has no mount namespace, and box makes no container without"],
] as const)
  test(`without ${part}: refused`, async () => {
    using bundle = new Bundle((spec) => {
      delete (spec as Partial<RichSpec>)[part];
      delete spec.hostname;
    });
    const before = machine(bundle);
    expect(withoutPlaces(await bundle.box(["create", bundle.id]))).toEqual({ exitCode: 1, stdout: "", stderr: `box: ${says}\n` });
    expect(machine(bundle)).toEqual(before);
  });

/** Of a list with a type that is no namespace's nothing more can be said, such as which sysctls are of the host. */
const hidesOthers = "linux.namespaces[].type";

/** Fields whose value has no parts with rules of their own: of these all can be wrong at once. */
const single = ruledFields().filter(({ path, rule }) => {
  const parts = rule.is === "list" ? rule.items : rule.is === "map" ? rule.values : rule;
  return parts.is !== "object" && parts.is !== "later" && path !== hidesOthers;
});

/** In one configuration: nobody reads more faults at a time. */
const BATCH = 40;
const batches = Array.from({ length: Math.ceil(single.length / BATCH) }, (_, index) => single.slice(index * BATCH, (index + 1) * BATCH));

for (const fields of batches)
  test(`all values that are wrong are told at once, and nothing is left: ${fields[0]?.path} and ${fields.length - 1} more`, async () => {
    using bundle = new Bundle();
    const before = machine(bundle);
    const spec = everyField();
    const expected = fields.map(({ path }) => {
      const { wrong } = fieldNotes[path as FieldPath] as Note;
      const { holder, key, words } = placeIn(spec, path);
      if (wrong[0] === undefined) delete holder[key];
      else holder[key] = wrong[0];
      return `box: ${words}${wrong[1]}`;
    });
    bundle.writeConfig(JSON.stringify(spec));
    const { exitCode, stdout, stderr } = withoutPlaces(await bundle.box(["run", bundle.id]));
    expect({ exitCode, stdout }).toEqual({ exitCode: 125, stdout: "" });
    expect(linesOf(stderr.replaceAll("\nhint: ", ", ")).sort()).toEqual(expected.sort());
    expect(machine(bundle)).toEqual(before);
  });
