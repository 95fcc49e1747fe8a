import { describe, expect, test } from "bun:test";
import { checkSpec } from "../../src/config/check-spec.ts";
import { defaultSpec } from "../../src/config/default-spec.ts";
import { featuresOf } from "../../src/config/features.ts";
import type { Linux, Process, Spec } from "../../src/config/spec.ts";
import { checkSupported } from "../../src/config/unsupported.ts";
import { faultLines } from "./print-faults.ts";

const features = featuresOf({ version: "1.2.3", commit: "abc" });
const { linux } = features;

const spec = defaultSpec();
const refusals = (fields: Partial<Spec>): string[] => faultLines(() => checkSupported(checkSpec({ ...defaultSpec(), ...fields })));
const withProcess = (fields: Partial<Process>): string[] => refusals({ process: { ...(spec.process as Process), ...fields } });
const withLinux = (fields: Partial<Linux>): string[] => refusals({ linux: { ...spec.linux, ...fields } });
const one = [{ containerID: 0, hostID: 0, size: 1 }];

/** A claim, and how a configuration that needs it fares: what is claimed is taken, what is not is refused by its name. */
const claims: readonly [name: string, claimed: boolean, refused: string[], as: string][] = [
  ["hooks", features.hooks.includes("createRuntime"), refusals({ hooks: { createRuntime: [{ path: "/h" }] } }), "hooks"],
  [
    "time namespaces",
    linux.namespaces.includes("time"),
    withLinux({ namespaces: [{ type: "mount" }, { type: "uts" }, { type: "time" }] }),
    "linux.namespaces[2].type",
  ],
  ["rdma", linux.cgroup.rdma, withLinux({ resources: { rdma: { a: { hcaObjects: 2 } } } }), "linux.resources.rdma"],
  ["seccomp", linux.seccomp.enabled, withLinux({ seccomp: { defaultAction: "SCMP_ACT_ERRNO" } }), "linux.seccomp"],
  ["apparmor", linux.apparmor.enabled, withProcess({ apparmorProfile: "p" }), "process.apparmorProfile"],
  ["selinux", linux.selinux.enabled, withProcess({ selinuxLabel: "l" }), "process.selinuxLabel"],
  ["intelRdt", linux.intelRdt.enabled, withLinux({ intelRdt: { closID: "c" } }), "linux.intelRdt"],
  ["memoryPolicy", linux.memoryPolicy !== undefined, withLinux({ memoryPolicy: { mode: "MPOL_BIND", nodes: "0" } }), "linux.memoryPolicy"],
  [
    "idmap",
    linux.mountExtensions.idmap.enabled,
    refusals({ mounts: [{ destination: "/a", type: "none", source: "/", options: ["bind"], uidMappings: one, gidMappings: one }] }),
    "mounts[0].uidMappings",
  ],
  ["netDevices", linux.netDevices.enabled, withLinux({ netDevices: { eth0: { name: "a" } } }), "linux.netDevices"],
  ...["idmap", "ridmap", "tmpcopyup"].map((option): [string, boolean, string[], string] => [
    `the mount option ${option}`,
    features.mountOptions.includes(option),
    refusals({ mounts: [{ destination: "/a", type: "tmpfs", options: [option] }] }),
    "mounts[0].options[0]",
  ]),
];

describe("is true of", () => {
  for (const [name, claimed, refused, path] of claims)
    test(`${name}: ${claimed ? "claimed and taken" : "not claimed and refused"}`, () => {
      if (claimed) expect(refused).toEqual([]);
      else expect(refused.filter((line) => line.startsWith(`${path}: `) && line.endsWith(" not supported yet"))).not.toEqual([]);
    });
});

test("the versions are taken, and no earlier and no later one", () => {
  const refused = (ociVersion: string): boolean => refusals({ ociVersion }).length > 0;
  expect([features.ociVersionMin, features.ociVersionMax]).toEqual(["1.0.0", "1.3.0"]);
  expect(["0.9.0", features.ociVersionMin, features.ociVersionMax, "1.4.0", "2.0.0"].map(refused)).toEqual([
    true,
    false,
    false,
    true,
    true,
  ]);
});

test("seven kinds of namespaces at least", () =>
  expect(linux.namespaces).toEqual(expect.arrayContaining(["cgroup", "ipc", "mount", "network", "pid", "user", "uts"])));

test("all mount options of the runtime-spec but those that are refused", () => {
  // config.md, "Linux mount options", without `acl` and the like, which are the filesystems' own.
  const plain = `async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev nodiratime noexec
    noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime relatime remount
    rexec rnoatime rnodev rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime rro rrw rshared
    rslave rstrictatime rsuid rsymfollow runbindable rw shared silent slave strictatime suid symfollow sync unbindable`;
  expect(features.mountOptions).toEqual(expect.arrayContaining(plain.split(/\s+/)));
  expect(features.mountOptions).toEqual([...features.mountOptions].sort());
});

test("every capability", () => {
  expect(linux.capabilities.length).toBe(41);
  expect([linux.capabilities[0], linux.capabilities.at(-1)]).toEqual(["CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"]);
});

test("the build, and that there are no checkpoints", () =>
  expect(features.annotations).toEqual({
    "org.opencontainers.box.version": "1.2.3",
    "org.opencontainers.box.commit": "abc",
    "org.opencontainers.runc.checkpoint.enabled": "false",
  }));

test("a flag for a filter that this kernel does not take is known, and not supported", () => {
  const killable = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV";
  const old = featuresOf({ version: "1", commit: "" }, (flag) => flag !== killable).linux.seccomp;
  expect(old.knownFlags).toEqual(["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", killable]);
  expect(old.supportedFlags).toEqual(old.knownFlags?.slice(0, 3));
  expect(old.actions).toContain("SCMP_ACT_NOTIFY");
});
