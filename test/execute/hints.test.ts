import { describe, expect, test } from "bun:test";
import { hintFor } from "../../src/execute/hints.ts";
import type { Flag } from "../../src/linux/flags.ts";
import { newSlot, newVariables, step } from "../../src/tape/step.ts";

describe("limits", () => {
  const folder = "/sys/fs/cgroup/memory/web";
  const variables = newVariables();
  const open = (file: string) => step("openat", ["AT_FDCWD", `${folder}/${file}`, ["O_WRONLY"], 0], "memory.limit", "limit memory");
  const write = (file: string) => step("write", [newSlot(variables, "fd", `${folder}/${file}`), "5", 1], "memory.limit", "limit memory");
  for (const [one, errno, hint] of [
    [open("memory.max"), "ENOENT", "the memory controller is not enabled in this cgroup"],
    [open("cpuset.cpus"), "ENOENT", "the cpuset controller is not enabled in this cgroup"],
    [open("memory.memsw.limit_in_bytes"), "ENOENT", "this kernel does not count swap for cgroups"],
    [open("hugetlb.2MB.max"), "ENOENT", undefined],
    [open("memory.max"), "EACCES", undefined],
    [write("memory.limit_in_bytes"), "EBUSY", "the container uses more than that now"],
    [write("memory.limit_in_bytes"), "EINVAL", "the limit on memory and swap together, memory.swap, is lower than that"],
    [write("memory.memsw.limit_in_bytes"), "EINVAL", "it counts memory and swap together, so it is at least memory.limit"],
    [write("memory.swappiness"), "EINVAL", undefined],
    [write("cpu.cfs_quota_us"), "EINVAL", undefined],
  ] as const)
    test(`${one.call} ${one.call === "openat" ? one.args[1] : "into"}: ${errno}: ${hint}`, () =>
      expect(hintFor(one, errno, "")).toBe(hint as string));
});

describe("devices", () => {
  const origin = "linux.resources.devices";
  const write = (line: string, why: string) => step("write", [7, line, line.length], origin, why);
  const load = step("bpf", [["BPF_PROG_LOAD"], null, 0], origin, "load the filter of devices");

  test("what the cgroup above denies", () =>
    expect(hintFor(write("c 1:11 r", "allow the devices c 1:11 r"), "EPERM", "")).toBe(
      "the cgroup above the container's does not allow it either",
    ));
  test("the first line may fail for want of rights", () => {
    expect(hintFor(write("a", "allow the devices *:* rwm"), "EPERM", "")).toBeUndefined();
    expect(hintFor(write("a", "deny the devices *:* rwm"), "EPERM", "")).toBeUndefined();
  });
  test("the verifier's last word", () => {
    const log = "0: (61) r2 = *(u32 *)(r1 +16)\ninvalid bpf_context access off=16 size=4\nprocessed 1 insns (limit 1000000)\n";
    expect(hintFor(load, "EACCES", log)).toBe("the kernel says: invalid bpf_context access off=16 size=4");
  });
  test("no verifier, no word", () => expect(hintFor(load, "EPERM", "")).toBeUndefined());
});

describe("an agent of system calls, and its filter", () => {
  const variables = newVariables();
  const origin = "linux.seccomp.listenerPath";
  const connect = step("connect", [newSlot(variables, "fd", "socket"), null, 3], origin, "connect to the agent");
  const clone = step("clone3", [null, 88], origin, "make a thread");
  const load = (...flags: Flag<"SECCOMP_FILTER">[]) =>
    step("seccomp", [["SECCOMP_SET_MODE_FILTER"], flags, null], "linux.seccomp", "filter system calls");
  for (const [one, errno, hint] of [
    [connect, "ENOENT", "no agent listens there"],
    [connect, "ECONNREFUSED", "no agent listens there"],
    [connect, "EAGAIN", "the agent has taken no connection for ten seconds"],
    [connect, "EACCES", undefined],
    [clone, "EAGAIN", "it counts as one more process, for linux.resources.pids too"],
    [clone, "ENOMEM", undefined],
    [load("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"), "EINVAL", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV came with Linux 5.19"],
    [load("SECCOMP_FILTER_FLAG_LOG"), "EINVAL", undefined],
    [load("SECCOMP_FILTER_FLAG_NEW_LISTENER"), "EBUSY", "box has been started under a filter with an agent, and there can be one only"],
  ] as const)
    test(`${one.call}: ${errno}: ${hint}`, () => expect(hintFor(one, errno, "")).toBe(hint as string));
});

describe("security labels", () => {
  const write = (origin: string, text: string) => step("write", [7, text, text.length], origin, "label it");
  for (const [one, errno, hint] of [
    [
      write("process.apparmorProfile", "exec no such"),
      "ENOENT",
      "the kernel has no profile of that name: apparmor_parser --replace FILE loads those of a file",
    ],
    [
      write("process.apparmorProfile", "exec web server"),
      "EACCES",
      'the AppArmor profile that box itself runs under does not allow it: it lacks the rule "change_profile -> web server,"',
    ],
    [
      write("process.apparmorProfile", "stack web"),
      "EACCES",
      'the AppArmor profile that box itself runs under does not allow it: it lacks the rule "change_profile -> &web,"',
    ],
    [write("process.apparmorProfile", "exec web"), "EINVAL", undefined],
    [write("process.selinuxLabel", "a:b"), "EINVAL", "the SELinux policy that is loaded knows no such context"],
    [write("process.selinuxLabel", "a:b"), "EACCES", "the SELinux policy does not allow it to what box runs as"],
    [write("process.selinuxLabel", "a:b"), "ENOENT", undefined],
  ] as const)
    test(`${one.args[1]}: ${errno}`, () => expect(hintFor(one, errno, "")).toBe(hint as string));

  test("a context of mounts that there is not, where nothing else is wrong", () => {
    const origin = "linux.mountLabel";
    const told = step("fsconfig", [7, ["FSCONFIG_SET_STRING"], "context", "a:b", 0], origin, "label it");
    const set = step("fsetxattr", [7, "security.selinux", "a:b", 3, 0], origin, "label it");
    expect(hintFor(told, "EINVAL", "")).toBe("the SELinux policy that is loaded knows no such context");
    expect([hintFor(told, "EACCES", ""), hintFor(set, "EINVAL", "")]).toEqual([undefined, undefined]);
    const long = step("fsconfig", [7, ["FSCONFIG_SET_STRING"], "context", "a".repeat(256), 0], origin, "label it");
    expect(hintFor(long, "EINVAL", "")).toBe("fsconfig(2) takes a label of at most 255 bytes");
  });

  const open = (origin: string) => step("openat2", [7, "sys/net/a", { struct: "open_how" }, 24], origin, "set it");
  test("why a profile of box's own gets in the way of its procfs", () => {
    const confined = () => "lxc-container (enforce)";
    for (const origin of ["linux.sysctl.a", "process.apparmorProfile", "process.selinuxLabel"])
      expect(hintFor(open(origin), "EACCES", "", confined)).toBe(
        "box itself runs under the AppArmor profile lxc-container (enforce), whose rules meet a path of box's own procfs without its /proc: one that denies /sys/… stops a sysctl",
      );
    expect(hintFor(open("linux.sysctl.a"), "EACCES", "", () => undefined)).toBeUndefined();
    expect(hintFor(open("mounts[0]"), "EACCES", "", confined)).toBeUndefined();
  });
});
