// The container's cgroups: made by box before the first process exists, entered by that process before anything of
// the container runs, removed afterwards.
//
// Entering: on v2, clone3 puts the new process there (CLONE_INTO_CGROUP). On v1 the process writes "0" to `tasks`, not
// its pid to `cgroup.procs`: moving only itself, the kernel need not take the lock over all thread groups
// (kernel/cgroup/cgroup.c, cgroup_procs_write_start), whose grace period costs 5 to 20 ms.

import { type ContainerCgroup, containerCgroups as locate } from "../cgroup/paths.ts";
import type { Spec } from "../config/spec.ts";
import { structFields } from "../linux/structs.ts";
import { newBuffer, newSlot, type Slot, type Step, slotIn, step, type Variables } from "../tape/step.ts";
import type { Building } from "./builder.ts";
import { expectEqual, pointerTo } from "./steps.ts";

const origin = "linux.cgroupsPath";

/** None when this user may not make any. */
export const containerCgroups = ({ facts, spec, id }: Pick<Building, "facts" | "spec" | "id">): readonly ContainerCgroup[] =>
  facts.cgroups.writable || spec.linux?.cgroupsPath ? locate(facts.cgroups, spec.linux?.cgroupsPath, id) : [];

/**
 * Stops when one of the cgroups holds processes, itself or below it: it is somebody else's, and what is in the
 * container's cgroup ends with the container. So this comes before the state names it as box's own. One that a dead
 * container left behind is empty, and may be used again; but not while it is frozen, since init would be so too.
 */
export function refuseUsedCgroups(cgroups: readonly ContainerCgroup[], variables: Variables): Step[] {
  const procs = newSlot(variables, "fd", "cgroup.procs");
  const first = newBuffer(variables, "first process", 8);
  const statx = newBuffer(variables, "statx", structFields.statx.bytes);
  const links = slotIn("int", statx, structFields.statx.fields.nlink?.offset as number, "links of the cgroup");
  const steps: Step[] = [];
  for (const cgroup of cgroups) {
    const { path } = cgroup;
    const why = `use the cgroup ${path}`;
    const look = step(
      "openat",
      ["AT_FDCWD", `${path}/cgroup.procs`, ["O_RDONLY", "O_CLOEXEC"], 0],
      origin,
      `look into the cgroup ${path}, if it is there`,
      {
        out: procs,
        onError: [["ENOENT", []]],
        ok: [
          step("read", [procs, pointerTo(first), 1], origin, why, {
            expect: { value: 0, refused: "it exists already and holds processes" },
          }),
          step("close", [procs], origin, "done with it"),
          step(
            "statx",
            ["AT_FDCWD", path, ["AT_SYMLINK_NOFOLLOW"], ["STATX_NLINK"], pointerTo(statx)],
            origin,
            `look for cgroups below ${path}`,
          ),
          // A folder's links are its name, its "." and a ".." for each folder in it: here, its child cgroups.
          expectEqual(links, UINT_MAX, 2, origin, why, "it exists already and has cgroups below it"),
          ...refuseFrozen(cgroup, variables, why),
        ],
      },
    );
    steps.push(look);
  }
  return steps;
}

/** The first letter of what the freezer says: THAWED, FREEZING or FROZEN on v1, 0 or 1 on v2. */
function refuseFrozen({ version, path, controllers }: ContainerCgroup, variables: Variables, why: string): Step[] {
  if (version === 1 && !controllers.includes("freezer")) return [];
  const file = newSlot(variables, "fd", "freezer");
  const letter = newBuffer(variables, "state of the freezer", 8);
  const thawed = (version === 1 ? "T" : "0").charCodeAt(0);
  const name = version === 1 ? "freezer.state" : "cgroup.freeze";
  return [
    step("openat", ["AT_FDCWD", `${path}/${name}`, ["O_RDONLY", "O_CLOEXEC"], 0], origin, why, {
      out: file,
      // The root of a hierarchy has no such file, nor has v2 before Linux 5.2.
      onError: [["ENOENT", []]],
      ok: [
        step("read", [file, pointerTo(letter), 1], origin, why),
        step("close", [file], origin, "done with it"),
        expectEqual(slotIn("int", letter, 0, "state of the freezer"), 0xff, thawed, origin, why, "it exists already and is frozen"),
      ],
    }),
  ];
}

const UINT_MAX = 0xffffffff;

/** The one of version 2. */
export function v2Of<T extends { readonly version: 1 | 2 }>(cgroups: readonly T[]): T | undefined {
  for (const one of cgroups) if (one.version === 2) return one;
  return undefined;
}

/** Box makes every cgroup, and opens the v2 one for clone3 into `v2`. */
export function makeCgroups(cgroups: readonly ContainerCgroup[], variables: Variables, v2: Slot<"fd">): Step[] {
  const steps: Step[] = [];
  for (const cgroup of cgroups) {
    let path = cgroup.mount;
    for (let depth = 1; depth <= cgroup.parts.length; depth++) {
      const parent = path;
      path += `/${cgroup.parts[depth - 1]}`;
      if (depth <= cgroup.present) continue;
      const inherit = cgroup.version === 1 && cgroup.controllers.includes("cpuset") ? inheritCpuset(variables, parent, path) : [];
      steps.push(step("mkdirat", ["AT_FDCWD", path, 0o755], origin, `make the cgroup ${path}`, { ok: inherit, onError: [["EEXIST", []]] }));
    }
    if (cgroup.version === 2)
      steps.push(
        step("openat", ["AT_FDCWD", cgroup.path, ["O_PATH", "O_DIRECTORY", "O_CLOEXEC"], 0], origin, `open the cgroup ${cgroup.path}`, {
          out: v2,
        }),
      );
  }
  return steps;
}

/**
 * The v2 cgroup goes to the user that the container's program runs as, so that it can make cgroups of its own below: with the
 * files that may be given away, and without its limits (runtime-spec, "Cgroup ownership"). None where the container may not
 * write to its cgroup, and where that user has it already.
 */
export function giveCgroup({ cgroups, facts, notes, spec }: Building): Step[] {
  const { delegatedFiles } = facts.cgroups;
  const v2 = v2Of(cgroups);
  if (delegatedFiles === undefined || v2 === undefined) return [];
  const owner = hostUid(spec);
  if (owner === facts.uid) return [];
  if (owner === undefined || facts.uid !== 0) {
    notes.push("the container cannot write to its cgroup: only root gives one away, and to a user that the host knows");
    return [];
  }
  const why = `let the container's user ${owner} make cgroups below ${v2.path}`;
  const steps = [step("fchownat", ["AT_FDCWD", v2.path, owner, SAME_GROUP, ["AT_SYMLINK_NOFOLLOW"]], origin, why)];
  for (const name of delegatedFiles) {
    const path = `${v2.path}/${name}`;
    // The list has files of controllers that this cgroup need not have.
    const onError = [["ENOENT", []]] as const;
    steps.push(step("fchownat", ["AT_FDCWD", path, owner, SAME_GROUP, ["AT_SYMLINK_NOFOLLOW"]], origin, why, { onError }));
  }
  return steps;
}

const SAME_GROUP = 0xffffffff;

/** undefined when it is one of a user namespace that somebody else has made. */
function hostUid({ linux, process }: Spec): number | undefined {
  const uid = process?.user.uid ?? 0;
  let mapped = false;
  for (const { type, path } of linux?.namespaces ?? [])
    if (type === "user") {
      if (path !== undefined) return undefined;
      mapped = true;
    }
  if (!mapped) return uid;
  for (const { containerID, hostID, size } of linux?.uidMappings ?? [])
    if (uid >= containerID && uid < containerID + size) return hostID + uid - containerID;
  return undefined;
}

/** A new v1 cpuset has no cpus and takes no process until it has: cpuset(7), "cpuset.cpus". */
function inheritCpuset(variables: Variables, parent: string, path: string): Step[] {
  const text = newBuffer(variables, "cpus", 4096);
  const length = newSlot(variables, "int", "length");
  const from = newSlot(variables, "fd", "parent's file");
  const to = newSlot(variables, "fd", "own file");
  const steps: Step[] = [];
  for (const name of ["cpuset.cpus", "cpuset.mems"]) {
    const why = `take over ${name} from ${parent}`;
    steps.push(
      step("openat", ["AT_FDCWD", `${parent}/${name}`, ["O_RDONLY", "O_CLOEXEC"], 0], origin, why, { out: from }),
      step("read", [from, pointerTo(text), text.bytes], origin, why, { out: length }),
      step("openat", ["AT_FDCWD", `${path}/${name}`, ["O_WRONLY", "O_CLOEXEC"], 0], origin, why, { out: to }),
      step("write", [to, pointerTo(text), length], origin, why),
      step("close", [from], origin, "done with it"),
      step("close", [to], origin, "done with it"),
    );
  }
  return steps;
}

/** Init moves itself into each v1 cgroup. */
export function enterCgroups(building: Building): Step[] {
  const tasks = newSlot(building.child.variables, "fd", "tasks");
  const steps: Step[] = [];
  for (const { version, path } of building.cgroups) {
    if (version !== 1) continue;
    const why = `enter the cgroup ${path}`;
    steps.push(
      step("openat", ["AT_FDCWD", `${path}/tasks`, ["O_WRONLY", "O_CLOEXEC"], 0], origin, why, { out: tasks }),
      step("write", [tasks, "0", 1], origin, why),
      step("close", [tasks], origin, "done with it"),
    );
  }
  return steps;
}

/** The same for resctrl groups: a task that writes 0 means itself, and what it makes is in the same. */
export function enterControlGroups({ controlGroups, child }: Building): Step[] {
  const steps: Step[] = [];
  for (const path of controlGroups) {
    const tasks = newSlot(child.variables, "fd", `${path}/tasks`);
    const [from, why] = ["linux.intelRdt", `enter the resctrl group ${path}`];
    steps.push(
      step("openat", ["AT_FDCWD", `${path}/tasks`, ["O_WRONLY", "O_CLOEXEC"], 0], from, why, { out: tasks }),
      step("write", [tasks, "0", 1], from, why),
      step("close", [tasks], from, "done with it"),
    );
  }
  return steps;
}
