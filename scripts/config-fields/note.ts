// What is written down of each field of config.json beside its type and its rule: for the table in docs/config.md and for the
// tests that go through all fields. Keyed by paths that the types of src/config/spec.ts give, so that a new field does not
// compile without a note. Nothing of this is part of the executable.

import type { Spec } from "../../src/config/spec.ts";

export type Note = {
  /** A sentence or two: what box does with it, and where that differs from runc or crun. */
  readonly does: string;
  /** The test that looks at the effect: its file below test/, without `.test.ts` if it has that, and its title. */
  readonly shown: readonly [file: string, title: string];
  /** A value that is refused, `undefined` for the field left out, and what follows the field's own path in the message. */
  readonly wrong: readonly [value: unknown, says: string];
};

export type Notes<Path extends string> = { readonly [path in Path]: Note };

/** `mounts[].destination`, `linux.rdma.*.hcaHandles`: `[]` is any entry of a list and `*` any name of a map. */
export type FieldPath = PathOf<Spec> | "process.user.username";

type PathOf<T> = { [Key in keyof T & string]: Key | `${Key}${Below<NonNullable<T[Key]>>}` }[keyof T & string];

/** What follows the path of a field with this value. Lists and maps of plain values have one row for all. */
type Below<Value> = Value extends readonly (infer Entry)[]
  ? Entry extends object
    ? `[].${PathOf<Entry>}`
    : never
  : string extends keyof Value
    ? Value[keyof Value] extends object
      ? `.*.${PathOf<Value[keyof Value]>}`
      : never
    : Value extends object
      ? `.${PathOf<Value>}`
      : never;

/** The fields below a part of the configuration, and the part itself. */
export type FieldsOf<Part extends string> = Extract<FieldPath, Part | `${Part}.${string}` | `${Part}[].${string}`>;

/** The file of `shown`, from the repository's top. */
export const testFile = (file: string): string => `test/${file}${file.endsWith(".ts") ? "" : ".test.ts"}`;
