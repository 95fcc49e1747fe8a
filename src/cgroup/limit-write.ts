// One limit as what is written to which file of a cgroup. Which cgroup that is, is settled by limits.ts.

import type { Errno } from "../linux/errno.ts";

export type LimitWrite = {
  readonly file: string;
  readonly value: string;
  /** Below linux.resources: `memory.limit`. */
  readonly field: string;
  /** To follow "cannot ". */
  readonly why: string;
  /** What an errno of opening or writing means, where it is no failure. */
  readonly otherwise: readonly Otherwise[];
};

/** ENOENT is one of opening, any other one of writing. */
export type Otherwise = {
  readonly errno: Errno;
  /** Made in its place; none: it does not matter. */
  readonly writes: readonly LimitWrite[];
  /** The writes are the same limit under another name, so when they fail too it is the first failure that counts. */
  readonly sameLimit?: true;
};

const nothing: readonly Otherwise[] = [];

export const limitWrite = (
  field: string,
  file: string,
  value: string,
  why: string,
  otherwise: readonly Otherwise[] = nothing,
): LimitWrite => ({ file, value, field, why, otherwise });

/** What the parts of linux.resources ask a version of cgroups for, and what is wrong with it there. */
export type Asked = { readonly writes: LimitWrite[]; refuse(field: string, problem: string): void };
