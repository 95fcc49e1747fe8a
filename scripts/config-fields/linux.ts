// The notes on the part `linux` of a configuration, but for its resources.

import { idMapNotes } from "./id-map.ts";
import type { FieldPath, FieldsOf, Note, Notes } from "./note.ts";

type LinuxPath = Exclude<FieldsOf<"linux">, FieldsOf<"linux.resources">>;
type SeccompPath = Extract<LinuxPath, FieldsOf<"linux.seccomp"> | `linux.seccomp${string}`>;

const nodes: Note["shown"] = ["integration/configured-devices", "of every type, with mode and owner, below folders that are made"];
const profile = "seccomp/compile-seccomp";
const conditions: Note["shown"] = ["integration/seccomp-rules", "a condition on the mode that chmod is given:"];

const seccompNotes: Notes<SeccompPath> = {
  "linux.seccomp": {
    does: "Compiled by box itself to classic BPF, and loaded as the last but one step before the program.",
    shown: ["integration/exec", "has the filter of system calls of the container"],
    wrong: ["default.json", ': expected an object, got "default.json"'],
  },
  "linux.seccomp.defaultAction": {
    does: "A call that is newer than every one the profile names gets ENOSYS instead, as with runc.",
    shown: ["integration/seccomp-rules", "by default, with an errno of its own"],
    wrong: ["SCMP_ACT_ALOW", ': expected a seccomp action, such as SCMP_ACT_ERRNO, got "SCMP_ACT_ALOW", did you mean "SCMP_ACT_ALLOW"?'],
  },
  "linux.seccomp.defaultErrnoRet": {
    does: "Without it EPERM. Refused where the action has none.",
    shown: ["integration/seccomp-rules", "by default, with an errno of its own"],
    wrong: [65536, ": expected an integer from 0 to 65535, got 65536"],
  },
  "linux.seccomp.architectures": {
    does: "Those whose programs this machine runs, beside its own; others are left out with a note. An ABI that is not listed is killed.",
    shown: [profile, "kills on an ABI that is not listed"],
    wrong: ["SCMP_ARCH_X86", ': expected an array of strings, got "SCMP_ARCH_X86"'],
  },
  "linux.seccomp.flags": {
    does: "Without the list SPEC_ALLOW, as with runc. TSYNC has nothing to do with one thread. An unknown flag is refused.",
    shown: [profile, "notes"],
    wrong: [[7], "[0]: expected a string, got 7"],
  },
  "linux.seccomp.listenerPath": {
    does: "The socket of the agent that SCMP_ACT_NOTIFY asks: it gets the listener before any program begins. Without such a rule it does not apply.",
    shown: ["integration/seccomp-notify", "of a container that is created, before it is started"],
    wrong: ["agent.sock", ': expected an absolute path, got "agent.sock"'],
  },
  "linux.seccomp.listenerMetadata": {
    does: "For that agent, as it is. Refused without listenerPath.",
    shown: ["integration/seccomp-notify", "of a run: all of the state, whatever is in it"],
    wrong: [7, ": expected a string, got 7"],
  },
  "linux.seccomp.syscalls": {
    does: "runc's and libseccomp's rules: one without conditions beats those with; two that contradict each other are refused.",
    shown: ["integration/seccomp-rules", "an action"],
    wrong: [{}, ": expected an array of objects, got an object"],
  },
  "linux.seccomp.syscalls[].names": {
    does: "A name that no machine has is left out with a note; one that an ABI lacks is passed over there.",
    shown: ["integration/seccomp-rules", "a name that no machine has is left out, and the plan says so"],
    wrong: [[], ": expected at least one entry, got []"],
  },
  "linux.seccomp.syscalls[].action": {
    does: "All of the specification, SCMP_ACT_NOTIFY for any call.",
    shown: ["integration/seccomp-rules", "an action"],
    wrong: ["SCMP_ACT_DENY", ': expected a seccomp action, such as SCMP_ACT_ERRNO, got "SCMP_ACT_DENY"'],
  },
  "linux.seccomp.syscalls[].errnoRet": {
    does: "Of SCMP_ACT_ERRNO and SCMP_ACT_TRACE; refused with another action, as the specification asks.",
    shown: ["integration/seccomp-rules", "an action"],
    wrong: ["EPERM", ': expected an integer from 0 to 65535, got "EPERM"'],
  },
  "linux.seccomp.syscalls[].args": {
    does: "Conditions that must all hold; several on one argument are several rules, as with runc.",
    shown: conditions,
    wrong: [[0], "[0]: expected an object, got 0"],
  },
  "linux.seccomp.syscalls[].args[].index": {
    does: "Of six arguments.",
    shown: conditions,
    wrong: [6, ": expected an integer from 0 to 5, got 6"],
  },
  "linux.seccomp.syscalls[].args[].value": {
    does: "Compared in 64 bits, as its digits say. In a box.yaml, and from a plugin, those above 2^53 are digits in quotes.",
    shown: conditions,
    wrong: [0.5, ": expected an exact integer from 0 to 2^64 - 1, got 0.5"],
  },
  "linux.seccomp.syscalls[].args[].valueTwo": {
    does: "What is compared after the mask, with SCMP_CMP_MASKED_EQ.",
    shown: conditions,
    wrong: [-1, ": expected an exact integer from 0 to 2^64 - 1, got -1"],
  },
  "linux.seccomp.syscalls[].args[].op": {
    does: "All seven.",
    shown: conditions,
    wrong: ["EQ", ': expected a seccomp operator, such as SCMP_CMP_EQ, got "EQ"'],
  },
};

const clocks: Note["shown"] = ["integration/scheduling", "clocks of its own"];
const ownClass: Note["shown"] = [
  "integration/intel-rdt",
  "a class of its own, with its limits before its first process, which goes with the container",
];
const memory: Note["shown"] = ["integration/scheduling", "memory of one node"];

const clockWords = {
  monotonic: "Also CLOCK_MONOTONIC_COARSE and CLOCK_MONOTONIC_RAW (time_namespaces(7)).",
  boottime: "Also CLOCK_BOOTTIME_ALARM, and what /proc/uptime says.",
};

export const linuxNotes: Notes<LinuxPath> = {
  linux: {
    does: "Without it there is no mount namespace, and box makes no container without one.",
    shown: ["integration/every-field", "without linux: refused"],
    wrong: [true, ": expected an object, got true"],
  },
  ...idMapNotes(
    "linux.uidMappings",
    "Written by box, or by newuidmap where its user may not. A new user namespace without a map is refused.",
    ["integration/rootless", "a bundle of box spec --rootless runs"],
  ),
  ...idMapNotes("linux.gidMappings", "As the ids of users; setgroups is denied first where the kernel asks for that.", [
    "integration/every-field",
    "maps of several ranges, other ones for groups",
  ]),
  "linux.sysctl": {
    does: "Those that a namespace of the container has for itself, written through a procfs of box's own. Others are refused by name.",
    shown: ["integration/sysctl", "of network, ipc and uts, and the host keeps its own"],
    wrong: [{ "kernel.panic": "1" }, '["kernel.panic"]: is not of a namespace: it would change the host'],
  },
  "linux.cgroupsPath": {
    does: "An absolute one begins at the root of every hierarchy, a relative one at box's own cgroup, on v2 at its parent. The last part is removed at the end. One of v2 that is mounted to be written to goes to the container's user.",
    shown: ["integration/cgroups", "v2: cgroupsPath absolute"],
    wrong: ["/a/../../b", ': expected a path without "..", got "/a/../../b"'],
  },
  "linux.namespaces": {
    does: "All eight. A mount namespace is required: box mounts nothing in the host's. A type that stands twice is refused.",
    shown: ["integration/features", "every namespace works, all at once"],
    wrong: ["pid", ': expected an array of objects, got "pid"'],
  },
  "linux.namespaces[].type": {
    does: "What is not listed is the host's.",
    shown: ["integration/namespaces", "a namespace that is not listed is the host's"],
    wrong: ["net", ': expected one of pid, network, mount, ipc, uts, user, cgroup and time, got "net"'],
  },
  "linux.namespaces[].path": {
    does: "Joined instead of made, by setns on what is opened there, which must be of the type.",
    shown: ["integration/namespaces", "every namespace of another container is joined at once"],
    wrong: ["ns/uts", ': expected an absolute path, got "ns/uts"'],
  },
  "linux.devices": {
    does: "Made beside, or in place of, those that every container has. Where none can be made the host's own are bound.",
    shown: ["integration/configured-devices", "in a user namespace the host's are bound, and a FIFO is made"],
    wrong: [["/dev/fuse"], '[0]: expected an object, got "/dev/fuse"'],
  },
  "linux.devices[].path": {
    does: "Anywhere inside the root; folders are made. A node that is there stays, as with runc.",
    shown: ["integration/configured-devices", "elsewhere than in /dev, and the root itself"],
    wrong: ["fuse", ': expected an absolute path, got "fuse"'],
  },
  "linux.devices[].type": {
    does: "A `u` is a `c`: Linux has no other kind.",
    shown: nodes,
    wrong: ["a", ': expected "c", "b", "u" or "p", got "a"'],
  },
  "linux.devices[].major": {
    does: "Required but for a FIFO.",
    shown: nodes,
    wrong: [2 ** 32, ": expected an integer from 0 to 4294967295, got 4294967296"],
  },
  "linux.devices[].minor": {
    does: "Required but for a FIFO.",
    shown: nodes,
    wrong: [-1, ": expected an integer from 0 to 4294967295, got -1"],
  },
  "linux.devices[].fileMode": {
    does: "Without it 0666. Bits of the file's type, which some clients write, are passed over.",
    shown: nodes,
    wrong: ["0666", ': expected an integer from 0 to 4294967295, got "0666"'],
  },
  "linux.devices[].uid": {
    does: "Without it 0.",
    shown: nodes,
    wrong: [-1, ": expected an id from 0 to 4294967294, got -1"],
  },
  "linux.devices[].gid": {
    does: "Without it 0.",
    shown: nodes,
    wrong: [4294967295, ": expected an id from 0 to 4294967294, got 4294967295"],
  },
  "linux.netDevices": {
    does: "Moved into the container's network, up, with their addresses that are permanent and global. Not the host's own network.",
    shown: [
      "integration/net-devices",
      "one with another name is up, with its addresses that are global and permanent, and all else as it was",
    ],
    wrong: [{ "a/b": {} }, '["a/b"]: expected the name of a network interface, got "a/b"'],
  },
  "linux.netDevices.*.name": {
    does: "A name that is free there, or one with %d, for which the kernel puts a number.",
    shown: ["integration/net-devices", "several, of which the kernel is to name some"],
    wrong: ["a:b", ': expected the name of a network interface, or one with %d for a number, got "a:b"'],
  },
  ...seccompNotes,
  "linux.rootfsPropagation": {
    does: "What the root is to the container at the end. While it is made, nothing reaches the host.",
    shown: ["integration/root", "rootfsPropagation rshared"],
    wrong: [
      "rslav",
      ': expected one of private, slave, shared and unbindable, each also with r in front, got "rslav", did you mean "rslave"?',
    ],
  },
  "linux.maskedPaths": {
    does: "A file is covered by the host's /dev/null, verified first, a folder by an empty one. What is not there is passed over.",
    shown: ["integration/masks", "masked files are empty, masked folders too"],
    wrong: [["proc"], '[0]: expected an absolute path, got "proc"'],
  },
  "linux.readonlyPaths": {
    does: "With all mounts below.",
    shown: ["integration/masks", "read-only paths"],
    wrong: [[""], '[0]: expected an absolute path, got ""'],
  },
  "linux.mountLabel": {
    does: "The context of every new filesystem but proc, sysfs and cgroups, whose files keep theirs; of mqueue its folder. As with runc, bind mounts keep theirs.",
    shown: ["integration/labels", "mounts have theirs, but for those that show others' things"],
    wrong: [7, ": expected a label of at most 4000 bytes without control characters, got 7"],
  },
  "linux.intelRdt": {
    does: "A group of a mounted resctrl filesystem, entered by the first process before anything else, and by those of exec.",
    shown: ownClass,
    wrong: ["guaranteed", ': expected an object, got "guaranteed"'],
  },
  "linux.intelRdt.closID": {
    does: "Made if there are limits for it, and never removed. Without it a group with the container's id, which goes with the container.",
    shown: ["integration/intel-rdt", "a class by name is made once, taken as it is by the next, and stays"],
    wrong: ["../x", ': expected one folder name, or "/", got "../x"'],
  },
  "linux.intelRdt.schemata": {
    does: "Written behind the two fields below, all in one. A class that exists must have these limits, and is not changed.",
    shown: ["integration/intel-rdt", "a class that has other limits is left as it is"],
    wrong: ["L3:0=ff", ': expected an array of strings, got "L3:0=ff"'],
  },
  "linux.intelRdt.l3CacheSchema": { does: "Written first.", shown: ownClass, wrong: [7, ": expected a string, got 7"] },
  "linux.intelRdt.memBwSchema": {
    does: "Written second.",
    shown: ownClass,
    wrong: ["L3:0=f", ': expected one line that begins with MB:, got "L3:0=f"'],
  },
  "linux.intelRdt.enableMonitoring": {
    does: "A group in mon_groups with the container's id, which goes with it. The forerunners enableCMT and enableMBM are refused with this name.",
    shown: ["integration/intel-rdt", "the default class"],
    wrong: [1, ": expected true or false, got 1"],
  },
  "linux.memoryPolicy": {
    does: "set_mempolicy for the process and what it starts.",
    shown: memory,
    wrong: ["MPOL_LOCAL", ': expected an object, got "MPOL_LOCAL"'],
  },
  "linux.memoryPolicy.mode": {
    does: "All seven.",
    shown: ["integration/scheduling", "memory by MPOL_INTERLEAVE of a node"],
    wrong: ["MPOL_BND", ': expected a memory policy, such as MPOL_BIND, got "MPOL_BND", did you mean "MPOL_BIND"?'],
  },
  "linux.memoryPolicy.nodes": {
    does: "Refused with MPOL_DEFAULT and MPOL_LOCAL, required with the others but MPOL_PREFERRED.",
    shown: memory,
    wrong: ["0..3", ': expected a list of numbers, such as 0-3,7, got "0..3"'],
  },
  "linux.memoryPolicy.flags": {
    does: "All three.",
    shown: ["integration/scheduling", "memory by MPOL_INTERLEAVE with MPOL_F_RELATIVE_NODES of a node"],
    wrong: [["MPOL_F_STATIC"], '[0]: expected a memory policy flag, such as MPOL_F_STATIC_NODES, got "MPOL_F_STATIC"'],
  },
  "linux.personality": {
    does: "personality(2), kept over execve.",
    shown: ["integration/scheduling", "a 32-bit machine"],
    wrong: ["LINUX32", ': expected an object, got "LINUX32"'],
  },
  "linux.personality.domain": {
    does: "LINUX, or LINUX32, which calls the machine i686.",
    shown: ["integration/scheduling", "a 32-bit machine"],
    wrong: ["LINUX64", ': expected LINUX or LINUX32, got "LINUX64", did you mean "LINUX"?'],
  },
  "linux.personality.flags": {
    does: "The specification knows none, so any is refused; runc warns of them.",
    shown: ["integration/scheduling", "flags of a personality"],
    wrong: ["ADDR_NO_RANDOMIZE", ': expected an array of strings, got "ADDR_NO_RANDOMIZE"'],
  },
  "linux.timeOffsets": {
    does: "Clocks of a new time namespace, written before anything runs in it. Refused for one that is joined.",
    shown: clocks,
    wrong: [["boottime"], ": expected an object, got an array"],
  },
  ...clockNotes("monotonic"),
  ...clockNotes("boottime"),
};

type ClockPath<Clock extends string> =
  | `linux.timeOffsets.${Clock}`
  | `linux.timeOffsets.${Clock}.secs`
  | `linux.timeOffsets.${Clock}.nanosecs`;

function clockNotes<const Clock extends "monotonic" | "boottime">(clock: Clock): Notes<Extract<FieldPath, ClockPath<Clock>>> {
  const path = `linux.timeOffsets.${clock}`;
  const notes: Record<string, Note> = {
    [path]: { does: clockWords[clock], shown: clocks, wrong: [5, ": expected an object, got 5"] },
    [`${path}.secs`]: { does: "May be negative.", shown: clocks, wrong: ["1h", ': expected an integer of 64 bits, got "1h"'] },
    [`${path}.nanosecs`]: {
      does: "Added to the seconds.",
      shown: clocks,
      wrong: [1e9, ": expected an integer from 0 to 999999999, got 1000000000"],
    },
  };
  return notes as Notes<Extract<FieldPath, ClockPath<Clock>>>;
}
