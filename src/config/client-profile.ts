// Profiles in the form of files of Docker and podman, such as /usr/share/containers/seccomp.json: what linux.seccomp has, with
// rules that apply to some machines, or with some capabilities, and that a client picks from. Here box is that client. Parts of
// a wrong shape stay as they are: checkSpec refuses them.

import { BoxError } from "../errors.ts";
import { errno } from "../linux/errno.ts";
import type { Machine } from "../linux/syscalls.ts";
import { isObject } from "./rule.ts";

type Json = Record<string, unknown>;

/** As the files call them. */
const names = { x64: { own: "SCMP_ARCH_X86_64", arch: "amd64" }, arm64: { own: "SCMP_ARCH_AARCH64", arch: "arm64" } } as const;

/** linux.seccomp for a container with these capabilities; a value that is that already is given back. */
export function fromClientProfile(value: unknown, machine: Machine, granted: readonly string[]): unknown {
  if (!isObject(value) || !Array.isArray(value.archMap)) return value;
  const { archMap, syscalls, ...rest } = value;
  const ours = archMap.find((entry) => isObject(entry) && entry.architecture === names[machine].own) as Json | undefined;
  const others = Array.isArray(ours?.subArchitectures) ? ours.subArchitectures : [];
  return {
    ...withErrno(rest, "defaultErrno", "defaultErrnoRet"),
    architectures: [names[machine].own, ...others],
    syscalls: Array.isArray(syscalls) ? syscalls.flatMap((rule) => pick(rule, names[machine].arch, granted)) : syscalls,
  };
}

/** The rule without its conditions, or nothing when they do not hold. */
function pick(rule: unknown, arch: string, granted: readonly string[]): unknown[] {
  if (!isObject(rule)) return [rule];
  const { includes, excludes, comment: _, name, ...rest } = rule;
  const [within, without] = [conditions(includes), conditions(excludes)];
  const fits = (within.arches.length === 0 || within.arches.includes(arch)) && within.caps.every((one) => granted.includes(one));
  const not = without.arches.includes(arch) || without.caps.some((one) => granted.includes(one)) || without.hasKernel;
  if (!fits || not) return [];
  return [{ ...(typeof name === "string" && name !== "" ? { names: [name] } : {}), ...withErrno(rest, "errno", "errnoRet") }];
}

type Conditions = { readonly arches: readonly unknown[]; readonly caps: readonly string[]; readonly hasKernel: boolean };

function conditions(value: unknown): Conditions {
  const { arches, caps, minKernel } = isObject(value) ? value : {};
  const hasKernel = typeof minKernel === "string" && minKernel !== "";
  if (hasKernel) checkKernel(minKernel);
  return { arches: Array.isArray(arches) ? arches : [], caps: Array.isArray(caps) ? caps : [], hasKernel };
}

/** Every kernel that box runs on is at least this; the files ask for 4.8. */
const oldest = { major: 5, minor: 10 };

function checkKernel(version: string): void {
  const [major = Number.NaN, minor = Number.NaN] = version.split(".").map(Number);
  if (major < oldest.major || (major === oldest.major && minor <= oldest.minor)) return;
  throw new BoxError({
    what: `a rule depends on Linux ${version}, and box knows only that this is ${oldest.major}.${oldest.minor} or newer`,
  });
}

/** podman's files have the number's name beside it, which may stand alone. */
function withErrno(value: Json, name: string, number: string): Json {
  const { [name]: text, ...rest } = value;
  const known = typeof text === "string" && Object.hasOwn(errno, text) ? errno[text as keyof typeof errno] : undefined;
  return known === undefined || rest[number] !== undefined ? rest : { ...rest, [number]: known };
}
