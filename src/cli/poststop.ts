// What runs after a container has ended, whoever removes it: the OCI hooks of its configuration, and its plugins. None of
// their failures keeps it from being removed (runtime.md, "Lifecycle").

import { readKeptConfig } from "../execute/kept-config.ts";
import { isTapped, type State } from "../state/state.ts";

export async function poststop(state: State, stateRoot: string, exitCode?: number): Promise<void> {
  await poststopOfConfig(state, stateRoot);
  if (isTapped(state, "poststop")) await (await import("./plugin-hooks.ts")).poststopFromState(state, stateRoot, exitCode);
}

/** The OCI hooks alone. */
export async function poststopOfConfig(state: State, stateRoot: string): Promise<void> {
  const config = readKeptConfig(`${stateRoot}/${state.id}`);
  if (config?.hooks?.poststop !== undefined) {
    const { runHooksOf } = await import("../execute/run-hooks.ts");
    const { warnOf } = await import("./warn-of.ts");
    runHooksOf(config.hooks, "poststop", { ...state, status: "stopped" }, warnOf);
  }
}
