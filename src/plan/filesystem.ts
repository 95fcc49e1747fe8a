// A new filesystem as a mount that is attached nowhere yet, made step by step so that the kernel can say what it does
// not like.

import type { Flag } from "../linux/flags.ts";
import { type Slot, type Step, step } from "../tape/step.ts";
import { setPropagation } from "./attributes.ts";
import type { Building } from "./builder.ts";
import { mountByOneCall, needsOneCall } from "./one-call-mount.ts";
import type { SortedOptions } from "./sort-options.ts";

export type FilesystemWanted = {
  readonly type: string;
  readonly source: string;
  readonly data: readonly string[];
  readonly attributes: readonly Flag<"MOUNT_ATTR">[];
  /** Flags that only mount(2) has. */
  readonly oldFlags?: readonly Flag<"MS">[];
  readonly origin: string;
  readonly why: string;
  readonly out: Slot<"fd">;
};

/** fsopen … fsmount: a detached mount of a new filesystem. The mount context's own words explain a refusal. */
export function makeFilesystem(building: Building, wanted: FilesystemWanted): Step[] {
  if (needsOneCall(wanted)) return mountByOneCall(building, wanted, building.labels?.labelWord(building, wanted.type, wanted.data));
  const { type, source, data, attributes, origin, why, out } = wanted;
  const { context } = building.child;
  const explain = "context" as const;
  const steps = [
    step("fsopen", [type, ["FSOPEN_CLOEXEC"]], origin, why, { out: context }),
    step("fsconfig", [context, ["FSCONFIG_SET_STRING"], "source", source, 0], origin, why, { explain }),
  ];
  for (const word of data) {
    const equals = word.indexOf("=");
    steps.push(
      equals < 0
        ? step("fsconfig", [context, ["FSCONFIG_SET_FLAG"], word, null, 0], origin, why, { explain })
        : step("fsconfig", [context, ["FSCONFIG_SET_STRING"], word.slice(0, equals), word.slice(equals + 1), 0], origin, why, { explain }),
    );
  }
  if (building.labels !== undefined) steps.push(...building.labels.labelFilesystem(building, type, data, context));
  steps.push(
    step("fsconfig", [context, ["FSCONFIG_CMD_CREATE"], null, null, 0], origin, why, { explain }),
    step("fsmount", [context, ["FSMOUNT_CLOEXEC"], attributes], origin, why, { out, explain }),
    step("close", [context], origin, "done with it"),
  );
  return steps;
}

export const propagate = (building: Building, mount: Slot<"fd">, sorted: SortedOptions, origin: string): Step[] =>
  sorted.propagation.flatMap(({ flag, recursive }) =>
    setPropagation(building, mount, flag, recursive, origin, `set its propagation to ${flag.slice(3).toLowerCase()}`),
  );
