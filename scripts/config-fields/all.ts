// Every field's note, in the order of the tables of src/config/spec-rules.ts.

import { bundleNotes } from "./bundle.ts";
import { linuxNotes } from "./linux.ts";
import type { FieldPath, Notes } from "./note.ts";
import { processNotes } from "./process.ts";
import { resourceNotes } from "./resources.ts";

export const fieldNotes: Notes<FieldPath> = { ...bundleNotes, ...processNotes, ...linuxNotes, ...resourceNotes };
