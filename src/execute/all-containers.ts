// Every container below the folder of all states, with its processes.

import type { State } from "../state/state.ts";
import { processesOf } from "./container-processes.ts";
import { listStates } from "./list-states.ts";

export type ContainerWithPids = { readonly state: State; readonly pids: readonly number[] };

/** In the order of their ids; `mayLack` as with listStates. */
export const allContainers = (stateRoot: string, mayLack: boolean): ContainerWithPids[] =>
  listStates(stateRoot, mayLack).map(({ state }) => ({ state, pids: processesOf(state) }));
