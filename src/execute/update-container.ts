// Other limits for a container that lives: written into the files of its cgroups, then noted in its kept configuration.
// Two updates at once come one after the other. There is no way back: what was written before a failure stays.

import { renameSync, writeFileSync } from "node:fs";
import { changesIn, type LimitedCgroup, limitsOf } from "../cgroup/limits.ts";
import { mergeResources } from "../config/merge-resources.ts";
import type { DeviceRule, IntelRdt, Resources, Spec } from "../config/spec.ts";
import { BoxError } from "../errors.ts";
import { controllersOf, readCgroups } from "../host/read-facts.ts";
import { writeSchemata } from "../plan/intel-rdt.ts";
import { writeLimits } from "../plan/limits.ts";
import { keptConfig, newConfig } from "../plan/state-files.ts";
import type { State } from "../state/state.ts";
import { newBuffer, newVariables, type Step } from "../tape/step.ts";
import { hostReader, readText } from "./files.ts";
import { liveStatus } from "./live-status.ts";
import { isState, lockState } from "./lock-state.ts";
import { devicesDiffer, replacingDevices } from "./replace-devices.ts";
import { runSteps } from "./run-steps.ts";
import { type Found, findContainer } from "./state-folder.ts";

/** Returns what was asked for and is of no effect. */
export function updateContainer(stateRoot: string, id: string, asked: Resources, schema: Schema = {}): readonly string[] {
  const lock = lockState(living(stateRoot, id).folder);
  // What was read before the lock may be of the past.
  const { folder, state } = living(stateRoot, id);
  const spec = readConfig(folder);
  const cgroups = cgroupsOf(state);
  const v2 = cgroups.find(({ version }) => version === 2);
  const { write, kept } = mergeResources(spec?.linux?.resources ?? {}, asked);
  const cpuMax = v2 === undefined ? undefined : hostReader.read(`${v2.path}/cpu.max`);
  const { writes, notes } = limitsOf(write, cgroups, { prefix: "", cpuMax });
  if (v2 !== undefined && asked.memory?.checkBeforeUpdate === true) checkUsage(v2.path, asked.memory);
  const variables = newVariables();
  const steps: Step[] = [];
  writeLimits(steps, changesIn(writes, hostReader.read), variables, "");
  const reasons = newBuffer(variables, "the kernel's reasons", 2048);
  steps.push(...limitClass(state, schema, { variables, verifierLog: reasons }));
  // What cannot be is refused before anything is written.
  const replaceDevices = updateDevices(state, cgroups, spec, asked.devices ?? []);
  runSteps(steps, variables, reasons);
  replaceDevices?.();
  // Another container may have its id and folder by now.
  if (spec !== undefined && isState(lock)) writeConfig(folder, withLimits(spec, kept, schema));
  return notes;
}

/** Another share of cache and memory bandwidth, for all containers of the class. */
type Schema = Pick<IntelRdt, "l3CacheSchema" | "memBwSchema">;

function limitClass({ box }: State, { l3CacheSchema = "", memBwSchema = "" }: Schema, told: Parameters<typeof writeSchemata>[2]): Step[] {
  const lines = [l3CacheSchema, memBwSchema].filter((line) => line !== "");
  if (lines.length === 0) return [];
  const [group] = box.resctrl?.enter ?? [];
  if (box.resctrl === undefined || group === undefined)
    throw new BoxError({ origin: "linux.intelRdt", what: "the container was started without a class of cache and memory bandwidth" });
  return writeSchemata({ mount: box.resctrl.mount, group }, lines.map((line) => `${line}\n`).join(""), told);
}

const withLimits = (spec: Spec, resources: Resources, schema: Schema): Spec => ({
  ...spec,
  linux: { ...spec.linux, resources, ...(spec.linux?.intelRdt === undefined ? {} : { intelRdt: { ...spec.linux.intelRdt, ...schema } }) },
});

/**
 * Undefined where nothing is to change: clients send the rules of the beginning with every update, and those change nothing,
 * whatever others made of them since.
 */
function updateDevices(
  state: State,
  cgroups: readonly LimitedCgroup[],
  spec: Spec | undefined,
  asked: readonly DeviceRule[],
): (() => void) | undefined {
  if (asked.length === 0) return undefined;
  if (spec === undefined)
    throw new BoxError({
      what: "the container's configuration was not kept, so that its present devices are not known",
      origin: "devices",
    });
  const present = spec.linux?.resources?.devices ?? [];
  return devicesDiffer(present, asked) ? replacingDevices(state, cgroups, present, asked) : undefined;
}

function living(stateRoot: string, id: string): Found & { readonly state: State } {
  const found = findContainer(stateRoot, id);
  if (found === undefined) throw new BoxError({ what: `the container ${id} does not exist`, origin: "id" });
  const { folder, state } = found;
  const status = liveStatus(found);
  if (state === undefined || status === "stopped" || status === "creating")
    throw new BoxError({ what: `the container ${id} is ${status === "creating" ? "still being made" : "not running"}`, origin: "id" });
  return { folder, state };
}

/** The controllers that each of the container's cgroups has. */
function cgroupsOf({ box }: State): LimitedCgroup[] {
  const { v1 } = readCgroups(hostReader);
  return box.cgroups.map(({ version, path }) => {
    const controllers =
      version === 2 ? controllersOf(hostReader, path) : (v1.find(({ mount }) => path.startsWith(`${mount}/`))?.controllers ?? []);
    return { version, path, controllers };
  });
}

/**
 * On v2 a limit below what is in use ends processes. A client can ask that it be refused instead; when the usage cannot be
 * read, runc does not refuse it.
 */
function checkUsage(cgroup: string, { limit = 0, swap = 0 }: NonNullable<Resources["memory"]>): void {
  const usage = Number(hostReader.read(`${cgroup}/memory.current`) ?? Number.NaN);
  const refuse = (path: string, value: number): void => {
    if (!(value > 0 && value <= usage)) return;
    const problem = `the container uses ${usage} bytes, so it cannot be limited to ${value}`;
    throw new BoxError({ what: "the update is refused", faults: [{ path, problem }] });
  };
  refuse("memory.swap", swap);
  refuse("memory.limit", limit);
}

/** The configuration that the container was made from, if it was kept. */
function readConfig(folder: string): Spec | undefined {
  const text = readText(`${folder}/${keptConfig}`);
  return typeof text === "string" ? (JSON.parse(text) as Spec) : undefined;
}

/** A reader sees the old one or the new one. Of a container that has ended meanwhile there is nothing left to note it in. */
function writeConfig(folder: string, spec: Spec): void {
  try {
    writeFileSync(`${folder}/${newConfig}`, JSON.stringify(spec), { mode: 0o600 });
    renameSync(`${folder}/${newConfig}`, `${folder}/${keptConfig}`);
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT") throw new BoxError({ what: "cannot note the new limits in", object: folder, origin: "id", errno: code });
  }
}
