// What is called while a container is made: hooks of its plugins, and those of its configuration that follow a failed start.

import type { Between, Written } from "../execute/run-container.ts";
import type { PluginUse } from "../state/state.ts";
import type { Configured } from "./load-container.ts";
import type { LoadedPlugin, Plugins } from "./load-plugins.ts";

/** What later processes need to know of a plugin. */
export const useOf = ({ plugin: _, ...use }: LoadedPlugin): PluginUse => use;

/** What there is to know of the container. */
type Around = Pick<Configured, "plugins" | "stateRoot"> & { readonly container: Pick<Configured["container"], "spec"> };

/** For what is written first of the container. */
export const hooksAround =
  (
    { container: { spec }, plugins, stateRoot }: Around,
    betweenOf: ((plugins: Plugins, first: Between["poststop"]) => Between) | undefined,
  ) =>
  ({ state }: Written): Between => {
    // Plugins are called by those that are loaded here, which know whether their prestart had begun.
    const ofSpec = async (): Promise<void> => (await import("./poststop.ts")).poststopOfConfig(state, stateRoot);
    const poststop = spec.hooks?.poststop === undefined ? undefined : ofSpec;
    return {
      ...(poststop === undefined ? {} : { poststop }),
      ...(plugins === undefined ? {} : betweenOf?.(plugins, poststop)),
    };
  };
