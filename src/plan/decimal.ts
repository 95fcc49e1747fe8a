// A number as text, by a tape that can only add, subtract and compare.

import { go, here, origin, set } from "../front/front-steps.ts";
import { address, compute, newBuffer, newSlot, type Slot, type Step, slotIn, type Variables } from "../tape/step.ts";

/** A pid has at most seven digits: the kernel has at most 2^22 (PID_MAX_LIMIT in include/linux/threads.h). */
const DIGITS = 7;
const SIGN = 2 ** 63;

/** A number as digits: each is counted up while its power of ten can be taken away. The first ones, 0, are left out. */
export function decimal(
  number: Slot<"int">,
  out: { readonly address: Slot<"int">; readonly length: Slot<"int"> },
  variables: Variables,
): Step[] {
  const rest = newSlot(variables, "int", "what is left of the pid");
  const zeros = new TextEncoder().encode("0".repeat(DIGITS));
  const buffer = newBuffer(variables, "digits of the pid", 8, zeros);
  const digits = slotIn("int", buffer, 0, "digits of the pid");
  const steps = [set(number, rest, "take the pid")];
  for (let place = 0; place < DIGITS; place++) {
    const power = 10 ** (DIGITS - 1 - place);
    const label = `digit ${place}`;
    const count = [
      compute([rest, 0, power, -1], origin, "take it away", { out: rest }),
      compute([digits, 2 ** (8 * place), 0, -1], origin, "count it", { out: digits, goto: label }),
    ];
    steps.push(compute([rest, 0, power, SIGN], origin, `is there ${power} in it?`, { label, equal: { value: 0, steps: count } }));
  }
  const take = (place: number): Step[] => [
    set(address(buffer, place), out.address, "where its digits begin"),
    set(DIGITS - place, out.length, "how many they are"),
  ];
  for (let place = 0; place < DIGITS - 1; place++)
    steps.push(
      compute([number, 0, 10 ** (DIGITS - 1 - place), SIGN], origin, `does it have ${DIGITS - place} digits?`, {
        equal: { value: 0, steps: [...take(place), go("the pid as text")] },
      }),
    );
  return [...steps, ...take(DIGITS - 1), here("the pid as text", "here it is")];
}
