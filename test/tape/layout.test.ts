import { describe, expect, test } from "bun:test";
import { structFields } from "../../src/linux/structs.ts";
import {
  ERRNO_MAX,
  header,
  MASK_NEXT,
  ON_ERROR_IGNORE,
  ON_ERROR_STOP,
  record,
  STATUS_ADDRESS,
  STATUS_BYTES,
  status,
  TAPE_ADDRESS,
  TAPE_BYTES_MAX,
  TAPE_FILE_OFFSET,
} from "../../src/tape/layout.ts";

type Layout = Readonly<Record<string, number>>;

/** Fields that are not one word of eight bytes. */
const sizes: Layout = { "record.nr": 4, "record.mask": 4, "record.args": 6 * 8, "header.saved": 8 * 8, "status.errno": 16 };

/** Every byte of a layout with the field it belongs to. */
function owners(name: string, { bytes = 0, ...fields }: Layout): (string | undefined)[] {
  const out = new Array<string | undefined>(bytes).fill(undefined);
  for (const [field, offset] of Object.entries(fields)) {
    const size = sizes[`${name}.${field}`] ?? 8;
    for (let at = offset; at < offset + size; at++) {
      if (at >= bytes || out[at] !== undefined) throw new Error(`${name}.${field}: byte ${at} is ${out[at] ?? "outside"}`);
      out[at] = field;
    }
  }
  return out;
}

describe.each(Object.entries<Layout>({ record, header, status }))("%s", (name, layout) => {
  test("its fields lie side by side and fill it", () => {
    const all = owners(name, layout);
    expect(all.indexOf(undefined)).toBe(-1);
  });

  test("its words are aligned", () => {
    const { bytes = 0, ...fields } = layout;
    expect(bytes % 8).toBe(0);
    expect(Object.entries(fields).filter(([field, offset]) => offset % (sizes[`${name}.${field}`] === 4 ? 4 : 8) !== 0)).toEqual([]);
  });
});

test("the mask has a bit for each argument, then one for next", () => {
  expect(MASK_NEXT).toBe(1 << ((record.out - record.args) / 8));
});

test("what an error means is told from an address", () => {
  expect([ON_ERROR_STOP, ON_ERROR_IGNORE]).toEqual([0, 1]);
  expect(TAPE_ADDRESS).toBeGreaterThan(ERRNO_MAX);
});

describe("regions", () => {
  const page = 0x1_0000;
  const regions = [
    { name: "status", from: STATUS_ADDRESS, bytes: STATUS_BYTES },
    { name: "tape", from: TAPE_ADDRESS, bytes: TAPE_BYTES_MAX },
  ];

  test.each(regions)("$name begins on a page of any size and ends below 2^38, the smallest address space", ({ from, bytes }) => {
    expect(from % page).toBe(0);
    expect(from + bytes).toBeLessThan(2 ** 38);
  });

  test("addresses fit into 31 bits, so that one word of the encoder holds any of them", () => {
    expect(TAPE_ADDRESS + TAPE_BYTES_MAX).toBeLessThan(2 ** 31);
  });

  test("they do not overlap, in memory or in the file", () => {
    expect(STATUS_ADDRESS + STATUS_BYTES).toBeLessThanOrEqual(TAPE_ADDRESS);
    expect(STATUS_BYTES).toBeLessThanOrEqual(TAPE_FILE_OFFSET);
    expect(TAPE_FILE_OFFSET % page).toBe(0);
  });
});

test("structs on a tape are room for either machine's", () => {
  const outside = Object.entries(structFields).flatMap(([struct, { bytes, fields }]) =>
    Object.entries(fields).flatMap(([field, { offset, bytes: size }]) =>
      (typeof offset === "number" ? [offset] : [offset.x64, offset.arm64])
        .filter((at) => at + size > bytes)
        .map(() => `${struct}.${field}`),
    ),
  );
  expect(outside).toEqual([]);
});
