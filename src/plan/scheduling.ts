// How the kernel treats the container's process: personality, scheduling of processor and disk, where its memory comes
// from. All of it passes through execve, and is set while the process has the rights that some of it needs.

import { bitMask, numberList } from "../config/number-list.ts";
import type { IoPriority, MemoryPolicy, Personality, Process, Scheduler } from "../config/spec.ts";
import type { Flag } from "../linux/flags.ts";
import { structFields } from "../linux/structs.ts";
import { type Step, type Struct, step } from "../tape/step.ts";
import type { Building } from "./builder.ts";

/** For a container's first process, and for one that is executed in it. */
export function setScheduling(building: Building, process: Process): Step[] {
  const { personality, memoryPolicy } = building.spec.linux ?? {};
  const steps: Step[] = [];
  if (process.scheduler !== undefined) steps.push(schedule(process.scheduler));
  if (process.ioPriority !== undefined) steps.push(prioritizeDisk(process.ioPriority));
  if (personality !== undefined) steps.push(assume(personality));
  if (memoryPolicy !== undefined) steps.push(placeMemory(memoryPolicy));
  return steps;
}

/** include/uapi/linux/sched.h, where SCHED_OTHER is SCHED_NORMAL. */
const policies = { SCHED_OTHER: 0, SCHED_FIFO: 1, SCHED_RR: 2, SCHED_BATCH: 3, SCHED_ISO: 4, SCHED_IDLE: 5, SCHED_DEADLINE: 6 } as const;
const schedulingFlags = {
  SCHED_FLAG_RESET_ON_FORK: 0x01,
  SCHED_FLAG_RECLAIM: 0x02,
  SCHED_FLAG_DL_OVERRUN: 0x04,
  SCHED_FLAG_KEEP_POLICY: 0x08,
  SCHED_FLAG_KEEP_PARAMS: 0x10,
  SCHED_FLAG_UTIL_CLAMP_MIN: 0x20,
  SCHED_FLAG_UTIL_CLAMP_MAX: 0x40,
} as const;

function schedule(scheduler: Scheduler): Step {
  let flags = 0;
  for (const flag of scheduler.flags ?? []) flags |= schedulingFlags[flag];
  const attributes: Struct = {
    struct: "sched_attr",
    size: structFields.sched_attr.bytes,
    sched_policy: policies[scheduler.policy],
    sched_flags: flags,
    sched_nice: scheduler.nice ?? 0,
    sched_priority: scheduler.priority ?? 0,
    sched_runtime: scheduler.runtime ?? 0,
    sched_deadline: scheduler.deadline ?? 0,
    sched_period: scheduler.period ?? 0,
  };
  return step("sched_setattr", [0, attributes, 0], "process.scheduler", `be scheduled by ${scheduler.policy}`);
}

/** include/uapi/linux/ioprio.h: the class stands above 13 bits of priority. */
const ioClasses = { IOPRIO_CLASS_RT: 1, IOPRIO_CLASS_BE: 2, IOPRIO_CLASS_IDLE: 3 } as const;
const IOPRIO_CLASS_SHIFT = 13;
const IOPRIO_WHO_PROCESS = 1;

function prioritizeDisk(io: IoPriority): Step {
  const value = (ioClasses[io.class] << IOPRIO_CLASS_SHIFT) | io.priority;
  return step("ioprio_set", [IOPRIO_WHO_PROCESS, 0, value], "process.ioPriority", `set the priority of I/O to ${io.class} ${io.priority}`);
}

/** include/uapi/linux/personality.h */
const domains = { LINUX: 0, LINUX32: 8 } as const;

const assume = ({ domain }: Personality): Step =>
  step("personality", [domains[domain]], "linux.personality", `assume the personality ${domain}`);

/** The kernel reads one bit less than it is told (set_mempolicy(2), BUGS of its wrappers). */
function placeMemory({ mode, nodes, flags = [] }: MemoryPolicy): Step {
  const mask = nodes === undefined ? undefined : bitMask(numberList(nodes) ?? []);
  const names: Flag<"MPOL">[] = [mode, ...flags];
  const why = `take memory by ${mode}${nodes === undefined ? "" : ` from the nodes ${nodes}`}`;
  return step("set_mempolicy", [names, mask ?? null, mask === undefined ? 0 : mask.length * 8 + 1], "linux.memoryPolicy", why);
}
