// The notes on what is configured of the process.

import type { Capabilities } from "../../src/config/spec.ts";
import type { FieldsOf, Note, Notes } from "./note.ts";

const capabilitySets: Readonly<Record<keyof Capabilities, string>> = {
  bounding: "What is not in it is dropped from the bounding set.",
  effective: "Set just before the program is executed, after all that takes a right.",
  inheritable: "Set as it says; `exec` gives none.",
  permitted: "Set as it says.",
  ambient: "Raised one by one. One that is not permitted and inheritable too stays off, and `box plan` says so.",
};

const setNote = (set: keyof Capabilities): Note => ({
  does: capabilitySets[set],
  shown: ["integration/every-field", "all five sets of capabilities, as they are before execve"],
  wrong: [[7], "[0]: expected the name of a capability, such as CAP_KILL, got 7"],
});

const limits: Note["shown"] = ["integration/process-limits", "each limit is set, soft and hard"];
const users: Note["shown"] = ["integration/user", "ids, groups and umask of a user with more groups"];
const deadline: Note["shown"] = ["integration/scheduling", "scheduled by SCHED_DEADLINE"];

export const processNotes: Notes<FieldsOf<"process">> = {
  process: {
    does: "The specification wants it only for `start`; box finds the program earlier, and refuses a configuration with nothing to run.",
    shown: ["integration/every-field", "without process: refused"],
    wrong: ["sh", ': expected an object, got "sh"'],
  },
  "process.terminal": {
    does: "A pseudoterminal of the container's own devpts, opened by TIOCGPTPEER. Without --console-socket box itself stays beside it.",
    shown: [
      "integration/terminal",
      "stdio and /dev/console are a pseudoterminal of the container's own, which is its controlling terminal",
    ],
    wrong: ["yes", ': expected true or false, got "yes"'],
  },
  "process.consoleSize": {
    does: "The terminal's first size, unless the caller has a terminal, whose size is followed.",
    shown: ["integration/terminal", "consoleSize is its size when the caller has no terminal"],
    wrong: [[25, 80], ": expected an object with height and width, got an array"],
  },
  "process.consoleSize.height": {
    does: "In lines.",
    shown: ["integration/terminal", "consoleSize is its size when the caller has no terminal"],
    wrong: [65536, ": expected an integer from 0 to 65535, got 65536"],
  },
  "process.consoleSize.width": {
    does: "In columns.",
    shown: ["integration/terminal", "consoleSize is its size when the caller has no terminal"],
    wrong: [undefined, ": missing, expected an integer from 0 to 65535"],
  },
  "process.user": {
    does: "Required. A process.json for `exec` may leave it out and then means root, as with runc.",
    shown: users,
    wrong: ["nobody", ': expected an object with uid and gid, got "nobody"'],
  },
  "process.user.uid": {
    does: "Real, effective, saved and filesystem id.",
    shown: users,
    wrong: ["root", ': expected an id from 0 to 4294967294, got "root"'],
  },
  "process.user.gid": {
    does: "Real, effective, saved and filesystem id.",
    shown: users,
    wrong: ["0", ': expected an id from 0 to 4294967294, got "0"'],
  },
  "process.user.umask": {
    does: "Without it 0022, whatever the caller's is. What box makes itself has the modes that the configuration says.",
    shown: ["integration/user", "the umask applies to what the program makes, not to what box makes"],
    wrong: [512, ": expected an integer from 0 to 511 (octal 777), got 512"],
  },
  "process.user.additionalGids": {
    does: "Exactly these: the caller's groups are never passed on.",
    shown: ["integration/user", "the caller's groups are not passed on"],
    wrong: [[5, -1], "[1]: expected an id from 0 to 4294967294, got -1"],
  },
  "process.user.username": {
    does: "For Windows: passed over, so that libraries may fill in both.",
    shown: ["integration/every-field", "much of it at once, each as it is configured"],
    wrong: [0, ": expected a string, got 0"],
  },
  "process.args": {
    does: "The program is searched in the container's PATH before the container is started, so `create` tells a missing one.",
    shown: ["integration/environment", "the first folder of the container's PATH wins, not the caller's"],
    wrong: [[], ": expected at least one entry, got []"],
  },
  "process.env": {
    does: "Exactly this, in its order. HOME is added from the container's passwd file where it is missing, as with runc.",
    shown: ["integration/environment", "exactly what is configured, in its order, empty values and = included"],
    wrong: [["PATH"], '[0]: expected NAME=value, got "PATH"'],
  },
  "process.cwd": {
    does: "Found inside the root, and made where it is missing, also in a read-only root. A file there is refused.",
    shown: ["integration/cwd", "a missing one is made, even in a read-only root"],
    wrong: ["srv", ': expected an absolute path, got "srv"'],
  },
  "process.capabilities": {
    does: "A set left out is empty; without the object all are. An unknown name is a warning, and left out, as the specification has it; `box validate` refuses it, and box.yaml does.",
    shown: ["integration/capabilities", "in config.json is a warning each time, and the others are had"],
    wrong: [["CAP_KILL"], ": expected an object, got an array"],
  },
  "process.capabilities.bounding": setNote("bounding"),
  "process.capabilities.effective": setNote("effective"),
  "process.capabilities.inheritable": setNote("inheritable"),
  "process.capabilities.permitted": setNote("permitted"),
  "process.capabilities.ambient": setNote("ambient"),
  "process.rlimits": {
    does: "Set before the user changes. Limits that are not listed are the caller's, not what Bun made of them. A type that stands twice is refused.",
    shown: limits,
    wrong: ["unlimited", ': expected an array of objects, got "unlimited"'],
  },
  "process.rlimits[].type": {
    does: "All sixteen of Linux.",
    shown: limits,
    wrong: ["RLIMIT_NOFILES", ': expected the name of a limit, such as RLIMIT_NOFILE, got "RLIMIT_NOFILES", did you mean "RLIMIT_NOFILE"?'],
  },
  "process.rlimits[].hard": {
    does: "2^64 - 1 is no limit.",
    shown: limits,
    wrong: [2 ** 65, ": expected an integer from 0 to 2^64 - 1, got 36893488147419103000"],
  },
  "process.rlimits[].soft": {
    does: "At most the hard one, told before anything is made.",
    shown: limits,
    wrong: [-1, ": expected an integer from 0 to 2^64 - 1, got -1"],
  },
  "process.noNewPrivileges": {
    does: "PR_SET_NO_NEW_PRIVS, after capabilities are as they are to be. Without it the seccomp filter is loaded all the same.",
    shown: ["integration/process-limits", "noNewPrivileges true"],
    wrong: [1, ": expected true or false, got 1"],
  },
  "process.apparmorProfile": {
    does: "Written to the process's own file of a procfs that box made. A host without AppArmor refuses all but `unconfined`.",
    shown: ["integration/labels", "confines the program, each time that it is started"],
    wrong: ["web\nserver", ': expected a label of at most 4000 bytes without control characters, got "web\\nserver"'],
  },
  "process.oomScoreAdj": {
    does: "Written by the container's process itself. Lower than the caller's takes CAP_SYS_RESOURCE, and the error says so.",
    shown: ["integration/oom-score", "is the container's, and not box's"],
    wrong: [1001, ": expected an integer from -1000 to 1000, got 1001"],
  },
  "process.scheduler": {
    does: "sched_setattr while the process has the right to it.",
    shown: ["integration/scheduling", "a scheduler, for a user who could not choose it"],
    wrong: ["SCHED_IDLE", ': expected an object, got "SCHED_IDLE"'],
  },
  "process.scheduler.policy": {
    does: "Every one of the specification. SCHED_ISO has no kernel that takes it, which the kernel says.",
    shown: ["integration/scheduling", "scheduled by SCHED_RR"],
    wrong: ["SCHED_FIF", ': expected a scheduling policy, such as SCHED_OTHER, got "SCHED_FIF", did you mean "SCHED_FIFO"?'],
  },
  "process.scheduler.nice": {
    does: "Of SCHED_OTHER and SCHED_BATCH.",
    shown: ["integration/scheduling", "a policy and a nice value"],
    wrong: [20, ": expected an integer from -20 to 19, got 20"],
  },
  "process.scheduler.priority": {
    does: "Refused with other policies than SCHED_FIFO and SCHED_RR.",
    shown: ["integration/scheduling", "scheduled by SCHED_FIFO"],
    wrong: [1.5, ": expected an integer of 32 bits, got 1.5"],
  },
  "process.scheduler.flags": {
    does: "Bits of sched_flags.",
    shown: ["integration/every-field", "much of it at once, each as it is configured"],
    wrong: [["X"], '[0]: expected a scheduling flag, such as SCHED_FLAG_RESET_ON_FORK, got "X"'],
  },
  "process.scheduler.runtime": {
    does: "In nanoseconds, of SCHED_DEADLINE; refused with others.",
    shown: deadline,
    wrong: [-1, ": expected an integer from 0 to 2^64 - 1, got -1"],
  },
  "process.scheduler.deadline": {
    does: "In nanoseconds, of SCHED_DEADLINE; refused with others.",
    shown: deadline,
    wrong: ["1ms", ': expected an integer from 0 to 2^64 - 1, got "1ms"'],
  },
  "process.scheduler.period": {
    does: "In nanoseconds, of SCHED_DEADLINE; refused with others.",
    shown: deadline,
    wrong: [true, ": expected an integer from 0 to 2^64 - 1, got true"],
  },
  "process.selinuxLabel": {
    does: "Of the program and its session keyring, written like a profile. A host without SELinux, or without a policy, refuses.",
    shown: ["integration/labels", "the program has its label, and so has its keyring"],
    wrong: [7, ": expected a label of at most 4000 bytes without control characters, got 7"],
  },
  "process.ioPriority": {
    does: "ioprio_set for the process.",
    shown: ["integration/scheduling", "a priority of I/O"],
    wrong: [4, ": expected an object, got 4"],
  },
  "process.ioPriority.class": {
    does: "IOPRIO_CLASS_RT takes a capability.",
    shown: ["integration/scheduling", "a priority of I/O"],
    wrong: [
      "IOPRIO_CLASS_XX",
      ': expected IOPRIO_CLASS_RT, IOPRIO_CLASS_BE or IOPRIO_CLASS_IDLE, got "IOPRIO_CLASS_XX", did you mean "IOPRIO_CLASS_RT"?',
    ],
  },
  "process.ioPriority.priority": {
    does: "0 is the highest.",
    shown: ["integration/scheduling", "a priority of I/O"],
    wrong: [8, ": expected an integer from 0 to 7, got 8"],
  },
  "process.execCPUAffinity": {
    does: "For `exec`; the container's first process gets every processor of its cgroup, whatever the caller's choice.",
    shown: ["integration/launch", "exec runs on the processors that the configuration gives it"],
    wrong: ["0-3", ': expected an object, got "0-3"'],
  },
  "process.execCPUAffinity.initial": {
    does: "Before the process is moved into the cgroup.",
    shown: ["integration/launch", "exec runs on the processors that the configuration gives it"],
    wrong: ["0-", ': expected a list of numbers, such as 0-3,7, got "0-"'],
  },
  "process.execCPUAffinity.final": {
    does: "After it is moved there.",
    shown: ["integration/launch", "exec runs on the processors that the configuration gives it"],
    wrong: ["one", ': expected a list of numbers, such as 0-3,7, got "one"'],
  },
};
