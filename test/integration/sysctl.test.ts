// linux.sysctl: values of the container's own namespaces, and none of the host's.

import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { Bundle, type RichSpec, testWith } from "./harness.ts";

const test = testWith();
const sysctls =
  (values: Record<string, string>) =>
  (spec: RichSpec): void => {
    spec.linux.sysctl = values;
  };
const hosts = (name: string): string => readFileSync(`/proc/sys/${name}`, "utf8");

test("of network, ipc and uts, and the host keeps its own", async () => {
  using bundle = new Bundle(
    sysctls({
      "net.ipv4.ip_unprivileged_port_start": "81",
      "net/ipv4/conf/lo/rp_filter": "2",
      "kernel.msgmax": "4097",
      "kernel.shm_rmid_forced": "1",
      "fs.mqueue.msg_max": "11",
      "kernel.domainname": "example.org",
    }),
  );
  const files = [
    "net/ipv4/ip_unprivileged_port_start",
    "net/ipv4/conf/lo/rp_filter",
    "kernel/msgmax",
    "kernel/shm_rmid_forced",
    "fs/mqueue/msg_max",
    "kernel/domainname",
  ];
  const before = files.map(hosts);
  expect(await bundle.sh(`cd /proc/sys; cat ${files.join(" ")}`)).toEqual(["81", "2", "4097", "1", "11", "example.org"]);
  expect(files.map(hosts)).toEqual(before);
});

test("without a /proc in the container", async () => {
  using bundle = new Bundle(sysctls({ "kernel.domainname": "example.org" }));
  bundle.change((spec) => {
    spec.mounts = spec.mounts.filter(({ type }) => type !== "proc");
    spec.linux.maskedPaths = [];
    spec.linux.readonlyPaths = [];
    for (const set of ["bounding", "permitted", "effective"] as const) spec.process.capabilities[set]?.push("CAP_SYS_ADMIN");
  });
  expect(await bundle.sh("ls /proc | wc -l; mount -t proc proc /proc; cat /proc/sys/kernel/domainname")).toEqual(["0", "example.org"]);
});

test("in a user namespace", async () => {
  using bundle = new Bundle(sysctls({ "net.ipv4.ping_group_range": "0 0", "kernel.shmmni": "100", "user.max_user_namespaces": "7" }));
  bundle.change((spec) => {
    spec.linux.namespaces.push({ type: "user" });
    spec.linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
    spec.linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
  });
  bundle.giveRootTo(100000);
  expect(await bundle.sh("cd /proc/sys; cat net/ipv4/ping_group_range kernel/shmmni user/max_user_namespaces | tr '\\t' ' '")).toEqual([
    "0 0",
    "100",
    "7",
  ]);
});

test("in a user namespace that may make no procfs", async () => {
  using bundle = new Bundle(sysctls({ "net.ipv4.ip_unprivileged_port_start": "81" }));
  bundle.change((spec) => {
    // The host's pid namespace is not of the new user namespace, and a procfs is of both.
    spec.linux.namespaces = spec.linux.namespaces.filter(({ type }) => type !== "pid");
    spec.linux.namespaces.push({ type: "user" });
    spec.linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
    spec.linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
    spec.mounts = [{ destination: "/proc", type: "bind", source: "/proc", options: ["rbind"] }];
    spec.linux.maskedPaths = [];
    spec.linux.readonlyPaths = [];
  });
  bundle.giveRootTo(100000);
  expect(await bundle.sh("cat /proc/sys/net/ipv4/ip_unprivileged_port_start")).toEqual(["81"]);
});

test("of a network namespace that is joined", async () => {
  using target = new Bundle();
  using running = await target.startSh("echo ready; exec sleep 1000");
  expect(running.pid).toBeGreaterThan(0);
  using bundle = new Bundle(sysctls({ "net.ipv4.ip_unprivileged_port_start": "82" }));
  bundle.change((spec) => {
    spec.linux.namespaces = spec.linux.namespaces.map((one) =>
      one.type === "network" ? { ...one, path: `/proc/${target.initPid}/ns/net` } : one,
    );
  });
  expect(await bundle.sh("cat /proc/sys/net/ipv4/ip_unprivileged_port_start")).toEqual(["82"]);
});

test("of the host's network is refused, also when it is joined by a path", async () => {
  using bundle = new Bundle(sysctls({ "net.ipv4.ip_forward": "0" }));
  const path = `/proc/${process.pid}/ns/net`;
  bundle.change((spec) => {
    spec.linux.namespaces = spec.linux.namespaces.map((one) => (one.type === "network" ? { ...one, path } : one));
  });
  const before = hosts("net/ipv4/ip_forward");
  expect(await bundle.run(["true"])).toEqual({
    exitCode: 125,
    stdout: "",
    stderr: `box: linux.sysctl["net.ipv4.ip_forward"]: cannot set net.ipv4.ip_forward: the network namespace ${path} is the host's\n`,
  });
  expect(hosts("net/ipv4/ip_forward")).toBe(before);
});

test("that this kernel does not have", async () => {
  using bundle = new Bundle(sysctls({ "net.ipv4.no_such_thing": "0" }));
  const { exitCode, stderr } = await bundle.run(["true"]);
  expect({ exitCode, stderr }).toEqual({
    exitCode: 125,
    stderr:
      'box: linux.sysctl["net.ipv4.no_such_thing"]: cannot set net.ipv4.no_such_thing to "0": openat2(procfs, "sys/net/ipv4/no_such_thing", {flags: O_WRONLY|O_CLOEXEC, resolve: RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS|RESOLVE_NO_XDEV}, 24): ENOENT (no such file or directory)\n' +
      "hint: this kernel has no such sysctl\n",
  });
});

test("a value that the kernel does not take", async () => {
  using bundle = new Bundle(sysctls({ "net.ipv4.ip_forward": "much" }));
  const { exitCode, stderr } = await bundle.run(["true"]);
  expect({ exitCode, stderr }).toEqual({
    exitCode: 125,
    stderr:
      'box: linux.sysctl["net.ipv4.ip_forward"]: cannot set net.ipv4.ip_forward to "much": write(sys/net/ipv4/ip_forward, "much", 4): EINVAL (invalid argument)\n',
  });
});
