// Where a configuration is accepted or refused as a whole: JSON value in, Spec out, or one BoxError with everything
// that is wrong. The shape is held against the tables of spec-rules.ts; here are the rules between distant parts.
// What is right but not applied by this version of box is unsupported.ts's to refuse. Nothing here looks at the host.

import { BoxError } from "../errors.ts";
import { joinPath, someOf, wrongValue } from "./faults.ts";
import { checkDocument, type Faults, isObject } from "./rule.ts";
import type { NamespaceType, Process, Resources, Spec } from "./spec.ts";
import { namespaceTypes, processRule, resourcesRule, securityLabel, specRule } from "./spec-rules.ts";
import { sysctlPath } from "./sysctl-path.ts";

/**
 * Checks the value of a config.json. The value becomes the Spec: fields that are null or empty strings are removed, as are
 * keys that begin with `x-`, and relative mount destinations get their slash, in place. Throws a BoxError with all faults.
 * `unsure`: the part of it that is not known to be right by itself.
 */
export function checkSpec(value: unknown, unsure: unknown = value): Spec {
  const faults: Faults = [];
  checkDocument(specRule, unsure, faults);
  if (isObject(value)) checkAcross(value, faults);
  refuse(faults);
  return value as Spec;
}

/** Checks a security label from elsewhere; `origin` says where from. */
export function checkLabel(text: string, origin: string): string {
  if (!securityLabel.test(text)) refuse([wrongValue(securityLabel, text, origin)]);
  return text;
}

/** Checks the value of a process.json (`exec --process`). Without a user it is root, as with the other runtimes. */
export function checkProcess(value: unknown): Process {
  const faults: Faults = [];
  if (isObject(value) && (value.user ?? null) === null) value.user = { uid: 0, gid: 0 };
  checkDocument(processRule, value, faults);
  refuse(faults);
  return value as Process;
}

/** Checks the value of an update's document, which has the shape of linux.resources. */
export function checkResources(value: unknown): Resources {
  const faults: Faults = [];
  checkDocument(resourcesRule, value, faults);
  refuse(faults, "the resources are not valid");
  return value as Resources;
}

function refuse(faults: Faults, what = "the configuration is not valid"): void {
  if (faults.length > 0) throw new BoxError({ what, faults: someOf(faults) });
}

type JsonObject = Record<string, unknown>;

/** Each rule here must hold its own against parts of any shape, so that one fault does not hide the others. */
function checkAcross(spec: JsonObject, faults: Faults): void {
  if (spec.linux !== undefined && !isObject(spec.linux)) return;
  const linux = spec.linux ?? {};
  if (!areNamespaces(linux.namespaces)) return;
  const namespaces = firstOfEach(linux.namespaces);
  if (typeof spec.hostname === "string") need("uts", "hostname", namespaces, faults);
  if (typeof spec.domainname === "string") need("uts", "domainname", namespaces, faults);
  if (isFilled(linux.uidMappings)) need("user", "linux.uidMappings", namespaces, faults);
  if (isFilled(linux.gidMappings)) need("user", "linux.gidMappings", namespaces, faults);
  if (isFilled(linux.netDevices)) {
    need("network", "linux.netDevices", namespaces, faults);
    if (isObject(linux.netDevices)) checkNetDevices(linux.netDevices, faults);
  }
  if (isFilled(linux.timeOffsets)) need("time", "linux.timeOffsets", namespaces, faults);
  if (isFilled(linux.timeOffsets) && find("time", namespaces)?.path !== undefined)
    faults.push({ path: "linux.timeOffsets", problem: "a time namespace that is joined has its clocks already" });
  const userNamespace = find("user", namespaces);
  if (userNamespace !== undefined && userNamespace.path === undefined) {
    // Without a map no id of the new namespace exists, and the very first setuid would fail.
    const problem = "missing: a new user namespace needs a map of ids";
    if (!isFilled(linux.uidMappings)) faults.push({ path: "linux.uidMappings", problem });
    if (!isFilled(linux.gidMappings)) faults.push({ path: "linux.gidMappings", problem });
    if (isObject(spec.process) && isObject(spec.process.user)) checkMapped(spec.process.user, linux, faults);
  }
  if (isObject(linux.sysctl)) checkSysctls(linux.sysctl, namespaces, typeof spec.domainname === "string", faults);
}

/** The kernel lets nobody become an id that his user namespace has no map for. */
function checkMapped(user: JsonObject, { uidMappings, gidMappings }: JsonObject, faults: Faults): void {
  if (!isMapped(user.uid, uidMappings)) faults.push({ path: "process.user.uid", problem: "is in none of the ranges of linux.uidMappings" });
  if (!isMapped(user.gid, gidMappings)) faults.push({ path: "process.user.gid", problem: "is in none of the ranges of linux.gidMappings" });
}

/** True as well where it cannot be told. */
function isMapped(id: unknown, mappings: unknown): boolean {
  if (typeof id !== "number" || id < 0 || !Array.isArray(mappings) || mappings.length === 0) return true;
  for (let at = 0; at < mappings.length; at++) {
    const { containerID, size } = (mappings[at] ?? {}) as JsonObject;
    if (typeof containerID !== "number" || typeof size !== "number" || size < 1) return true;
    if (id >= containerID && id < containerID + size) return true;
  }
  return false;
}

/** Each is to have a name of its own in the container, besides the loopback device that every network namespace has. */
function checkNetDevices(devices: JsonObject, faults: Faults): void {
  const taken: Record<string, string> = Object.create(null);
  for (const device in devices) {
    const path = joinPath("linux.netDevices", device);
    const wanted = devices[device];
    const name = isObject(wanted) && typeof wanted.name === "string" && wanted.name !== "" ? wanted.name : device;
    const other = taken[name];
    if (device === "lo") faults.push({ path, problem: "a loopback device stays where it is: every network namespace has its own" });
    else if (name === "lo") faults.push({ path: joinPath(path, "name"), problem: "is the name of the loopback device" });
    else if (other !== undefined) faults.push({ path, problem: `is to be ${name} in the container, as is ${other}` });
    else if (!name.includes("%")) taken[name] = device;
  }
}

type Namespaces = readonly { readonly type?: unknown; readonly path?: unknown }[] | undefined;

/** Whether this is a list of known namespaces, or none; of a wrong one nothing can be said to lack. */
function areNamespaces(value: unknown): value is Namespaces {
  if (value === undefined) return true;
  if (!Array.isArray(value)) return false;
  for (let at = 0; at < value.length; at++) {
    const entry: unknown = value[at];
    if (!isObject(entry) || !namespaceTypes.includes(entry.type as NamespaceType)) return false;
  }
  return true;
}

/** Of a list of any length one of each type, which are few. */
function firstOfEach(list: Namespaces): Namespaces {
  if (list === undefined || list.length <= namespaceTypes.length) return list;
  const firsts: { readonly type?: unknown; readonly path?: unknown }[] = [];
  for (let at = 0; at < list.length; at++) {
    const entry = list[at];
    if (entry !== undefined && find(entry.type as NamespaceType, firsts) === undefined) firsts.push(entry);
  }
  return firsts;
}

function find(type: NamespaceType, namespaces: Namespaces): { readonly path?: unknown } | undefined {
  if (namespaces === undefined) return undefined;
  for (let at = 0; at < namespaces.length; at++) if (namespaces[at]?.type === type) return namespaces[at];
  return undefined;
}

function need(type: NamespaceType, path: string, namespaces: Namespaces, faults: Faults): void {
  if (find(type, namespaces) !== undefined) return;
  faults.push({ path, problem: `needs ${type === "ipc" ? "an" : "a"} ${type} namespace in linux.namespaces` });
}

/** Whether an object or array has anything in it. Clients write empty ones for what they do not use. */
function isFilled(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (isObject(value)) for (const key in value) return key !== undefined;
  return false;
}

/** Files below kernel/ whose value each ipc namespace has for itself (ipc_namespaces(7); the last four since 3.8). */
const ipcSysctls = [
  "kernel/msgmax",
  "kernel/msgmnb",
  "kernel/msgmni",
  "kernel/sem",
  "kernel/shmall",
  "kernel/shmmax",
  "kernel/shmmni",
  "kernel/shm_rmid_forced",
  "kernel/auto_msgmni",
  "kernel/msg_next_id",
  "kernel/sem_next_id",
  "kernel/shm_next_id",
];

/** `named`: the field domainname is there. */
function checkSysctls(sysctls: JsonObject, namespaces: Namespaces, named: boolean, faults: Faults): void {
  for (const key in sysctls) {
    const path = joinPath("linux.sysctl", key);
    const file = sysctlPath(key);
    if (file === undefined) {
      faults.push({ path, problem: "not the name of a sysctl" });
    } else if (file.startsWith("net/")) {
      need("network", path, namespaces, faults);
    } else if (file.startsWith("fs/mqueue/") || ipcSysctls.includes(file)) {
      need("ipc", path, namespaces, faults);
    } else if (file === "kernel/domainname") {
      if (named) faults.push({ path, problem: "the field domainname says it already" });
      need("uts", path, namespaces, faults);
    } else if (file === "kernel/hostname") {
      faults.push({ path, problem: "the field hostname is the place for it" });
    } else if (file.startsWith("user/")) {
      need("user", path, namespaces, faults);
    } else {
      faults.push({ path, problem: "is not of a namespace: it would change the host" });
    }
  }
}
