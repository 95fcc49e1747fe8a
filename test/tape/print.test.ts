import { describe, expect, test } from "bun:test";
import { printArg, printNumber, printStep, printSum, quote } from "../../src/tape/print.ts";
import { address, compute, newBuffer, newSlot, newVariables, type Step, type Struct, slotIn, step } from "../../src/tape/step.ts";

const variables = newVariables();
const root = newSlot(variables, "fd", "root");
const target = newSlot(variables, "fd", "target");
const count = newSlot(variables, "int", "count");
const statx = newBuffer(variables, "statx", 256);
const mode = slotIn("int", statx, 28, "mode of /dev/null");

const print = (steps: readonly Step[]): string => steps.map(printStep).join("\n");

test("every kind of argument", () => {
  const how: Struct = { struct: "open_how", flags: ["O_PATH", "O_CLOEXEC"], resolve: ["RESOLVE_IN_ROOT"] };
  const steps = [
    step("openat2", [root, "proc", how, 24], "", "", { out: target }),
    step("openat", ["AT_FDCWD", "AT_FDCWD", [], 0], "", ""),
    step("openat", [-1, address(statx, 4), ["O_CREAT"], 0o600], "", ""),
    step("mknodat", [root, "null", 0o020666, { major: 1, minor: 3 }], "", ""),
    step("execve", ["/bin/sh", ["sh", "-c", 'echo "a b"'], []], "", ""),
    step("statx", [root, "", ["AT_EMPTY_PATH"], ["STATX_TYPE", "STATX_MODE"], address(statx)], "", ""),
    step("write", [1, new Uint8Array([1, 2, 3]), count], "", ""),
    step("mount", ["none", ".", null, ["MS_REMOUNT", "MS_BIND"], null], "", ""),
    step("mount", ["none", ".", null, count, null], "", ""),
    step("kill", [count, 9], "", ""),
    step("rt_sigaction", [37, { struct: "sigaction" }, null, 8], "", ""),
    step("pidfd_send_signal", [target, 0, null, 0], "", ""),
    step("close_range", [3, 0xffff_ffff, []], "", ""),
    step("pwrite64", [target, "text", 4, -1], "", ""),
    step("ftruncate", [target, 0xffff_ffff], "", ""),
    step("fchown", [target, 1000, -1], "", ""),
    step("getpid", [], "", "", { out: count }),
  ];
  expect(print(steps)).toMatchInlineSnapshot(`
    "openat2(root, "proc", {flags: O_PATH|O_CLOEXEC, resolve: RESOLVE_IN_ROOT}, 24) → target
    openat(AT_FDCWD, "AT_FDCWD", 0, 0)
    openat(-1, &statx+4, O_CREAT, 0600)
    mknodat(root, "null", 020666, makedev(1, 3))
    execve("/bin/sh", ["sh", "-c", "echo \\"a b\\""], [])
    statx(root, "", AT_EMPTY_PATH, STATX_TYPE|STATX_MODE, &statx)
    write(1, 3 bytes, count)
    mount("none", ".", NULL, MS_REMOUNT|MS_BIND, NULL)
    mount("none", ".", NULL, count, NULL)
    kill(count, SIGKILL)
    rt_sigaction(SIGRTMIN+3, {}, NULL, 8)
    pidfd_send_signal(target, 0, NULL, 0)
    close_range(3, 4294967295, 0)
    pwrite64(target, "text", 4, -1)
    ftruncate(target, UINT_MAX)
    fchown(target, 1000, -1)
    getpid() → count"
  `);
});

test("an argv with many elements is cut", () => {
  const list = Array.from({ length: 10 }, (_, index) => String(index));
  expect(printArg(list, "argv")).toBe('["0", "1", "2", "3", "4", "5", "6", "7", … 2 more]');
  expect(printArg(list.slice(0, 8), "argv")).toBe('["0", "1", "2", "3", "4", "5", "6", "7"]');
  expect(printArg([], "argv")).toBe("[]");
});

test("fields of structs", () => {
  const control = newBuffer(variables, "control", 24);
  const attributes: Struct = {
    struct: "mount_attr",
    attr_set: [],
    attr_clr: ["MOUNT_ATTR__ATIME"],
    propagation: ["MS_PRIVATE"],
    userns_fd: 7,
  };
  expect(printArg(attributes, "pointer")).toBe("{attr_set: 0, attr_clr: MOUNT_ATTR__ATIME, propagation: MS_PRIVATE, userns_fd: 7}");
  expect(printArg({ struct: "rlimit64", rlim_cur: 2n ** 64n - 1n, rlim_max: -1 }, "pointer")).toBe(
    "{rlim_cur: 18446744073709551615, rlim_max: -1}",
  );
  expect(printArg({ struct: "msghdr", msg_iov: { text: "a\u001b" }, msg_control: control, msg_controllen: 24 }, "pointer")).toBe(
    '{msg_iov: "a\\u{1b}", msg_control: &control, msg_controllen: 24}',
  );
  expect(printArg({ struct: "open_how" }, "pointer")).toBe("{}");
});

describe("compute", () => {
  test("only the terms that count", () => {
    const steps = [
      compute([mode, 0, 0, 0o170000], "", "", { expect: { value: 0o020000, refused: "" } }),
      compute([0, 0, 0, -1], "", ""),
      compute([0, 0, count, -1], "", ""),
      compute([count, 1, 0, -1], "", "", { out: count }),
      compute([count, count, 2, 0xff], "", ""),
      compute([address(statx, 8), 0, 0, -1], "", "", { out: count }),
      compute([{ text: "/bin/sh\n" }, 0, 0, -1], "", "", { out: count }),
      compute([count, 0, 0, -256], "", ""),
      compute([5000000000, 0, -1, 0xffff_ffff], "", ""),
    ];
    expect(print(steps)).toMatchInlineSnapshot(`
      "compute (mode of /dev/null) & 0xf000
      compute 0
      compute 0 - count
      compute count + 1 → count
      compute (count + count - 2) & 0xff
      compute &statx+8 → count
      compute "/bin/sh\\n" → count
      compute (count) & -256
      compute (5000000000 - -1) & 0xffffffff"
    `);
  });

  test("from parts that are text already", () => {
    expect(printSum("0", "0", "7", "0")).toBe("compute (0 - 7) & 0x0");
  });
});

describe("what could write to a terminal is escaped", () => {
  test.each([
    ["plain ß ☃ 𝒳", '"plain ß ☃ 𝒳"'],
    ['a"b\\c', '"a\\"b\\\\c"'],
    ["a\nb\tc", '"a\\nb\\tc"'],
    ["\0\u0007\u001b[2J\u007f", '"\\u{0}\\u{7}\\u{1b}[2J\\u{7f}"'],
    ["\u0080\u009b31m\u009f\u00a0", '"\\u{80}\\u{9b}31m\\u{9f}\u00a0"'],
    ["\u061c\u200e\u200f", '"\\u{61c}\\u{200e}\\u{200f}"'],
    [
      "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
      '"\\u{202a}\\u{202b}\\u{202c}\\u{202d}\\u{202e}\\u{2066}\\u{2067}\\u{2068}\\u{2069}"',
    ],
    ["\u2029\u202f\u2065\u206a", '"\u2029\u202f\u2065\u206a"'],
    ["", '""'],
  ])("%j", (text, printed) => expect(quote(text)).toBe(printed));

  test("in strings, arrays, and names of variables", () => {
    const hostile = newSlot(variables, "fd", "/mnt/\u001b]0;x\u0007");
    const buffer = newBuffer(variables, "buffer\r", 8);
    const steps = [
      step("close", [hostile], "", "", { out: hostile }),
      step("execve", ["\u009b", ["\u001b"], ["\u202e"]], "", ""),
      step("read", [0, address(buffer), 8], "", ""),
    ];
    expect(print(steps)).toMatchInlineSnapshot(`
      "close(/mnt/\\u{1b}]0;x\\u{7}) → /mnt/\\u{1b}]0;x\\u{7}
      execve("\\u{9b}", ["\\u{1b}"], ["\\u{202e}"])
      read(0, &buffer\\u{d}, 8)"
    `);
  });
});

test("numbers by their kind", () => {
  expect([0, 0o755, 0o100644, -1].map((value) => printNumber(value, "mode"))).toEqual(["0", "0755", "0100644", "-1"]);
  expect([0, 1, 31, 32, 40, 64, 65].map((value) => printNumber(value, "signal"))).toEqual([
    "0",
    "SIGHUP",
    "SIGSYS",
    "signal 32",
    "SIGRTMIN+6",
    "SIGRTMAX",
    "signal 65",
  ]);
  expect([0, 4294967294, 4294967295].map((value) => printNumber(value, "size"))).toEqual(["0", "4294967294", "UINT_MAX"]);
  expect([-100, 3].map((value) => printNumber(value, "fd"))).toEqual(["-100", "3"]);
});
