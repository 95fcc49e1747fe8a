// From the command line to a checked container: which bundle or the embedded default, then the flags' changes.

import { checkContainerId } from "../config/container-id.ts";
import type { NamespaceType, Spec } from "../config/spec.ts";
import type { Stdio } from "../config/stdio-choice.ts";
import { checkSupported } from "../config/unsupported.ts";
import { BoxError, type ConfigFault } from "../errors.ts";
import { hostReader, readText } from "../execute/files.ts";
import type { KeptKey } from "../execute/kept-program.ts";
import { machine } from "../execute/libc.ts";
import { readGivenOrThrow, readTextOrThrow } from "../execute/read-or-throw.ts";
import type { HostFacts } from "../host/facts.ts";
import type { HostReader } from "../host/read-facts.ts";
import type { Join, SeccompFilter } from "../plan/builder.ts";
import type { Container } from "../plan/plan-container.ts";
import type { PluginUse } from "../state/state.ts";
import type { Parsed } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { type FactsAsked, factsAsked, factsFor, labelsAsked, type Seen, watchingReader } from "./host-facts.ts";
import { absolute, folderOf, formatOf, isHostConfigured, needsChanges, pluginAnnotation, rootOfStates } from "./invocation.ts";
import { late } from "./late.ts";
import type { KnownPlugins, LoadOptions, PluginRequest, Plugins } from "./load-plugins.ts";
import { locating } from "./located.ts";
import { parseJson } from "./parse-json.ts";
import type { WithPlugins } from "./plugin-hooks.ts";
import type { Named } from "./plugin-requests.ts";
import type { Reference } from "./resolve-namespace.ts";
import type { Use } from "./watched-module.ts";
import { withinReach } from "./within-reach.ts";
import type { Answered } from "./yaml-answers.ts";

export type Loaded = {
  readonly container: Container;
  readonly facts: HostFacts;
  readonly asked: FactsAsked;
  /** What the facts came from. */
  readonly seen: readonly Seen[];
  /** undefined when none is named. */
  readonly plugins: Plugins | undefined;
  /** What plugins have chosen for stdout and stderr; undefined without any. */
  readonly stdio: Stdio | undefined;
  /** What was left out of the description, and why. */
  readonly notes: readonly string[];
  /** Where the file that a person wrote has what an error's origin names in the Spec. */
  readonly locate: ((origin: string) => string) | undefined;
  readonly told: Told | undefined;
};

/** What a description is made from, when that is all, and all of it was taken. */
export type Told = { readonly text: string; readonly answered: readonly Answered[] };

/** The container as its description, the flags and its plugins want it. */
export type Configured = {
  readonly source: Source;
  readonly container: Container;
  readonly plugins: Plugins | undefined;
  readonly stdio: Stdio | undefined;
  readonly stateRoot: string;
  readonly references: readonly Reference[];
  readonly locate: Loaded["locate"];
};

/** Whether all that its plugins have said of the container is in its configuration. */
export const isToldByConfig = ({ plugins, stdio, references }: Configured): boolean =>
  plugins === undefined || (plugins.hooks.plan.taps.length === 0 && stdio?.kind === "inherit" && references.length === 0);

/** Reads what `parsed` names. The order of checks is the order in which a user would want to hear of mistakes. */
export const loadContainer = async (parsed: Parsed, globals: Globals, idNeeded: boolean): Promise<Loaded> =>
  await finishLoading(await configureContainer(parsed, globals, idNeeded), parsed, globals);

/** What was read of a description already, and what another start has found. */
export type KnownConfig = Pick<Description, "format" | "text"> & {
  readonly plugins?: KnownPlugins | undefined;
  readonly answered?: readonly Answered[];
};

const sourceFrom = (known: KnownConfig | undefined): Source | undefined =>
  known?.plugins === undefined
    ? undefined
    : { spec: JSON.parse(known.plugins.given) as Spec, hostRoot: false, plugins: [], config: known.text };

/** As far as the configuration, which plugins have the last word on. */
export async function configureContainer(
  parsed: Parsed,
  globals: Globals,
  idNeeded: boolean,
  { known, use }: { readonly known?: KnownConfig | undefined; readonly use?: Use | undefined } = {},
): Promise<Configured> {
  const command = parsed.separated ? parsed.rest : parsed.rest.slice(1);
  const { file, seccomp } = parsed.values;
  if (file !== undefined || seccomp !== undefined) (await import("./read-once.ts")).beginForOnce([file ?? [], seccomp ?? []].flat());
  const embedded = parsed.separated && parsed.values.bundle === undefined && file === undefined;
  const id = checkContainerId(parsed.separated || (!idNeeded && parsed.rest.length === 0) ? madeUpId() : requireId(parsed.rest[0]));
  const stateRoot = globals.root ?? rootOfStates();
  const bundle = file === undefined ? absolute(parsed.values.bundle ?? ".") : folderOf(file, parsed);
  const references: Reference[] = [];
  const loading: Loading = { stateRoot, references };
  const source =
    sourceFrom(known) ?? (embedded ? await embeddedSource(id, stateRoot, parsed) : await bundleSource(parsed, bundle, id, loading, known));
  const flagged = needsChanges(parsed, command) ? await applyFlags(source, parsed, command, bundle, loading) : source;
  const changed = flagged.spec;
  const hostRoot = source.hostRoot && parsed.values.rootfs === undefined;
  const before: Container = { id, bundle, spec: changed, hostRoot };
  const flags = parsed.lists.plugin ?? [];
  const logs = parsed.values["log-driver"] !== undefined || parsed.lists["log-opt"] !== undefined;
  const log = logs ? (await import("./log-request.ts")).logRequest(parsed) : undefined;
  const named: Named = { fromHost: isHostConfigured(), bundle: source.plugins, annotations: changed.annotations, flags, log };
  const { container, plugins, stdio } = await withPlugins(before, named, { ...loading, known: known?.plugins, use });
  // After plugins, which may have box begin anew, and not by the second of two boxes that start one container.
  if (flagged.ignored !== undefined && parsed.values["report-fd"] === undefined)
    await (await import("./leniency.ts")).warnOfIgnored(flagged.ignored);
  const locate = locator(source, container.spec, parsed, references, plugins);
  return { source, container, plugins, stdio, stateRoot, references, locate };
}

/** The same where all is as another start has found it: nothing is looked at again, and plugins are asked. */
export async function configureSame(key: KeptKey, parsed: Parsed, known: KnownPlugins, uses: readonly PluginUse[]): Promise<Configured> {
  const { id, bundle, stateRoot, config } = key;
  const spec = JSON.parse(known.given) as Spec;
  const source: Source = { spec, hostRoot: false, plugins: [], config };
  const references: Reference[] = [];
  const { configureBy } = await pluginHooks();
  const before: Container = { id, bundle, spec, hostRoot: false };
  const requests = uses.map((use) => ({ ...use, folder: bundle }));
  const { container, plugins, stdio } = await configureBy(requests, before, { stateRoot, references, known, areSame: true });
  const locate = locator(source, container.spec, parsed, references, plugins);
  return { source, container, plugins, stdio, stateRoot, references, locate };
}

/** The rest: what the host has to say. */
export async function finishLoading(configured: Configured, parsed: Parsed, globals: Globals): Promise<Loaded> {
  const { source, container, plugins, stdio, stateRoot, references, locate } = configured;
  const { bundle } = container;
  await checkItsSupported(container.spec, source, locate, parsed.values.file);
  const joins = await joinsOf(container.spec, references, locate);
  const seccomp = await compiledFilter(container.spec, source.config === undefined, locate);
  const asked = factsAsked(container.spec, bundle, container.hostRoot);
  const seen: Seen[] = [];
  const reader = watchingReader(seen);
  const needed = await neededFor(container.spec, reader);
  const facts = { ...factsFor(asked, stateRoot, reader), ...needed.facts };
  const disabled = globals.cgroupManager === "disabled";
  const placed = disabled ? withoutCgroups(container) : container;
  return {
    container: {
      ...placed,
      ...(seccomp === undefined ? {} : { seccomp }),
      ...(joins === undefined ? {} : { joins }),
      ...needed.steps,
    },
    facts: disabled ? { ...facts, cgroups: { ...facts.cgroups, writable: false } } : facts,
    seen,
    asked,
    plugins,
    stdio,
    notes: source.notes ?? [],
    locate,
    told: source.told ?? (source.config === undefined ? undefined : { text: source.config, answered: [] }),
  };
}

/** With places where the text of config.json says all that there is. */
async function checkItsSupported(spec: Spec, source: Source, locate: Source["locate"], name = configName): Promise<void> {
  try {
    locating(locate, () => checkSupported(spec));
  } catch (error) {
    if (source.config === undefined || spec !== source.spec) throw error;
    throw (await import("./read-again.ts")).withPlaces(error, source.config, name);
  }
}

/** A flag, a plugin, or a place in box.yaml; undefined where everything is from config.json. */
function locator(
  source: Source,
  { linux }: Spec,
  { values }: Parsed,
  references: readonly Reference[],
  plugins: Plugins | undefined,
): Source["locate"] {
  const isFiltered = values.seccomp !== undefined;
  if (source.locate === undefined && references.length === 0 && plugins === undefined && !isFiltered) return undefined;
  return (origin) => {
    if (isFiltered && origin.startsWith("linux.seccomp")) return `--seccomp: ${origin}`;
    const index = origin.startsWith("linux.namespaces[") ? Number.parseInt(origin.slice("linux.namespaces[".length), 10) : -1;
    const joined = linux?.namespaces?.[index];
    const flag = references.findLast(({ type, path }) => type === joined?.type && path === joined.path)?.flag;
    if (flag !== undefined) return flag;
    const { plugin, from } = plugins?.origins?.of(origin) ?? { from: origin };
    return plugin === undefined ? (source.locate?.(from) ?? from) : `${plugin}: ${origin}`;
  };
}

/** The namespaces of others that it is to be in, checked; undefined when there are none. */
async function joinsOf({ linux }: Spec, references: readonly Reference[], locate: Source["locate"]): Promise<readonly Join[] | undefined> {
  let joins = false;
  for (const { path } of linux?.namespaces ?? []) if (path !== undefined && path !== "") joins = true;
  if (!joins) return undefined;
  const { checkNamespaces } = await import("./check-namespaces.ts");
  return checkNamespaces(linux?.namespaces ?? [], references, locate ?? ((origin) => origin));
}

/** As on a host where this user may make none, whatever the configuration says (`--cgroup-manager disabled`). */
function withoutCgroups(container: Container): Container {
  const { linux } = container.spec;
  if (linux === undefined) return container;
  const { cgroupsPath: _, ...rest } = linux;
  return { ...container, spec: { ...container.spec, linux: rest } };
}

/** `maybeUsual`: the description is one of box's own making, whose default filter is compiled already. */
async function compiledFilter({ linux }: Spec, maybeUsual: boolean, locate: Source["locate"]): Promise<SeccompFilter | undefined> {
  if (linux?.seccomp === undefined) return undefined;
  const { seccomp } = linux;
  const usual = maybeUsual ? (await import("../seccomp/usual-filter.ts")).usualFilter(seccomp, machine) : undefined;
  if (usual !== undefined) return usual;
  const { compileSeccomp } = await import("../seccomp/compile-seccomp.ts");
  const { allows, callsOfInit } = await import("../seccomp/allows.ts");
  const filter = locating(locate, () => compileSeccomp(seccomp, machine));
  const agent = filter.listens ? { agent: (await import("../plan/agent.ts")).agentSteps } : {};
  return { ...filter, early: allows(seccomp, callsOfInit), ...agent };
}

/** What few configurations ask for: steps whose code is loaded for them alone, and facts that go with them. */
export type Needed = {
  readonly steps: Pick<Container, "netDeviceSteps" | "intelRdtSteps" | "labels">;
  readonly facts: Pick<HostFacts, "resctrl">;
};

export async function neededFor({ process, linux }: Spec, reader: HostReader): Promise<Needed> {
  const labelled = labelsAsked(process, linux?.mountLabel) !== undefined;
  let needed: Needed = { steps: labelled ? { labels: (await import("../plan/labels.ts")).labelSteps } : {}, facts: {} };
  for (const _ in linux?.netDevices) {
    needed = { ...needed, steps: { ...needed.steps, netDeviceSteps: (await import("../plan/net-devices.ts")).netDeviceSteps } };
    break;
  }
  if (linux?.intelRdt === undefined) return needed;
  const { intelRdtSteps } = await import("../plan/intel-rdt.ts");
  const resctrl = (await import("../host/read-resctrl.ts")).readResctrl(reader, linux.intelRdt.closID);
  return { steps: { ...needed.steps, intelRdtSteps }, facts: resctrl === undefined ? {} : { resctrl } };
}

export const pluginHooks = late(() => import("./plugin-hooks.ts"));

async function withPlugins(
  container: Container,
  named: Named,
  loading: Loading & Pick<LoadOptions, "known" | "use">,
): Promise<WithPlugins> {
  const { fromHost, bundle, annotations, flags, log } = named;
  if (!fromHost && bundle.length === 0 && flags.length === 0 && annotations?.[pluginAnnotation] === undefined && log === undefined)
    return { container, plugins: undefined, stdio: undefined };
  const { configure } = await pluginHooks();
  return await configure(container, named, { ...loading, reachOf: (path) => withinReach(path, container) });
}

function requireId(id: string | undefined): string {
  if (id === undefined)
    throw new BoxError({ what: "a container id is missing", hint: "box run ID, or box run -- COMMAND for one without a bundle" });
  return id;
}

const madeUpId = (): string => `box-${process.pid.toString(36)}-${Date.now().toString(36)}`;

/** What is needed to find other containers; `references` takes the namespaces of theirs that are to be joined. */
type Loading = { readonly stateRoot: string; readonly references: Reference[] };

type Source = {
  readonly spec: Spec;
  readonly hostRoot: boolean;
  readonly plugins: readonly PluginRequest[];
  readonly locate?: ((origin: string) => string) | undefined;
  /** What was left out of it, and why. */
  readonly notes?: readonly string[];
  /** Unknown keys that were left out. */
  readonly ignored?: readonly ConfigFault[];
  /** The text of config.json. */
  readonly config?: string;
  /** Of a box.yaml. */
  readonly told?: Told;
};

async function embeddedSource(id: string, stateRoot: string, parsed: Parsed): Promise<Source> {
  const { embeddedSpec } = await import("../config/embedded-spec.ts");
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  const spec = embeddedSpec({
    root: `${stateRoot}/${id}/root`,
    hostname: id,
    terminal: parsed.switches.has("tty"),
    term: process.env.TERM,
    rootless: uid === 0 ? undefined : { uid, gid },
  });
  if (parsed.values.seccomp === undefined)
    spec.linux = { ...spec.linux, seccomp: (await import("../seccomp/usual-filter.ts")).usualProfile(machine) };
  return { spec, hostRoot: true, plugins: [] };
}

async function applyFlags(
  source: Source,
  parsed: Parsed,
  command: readonly string[],
  bundle: string,
  { stateRoot, references }: Loading,
): Promise<Pick<Source, "spec" | "ignored">> {
  const { overrideSpec } = await import("./override-spec.ts");
  const { resolveNamespace } = await import("./resolve-namespace.ts");
  const resolve = (text: string, type: NamespaceType, flag: string): string => {
    const found = { ...resolveNamespace(stateRoot, text, type), flag };
    references.push(found);
    return found.path;
  };
  const { seccomp } = parsed.values;
  const { spec, ignored } = seccomp === undefined ? source : (await import("./seccomp-flag.ts")).withSeccomp(source, seccomp, parsed);
  const path = parsed.values.rootfs ?? spec.root?.path ?? "rootfs";
  const root = source.hostRoot && parsed.values.rootfs === undefined ? "/" : path.startsWith("/") ? path : `${bundle}/${path}`;
  return { spec: overrideSpec(spec, parsed, command, root, resolve), ...(ignored === undefined ? {} : { ignored }) };
}

const ENOENT = 2;

/** undefined when there is none. One that cannot be read is one that somebody meant. */
function readBoxYaml(path: string): string | undefined {
  const text = readText(path);
  if (typeof text === "string") return text;
  return text === -ENOENT ? undefined : readTextOrThrow(path, "cannot read", "bundle");
}

/** What messages call the file of a bundle. */
const configName = "config.json";
const yamlName = "box.yaml";
const nameOf = ({ values }: Parsed, format: Description["format"]): string => values.file ?? (format === "yaml" ? yamlName : configName);

export type Description = {
  readonly format: "json" | "yaml";
  readonly text: string;
  /** What messages call it. */
  readonly name: string;
};

/** The file that describes a container: `--file`, or the only one of its bundle. */
export function readDescription({ values }: Pick<Parsed, "values">, bundle: string): Description {
  const { file } = values;
  if (file !== undefined) {
    const text = readGivenOrThrow(absolute(file), "--file");
    return { format: formatOf(file), text, name: file };
  }
  const path = `${bundle}/${configName}`;
  const yaml = readBoxYaml(`${bundle}/${yamlName}`);
  if (yaml === undefined) return { format: "json", text: readTextOrThrow(path, "cannot read", "bundle"), name: configName };
  // Whichever of two won, somebody would edit the other and wonder.
  if (hostReader.read(path) !== undefined)
    throw new BoxError({ origin: "bundle", what: `${bundle} holds both config.json and box.yaml`, hint: "keep the one that is meant" });
  return { format: "yaml", text: yaml, name: yamlName };
}

async function bundleSource(
  parsed: Parsed,
  bundle: string,
  id: string,
  { stateRoot, references }: Loading,
  known: KnownConfig | undefined,
): Promise<Source> {
  const { format, text, name } = known === undefined ? readDescription(parsed, bundle) : { ...known, name: nameOf(parsed, known.format) };
  if (format === "yaml") {
    const lenient = (await import("./leniency.ts")).isLenient(parsed);
    const { loadRunnableYaml } = await import("./load-yaml.ts");
    const loaded = loadRunnableYaml({ text, name, folder: bundle, lenient, answered: known?.answered }, id, stateRoot, references);
    const { plugins, ignored, answered } = loaded;
    return plugins.length + ignored.length > 0 || answered === undefined ? loaded : { ...loaded, told: { text, answered } };
  }
  const { checkSpec } = await import("../config/check-spec.ts");
  try {
    return { spec: checkSpec(parseJson(text, name)), hostRoot: false, plugins: [], config: text };
  } catch (error) {
    // Without the text: what is made of it without some of its keys is not kept for a start that would refuse it.
    const { value, ignored } = (await import("./read-again.ts")).readAgain(error, "config", text, name, parsed);
    return { spec: value, hostRoot: false, plugins: [], ignored };
  }
}
