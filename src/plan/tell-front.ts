// What the front is told of a container that has nobody to look after it, so that it can start, signal and remove it without
// the rest of box: src/front/commands.ts. It is in the state folder before init can be started.

import { BOOT_ID_BYTES } from "../front/front-file.ts";
import { structFields } from "../linux/structs.ts";
import { address, newBuffer, newSlot, type Step, step } from "../tape/step.ts";
import type { Building } from "./builder.ts";
import { hasHooks } from "./hooks.ts";
import { hasSupervisor } from "./launch.ts";
import type { BoxVariables } from "./plan.ts";
import { frontName } from "./state-files.ts";

const origin = "id";

/** Who init is. A kernel that does not say so has no such file made (src/execute/run-container.ts). */
export function lookForFront(building: Building, { variables, front, initPid }: BoxVariables): Step[] {
  if (!mayTell(building)) return [];
  const told = {
    file: { address: newSlot(variables, "int", "what the front is told"), length: newSlot(variables, "int", "its length") },
    statx: newBuffer(variables, "statx of init's pidfd", structFields.statx.bytes),
    statfs: newBuffer(variables, "statfs of init's pidfd", structFields.statfs.bytes),
    bootId: newBuffer(variables, "this boot", BOOT_ID_BYTES),
    pidNamespace: newBuffer(variables, "statx of the pid namespace", structFields.statx.bytes),
  };
  front.told = told;
  const pidfd = newSlot(variables, "fd", "pidfd of init, to look at");
  const file = newSlot(variables, "fd", "boot_id");
  // What cannot be found out, as where /proc shows processes alone, is no reason not to start: the front finds no file for it then.
  return [
    step("pidfd_open", [initPid, 0], origin, "take a handle on init", {
      out: pidfd,
      onError: "ignore",
      ok: [
        step("fstatfs", [pidfd, address(told.statfs)], origin, "see that the handle has a number of its own", { onError: "ignore" }),
        step("statx", [pidfd, "", ["AT_EMPTY_PATH"], ["STATX_INO"], address(told.statx)], origin, "look at it", { onError: "ignore" }),
        step("close", [pidfd], origin, "done with it"),
      ],
    }),
    step("openat", ["AT_FDCWD", "/proc/sys/kernel/random/boot_id", ["O_RDONLY", "O_CLOEXEC"], 0], origin, "find out which boot this is", {
      out: file,
      onError: "ignore",
      ok: [
        step("read", [file, address(told.bootId), BOOT_ID_BYTES], origin, "read it", { onError: "ignore" }),
        step("close", [file], origin, "done with it"),
      ],
    }),
    step(
      "statx",
      ["AT_FDCWD", "/proc/self/ns/pid", [], ["STATX_INO"], address(told.pidNamespace)],
      origin,
      "see in which namespace its pid is",
      {
        onError: "ignore",
      },
    ),
  ];
}

/** Only root has a front that looks for it (src/front/boot.ts), and only where there is nothing to do but what it does. */
function mayTell({ launch, spec: { hooks }, facts, finishInBox }: Building): boolean {
  if (hasSupervisor(launch) || launch.notifies || finishInBox || hasHooks(hooks, "poststart")) return false;
  return facts.machine === "x64" && facts.uid === 0 && !facts.inUserNamespace;
}

export function tellFront({ front: { told }, stateFolder, variables }: BoxVariables): Step[] {
  if (told === undefined) return [];
  const file = newSlot(variables, "fd", "what the front is told");
  return [
    step(
      "openat",
      [stateFolder, frontName, ["O_WRONLY", "O_CREAT", "O_EXCL", "O_NOFOLLOW", "O_CLOEXEC"], 0o600],
      origin,
      "tell the front",
      {
        out: file,
      },
    ),
    step("write", [file, told.file.address, told.file.length], origin, "write what it has to know"),
    step("close", [file], origin, "done with it"),
  ];
}
