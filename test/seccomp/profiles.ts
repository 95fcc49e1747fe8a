// Profiles to compile in tests: podman's as Debian installs it, one with what Docker's default has in it, and random ones.

import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import type { Seccomp, SeccompAction, SeccompArgument, SeccompOperator, SeccompRule } from "../../src/config/spec.ts";
import { callNames } from "./read-profile.ts";

const podmanFile = "/usr/share/containers/seccomp.json";

type PodmanRule = SeccompRule & { readonly includes?: Conditions; readonly excludes?: Conditions };
type Conditions = { readonly arches?: readonly string[]; readonly caps?: readonly string[] };

/** What podman makes of its file for a container on x86-64 without capabilities; undefined, and said, without the file. */
export function readPodmanProfile(): Seccomp | undefined {
  if (!existsSync(podmanFile)) {
    process.stderr.write(`SKIPPED: podman's seccomp profile: this machine lacks ${podmanFile}\n`);
    return undefined;
  }
  const { defaultAction, defaultErrnoRet, syscalls }: { syscalls: PodmanRule[] } & Seccomp = JSON.parse(readFileSync(podmanFile, "utf8"));
  const applies = ({ includes = {} }: PodmanRule): boolean =>
    includes.caps === undefined && (includes.arches === undefined || includes.arches.includes("amd64"));
  const rules = syscalls.filter(applies).map(({ names, action, errnoRet, args }): SeccompRule => {
    return { names, action, args: args ?? [], ...(errnoRet === undefined ? {} : { errnoRet }) };
  });
  return {
    defaultAction,
    ...(defaultErrnoRet === undefined ? {} : { defaultErrnoRet }),
    architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    syscalls: rules,
  };
}

/** What a list of allowed calls leaves out, besides what has conditions below. */
const denied = ` acct add_key bpf clock_adjtime clock_settime clone clone3 create_module delete_module finit_module fsopen fsmount
  init_module kcmp kexec_load keyctl mount move_mount nfsservctl open_by_handle_at perf_event_open personality pivot_root
  process_vm_readv ptrace quotactl reboot request_key setns settimeofday socket socketcall stime swapoff swapon sysfs umount
  umount2 unshare userfaultfd ustat vm86 vm86old`.split(/\s+/);

const equal = (index: number, value: number): SeccompArgument => ({ index, value, op: "SCMP_CMP_EQ" });

/** In the manner of Docker's: EPERM, a long list of allowed names, and conditions on clone, personality and socket. */
export function dockerLikeProfile(architectures: string[]): Seccomp {
  const namespaces = 0x7e020000;
  const unnewer = callNames.filter((name) => !denied.includes(name) && !/^(file_|listns|rseq_|open_tree_attr)/.test(name));
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 1,
    architectures,
    syscalls: [
      { names: unnewer, action: "SCMP_ACT_ALLOW" },
      ...[0x0, 0x8, 0x20000, 0x20008, 0xffffffff].map(
        (value): SeccompRule => ({ names: ["personality"], action: "SCMP_ACT_ALLOW", args: [equal(0, value)] }),
      ),
      { names: ["socket"], action: "SCMP_ACT_ALLOW", args: [{ index: 0, value: 40, op: "SCMP_CMP_NE" }] },
      { names: ["clone"], action: "SCMP_ACT_ALLOW", args: [{ index: 0, value: namespaces, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }] },
      { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38 },
    ],
  };
}

const actions: readonly SeccompAction[] = [
  ...(["SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP", "SCMP_ACT_ERRNO"] as const),
  ...(["SCMP_ACT_TRACE", "SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY"] as const),
];
const operators: readonly SeccompOperator[] = [
  ...(["SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ"] as const),
];

/** Few names and few values, so that rules meet; some above 32 bits, and some that only digits say exactly. */
const value = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(0, 1, 2, 9, 40, 0x7e020000, 0xffffffff, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1) },
  { weight: 2, arbitrary: fc.maxSafeNat() },
  { weight: 1, arbitrary: fc.constantFrom("9007199254740993", "9007199254740994", "9223372036854775809", "18446744073709551615") },
);
const argument = fc.record(
  { index: fc.nat(2), value, valueTwo: value, op: fc.constantFrom(...operators) },
  { requiredKeys: ["index", "value", "op"] },
) as fc.Arbitrary<SeccompArgument>;
const name = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom("read", "write", "clone", "socket", "bind", "socketcall", "ipc", "semop", "cacheflush") },
  { weight: 2, arbitrary: fc.constantFrom(...callNames, "no_such_call", "toString") },
);
const returnsErrno = (action: SeccompAction): boolean => action === "SCMP_ACT_ERRNO" || action === "SCMP_ACT_TRACE";
const rule = fc
  .record(
    {
      names: fc.array(name, { minLength: 1, maxLength: 6 }),
      action: fc.constantFrom(...actions),
      errnoRet: fc.constantFrom(1, 13, 38),
      args: fc.array(argument, { maxLength: 3 }),
    },
    { requiredKeys: ["names", "action"] },
  )
  .map(({ errnoRet, ...given }) =>
    errnoRet !== undefined && returnsErrno(given.action as SeccompAction) ? { ...given, errnoRet } : given,
  ) as fc.Arbitrary<SeccompRule>;

export const randomProfile = fc
  .record(
    {
      defaultAction: fc.constantFrom(...actions),
      defaultErrnoRet: fc.constantFrom(1, 13, 38),
      architectures: fc.subarray(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]),
      syscalls: fc.array(rule, { maxLength: 12 }),
    },
    { requiredKeys: ["defaultAction"] },
  )
  .map(({ defaultErrnoRet, ...given }) => ({
    ...given,
    // Only some ask it.
    listenerPath: "/run/agent",
    ...(defaultErrnoRet !== undefined && returnsErrno(given.defaultAction as SeccompAction) ? { defaultErrnoRet } : {}),
  })) as fc.Arbitrary<Seccomp>;

/** Numbers from a seed: xorshift. */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
