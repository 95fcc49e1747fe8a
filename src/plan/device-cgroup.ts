// The devices that a container may use, set up by box in the container's cgroup before any process is in it: lines for
// the devices controller of cgroup v1, or else a program that is attached to the cgroup of v2. It goes with the cgroup.
// Processes of the container mount filesystems under these rules too, so one on a block device needs a rule for it.

import { deviceFilter, INSTRUCTION_BYTES } from "../cgroup/device-filter.ts";
import { deviceLines, deviceTable } from "../cgroup/device-rules.ts";
import { areUsual, usualFilter, usualLines } from "../cgroup/usual-devices.ts";
import type { DeviceRule } from "../config/spec.ts";
import { BoxError } from "../errors.ts";
import { structFields } from "../linux/structs.ts";
import { compute, newBuffer, newSlot, type Slot, type Step, type StepOptions, type Struct, slotIn, step } from "../tape/step.ts";
import type { Building } from "./builder.ts";
import { v2Of } from "./cgroups.ts";
import type { BoxVariables } from "./plan.ts";
import { pointerTo } from "./steps.ts";

const origin = "linux.resources.devices";

/** `v2`: the container's cgroup of v2, opened. */
export function limitDevices(building: Building, box: BoxVariables, v2: Slot<"fd">): Step[] {
  const { cgroups, facts, notes, spec } = building;
  if (cgroups.length === 0) return [];
  if (facts.uid !== 0 || facts.inUserNamespace) {
    notes.push("devices are not limited: only root outside of any user namespace may do that");
    return [];
  }
  const rules = spec.linux?.resources?.devices ?? [];
  // On a host with both, v1's controller is the one that others on the host look at.
  for (const { version, controllers, path } of cgroups)
    if (version === 1 && controllers.includes("devices")) return writeLines(path, rules, box);
  if (v2Of(cgroups) !== undefined)
    return attachFilter(building, areUsual(rules) ? usualFilter() : deviceFilter(deviceTable(rules)), box, v2);
  throw new BoxError({
    what: "cannot limit devices: this host has neither cgroup v2 nor the devices controller of cgroup v1",
    origin,
  });
}

function writeLines(cgroup: string, rules: readonly DeviceRule[], box: BoxVariables): Step[] {
  const written = areUsual(rules) ? usualLines : deviceLines(deviceTable(rules));
  if ("problem" in written)
    throw new BoxError({ what: "the configuration cannot be had on this host", faults: [{ path: origin, problem: written.problem }] });
  const { first, second, lines } = written;
  const file = newSlot(box.variables, "fd", "file of the devices controller");
  const into = (name: typeof first, all: readonly string[]): Step[] => {
    const verb = name === "devices.allow" ? "allow" : "deny";
    const writes: Step[] = [];
    for (const line of all)
      writes.push(step("write", [file, line, line.length], origin, `${verb} the devices ${line === "a" ? "*:* rwm" : line}`));
    return [
      step("openat", ["AT_FDCWD", `${cgroup}/${name}`, ["O_WRONLY", "O_CLOEXEC"], 0], origin, `open ${name} of the container's cgroup`, {
        out: file,
      }),
      ...writes,
      step("close", [file], origin, "done with it"),
    ];
  };
  return [...into(first, ["a"]), ...(lines.length === 0 ? [] : into(second, lines))];
}

function attachFilter(building: Building, program: Uint8Array, box: BoxVariables, v2: Slot<"fd">): Step[] {
  const { variables } = box;
  const load: Struct = {
    struct: "bpf_prog_load",
    prog_type: ["BPF_PROG_TYPE_CGROUP_DEVICE"],
    insn_cnt: program.length / INSTRUCTION_BYTES,
    insns: newBuffer(variables, "device filter", program.length, program),
    license: { text: "Apache-2.0" },
  };
  // Two descriptors of 4 bytes each: the second is written over the upper half of the first one's 8.
  const pair = newBuffer(variables, "cgroup and filter", 16);
  const filter = slotIn("fd", pair, 4, "filter of devices");
  const attach = newBuffer(variables, "attachment", structFields.bpf_prog_attach.bytes, {
    struct: "bpf_prog_attach",
    attach_type: ["BPF_CGROUP_DEVICE"],
    attach_flags: ["BPF_F_ALLOW_MULTI"],
  });
  const prepare = (attributes: Struct, why: string, more: StepOptions = {}): Step =>
    step("bpf", [["BPF_PROG_LOAD"], attributes, structFields.bpf_prog_load.bytes], origin, why, { out: filter, ...more });
  const again = prepare(
    { ...load, log_level: 1, log_size: box.verifierLog.bytes, log_buf: box.verifierLog },
    "load it again for the kernel's reasons",
  );
  const unlimited = raiseLockedMemory(building, prepare(load, "load the filter of devices"), box);
  return [
    compute([v2, 0, 0, -1], origin, "name the cgroup", { out: slotIn("int", pair, 0, "cgroup") }),
    prepare(load, "load the filter of devices", {
      onError: [["EINVAL", [again], "fallback"], ["EACCES", [again], "fallback"], ...unlimited],
    }),
    compute([slotIn("int", pair, 0, "cgroup and filter"), 0, 0, -1], origin, "name both", {
      out: slotIn("int", attach, 0, "attachment's cgroup and filter"),
    }),
    step("bpf", [["BPF_PROG_ATTACH"], pointerTo(attach), attach.bytes], origin, "attach the filter of devices to the container's cgroup"),
  ];
}

/** Before Linux 5.11 a program counts as locked memory, of which there may be too little. The container gets the old limit. */
function raiseLockedMemory({ facts }: Building, load: Step, { variables }: BoxVariables): [["EPERM", Step[], "fallback"]] | [] {
  if (facts.mountSetattr) return [];
  const before = newBuffer(variables, "limit on locked memory", structFields.rlimit64.bytes);
  const none: Struct = { struct: "rlimit64", rlim_cur: NO_LIMIT, rlim_max: NO_LIMIT };
  const set = (limit: Struct | ReturnType<typeof pointerTo>, old: ReturnType<typeof pointerTo> | null, why: string): Step =>
    step("prlimit64", [0, ["RLIMIT_MEMLOCK"], limit, old], origin, why);
  return [
    [
      "EPERM",
      [set(none, pointerTo(before), "lift the limit on locked memory"), load, set(pointerTo(before), null, "set the limit again")],
      "fallback",
    ],
  ];
}

const NO_LIMIT = 0xffff_ffff_ffff_ffffn;
