import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Machine } from "../../src/linux/syscalls.ts";
import { decodeTape, printRecord } from "../../src/tape/decode.ts";
import { encodeTape } from "../../src/tape/encode.ts";
import { record } from "../../src/tape/layout.ts";
import { address, compute, newBuffer, newSlot, newVariables, type Step, slotIn, step, type Variables } from "../../src/tape/step.ts";
import { planNames, planOf, tapesOf } from "./plans.ts";
import { randomCalls, randomVariables } from "./random-calls.ts";
import { checkRoundTrip, decodeEncoded } from "./round-trip.ts";
import { stagePlaces } from "./run-steps.ts";

const machines = ["x64", "arm64"] as const;

describe.each(machines)("on %s", (machine) => {
  test.each(planNames)("the plan comes back: %s", (name) => {
    for (const { lists, variables, options } of Object.values(tapesOf(planOf(name, machine))))
      checkRoundTrip(machine, lists, variables, options);
  });

  test("any calls come back", () => {
    fc.assert(
      fc.property(randomCalls, (steps) => {
        checkRoundTrip(machine, [steps], randomVariables);
      }),
      { numRuns: 500 },
    );
  });
});

/** The lines of an encoded tape. */
function print(machine: Machine, lists: readonly (readonly Step[])[], variables: Variables, options = {}): string {
  return decodeEncoded(encodeTape(lists, variables, stagePlaces(machine), options), machine, variables)
    .map(printRecord)
    .join("\n");
}

describe("printed", () => {
  const variables = newVariables();
  const [root, found] = [newSlot(variables, "fd", "root"), newSlot(variables, "fd", "found")];
  const statx = newBuffer(variables, "statx", 256);
  const reported = newSlot(variables, "int", "reported", true);
  const steps = [
    step(
      "openat2",
      [root, "proc", { struct: "open_how", flags: ["O_PATH", "O_DIRECTORY"], resolve: ["RESOLVE_IN_ROOT"] }, 24],
      "test",
      "open",
      {
        out: found,
        onError: [
          ["ENOENT", [step("mkdirat", [root, "proc", 0o755], "test", "make", { goto: "again" })]],
          ["ENOSYS", [step("openat", [root, "proc", ["O_PATH", "O_NOFOLLOW"], 0], "test", "open", { out: found })], "fallback"],
        ],
        label: "again",
      },
    ),
    step("statx", [found, "", ["AT_EMPTY_PATH"], ["STATX_TYPE"], address(statx)], "test", "look", { onError: "ignore" }),
    compute([slotIn("int", statx, 28, "mode"), 0, 0, 0o170000], "test", "check", { expect: { value: 0o040000, refused: "no folder" } }),
    step("mknodat", ["AT_FDCWD", "null", 0o020666, { major: 1, minor: 259 }], "test", "make"),
    step("kill", [reported, 15], "test", "end", { equal: { value: 0, steps: [step("exit_group", [-1], "test", "end")] }, goto: "again" }),
    step("execve", ["/bin/sh", ["sh", "-c", 'echo "ä\n"'], []], "test", "execute"),
  ];

  test("one line a record", () => {
    expect(print("x64", [steps], variables)).toMatchInlineSnapshot(`
      "#0 openat2(root, "proc", {flags: O_RDONLY|O_DIRECTORY|O_PATH, resolve: RESOLVE_IN_ROOT}, 24) → found, on error #1, then #6
      #1 compute (0 - the last errno) & 0xfff → saved errno 0, if 2 #4
      #2 compute (0 - the last errno) & 0xfff, if 38 #5
      #3 compute 0 - saved errno 0
      #4 mkdirat(root, "proc", 0755), then #0
      #5 openat(root, "proc", O_RDONLY|O_NOFOLLOW|O_PATH, 0) → found, on error #3
      #6 statx(found, "", AT_EMPTY_PATH, STATX_TYPE, &statx), ignoring errors
      #7 compute (statx+28) & 0xf000, if 16384 #9
      #8 compute 0 - 1, then end
      #9 mknodat(AT_FDCWD, "null", 020666, makedev(1, 259))
      #10 kill(reported, SIGTERM), if 0 #11, then #0
      #11 exit_group(-1)
      #12 execve("/bin/sh", ["sh", "-c", "echo \\"ä\\n\\""], []), then end"
    `);
  });

  test("the same lines for the other machine, whose numbers are others", () => {
    expect(print("arm64", [steps], variables)).toBe(print("x64", [steps], variables));
    const [x64, arm64] = machines.map((machine) => encodeTape([steps], variables, stagePlaces(machine)).image);
    expect(x64).not.toEqual(arm64 as Uint8Array);
  });

  test("names of variables cannot write to a terminal", () => {
    const hostile = newVariables();
    const slot = newSlot(hostile, "fd", "/mnt/\u001b[2J\u202e");
    expect(print("x64", [[step("close", [slot], "test", "close", { out: slot })]], hostile)).toBe(
      "#0 close(/mnt/\\u{1b}[2J\\u{202e}) → /mnt/\\u{1b}[2J\\u{202e}, then end",
    );
  });
});

describe("hostile bytes", () => {
  const variables = newVariables();
  newSlot(variables, "int", "slot");
  const recordsAt = 0x200;
  const source = { ...stagePlaces("x64"), recordsAddress: stagePlaces("x64").base + recordsAt, variables };

  /** One record as 12 words of 64 bits, with `constants` before it. */
  function decodeWords(words: readonly bigint[], constants = ""): string {
    const image = new Uint8Array(recordsAt + record.bytes);
    image.set(new TextEncoder().encode(constants), 0x100);
    const view = new DataView(image.buffer);
    for (const [index, word] of words.entries()) view.setBigUint64(recordsAt + 8 * index, BigInt.asUintN(64, word), true);
    return decodeTape(image, source).map(printRecord).join("\n");
  }
  const base = BigInt(stagePlaces("x64").base);
  const text = base + 0x100n;
  const openat = 257n;
  const execve = 59n;
  const openat2 = 437n;

  test("an address that leads nowhere stays a number", () => {
    for (const address of [1n, base - 1n, base + 0x10000n, 2n ** 63n, 2n ** 64n - 1n, base + 0x1000n])
      expect(decodeWords([openat, 0n, address])).toBe(`#0 openat(0, 0x${address.toString(16)}, O_RDONLY, 0), then end`);
  });

  test("a string without an end is none", () => {
    const image = new Uint8Array(recordsAt + record.bytes).fill(0x61);
    image.set(new Uint8Array(record.bytes), recordsAt);
    new DataView(image.buffer).setBigUint64(recordsAt, openat, true);
    new DataView(image.buffer).setBigUint64(recordsAt + 16, base + BigInt(recordsAt + record.bytes - 1), true);
    image[recordsAt + record.bytes - 1] = 0x61;
    expect(decodeTape(image, source).map(printRecord)).toEqual([
      `#0 openat(0, 0x${(base + BigInt(recordsAt + record.bytes - 1)).toString(16)}, O_RDONLY, 0), then 0x6100000000000000`,
    ]);
  });

  test("an array without an end, or with strings that are none, is none", () => {
    expect(decodeWords([execve, text, text, 0n], "abcdefgh")).toBe('#0 execve("abcdefgh", 0x40010100, NULL), then end');
    const last = base + BigInt(recordsAt) + 88n;
    expect(decodeWords([execve, 0n, last, 0n, 0n, 0n, 0n, 0n, 0n, 0n, 0n, text], "a")).toBe(
      `#0 execve(NULL, 0x${last.toString(16)}, NULL), then 0x40010100`,
    );
  });

  test("a struct that the image cuts off is none", () => {
    expect(decodeWords([openat2, 0n, text, base + BigInt(recordsAt + record.bytes) - 23n, 24n], "a")).toBe(
      `#0 openat2(0, "a", 0x${(base + BigInt(recordsAt + record.bytes) - 23n).toString(16)}, 24), then end`,
    );
  });

  test("unknown calls, slots, results, and places to go on", () => {
    expect(
      decodeWords([0xfffn | (0x43n << 32n), 5n, base + 96n, 7n, 0n, 0n, 0n, 9n, -3n, base + 1n, base + BigInt(recordsAt) + 8n, base + 96n]),
    ).toBe("#0 syscall 4095(*0x5, slot, 0x7, NULL, NULL, NULL) → 0x9, if -3 0x40010001, on error 0x40010208, then where slot says");
  });

  test("text of a size that does not fit is none", () => {
    expect(decodeWords([1n, 1n, text, 5n], "hello")).toBe('#0 write(1, "hello", 5), then end');
    expect(decodeWords([1n, 1n, text, 2n ** 40n], "hello")).toBe("#0 write(1, 0x40010100, 1099511627776), then end");
    expect(decodeWords([1n, 1n, text, -1n], "hello")).toBe("#0 write(1, 0x40010100, -1), then end");
  });

  test("records that are cut short, or start outside of the image, are none", () => {
    const image = new Uint8Array(recordsAt + 2 * record.bytes - 1);
    expect(decodeTape(image, source).length).toBe(1);
    expect(decodeTape(image, { ...source, recordsAddress: 0 })).toEqual([]);
    expect(decodeTape(image, { ...source, recordsAddress: source.base + 2 ** 40 })).toEqual([]);
  });

  test("overlapping strings cannot make the result much larger than the image", () => {
    const bytes = 0x4_0000;
    const image = new Uint8Array(bytes).fill(0x61);
    const view = new DataView(image.buffer);
    // An array of addresses, each one byte further into the same long string.
    const first = 0x100;
    const count = 0x2000;
    for (let index = 0; index < count; index++) view.setBigUint64(first + 8 * index, base + BigInt(first + 8 * count + 8 + index), true);
    view.setBigUint64(first + 8 * count, 0n, true);
    const at = bytes - record.bytes;
    image.fill(0, at - 1);
    view.setBigUint64(at, execve, true);
    view.setBigUint64(at + 16, base + BigInt(first), true);
    const decoded = decodeTape(image, { ...source, recordsAddress: source.base + at })
      .map(printRecord)
      .join("\n");
    expect(decoded).toBe("#0 execve(NULL, 0x40010100, NULL), then end");
  });

  test("random bytes decode to something", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: recordsAt, maxLength: 0x1000 }), fc.constantFrom(...machines), (image, machine) => {
        const records = decodeTape(image, { ...source, machine });
        expect(records.length).toBe(Math.floor((image.length - recordsAt) / record.bytes));
        expect(records.map(printRecord).join("\n").length).toBeLessThan(4000 + 40 * image.length);
      }),
    );
  });
});
