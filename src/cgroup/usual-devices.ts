// What a container may use when its rules allow nothing, as those of `box spec` and of a container without a bundle: made
// when box was built, since to work it out takes 0.25 ms of a start.

import type { DeviceRule } from "../config/spec.ts";
import { encodeUsualDevices } from "./usual-devices-macro.ts" with { type: "macro" };

const { lines, filterBase64 } = encodeUsualDevices();

export const usualLines = lines;
export const usualFilter = (): Uint8Array => Uint8Array.fromBase64(filterBase64);

/** Whether these rules leave a container what every one has, and no more. */
export function areUsual(rules: readonly DeviceRule[]): boolean {
  for (let index = 0; index < rules.length; index++) if (rules[index]?.allow === true) return false;
  return true;
}
