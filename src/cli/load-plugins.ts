// Plugins from their names to taps on fresh hooks. Imported only when some plugin is named, and tapable with it, so a
// container without plugins pays nothing. A plugin's file runs with all of box's rights, as the OCI hooks of a
// config.json do: who runs a bundle trusts its configuration. What must not happen is that a container writes the code
// that box runs afterwards, so files that it could change are refused.

import { realpathSync, statSync } from "node:fs";
import { type HookName, type Hooks, newHooks } from "../../hooks/hooks.ts";
import type { Plugin, PluginHost } from "../../hooks/plugin.ts";
import { checkSpec } from "../config/check-spec.ts";
import { nearest } from "../config/faults.ts";
import { namespaceKeys } from "../config/yaml-rules.ts";
import { BoxError } from "../errors.ts";
import { beginPlainly } from "../execute/begin-plainly.ts";
import { hostReader } from "../execute/files.ts";
import type { Container } from "../plan/plan-container.ts";
import { sortOptions } from "../plan/sort-options.ts";
import type { PluginUse } from "../state/state.ts";
import { checkOptions } from "./plugin-options.ts";
import { type Taps, timed, watchTaps } from "./plugin-taps.ts";
import { reportWarning } from "./report-error.ts";
import { resolveNamespace } from "./resolve-namespace.ts";

export type PluginRequest = {
  /** How messages call it: `plugins[0] ./fail.ts`. */
  readonly label: string;
  /** A built-in plugin's name, or a path. */
  readonly name: string;
  /** Where a relative path begins. */
  readonly folder: string;
  readonly options: unknown;
  /** Where the option at a path stands in the file that names the plugin. */
  readonly placeOf?: (path: string) => string;
};

export type Plugins = {
  readonly uses: readonly PluginUse[];
  readonly hooks: Hooks;
  /** Who taps which hook, for the printed plan. */
  readonly notes: readonly string[];
};

/** First-party plugins, each loaded when it is named. */
const builtIn: Readonly<Record<string, () => Promise<unknown>>> = {
  "cgroup-limits": () => import("../../plugins/cgroup-limits.ts"),
  network: () => import("../../plugins/network.ts"),
  "share-namespace": () => import("../../plugins/share-namespace.ts"),
};

const LOAD_TIMEOUT_MS = 30_000;

export type LoadOptions = {
  readonly stateRoot: string;
  /** Whose files plugins must not be; undefined once it has ended. */
  readonly container: Pick<Container, "bundle" | "spec" | "hostRoot"> | undefined;
  /** Takes the failure of one plugin, so that the others are loaded all the same; without it the first one is thrown. */
  readonly tolerate?: (error: BoxError) => void;
};

export async function loadPlugins(requests: readonly PluginRequest[], options: LoadOptions): Promise<Plugins> {
  beginPlainly();
  const hooks = newHooks();
  const taps: Taps = { plugin: undefined, made: [] };
  // As data, so that what a plugin keeps of it or hides in it does not matter.
  watchTaps(hooks, taps, { checkConfig: (value) => checkSpec(JSON.parse(JSON.stringify(value))), warn: reportWarning });
  const uses: PluginUse[] = [];
  for (const request of requests) {
    try {
      uses.push(await loadPlugin(request, hooks, taps, options));
    } catch (error) {
      if (!(error instanceof BoxError) || options.tolerate === undefined) throw error;
      options.tolerate(error);
    }
  }
  return { uses, hooks, notes: notesOf(taps) };
}

function notesOf({ made }: Taps): string[] {
  const hooks: HookName[] = ["config", "plan", "prestart", "poststart", "poststop"];
  return hooks.flatMap((hook) => {
    const labels = made.filter((one) => one.hook === hook).map(({ label }) => label);
    return labels.length === 0 ? [] : [`hook ${hook}: ${labels.join(", ")}`];
  });
}

async function loadPlugin(request: PluginRequest, hooks: Hooks, taps: Taps, options: LoadOptions): Promise<PluginUse> {
  const { label } = request;
  const isFile = request.name.includes("/") || /\.[cm]?[jt]s$/.test(request.name);
  const name = isFile ? checkFile(request, options.container) : request.name;
  const module = isFile ? await importFile(label, name) : await importBuiltIn(label, name);
  const plugin = checkPlugin(label, module);
  const given = request.options ?? {};
  const faults = checkOptions(plugin.options ?? { type: "object", properties: {} }, given);
  if (faults.length > 0)
    throw new BoxError({
      what: "plugin options",
      faults: faults.map((fault) => ({ ...fault, path: [request.placeOf?.(fault.path), label, fault.path].filter(Boolean).join(": ") })),
    });
  taps.plugin = label;
  try {
    await timed(label, "apply", LOAD_TIMEOUT_MS, async () =>
      plugin.apply(hooks, given as Record<string, unknown>, hostOf(label, options.stateRoot)),
    );
  } finally {
    taps.plugin = undefined;
  }
  return { label, name, options: given };
}

const hostOf = (label: string, stateRoot: string): PluginHost => ({
  resolveNamespace: (reference, key) => ({ type: namespaceKeys[key], path: resolveNamespace(stateRoot, reference, namespaceKeys[key]) }),
  machine: async () => (await import("./machine-facts.ts")).readMachineFacts(hostReader),
  warn: async (message) => reportWarning(new BoxError({ origin: label, what: message })),
  lock: async (path, work) => await (await import("../execute/lock-file.ts")).lockFile(path, work),
});

async function importBuiltIn(label: string, name: string): Promise<unknown> {
  const load = Object.hasOwn(builtIn, name) ? builtIn[name] : undefined;
  if (load !== undefined) return await load();
  const meant = nearest(name, Object.keys(builtIn));
  const hint = meant === undefined ? `a plugin's own file is named by its path: ./${name}.ts` : `did you mean ${JSON.stringify(meant)}?`;
  throw new BoxError({ origin: label, what: "there is no built-in plugin of this name", hint });
}

/** The real path of a plugin's file; throws when it is none, or one that should not be trusted. */
function checkFile({ label, name, folder }: PluginRequest, container: LoadOptions["container"]): string {
  if (!/\.[cm]?[jt]s$/.test(name)) throw new BoxError({ origin: label, what: "a plugin's file ends in .ts or .js" });
  const path = name.startsWith("/") ? name : `${folder}/${name.startsWith("./") ? name.slice(2) : name}`;
  const real = realPath(path);
  if (typeof real !== "string") throw new BoxError({ origin: label, what: "cannot read", object: path, errno: real.errno });
  const stat = statSync(real);
  if (!stat.isFile()) throw new BoxError({ origin: label, what: `${path} is no file` });
  if ((stat.mode & 0o002) !== 0)
    throw new BoxError({
      origin: label,
      what: `anyone may change ${path}, and it would run as the user that runs box`,
      hint: `chmod o-w ${path}`,
    });
  const reach = container === undefined ? undefined : withinReach(real, container);
  if (reach !== undefined)
    throw new BoxError({
      origin: label,
      what: `the container could change ${path}: it is in ${reach}`,
      hint: "make that read-only, or keep the plugin elsewhere",
    });
  return real;
}

/** The part of the configuration through which the container may write the file at `path`. */
function withinReach(path: string, { bundle, spec, hostRoot }: NonNullable<LoadOptions["container"]>): string | undefined {
  const inside = (folder: string): boolean => {
    const real = realPath(folder.startsWith("/") ? folder : `${bundle}/${folder}`);
    return typeof real === "string" && (real === "/" || path === real || path.startsWith(`${real}/`));
  };
  if (!hostRoot && spec.root.readonly !== true && inside(spec.root.path)) return "the root, root.path";
  for (const [index, { source, type, options = [] }] of (spec.mounts ?? []).entries()) {
    const binds = type === "bind" || options.includes("bind") || options.includes("rbind");
    // Of "ro" and "rw" the later one counts.
    const { attributes, attributesBelow } = sortOptions(options);
    const readOnly = attributes.set.includes("MOUNT_ATTR_RDONLY") || attributesBelow.set.includes("MOUNT_ATTR_RDONLY");
    if (binds && !readOnly && source !== undefined && inside(source)) return `the source of mounts[${index}]`;
  }
  return undefined;
}

function realPath(path: string): string | { readonly errno: string } {
  try {
    return realpathSync(path);
  } catch (error) {
    return { errno: (error as NodeJS.ErrnoException).code ?? "EIO" };
  }
}

async function importFile(label: string, path: string): Promise<unknown> {
  return await timed(label, "load", LOAD_TIMEOUT_MS, async () => {
    try {
      return await import(path);
    } catch (error) {
      throw new Error(importProblem(error), { cause: error });
    }
  });
}

/** Bun's build errors have their places beside the message; several come as one AggregateError. */
function importProblem(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return importProblem(error.errors[0]);
  const { message, position } = error as { message?: unknown; position?: { file?: unknown; line?: unknown; column?: unknown } | null };
  const words = typeof message === "string" ? message : String(error);
  return position?.line === undefined ? words : `${words} (line ${position.line}, column ${position.column})`;
}

function checkPlugin(label: string, module: unknown): Plugin {
  const plugin = (module as { default?: unknown }).default as Partial<Plugin> | undefined;
  const problem =
    typeof plugin !== "object" || plugin === null
      ? "has no default export that is a plugin: { name, apply(hooks, options) }"
      : typeof plugin.name !== "string"
        ? "its default export has no name"
        : typeof plugin.apply !== "function"
          ? "its default export has no apply"
          : undefined;
  if (problem !== undefined) throw new BoxError({ origin: label, what: problem });
  return plugin as Plugin;
}
