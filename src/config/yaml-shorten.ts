// From a Spec to a short box.yaml that expands to it again. Each key says what it can; what then still differs from the Spec is
// found by expanding that, and goes to `oci`. So no guess here can lose a part of the configuration: a wrong one makes the file
// longer, and is taken back. Pure.

import { BoxError } from "../errors.ts";
import { usualPath } from "./embedded-spec.ts";
import { patchBetween, same } from "./merge-patch.ts";
import type { Capabilities, Namespace, Rlimit, Spec } from "./spec.ts";
import { shortenCapabilities } from "./yaml-capabilities.ts";
import { lineOf } from "./yaml-command.ts";
import { expandKeys, type YamlContext } from "./yaml-expand.ts";
import { shortenHooks } from "./yaml-hooks.ts";
import { shortenLimits } from "./yaml-limits.ts";
import { shortenMount } from "./yaml-mounts.ts";
import { type BoxYaml, boxYamlRule, type NamespaceKey, namespaceKeys, ulimitName } from "./yaml-rules.ts";

/** What an expansion depends on besides the file. */
export type ShorteningContext = Pick<YamlContext, "machine" | "rootless">;

/** Without `oci`, and with nothing that comes from a host or a command line. */
type Short = Omit<BoxYaml, "oci" | "plugins" | "devices">;

/** `spec` has been through checkSpec. */
export function shortenSpec(spec: Spec, context: ShorteningContext): BoxYaml {
  let best = withRest(guess(spec, context), spec, context);
  // A key goes when `oci` has to say all of it all the same. Not so the filter: no part of another one is left to build on.
  for (const key of Object.keys(best) as (keyof Short)[]) {
    if (best.oci === undefined || key === "rootfs" || key === "seccomp") continue;
    const { [key]: _, oci: __, ...less } = best;
    const other = withRest(less as Short, spec, context);
    if (lengthOf(other.oci) <= lengthOf(best.oci)) best = other;
  }
  const order = Object.keys(boxYamlRule.object?.fields ?? {}) as (keyof BoxYaml)[];
  return Object.fromEntries(order.flatMap((key) => (best[key] === undefined ? [] : [[key, best[key]]]))) as BoxYaml;
}

const lengthOf = (rest: BoxYaml["oci"]): number => JSON.stringify(rest ?? null).length;

/** The configuration with what is in no order in one: sets are written by everybody in another. */
export function inOrder(spec: Spec): Spec {
  const { process, linux } = spec;
  const capabilities = process?.capabilities;
  const sets = Object.entries(capabilities ?? {}).map(([set, names]) => [set, [...names].sort()] as const);
  return {
    ...spec,
    ...(process === undefined
      ? {}
      : {
          process: {
            ...process,
            ...(capabilities === undefined ? {} : { capabilities: Object.fromEntries(sets) as Capabilities }),
            ...(process.rlimits === undefined ? {} : { rlimits: sortedByType(process.rlimits) }),
          },
        }),
    ...(linux?.namespaces === undefined ? {} : { linux: { ...linux, namespaces: sortedByType(linux.namespaces) } }),
  };
}

const sortedByType = <T extends Namespace | Rlimit>(list: readonly T[]): T[] =>
  [...list].sort((one, other) => (one.type < other.type ? -1 : one.type > other.type ? 1 : 0));

/** With `oci` for what the keys do not say, and without keys that cannot be. */
function withRest(short: Short, spec: Spec, context: ShorteningContext): BoxYaml {
  const { spec: expanded, faults } = expandAnywhere(short, context);
  const [fault] = faults;
  if (fault !== undefined) {
    const wrong = /^[\w-]+/.exec(fault.path)?.[0] as keyof Short;
    const { [wrong]: _, ...less } = short;
    return withRest(less as Short, spec, context);
  }
  const rest = patchBetween(inOrder(expanded), inOrder(spec));
  return rest === undefined ? short : { ...short, oci: rest as Record<string, unknown> };
}

/** No name, terminal or file of a host: what depends on one then differs from the Spec. */
function expandAnywhere(short: Short, context: ShorteningContext): ReturnType<typeof expandKeys> {
  const nowhere = (): never => {
    throw new BoxError({ what: "depends on the host" });
  };
  return expandKeys(short, {
    ...context,
    id: "\0",
    term: "\0",
    root: short.rootfs,
    folder: "/",
    lookUpUser: (text) => {
      const [uid = 0, gid = 0] = text.split(":").map(Number);
      return { uid, gid, additionalGids: [gid] };
    },
    resolveNamespace: nowhere,
    exists: () => true,
    deviceAt: nowhere,
    readJson: nowhere,
  });
}

function guess(spec: Spec, context: ShorteningContext): Short {
  const { root, process, linux, hostname, domainname, annotations, hooks } = spec;
  const short = withoutUndefined({
    // The word host means another thing than a folder of that name.
    rootfs: root.path === "host" ? "./host" : root.path,
    ...guessProcess(process),
    hostname,
    domainname,
    limits: shortenLimits(linux?.resources ?? {}),
    sysctl: linux?.sysctl,
    ...guessNamespaces(linux?.namespaces ?? [], context),
    seccomp: "unconfined",
    hooks: shortenHooks(hooks ?? {}),
    annotations,
    "read-only": root.readonly === true ? true : undefined,
  }) as Short;
  const { seccomp, ...filtered } = short;
  const usual = same(expandAnywhere(filtered, context).spec.linux.seccomp, linux?.seccomp);
  const rest = usual ? filtered : short;
  const mounts = guessMounts(spec, expandAnywhere(rest, context).spec);
  return mounts === undefined ? rest : { ...rest, mounts };
}

const withoutUndefined = (object: object): object => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

function guessProcess(process: Spec["process"]): Partial<Short> {
  if (process === undefined) return {};
  const { args, user, env = [], rlimits, cwd, terminal } = process;
  const { uid, gid, additionalGids } = user;
  return {
    ...(same(args, ["sh"]) ? {} : { command: lineOf(args) ?? args }),
    ...(uid === 0 && gid === 0 && additionalGids === undefined ? {} : { user: `${uid}:${gid}` }),
    ...guessEnv(env),
    ...(cwd === "/" ? {} : { workdir: cwd }),
    ...guessUlimits(rlimits ?? []),
    ...withoutUndefined({
      terminal: terminal === true ? true : undefined,
      capabilities: shortenCapabilities(process.capabilities ?? {}, uid),
      "no-new-privileges": process.noNewPrivileges === false ? false : undefined,
    }),
  };
}

/** As a map, unless names are there twice or are numbers, which a map would put first. */
function guessEnv(env: readonly string[]): Partial<Short> {
  const own = env[0] === usualPath ? env.slice(1) : [...env];
  if (own.length === 0) return {};
  const pairs = own.map((entry): [string, string] => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]);
  const names = new Set(pairs.map(([name]) => name));
  const isMap = names.size === own.length && pairs.every(([name]) => !/^\d+$/.test(name) && name !== "__proto__" && name !== "<<");
  return { env: isMap ? Object.fromEntries(pairs) : own };
}

function guessUlimits(rlimits: readonly Rlimit[]): Partial<Short> {
  const text = (value: number): string | undefined => (value === 2 ** 64 ? "unlimited" : value < 1e15 ? String(value) : undefined);
  const pairs = rlimits.map(({ type, soft, hard }) => [ulimitName(type), text(soft), text(hard)] as const);
  if (pairs.length === 0 || pairs.some(([, soft, hard]) => soft === undefined || hard === undefined)) return {};
  return { ulimits: Object.fromEntries(pairs.map(([name, soft, hard]) => [name, soft === hard ? `${soft}` : `${soft}:${hard}`])) };
}

function guessNamespaces(wanted: readonly Namespace[], context: ShorteningContext): Partial<Short> {
  const usual = expandAnywhere({ rootfs: "/" }, context).spec.linux.namespaces ?? [];
  const namespaces: { [key in NamespaceKey]?: string } = {};
  let network: string | undefined;
  for (const key of Object.keys(namespaceKeys) as NamespaceKey[]) {
    const isThis = ({ type }: Namespace): boolean => type === namespaceKeys[key];
    const found = wanted.find(isThis);
    const reference = found === undefined ? "host" : (found.path ?? "new");
    if (reference === (usual.some(isThis) ? "new" : "host")) continue;
    if (key === "net") network = reference;
    else namespaces[key] = reference;
  }
  return { ...(Object.keys(namespaces).length === 0 ? {} : { namespaces }), ...(network === undefined ? {} : { network }) };
}

/** Those behind the usual ones, if they are behind these and all can be said. */
function guessMounts({ mounts = [] }: Spec, { mounts: usual = [] }: Spec): BoxYaml["mounts"] {
  if (mounts.length <= usual.length || !same(mounts.slice(0, usual.length), usual)) return undefined;
  const own = mounts.slice(usual.length).map(shortenMount);
  return own.some((one) => one === undefined) ? undefined : (own as NonNullable<BoxYaml["mounts"]>);
}
