// The Features structure of the runtime-spec (features.md, features-linux.md): what this build of box can do, whatever
// the host can. Nothing is claimed here: every name of the spec is put into a configuration and claimed if box takes
// that, so a feature that lands in unsupported.ts or spec-rules.ts is listed from then on.

import { BoxError } from "../errors.ts";
import { capabilities } from "../linux/capabilities.ts";
import { mountOptions } from "../linux/mount-options.ts";
import { checkSpec } from "./check-spec.ts";
import { ociVersion } from "./default-spec.ts";
import { hookPoints } from "./hook-points.ts";
import { namespaceTypes } from "./spec-rules.ts";
import { checkSupported } from "./unsupported.ts";

type Enabled = { readonly enabled: boolean };

export type Features = {
  readonly ociVersionMin: string;
  readonly ociVersionMax: string;
  readonly hooks: readonly string[];
  readonly mountOptions: readonly string[];
  readonly linux: {
    readonly namespaces: readonly string[];
    readonly capabilities: readonly string[];
    readonly cgroup: Readonly<Record<"v1" | "v2" | "systemd" | "systemdUser" | "rdma", boolean>>;
    readonly seccomp: Enabled & Partial<Record<"actions" | "operators" | "archs" | "knownFlags" | "supportedFlags", readonly string[]>>;
    readonly apparmor: Enabled;
    readonly selinux: Enabled;
    readonly intelRdt: Enabled & { readonly schemata: boolean; readonly monitoring: boolean };
    readonly memoryPolicy?: { readonly modes: readonly string[]; readonly flags: readonly string[] };
    readonly mountExtensions: { readonly idmap: Enabled };
    readonly netDevices: Enabled;
  };
  readonly annotations: Readonly<Record<string, string>>;
  readonly potentiallyUnsafeConfigAnnotations: readonly string[];
};

export type Build = { readonly version: string; readonly commit: string };

/** `kernelTakes`: whether this host's kernel takes a flag for a filter, which the spec has one list depend on. */
export const featuresOf = ({ version, commit }: Build, kernelTakes: (flag: SeccompFlag) => boolean = () => true): Features => ({
  ociVersionMin: "1.0.0",
  ociVersionMax: ociVersion,
  hooks: hookPoints.filter((name) => accepts({ hooks: { [name]: [{ path: "/hook" }] } })),
  mountOptions: acceptedMountOptions(Object.keys(mountOptions)).sort(),
  linux: {
    namespaces: namespaceTypes.filter(acceptsNamespace).sort(),
    capabilities: Object.keys(capabilities),
    // There is one driver of cgroups, and it is not systemd's.
    cgroup: { v1: true, v2: true, systemd: false, systemdUser: false, rdma: acceptsResource({ rdma: { mlx5_1: { hcaHandles: 1 } } }) },
    seccomp: seccomp(kernelTakes),
    apparmor: { enabled: acceptsProcess({ apparmorProfile: "a-profile" }) },
    selinux: { enabled: acceptsProcess({ selinuxLabel: "a:b:c:s0" }) && acceptsLinux({ mountLabel: "a:b:c:s0" }) },
    intelRdt: {
      enabled: acceptsLinux({ intelRdt: { closID: "a" } }),
      schemata: acceptsLinux({ intelRdt: { closID: "a", schemata: ["MB:0=70"] } }),
      monitoring: acceptsLinux({ intelRdt: { enableMonitoring: true } }),
    },
    ...memoryPolicy(),
    mountExtensions: { idmap: { enabled: acceptsIdMappedMount() } },
    netDevices: { enabled: acceptsLinux({ netDevices: { eth0: { name: "eth0" } } }) },
  },
  annotations: {
    "org.opencontainers.box.version": version,
    "org.opencontainers.box.commit": commit,
    // The one key of runc's that tells of a feature; others may use it too (runc, types/features/features.go).
    "org.opencontainers.runc.checkpoint.enabled": "false",
  },
  // None changes what box does.
  potentiallyUnsafeConfigAnnotations: [],
});

/** Whether box would run a container with these parts of a configuration. */
function accepts(parts: Readonly<Record<string, unknown>>): boolean {
  const spec = { ociVersion, root: { path: "rootfs" }, linux: { namespaces: ownNamespaces }, ...parts };
  try {
    checkSupported(checkSpec(JSON.parse(JSON.stringify(spec))));
    return true;
  } catch (error) {
    if (error instanceof BoxError) return false;
    throw error;
  }
}

/** Those that other parts of a configuration need. */
const ownNamespaces = [{ type: "mount" }, { type: "network" }];

const acceptsProcess = (parts: object): boolean => accepts({ process: { user: { uid: 0, gid: 0 }, args: ["a"], cwd: "/", ...parts } });
const acceptsLinux = (parts: object): boolean => accepts({ linux: { namespaces: ownNamespaces, ...parts } });
const acceptsResource = (resources: object): boolean => acceptsLinux({ resources });

/** Many at once: halves until a half is accepted whole, or is one that is refused. */
function acceptedMountOptions(options: readonly string[]): string[] {
  const accepted = (some: readonly string[]): boolean =>
    accepts({ mounts: some.map((option) => ({ destination: "/a", type: "none", source: "/a", options: ["bind", option] })) });
  if (accepted(options)) return [...options];
  const middle = Math.ceil(options.length / 2);
  return options.length <= 1 ? [] : [...acceptedMountOptions(options.slice(0, middle)), ...acceptedMountOptions(options.slice(middle))];
}

const wholeMap = [{ containerID: 0, hostID: 0, size: 4294967295 }];
const maps = { uidMappings: wholeMap, gidMappings: wholeMap };

function acceptsNamespace(type: string): boolean {
  const namespaces = type === "mount" ? [{ type }] : [{ type: "mount" }, { type }];
  return accepts({ linux: { namespaces, ...(type === "user" ? maps : {}) } });
}

const acceptsIdMappedMount = (): boolean =>
  accepts({ mounts: [{ destination: "/a", type: "none", source: "/a", options: ["bind"], ...maps }] });

function seccomp(kernelTakes: (flag: SeccompFlag) => boolean): Features["linux"]["seccomp"] {
  const takes = (parts: object): boolean => acceptsLinux({ seccomp: { defaultAction: "SCMP_ACT_ALLOW", ...parts } });
  if (!takes({})) return { enabled: false };
  const rule = { names: ["read"], action: "SCMP_ACT_ERRNO" };
  const flags = seccompFlags.filter((flag) => takes({ flags: [flag] }));
  return {
    enabled: true,
    actions: seccompActions.filter((action) => takes({ syscalls: [{ ...rule, action }] })),
    operators: seccompOperators.filter((op) => takes({ syscalls: [{ ...rule, args: [{ index: 0, value: 0, op }] }] })),
    archs: seccompArchitectures.filter((architecture) => takes({ architectures: [architecture] })),
    knownFlags: flags,
    supportedFlags: flags.filter(kernelTakes),
  };
}

// What the runtime-spec 1.3 knows (config-linux.md, "Seccomp" and "Memory policy").
const seccompActions = ["ALLOW", "ERRNO", "KILL", "KILL_PROCESS", "KILL_THREAD", "LOG", "NOTIFY", "TRACE", "TRAP"].map(
  (name) => `SCMP_ACT_${name}`,
);
const seccompOperators = ["EQ", "GE", "GT", "LE", "LT", "MASKED_EQ", "NE"].map((name) => `SCMP_CMP_${name}`);
const seccompFlags = (["TSYNC", "LOG", "SPEC_ALLOW", "WAIT_KILLABLE_RECV"] as const).map((name) => `SECCOMP_FILTER_FLAG_${name}` as const);
export type SeccompFlag = (typeof seccompFlags)[number];
const seccompArchitectures = [
  "AARCH64",
  "ARM",
  "LOONGARCH64",
  "M68K",
  "MIPS",
  "MIPS64",
  "MIPS64N32",
  "MIPSEL",
  "MIPSEL64",
  "MIPSEL64N32",
  "PARISC",
  "PARISC64",
  "PPC",
  "PPC64",
  "PPC64LE",
  "RISCV64",
  "S390",
  "S390X",
  "SH",
  "SHEB",
  "X32",
  "X86",
  "X86_64",
].map((name) => `SCMP_ARCH_${name}`);

/** Absent when no policy is taken. */
function memoryPolicy(): Pick<Features["linux"], "memoryPolicy"> | Record<string, never> {
  const takes = (policy: object): boolean => acceptsLinux({ memoryPolicy: policy });
  const modes = policyModes.filter((mode) => takes({ mode, ...(mode === "MPOL_DEFAULT" || mode === "MPOL_LOCAL" ? {} : { nodes: "0" }) }));
  if (modes.length === 0) return {};
  return { memoryPolicy: { modes, flags: policyFlags.filter((flag) => takes({ mode: "MPOL_BIND", nodes: "0", flags: [flag] })) } };
}

const policyModes = ["DEFAULT", "BIND", "INTERLEAVE", "WEIGHTED_INTERLEAVE", "PREFERRED", "PREFERRED_MANY", "LOCAL"].map(
  (name) => `MPOL_${name}`,
);
const policyFlags = ["NUMA_BALANCING", "RELATIVE_NODES", "STATIC_NODES"].map((name) => `MPOL_F_${name}`);
