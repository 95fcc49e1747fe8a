// What config.json may contain, as data for rule.ts: one table per object of the runtime spec, in the spec's order,
// tied to the types of spec.ts so that neither can have a field that the other lacks. Rules about one object stand
// with it (`also`); those across objects are in check-spec.ts. Left out on purpose: what only the kernel can decide
// (whether a path exists, whether this kernel has a controller), and the names of mount options and system calls.

import { capabilities } from "../linux/capabilities.ts";
import { flags } from "../linux/flags.ts";
import { joinPath, show } from "./faults.ts";
import { isNumberList } from "./number-list.ts";
import type { BooleanRule, Faults, IntegerRule, LaterRule, ListRule, MapRule, NameRule, ObjectRule, Rule, TextRule } from "./rule.ts";
import type * as spec from "./spec.ts";

/** Exactly the fields of T, and those that the spec has but box has no use for. */
type Fields<T, Ignored extends string = never> = { readonly [Key in (keyof T & string) | Ignored]-?: Rule };

/** A name that becomes one file name below a folder of the host. */
const isFileName = (value: string): boolean => value !== "" && value !== "." && value !== ".." && !value.includes("/");

/** Whether a path has no `..` in it, which would lead out of the folder it is put below. */
function staysBelow(path: string): boolean {
  for (let at = path.indexOf(".."); at !== -1; at = path.indexOf("..", at + 1)) {
    const starts = at === 0 || path.charCodeAt(at - 1) === 47;
    const ends = at + 2 === path.length || path.charCodeAt(at + 2) === 47;
    if (starts && ends) return false;
  }
  return true;
}

/** Some of the letters r, w and m, each once. */
function isDeviceAccess(value: string): boolean {
  if (value === "") return false;
  for (let at = 0; at < value.length; at++) {
    const letter = value.charAt(at);
    if (!"rwm".includes(letter) || value.indexOf(letter) !== at) return false;
  }
  return true;
}

/** `<number><unit>B` as the kernel names the folders of its page sizes: 64KB, 2MB, 1GB. */
function isPageSize(value: string): boolean {
  const end = value.length - 1;
  if (value.charAt(end) !== "B") return false;
  const unit = "KMGT".includes(value.charAt(end - 1)) ? 1 : 0;
  if (end - unit < 1) return false;
  for (let at = 0; at < end - unit; at++) {
    const code = value.charCodeAt(at);
    if (code < 48 || code > 57) return false;
  }
  return true;
}

/** __NEW_UTS_LEN of uname(2). */
const longestHostName = 64;

const boolean: BooleanRule = { is: "boolean", expected: "true or false" };
const text: TextRule = { is: "text", expected: "a string" };
const filledText: TextRule = { is: "text", expected: "a string that is not empty", form: "filled" };
const absolutePath: TextRule = { is: "text", expected: "an absolute path", form: "absolute" };
const numbers: TextRule = {
  is: "text",
  expected: "a list of numbers, such as 0-3,7",
  test: isNumberList,
};
const assignment: TextRule = { is: "text", expected: "NAME=value", form: "assignment" };
/** A file of /proc takes one page at once and cuts off the rest (proc(5)), and AppArmor wants a word before the name. */
const longestLabel = 4000;

/** What the kernel's security modules take for a profile or a context, whether there is such a one or not. */
export const securityLabel = {
  is: "text",
  expected: `a label of at most ${longestLabel} bytes without control characters`,
  test(text: string): boolean {
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code < 32 || code === 127) return false;
    }
    return new TextEncoder().encode(text).length <= longestLabel;
  },
} as const satisfies TextRule;
const hostName: TextRule = {
  is: "text",
  expected: `a name of at most ${longestHostName} bytes`,
  // No character of a string has more than three.
  test: (value) => value.length * 3 <= longestHostName || new TextEncoder().encode(value).length <= longestHostName,
};

/** The last id, 2^32 − 1, is the kernel's "no id". */
const id: IntegerRule = { is: "integer", expected: "an id from 0 to 4294967294", min: 0, max: 4294967294 };
const uint16: IntegerRule = { is: "integer", expected: "an integer from 0 to 65535", min: 0, max: 65535 };
const uint32: IntegerRule = { is: "integer", expected: "an integer from 0 to 4294967295", min: 0, max: 4294967295 };
const uint64: IntegerRule = { is: "integer", expected: "an integer from 0 to 2^64 - 1", min: 0, max: 2 ** 64 };
const int32: IntegerRule = { is: "integer", expected: "an integer of 32 bits", min: -(2 ** 31), max: 2 ** 31 - 1 };
const int64: IntegerRule = { is: "integer", expected: "an integer of 64 bits", min: -(2 ** 63), max: 2 ** 63 };
const deviceNumber: IntegerRule = {
  is: "integer",
  expected: "a number from 0 to 4294967295, or -1 for every one",
  min: -1,
  max: 4294967295,
};
/** 64 bits in the spec; a filter must not compare with a number that JSON.parse has rounded. */
const exactUint64: IntegerRule = {
  is: "integer",
  expected: "an exact integer from 0 to 2^64 - 1",
  min: 0,
  max: Number.MAX_SAFE_INTEGER,
  digits: true,
};

const texts: ListRule = { is: "list", expected: "an array of strings", items: text };
const assignments: ListRule = { is: "list", expected: "an array of strings", items: assignment };
const absolutePaths: ListRule = { is: "list", expected: "an array of absolute paths", items: absolutePath };
const freeTexts: MapRule = { is: "map", expected: "an object of strings", values: text };

export const capabilityRule: Rule = { is: "key", expected: "the name of a capability, such as CAP_KILL", of: capabilities };
const capabilitySet: ListRule = { is: "list", expected: "an array of strings", items: capabilityRule };

const capabilitySets: ObjectRule = {
  is: "object",
  expected: "an object",
  fields: {
    bounding: capabilitySet,
    effective: capabilitySet,
    inheritable: capabilitySet,
    permitted: capabilitySet,
    ambient: capabilitySet,
  } satisfies Fields<spec.Capabilities>,
  required: [],
};

const rlimits: ListRule = {
  is: "list",
  expected: "an array of objects",
  items: {
    is: "object",
    expected: "an object",
    fields: {
      type: { is: "key", expected: "the name of a limit, such as RLIMIT_NOFILE", of: flags.RLIMIT },
      hard: uint64,
      soft: uint64,
    } satisfies Fields<spec.Rlimit>,
    required: ["type", "hard", "soft"],
    also(limit: spec.Rlimit, path: string, faults: Faults) {
      if (limit.soft <= limit.hard) return;
      faults.push({
        path: joinPath(path, "soft"),
        expected: `at most the hard limit of ${limit.hard}`,
        got: show(limit.soft),
      });
    },
  },
  also: (limits: readonly spec.Rlimit[], path: string, faults: Faults) => refuseTwice(limits, "type", path, faults),
};

/** Refuses a second entry with the same value in `field`, which is one of few names: each is compared with the first of each. */
function refuseTwice<Field extends string>(
  entries: readonly { readonly [field in Field]: string }[],
  field: Field,
  path: string,
  faults: Faults,
): void {
  const firsts: number[] = [];
  for (let index = 0; index < entries.length; index++) {
    const value = entries[index]?.[field];
    let at = 0;
    while (at < firsts.length && entries[firsts[at] as number]?.[field] !== value) at++;
    if (at === firsts.length) {
      firsts.push(index);
      continue;
    }
    const problem = `${show(value)} stands already in ${joinPath(path, firsts[at] as number)}`;
    faults.push({ path: joinPath(joinPath(path, index), field), problem });
  }
}

const user: ObjectRule = {
  is: "object",
  expected: "an object with uid and gid",
  fields: {
    uid: id,
    gid: id,
    umask: { is: "integer", expected: "an integer from 0 to 511 (octal 777)", min: 0, max: 0o777 },
    additionalGids: { is: "list", expected: "an array of ids", items: id },
    // For Windows, yet harmless beside a uid: libraries that fill in both are spared.
    username: text,
  } satisfies Fields<spec.User, "username">,
  required: ["uid", "gid"],
};

const scheduler: LaterRule = {
  is: "later",
  expected: "an object",
  rule: () => ({
    is: "object",
    expected: "an object",
    fields: {
      policy: {
        is: "name",
        expected: "a scheduling policy, such as SCHED_OTHER",
        among: [
          "SCHED_OTHER",
          "SCHED_FIFO",
          "SCHED_RR",
          "SCHED_BATCH",
          "SCHED_ISO",
          "SCHED_IDLE",
          "SCHED_DEADLINE",
        ] satisfies spec.SchedulerPolicy[],
      },
      nice: { is: "integer", expected: "an integer from -20 to 19", min: -20, max: 19 },
      priority: int32,
      flags: {
        is: "list",
        expected: "an array of strings",
        items: {
          is: "name",
          expected: "a scheduling flag, such as SCHED_FLAG_RESET_ON_FORK",
          among: [
            "SCHED_FLAG_RESET_ON_FORK",
            "SCHED_FLAG_RECLAIM",
            "SCHED_FLAG_DL_OVERRUN",
            "SCHED_FLAG_KEEP_POLICY",
            "SCHED_FLAG_KEEP_PARAMS",
            "SCHED_FLAG_UTIL_CLAMP_MIN",
            "SCHED_FLAG_UTIL_CLAMP_MAX",
          ] satisfies spec.SchedulerFlag[],
        },
      },
      runtime: uint64,
      deadline: uint64,
      period: uint64,
    } satisfies Fields<spec.Scheduler>,
    required: ["policy"],
    also(scheduler: spec.Scheduler, path: string, faults: Faults) {
      const { policy, priority = 0 } = scheduler;
      const isRealTime = policy === "SCHED_FIFO" || policy === "SCHED_RR";
      if (priority !== 0 && !isRealTime)
        faults.push({ path: joinPath(path, "priority"), problem: "goes with SCHED_FIFO and SCHED_RR only" });
      // sched(7): the kernel refuses any other.
      if (isRealTime && (priority < 1 || priority > 99)) {
        const expected = `a number from 1 to 99 with ${policy}`;
        const got = scheduler.priority === undefined ? { problem: `missing, expected ${expected}` } : { expected, got: show(priority) };
        faults.push({ path: joinPath(path, "priority"), ...got });
      }
      if (policy === "SCHED_DEADLINE") return checkDeadline(scheduler, path, faults);
      for (const field of ["runtime", "deadline", "period"] as const)
        if ((scheduler[field] ?? 0) !== 0) faults.push({ path: joinPath(path, field), problem: "goes with SCHED_DEADLINE only" });
    },
  }),
};

/** sched_setattr(2): runtime ≤ deadline ≤ period, the last of which is the deadline where it is not given. */
function checkDeadline({ runtime = 0, deadline = 0, period = 0 }: spec.Scheduler, path: string, faults: Faults): void {
  if (runtime > deadline)
    faults.push({ path: joinPath(path, "runtime"), expected: `at most the deadline of ${deadline}`, got: show(runtime) });
  if (period !== 0 && deadline > period)
    faults.push({ path: joinPath(path, "deadline"), expected: `at most the period of ${period}`, got: show(deadline) });
}

const ioPriority: LaterRule = {
  is: "later",
  expected: "an object",
  rule: () => ({
    is: "object",
    expected: "an object",
    fields: {
      class: {
        is: "name",
        expected: "IOPRIO_CLASS_RT, IOPRIO_CLASS_BE or IOPRIO_CLASS_IDLE",
        among: ["IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"] satisfies spec.IoPriorityClass[],
      },
      priority: { is: "integer", expected: "an integer from 0 to 7", min: 0, max: 7 },
    } satisfies Fields<spec.IoPriority>,
    required: ["class", "priority"],
  }),
};

export const processRule: ObjectRule = {
  is: "object",
  expected: "an object",
  fields: {
    terminal: boolean,
    consoleSize: {
      is: "object",
      expected: "an object with height and width",
      fields: { height: uint16, width: uint16 } satisfies Fields<spec.ConsoleSize>,
      required: ["height", "width"],
    },
    user,
    args: { is: "list", expected: "an array of strings", items: text, least: 1 },
    env: assignments,
    cwd: absolutePath,
    capabilities: capabilitySets,
    rlimits,
    noNewPrivileges: boolean,
    apparmorProfile: securityLabel,
    oomScoreAdj: { is: "integer", expected: "an integer from -1000 to 1000", min: -1000, max: 1000 },
    scheduler,
    selinuxLabel: securityLabel,
    ioPriority,
    execCPUAffinity: {
      is: "object",
      expected: "an object",
      fields: { initial: numbers, final: numbers } satisfies Fields<spec.CpuAffinity>,
      required: [],
    },
  } satisfies Fields<spec.Process>,
  required: ["user", "args", "cwd"],
  foreign: { commandLine: "is for Windows, where Linux has process.args" },
};

const idMapping: ObjectRule = {
  is: "object",
  expected: "an object with containerID, hostID and size",
  fields: {
    containerID: id,
    hostID: id,
    size: { is: "integer", expected: "an integer from 1 to 4294967295", min: 1, max: 4294967295 },
  } satisfies Fields<spec.IdMapping>,
  required: ["containerID", "hostID", "size"],
  also(mapping: spec.IdMapping, path: string, faults: Faults) {
    const start = Math.max(mapping.containerID, mapping.hostID);
    if (start + mapping.size <= id.max + 1) return;
    faults.push({
      path: joinPath(path, "size"),
      expected: `a range that ends by id ${id.max}`,
      got: `${mapping.size} from ${start}`,
    });
  },
};

/** UID_GID_MAP_MAX_EXTENTS since Linux 4.15; earlier 5. */
const mostMappings = 340;

const idMappings: ListRule = {
  is: "list",
  expected: "an array of objects",
  items: idMapping,
  also(mappings: readonly spec.IdMapping[], path: string, faults: Faults) {
    if (mappings.length > mostMappings) {
      faults.push({ path, expected: `at most ${mostMappings} entries`, got: `${mappings.length}` });
      return;
    }
    // The kernel refuses a map that names an id twice, on either side (user_namespaces(7)).
    for (let index = 1; index < mappings.length; index++) {
      refuseOverlap(mappings, index, "containerID", path, faults);
      refuseOverlap(mappings, index, "hostID", path, faults);
    }
  },
};

function refuseOverlap(
  mappings: readonly spec.IdMapping[],
  index: number,
  side: "containerID" | "hostID",
  path: string,
  faults: Faults,
): void {
  const one = mappings[index];
  if (one === undefined) return;
  for (let earlier = 0; earlier < index; earlier++) {
    const other = mappings[earlier];
    if (other === undefined) return;
    if (one[side] >= other[side] + other.size || other[side] >= one[side] + one.size) continue;
    const place = joinPath(joinPath(path, index), side);
    faults.push({ path: place, problem: `the range overlaps that of ${joinPath(path, earlier)}` });
    return;
  }
}

const mount: ObjectRule = {
  is: "object",
  expected: "an object",
  fields: {
    destination: filledText,
    type: text,
    source: text,
    options: { is: "list", expected: "an array of strings", items: filledText },
    uidMappings: idMappings,
    gidMappings: idMappings,
  } satisfies Fields<spec.Mount>,
  required: ["destination"],
  also(mount: spec.Mount, path: string, faults: Faults) {
    // "It MAY be a relative path, in which case it MUST be interpreted as relative to /" (config.md, Mounts).
    if (mount.destination.charCodeAt(0) !== 47) mount.destination = `/${mount.destination}`;
    const options = mount.options ?? [];
    const binds = mount.type === "bind" || options.includes("bind") || options.includes("rbind");
    if (binds && mount.source === undefined) {
      faults.push({ path: joinPath(path, "source"), problem: "missing, expected the path to bind" });
    }
    if (!binds && mount.type === undefined && !options.includes("remount")) {
      const hint = 'a bind mount has "bind" in its options';
      faults.push({ path: joinPath(path, "type"), problem: "missing, expected a file system type", hint });
    }
    // An empty map is none, as it is for the container.
    if (mount.uidMappings?.length === 0) delete mount.uidMappings;
    if (mount.gidMappings?.length === 0) delete mount.gidMappings;
    if ((mount.uidMappings === undefined) !== (mount.gidMappings === undefined)) {
      const [has, lacks] = mount.uidMappings === undefined ? ["gidMappings", "uidMappings"] : ["uidMappings", "gidMappings"];
      faults.push({ path: joinPath(path, lacks), problem: `missing: ${has} needs it beside itself` });
    }
  },
};

const hooksOfOnePoint: ListRule = {
  is: "list",
  expected: "an array of objects",
  items: {
    is: "object",
    expected: "an object",
    fields: {
      path: absolutePath,
      args: texts,
      env: assignments,
      timeout: { is: "integer", expected: "a number of seconds above 0", min: 1, max: 2 ** 31 - 1 },
    } satisfies Fields<spec.Hook>,
    required: ["path"],
  },
};

const hooks: LaterRule = {
  is: "later",
  expected: "an object",
  rule: () => ({
    is: "object",
    expected: "an object",
    fields: {
      prestart: hooksOfOnePoint,
      createRuntime: hooksOfOnePoint,
      createContainer: hooksOfOnePoint,
      startContainer: hooksOfOnePoint,
      poststart: hooksOfOnePoint,
      poststop: hooksOfOnePoint,
    } satisfies Fields<spec.Hooks>,
    required: [],
  }),
};

const deviceRule: ObjectRule = {
  is: "object",
  expected: "an object",
  fields: {
    allow: boolean,
    type: { is: "name", expected: '"a", "b" or "c"', among: ["a", "b", "c"] },
    major: deviceNumber,
    minor: deviceNumber,
    access: { is: "text", expected: "some of the letters r, w and m", test: isDeviceAccess },
  } satisfies Fields<spec.DeviceRule>,
  // Without it a rule would do nothing, and whoever leaves it out hardly means that; runc refuses it too.
  required: ["allow", "access"],
};

const memory: LaterRule = {
  is: "later",
  expected: "an object",
  rule: () => ({
    is: "object",
    expected: "an object",
    fields: {
      limit: int64,
      reservation: int64,
      swap: int64,
      kernel: int64,
      kernelTCP: int64,
      swappiness: uint64,
      disableOOMKiller: boolean,
      useHierarchy: boolean,
      checkBeforeUpdate: boolean,
    } satisfies Fields<spec.MemoryLimits>,
    required: [],
  }),
};

const cpu: LaterRule = {
  is: "later",
  expected: "an object",
  rule: () => ({
    is: "object",
    expected: "an object",
    fields: {
      shares: uint64,
      quota: int64,
      burst: uint64,
      period: uint64,
      realtimeRuntime: int64,
      realtimePeriod: uint64,
      cpus: text,
      mems: text,
      idle: int64,
    } satisfies Fields<spec.CpuLimits>,
    required: [],
    // "MUST be no larger than any positive quota" (config-linux.md, CPU).
    also({ quota = 0, burst = 0 }: spec.CpuLimits, path: string, faults: Faults) {
      if (quota <= 0 || burst <= quota) return;
      faults.push({ path: joinPath(path, "burst"), expected: `at most the quota of ${quota}`, got: show(burst) });
    },
  }),
};

const throttles: ListRule = {
  is: "list",
  expected: "an array of objects",
  items: {
    is: "object",
    expected: "an object",
    fields: { major: int64, minor: int64, rate: uint64 } satisfies Fields<spec.ThrottleDevice>,
    required: ["major", "minor", "rate"],
  },
};

const blockIO: LaterRule = {
  is: "later",
  expected: "an object",
  rule: () => ({
    is: "object",
    expected: "an object",
    fields: {
      weight: uint16,
      leafWeight: uint16,
      weightDevice: {
        is: "list",
        expected: "an array of objects",
        items: {
          is: "object",
          expected: "an object",
          fields: { major: int64, minor: int64, weight: uint16, leafWeight: uint16 } satisfies Fields<spec.WeightDevice>,
          required: ["major", "minor"],
          also({ weight, leafWeight }: spec.WeightDevice, path: string, faults: Faults) {
            if (weight === undefined && leafWeight === undefined) faults.push({ path, problem: "needs a weight or a leafWeight" });
          },
        },
      },
      throttleReadBpsDevice: throttles,
      throttleWriteBpsDevice: throttles,
      throttleReadIOPSDevice: throttles,
      throttleWriteIOPSDevice: throttles,
    } satisfies Fields<spec.BlockIo>,
    required: [],
  }),
};

const network: LaterRule = {
  is: "later",
  expected: "an object",
  rule: () => ({
    is: "object",
    expected: "an object",
    fields: {
      classID: uint32,
      priorities: {
        is: "list",
        expected: "an array of objects",
        items: {
          is: "object",
          expected: "an object",
          fields: { name: filledText, priority: uint32 },
          required: ["name", "priority"],
        },
      },
    } satisfies Fields<spec.NetworkLimits>,
    required: [],
  }),
};

/** The configuration's linux.resources, and the document that `box update` takes. */
export const resourcesRule: ObjectRule = {
  is: "object",
  expected: "an object",
  fields: {
    devices: { is: "list", expected: "an array of objects", items: deviceRule },
    memory,
    cpu,
    pids: { is: "object", expected: "an object", fields: { limit: int64 }, required: [] },
    blockIO,
    hugepageLimits: {
      is: "list",
      expected: "an array of objects",
      items: {
        is: "object",
        expected: "an object",
        fields: {
          pageSize: { is: "text", expected: "a page size, such as 2MB", test: isPageSize },
          limit: uint64,
        } satisfies Fields<spec.HugepageLimit>,
        required: ["pageSize", "limit"],
      },
    },
    network,
    rdma: {
      is: "map",
      expected: "an object",
      values: {
        is: "object",
        expected: "an object",
        fields: { hcaHandles: uint32, hcaObjects: uint32 } satisfies Fields<spec.RdmaLimit>,
        required: [],
        also({ hcaHandles, hcaObjects }: spec.RdmaLimit, path: string, faults: Faults) {
          if (hcaHandles === undefined && hcaObjects === undefined) faults.push({ path, problem: "needs hcaHandles or hcaObjects" });
        },
      },
    },
    unified: {
      is: "map",
      expected: "an object of strings",
      keys: { is: "text", expected: "the name of a cgroup file", test: isFileName },
      values: text,
    },
  } satisfies Fields<spec.Resources>,
  required: [],
};

export const namespaceTypes = ["pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"] satisfies spec.NamespaceType[];

const namespaces: ListRule = {
  is: "list",
  expected: "an array of objects",
  items: {
    is: "object",
    expected: "an object",
    fields: {
      type: {
        is: "name",
        expected: "one of pid, network, mount, ipc, uts, user, cgroup and time",
        among: namespaceTypes,
      },
      path: absolutePath,
    } satisfies Fields<spec.Namespace>,
    required: ["type"],
  },
  also: (list: readonly spec.Namespace[], path: string, faults: Faults) => refuseTwice(list, "type", path, faults),
};

const device: ObjectRule = {
  is: "object",
  expected: "an object",
  fields: {
    path: absolutePath,
    type: { is: "name", expected: '"c", "b", "u" or "p"', among: ["c", "b", "u", "p"] },
    major: uint32,
    minor: uint32,
    // Some clients leave the file type's bits in, which are no part of the mode.
    fileMode: uint32,
    uid: id,
    gid: id,
  } satisfies Fields<spec.Device>,
  required: ["path", "type"],
  also(device: spec.Device, path: string, faults: Faults) {
    if (device.type === "p") return;
    const problem = `missing, expected ${uint32.expected}`;
    if (device.major === undefined) faults.push({ path: joinPath(path, "major"), problem });
    if (device.minor === undefined) faults.push({ path: joinPath(path, "minor"), problem });
  },
};

const seccompAction: NameRule = {
  is: "name",
  expected: "a seccomp action, such as SCMP_ACT_ERRNO",
  among: [
    "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_TRAP",
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_TRACE",
    "SCMP_ACT_ALLOW",
    "SCMP_ACT_LOG",
    "SCMP_ACT_NOTIFY",
  ] satisfies spec.SeccompAction[],
};

const seccompArgument: ObjectRule = {
  is: "object",
  expected: "an object",
  fields: {
    index: { is: "integer", expected: "an integer from 0 to 5", min: 0, max: 5 },
    value: exactUint64,
    valueTwo: exactUint64,
    op: {
      is: "name",
      expected: "a seccomp operator, such as SCMP_CMP_EQ",
      among: [
        "SCMP_CMP_NE",
        "SCMP_CMP_LT",
        "SCMP_CMP_LE",
        "SCMP_CMP_EQ",
        "SCMP_CMP_GE",
        "SCMP_CMP_GT",
        "SCMP_CMP_MASKED_EQ",
      ] satisfies spec.SeccompOperator[],
    },
  } satisfies Fields<spec.SeccompArgument>,
  required: ["index", "value", "op"],
};

/** "When the action doesn't support an errno, the runtime MUST … fail" (config-linux.md, Seccomp). */
function checkErrno(action: spec.SeccompAction, path: string, faults: Faults): void {
  if (action === "SCMP_ACT_ERRNO" || action === "SCMP_ACT_TRACE") return;
  faults.push({ path, problem: `goes with SCMP_ACT_ERRNO and SCMP_ACT_TRACE only, and the action is ${action}` });
}

const seccompRule: ObjectRule = {
  is: "object",
  expected: "an object",
  fields: {
    names: { is: "list", expected: "an array of strings", items: filledText, least: 1 },
    action: seccompAction,
    errnoRet: uint16,
    args: { is: "list", expected: "an array of objects", items: seccompArgument },
  } satisfies Fields<spec.SeccompRule>,
  required: ["names", "action"],
  also({ action, errnoRet }: spec.SeccompRule, path: string, faults: Faults) {
    if (errnoRet !== undefined) checkErrno(action, joinPath(path, "errnoRet"), faults);
  },
};

const seccomp: LaterRule = {
  is: "later",
  expected: "an object",
  rule: () => ({
    is: "object",
    expected: "an object",
    fields: {
      defaultAction: seccompAction,
      defaultErrnoRet: uint16,
      architectures: texts,
      flags: texts,
      listenerPath: absolutePath,
      listenerMetadata: text,
      syscalls: { is: "list", expected: "an array of objects", items: seccompRule },
    } satisfies Fields<spec.Seccomp>,
    required: ["defaultAction"],
    also({ defaultAction, defaultErrnoRet, listenerPath, listenerMetadata }: spec.Seccomp, path: string, faults: Faults) {
      if (defaultErrnoRet !== undefined) checkErrno(defaultAction, joinPath(path, "defaultErrnoRet"), faults);
      if (listenerMetadata !== undefined && listenerPath === undefined)
        faults.push({ path: joinPath(path, "listenerMetadata"), problem: "needs a listenerPath, to whose agent it is told" });
    },
  }),
};

const isLine = (value: string): boolean => value !== "" && !value.includes("\n");
/** The other folders that resctrl has; no name of one has a line break. */
const isClass = (name: string): boolean => name !== "info" && name !== "mon_groups" && name !== "mon_data" && !name.includes("\n");

const intelRdt: LaterRule = {
  is: "later",
  expected: "an object",
  rule: () => ({
    is: "object",
    expected: "an object",
    fields: {
      closID: { is: "text", expected: 'one folder name, or "/"', test: (value) => value === "/" || (isFileName(value) && isClass(value)) },
      schemata: { is: "list", expected: "an array of strings", items: { is: "text", expected: "one line, such as MB:0=50", test: isLine } },
      l3CacheSchema: text,
      memBwSchema: { is: "text", expected: "one line that begins with MB:", test: (value) => value.startsWith("MB:") && isLine(value) },
      enableMonitoring: boolean,
    } satisfies Fields<spec.IntelRdt>,
    required: [],
    foreign: {
      enableCMT: "was replaced by enableMonitoring in version 1.3.0",
      enableMBM: "was replaced by enableMonitoring in version 1.3.0",
    },
  }),
};

const memoryPolicy: LaterRule = {
  is: "later",
  expected: "an object",
  rule: () => ({
    is: "object",
    expected: "an object",
    fields: {
      mode: {
        is: "name",
        expected: "a memory policy, such as MPOL_BIND",
        among: [
          "MPOL_DEFAULT",
          "MPOL_BIND",
          "MPOL_INTERLEAVE",
          "MPOL_WEIGHTED_INTERLEAVE",
          "MPOL_PREFERRED",
          "MPOL_PREFERRED_MANY",
          "MPOL_LOCAL",
        ] satisfies spec.MemoryPolicyMode[],
      },
      nodes: numbers,
      flags: {
        is: "list",
        expected: "an array of strings",
        items: {
          is: "name",
          expected: "a memory policy flag, such as MPOL_F_STATIC_NODES",
          among: ["MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES"] satisfies spec.MemoryPolicyFlag[],
        },
      },
    } satisfies Fields<spec.MemoryPolicy>,
    required: ["mode"],
    also({ mode, nodes, flags: given = [] }: spec.MemoryPolicy, path: string, faults: Faults) {
      const place = joinPath(path, "nodes");
      // set_mempolicy(2): the kernel refuses both.
      if (given.includes("MPOL_F_STATIC_NODES") && given.includes("MPOL_F_RELATIVE_NODES"))
        faults.push({ path: joinPath(path, "flags"), problem: "nodes cannot be both MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES" });
      if (mode === "MPOL_DEFAULT" || mode === "MPOL_LOCAL") {
        if (nodes !== undefined) faults.push({ path: place, problem: `${mode} goes without nodes` });
      } else if (nodes === undefined && mode !== "MPOL_PREFERRED") faults.push({ path: place, problem: `missing: ${mode} needs nodes` });
    },
  }),
};

const timeOffset: ObjectRule = {
  is: "object",
  expected: "an object",
  fields: {
    secs: int64,
    nanosecs: { is: "integer", expected: "an integer from 0 to 999999999", min: 0, max: 999999999 },
  } satisfies Fields<spec.TimeOffset>,
  required: [],
};

/** IFNAMSIZ, less its NUL; the kernel's dev_valid_name also refuses "/", ":" and white space. */
const isInterfaceName = (name: string): boolean => isFileName(name) && new TextEncoder().encode(name).length <= 15 && !/[:\s%]/.test(name);

const netDevices: LaterRule = {
  is: "later",
  expected: "an object",
  rule: () => ({
    is: "map",
    expected: "an object",
    keys: { is: "text", expected: "the name of a network interface", test: isInterfaceName },
    values: {
      is: "object",
      expected: "an object",
      fields: {
        name: {
          is: "text",
          expected: "the name of a network interface, or one with %d for a number",
          test: (name) => isInterfaceName(name.replace("%d", "d0")),
        },
      } satisfies Fields<spec.NetDevice>,
      required: [],
    },
  }),
};

const linux: ObjectRule = {
  is: "object",
  expected: "an object",
  fields: {
    uidMappings: idMappings,
    gidMappings: idMappings,
    sysctl: freeTexts,
    resources: resourcesRule,
    cgroupsPath: { is: "text", expected: 'a path without ".."', test: staysBelow },
    namespaces,
    devices: { is: "list", expected: "an array of objects", items: device },
    netDevices,
    seccomp,
    rootfsPropagation: {
      is: "name",
      expected: "one of private, slave, shared and unbindable, each also with r in front",
      among: ["private", "rprivate", "slave", "rslave", "shared", "rshared", "unbindable", "runbindable"],
    },
    maskedPaths: absolutePaths,
    readonlyPaths: absolutePaths,
    mountLabel: securityLabel,
    intelRdt,
    memoryPolicy,
    personality: {
      is: "object",
      expected: "an object",
      fields: {
        domain: { is: "name", expected: "LINUX or LINUX32", among: ["LINUX", "LINUX32"] },
        flags: texts,
      } satisfies Fields<spec.Personality>,
      required: ["domain"],
    },
    timeOffsets: {
      is: "object",
      expected: "an object",
      fields: { monotonic: timeOffset, boottime: timeOffset } satisfies Fields<NonNullable<spec.Linux["timeOffsets"]>>,
      required: [],
      foreign: { realtime: "has no offset: only monotonic and boottime have one" },
    },
  } satisfies Fields<spec.Linux>,
  required: [],
};

/** The newest minor version of the runtime spec whose fields the tables here hold. */
const newestMinor = 3;

/** `1.minor.patch` up to the newest minor, with whatever semver lets follow: `-rc.1`, `-dev`, `+dev`. */
function isKnownVersion(version: string): boolean {
  const minor = version.charCodeAt(2) - 48;
  if (version.indexOf("1.") !== 0 || !(minor >= 0 && minor <= newestMinor) || version.charCodeAt(3) !== 46) return false;
  let end = 4;
  while (version.charCodeAt(end) >= 48 && version.charCodeAt(end) <= 57) end++;
  if (end === 4 || end === version.length) return end > 4;
  return (version.charCodeAt(end) === 45 || version.charCodeAt(end) === 43) && end + 1 < version.length;
}

const otherPlatform = "box runs Linux containers";

export const specRule: ObjectRule = {
  is: "object",
  expected: "an object",
  fields: {
    ociVersion: {
      is: "text",
      expected: `a version of the runtime spec from 1.0.0 to 1.${newestMinor}`,
      test: isKnownVersion,
    },
    process: processRule,
    root: {
      is: "object",
      expected: "an object",
      fields: { path: filledText, readonly: boolean } satisfies Fields<spec.Root>,
      required: ["path"],
    },
    hostname: hostName,
    domainname: hostName,
    mounts: { is: "list", expected: "an array of objects", items: mount },
    hooks,
    annotations: { is: "map", expected: "an object of strings", keys: filledText, values: text },
    linux,
  } satisfies Fields<spec.Spec>,
  required: ["ociVersion", "root"],
  foreign: {
    windows: otherPlatform,
    solaris: otherPlatform,
    vm: otherPlatform,
    zos: otherPlatform,
    freebsd: otherPlatform,
  },
};
