// Who owns stdin, stdout and stderr of a container without a terminal: they were opened by the caller, and a program that
// opens /dev/stdout again as another user is to be let in. The null device is everyone's, and stays as it is.

import { compute, type ErrorTable, type Step, slotIn, step } from "../tape/step.ts";
import type { Building } from "./builder.ts";
import { statxOffset } from "./masks.ts";
import { pointerTo } from "./steps.ts";

const origin = "process.user.uid";

/** What may be refused: an owner that is not of this user namespace, and a filesystem that cannot be written. */
const refused: ErrorTable = [
  ["EPERM", []],
  ["EINVAL", []],
  ["EROFS", []],
];

/** Gives descriptors 0, 1 and 2 to the user, as runc does; those that are closed or the user's already are passed over. */
export function ownStdio(building: Building, uid: number): Step[] {
  const owner = slotIn("int", building.statx, statxOffset("uid"), "owner of stdio");
  const rdev = slotIn("int", building.statx, statxOffset("rdev_major"), "device number of stdio");
  const steps: Step[] = [];
  for (const fd of [0, 1, 2]) {
    const give = step("fchown", [fd, uid, -1], origin, `give descriptor ${fd} to user ${uid}`, { onError: refused });
    const unlessNull = compute([rdev, 0, 0, -1], origin, "is it the null device?", {
      equal: { value: 3 * 4294967296 + 1, steps: [] },
      ok: [give],
    });
    const unlessOwned = compute([owner, 0, 0, 0xffffffff], origin, `is it user ${uid}'s?`, {
      equal: { value: uid, steps: [] },
      ok: [unlessNull],
    });
    steps.push(
      step(
        "statx",
        [fd, "", ["AT_EMPTY_PATH"], ["STATX_TYPE", "STATX_UID"], pointerTo(building.statx)],
        origin,
        `look at descriptor ${fd}`,
        {
          ok: [unlessOwned],
          onError: [["EBADF", []]],
        },
      ),
    );
  }
  return steps;
}
