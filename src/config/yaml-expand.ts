// From box.yaml to a complete Spec, safe by default: the embedded container's namespaces, capabilities, masks and mounts, a
// filter of system calls, on top of them what the file says, and `oci` last. Pure: names, files and references are resolved by
// functions of the caller.

import { BoxError, type ConfigFault } from "../errors.ts";
import type { Machine } from "../linux/syscalls.ts";
import { checkSpec } from "./check-spec.ts";
import { chooseSeccomp } from "./choose-seccomp.ts";
import { dropUnknown } from "./drop-unknown.ts";
import { embeddedSpec } from "./embedded-spec.ts";
import { mergePatch } from "./merge-patch.ts";
import { isObject } from "./rule.ts";
import { misplaced, setNamespace } from "./set-namespace.ts";
import type { Device, Linux, Mount, NamespaceType, Process, Resources, Rlimit, Spec, User } from "./spec.ts";
import { specRule } from "./spec-rules.ts";
import { expandCapabilities } from "./yaml-capabilities.ts";
import { splitCommand } from "./yaml-command.ts";
import { expandHooks, inFolder } from "./yaml-hooks.ts";
import { expandLimits } from "./yaml-limits.ts";
import { expandMount, optionalSource } from "./yaml-mounts.ts";
import { type Origins, originIn, setOrigin } from "./yaml-origins.ts";
import { type BoxYaml, type NamespaceKey, namespaceKeys } from "./yaml-rules.ts";

export type HostDevice = {
  readonly type: "b" | "c";
  readonly major: number;
  readonly minor: number;
  /** With permissions alone. */
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
};

/** Each function throws a BoxError. */
export type YamlContext = {
  readonly id: string;
  readonly machine: Machine;
  /** What root.path becomes: what `rootfs` says, or where the view of / is mounted. */
  readonly root: string;
  /** The file's own, where relative paths begin. */
  readonly folder: string;
  /** Keys of `oci` that nobody knows are left out. */
  readonly lenient?: boolean;
  readonly term: string | undefined;
  readonly rootless: { readonly uid: number; readonly gid: number } | undefined;
  /** `USER[:GROUP]` as ids. */
  readonly lookUpUser: (text: string) => Pick<User, "uid" | "gid" | "additionalGids">;
  /** `container:ID` and `pid:NUMBER` as the path of a namespace file. */
  readonly resolveNamespace: (reference: string, type: NamespaceType) => string;
  readonly exists: (path: string) => boolean;
  readonly deviceAt: (path: string) => HostDevice;
  readonly readJson: (path: string) => unknown;
};

export type ExpandedYaml = {
  readonly spec: Spec;
  /** What was left out, and why. */
  readonly notes: readonly string[];
  /** Keys that were left out because nobody knows them; their paths as in box.yaml. */
  readonly dropped: readonly ConfigFault[];
  /** The part of box.yaml behind a part of the Spec; undefined for what is not from there. */
  readonly originOf: (path: string) => string | undefined;
};

type Expanding = {
  readonly yaml: BoxYaml;
  readonly context: YamlContext;
  readonly faults: ConfigFault[];
  readonly notes: string[];
  readonly origins: Origins;
  readonly spec: Spec & { process: Process; mounts: Mount[]; linux: Linux & { resources: Resources } };
};

/** Expands a value that yaml-read.ts has accepted. Throws a BoxError with all faults, their paths as in box.yaml. */
export function expandYaml(yaml: BoxYaml, context: YamlContext): ExpandedYaml {
  const { spec: base, faults, notes, origins } = expandKeys(yaml, context);
  if (yaml.rootfs === "host" && isObject(yaml.oci?.root) && yaml.oci.root.path !== undefined)
    faults.push({ path: "oci.root.path", problem: "there is no choice, since rootfs is host" });
  const originOf = (path: string): string | undefined => originIn(origins, yaml.oci, path);
  const merged = structuredClone(mergePatch(base, yaml.oci ?? {}));
  const dropped = context.lenient === true ? dropUnknown(specRule, merged) : [];
  if (faults.length === 0) collect(faults, originOf, () => checkSpec(merged));
  if (faults.length > 0) throw new BoxError({ what: "box.yaml is not valid", faults });
  const inFile = dropped.map((fault) => ({ ...fault, path: originOf(fault.path) ?? fault.path }));
  return { spec: merged as Spec, notes, dropped: inFile, originOf };
}

/** Faults of the Spec, told of the part of box.yaml that they came from. */
function collect(faults: ConfigFault[], originOf: ExpandedYaml["originOf"], check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof BoxError) || error.facts.faults === undefined) throw error;
    for (const fault of error.facts.faults) faults.push({ ...fault, path: originOf(fault.path) ?? fault.path });
  }
}

/** All keys but `oci`. */
export function expandKeys(yaml: BoxYaml, context: YamlContext): Expanding {
  const { id, root, rootless } = context;
  const terminal = yaml.terminal === true;
  // What the caller's terminal is called, unless the file says it.
  const embedded = embeddedSpec({ root, hostname: id, terminal, term: terminal ? context.term : undefined, rootless });
  const { process, mounts = [], linux } = embedded;
  const spec = { ...embedded, process: process as Process, mounts, linux: { ...linux, resources: { ...linux?.resources } } };
  const all: Expanding = { yaml, context, faults: [], notes: [], origins: usualOrigins(), spec };
  if (yaml["read-only"] === true) spec.root.readonly = true;
  expandProcess(all);
  expandUlimits(all);
  // The usual mounts are those that the namespaces allow, and what the file adds comes after them.
  expandNetwork(all);
  expandMounts(all);
  expandDevices(all);
  expandResources(all);
  expandNames(all);
  expandFilter(all);
  expandTexts(all);
  return all;
}

const makes = (spec: Spec, type: NamespaceType): boolean =>
  (spec.linux?.namespaces ?? []).some((one) => one.type === type && one.path === undefined);

/** Where parts of the Spec always come from, if they are not the usual ones. */
const oneKey = {
  "root.path": "rootfs",
  "root.readonly": "read-only",
  "process.args": "command",
  "process.env": "env",
  "process.cwd": "workdir",
  "process.user": "user",
  "process.terminal": "terminal",
  "process.capabilities": "capabilities",
  "process.noNewPrivileges": "no-new-privileges",
  hostname: "hostname",
  domainname: "domainname",
  "linux.resources.memory.limit": "limits.memory",
  "linux.resources.memory.reservation": "limits.memory-reservation",
  "linux.resources.memory.swap": "limits.swap",
  "linux.resources.cpu.quota": "limits.cpus",
  "linux.resources.cpu.period": "limits.cpus",
  "linux.resources.cpu.shares": "limits.cpu-shares",
  "linux.resources.cpu.cpus": "limits.cpuset",
  "linux.resources.cpu.mems": "limits.cpuset-mems",
  "linux.resources.pids": "limits.pids",
  "linux.resources.blockIO.weight": "limits.io.weight",
  "linux.resources.blockIO.throttleReadBpsDevice": "limits.io.read-bps",
  "linux.resources.blockIO.throttleWriteBpsDevice": "limits.io.write-bps",
  "linux.resources.blockIO.throttleReadIOPSDevice": "limits.io.read-iops",
  "linux.resources.blockIO.throttleWriteIOPSDevice": "limits.io.write-iops",
} as const;

/** The same, for what has the same parts in both. */
const sameParts = { "linux.seccomp": "seccomp", "linux.sysctl": "sysctl", annotations: "annotations", hooks: "hooks" } as const;

function usualOrigins(): Origins {
  const origins: Origins = new Map();
  for (const [path, key] of Object.entries(oneKey)) setOrigin(origins, path, key);
  for (const [path, key] of Object.entries(sameParts)) setOrigin(origins, path, key, "with its parts");
  return origins;
}

function expandProcess({ yaml, context, spec, faults }: Expanding): void {
  const { process } = spec;
  const { command, workdir, user, capabilities } = yaml;
  process.env = expandEnv(process.env ?? [], yaml.env ?? []);
  const words = typeof command === "string" ? splitCommand(command) : command;
  if (Array.isArray(words)) {
    process.args = words;
    if (words.length === 0) faults.push({ path: "command", problem: "has no word in it" });
  } else if (words !== undefined) faults.push({ path: "command", problem: words.problem });
  if (workdir !== undefined) process.cwd = workdir;
  const found = user === undefined ? undefined : attempt("user", faults, () => context.lookUpUser(user));
  process.user = { ...process.user, ...found };
  if (yaml["no-new-privileges"] === false) process.noNewPrivileges = false;
  if (capabilities !== undefined) process.capabilities = expandCapabilities(capabilities, process.user.uid, faults);
}

/** What the action returns, or undefined after a fault. */
function attempt<T>(path: string, faults: ConfigFault[], action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof BoxError)) throw error;
    const { what = "", object, errno, hint } = error.facts;
    const problem = [object === undefined ? what : `${what} ${object}`, ...(errno === undefined ? [] : [errno])].join(": ");
    faults.push({ path, problem, ...(hint === undefined ? {} : { hint }) });
    return undefined;
  }
}

/** Of the usual ones those that the file does not have itself, and then the file's, where later ones win. */
function expandEnv(usual: readonly string[], env: Readonly<Record<string, string>> | readonly string[]): string[] {
  const entries = Array.isArray(env) ? (env as readonly string[]) : Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const nameOf = (entry: string): string => entry.slice(0, entry.indexOf("="));
  const own = new Map(entries.map((entry) => [nameOf(entry), entry]));
  return [...usual.filter((entry) => !own.has(nameOf(entry))), ...own.values()];
}

const UNLIMITED = 2 ** 64;

function expandUlimits({ yaml, spec, origins }: Expanding): void {
  if (yaml.ulimits === undefined) return;
  const value = (text: string): number => (text === "unlimited" ? UNLIMITED : Number(text));
  spec.process.rlimits = Object.entries(yaml.ulimits).map(([name, text], at): Rlimit => {
    setOrigin(origins, `process.rlimits[${at}]`, `ulimits.${name}`);
    const [soft = "", hard = soft] = text.split(":");
    return { type: `RLIMIT_${name.toUpperCase()}`, hard: value(hard), soft: value(soft) };
  });
}

function expandMounts({ yaml, context, spec, faults, notes, origins }: Expanding): void {
  for (const [index, mount] of (yaml.mounts ?? []).entries()) {
    const path = `mounts[${index}]`;
    const source = optionalSource(mount);
    if (source !== undefined && !context.exists(inFolder(source, context.folder))) {
      notes.push(`${path} is left out: there is no ${source}`);
      continue;
    }
    setOrigin(origins, `mounts[${spec.mounts.length}]`, path, "with its parts");
    spec.mounts.push(expandMount(mount, path, faults));
  }
}

function expandDevices({ yaml, context, spec, faults, origins }: Expanding): void {
  if (yaml.devices === undefined) return;
  const devices: Device[] = [];
  const rules = [...(spec.linux.resources.devices ?? [])];
  for (const [index, text] of yaml.devices.entries()) {
    const path = `devices[${index}]`;
    attempt(path, faults, () => {
      const [source = "", second = "", third] = text.split(":");
      const destination = second.startsWith("/") ? second : source;
      const access = third ?? (second === "" || second === destination ? "rwm" : second);
      const { type, major, minor, fileMode, uid, gid } = context.deviceAt(source);
      setOrigin(origins, `linux.devices[${devices.length}]`, path);
      setOrigin(origins, `linux.resources.devices[${rules.length}]`, path);
      // Without root there is only the one owner.
      devices.push({ path: destination, type, major, minor, fileMode, ...(context.rootless === undefined ? { uid, gid } : {}) });
      rules.push({ allow: true, type, major, minor, access });
    });
  }
  spec.linux.devices = devices;
  spec.linux.resources.devices = rules;
}

function expandResources({ yaml, context, spec, faults }: Expanding): void {
  if (yaml.limits === undefined) return;
  const refuse = (path: string, problem: string): void => void faults.push({ path: `limits.${path}`, problem });
  const diskOf = (name: string, path: string): { major: number; minor: number } | undefined => {
    const [, major, minor] = /^(\d{1,10}):(\d{1,10})$/.exec(name) ?? [];
    if (major !== undefined) return { major: Number(major), minor: Number(minor) };
    const found = name.startsWith("/") ? attempt(`limits.${path}`, faults, () => context.deviceAt(name)) : undefined;
    if (!name.startsWith("/")) refuse(path, `expected a device such as /dev/sda or 8:0, got ${JSON.stringify(name)}`);
    if (found?.type === "c") refuse(path, `${name} is no block device`);
    return found === undefined ? undefined : { major: found.major, minor: found.minor };
  };
  Object.assign(spec.linux.resources, expandLimits(yaml.limits, diskOf, refuse));
}

/** The namespaces, with `network` as one of them. */
function expandNetwork({ yaml, context, spec, faults, origins }: Expanding): void {
  const { network, namespaces = {} } = yaml;
  if (network !== undefined && namespaces.net !== undefined) faults.push({ path: "network", problem: "namespaces.net says it already" });
  const found: ConfigFault[] = [];
  expandNamespaces(spec, network === undefined ? namespaces : { ...namespaces, net: network }, context, found);
  const pathOf = (path: string): string => (network !== undefined && path === "namespaces.net" ? "network" : path);
  for (const fault of found) faults.push({ ...fault, path: pathOf(fault.path) });
  for (const [at, { type }] of (spec.linux.namespaces ?? []).entries()) {
    const key = Object.keys(namespaceKeys).find((one) => namespaceKeys[one as NamespaceKey] === type);
    if (key !== undefined) setOrigin(origins, `linux.namespaces[${at}]`, pathOf(`namespaces.${key}`));
  }
}

function expandNames({ yaml, spec, faults }: Expanding): void {
  for (const key of ["hostname", "domainname"] as const) {
    const name = yaml[key];
    if (name === undefined) continue;
    spec[key] = name;
    if (yaml.namespaces?.uts === "host") faults.push({ path: key, problem: "it would rename the host, since namespaces.uts is host" });
  }
  // The default name belongs to the container only if the namespace that holds it does.
  if (yaml.hostname === undefined && !makes(spec, "uts")) delete spec.hostname;
}

function expandFilter({ yaml, context, spec, faults }: Expanding): void {
  const { machine, readJson, folder } = context;
  const granted = spec.process.capabilities?.bounding ?? [];
  const read = (file: string): unknown => readJson(inFolder(file, folder));
  const profile = attempt("seccomp", faults, () => chooseSeccomp(yaml.seccomp ?? "default", granted, machine, read));
  // Whatever a file holds, checkSpec sees to it.
  if (profile !== undefined) spec.linux.seccomp = profile as NonNullable<Linux["seccomp"]>;
}

function expandTexts({ yaml, context, spec, faults }: Expanding): void {
  if (yaml.sysctl !== undefined) spec.linux.sysctl = yaml.sysctl;
  if (yaml.annotations !== undefined) spec.annotations = yaml.annotations;
  if (yaml.hooks !== undefined) spec.hooks = expandHooks(yaml.hooks, context.folder, faults);
}

function expandNamespaces(spec: Spec, wanted: NonNullable<BoxYaml["namespaces"]>, context: YamlContext, faults: ConfigFault[]): void {
  for (const key of Object.keys(namespaceKeys) as NamespaceKey[]) {
    const type = namespaceKeys[key];
    const reference = wanted[key];
    if (reference === undefined) continue;
    const path = `namespaces.${key}`;
    const problem = misplaced(spec, type, reference);
    if (problem !== undefined) faults.push({ path, problem });
    if (reference === "new" || reference === "none") setNamespace(spec, type, "new");
    else if (reference === "host") setNamespace(spec, type, "host");
    else if (reference.startsWith("/")) setNamespace(spec, type, { path: reference });
    else attempt(path, faults, () => setNamespace(spec, type, { path: context.resolveNamespace(reference, type) }));
  }
}
