import { describe, expect, test } from "bun:test";
import { errorLines } from "../../src/cli/report-error.ts";
import type { DeviceRule } from "../../src/config/spec.ts";
import { BoxError } from "../../src/errors.ts";
import type { CgroupFacts, HostFacts } from "../../src/host/facts.ts";
import { calls, cgroupLayouts, planWith, section, userFacts } from "./plan-for.ts";

const heading = "box: state, cgroups and the child";
const denyAll: DeviceRule = { allow: false, access: "rwm" };
const both: CgroupFacts = { ...cgroupLayouts.hybrid, v1: [...cgroupLayouts.hybrid.v1, ...cgroupLayouts.v1.v1] };
const steps = (facts: Partial<HostFacts>, devices?: DeviceRule[]): string[] =>
  calls(planWith({ facts, linux: { resources: devices === undefined ? {} : { devices } } }), heading).split("\n");
/** From the first step that is about devices to the clone. */
const limits = (...args: Parameters<typeof steps>): string[] => {
  const all = steps(...args);
  const first = all.findIndex((line) => line.startsWith("rt_sigprocmask"));
  return all.slice(
    first + 1,
    all.findIndex((line) => line.startsWith("clone3")),
  );
};

test("v1: lines for the devices controller", () => {
  expect(
    limits({ cgroups: cgroupLayouts.v1 }, [denyAll, { allow: true, type: "c", major: 1, minor: 11, access: "r" }]).join("\n"),
  ).toMatchInlineSnapshot(`
    "openat(AT_FDCWD, "/sys/fs/cgroup/devices/web/devices.deny", O_WRONLY|O_CLOEXEC, 0) → file of the devices controller
    write(file of the devices controller, "a", 1)
    close(file of the devices controller)
    openat(AT_FDCWD, "/sys/fs/cgroup/devices/web/devices.allow", O_WRONLY|O_CLOEXEC, 0) → file of the devices controller
    write(file of the devices controller, "c 1:3 rwm", 9)
    write(file of the devices controller, "c 1:5 rwm", 9)
    write(file of the devices controller, "c 1:7 rwm", 9)
    write(file of the devices controller, "c 1:8 rwm", 9)
    write(file of the devices controller, "c 1:9 rwm", 9)
    write(file of the devices controller, "c 1:11 rm", 9)
    write(file of the devices controller, "c 5:0 rwm", 9)
    write(file of the devices controller, "c 5:2 rwm", 9)
    write(file of the devices controller, "c 10:200 rwm", 12)
    write(file of the devices controller, "c 136:* rwm", 11)
    write(file of the devices controller, "c *:* m", 7)
    write(file of the devices controller, "b *:* m", 7)
    close(file of the devices controller)"
  `);
});

test("v1: all is allowed", () => {
  expect(limits({ cgroups: cgroupLayouts.v1 }, [{ allow: true, access: "rwm" }]).join("\n")).toMatchInlineSnapshot(`
    "openat(AT_FDCWD, "/sys/fs/cgroup/devices/web/devices.allow", O_WRONLY|O_CLOEXEC, 0) → file of the devices controller
    write(file of the devices controller, "a", 1)
    close(file of the devices controller)"
  `);
});

test("v2: a filter, and what the kernel says when it takes none", () => {
  const lines = section(planWith({}), heading).split("\n");
  const first = lines.findIndex((line) => line.startsWith("compute the container's cgroup"));
  expect(
    lines
      .slice(
        first,
        lines.findIndex((line) => line.startsWith("clone3")),
      )
      .join("\n"),
  ).toMatchInlineSnapshot(`
    "compute the container's cgroup → cgroup
            linux.resources.devices: name the cgroup
    bpf(BPF_PROG_LOAD, {prog_type: BPF_PROG_TYPE_CGROUP_DEVICE, insn_cnt: 64, insns: &device filter, license: "Apache-2.0"}, 40) → filter of devices
            linux.resources.devices: load the filter of devices
        [EINVAL] bpf(BPF_PROG_LOAD, {prog_type: BPF_PROG_TYPE_CGROUP_DEVICE, insn_cnt: 64, insns: &device filter, license: "Apache-2.0", log_level: 1, log_size: 2048, log_buf: &verifier's log}, 40) → filter of devices
                linux.resources.devices: load it again for the kernel's reasons
        [EACCES] bpf(BPF_PROG_LOAD, {prog_type: BPF_PROG_TYPE_CGROUP_DEVICE, insn_cnt: 64, insns: &device filter, license: "Apache-2.0", log_level: 1, log_size: 2048, log_buf: &verifier's log}, 40) → filter of devices
                linux.resources.devices: load it again for the kernel's reasons
    compute cgroup and filter → attachment's cgroup and filter
            linux.resources.devices: name both
    bpf(BPF_PROG_ATTACH, &attachment {attach_type: BPF_CGROUP_DEVICE, attach_flags: BPF_F_ALLOW_MULTI}, 16)
            linux.resources.devices: attach the filter of devices to the container's cgroup"
  `);
});

test("v2 before Linux 5.12: the limit on locked memory is lifted for the filter", () => {
  const lines = section(planWith({ facts: { mountSetattr: false } }), heading).split("\n");
  expect(lines.filter((line) => line.includes("[EPERM]")).join("\n")).toMatchInlineSnapshot(`
    "    [EPERM] prlimit64(0, RLIMIT_MEMLOCK, {rlim_cur: 18446744073709551615, rlim_max: 18446744073709551615}, &limit on locked memory)
        [EPERM] bpf(BPF_PROG_LOAD, {prog_type: BPF_PROG_TYPE_CGROUP_DEVICE, insn_cnt: 64, insns: &device filter, license: "Apache-2.0"}, 40) → filter of devices
        [EPERM] prlimit64(0, RLIMIT_MEMLOCK, &limit on locked memory, NULL)"
  `);
});

describe("where the rules go", () => {
  const kind = (facts: Partial<HostFacts>, devices?: DeviceRule[]): string[] =>
    limits(facts, devices)
      .map((line) => /^bpf\(\w+|"\/sys[^"]*"/.exec(line)?.[0])
      .filter((found) => found !== undefined);
  const filter = ["bpf(BPF_PROG_LOAD", "bpf(BPF_PROG_ATTACH"];

  test("without any rules to the same place", () => expect(kind({})).toEqual(filter));
  test("v1 beside v2: to the devices controller alone", () =>
    expect(kind({ cgroups: both })).toEqual(['"/sys/fs/cgroup/devices/web/devices.deny"', '"/sys/fs/cgroup/devices/web/devices.allow"']));
  test("v1 without the controller beside v2: a filter", () => expect(kind({ cgroups: cgroupLayouts.hybrid })).toEqual(filter));
});

describe("without the right to", () => {
  const note = "devices are not limited: only root outside of any user namespace may do that";
  const cgroups = cgroupLayouts.v2;
  for (const [title, facts] of [
    ["a user's, with a cgroup", { ...userFacts, cgroups }],
    ["root's of a user namespace", { inUserNamespace: true }],
  ] as const)
    test(title, () => {
      expect(limits(facts, [denyAll])).toEqual([]);
      expect(planWith({ facts, process: { capabilities: {} } }).notes).toContain(note);
    });
  test("without a cgroup there is no place for them", () => {
    expect(limits({ cgroups: cgroupLayouts.none })).toEqual([]);
    expect(planWith({ facts: { cgroups: cgroupLayouts.none }, process: { capabilities: {} } }).notes).not.toContain(note);
  });
});

describe("refused", () => {
  const refusal = (facts: Partial<HostFacts>, devices: DeviceRule[]): string[] => {
    try {
      limits(facts, devices);
    } catch (error) {
      if (error instanceof BoxError) return errorLines(error);
      throw error;
    }
    return [];
  };
  const hole: DeviceRule[] = [
    { allow: true, access: "rwm" },
    { allow: false, type: "c", major: 1, access: "rw" },
  ];

  test("rules that v1 has no words for", () => {
    expect(refusal({ cgroups: cgroupLayouts.v1 }, hole)).toEqual([
      "box: linux.resources.devices: cgroup v1 cannot allow c 1:3 rw, since c 1:* rw is denied",
    ]);
    expect(refusal({}, hole)).toEqual([]);
  });
  test("a host with nothing to limit devices with", () =>
    expect(refusal({ cgroups: { ...cgroupLayouts.hybrid, v2: undefined } }, [denyAll])).toEqual([
      "box: linux.resources.devices: cannot limit devices: this host has neither cgroup v2 nor the devices controller of cgroup v1",
    ]));
});
