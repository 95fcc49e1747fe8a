// Box's part until the first process is made: the state, which names what comes, the cgroups with their limits, and the clone.

import { errno } from "../linux/errno.ts";
import type { Flag } from "../linux/flags.ts";
import { structFields } from "../linux/structs.ts";
import { address, compute, type ErrorTable, newBuffer, newSlot, type Slot, type Step, slotIn, step } from "../tape/step.ts";
import { blockSignals, cloneStage, openLines, openMore, sealStage, writeState } from "./box.ts";
import type { Building } from "./builder.ts";
import { giveCgroup, makeCgroups, refuseUsedCgroups, v2Of } from "./cgroups.ts";
import { limitDevices } from "./device-cgroup.ts";
import { limitResources } from "./limits.ts";
import { needsHelper, newNamespaceFlags } from "./namespaces.ts";
import { notifyFolder } from "./notify.ts";
import type { BoxVariables } from "./plan.ts";
import { keptConfig, keptFilter, rootFolder } from "./state-files.ts";
import { expectEqual } from "./steps.ts";
import { adopts } from "./supervisor.ts";

const UINT_MAX = 0xffffffff;
const SIGCHLD = 17;

/** All of it until the child lives: state, cgroups, stage, tape, line, clone. */
export function prepare(building: Building, box: BoxVariables): Step[] {
  // First, since the clone hands on what this opens.
  const stdio = building.stdioSteps?.openStdio(building, box) ?? [];
  const { before, limits, clone } = makeChild(building, box);
  return [
    ...openState(building, box),
    ...stdio,
    ...before,
    ...sealStage(box),
    ...openLines(building, box),
    ...openMore(building, box),
    ...blockSignals(building),
    ...(adopts(building)
      ? [step("prctl", [["PR_SET_CHILD_SUBREAPER"], 1, 0, 0, 0], "--no-subreaper", "adopt what the container leaves behind")]
      : []),
    // A signal would interrupt the check of the filter (EAGAIN since Linux 5.0).
    ...limits,
    clone,
    step("close", [box.arena], "box", "the child has the tape"),
    step("close", [box.childSync], "box", "the child has its end"),
  ];
}

/** The state folder, locked for as long as box lives, and the first state: what to undo is recorded before it is done. */
function openState(building: Building, box: BoxVariables): Step[] {
  const { stateRoot } = building.facts;
  const { id } = building;
  const root = newSlot(box.variables, "fd", "folder of all states");
  const made = newSlot(box.variables, "fd", "unlocked state folder");
  const folder = `${stateRoot}/${id}`;
  const failed = "duplicate";
  // Between mkdirat and flock, another box may take the folder for the remains of a dead one, and remove it.
  const removed = compute([0, 0, errno.EEXIST, -1], "id", `keep the state folder ${folder}`, { failed });
  return [
    ...openStateRoot(building, box, root),
    step("mkdirat", [root, id, 0o700], "id", `make the state folder ${folder}`, { failed }),
    step("openat", [root, id, ["O_RDONLY", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC"], 0], "id", `open the state folder ${folder}`, {
      out: made,
      onError: [["ENOENT", [removed]]],
    }),
    step("flock", [made, ["LOCK_EX", "LOCK_NB"]], "id", `lock the state folder ${folder}`, { failed }),
    compute([made, 0, 0, -1], "id", "only now it is this container's", { out: box.stateFolder }),
    // After the id is found to be free, which says more, and before the state names the cgroups as the container's.
    ...refuseUsedCgroups(building.cgroups, box.variables),
    ...(building.resctrl === undefined ? [] : building.resctrl.steps.refuseUsedGroups(building.resctrl.groups, box)),
    ...writeState(box, [["ENOENT", [removed]]]),
    ...keepConfig(building, box),
    ...(building.launch.notifies
      ? [step("mkdirat", [box.stateFolder, notifyFolder, 0o755], "NOTIFY_SOCKET", "make a folder for the socket of sd_notify")]
      : []),
    ...(building.hostRoot ? [step("mkdirat", [box.stateFolder, rootFolder, 0o755], "root", "make a folder to mount the root on")] : []),
  ];
}

/** Where all states are, made with the folders above it. */
function openStateRoot({ facts }: Building, box: BoxVariables, root: Slot<"fd">): Step[] {
  const { stateRoot, uid } = facts;
  const origin = "--root";
  const exists: ErrorTable = [["EEXIST", []]];
  const make = (path: string, onError: ErrorTable): Step =>
    step("mkdirat", ["AT_FDCWD", path, 0o711], origin, `make the folder ${path}`, { onError });
  const above: Step[] = [];
  for (let at = stateRoot.indexOf("/", 1); at > 0; at = stateRoot.indexOf("/", at + 1)) above.push(make(stateRoot.slice(0, at), exists));
  return [
    make(stateRoot, [...exists, ["ENOENT", [...above, make(stateRoot, exists)]]]),
    step("openat", ["AT_FDCWD", stateRoot, ["O_PATH", "O_DIRECTORY", "O_CLOEXEC"], 0], origin, `open the folder ${stateRoot}`, {
      out: root,
    }),
    ...checkOwner(box, root, uid, stateRoot),
  ];
}

/** In a folder such as /tmp anybody may have made it first, to choose what box will read and remove. */
function checkOwner(box: BoxVariables, root: Slot<"fd">, uid: number, stateRoot: string): Step[] {
  const statx = newBuffer(box.variables, "statx of the folder of all states", structFields.statx.bytes);
  const field = (name: string): Slot<"int"> =>
    slotIn("int", statx, structFields.statx.fields[name]?.offset as number, `${name} of the folder`);
  const why = `use the folder ${stateRoot}`;
  return [
    step("statx", [root, "", ["AT_EMPTY_PATH"], ["STATX_UID", "STATX_MODE"], address(statx)], "--root", "look at its owner"),
    expectEqual(field("uid"), UINT_MAX, uid, "--root", why, "it belongs to another user"),
    expectEqual(field("mode"), 0o022, 0, "--root", why, "other users may write in it"),
  ];
}

/**
 * The configuration as it was planned, for the commands that come later: exec wants its process, delete its hooks. Beside it
 * the filter of system calls, so that exec has the same and need not compile it.
 */
function keepConfig({ seccomp }: Building, box: BoxVariables): Step[] {
  const keep = (name: string, what: string, bytes: Slot<"int"> | Uint8Array, length: Slot<"int"> | number): Step[] => {
    const file = newSlot(box.variables, "fd", name);
    const flags: Flag<"O">[] = ["O_WRONLY", "O_CREAT", "O_EXCL", "O_NOFOLLOW", "O_CLOEXEC"];
    return [
      step("openat", [box.stateFolder, name, flags, 0o600], "id", `keep ${what}`, { out: file }),
      step("write", [file, bytes, length], "id", `write ${what}`),
      step("close", [file], "id", "done with it"),
    ];
  };
  return [
    ...keep(keptConfig, "the configuration", box.config.address, box.config.length),
    ...(seccomp === undefined ? [] : keep(keptFilter, "the filter of system calls", seccomp.filter, seccomp.filter.length)),
  ];
}

/** The new process borrows box's memory for three calls (CLONE_VM with CLONE_VFORK) and becomes the stage. */
function makeChild(building: Building, box: BoxVariables): { before: Step[]; limits: Step[]; clone: Step } {
  const helper = needsHelper(building.namespaces);
  const { cgroups, resctrl } = building;
  const v2 = v2Of(cgroups) !== undefined;
  const flags: Flag<"CLONE">[] = ["CLONE_VM", "CLONE_VFORK"];
  if (!helper) flags.push(...newNamespaceFlags(building));
  if (v2) flags.push("CLONE_INTO_CGROUP");
  const clone = newBuffer(box.variables, "clone_args", structFields.clone_args.bytes, {
    struct: "clone_args",
    flags,
    exit_signal: SIGCHLD,
  });
  const cgroup = slotIn("fd", clone, structFields.clone_args.fields.cgroup?.offset as number, "the container's cgroup");
  const why = helper ? "make the helper that makes init" : "make the container's first process in new namespaces";
  return {
    before: [
      ...makeCgroups(cgroups, box.variables, cgroup),
      ...limitResources(building, box.variables),
      ...giveCgroup(building),
      ...(resctrl === undefined ? [] : resctrl.steps.makeGroups(resctrl.groups, box)),
    ],
    limits: limitDevices(building, box, cgroup),
    clone: cloneStage(building, box, clone, why),
  };
}
