// The notes on linux.resources: which file of v1 and which of v2 a field becomes.

import type { BlockIo } from "../../src/config/spec.ts";
import type { FieldsOf, Note, Notes } from "./note.ts";

const files: Note["shown"] = ["integration/limits", "v1: the files say what was asked for"];
const units = "cgroup/limits";
const rules = "integration/device-cgroup";

type Throttle = Extract<keyof BlockIo, `throttle${string}`>;
type ThrottlePath<Name extends Throttle> =
  | `linux.resources.blockIO.${Name}`
  | `linux.resources.blockIO.${Name}[].${"major" | "minor" | "rate"}`;

function throttleNotes<const Name extends Throttle>(name: Name, does: string): Notes<ThrottlePath<Name>> {
  const shown: Note["shown"] = ["integration/limits", "rates of a disk"];
  const path = `linux.resources.blockIO.${name}`;
  const notes: Record<string, Note> = {
    [path]: { does, shown, wrong: [["8:0"], '[0]: expected an object, got "8:0"'] },
    [`${path}[].major`]: { does: "Of the disk.", shown, wrong: ["8", ': expected an integer of 64 bits, got "8"'] },
    [`${path}[].minor`]: { does: "Of the disk.", shown, wrong: [0.5, ": expected an integer of 64 bits, got 0.5"] },
    [`${path}[].rate`]: { does: "A second.", shown, wrong: [undefined, ": missing, expected an integer from 0 to 2^64 - 1"] },
  };
  return notes as Notes<ThrottlePath<Name>>;
}

export const resourceNotes: Notes<FieldsOf<"linux.resources">> = {
  "linux.resources": {
    does: "What no controller of this host can do is refused, all at once, and zero asks for nothing, as with runc.",
    shown: ["integration/limits", "a controller that is missing is named, with every field that needs it"],
    wrong: [[], ": expected an object, got []"],
  },
  "linux.resources.devices": {
    does: "v1 as lines, v2 as an eBPF program, both made of one table, in which the last rule wins. Without rules none but the usual devices. `update` takes others without a moment in which less is allowed.",
    shown: [rules, "v2: the last rule wins"],
    wrong: [{}, ": expected an array of objects, got an object"],
  },
  "linux.resources.devices[].allow": {
    does: "Required: without it a rule would do nothing.",
    shown: [rules, "v1: a device that no rule allows cannot be opened, whatever node leads to it"],
    wrong: [undefined, ": missing, expected true or false"],
  },
  "linux.resources.devices[].type": {
    does: "Without it both types.",
    shown: [rules, "v1: a rule opens it, for what it says"],
    wrong: ["u", ': expected "a", "b" or "c", got "u"'],
  },
  "linux.resources.devices[].major": {
    does: "-1, or none, is every number.",
    shown: [rules, "v1: a rule opens it, for what it says"],
    wrong: [-2, ": expected a number from 0 to 4294967295, or -1 for every one, got -2"],
  },
  "linux.resources.devices[].minor": {
    does: "-1, or none, is every number.",
    shown: [rules, "v1: a rule opens it, for what it says"],
    wrong: [2 ** 32, ": expected a number from 0 to 4294967295, or -1 for every one, got 4294967296"],
  },
  "linux.resources.devices[].access": {
    does: "Required, as for runc.",
    shown: [rules, "v1: a rule opens it, for what it says"],
    wrong: ["rx", ': expected some of the letters r, w and m, got "rx"'],
  },

  "linux.resources.memory": {
    does: "-1 is no limit.",
    shown: ["integration/limits", "no limit at all is one that can be asked for"],
    wrong: ["1G", ': expected an object, got "1G"'],
  },
  "linux.resources.memory.limit": {
    does: "memory.limit_in_bytes; memory.max.",
    shown: ["integration/limits", "more memory than the limit ends the container"],
    wrong: ["1G", ': expected an integer of 64 bits, got "1G"'],
  },
  "linux.resources.memory.reservation": {
    does: "memory.soft_limit_in_bytes; memory.low.",
    shown: files,
    wrong: [1.5, ": expected an integer of 64 bits, got 1.5"],
  },
  "linux.resources.memory.swap": {
    does: "Memory and swap together: memory.memsw.limit_in_bytes; the difference to memory in memory.swap.max.",
    shown: files,
    wrong: [true, ": expected an integer of 64 bits, got true"],
  },
  "linux.resources.memory.kernel": {
    does: "Ignored with a note: no kernel of today heeds it.",
    shown: [units, "the kernel's own is only noted"],
    wrong: ["1M", ': expected an integer of 64 bits, got "1M"'],
  },
  "linux.resources.memory.kernelTCP": {
    does: "Ignored with a note, as the one above.",
    shown: [units, "the kernel's own is only noted"],
    wrong: ["1M", ': expected an integer of 64 bits, got "1M"'],
  },
  "linux.resources.memory.swappiness": {
    does: "memory.swappiness, from 0 to 100; v2 has nothing like it, and says so.",
    shown: files,
    wrong: [-1, ": expected an integer from 0 to 2^64 - 1, got -1"],
  },
  "linux.resources.memory.disableOOMKiller": {
    does: "memory.oom_control; v2 has nothing like it, and says so.",
    shown: [units, "v1: the rest"],
    wrong: [1, ": expected true or false, got 1"],
  },
  "linux.resources.memory.useHierarchy": {
    does: "memory.use_hierarchy, in which kernels since 5.11 refuse false; v2 counts so always, and false is refused.",
    shown: ["integration/limits", "memory of cgroups below, which kernels of today always count"],
    wrong: ["yes", ': expected true or false, got "yes"'],
  },
  "linux.resources.memory.checkBeforeUpdate": {
    does: "Of `update` on v2: less than is in use is refused.",
    shown: ["integration/update", "less memory than is in use"],
    wrong: [0, ": expected true or false, got 0"],
  },

  "linux.resources.cpu": {
    does: "Written in the order in which the kernel takes the values.",
    shown: files,
    wrong: [2, ": expected an object, got 2"],
  },
  "linux.resources.cpu.shares": {
    does: "cpu.shares; cpu.weight by the newer formula of runc and crun.",
    shown: files,
    wrong: [-1, ": expected an integer from 0 to 2^64 - 1, got -1"],
  },
  "linux.resources.cpu.quota": {
    does: "cpu.cfs_quota_us; cpu.max.",
    shown: files,
    wrong: ["50%", ': expected an integer of 64 bits, got "50%"'],
  },
  "linux.resources.cpu.burst": {
    does: "cpu.cfs_burst_us; cpu.max.burst.",
    shown: files,
    wrong: [-1, ": expected an integer from 0 to 2^64 - 1, got -1"],
  },
  "linux.resources.cpu.period": {
    does: "cpu.cfs_period_us; cpu.max.",
    shown: files,
    wrong: ["100ms", ': expected an integer from 0 to 2^64 - 1, got "100ms"'],
  },
  "linux.resources.cpu.realtimeRuntime": {
    does: "cpu.rt_runtime_us; v2 has nothing like it, and says so.",
    shown: [units, "v1: real time, whose period may have to wait for the runtime"],
    wrong: [0.1, ": expected an integer of 64 bits, got 0.1"],
  },
  "linux.resources.cpu.realtimePeriod": {
    does: "cpu.rt_period_us; v2 has nothing like it, and says so.",
    shown: [units, "v1: real time, whose period may have to wait for the runtime"],
    wrong: [-1, ": expected an integer from 0 to 2^64 - 1, got -1"],
  },
  "linux.resources.cpu.cpus": {
    does: "cpuset.cpus.",
    shown: ["integration/limits", "processors"],
    wrong: [0, ": expected a string, got 0"],
  },
  "linux.resources.cpu.mems": {
    does: "cpuset.mems.",
    shown: files,
    wrong: [0, ": expected a string, got 0"],
  },
  "linux.resources.cpu.idle": {
    does: "cpu.idle. Where it becomes 0 it is written before the weight, since an idle cgroup takes none.",
    shown: [units, "v2"],
    wrong: [true, ": expected an integer of 64 bits, got true"],
  },

  "linux.resources.pids": {
    does: "pids.max.",
    shown: files,
    wrong: [10, ": expected an object, got 10"],
  },
  "linux.resources.pids.limit": {
    does: "Below 0 is no limit. 0 is one: the first process can start no other, as with runc.",
    shown: ["integration/limits", "zero processes leave room for the first alone"],
    wrong: [0.5, ": expected an integer of 64 bits, got 0.5"],
  },

  "linux.resources.blockIO": {
    does: "The controller blkio; on v2 io.",
    shown: ["integration/limits", "rates of a disk"],
    wrong: [500, ": expected an object, got 500"],
  },
  "linux.resources.blockIO.weight": {
    does: "blkio.weight or blkio.bfq.weight; io.bfq.weight, else io.weight in its own range.",
    shown: [units, "v1: weights under either name"],
    wrong: [65536, ": expected an integer from 0 to 65535, got 65536"],
  },
  "linux.resources.blockIO.leafWeight": {
    does: "blkio.leaf_weight; v2 has nothing like it, and says so.",
    shown: [units, "v1: leaf weights"],
    wrong: [-1, ": expected an integer from 0 to 65535, got -1"],
  },
  "linux.resources.blockIO.weightDevice": {
    does: "The same for one disk.",
    shown: [units, "v1: weights under either name"],
    wrong: ["8:0 500", ': expected an array of objects, got "8:0 500"'],
  },
  "linux.resources.blockIO.weightDevice[].major": {
    does: "Of the disk.",
    shown: [units, "v1: weights under either name"],
    wrong: [undefined, ": missing, expected an integer of 64 bits"],
  },
  "linux.resources.blockIO.weightDevice[].minor": {
    does: "Of the disk.",
    shown: [units, "v1: weights under either name"],
    wrong: ["0", ': expected an integer of 64 bits, got "0"'],
  },
  "linux.resources.blockIO.weightDevice[].weight": {
    does: "blkio.weight_device or blkio.bfq.weight_device; io.bfq.weight, else io.weight in its own range.",
    shown: [units, "v1: weights under either name"],
    wrong: [65536, ": expected an integer from 0 to 65535, got 65536"],
  },
  "linux.resources.blockIO.weightDevice[].leafWeight": {
    does: "blkio.leaf_weight_device; v2 has nothing like it, and says so.",
    shown: [units, "v1: leaf weights"],
    wrong: [-1, ": expected an integer from 0 to 65535, got -1"],
  },
  ...throttleNotes("throttleReadBpsDevice", "blkio.throttle.read_bps_device; rbps of io.max."),
  ...throttleNotes("throttleWriteBpsDevice", "blkio.throttle.write_bps_device; wbps of io.max."),
  ...throttleNotes("throttleReadIOPSDevice", "blkio.throttle.read_iops_device; riops of io.max."),
  ...throttleNotes("throttleWriteIOPSDevice", "blkio.throttle.write_iops_device; wiops of io.max."),

  "linux.resources.hugepageLimits": {
    does: "Also those that are reserved, where the kernel counts them.",
    shown: ["integration/limits", "v2: huge pages, and the controller is enabled for them"],
    wrong: [{}, ": expected an array of objects, got an object"],
  },
  "linux.resources.hugepageLimits[].pageSize": {
    does: "As the kernel names it in its files.",
    shown: ["integration/limits", "v2: huge pages, and the controller is enabled for them"],
    wrong: ["x/2MB", ': expected a page size, such as 2MB, got "x/2MB"'],
  },
  "linux.resources.hugepageLimits[].limit": {
    does: "hugetlb.SIZE.limit_in_bytes; hugetlb.SIZE.max.",
    shown: ["integration/limits", "v2: huge pages, and the controller is enabled for them"],
    wrong: [-1, ": expected an integer from 0 to 2^64 - 1, got -1"],
  },

  "linux.resources.network": {
    does: "v1 alone has it.",
    shown: [units, "v1: network"],
    wrong: ["eth0", ': expected an object, got "eth0"'],
  },
  "linux.resources.network.classID": {
    does: "net_cls.classid.",
    shown: [units, "v1: network"],
    wrong: [2 ** 32, ": expected an integer from 0 to 4294967295, got 4294967296"],
  },
  "linux.resources.network.priorities": {
    does: "net_prio.ifpriomap, a line each.",
    shown: [units, "v1: network"],
    wrong: [{ eth0: 5 }, ": expected an array of objects, got an object"],
  },
  "linux.resources.network.priorities[].name": {
    does: "The interface's.",
    shown: [units, "v1: network"],
    wrong: ["", ': expected a string that is not empty, got ""'],
  },
  "linux.resources.network.priorities[].priority": {
    does: "As the kernel takes it.",
    shown: [units, "v1: network"],
    wrong: [-1, ": expected an integer from 0 to 4294967295, got -1"],
  },

  "linux.resources.rdma": {
    does: "rdma.max, a line for each device; v1 and v2. crun has none of it.",
    shown: [units, "rdma"],
    wrong: [["mlx5_1"], ": expected an object, got an array"],
  },
  "linux.resources.rdma.*.hcaHandles": {
    does: "hca_handle.",
    shown: [units, "rdma"],
    wrong: [-1, ": expected an integer from 0 to 4294967295, got -1"],
  },
  "linux.resources.rdma.*.hcaObjects": {
    does: "hca_object.",
    shown: [units, "rdma"],
    wrong: ["max", ': expected an integer from 0 to 4294967295, got "max"'],
  },
  "linux.resources.unified": {
    does: "Any file of v2, written last, so that it wins, but for those that move, hold or end processes. On a host of v1 alone it is refused, as by runc.",
    shown: ["integration/limits", "v2: any file by its name, and in a folder that is made for it"],
    wrong: [{ "../memory.max": "1" }, '["../memory.max"]: expected the name of a cgroup file, got "../memory.max"'],
  },
};
