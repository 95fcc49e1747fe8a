import { describe, expect, test } from "bun:test";
import { absentCalls, allowedCalls, conditionalCalls, defaultSeccomp, namesIn, refusedCalls } from "../../src/config/default-seccomp.ts";
import { usualCapabilities } from "../../src/config/embedded-spec.ts";
import { capabilities } from "../../src/linux/capabilities.ts";
import { errnoName } from "../../src/linux/errno-name.ts";
import type { Machine } from "../../src/linux/syscalls.ts";
import { allows, callsOfInit } from "../../src/seccomp/allows.ts";
import { compileSeccomp } from "../../src/seccomp/compile-seccomp.ts";
import { auditArchs, callNames, numberOf } from "../seccomp/read-profile.ts";
import { instructionsOf, refusal, runFilter } from "../seccomp/run-filter.ts";

const everything = Object.keys(capabilities);

/** What the filter says of a call: `allow`, an errno's name, or `kill`. */
function answer(
  granted: readonly string[],
  name: string,
  args: readonly number[] = [],
  abi: "X86_64" | "X86" | "AARCH64" | "ARM" = "X86_64",
): string {
  const machine: Machine = abi.startsWith("X86") ? "x64" : "arm64";
  const instructions = instructionsOf(compileSeccomp(defaultSeccomp(granted, machine), machine).filter);
  const number = numberOf(name, abi);
  if (number === undefined) throw new Error(`${abi} has no ${name}`);
  const { verdict } = runFilter(instructions, { arch: auditArchs[abi], number, args: args.map(BigInt) });
  if (verdict === 0x7fff0000) return "allow";
  return verdict >> 16 === 5 ? errnoName(verdict & 0xffff) : "kill";
}

describe("the table", () => {
  const groups = [...allowedCalls, ...refusedCalls];
  const listed = [...groups.flatMap(({ calls }) => namesIn(calls)), ...conditionalCalls, ...namesIn(absentCalls)];

  test("places every call that box knows, once", () => {
    expect(listed.filter((name, at) => listed.indexOf(name) !== at)).toEqual([]);
    expect(callNames.filter((name) => !listed.includes(name))).toEqual([]);
    expect(listed.filter((name) => !callNames.includes(name))).toEqual([]);
  });
  test("gives every group a reason, and names real capabilities", () => {
    expect(groups.filter(({ why }) => why.length < 10)).toEqual([]);
    expect(refusedCalls.flatMap(({ needs = [] }) => needs).filter((name) => !Object.hasOwn(capabilities, name))).toEqual([]);
  });
  test("is a filter of moderate size, without remarks, on both machines", () => {
    for (const machine of ["x64", "arm64"] as const)
      for (const granted of [[], usualCapabilities, everything]) {
        const { filter, notes } = compileSeccomp(defaultSeccomp(granted, machine), machine);
        expect(notes).toEqual([]);
        expect(refusal(filter)).toBeUndefined();
        expect(filter.length / 8).toBeLessThan(700);
      }
  });
  test("allows what init calls after it has loaded the filter", () => expect(allows(defaultSeccomp([], "x64"), callsOfInit)).toBe(true));
});

describe("a container with the usual capabilities", () => {
  const check = (name: string, args: readonly number[], expected: string): void =>
    test(`${name}(${args.map((value) => `0x${value.toString(16)}`).join(", ")}): ${expected}`, () =>
      expect(answer(usualCapabilities, name, args)).toBe(expected));

  check("read", [], "allow");
  check("execve", [], "allow");
  check("chroot", [], "allow");
  check("ptrace", [], "allow");
  for (const name of ["mount", "fsopen", "setns", "bpf", "keyctl", "add_key", "userfaultfd", "io_uring_setup", "init_module"])
    check(name, [], "EPERM");
  for (const name of ["kexec_load", "reboot", "open_by_handle_at", "clock_settime", "syslog", "acct", "perf_event_open", "mbind"])
    check(name, [], "EPERM");
  for (const name of ["uselib", "ustat", "nfsservctl"]) check(name, [], "ENOSYS");

  // SIGCHLD; pthread_create's flags; each kind of namespace.
  check("clone", [17], "allow");
  check("clone", [0x3d0f00], "allow");
  for (const flag of [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000]) {
    check("clone", [flag + 17], "EPERM");
    check("unshare", [flag], "EPERM");
  }
  check("unshare", [0x80], "EPERM");
  check("unshare", [0x600], "allow");
  check("clone3", [], "ENOSYS");

  for (const family of [1, 2, 10, 16]) check("socket", [family, 1], "allow");
  // AF_PACKET, AF_RDS, AF_CAN, AF_TIPC, AF_BLUETOOTH, AF_ALG, AF_VSOCK, AF_XDP, none; the kernel drops what is above 32 bits.
  for (const family of [17, 21, 29, 30, 31, 38, 40, 44, 99, 2 ** 32 + 38]) check("socket", [family, 1], "EAFNOSUPPORT");
  check("socketpair", [1], "allow");
  check("socketpair", [30], "EAFNOSUPPORT");

  check("ioctl", [0, 0x5401], "allow");
  check("ioctl", [0, 0x5412], "EPERM");
  check("ioctl", [0, 0x541c], "EPERM");
  check("ioctl", [0, 2 ** 32 + 0x5412], "EPERM");

  for (const persona of [0, 8, 0x20000, 0x20008, 0xffffffff]) check("personality", [persona], "allow");
  // ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC.
  for (const persona of [0x40000, 0x400000]) check("personality", [persona], "EPERM");
});

test("a call that is newer than the table does not exist", () => {
  const { filter } = compileSeccomp(defaultSeccomp(everything, "x64"), "x64");
  expect(runFilter(instructionsOf(filter), { arch: auditArchs.X86_64, number: 999, args: [] }).verdict).toBe(0x50000 + 38);
});

test("capabilities let through what they are for", () => {
  const opened = (capability: string): string[] =>
    ["mount", "setns", "clone3", "bpf", "reboot", "syslog", "init_module", "kcmp"].filter((name) => answer([capability], name) === "allow");
  expect(
    Object.fromEntries(
      ["SYS_ADMIN", "BPF", "SYS_BOOT", "SYSLOG", "SYS_MODULE", "SYS_PTRACE", "NET_ADMIN"].map((name) => [name, opened(`CAP_${name}`)]),
    ),
  ).toEqual({
    SYS_ADMIN: ["mount", "setns", "clone3", "bpf"],
    BPF: ["bpf"],
    SYS_BOOT: ["reboot"],
    SYSLOG: ["syslog"],
    SYS_MODULE: ["init_module"],
    SYS_PTRACE: ["kcmp"],
    NET_ADMIN: [],
  });
  expect(answer(["CAP_SYS_ADMIN"], "unshare", [0x10000000])).toBe("allow");
  expect(answer(["CAP_NET_RAW"], "socket", [17])).toBe("allow");
});

test("some are refused whatever is granted", () =>
  expect(["kexec_load", "keyctl", "userfaultfd", "io_uring_setup", "modify_ldt"].map((name) => answer(everything, name))).toEqual([
    "EPERM",
    "EPERM",
    "EPERM",
    "EPERM",
    "EPERM",
  ]));

test("programs of 32 bits are held to the same, without the call that hides what it does", () => {
  expect(answer(usualCapabilities, "socketcall", [1], "X86")).toBe("EPERM");
  expect(answer(usualCapabilities, "socket", [38], "X86")).toBe("EAFNOSUPPORT");
  expect(answer(usualCapabilities, "socket", [2], "X86")).toBe("allow");
  expect(answer(usualCapabilities, "mount", [], "X86")).toBe("EPERM");
  expect(answer(usualCapabilities, "ipc", [], "X86")).toBe("allow");
  expect(answer(usualCapabilities, "socket", [38], "ARM")).toBe("EAFNOSUPPORT");
  expect(answer(usualCapabilities, "clone", [0x10000000], "AARCH64")).toBe("EPERM");
});
