// linux.intelRdt: the container's class of cache and memory bandwidth, a folder of the resctrl filesystem (the runtime-spec's
// config-linux.md, "IntelRdt"; Documentation/filesystems/resctrl.rst). A class that the configuration names stays when the
// container goes, and is not changed when it is there already; one that is called by the container's id is the container's.
// Box makes the folders before the first process is; that enters them itself, so it never runs in another class.
// Loaded only for a container that asks for a class.

import type { IntelRdt, Spec } from "../config/spec.ts";
import { BoxError, type ConfigFault } from "../errors.ts";
import type { ResctrlFacts } from "../host/facts.ts";
import { type Errno, errno } from "../linux/errno.ts";
import { compute, type ErrorTable, newBuffer, newSlot, type Step, step } from "../tape/step.ts";
import type { BoxVariables } from "./plan.ts";
import { schemataFaults } from "./schemata.ts";
import { pointerTo } from "./steps.ts";

const origin = "linux.intelRdt";

/** What a container has of the filesystem: folders, by absolute paths. */
export type ControlGroups = {
  readonly mount: string;
  readonly group: string;
  /** To be made, with these lines for its schemata. */
  readonly made?: { readonly schemata: string };
  /** Made for this container alone, and removed with it. */
  readonly own: boolean;
  /** The container's own folder for what is counted of it. */
  readonly monitor?: string;
};

/** Each line with the field that it is from, in the order in which the spec wants them written. */
function linesOf({ l3CacheSchema, memBwSchema, schemata = [] }: IntelRdt): { readonly path: string; readonly line: string }[] {
  const lines: { path: string; line: string }[] = [];
  if (l3CacheSchema !== undefined) lines.push({ path: "l3CacheSchema", line: l3CacheSchema });
  if (memBwSchema !== undefined) lines.push({ path: "memBwSchema", line: memBwSchema });
  for (let index = 0; index < schemata.length; index++) lines.push({ path: `schemata[${index}]`, line: schemata[index] as string });
  return lines;
}

/** Throws a BoxError where this host has no such filesystem, or the class has other limits than the configuration wants. */
function controlGroups(spec: Spec, id: string, resctrl: ResctrlFacts | undefined): ControlGroups {
  const wanted = spec.linux?.intelRdt ?? {};
  if (resctrl === undefined) throw refusal([{ path: origin, problem: "this host has no resctrl filesystem mounted" }]);
  const { mount, schemata = "" } = resctrl;
  const { closID } = wanted;
  const group = closID === "/" ? mount : `${mount}/${closID ?? id}`;
  const exists = closID === "/" || (closID !== undefined && resctrl.exists);
  const lines = linesOf(wanted);
  if (closID !== undefined && !exists && lines.length === 0)
    throw refusal([{ path: `${origin}.closID`, problem: `there is no class ${closID}, and without schemata none is made` }]);
  const faults = exists ? schemataFaults(lines, schemata, resctrl.bandwidthGranularity, closID ?? id, origin) : [];
  if (faults.length > 0) throw refusal(faults);
  return {
    mount,
    group,
    ...(exists ? {} : { made: { schemata: lines.map(({ line }) => `${line}\n`).join("") } }),
    own: closID === undefined,
    ...(wanted.enableMonitoring === true ? { monitor: `${group}/mon_groups/${id}` } : {}),
  };
}

const refusal = (faults: ConfigFault[]): BoxError => new BoxError({ what: "the configuration cannot be had on this host", faults });

/** What the state has to say of them: where to enter, in this order, and what to remove, in this order. */
function recorded({ mount, group, own, monitor }: ControlGroups): { mount: string; enter: string[]; remove: string[] } {
  const enter = monitor === undefined ? [group] : [group, monitor];
  const remove = monitor === undefined ? [] : [monitor];
  if (own) remove.push(group);
  return { mount, enter, remove };
}

/** Before the state names them as the container's: nobody else's may be there, or delete would remove that. */
function refuseUsedGroups(groups: ControlGroups, { variables }: BoxVariables): Step[] {
  const statx = newBuffer(variables, "statx of a resctrl group", 256);
  return recorded(groups).remove.map((path) =>
    step("statx", ["AT_FDCWD", path, ["AT_SYMLINK_NOFOLLOW"], ["STATX_MODE"], pointerTo(statx)], origin, `have the resctrl group ${path}`, {
      // Its success is what must not be.
      expect: { value: -1, refused: "it exists already" },
      onError: [["ENOENT", []]],
    }),
  );
}

/** The folders, with their limits before any process is in them. */
function makeGroups(groups: ControlGroups, box: BoxVariables): Step[] {
  const { mount, group, made, monitor } = groups;
  const reasons = reasonsOf(mount, box);
  const make = (path: string): Step =>
    step("mkdirat", ["AT_FDCWD", path, 0o755], origin, `make the resctrl group ${path}`, { onError: reasons("EINVAL", "ENOSPC", "EBUSY") });
  const steps: Step[] = made === undefined ? [] : [make(group)];
  if (made !== undefined && made.schemata !== "") steps.push(...writeSchemata({ mount, group }, made.schemata, box));
  return monitor === undefined ? steps : [...steps, make(monitor)];
}

/** In one write, of whose lines the kernel takes all or none. */
export function writeSchemata({ mount, group }: Pick<ControlGroups, "mount" | "group">, lines: string, told: Told): Step[] {
  const file = newSlot(told.variables, "fd", `${group}/schemata`);
  const why = `limit the resctrl group ${group}`;
  return [
    step("openat", ["AT_FDCWD", `${group}/schemata`, ["O_WRONLY", "O_CLOEXEC"], 0], origin, why, { out: file }),
    step("write", [file, lines, new TextEncoder().encode(lines).length], origin, why, {
      onError: reasonsOf(mount, told)("EINVAL", "ENODEV", "EBUSY"),
    }),
    step("close", [file], origin, "done with it"),
  ];
}

/** Where the kernel's reason for a failure is put. */
type Told = Pick<BoxVariables, "variables" | "verifierLog">;

/** After an errno, what the kernel says about it: info/last_cmd_status, which the message then quotes. */
function reasonsOf(mount: string, { variables, verifierLog }: Told) {
  return (...names: Errno[]): ErrorTable =>
    names.map((name) => {
      const file = newSlot(variables, "fd", "last_cmd_status");
      const read = [
        step("read", [file, pointerTo(verifierLog), verifierLog.bytes - 1], origin, "read the kernel's reason"),
        step("close", [file], origin, "done with it"),
      ];
      return [
        name,
        [
          step(
            "openat",
            ["AT_FDCWD", `${mount}/info/last_cmd_status`, ["O_RDONLY", "O_CLOEXEC"], 0],
            origin,
            "ask for the kernel's reason",
            {
              out: file,
              ok: read,
              onError: "ignore",
            },
          ),
          compute([0, 0, errno[name], -1], origin, "end with the first error"),
        ],
        "fallback",
      ] as const;
    });
}

export const intelRdtSteps = { controlGroups, recorded, refuseUsedGroups, makeGroups } as const;
export type IntelRdtSteps = typeof intelRdtSteps;
