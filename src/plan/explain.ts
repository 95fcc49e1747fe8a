// What the child fetches about a failure while it still can, for box to tell: the kernel's words about a mount, or the
// beginning of a program that cannot be executed. Each list ends by failing again with the errno of the failed step.

import { compute, lastErrno, lastRecord, newSlot, type Step, step } from "../tape/step.ts";
import type { Building } from "./builder.ts";
import type { ChildVariables, Section } from "./plan.ts";
import { pointerTo } from "./steps.ts";
import { tellStart } from "./wait-for-start.ts";

const origin = "box";

/** In the order that encodeTape is told: "context", "program", "start". */
export function explainFailures(building: Building): readonly [Section, Section, Section] {
  const { child } = building;
  const file = newSlot(child.variables, "fd", "program");
  const section = (title: string, steps: readonly Step[]): Section => ({ title, actor: "init", steps: around(child, steps) });
  return [
    // Reads one message; the first is the one that counts.
    section("when a mount fails", [
      step("read", [child.context, pointerTo(child.explanation), 255], origin, "read the kernel's reason", { onError: "ignore" }),
    ]),
    section("when the program cannot be executed", [
      step("openat", ["AT_FDCWD", child.program, ["O_RDONLY", "O_NONBLOCK", "O_CLOEXEC"], 0], origin, "look into the file", {
        out: file,
        onError: "ignore",
        ok: [step("read", [file, pointerTo(child.explanation), 255], origin, "read its first line", { onError: "ignore" })],
      }),
    ]),
    { title: "when start fails", actor: "init", steps: tellStart(building) },
  ];
}

const around = (child: ChildVariables, steps: readonly Step[]): Step[] => [
  compute([lastRecord, 0, 0, -1], origin, "remember which step failed", { out: child.failedRecord }),
  compute([0, 0, lastErrno, -1], origin, "and its errno", { out: child.failedErrno }),
  ...steps,
  compute([0, 0, child.failedErrno, -1], origin, "end with that errno"),
];
