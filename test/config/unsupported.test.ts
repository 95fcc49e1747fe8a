import { expect, test } from "bun:test";
import { checkSpec } from "../../src/config/check-spec.ts";
import { defaultSpec } from "../../src/config/default-spec.ts";
import type { Linux, Process, Spec } from "../../src/config/spec.ts";
import { checkSupported } from "../../src/config/unsupported.ts";
import { dockerConfig, podmanConfig } from "./client-configs.ts";
import { faultLines } from "./print-faults.ts";

const lines = (value: unknown): string[] => faultLines(() => checkSupported(checkSpec(value)));

function withSpec(fields: Partial<Spec>, ...expected: string[]): void {
  expect(lines({ ...defaultSpec(), ...fields })).toEqual(expected);
}
function withProcess(fields: Partial<Process>, ...expected: string[]): void {
  const spec = defaultSpec();
  expect(lines({ ...spec, process: { ...spec.process, ...fields } })).toEqual(expected);
}
function withLinux(fields: Partial<Linux>, ...expected: string[]): void {
  const spec = defaultSpec();
  expect(lines({ ...spec, linux: { ...spec.linux, ...fields } })).toEqual(expected);
}

test("the default is supported", () => withSpec({}));
test("console size is", () => withProcess({ consoleSize: { height: 1, width: 1 } }));
test("what asks for nothing", () =>
  withLinux({
    sysctl: {},
    devices: [],
    netDevices: {},
    resources: { memory: { disableOOMKiller: false }, cpu: {}, network: { priorities: [] }, blockIO: { weightDevice: [] } },
  }));
test("hooks are, at every point", () => {
  const hooks = [{ path: "/h", timeout: 1 }];
  withSpec({
    hooks: {
      prestart: hooks,
      createRuntime: hooks,
      createContainer: hooks,
      startContainer: hooks,
      poststart: hooks,
      poststop: hooks,
    },
  });
});

test("seccomp is, with an agent too", () =>
  withLinux({
    seccomp: {
      defaultAction: "SCMP_ACT_ALLOW",
      listenerPath: "/run/a",
      syscalls: [
        { names: ["a"], action: "SCMP_ACT_ERRNO" },
        { names: ["b"], action: "SCMP_ACT_NOTIFY" },
      ],
    },
  }));
test("sysctl and devices are", () => withLinux({ sysctl: { "net.a": "1" }, devices: [{ path: "/dev/p", type: "p" }] }));
test("netDevices are", () => withLinux({ netDevices: { eth0: { name: "a" } } }));
test("mountLabel is", () => withLinux({ mountLabel: "a:b" }));
test("intelRdt is", () => withLinux({ intelRdt: { closID: "a" } }));
test("memoryPolicy is", () => withLinux({ memoryPolicy: { mode: "MPOL_LOCAL" } }));
test("personality is, without flags", () => {
  withLinux({ personality: { domain: "LINUX32", flags: [] } });
  withLinux(
    { personality: { domain: "LINUX32", flags: ["ADDR_NO_RANDOMIZE"] } },
    "linux.personality.flags: this version of the runtime spec knows none",
  );
});
test("a time namespace is", () =>
  withLinux({ namespaces: [{ type: "mount" }, { type: "uts" }, { type: "time" }], timeOffsets: { boottime: { secs: 1 } } }));
test("no mount namespace", () =>
  withLinux({ namespaces: [{ type: "uts" }] }, "linux.namespaces: has no mount namespace, and box makes no container without"));

test("resources are", () =>
  withLinux({
    resources: {
      devices: [
        { allow: false, access: "rwm" },
        { allow: true, access: "rwm", type: "c", major: 1 },
      ],
      memory: { limit: 1 },
      cpu: { cpus: "0" },
      pids: { limit: 1 },
      blockIO: { weight: 10 },
      hugepageLimits: [{ pageSize: "2MB", limit: 0 }],
      network: { classID: 1 },
      rdma: { a: { hcaHandles: 1 } },
      unified: { "memory.max": "1" },
    },
  }));

test("apparmorProfile and selinuxLabel are", () => withProcess({ apparmorProfile: "a", selinuxLabel: "a" }));
test("oomScoreAdj is", () => withProcess({ oomScoreAdj: 0 }));
test("scheduler, ioPriority and execCPUAffinity are", () =>
  withProcess({
    scheduler: { policy: "SCHED_IDLE" },
    ioPriority: { class: "IOPRIO_CLASS_BE", priority: 0 },
    execCPUAffinity: { final: "0" },
  }));

test("every mount is", () => {
  const one = [{ containerID: 0, hostID: 0, size: 1 }];
  const plain = { destination: "/a", type: "tmpfs" };
  withSpec({
    mounts: [
      { ...plain, uidMappings: one, gidMappings: one, options: ["ro", "idmap"] },
      { ...plain, options: ["tmpcopyup"] },
    ],
  });
});

test("all at once, as the clients ask today", () => {
  expect(lines(podmanConfig())).toEqual([]);
  expect(lines(dockerConfig())).toEqual([]);
});
