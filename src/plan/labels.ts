// Security labels: the AppArmor profile and the SELinux label that the program begins under, the label of its session keyring,
// and the one of what is mounted for it. Loaded for a configuration that asks for one alone (Container.labels). The kernel
// takes a process's labels as files in its folder of /proc, which nothing of the container may stand in for (CVE-2025-52881).

import type { Process } from "../config/spec.ts";
import { BoxError, type ConfigFault } from "../errors.ts";
import type { HostFacts, LabelFacts } from "../host/facts.ts";
import { type Slot, type Step, type Struct, step } from "../tape/step.ts";
import { type Building, newFd } from "./builder.ts";
import { openProcfs, writeOwnFile } from "./procfs.ts";
import { OPEN_HOW_BYTES } from "./steps.ts";

export const labelSteps = { checkLabels, labelInit, labelExec, labelFilesystem, labelWord, labelQueues } as const;

export type LabelSteps = typeof labelSteps;

const origins = { apparmor: "process.apparmorProfile", selinux: "process.selinuxLabel", mount: "linux.mountLabel" } as const;

/** The files are those of Linux 5.8, which gave AppArmor a folder of its own there. */
const files = { profile: "attr/apparmor/exec", label: "attr/exec", keyring: "attr/keycreate" } as const;

type Asked = Pick<Process, "apparmorProfile" | "selinuxLabel">;

/** Throws a BoxError that names each label which this host cannot apply: none is left out in silence. */
function checkLabels(process: Asked, mountLabel: string | undefined, facts: HostFacts): void {
  const { apparmor, selinux } = labelFacts(facts);
  const { apparmorProfile: profile, selinuxLabel: label } = process;
  const faults: ConfigFault[] = [];
  if (profile !== undefined && profile !== unconfined && apparmor === undefined)
    faults.push({
      path: origins.apparmor,
      problem: `${JSON.stringify(profile)} cannot be used: AppArmor is not enabled on this host`,
      hint: "it is where /sys/module/apparmor/parameters/enabled says Y",
    });
  for (const [path, text] of [
    [origins.selinux, label],
    [origins.mount, mountLabel],
  ] as const) {
    if (text === undefined || (selinux !== undefined && selinux !== beforePolicy)) continue;
    const problem = selinux === undefined ? "SELinux is not enabled on this host" : "SELinux has no policy loaded on this host";
    const hint = "it is where /sys/fs/selinux is mounted and can be written to";
    faults.push({ path, problem: `${JSON.stringify(text)} cannot be used: ${problem}`, ...(selinux === undefined ? { hint } : {}) });
  }
  if (faults.length > 0) throw new BoxError({ what: "the configuration asks for what this host does not have", faults });
}

/** The profile of what no profile confines, which is everything where AppArmor is off. */
const unconfined = "unconfined";

/** The context of all that runs before a policy is loaded: the kernel's initial one. */
const beforePolicy = "kernel";

function labelFacts({ labels }: HostFacts): LabelFacts {
  if (labels === undefined) throw new Error("plan: labels without the facts for them");
  return labels;
}

/** What a process writes about itself: which file, the text, and whose wish it is. */
type Label = { readonly file: string; readonly text: string; readonly origin: string; readonly why: string };

/** What the program begins under. Both hold from the next execve on, and a hook that is forked before that has them too. */
function ofProgram(building: Building, { apparmorProfile: profile, selinuxLabel: label, noNewPrivileges }: Process): Label[] {
  const { apparmor } = labelFacts(building.facts);
  const out: Label[] = [];
  if (label !== undefined) out.push({ file: files.label, text: label, origin: origins.selinux, why: `let the program run as ${label}` });
  if (profile === undefined) return out;
  const origin = origins.apparmor;
  if (apparmor === undefined) {
    building.notes.push(`${origin}: nothing is to be done for ${unconfined}: AppArmor is not enabled on this host`);
    return out;
  }
  // Without new privileges execve leaves no profile but for one that allows less (EPERM), which two on top of each other do.
  const stacks = noNewPrivileges === true && isConfined(apparmor);
  if (stacks)
    building.notes.push(
      `${origin}: ${profile} comes on top of ${apparmor}, which box is confined by: with process.noNewPrivileges the kernel lets nothing take its place`,
    );
  const why = `let the program run under the AppArmor profile ${profile}`;
  out.push({ file: files.profile, text: `${stacks ? "stack" : "exec"} ${profile}`, origin, why });
  return out;
}

/** AppArmor's own form: `NAME (MODE)`, of which one mode confines nothing, or the bare word. */
const isConfined = (label: string): boolean => label !== unconfined && !label.endsWith(" (unconfined)");

/** A keyring is labelled as the process is that makes it, unless that says otherwise: and it is the program's. */
const ofKeyring = ({ launch }: Building, { selinuxLabel: label }: Process): Label[] =>
  label === undefined || !launch.newKeyring
    ? []
    : [{ file: files.keyring, text: label, origin: origins.selinux, why: `let its session keyring have the label ${label}` }];

export type InitLabels = {
  /** Box's own procfs, open from `open` to `write`. */
  readonly procfs: Slot<"fd">;
  /** Before the session keyring is made, and before anything is attached. */
  readonly open: readonly Step[];
  /** After the hooks of createContainer, which run as box does, and before the host's tree is out of reach. */
  readonly write: readonly Step[];
};

/** For a container's first process; undefined where there is nothing for it to write. */
function labelInit(building: Building): InitLabels | undefined {
  const process = building.spec.process as Process;
  const labels = ofProgram(building, process);
  const [first] = labels;
  if (first === undefined) return undefined;
  const procfs = newFd(building, "procfs for labels");
  return {
    procfs,
    open: [...openProcfs(building, procfs, first.origin), ...writeAll(building, procfs, ofKeyring(building, process))],
    write: [...writeAll(building, procfs, labels), step("close", [procfs], first.origin, "done with it")],
  };
}

/**
 * The file of this very thread, whichever pid it has there. `thread-self` is a link of procfs itself, and the only one: what
 * anybody mounts over a part of the way is no part of this mount.
 */
const ownFile: Struct = {
  struct: "open_how",
  flags: ["O_WRONLY", "O_CLOEXEC"],
  resolve: ["RESOLVE_BENEATH", "RESOLVE_NO_MAGICLINKS", "RESOLVE_NO_XDEV"],
};

function writeAll(building: Building, procfs: Slot<"fd">, labels: readonly Label[]): Step[] {
  const steps: Step[] = [];
  for (const { file, text, origin, why } of labels) {
    const opened = newFd(building, file);
    steps.push(
      step("openat2", [procfs, `thread-self/${file}`, ownFile, OPEN_HOW_BYTES], origin, why, { out: opened }),
      step("write", [opened, text, bytesOf(text)], origin, why),
      step("close", [opened], origin, "done with it"),
    );
  }
  return steps;
}

/**
 * For a process of exec: by the host's /proc, before anything of the container is joined. Nothing is executed between that and
 * the program, and a clone takes all three along; so no container can have a hand in it, and its /proc is not needed.
 */
function labelExec(building: Building, process: Process): Step[] {
  const steps: Step[] = [];
  for (const { file, text, origin, why } of [...ofKeyring(building, process), ...ofProgram(building, process)])
    steps.push(...writeOwnFile(building, file, text, origin, why));
  return steps;
}

/** One such filesystem shows what has labels of its own, or is the same for many containers: its files keep theirs. */
const keepsLabels = ["proc", "sysfs", "mqueue", "cgroup", "cgroup2"];

/**
 * While a filesystem is made in `context`: all its files have the label of mounts, whoever writes them, as with runc. The kernel
 * takes one, and a mount's own option is the nearer.
 */
function labelFilesystem(building: Building, type: string, data: readonly string[], context: Slot<"fd">): Step[] {
  const { child } = building;
  const label = labelFor(building, type, data);
  if (label === undefined) return [];
  const why = `label the files of the ${type} ${label}`;
  // Only the usual context's words can be fetched.
  const more = context === child.context ? ({ explain: "context" } as const) : {};
  return [step("fsconfig", [context, ["FSCONFIG_SET_STRING"], "context", label, 0], origins.mount, why, more)];
}

function labelFor({ spec: { linux } }: Building, type: string, data: readonly string[]): string | undefined {
  return keepsLabels.includes(type) || data.some((word) => word.startsWith("context=")) ? undefined : linux?.mountLabel;
}

/** The same among the options of mount(2), where quotes keep the commas of a label from ending it. */
function labelWord(building: Building, type: string, data: readonly string[]): readonly string[] {
  const label = labelFor(building, type, data);
  return label === undefined ? data : [...data, `context="${label}"`];
}

/** The queues' filesystem belongs to the ipc namespace and can be told nothing, but the folder on top takes a label. */
function labelQueues(building: Building, type: string, made: Slot<"fd">): Step[] {
  const label = building.spec.linux?.mountLabel;
  if (label === undefined || type !== "mqueue") return [];
  const origin = origins.mount;
  const folder = newFd(building, "folder of message queues");
  return [
    step("openat", [made, ".", ["O_RDONLY", "O_DIRECTORY", "O_CLOEXEC"], 0], origin, "open the folder of message queues", { out: folder }),
    step("fsetxattr", [folder, "security.selinux", label, bytesOf(label), 0], origin, `label the folder of message queues ${label}`),
    step("close", [folder], origin, "done with it"),
  ];
}

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;
