// The container's process, from a finished root to execve: limits, capabilities, ids, working folder, environment.
// The order is the kernel's: the bounding set needs CAP_SETPCAP, so it goes before the ids; KEEPCAPS carries the
// permitted set over setresuid; ambient capabilities come last since capset must have made them inheritable first.

import type { Process } from "../config/spec.ts";
import { type CapabilityName, capabilities } from "../linux/capabilities.ts";
import { components } from "../linux/components.ts";
import type { Flag } from "../linux/flags.ts";
import {
  compute,
  type ErrorTable,
  type Failure,
  newBuffer,
  newSlot,
  type Step,
  type StepOptions,
  type Struct,
  slotIn,
  step,
} from "../tape/step.ts";
import type { AgentOfInit } from "./agent.ts";
import type { Building, SeccompFilter } from "./builder.ts";
import { hasHooks } from "./hooks.ts";
import { mapsGroupsByProgram } from "./id-maps.ts";
import { statxOffset } from "./masks.ts";
import { setScheduling } from "./scheduling.ts";
import { becomeUntraceable } from "./settle.ts";
import { ownStdio } from "./stdio.ts";
import { ensureInRoot, expectEqual, pointerTo } from "./steps.ts";
import { execution, programOrigin } from "./wait-for-start.ts";

/**
 * Makes process.cwd where it is missing, as runc does, while the root can still be written. What root may not even
 * look at, the user may (NFS, FUSE): that is decided when it is entered.
 */
export function ensureCwd(building: Building, process: Process): Step[] {
  if (components(process.cwd).length === 0) return [];
  const cwd = newSlot(building.child.variables, "fd", "process.cwd");
  const ensure = ensureInRoot(building.child, building.root, process.cwd, "folder", "process.cwd", cwd);
  return [{ ...ensure, onError: [...(ensure.onError as ErrorTable), ["EACCES", []]] }];
}

/** Enters the working folder with root's rights if they suffice, else later with the user's (NFS, FUSE). */
function enterCwd(building: Building, process: Process): { asRoot: Step[]; asUser: Step[] } {
  const origin = "process.cwd";
  const why = `change to the folder ${process.cwd}`;
  const entered = newSlot(building.child.variables, "int", "entered");
  const where = newBuffer(building.child.variables, "cwd", 4096);
  const firstBytes = slotIn("int", where, 0, "cwd");
  const refused = "it lies outside of the container's root";
  return {
    asRoot: [step("chdir", [process.cwd], origin, why, { out: entered, onError: [["EACCES", []]] })],
    asUser: [
      compute([entered, 0, 0, 0xff], origin, "enter it now if not", {
        equal: { value: 0xff, steps: [step("chdir", [process.cwd], origin, why)] },
      }),
      // A folder reached through a leaked descriptor shows as "(unreachable)…" (CVE-2024-21626).
      step("getcwd", [pointerTo(where), where.bytes], origin, `make sure of the folder ${process.cwd}`),
      expectEqual(firstBytes, 0xff, 0x2f, origin, `use the folder ${process.cwd}`, refused),
    ],
  };
}

function limitResources(building: Building, process: Process): Step[] {
  const steps: Step[] = [];
  const list = process.rlimits ?? [];
  let limited = false;
  for (let index = 0; index < list.length; index++) {
    const limit = list[index] as NonNullable<(typeof list)[number]>;
    if (limit.type === "RLIMIT_NOFILE") limited = true;
    const value: Struct = { struct: "rlimit64", rlim_cur: limit.soft, rlim_max: limit.hard };
    const why = `limit ${limit.type} to ${limit.soft}:${limit.hard}`;
    steps.push(step("prlimit64", [0, [limit.type as Flag<"RLIMIT">], value, null], `process.rlimits[${index}]`, why));
  }
  const files = building.facts.openFiles;
  if (files !== undefined && !limited) {
    const value: Struct = { struct: "rlimit64", rlim_cur: files.soft, rlim_max: files.hard };
    steps.push(
      step("prlimit64", [0, ["RLIMIT_NOFILE"], value, null], "process.rlimits", "give back the limit on open files that Bun raised"),
    );
  }
  return steps;
}

/** Drops from the bounding set what the configuration does not list; without `process.capabilities`, everything. */
function dropBoundingSet(building: Building, process: Process): Step[] {
  const keep: readonly string[] = process.capabilities?.bounding ?? [];
  const origin = "process.capabilities.bounding";
  const { made, joined } = building.namespaces;
  // A user namespace begins with the whole set, whatever box's own lacks (user_namespaces(7)), and every kernel has its own.
  const whole = made.has("user") || joined.has("user");
  const steps: Step[] = [];
  for (const name in capabilities) {
    const capability = name as CapabilityName;
    if (keep.includes(capability) || !(whole || building.facts.boundingSet.includes(capabilities[capability]))) continue;
    steps.push(
      step("prctl", [["PR_CAPBSET_DROP"], capabilities[capability], 0, 0, 0], origin, `drop ${capability}`, {
        ...(whole ? { onError: [["EINVAL", []]] as const } : {}),
      }),
    );
  }
  return steps;
}

/** Ids of the process: supplementary groups, group, user, in that order, since only root may change them. */
function changeUser(building: Building, process: Process): Step[] {
  const { uid, gid } = process.user;
  const groups = process.user.additionalGids ?? [];
  const steps = [step("prctl", [["PR_SET_KEEPCAPS"], 1, 0, 0, 0], "process.user", "keep capabilities over the change of user")];
  const { made, joined } = building.namespaces;
  const { facts, spec } = building;
  const own = spec.linux?.namespaces?.some(({ type, path }) => type === "user" && (path === undefined || path === "")) === true;
  // user_namespaces(7): without root's rights on the host groups cannot be changed; runc too leaves them as they are. But
  // they can where newgidmap has mapped them.
  const mayNot =
    (made.has("user") || joined.has("user")) && facts.uid !== 0 && !(own && mapsGroupsByProgram(facts, spec.linux?.gidMappings));
  if (mayNot && groups.length > 0)
    building.notes.push("process.user.additionalGids does not apply: without root a user namespace cannot change groups");
  if (!mayNot) {
    const list = new Uint8Array(new Uint32Array(groups).buffer);
    steps.push(
      step(
        "setgroups",
        [groups.length, groups.length === 0 ? null : list],
        "process.user.additionalGids",
        `set the groups to [${groups.join(", ")}]`,
      ),
    );
  }
  steps.push(
    step("setresgid", [gid, gid, gid], "process.user.gid", `become group ${gid}`),
    step("setresuid", [uid, uid, uid], "process.user.uid", `become user ${uid}`),
    step("prctl", [["PR_SET_KEEPCAPS"], 0, 0, 0, 0], "process.user", "keep no capabilities over later changes"),
  );
  return steps;
}

/** Capability numbers as the two 32-bit words of a set. */
function words(names: readonly string[] | undefined): readonly [number, number] {
  let low = 0;
  let high = 0;
  for (const name of names ?? []) {
    const number = capabilities[name as CapabilityName];
    if (number < 32) low |= 1 << number;
    else high |= 1 << (number - 32);
  }
  return [low >>> 0, high >>> 0];
}

const CAPABILITY_VERSION_3 = 0x20080522;

/** What loading a filter takes without no_new_privs (seccomp(2)), and the configuration may not give. */
const filterTakes = ({ seccomp }: Building, { noNewPrivileges }: Process): readonly string[] =>
  seccomp !== undefined && noNewPrivileges !== true ? ["CAP_SYS_ADMIN"] : [];

function setSets(sets: Process["capabilities"], more: readonly string[], why: string): Step {
  const effective = words([...(sets?.effective ?? []), ...more]);
  const permitted = words([...(sets?.permitted ?? []), ...more]);
  const inheritable = words(sets?.inheritable);
  const head: Struct = { struct: "cap_user_header", version: CAPABILITY_VERSION_3, pid: 0 };
  const data = new Uint8Array(
    new Uint32Array([effective[0], permitted[0], inheritable[0], effective[1], permitted[1], inheritable[1]]).buffer,
  );
  return step("capset", [head, data], "process.capabilities", why);
}

function setCapabilities(building: Building, process: Process): Step[] {
  const sets = process.capabilities;
  const origin = "process.capabilities";
  const steps = [
    setSets(sets, filterTakes(building, process), "set the permitted, effective and inheritable capabilities"),
    step("prctl", [["PR_CAP_AMBIENT"], 4, 0, 0, 0], `${origin}.ambient`, "clear the ambient capabilities"),
  ];
  const grantable = (name: string): boolean => sets?.inheritable?.includes(name) === true && sets.permitted?.includes(name) === true;
  const refused: string[] = [];
  for (const name of sets?.ambient ?? []) if (!grantable(name)) refused.push(name);
  if (refused.length > 0)
    building.notes.push(
      `process.capabilities.ambient: ${refused.join(", ")} stays off: only a permitted and inheritable capability can be ambient`,
    );
  for (const name of sets?.ambient ?? [])
    if (grantable(name))
      steps.push(step("prctl", [["PR_CAP_AMBIENT"], 2, capabilities[name as CapabilityName], 0, 0], `${origin}.ambient`, `raise ${name}`));
  return steps;
}

/** Signals as a fresh process has them: Bun and the caller of box ignore some, and box blocked all. */
function resetSignals(building: Building): Step[] {
  const byDefault: Struct = { struct: "sigaction" };
  const steps: Step[] = [];
  for (const signal of building.facts.ignoredSignals)
    steps.push(step("rt_sigaction", [signal, byDefault, null, 8], "process", `let signal ${signal} do what it does by default`));
  steps.push(step("rt_sigprocmask", [["SIG_SETMASK"], new Uint8Array(8), null, 8], "process", "block no signal"));
  return steps;
}

/** The environment of the process: the last of two entries counts, and HOME is there even if only the passwd file knows it. */
export function environment(building: Building, process: Process): string[] {
  const env = new Map<string, string>();
  for (const entry of process.env ?? []) {
    const name = entry.slice(0, entry.indexOf("="));
    env.delete(name);
    env.set(name, entry);
  }
  const { listenFds } = building.launch;
  if (listenFds > 0) {
    env.set("LISTEN_FDS", `LISTEN_FDS=${listenFds}`);
    // Nobody can know the pid that a program will have which a shell starts; runc says 1 as well.
    env.set("LISTEN_PID", "LISTEN_PID=1");
  }
  const { home } = building.facts;
  if (home !== undefined && (env.get("HOME") ?? "HOME=") === "HOME=") env.set("HOME", `HOME=${home}`);
  return [...env.values()];
}

/** The paths that args[0] may stand for: itself when it has a slash, else one for each folder of the env's PATH. */
export function candidates(args: readonly string[], env: readonly string[]): string[] {
  const name = args[0] as string;
  if (name.includes("/")) return [name];
  let path = "";
  for (let index = env.length - 1; index >= 0; index--)
    if (env[index]?.startsWith("PATH=") === true) path = (env[index] as string).slice(5);
  const out: string[] = [];
  if (path !== "") for (const folder of path.split(":")) out.push(`${folder === "" ? "." : folder}/${name}`);
  return out;
}

const EACCES = 13;
const ENOENT = 2;

/**
 * Looks for the program, as long as system calls are not filtered and an error can still be told where it helps. A file
 * that may be executed is taken; a folder on the way passes for executable too, so the type is looked at.
 */
export function findProgram(building: Building, process: Process): Step[] {
  const args = process.args ?? [];
  const name = args[0] as string;
  const fail = (errno: number, failed: Failure): Step => compute([0, 0, errno, -1], programOrigin, `execute ${name}`, { failed });
  const { program, shownProgram } = building.child;
  const found = compute([program, 0, 0, -1], programOrigin, "show box the program", { label: "found", out: shownProgram });
  if (name.includes("/")) return [mayExecute(name), ...takeFile(building, name), fail(EACCES, "execute"), found];
  const refused = newSlot(building.child.variables, "int", "refused");
  const remember = compute([0, 0, 0, -1], programOrigin, "remember a file that may not be executed", { out: refused });
  const steps: Step[] = [];
  for (const path of candidates(args, environment(building, process)))
    steps.push(
      mayExecute(path, {
        onError: [
          ["ENOENT", []],
          ["ENOTDIR", []],
          ["EACCES", [remember]],
        ],
        ok: [...takeFile(building, path), remember],
      }),
    );
  return [
    ...steps,
    compute([refused, 0, 0, 0xff], programOrigin, "was there a file that may not be executed?", {
      equal: { value: 0, steps: [fail(EACCES, "search")] },
    }),
    fail(ENOENT, "search"),
    found,
  ];
}

const mayExecute = (path: string, more?: Pick<StepOptions, "onError" | "ok">): Step =>
  step("faccessat2", ["AT_FDCWD", path, ["X_OK"], ["AT_EACCESS"]], programOrigin, `execute ${path}`, { failed: "execute", ...more });

/** Takes it for the program if it is a file, and goes on where one is found. */
function takeFile({ child, statx }: Building, path: string): Step[] {
  const type = slotIn("int", statx, statxOffset("mode"), "type of the file");
  const take = compute([{ text: path }, 0, 0, -1], programOrigin, "keep the name of the program", { out: child.program, goto: "found" });
  return [
    step("statx", ["AT_FDCWD", path, [], ["STATX_TYPE"], pointerTo(statx)], programOrigin, `look at ${path}`),
    compute([type, 0, 0, S_IFMT], programOrigin, "is it a file?", { equal: { value: S_IFREG, steps: [take] } }),
  ];
}

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;

type Explained = Pick<StepOptions, "explain">;

/**
 * The last but one: from here on only what the filter allows can be called. Without no_new_privs it takes CAP_SYS_ADMIN
 * (seccomp(2)), which setCapabilities left for this; execve takes it away again, since it is neither inheritable nor ambient.
 */
export function filterSystemCalls({ seccomp, child, notes }: Building, agent: AgentOfInit | undefined, more?: Explained): Step[] {
  if (seccomp === undefined) return [];
  notes.push(...seccomp.notes);
  return agent === undefined ? [load(seccomp, child, more)] : [load(seccomp, child, { ...more, out: agent.listener }), ...agent.wait];
}

function load(seccomp: SeccompFilter, child: Building["child"], options?: StepOptions): Step {
  const filter = newBuffer(child.variables, "filter of system calls", seccomp.filter.length, seccomp.filter);
  const program: Struct = { struct: "sock_fprog", len: seccomp.filter.length / 8, filter };
  const words = [["SECCOMP_SET_MODE_FILTER"], [...seccomp.flags], program] as const;
  return step("seccomp", words, "linux.seccomp", "filter system calls", options);
}

/**
 * For a hook that init runs, which is to be held to the filter as the program will be: loaded by the hook's process alone, so that
 * what init calls to run it need not be allowed. Empty where init has the filter by then, and so each process that it makes.
 */
export const filterHook = (building: Building): Step[] =>
  building.seccomp === undefined || isFilteredEarly(building) ? [] : [load(building.seccomp, building.child)];

/**
 * The filter before init waits for start, which may be long: else it would stand there without one and with a capability that
 * the configuration does not give, for whoever may trace it. Empty where the filter does not allow what init does afterwards.
 */
export function filterEarly(building: Building, process: Process, agent: AgentOfInit | undefined): Step[] {
  if (!isFilteredEarly(building)) return [];
  const more = filterTakes(building, process);
  return [
    ...filterSystemCalls(building, agent),
    ...(more.length === 0 ? [] : [setSets(process.capabilities, [], "give up what the filter took")]),
  ];
}

/**
 * To run hooks init makes more calls than a profile needs to allow. But there is one listener, which an agent is asked by about
 * hooks too, and it can only be told as long as box is there: then the filter must allow all of that, or the agent, as with runc.
 */
export function isFilteredEarly({ seccomp, launch, spec }: Building): boolean {
  const runsHooks = hasHooks(spec.hooks, "startContainer");
  if (seccomp?.agent !== undefined) return runsHooks || launch.way === "created";
  return launch.way === "created" && seccomp?.early === true && !runsHooks;
}

/**
 * Becomes the program. If execve says ENOENT, the file is there and something that it names is not, so the head of the
 * file is fetched for the error.
 */
export const executeProgram = (building: Building, process: Process, more: Explained = { explain: "program" }): Step =>
  step("execve", [building.child.program, process.args ?? [], environment(building, process)], programOrigin, execution(building.spec), {
    failed: "execute",
    ...more,
  });

/** All that makes this process the one that the configuration describes, but for the program. */
export function becomeProcess(building: Building, process: Process): Step[] {
  const cwd = enterCwd(building, process);
  const umask = process.user.umask ?? 0o022;
  return [
    ...cwd.asRoot,
    ...setScheduling(building, process),
    ...limitResources(building, process),
    ...dropBoundingSet(building, process),
    ...(building.ownStdio && process.terminal !== true ? ownStdio(building, process.user.uid) : []),
    ...changeUser(building, process),
    ...setCapabilities(building, process),
    // Another user's process is as open as fs.suid_dumpable says (proc_sys_fs(5)).
    ...(process.user.uid === 0 ? [] : [becomeUntraceable()]),
    ...cwd.asUser,
    ...(process.noNewPrivileges === true
      ? [step("prctl", [["PR_SET_NO_NEW_PRIVS"], 1, 0, 0, 0], "process.noNewPrivileges", "gain no privileges by execve")]
      : []),
    step("umask", [umask], "process.user.umask", `set the umask to 0${umask.toString(8)}`),
    ...resetSignals(building),
  ];
}

/**
 * A session keyring of the container's own, or it would share the keys of whoever called box (keyrings(7)). Searching it is
 * allowed to its user beside what a new one allows, so that the container's processes find keys after a change of user.
 */
export function joinKeyring({ id, child, launch }: Building): Step[] {
  if (!launch.newKeyring) return [];
  const ring = newSlot(child.variables, "int", "session keyring");
  const name = `_ses.${id}`;
  const origin = "--no-new-keyring";
  return [
    step("keyctl", [["KEYCTL_JOIN_SESSION_KEYRING"], name, 0, 0, 0], origin, "join a session keyring of its own", {
      out: ring,
      onError: [["ENOSYS", []]],
      ok: [step("keyctl", [["KEYCTL_SETPERM"], ring, KEY_PERMISSIONS, 0, 0], origin, "let its user search it")],
    }),
  ];
}

/** KEY_POS_ALL and KEY_USR_VIEW, READ, SEARCH and LINK (linux/key.h). */
const KEY_PERMISSIONS = 0x3f1b0000;
