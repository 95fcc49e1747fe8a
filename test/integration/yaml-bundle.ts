// A bundle that a box.yaml describes.

import { rmSync, writeFileSync } from "node:fs";
import { Bundle } from "./harness.ts";

/** With this box.yaml and no config.json. */
export function yamlBundle(text: string): Bundle {
  const bundle = new Bundle();
  rmSync(`${bundle.folder}/config.json`);
  writeFileSync(`${bundle.folder}/box.yaml`, text);
  return bundle;
}
