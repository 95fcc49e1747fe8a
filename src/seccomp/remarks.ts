// What compiling a profile has to say beside the filter.

import type { ConfigFault } from "../errors.ts";

export type Remarks = {
  /** What was left out or is read otherwise than one may expect: a sentence each. */
  readonly notes: string[];
  /** What makes the profile invalid. */
  readonly faults: ConfigFault[];
};
