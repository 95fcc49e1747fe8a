// Writes docs/box.schema.json, which editors take to complete and check a box.yaml. A test compares the two.

import { writeFileSync } from "node:fs";
import { yamlSchema } from "../src/config/yaml-schema.ts";

/** The file's text. */
export const schemaText = (): string => `${JSON.stringify(yamlSchema(), null, 2)}\n`;

if (import.meta.main) writeFileSync(new URL("../docs/box.schema.json", import.meta.url), schemaText());
