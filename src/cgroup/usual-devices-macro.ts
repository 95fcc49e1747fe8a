// The devices of a container whose rules allow none, as a value that a Bun macro can write into the program. Import it
// `with { type: "macro" }`.

import { deviceFilter } from "./device-filter.ts";
import { type DeviceLines, deviceLines, deviceTable } from "./device-rules.ts";

export function encodeUsualDevices(): { lines: DeviceLines; filterBase64: string } {
  const table = deviceTable([]);
  const lines = deviceLines(table);
  if ("problem" in lines) throw new Error(lines.problem);
  return { lines, filterBase64: deviceFilter(table).toBase64() };
}
