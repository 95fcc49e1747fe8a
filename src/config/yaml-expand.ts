// From box.yaml to a complete Spec, safe by default: the embedded container's namespaces, capabilities, masks and
// mounts, and on top of them what the file says. Pure: names and references are resolved by functions of the caller.

import { BoxError, type ConfigFault } from "../errors.ts";
import { mountOptions } from "../linux/mount-options.ts";
import { checkSpec } from "./check-spec.ts";
import { embeddedSpec, usualMounts } from "./embedded-spec.ts";
import { nearest, show } from "./faults.ts";
import { misplaced, setNamespace } from "./set-namespace.ts";
import type { Mount, NamespaceType, Process, Spec, User } from "./spec.ts";
import { checkSupported } from "./unsupported.ts";
import { splitCommand } from "./yaml-command.ts";
import { type BoxYaml, type NamespaceKey, namespaceKeys, type YamlMount } from "./yaml-rules.ts";

export type YamlContext = {
  readonly id: string;
  /** Where the container's root is on the host: the folder that `rootfs` names, or where the view of / is mounted. */
  readonly root: string;
  readonly term: string | undefined;
  readonly rootless: { readonly uid: number; readonly gid: number } | undefined;
  /** `USER[:GROUP]` as ids; throws a BoxError. */
  readonly lookUpUser: (text: string) => Pick<User, "uid" | "gid" | "additionalGids">;
  /** `container:ID` and `pid:NUMBER` as the path of a namespace file; throws a BoxError. */
  readonly resolveNamespace: (reference: string, type: NamespaceType) => string;
};

/** Expands a value that yaml-read.ts has accepted. Throws a BoxError with all faults, their paths as in box.yaml. */
export function expandYaml(yaml: BoxYaml, context: YamlContext): Spec {
  const faults: ConfigFault[] = [];
  const { id, root, term, rootless } = context;
  const terminal = yaml.terminal === true;
  const spec = embeddedSpec({ root, hostname: id, terminal, term: terminal ? term : undefined, rootless });
  if (yaml["read-only"] === true) spec.root.readonly = true;
  spec.process = expandProcess(spec.process as Process, yaml, context, faults);
  spec.mounts = [...(spec.mounts ?? []), ...(yaml.mounts ?? []).map((mount, index) => expandMount(mount, `mounts[${index}]`, faults))];
  expandNamespaces(spec, yaml.namespaces ?? {}, context, faults);
  // The default name belongs to the container only if the namespace that holds it does.
  if (yaml.hostname !== undefined) {
    spec.hostname = yaml.hostname;
    if (yaml.namespaces?.uts === "host")
      faults.push({ path: "hostname", problem: "it would rename the host, since namespaces.uts is host" });
  }
  if (faults.length === 0) collect(faults, () => checkSpec(spec), spec);
  if (faults.length === 0) collect(faults, () => checkSupported(spec), spec);
  if (faults.length > 0) throw new BoxError({ what: "box.yaml is not valid", faults });
  return spec;
}

/** Faults of the Spec, told of the part of box.yaml that they came from. */
function collect(faults: ConfigFault[], check: () => void, spec: Spec): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof BoxError) || error.facts.faults === undefined) throw error;
    for (const fault of error.facts.faults) faults.push({ ...fault, path: yamlPath(fault.path, spec) ?? fault.path });
  }
}

const sameThing: readonly [spec: string, yaml: string][] = [
  ["root.path", "rootfs"],
  ["root.readonly", "read-only"],
  ["process.args", "command"],
  ["process.env", "env"],
  ["process.cwd", "workdir"],
  ["process.user", "user"],
  ["hostname", "hostname"],
];

/** The part of box.yaml behind a part of the Spec that it expanded to; undefined for what is not from there. */
export function yamlPath(path: string, spec: Spec): string | undefined {
  const number = (list: string): number => Number(path.slice(list.length + 1, path.indexOf("]")));
  if (path.startsWith("mounts[")) {
    const index = number("mounts") - builtIn(spec);
    return index < 0 ? undefined : `mounts[${index}]${path.slice(path.indexOf("]") + 1)}`;
  }
  if (path.startsWith("linux.namespaces[")) {
    const type = spec.linux?.namespaces?.[number("linux.namespaces")]?.type;
    const key = Object.keys(namespaceKeys).find((one) => namespaceKeys[one as NamespaceKey] === type);
    return key === undefined ? undefined : `namespaces.${key}`;
  }
  const [, yaml] = sameThing.find(([one]) => path === one || path.startsWith(`${one}.`) || path.startsWith(`${one}[`)) ?? [];
  return yaml;
}

/** How many mounts came from no line of the file: those that stand first and are the usual ones. */
function builtIn(spec: Spec): number {
  const usual = usualMounts();
  const mounts = spec.mounts ?? [];
  let count = 0;
  for (const { destination } of usual) if (mounts[count]?.destination === destination) count += 1;
  return count;
}

function expandProcess(process: Process, yaml: BoxYaml, context: YamlContext, faults: ConfigFault[]): Process {
  const out: Process = { ...process, env: expandEnv(process.env ?? [], yaml.env ?? []) };
  const { command, workdir, user } = yaml;
  const words = typeof command === "string" ? splitCommand(command) : command;
  if (Array.isArray(words)) {
    out.args = words;
    if (words.length === 0) faults.push({ path: "command", problem: "has no word in it" });
  } else if (words !== undefined) faults.push({ path: "command", problem: words.problem });
  if (workdir !== undefined) out.cwd = workdir;
  if (user !== undefined)
    attempt("user", faults, () => {
      out.user = { ...process.user, ...context.lookUpUser(user) };
    });
  return out;
}

function attempt(path: string, faults: ConfigFault[], action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof BoxError)) throw error;
    const { what = "", hint } = error.facts;
    faults.push({ path, problem: what, ...(hint === undefined ? {} : { hint }) });
  }
}

/** Later entries win. */
function expandEnv(usual: readonly string[], env: Readonly<Record<string, string>> | readonly string[]): string[] {
  const entries = Array.isArray(env) ? (env as readonly string[]) : Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const out = new Map<string, string>();
  for (const entry of [...usual, ...entries]) out.set(entry.slice(0, entry.indexOf("=")), entry);
  return [...out.values()];
}

function expandMount(mount: string | YamlMount, path: string, faults: ConfigFault[]): Mount {
  if (typeof mount === "string") {
    const [source = "", destination = "", options] = mount.split(":");
    return bind({ source, destination, options: options?.split(",") ?? [] }, path, faults);
  }
  const { source, destination, type, options = [] } = mount;
  const binds = type === "bind" || options.includes("bind") || options.includes("rbind");
  if (!binds && type !== undefined) return { destination, type, source: source ?? type, options };
  if (source === undefined) faults.push({ path: `${path}.source`, problem: "missing, expected the path to bind, or a type such as tmpfs" });
  return bind({ source: source ?? "", destination, options }, path, faults);
}

/** Everything below the source too, and as private as a mount of the container should be, unless the options differ. */
function bind(mount: { source: string; destination: string; options: readonly string[] }, path: string, faults: ConfigFault[]): Mount {
  for (const option of mount.options) {
    if (Object.hasOwn(mountOptions, option)) continue;
    const meant = nearest(option, Object.keys(mountOptions));
    faults.push({
      path,
      problem: `unknown option ${show(option)} of a bind mount${meant === undefined ? "" : `, did you mean ${show(meant)}?`}`,
    });
  }
  const options = ["rprivate", ...mount.options];
  if (!mount.options.includes("bind") && !mount.options.includes("rbind")) options.unshift("rbind");
  return { destination: mount.destination, type: "bind", source: mount.source, options };
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
