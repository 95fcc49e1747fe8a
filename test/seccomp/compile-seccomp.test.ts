import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { defaultSeccomp } from "../../src/config/default-seccomp.ts";
import type { Seccomp, SeccompArgument, SeccompOperator, SeccompRule } from "../../src/config/spec.ts";
import { BoxError } from "../../src/errors.ts";
import type { Flag } from "../../src/linux/flags.ts";
import type { Machine } from "../../src/linux/syscalls.ts";
import { compileSeccomp } from "../../src/seccomp/compile-seccomp.ts";
import { expectAgreement, hex, randomCall } from "./expect-agreement.ts";
import { compileByLibseccomp, knows, openLibseccomp } from "./libseccomp.ts";
import { canLoad, compileLoader, type Loader } from "./load-filter.ts";
import { dockerLikeProfile, randomFrom, randomProfile, readPodmanProfile } from "./profiles.ts";
import { auditArchs, numberOf } from "./read-profile.ts";
import { type Call, instructionsOf, runFilter } from "./run-filter.ts";

const allX64 = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"];
const allArm64 = ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"];

const podman = readPodmanProfile();

/** Two cores for all tests: one second alone can be ten. */
const timeoutMs = 60_000;

describe("a filter agrees with its profile on 100,000 calls", () => {
  test.skipIf(podman === undefined)("podman's", () => expectAgreement(podman as Seccomp, "x64", 100_000, 1), timeoutMs);
  test("one like Docker's", () => expectAgreement(dockerLikeProfile(allX64), "x64", 100_000, 2), timeoutMs);
  test("one like Docker's without other ABIs", () => expectAgreement(dockerLikeProfile([]), "x64", 100_000, 3), timeoutMs);
  test("one like Docker's on arm64", () => expectAgreement(dockerLikeProfile(allArm64), "arm64", 100_000, 4), timeoutMs);
  for (const machine of ["x64", "arm64"] as const)
    test(`box's own on ${machine}`, () => expectAgreement(defaultSeccomp([], machine), machine, 100_000, 5), timeoutMs);
  test(
    "random ones",
    () => {
      let refused = 0;
      fc.assert(
        fc.property(randomProfile, fc.constantFrom<Machine>("x64", "arm64"), fc.nat(), (seccomp, machine, seed) => {
          try {
            compileSeccomp(seccomp, machine);
          } catch (error) {
            // Rules that contradict each other: the test of refusals knows them.
            if (!(error instanceof BoxError)) throw error;
            for (const { problem } of error.facts.faults ?? [])
              expect(problem).toMatch(/^has another action than .* for the same call and conditions$/);
            refused++;
            return;
          }
          expectAgreement(seccomp, machine, 100, seed);
        }),
        { numRuns: 1000 },
      );
      expect(refused).toBeLessThan(100);
    },
    timeoutMs,
  );
});

const library = openLibseccomp();

describe.skipIf(library === undefined)("a filter agrees with libseccomp's", () => {
  /** Calls that runc's ENOSYS for new calls is not meant for; names that this libseccomp knows. */
  function expectSame(given: Seccomp, machine: Machine, count: number, seed: number): void {
    if (library === undefined) throw new Error("no libseccomp");
    const syscalls = (given.syscalls ?? []).map((rule) => ({ ...rule, names: rule.names.filter((name) => knows(library, name)) }));
    const seccomp = { ...given, syscalls };
    const theirFilter = compileByLibseccomp(library, seccomp, machine);
    if (theirFilter === undefined) throw new Error("libseccomp refuses");
    const ours = instructionsOf(compileSeccomp(seccomp, machine).filter);
    const theirs = instructionsOf(theirFilter);
    const random = randomFrom(seed);
    for (let at = 0; at < count; at++) {
      const call = randomCall(seccomp, random);
      const verdict = runFilter(ours, call).verdict;
      const expected = runFilter(theirs, call).verdict;
      // x32 has had no call of this number in any kernel, but libseccomp's tables changed.
      if (verdict !== expected && verdict !== ENOSYS && call.number !== 0x40000000 + 453)
        throw new Error(`${hex(call.arch)} ${hex(call.number)} (${call.args}): got ${hex(verdict)}, expected ${hex(expected)}`);
    }
  }
  test.skipIf(podman === undefined)("podman's", () => expectSame(podman as Seccomp, "x64", 20_000, 5), timeoutMs);
  test("one like Docker's", () => expectSame(dockerLikeProfile(allX64), "x64", 20_000, 6), timeoutMs);
  test("one like Docker's without other ABIs", () => expectSame(dockerLikeProfile([]), "x64", 20_000, 7), timeoutMs);
  test("one like Docker's on arm64", () => expectSame(dockerLikeProfile(allArm64), "arm64", 20_000, 8), timeoutMs);

  // Where rules with different actions overlap, and where one argument has bounds from several, libseccomp's own trees contradict
  // its manual here and there; and 2.5.4 can compare the ABI with a call's number where ABIs share instructions, or
  // where a name is not the ABI's. So these have one action, no bounds, one ABI, and names that it has.
  const condition = fc.record({
    index: fc.nat(2),
    value: fc.constantFrom(0, 1, 9, 40, 0x7e020000, 0xffffffff),
    valueTwo: fc.constantFrom(0, 1, 9),
    // With "not equal" beside another condition on the argument, its trees contradict it as well.
    op: fc.constantFrom<SeccompOperator>("SCMP_CMP_EQ", "SCMP_CMP_MASKED_EQ"),
  });
  const allow = fc.record({
    names: fc.subarray(["read", "write", "clone", "socket", "bind", "personality"], { minLength: 1 }),
    action: fc.constant("SCMP_ACT_ALLOW" as const),
    args: fc.array(condition, { maxLength: 3 }),
  });
  test(
    "random ones",
    () =>
      fc.assert(
        fc.property(fc.array(allow, { maxLength: 5 }), fc.constantFrom<Machine>("x64", "arm64"), fc.nat(), (syscalls, machine, seed) =>
          expectSame({ defaultAction: "SCMP_ACT_TRAP", syscalls }, machine, 100, seed),
        ),
        {
          // The same ones each time: on some sets of rules libseccomp never comes back.
          seed: 20261126,
          numRuns: 500,
        },
      ),
    timeoutMs,
  );
});

/** The verdict on one call of x86-64. */
function verdictOn(seccomp: Partial<Seccomp>, name: string, ...args: number[]): string {
  const { filter } = compileSeccomp({ defaultAction: "SCMP_ACT_ERRNO", ...seccomp }, "x64");
  const call: Call = { arch: auditArchs.X86_64, number: numberOf(name, "X86_64") ?? -1, args: args.map(BigInt) };
  return hex(runFilter(instructionsOf(filter), call).verdict);
}

const ALLOW = "0x7fff0000";
const EPERM = "0x50001";
const ENOSYS = 0x50026;

describe("verdicts", () => {
  const check = (action: SeccompRule["action"], errnoRet: number | undefined, expected: string): void => {
    const rule = { names: ["read"], action, ...(errnoRet === undefined ? {} : { errnoRet }) };
    const listenerPath = "/run/agent";
    test(`${action} ${errnoRet ?? ""}`, () =>
      expect(verdictOn({ defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 99, listenerPath, syscalls: [rule] }, "read")).toBe(expected));
  };
  check("SCMP_ACT_KILL", undefined, "0x0");
  check("SCMP_ACT_KILL_THREAD", undefined, "0x0");
  check("SCMP_ACT_KILL_PROCESS", undefined, "0x80000000");
  check("SCMP_ACT_TRAP", undefined, "0x30000");
  check("SCMP_ACT_ERRNO", undefined, "0x50001");
  check("SCMP_ACT_ERRNO", 0, "0x50000");
  check("SCMP_ACT_ERRNO", 13, "0x5000d");
  check("SCMP_ACT_TRACE", undefined, "0x7ff00001");
  check("SCMP_ACT_TRACE", 65535, "0x7ff0ffff");
  check("SCMP_ACT_LOG", undefined, "0x7ffc0000");
  check("SCMP_ACT_NOTIFY", undefined, "0x7fc00000");
  check("SCMP_ACT_ALLOW", undefined, ALLOW);
});

describe("of several rules for one call", () => {
  const rule = (action: SeccompRule["action"], ...args: SeccompArgument[]): SeccompRule => ({ names: ["read"], action, args });
  const is = (index: number, value: number): SeccompArgument => ({ index, value, op: "SCMP_CMP_EQ" });
  const check = (title: string, syscalls: SeccompRule[], args: number[], expected: string): void =>
    test(title, () => expect(verdictOn({ syscalls }, "read", ...args)).toBe(expected));

  check("the first without conditions counts", [rule("SCMP_ACT_ALLOW"), rule("SCMP_ACT_TRAP")], [], ALLOW);
  check("one without conditions beats an earlier one with", [rule("SCMP_ACT_TRAP", is(0, 1)), rule("SCMP_ACT_ALLOW")], [1], ALLOW);
  check("one that says the default says nothing", [rule("SCMP_ACT_ERRNO"), rule("SCMP_ACT_ALLOW", is(0, 1))], [1], ALLOW);
  check("all conditions must hold", [rule("SCMP_ACT_ALLOW", is(0, 1), is(1, 2))], [1, 3], EPERM);
  check("one of two on the same argument is enough", [rule("SCMP_ACT_ALLOW", is(0, 1), is(0, 2))], [2], ALLOW);
  check("the last argument decides first", [rule("SCMP_ACT_TRAP", is(0, 1)), rule("SCMP_ACT_ALLOW", is(1, 2))], [1, 2], ALLOW);
  check(
    "the narrower bound decides first",
    [rule("SCMP_ACT_TRAP", { index: 0, value: 10, op: "SCMP_CMP_GT" }), rule("SCMP_ACT_ALLOW", { index: 0, value: 20, op: "SCMP_CMP_GT" })],
    [21],
    ALLOW,
  );
  check("a mask of nothing is no condition", [rule("SCMP_ACT_ALLOW", { index: 0, value: 0, op: "SCMP_CMP_MASKED_EQ" })], [5], ALLOW);
});

describe("a call that the profile does not name", () => {
  const on = (seccomp: Seccomp, arch: number, number: number): string =>
    hex(runFilter(instructionsOf(compileSeccomp(seccomp, "x64").filter), { arch, number, args: [] }).verdict);
  const syscalls: SeccompRule[] = [{ names: ["openat2"], action: "SCMP_ACT_ALLOW" }];
  const { X86_64, X86 } = auditArchs;

  test("gets the default when it is older than the newest named", () =>
    expect(on({ defaultAction: "SCMP_ACT_ERRNO", syscalls }, X86_64, 436)).toBe(EPERM));
  test("gets ENOSYS when it is newer", () => expect(on({ defaultAction: "SCMP_ACT_KILL", syscalls }, X86_64, 438)).toBe("0x50026"));
  test("gets the default when that lets it pass", () =>
    expect(on({ defaultAction: "SCMP_ACT_LOG", syscalls }, X86_64, 438)).toBe("0x7ffc0000"));
  test("kills on an ABI that is not listed", () => expect(on({ defaultAction: "SCMP_ACT_ALLOW" }, X86, 20)).toBe("0x0"));
  test("kills by x32's numbers when x32 is not listed", () => {
    expect(on({ defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86"] }, X86_64, 0x40000000 + 39)).toBe("0x0");
    expect(on({ defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86"] }, X86_64, 0xfffffffe)).toBe("0x0");
  });
  test("passes when a tracer has skipped it", () => expect(on({ defaultAction: "SCMP_ACT_ALLOW" }, X86_64, 0xffffffff)).toBe(ALLOW));
});

test("a call that always passes is decided by its number, which spares it the filter", () => {
  for (const seccomp of [dockerLikeProfile(allX64), ...(podman === undefined ? [] : [podman])]) {
    const instructions = instructionsOf(compileSeccomp(seccomp, "x64").filter);
    for (const name of ["read", "write", "openat", "futex", "epoll_wait", "clock_gettime"]) {
      const run = runFilter(instructions, { arch: auditArchs.X86_64, number: numberOf(name, "X86_64") ?? -1, args: [] });
      expect([hex(run.verdict), run.constant]).toEqual([ALLOW, true]);
      expect(run.executed).toBeLessThanOrEqual(12);
    }
  }
});

describe("long filters", () => {
  /** Every call with conditions of its own, so that no branch reaches far enough. */
  const profile = (values: number): Seccomp => ({
    defaultAction: "SCMP_ACT_ERRNO",
    syscalls: ["read", "write", "open", "close", "stat", "openat", "statx"].map((name, call) => ({
      names: [name],
      action: "SCMP_ACT_ALLOW",
      args: Array.from({ length: values }, (_, at) => ({ index: 1, value: (at + 1) * 2 ** 33 + call, op: "SCMP_CMP_EQ" as const })),
    })),
  });
  test("jump as far as it takes", () => expectAgreement(profile(100), "x64", 3_000, 9), timeoutMs);
  test("are refused beyond what the kernel takes", () =>
    refuses(profile(200), "linux.seccomp.syscalls: makes a filter of more than 4096 instructions, which no kernel takes"));
});

function refuses(seccomp: Seccomp, ...expected: string[]): void {
  let facts: BoxError["facts"] | undefined;
  try {
    compileSeccomp(seccomp, "x64");
  } catch (error) {
    if (!(error instanceof BoxError)) throw error;
    facts = error.facts;
  }
  expect(facts?.what).toBe("the configuration is not valid");
  const lines = facts?.faults?.map((one) => `${one.path}: ${one.problem ?? `expected ${one.expected}, got ${one.got}`}`);
  expect(lines).toEqual(expected);
}

describe("refused", () => {
  const profile: Seccomp = { defaultAction: "SCMP_ACT_ERRNO" };
  test("all at once", () =>
    refuses(
      { defaultAction: "SCMP_ACT_NOTIFY", architectures: ["SCMP_ARCH_X86", "amd64"], flags: ["SECCOMP_FILTER_FLAG_FAST"] },
      'linux.seccomp.architectures[1]: expected a seccomp architecture, such as SCMP_ARCH_X86_64, got "amd64"',
      "linux.seccomp.listenerPath: is missing: SCMP_ACT_NOTIFY needs the socket of an agent",
      'linux.seccomp.flags[0]: expected a flag for a filter, such as SECCOMP_FILTER_FLAG_LOG, got "SECCOMP_FILTER_FLAG_FAST"',
    ));
  test("an agent without a socket", () =>
    refuses(
      { ...profile, syscalls: [{ names: ["mount"], action: "SCMP_ACT_NOTIFY" }] },
      "linux.seccomp.listenerPath: is missing: SCMP_ACT_NOTIFY needs the socket of an agent",
    ));
  test("an agent whose socket has too long a path", () => {
    const listenerPath = `/${"a".repeat(107)}`;
    const syscalls: SeccompRule[] = [{ names: ["mount"], action: "SCMP_ACT_NOTIFY" }];
    refuses(
      { ...profile, listenerPath, syscalls },
      `linux.seccomp.listenerPath: expected a path of at most 107 bytes, as sockets have, got "/${"a".repeat(59)}"… (108 characters)`,
    );
    expect(compileSeccomp({ ...profile, listenerPath: listenerPath.slice(0, -1), syscalls }, "x64").listens).toBe(true);
  });
  test("something to tell an agent, and no agent", () =>
    refuses(
      { ...profile, listenerMetadata: "a" },
      "linux.seccomp.listenerMetadata: is for an agent, and there is no linux.seccomp.listenerPath",
    ));
  test("errnos of actions that have none, and no errnos", () =>
    refuses(
      {
        defaultAction: "SCMP_ACT_KILL",
        defaultErrnoRet: 1,
        syscalls: [
          { names: ["read"], action: "SCMP_ACT_ALLOW", errnoRet: 0 },
          { names: ["write"], action: "SCMP_ACT_ERRNO", errnoRet: 4096 },
          { names: ["close"], action: "SCMP_ACT_ERRNO", errnoRet: 4095 },
        ],
      },
      "linux.seccomp.defaultErrnoRet: is not for SCMP_ACT_KILL, which returns no errno",
      "linux.seccomp.syscalls[0].errnoRet: is not for SCMP_ACT_ALLOW, which returns no errno",
      "linux.seccomp.syscalls[1].errnoRet: expected an errno up to 4095, got 4096",
    ));
  test("rules that contradict each other", () => {
    const args: SeccompArgument[] = [{ index: 0, value: 1, op: "SCMP_CMP_EQ" }];
    const names = ["read"];
    refuses(
      {
        ...profile,
        architectures: allX64,
        syscalls: [
          { names, action: "SCMP_ACT_ALLOW", args },
          { names, action: "SCMP_ACT_TRAP", args },
        ],
      },
      "linux.seccomp.syscalls[1]: has another action than linux.seccomp.syscalls[0] for the same call and conditions",
    );
  });
});

test("notes", () => {
  const { notes } = compileSeccomp(
    {
      defaultAction: "SCMP_ACT_ERRNO",
      architectures: ["SCMP_ARCH_X86", "SCMP_ARCH_S390X", "SCMP_ARCH_ARM"],
      flags: ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],
      listenerPath: "/run/agent",
      listenerMetadata: "for nobody",
      syscalls: [
        { names: ["read", "raed", "toString", "cacheflush"], action: "SCMP_ACT_ALLOW" },
        { names: ["socket"], action: "SCMP_ACT_ALLOW", args: [{ index: 0, value: 40, op: "SCMP_CMP_NE" }] },
      ],
    },
    "x64",
  );
  expect(notes).toEqual([
    "linux.seccomp.architectures[1]: SCMP_ARCH_S390X is left out: this machine does not run its programs.",
    "linux.seccomp.architectures[2]: SCMP_ARCH_ARM is left out: this machine does not run its programs.",
    "linux.seccomp.listenerPath does not apply: no rule has SCMP_ACT_NOTIFY.",
    "linux.seccomp.flags[0]: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV is left out: no rule has SCMP_ACT_NOTIFY.",
    'linux.seccomp.syscalls[0].names[1]: "raed" is left out: box knows no such system call.',
    'linux.seccomp.syscalls[0].names[2]: "toString" is left out: box knows no such system call.',
    "linux.seccomp: the conditions of socket cannot be checked where i386 makes it through socketcall.",
  ]);
});

describe("flags", () => {
  const check = (flags: Flag<"SECCOMP_FILTER">[] | undefined, notify: boolean, expected: string[]): void =>
    test(`${flags}${notify ? " and an agent" : ""}`, () => {
      const syscalls: SeccompRule[] = notify ? [{ names: ["mount"], action: "SCMP_ACT_NOTIFY" }] : [];
      const given = { ...(flags === undefined ? {} : { flags }), ...(notify ? { listenerPath: "/run/agent" } : {}) };
      const compiled = compileSeccomp({ defaultAction: "SCMP_ACT_ALLOW", syscalls, ...given }, "x64");
      expect<unknown>([compiled.flags, compiled.listens]).toEqual([expected.map((name) => `SECCOMP_FILTER_FLAG_${name}`), notify]);
    });
  check(undefined, false, ["SPEC_ALLOW"]);
  check([], false, []);
  check(["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_LOG"], false, ["LOG"]);
  check(["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"], true, ["WAIT_KILLABLE_RECV", "NEW_LISTENER"]);
});

describe.skipIf(!canLoad)("the kernel takes a filter and does what it says", () => {
  let loader: Loader | undefined;
  beforeAll(() => {
    loader = compileLoader();
  });
  afterAll(() => loader?.[Symbol.dispose]());
  const all = compileSeccomp(dockerLikeProfile(allX64), "x64").filter;
  const native = compileSeccomp(dockerLikeProfile([]), "x64").filter;
  const check = (title: string, call: string, expected: string, filter = all): void =>
    test(title, () => expect(loader?.call(filter, call)).toBe(expected));

  check("a call that passes", "x64 getppid", "passed");
  check("a call without a rule", "x64 mount", "EPERM");
  check("a call newer than the profile", "x64 9999", "ENOSYS");
  check("a value that passes", "x64 personality 0xffffffff", "passed");
  check("a value that does not", "x64 personality 0x1234", "EPERM");
  check("a value that differs in the high word", "x64 personality 0x1ffffffff", "EPERM");
  check("a mask that does not pass", "x64 clone 0x20000", "EPERM");
  check("a family that passes", "x64 socket 1 1 0", "passed");
  check("a family that does not", "x64 socket 40 1 0", "EPERM");
  check("i386, listed", "i386 getppid", "passed");
  check("i386, listed, a value that does not pass", "i386 personality 0x1234", "EPERM");
  check("i386, not listed", "i386 getppid", "SIGSYS", native);
  check("x32, not listed", "x32 getppid", "SIGSYS", native);
});
