// What box offers plugins, for tests without box: what a test does not give, its plugin must not ask for.

import type { PluginHost } from "../../hooks/plugin.ts";

const refuse = (name: string) => (): never => {
  throw new Error(`the test did not expect ${name}`);
};

export const hostWith = (given: Partial<PluginHost>): PluginHost => ({
  resolveNamespace: refuse("resolveNamespace"),
  machine: refuse("machine"),
  warn: refuse("warn"),
  lock: refuse("lock"),
  ...given,
});
