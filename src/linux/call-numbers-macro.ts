// The numbers of all calls on one machine, for a Bun macro to write into the program: most of box makes calls and needs
// neither what their arguments are nor another machine's numbers. Import it `with { type: "macro" }`.

import { type CallName, type Machine, syscalls } from "./syscalls.ts";

export function encodeCallNumbers(machine: Machine): Readonly<Record<CallName, number>> {
  const numbers = {} as Record<CallName, number>;
  for (const name of Object.keys(syscalls) as CallName[]) numbers[name] = syscalls[name][machine];
  return numbers;
}
