// Other rules for the devices of a container that runs, without a moment in which it may use less than before and after:
// on v2 the new program takes the old one's place in one call, on v1 only the lines are written in which the two differ.
// src/plan/device-cgroup.ts is what limits a container that begins.

import { type DeviceChanges, deviceChanges } from "../cgroup/device-changes.ts";
import { deviceFilter, INSTRUCTION_BYTES } from "../cgroup/device-filter.ts";
import { type DeviceLines, deviceLines, deviceTable } from "../cgroup/device-rules.ts";
import type { LimitedCgroup } from "../cgroup/limits.ts";
import type { DeviceRule } from "../config/spec.ts";
import { BoxError } from "../errors.ts";
import { errnoName } from "../linux/errno-name.ts";
import { flags } from "../linux/flags.ts";
import { type StructName, structFields } from "../linux/structs.ts";
import type { State } from "../state/state.ts";
import { freeze, thaw } from "./freezer.ts";
import { isFrozen } from "./is-frozen.ts";
import { addressOf, cString, systemCall } from "./libc.ts";
import { writeText } from "./write-text.ts";

const origin = "devices";

/** Whether other devices can be used by the second rules than by the first. */
export const devicesDiffer = (before: readonly DeviceRule[], after: readonly DeviceRule[]): boolean =>
  JSON.stringify(deviceTable(before)) !== JSON.stringify(deviceTable(after));

/** `before` is what the container has now. Refuses at once what cannot be; what it returns is to be called to do it. */
export function replacingDevices(
  state: State,
  cgroups: readonly LimitedCgroup[],
  before: readonly DeviceRule[],
  after: readonly DeviceRule[],
): () => void {
  for (const { version, controllers, path } of cgroups)
    if (version === 1 && controllers.includes("devices")) {
      const [present, wanted] = [linesOf(before), linesOf(after)];
      return () => replaceLines(state, path, present, wanted);
    }
  const v2 = cgroups.find(({ version }) => version === 2);
  if (v2 === undefined) throw new BoxError({ what: "the container has no cgroup in which devices are limited", origin });
  const program = deviceFilter(deviceTable(after));
  return () => replaceFilter(v2.path, program);
}

function linesOf(rules: readonly DeviceRule[]): DeviceLines {
  const lines = deviceLines(deviceTable(rules));
  if ("problem" in lines)
    throw new BoxError({ what: "the configuration cannot be had on this host", faults: [{ path: origin, problem: lines.problem }] });
  return lines;
}

function replaceLines(state: State, cgroup: string, before: DeviceLines, after: DeviceLines): void {
  const { writes, passesNothing } = deviceChanges(before, after);
  if (!passesNothing || isFrozen(state)) return writeLines(cgroup, writes);
  freeze(state);
  try {
    writeLines(cgroup, writes);
  } finally {
    thaw(state);
  }
}

function writeLines(cgroup: string, writes: DeviceChanges["writes"]): void {
  for (const { file, line } of writes) {
    const result = writeText(`${cgroup}/${file}`, line);
    if (result === 0) continue;
    const verb = file === "devices.allow" ? "allow" : "deny";
    throw new BoxError({
      what: `cannot ${verb} the devices ${line === "a" ? "*:* rwm" : line}`,
      origin,
      errno: errnoName(-result),
      call: `write(${cgroup}/${file}, ${JSON.stringify(line)}, ${line.length})`,
      ...(verb === "allow" && result === -EPERM ? { hint: "the cgroup above the container's does not allow it either" } : {}),
    });
  }
}

const EPERM = 1;
const AT_FDCWD = -100;
const O_DIRECTORY_CLOEXEC = 0o200000 | 0o2000000;
/** More programs than one are not box's alone. */
const MOST_PROGRAMS = 8;

function replaceFilter(cgroup: string, program: Uint8Array): void {
  const opened: number[] = [];
  const keep = (what: string, result: number): number => {
    opened.push(must(what, result));
    return result;
  };
  try {
    const path = cString(cgroup);
    const target_fd = keep(`open ${cgroup}`, systemCall("openat", AT_FDCWD, path.address, O_DIRECTORY_CLOEXEC, 0));
    const old = keep(
      "open the present filter of devices",
      bpf("BPF_PROG_GET_FD_BY_ID", "bpf_prog_by_id", { prog_id: presentFilter(target_fd) }),
    );
    const loaded = keep("load the filter of devices", loadFilter(program));
    const { BPF_F_ALLOW_MULTI, BPF_F_REPLACE } = flags.BPF_F;
    const attachment = {
      target_fd,
      attach_bpf_fd: loaded,
      attach_type: flags.BPF_ATTACH_TYPE.BPF_CGROUP_DEVICE,
      attach_flags: BPF_F_ALLOW_MULTI | BPF_F_REPLACE,
      replace_bpf_fd: old,
    };
    must("put the filter of devices in the place of the present one", bpf("BPF_PROG_ATTACH", "bpf_prog_replace", attachment));
  } finally {
    for (const fd of opened) if (fd >= 0) systemCall("close", fd);
  }
}

function must(what: string, result: number): number {
  if (result < 0) throw new BoxError({ what: `cannot ${what}`, origin, errno: errnoName(-result) });
  return result;
}

/** The id of the one that limits the cgroup; what is attached above it counts too, but stays. */
function presentFilter(cgroup: number): number {
  const ids = new Uint32Array(MOST_PROGRAMS);
  const query = fill("bpf_prog_query", {
    target_fd: cgroup,
    attach_type: flags.BPF_ATTACH_TYPE.BPF_CGROUP_DEVICE,
    prog_ids: addressOf(new Uint8Array(ids.buffer)),
    prog_cnt: MOST_PROGRAMS,
  });
  must("find the present filter of devices", systemCall("bpf", flags.BPF.BPF_PROG_QUERY, addressOf(query), query.length));
  const count = new DataView(query.buffer).getUint32(structFields.bpf_prog_query.fields.prog_cnt?.offset as number, true);
  if (count !== 1)
    throw new BoxError({
      what: "cannot replace the filter of devices",
      origin,
      hint: count === 0 ? "the container's cgroup has none" : `the container's cgroup has ${count}, and not all of them are box's`,
    });
  return ids[0] as number;
}

function loadFilter(program: Uint8Array): number {
  const license = cString("Apache-2.0");
  return bpf("BPF_PROG_LOAD", "bpf_prog_load", {
    prog_type: flags.BPF_PROG_TYPE.BPF_PROG_TYPE_CGROUP_DEVICE,
    insn_cnt: program.length / INSTRUCTION_BYTES,
    insns: addressOf(program),
    license: license.address,
  });
}

function bpf(command: keyof typeof flags.BPF, struct: StructName, values: Readonly<Record<string, number>>): number {
  const attributes = fill(struct, values);
  return systemCall("bpf", flags.BPF[command], addressOf(attributes), attributes.length);
}

function fill(struct: StructName, values: Readonly<Record<string, number>>): Uint8Array<ArrayBuffer> {
  const { bytes, fields } = structFields[struct];
  const view = new DataView(new ArrayBuffer(bytes));
  for (const [name, value] of Object.entries(values)) {
    const field = fields[name];
    if (field === undefined) throw new Error(`${struct} has no ${name}`);
    if (field.bytes === 8) view.setBigUint64(field.offset as number, BigInt(value), true);
    else view.setUint32(field.offset as number, value, true);
  }
  return new Uint8Array(view.buffer);
}
