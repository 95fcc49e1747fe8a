// What --log-driver and --log-opt ask for, as users of Docker know them: another way to name the plugin `logging` with its options.

import { BoxError } from "../errors.ts";
import type { Parsed } from "./arguments.ts";
import type { PluginRequest } from "./load-plugins.ts";

export function logRequest({ values, lists }: Parsed): PluginRequest {
  const driver = values["log-driver"];
  if (driver === undefined) throw new BoxError({ origin: "--log-opt", what: "options for no driver", hint: "name one with --log-driver" });
  const options: Record<string, unknown> = { driver };
  for (const option of lists["log-opt"] ?? []) {
    const equals = option.indexOf("=");
    if (equals <= 0) throw new BoxError({ origin: "--log-opt", what: `expected NAME=VALUE, got ${JSON.stringify(option)}` });
    const [name, value] = [option.slice(0, equals), option.slice(equals + 1)];
    options[name] = name === "max-file" && /^\d{1,9}$/.test(value) ? Number(value) : value;
  }
  return { label: `--log-driver ${driver}`, name: "logging", folder: "/", options };
}
