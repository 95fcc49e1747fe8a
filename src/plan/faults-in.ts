// All that is wrong with a configuration, whatever host it is for, at once: its shape, the rules between its parts, what this
// version of box cannot do, and what planning would refuse part by part. For whoever asks what is wrong (box validate): a start
// asks for one yes, and stops at the first of these four that says no.

import { checkUnified } from "../cgroup/limits.ts";
import { containerCgroups } from "../cgroup/paths.ts";
import { checkSpec } from "../config/check-spec.ts";
import { MOST_FAULTS, someOf } from "../config/faults.ts";
import { isObject } from "../config/rule.ts";
import type { Device, Linux, Mount, Spec } from "../config/spec.ts";
import { unsupportedIn } from "../config/unsupported.ts";
import { BoxError, type ConfigFault } from "../errors.ts";
import { components } from "../linux/components.ts";
import type { Machine } from "../linux/syscalls.ts";
import { compileSeccomp } from "../seccomp/compile-seccomp.ts";
import { refuseRoot } from "./configured-devices.ts";
import { checkMapped, isMapped } from "./mapped-mounts.ts";
import { belowRoot } from "./masks.ts";
import { checkMount, isBind } from "./mounts.ts";
import { checkOneCall } from "./one-call-mount.ts";
import { sortOptions } from "./sort-options.ts";

/** `value`: of a config.json. Becomes a Spec where nothing is wrong, as by checkSpec. `machine`: whose system calls it filters. */
export function faultsIn(value: unknown, machine: Machine): ConfigFault[] {
  const faults = faultsOf(() => checkSpec(value));
  // Of more than are told, nobody knows which parts they are of.
  if (faults.length > MOST_FAULTS) return [...faults];
  const isRight = (path: string): boolean => !faults.some((fault) => isWithin(fault.path, path));
  const others = [...unsupportedIn(value), ...(isRight("") ? partFaults(value as Spec, isRight, machine) : [])];
  const isTold = ({ path }: ConfigFault): boolean => faults.some((fault) => fault.path === path);
  return someOf([...faults, ...others.filter((fault) => !isTold(fault))]);
}

/** Whether `path` is `part` or lies in it, or is that of the whole document. */
function isWithin(path: string, part: string): boolean {
  if (path === "" || path === part) return true;
  return part !== "" && path.startsWith(part) && (path[part.length] === "." || path[part.length] === "[");
}

function faultsOf(check: () => unknown): readonly ConfigFault[] {
  try {
    check();
    return [];
  } catch (error) {
    if (!(error instanceof BoxError) || error.facts.faults === undefined) throw error;
    return error.facts.faults;
  }
}

/** `isRight`: whether a part has the shape that its type says. */
function partFaults(spec: Spec, isRight: (path: string) => boolean, machine: Machine): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const check = (path: string, action: () => unknown): void => {
    if (isRight(path)) faults.push(...faultsOf(action));
  };
  const each = <T>(list: readonly T[] | undefined, path: string, action: (entry: T, origin: string) => unknown): void => {
    if (!Array.isArray(list)) return;
    for (const [index, entry] of list.entries()) check(`${path}[${index}]`, () => action(entry, `${path}[${index}]`));
  };
  const { mounts } = spec;
  const linux: Linux | undefined = isObject(spec.linux) ? spec.linux : undefined;
  const { cgroupsPath, seccomp, namespaces, resources } = linux ?? {};
  if (typeof cgroupsPath === "string")
    check("linux.cgroupsPath", () => containerCgroups({ v1: [], v2: undefined, writable: true }, cgroupsPath, "box"));
  const unified = isObject(resources) ? resources.unified : undefined;
  if (unified !== undefined) check("linux.resources.unified", () => checkUnified(unified, "linux.resources."));
  if (seccomp !== undefined) check("linux.seccomp", () => compileSeccomp(seccomp, machine));
  const known: readonly unknown[] = Array.isArray(namespaces) ? namespaces : [];
  // There the container's root is that of somebody else, and what is said of it here does not apply.
  if (known.some((one) => isObject(one) && one.type === "mount" && one.path !== undefined)) return faults;
  const mapped = !isRight("linux.namespaces") || known.some((one) => isObject(one) && one.type === "user");
  each<Mount>(mounts, "mounts", (mount, origin) => {
    const binds = isBind(mount);
    checkMount(mount, origin, binds);
    if (!binds && mount.type !== undefined && !mount.type.startsWith("cgroup"))
      checkOneCall({ ...sortOptions(mount.options ?? []), type: mount.type, origin });
    if (isMapped(mount)) checkMapped(mount, origin, mapped, 0);
  });
  each<Device>(linux?.devices, "linux.devices", (device, origin) => {
    if (components(device.path).length === 0) refuseRoot(device, origin);
  });
  each(linux?.maskedPaths, "linux.maskedPaths", belowRoot);
  each(linux?.readonlyPaths, "linux.readonlyPaths", belowRoot);
  return faults;
}
