// Keeps what a container writes:
//
//   plugins:
//     - logging: { driver: local, max-size: 10m, max-file: 3 }
//
// Read it as a model for the hook `stdio`: it only says where output goes, as data. docs/logging.md tells what comes of it.

import type { Stdio, StdioContainer } from "../hooks/hooks.ts";
import type { Plugin } from "../hooks/plugin.ts";

type Driver = "file" | "local" | "json-file" | "journald";
type Options = {
  /** `file`: the container writes by itself. `local`, which `json-file` is another name for, and `journald`: box's supervisor does. */
  driver?: Driver;
  /** Of file and local, absolute. */
  path?: string;
  /** Of file, where stderr is not to be in the same. */
  "stderr-path"?: string;
  /** Of local: when a file is full, such as 500k or 10m. */
  "max-size"?: string;
  /** Of local: how many files there are at most. */
  "max-file"?: number;
  /** Of journald. */
  socket?: string;
  /** Of journald: what the entries are found by; the container's id when left out. */
  tag?: string;
};

const ofLocal = ["path", "max-size", "max-file"] as const;
const optionsOf: Readonly<Record<Driver, readonly (keyof Options)[]>> = {
  file: ["path", "stderr-path"],
  local: ofLocal,
  "json-file": ofLocal,
  journald: ["socket", "tag"],
};

const plugin: Plugin<Options> = {
  name: "logging",
  description: "keeps what a container writes: in a log, in files or in the journal",
  options: {
    type: "object",
    properties: {
      driver: { type: "string", enum: ["local", "json-file", "file", "journald"] },
      path: { type: "string" },
      "stderr-path": { type: "string" },
      "max-size": { type: "string" },
      "max-file": { type: "integer" },
      socket: { type: "string" },
      tag: { type: "string" },
    },
  },
  apply(hooks, options) {
    hooks.stdio.tap("logging", (_, container) => choose(options, container));
  },
};

export default plugin;

function choose(options: Options, { id }: StdioContainer): Stdio {
  const driver = options.driver ?? "local";
  for (const name of Object.keys(options) as (keyof Options)[])
    if (name !== "driver" && !optionsOf[driver].includes(name)) throw new Error(`${name} is no option of the driver ${driver}`);
  if (driver === "journald")
    return { kind: "supervised", driver, socket: options.socket ?? usualSocket, fields: fieldsOf(id, options.tag) };
  const { path } = options;
  if (path !== undefined && !path.startsWith("/")) throw new Error(`path is not absolute: ${path}`);
  if (driver === "file") {
    if (path === undefined) throw new Error("the driver file needs a path");
    const errors = options["stderr-path"];
    return errors === undefined ? { kind: "file", path } : { kind: "file", path, stderrPath: errors };
  }
  return {
    kind: "supervised",
    driver: "local",
    ...(path === undefined ? {} : { path }),
    maxBytes: bytesOf(options["max-size"] ?? "5m"),
    files: options["max-file"] ?? 2,
  };
}

const usualSocket = "/run/systemd/journal/socket";

/** The names that Docker and podman use, so that the same queries find both. */
const fieldsOf = (id: string, tag = id): Record<string, string> => ({
  CONTAINER_ID: id.slice(0, 12),
  CONTAINER_ID_FULL: id,
  CONTAINER_NAME: id,
  CONTAINER_TAG: tag,
  SYSLOG_IDENTIFIER: tag,
});

/** Powers of 1024, as for Docker's max-size. */
function bytesOf(size: string): number {
  const [, digits, unit = ""] = /^(\d{1,12})([kmg]?)b?$/i.exec(size) ?? [];
  if (digits === undefined || Number(digits) === 0) throw new Error(`max-size is no size such as 500k, 10m or 1g: ${size}`);
  return Number(digits) * 1024 ** " kmg".indexOf(unit === "" ? " " : unit.toLowerCase());
}
