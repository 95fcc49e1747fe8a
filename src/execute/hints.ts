// The usual cause of a failure, where the step and its errno (or the kernel's own message) leave no doubt.

import { quote } from "../tape/print.ts";
import type { AnyArg, Step } from "../tape/step.ts";
import { readText } from "./files.ts";

/** One line, or undefined when nothing is known for sure. `confinement`: the AppArmor profile that box itself runs under. */
export function hintFor(step: Step, errno: string, explanation: string, confinement = ownProfile): string | undefined {
  if (step.call === "execve") return executeHint(errno, explanation);
  if (step.failed === "search" && errno === "EACCES") return "a folder of $PATH has a file of that name, but it may not be executed";
  if (step.call === "fsopen" && errno === "ENODEV") return "this kernel has no filesystem of that type";
  if (errno === "EPERM" && step.origin.startsWith("mounts[")) {
    const hint = userNamespaceHint(step);
    if (hint !== undefined) return hint;
  }
  if (errno === "ENOENT" && explanation === "" && step.why.startsWith("mount overlay on "))
    return "one of lowerdir, upperdir and workdir does not exist";
  if (step.origin === "linux.mountLabel" && step.call === "fsconfig" && errno === "EINVAL")
    return new TextEncoder().encode(String(step.args[3])).length > 255 ? "fsconfig(2) takes a label of at most 255 bytes" : noSuchContext;
  if (step.call === "fsconfig" || step.call === "fsmount") return contextHint(explanation);
  if (step.call === "open_tree" && errno === "EINVAL" && step.origin.startsWith("mounts[") && !asks(step.args[2], "AT_RECURSIVE"))
    return "a mount below it may not be uncovered in a user namespace (rbind takes those along), or the source itself is unbindable";
  if (step.call === "open_tree" && errno === "ENOENT" && step.origin.startsWith("mounts["))
    return `the source ${quote(String(step.args[1]))} does not exist on the host`;
  if (step.call === "openat" && step.origin === "root.path" && errno === "ENOENT")
    return "root.path is relative to the bundle's folder; unpack the image's files there first";
  if (step.call === "prlimit64" && errno === "EPERM")
    return step.args[1]?.toString() === "RLIMIT_NOFILE"
      ? "a hard limit is raised only with CAP_SYS_RESOURCE, and this one never above the sysctl fs.nr_open"
      : "a hard limit is raised only with CAP_SYS_RESOURCE";
  if ((step.call === "setresuid" || step.call === "setresgid") && errno === "EINVAL")
    return `the container's user namespace maps no such id: see linux.${step.call === "setresuid" ? "uidMappings" : "gidMappings"}`;
  if (step.call === "sethostname" && errno === "EINVAL") return "the kernel takes 64 bytes at most";
  if (step.call === "openat2" && errno === "ENOENT" && (step.origin.startsWith("mounts[") || step.origin === "process.cwd"))
    return "there is a symbolic link in it that leads nowhere in the container's root";
  if (step.call === "openat2" && errno === "ELOOP")
    return "it has too many links in it, or one of the kernel's such as /proc/self/fd, which box never follows";
  if (step.call === "clone3" && errno === "EPERM") return "without root, a container needs a user namespace: box spec --rootless";
  if (step.call === "mkdirat" && step.origin === "linux.cgroupsPath" && (errno === "EACCES" || errno === "EROFS"))
    return "this user may not make cgroups there";
  if (step.call === "write" && step.why.startsWith("allow the devices ") && step.args[1] !== "a" && errno === "EPERM")
    return "the cgroup above the container's does not allow it either";
  if (step.call === "open_tree" && errno === "ENOENT" && step.origin.startsWith("linux.devices["))
    return "where no device can be made, the host's is bound, and it has none there";
  if (step.call === "mount_setattr" && step.why.startsWith("map the owners of ") && errno === "EINVAL")
    return "not every filesystem can have its owners mapped";
  if (step.origin === "process.oomScoreAdj" && step.call === "write" && errno === "EACCES")
    return "it is made lower than that of box only with CAP_SYS_RESOURCE";
  if (step.origin.startsWith("linux.sysctl") && step.call === "openat2" && errno === "ENOENT") return "this kernel has no such sysctl";
  if (step.origin.startsWith("linux.netDevices") && step.why.startsWith("move ")) {
    if (errno === "EINVAL") return "devices such as bridges and tunnels stay in the network namespace that they were made in";
    if (errno === "EPERM") return "only who may administer the host's network can give its devices away";
  }
  if (step.origin === "linux.intelRdt") return explanation.trim() === "" ? undefined : `the kernel says: ${explanation.trim()}`;
  if (step.call === "openat2" && errno === "EACCES" && writesToProcfs(step)) return detachedHint(confinement());
  if (step.call === "write" && (step.origin === "process.apparmorProfile" || step.origin === "process.selinuxLabel"))
    return labelHint(step, errno);
  if (step.call === "bpf") return verifierHint(explanation);
  if (step.origin === "linux.seccomp" || step.origin === "linux.seccomp.listenerPath") return seccompHint(step, errno);
  return limitHint(step, errno);
}

const asks = (flags: AnyArg | undefined, flag: string): boolean => Array.isArray(flags) && (flags as readonly string[]).includes(flag);

/** Filesystems that belong to a namespace, by type; a user namespace may have one of a namespace that it owns. */
const namespaceOf: Readonly<Record<string, string>> = {
  proc: "pid",
  sysfs: "network",
  mqueue: "ipc",
  cgroup: "cgroup",
  cgroup2: "cgroup",
};

/** Options that would clear a flag of a mount, by what mount_setattr is told to clear. */
const clearing: Readonly<Record<string, string>> = {
  MOUNT_ATTR_RDONLY: "rw",
  MOUNT_ATTR_NOSUID: "suid",
  MOUNT_ATTR_NODEV: "dev",
  MOUNT_ATTR_NOEXEC: "exec",
  MOUNT_ATTR__ATIME: "those of access times",
};

/** What mount_namespaces(7) and user_namespaces(7) allow to nobody but the host's root. */
function userNamespaceHint({ call, args, why }: Step): string | undefined {
  const type = why.startsWith("mount ") ? (why.split(" ")[1] as string) : "";
  const namespace = Object.hasOwn(namespaceOf, type) ? namespaceOf[type] : undefined;
  if (call === "fsmount" && (type === "proc" || type === "sysfs")) {
    const place = type === "proc" ? "/proc" : "/sys";
    const instead = type === "proc" ? "share the host's pid namespace and bind its /proc with rbind" : "bind it with rbind";
    return `parts of the host's ${place} are covered, as in most containers, and the kernel lets no user namespace have one without ("mount too revealing"): ${instead}`;
  }
  if (namespace !== undefined && (call === "fsopen" || call === "fsconfig"))
    return `a user namespace may mount ${type} only with a ${namespace} namespace of its own; without one, bind the host's with rbind`;
  if (call !== "mount_setattr") return undefined;
  const { attr_clr: cleared } = args[3] as { readonly attr_clr?: readonly string[] };
  const words: string[] = [];
  for (const flag of cleared ?? []) if (clearing[flag] !== undefined) words.push(clearing[flag]);
  return words.length === 0
    ? undefined
    : `in a user namespace no flag of the host's mount can be cleared (mount_namespaces(7)): leave out ${words.join(", ")}`;
}

function seccompHint({ call, args }: Step, errno: string): string | undefined {
  if (call === "connect" && (errno === "ENOENT" || errno === "ECONNREFUSED")) return "no agent listens there";
  if (call === "connect" && errno === "EAGAIN") return "the agent has taken no connection for ten seconds";
  if (call === "clone3" && errno === "EAGAIN") return "it counts as one more process, for linux.resources.pids too";
  if (call === "seccomp" && errno === "EINVAL" && args[1]?.toString().includes("WAIT_KILLABLE_RECV") === true)
    return "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV came with Linux 5.19";
  return call === "seccomp" && errno === "EBUSY"
    ? "box has been started under a filter with an agent, and there can be one only"
    : undefined;
}

const writesToProcfs = ({ origin }: Step): boolean =>
  origin.startsWith("linux.sysctl") || origin === "process.apparmorProfile" || origin === "process.selinuxLabel";

/** With the profile's mode, as the kernel shows it; undefined where nothing confines box. */
function ownProfile(): string | undefined {
  const text = readText("/proc/self/attr/apparmor/current");
  return typeof text !== "string" || text.trim() === "unconfined" ? undefined : text.trim();
}

/** The path that AppArmor holds against its rules begins at the mount, and that one is attached nowhere (runc#4968). */
const detachedHint = (profile: string | undefined): string | undefined =>
  profile === undefined
    ? undefined
    : `box itself runs under the AppArmor profile ${profile}, whose rules meet a path of box's own procfs without its /proc: one that denies /sys/… stops a sysctl`;

const noSuchContext = "the SELinux policy that is loaded knows no such context";

function labelHint({ origin, args: [, text] }: Step, errno: string): string | undefined {
  if (origin === "process.selinuxLabel") {
    if (errno === "EINVAL") return noSuchContext;
    return errno === "EACCES" ? "the SELinux policy does not allow it to what box runs as" : undefined;
  }
  if (errno === "ENOENT") return "the kernel has no profile of that name: apparmor_parser --replace FILE loads those of a file";
  const [how, name] = splitAt(String(text), " ");
  const target = `${how === "stack" ? "&" : ""}${name}`;
  return errno === "EACCES"
    ? `the AppArmor profile that box itself runs under does not allow it: it lacks the rule "change_profile -> ${target},"`
    : undefined;
}

function splitAt(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  return [text.slice(0, at), text.slice(at + mark.length)];
}

/** Limits: a file that is missing, or what the kernel refuses to have written into one (src/plan/limits.ts names its slots by path). */
function limitHint({ call, args }: Step, errno: string): string | undefined {
  const [first, second] = args;
  const path = call === "openat" ? second : typeof first === "object" && first !== null && "slot" in first ? first.slot : undefined;
  if (typeof path !== "string" || !path.startsWith("/sys/fs/cgroup/")) return undefined;
  const file = path.slice(path.lastIndexOf("/") + 1);
  if (call === "openat" && errno === "ENOENT") {
    if (alwaysThere.includes(file)) return `the ${file.slice(0, file.indexOf("."))} controller is not enabled in this cgroup`;
    return file === "memory.memsw.limit_in_bytes" ? "this kernel does not count swap for cgroups" : undefined;
  }
  if (call !== "write" || !file.startsWith("memory.")) return undefined;
  if (errno === "EBUSY") return "the container uses more than that now";
  if (errno !== "EINVAL") return undefined;
  if (file === "memory.use_hierarchy") return "since Linux 5.11 it is always counted";
  if (file === "memory.limit_in_bytes") return "the limit on memory and swap together, memory.swap, is lower than that";
  return file === "memory.memsw.limit_in_bytes" ? "it counts memory and swap together, so it is at least memory.limit" : undefined;
}

/** Files of v2 that every cgroup with their controller has. */
const alwaysThere = ["memory.max", "memory.low", "pids.max", "cpu.weight", "cpuset.cpus", "cpuset.mems", "rdma.max"];

/** The usual cause of an execve that failed; `head`: how the file begins. */
export function executeHint(errno: string, head: string): string | undefined {
  if (errno === "ENOENT" && head.startsWith("#!")) {
    const line = head.slice(2).split("\n")[0]?.trim() ?? "";
    return `the script names the interpreter ${quote(line.split(" ")[0] ?? "")}, which does not exist in the container's root`;
  }
  if (errno === "ENOENT") return "the program is there, but the dynamic loader that it names is not in the container's root";
  if (errno === "ENOEXEC" && head === "") return "the file is empty";
  if (errno === "ENOEXEC") return 'the file is neither an ELF executable for this machine nor a script that begins with "#!"';
  return undefined;
}

/** "e tmpfs: Bad value for 'size'\n": the kernel's level, then its words. */
function contextHint(message: string): string | undefined {
  const line = message.split("\n")[0] ?? "";
  return line.length < 3 ? undefined : `the kernel says: ${line.slice(2)}`;
}

/** The reason stands last in the kernel's log, but for a line of statistics. */
function verifierHint(log: string): string | undefined {
  const reason = log.split("\n").findLast((line) => line !== "" && !line.startsWith("processed "));
  return reason === undefined ? undefined : `the kernel says: ${reason}`;
}
