// Plugins from their names to taps on fresh hooks. Imported only when some plugin is named, and tapable with it, so a
// container without plugins pays nothing. Which files may be loaded is for plugin-file.ts to say.

import { type HookName, type Hooks, newHooks } from "../../hooks/hooks.ts";
import type { ObjectSchema, Plugin, PluginHost } from "../../hooks/plugin.ts";
import type { Parts } from "../config/check-changed.ts";
import { nearest } from "../config/faults.ts";
import type { Spec } from "../config/spec.ts";
import { namespaceKeys } from "../config/yaml-rules.ts";
import { BoxError, type ConfigFault } from "../errors.ts";
import { beginPlainly, goesOnFromKept, stayForGood } from "../execute/begin-plainly.ts";
import { hostReader, readText } from "../execute/files.ts";
import type { PluginUse } from "../state/state.ts";
import { keptScriptOf } from "./kept-scripts.ts";
import { late } from "./late.ts";
import { type Module, moduleOf, type Script } from "./plugin-code.ts";
import { isPath, type Led, mayImport, pluginFile, type ReachOf, type Trust } from "./plugin-file.ts";
import { checkAsked, checkOptions, readOptions, withDefaults } from "./plugin-options.ts";
import { type Policy, type Taps, tapsOf, timed, watchTaps } from "./plugin-taps.ts";
import { type Reference, resolveNamespace } from "./resolve-namespace.ts";
import { followSpec, type SpecOrigins } from "./spec-origins.ts";
import type { Use } from "./watched-module.ts";

export type PluginRequest = {
  /** How messages call it: `plugins[0] ./fail.ts`. */
  readonly label: string;
  /** A built-in plugin's name, or a path. */
  readonly name: string;
  /** Where a relative path begins. */
  readonly folder: string;
  readonly options: unknown;
  /** Names of options that an annotation gives. */
  readonly asked?: readonly string[];
  /** Options as they stand in a command line, instead: `file=a,port=80`. */
  readonly words?: string;
  /** The file, line and column of the option at a path, in the file that names the plugin, and how that is called there. */
  readonly placeOf?: (path: string) => string | Promise<string>;
  readonly labelThere?: string;
  /** Named for every container, whoever starts it, so that it must be root's alone. */
  readonly ofHost?: true;
};

/** A plugin that has been loaded and applied. */
export type LoadedPlugin = PluginUse & { readonly plugin: Plugin };

export type Plugins = {
  readonly loaded: readonly LoadedPlugin[];
  readonly hooks: Hooks;
  /** Who taps which hook, in the order of calling, for the printed plan. */
  readonly notes: readonly string[];
  /** Which parts of the Spec are theirs; undefined once that is no question any more. */
  readonly origins: SpecOrigins | undefined;
  /** The files among them, where all of them ran as scripts. */
  readonly scripts: readonly Script[] | undefined;
  /** null where nobody can tell whether they are the same; undefined where nobody has looked. */
  readonly same: SamePlugins | null | undefined;
  /** undefined where nobody looks. */
  readonly use: Use | undefined;
};

/** First-party plugins, each loaded when it is named. */
export const builtIn: Readonly<Record<string, () => Promise<unknown>>> = {
  "cgroup-limits": () => import("../../plugins/cgroup-limits.ts"),
  "hooks-d": () => import("../../plugins/hooks-d.ts"),
  logging: () => import("../../plugins/logging.ts"),
  network: () => import("../../plugins/network.ts"),
  notify: () => import("../../plugins/notify.ts"),
  "share-namespace": () => import("../../plugins/share-namespace.ts"),
};

/** Of a file's own code, up to its last top-level await. */
const LOAD_TIMEOUT_MS = 5000;
const APPLY_TIMEOUT_MS = 30_000;
const noOptions: ObjectSchema = { type: "object", properties: {} };

export type LoadOptions = {
  readonly stateRoot: string;
  /** What the taps of `config` will be given first, for `origins`; left out when they are not called. */
  readonly spec?: Spec;
  /** Takes the namespaces that plugins find. */
  readonly references?: Reference[];
  /** Tells whether the container could change a plugin's file; left out once that has been asked. */
  readonly reachOf?: ReachOf;
  /** What another start has found. */
  readonly known?: KnownPlugins | undefined;
  /** Whether the files are known to be those that the other start has found, and may still be trusted. */
  readonly areSame?: boolean;
  /** Is told when plugins use what may be another the next time. */
  readonly use?: Use | undefined;
  /** Takes the failure of one plugin, so that the others are loaded all the same; without it the first one is thrown. */
  readonly tolerate?: (error: BoxError) => void | Promise<void>;
};

/** What is so whenever it is asked: only the questions are compared. */
export type KnownPlugins = {
  /** What plugins were given of the text of a config.json, as JSON. */
  readonly given: string;
  /** What taps made of it, and was found to be right. */
  readonly checked: readonly string[];
  readonly scripts: readonly Script[];
  readonly same: SamePlugins | null | undefined;
};

/** What says that plugins of a further start are the same, and whether they need be asked at all. */
export type SamePlugins = {
  /** How the command line names them, and from where; null where they are named by whole paths. */
  readonly flags: readonly string[];
  readonly folder: string | null;
  /** What told that their files may be trusted. */
  readonly led: readonly Led[];
  /** What they make of a configuration depends on nothing else. */
  readonly pure: boolean;
};

export async function loadPlugins(requests: readonly PluginRequest[], options: LoadOptions): Promise<Plugins> {
  const codes = goesOnFromKept() ? await codesOf(requests, options) : undefined;
  // Before any of their code runs, since that is to run once. What is loaded after a container has run is loaded here.
  if (codes === undefined) beginPlainly();
  stayForGood();
  const { hooks, taps, context } = takeHooks();
  const origins = options.spec === undefined ? undefined : followSpec(options.spec);
  context.origins = origins;
  context.known = options.known;
  const loaded: LoadedPlugin[] = [];
  for (const request of requests) {
    try {
      loaded.push(await loadPlugin(request, hooks, taps, options, codes?.get(request)));
    } catch (error) {
      if (!(error instanceof BoxError) || options.tolerate === undefined) throw error;
      await options.tolerate(error);
    }
  }
  if (options.spec !== undefined && options.known === undefined && tapsOf(hooks, "config").length > 0)
    context.parts = (await changes()).partsOf(options.spec);
  return {
    loaded,
    hooks,
    notes: notesOf(hooks),
    origins,
    scripts: codes && [...codes.values()].map(({ script }) => script),
    same: undefined,
    use: options.use,
  };
}

/** What is known where a tap's answer is looked at. */
type Context = {
  origins: SpecOrigins | undefined;
  known: KnownPlugins | undefined;
  /** Of the Spec that the next tap is given. */
  parts: Parts | undefined;
};
type Untapped = { readonly hooks: Hooks; readonly taps: Taps; readonly context: Context };
let prepared: Untapped | undefined;

function makeHooks(): Untapped {
  const hooks = newHooks();
  const taps: Taps = { plugin: undefined, made: [] };
  const context: Context = { origins: undefined, known: undefined, parts: undefined };
  watchTaps(hooks, taps, { check: (...tapped) => checkAnswer(tapped, context), warn });
  return { hooks, taps, context };
}

/** For a process that goes on from a kept start, which then need not make them. */
export function prepareHooks(): void {
  prepared = makeHooks();
}

function takeHooks(): Untapped {
  const taken = prepared ?? makeHooks();
  prepared = undefined;
  return taken;
}

type Code = { readonly name: string; readonly script: Script; readonly load: () => unknown };

/**
 * The code of the files that are named, if all of it can run in a process that goes on from a kept start; box's own plugins can.
 * undefined also where something is wrong with one, for a plain start to tell.
 */
async function codesOf(requests: readonly PluginRequest[], options: LoadOptions): Promise<Map<PluginRequest, Code> | undefined> {
  const codes = new Map<PluginRequest, Code>();
  try {
    for (const request of requests) {
      if (!isPath(request.name)) continue;
      const script = scriptNamed(request, options);
      const load = script === undefined ? undefined : moduleOf(script, options.use);
      if (script === undefined || load === undefined) return undefined;
      codes.set(request, { name: script.path, script, load: () => onceFor(script.path, load) });
    }
  } catch {
    return undefined;
  }
  return codes;
}

function scriptNamed(request: PluginRequest, { stateRoot, reachOf, known, areSame }: LoadOptions): Script | undefined {
  if (areSame === true) return known?.scripts.find(({ path }) => path === request.name);
  // What imports other files by their paths is not taken.
  const name = fileNamed(request, reachOf);
  const text = readText(name);
  if (typeof text !== "string") return undefined;
  return known?.scripts.find((one) => one.path === name && one.text === text) ?? keptScriptOf(stateRoot, name, text);
}

const byPath = new Map<string, Module>();

/** A file is one module, however often it is named, as with the engine's import. */
function onceFor(path: string, load: () => Module): Module {
  const module = byPath.get(path) ?? load();
  byPath.set(path, module);
  return module;
}

/** A built-in plugin and the hooks that it taps when it is given no options. */
export async function tappedBy(name: string): Promise<{ plugin: Plugin; hooks: HookName[] }> {
  const plugin = checkPlugin(name, await importBuiltIn(name, name));
  const hooks = newHooks();
  await plugin.apply(hooks, withDefaults(plugin.options ?? noOptions, {}) as Record<string, unknown>, hostOf(name, { stateRoot: "" }));
  return { plugin, hooks: (Object.keys(hooks) as HookName[]).filter((hook) => hooks[hook].taps.length > 0) };
}

const changes = late(() => import("../config/check-changed.ts"));

/** As data, so that what a plugin keeps of it or hides in it does not matter. */
async function checkAnswer([hook, value, label]: Parameters<Policy["check"]>, context: Context): Promise<unknown> {
  const { origins, known, parts } = context;
  const text = JSON.stringify(value);
  const data: unknown = JSON.parse(text);
  if (hook === "config" && known?.checked.includes(text) === true) {
    origins?.note(text, label);
    return data;
  }
  if (hook === "stdio") return (await import("./stdio-answer.ts")).checkStdioAnswer(data);
  if (hook !== "config") return (await import("../config/check-spec.ts")).checkProcess(data);
  const { checkChanged, partsOf } = await changes();
  const spec = checkChanged(data, parts);
  context.parts = partsOf(spec);
  origins?.note(text, label);
  return spec;
}

export async function warn(failure: BoxError): Promise<void> {
  (await import("./report-error.ts")).reportWarning(failure);
}

function notesOf(hooks: Hooks): string[] {
  const notes: string[] = [];
  for (const hook of Object.keys(hooks) as HookName[]) {
    const taps = tapsOf(hooks, hook).map(({ label, stage }) => (stage === undefined ? label : `${label} (stage ${stage})`));
    if (taps.length > 0) notes.push(`hook ${hook}: ${taps.join(", ")}`);
  }
  return notes;
}

async function loadPlugin(
  request: PluginRequest,
  hooks: Hooks,
  taps: Taps,
  options: LoadOptions,
  code: Code | undefined,
): Promise<LoadedPlugin> {
  const { label, ofHost } = request;
  const name = isPath(request.name) ? (code?.name ?? (await fileOf(request, options.reachOf))) : request.name;
  const module = isPath(request.name) ? await importFile(label, code?.load ?? (() => import(name))) : await importBuiltIn(label, name);
  const plugin = checkPlugin(label, module);
  const schema = plugin.options ?? noOptions;
  const given = request.words === undefined ? (request.options ?? {}) : readOptions(schema, request.words);
  const faults = [...checkOptions(schema, given), ...checkAsked(schema, request.asked ?? [])];
  if (faults.length > 0) throw new BoxError({ what: "plugin options", faults: await placed(faults, request) });
  const before = taps.made.length;
  taps.plugin = label;
  try {
    await timed(label, "apply", APPLY_TIMEOUT_MS, () =>
      plugin.apply(hooks, withDefaults(schema, given) as Record<string, unknown>, hostOf(label, options)),
    );
  } finally {
    taps.plugin = undefined;
  }
  const tapped = taps.made.slice(before).map(({ hook }) => hook);
  return { label, name, options: given, hooks: [...new Set(tapped)], ...(ofHost === undefined ? {} : { ofHost }), plugin };
}

async function placed(faults: readonly ConfigFault[], { label, placeOf, labelThere = label }: PluginRequest): Promise<ConfigFault[]> {
  const out: ConfigFault[] = [];
  for (const fault of faults)
    out.push({ ...fault, path: [await placeOf?.(fault.path), labelThere, fault.path].filter(Boolean).join(": ") });
  return out;
}

async function fileOf(request: PluginRequest, reachOf: ReachOf | undefined): Promise<string> {
  const file = fileNamed(request, reachOf);
  const text = readText(file);
  // Most are one file.
  if (typeof text === "string" && mayImport(text))
    (await import("./plugin-imports.ts")).checkImports(request.label, file, trustOf(request, reachOf));
  return file;
}

const fileNamed = (request: PluginRequest, reachOf: ReachOf | undefined): string =>
  pluginFile(request.label, pathOf(request), trustOf(request, reachOf));

/** Where a plugin's file or folder is said to be. */
export const pathOf = ({ name, folder }: PluginRequest): string =>
  name.startsWith("/") ? name : `${folder}/${name.startsWith("./") ? name.slice(2) : name}`;

const trustOf = ({ ofHost }: PluginRequest, reachOf: ReachOf | undefined): Trust => ({ reachOf, ofHost: ofHost === true });

const hostOf = (label: string, { stateRoot, references, use = { used: false } }: LoadOptions): PluginHost => ({
  resolveNamespace(reference, key) {
    use.used = true;
    const found = resolveNamespace(stateRoot, reference, namespaceKeys[key]);
    references?.push(found);
    return { type: found.type, path: found.path };
  },
  async machine() {
    use.used = true;
    return (await import("./machine-facts.ts")).readMachineFacts(hostReader);
  },
  async warn(message) {
    use.used = true;
    await warn(new BoxError({ origin: label, what: message }));
  },
  async lock(path, work) {
    use.used = true;
    return await (await import("../execute/lock-file.ts")).lockFile(path, work);
  },
});

async function importBuiltIn(label: string, name: string): Promise<unknown> {
  const load = Object.hasOwn(builtIn, name) ? builtIn[name] : undefined;
  if (load !== undefined) return await load();
  const meant = nearest(name, Object.keys(builtIn));
  const hint = meant === undefined ? `a plugin's own file is named by its path: ./${name}.ts` : `did you mean ${JSON.stringify(meant)}?`;
  throw new BoxError({ origin: label, what: "there is no built-in plugin of this name", hint });
}

async function importFile(label: string, load: () => unknown): Promise<unknown> {
  return await timed(label, "load", LOAD_TIMEOUT_MS, async () => {
    try {
      return await load();
    } catch (error) {
      throw importFailed(importProblem(error), error);
    }
  });
}

function importFailed(what: string, cause: unknown): Error {
  if (!what.startsWith("Cannot find package")) return new Error(what, { cause });
  const hint = "a plugin is loaded without packages: put what it uses into one file with a bundler, such as bun build --target=bun";
  return new BoxError({ what, hint }, { cause });
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
          : plugin.options !== undefined && !isSchema(plugin.options)
            ? `its options are no schema: { type: "object", properties: {} }`
            : undefined;
  if (problem !== undefined) throw new BoxError({ origin: label, what: problem });
  return plugin as Plugin;
}

const isSchema = (options: unknown): boolean => {
  const { type, properties } = (options ?? {}) as Partial<ObjectSchema>;
  return type === "object" && typeof properties === "object" && properties !== null;
};
