// Which processors a process may run on, beside what its cgroup says. Where nobody asks for some, the caller's own choice
// (taskset, systemd's CPUAffinity=) is no part of the container: it gets all, and the kernel leaves those of its cpuset.

import { type Step, step } from "../tape/step.ts";

/** As many processors as Linux can be built for (CONFIG_NR_CPUS), as a mask. */
const MASK_BYTES = 1024;

/** After the cgroups are entered. Whoever may not is left as it is. */
export const allProcessors = (): Step =>
  step("sched_setaffinity", [0, MASK_BYTES, new Uint8Array(MASK_BYTES).fill(0xff)], "process", "run on all processors of the cgroup", {
    onError: [
      ["EPERM", []],
      ["EINVAL", []],
    ],
  });
