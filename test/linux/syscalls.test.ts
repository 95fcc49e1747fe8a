import { describe, expect, test } from "bun:test";
import { type ArgKind, type CallName, type Machine, syscalls } from "../../src/linux/syscalls.ts";
import { ask, canAsk } from "./header-values.ts";

const names = Object.keys(syscalls) as CallName[];
const machines: readonly Machine[] = ["x64", "arm64"];

describe("numbers are those of the C headers", () => {
  for (const machine of machines)
    test.skipIf(!canAsk(machine, `system call numbers of ${machine}`))(machine, () => {
      const answers = ask(machine, Object.fromEntries(names.map((name) => [name, { expression: `__NR_${name}` }])));
      expect(Object.fromEntries(answers)).toEqual(Object.fromEntries(names.map((name) => [name, BigInt(syscalls[name][machine])])));
    });
});

test("no number is given twice", () => {
  for (const machine of machines) expect(new Set(names.map((name) => syscalls[name][machine])).size).toBe(names.length);
});

/** How many arguments the kernel's SYSCALL_DEFINEn say: a second opinion beside the kinds in the table. */
const counts: Readonly<Record<number, string>> = {
  0: "getpid getuid setsid getppid gettid",
  1: "close fchdir chdir umask personality chroot unshare epoll_create1 exit exit_group inotify_init1",
  2: `munmap kill flock ftruncate clock_gettime getcwd fchmod setgroups nanosleep capget capset pivot_root umount2 sethostname setdomainname pipe2
    setns memfd_create fstatfs statfs fsopen pidfd_open clone3 eventfd2 sigaltstack`,
  3: `read write lseek getdents64 mprotect madvise ioctl socket connect sendmsg recvmsg bind fcntl fchown fchmodat sched_setaffinity setresuid setresgid mkdirat unlinkat symlinkat
    dup3 llistxattr execve set_mempolicy ioprio_set sched_setattr open_tree inotify_add_watch writev fsmount close_range bpf seccomp`,
  4: `sendfile rt_sigaction rt_sigprocmask pread64 pwrite64 socketpair ptrace rt_sigtimedwait epoll_ctl openat mknodat readlinkat
    signalfd4 lgetxattr utimensat prlimit64 pidfd_send_signal openat2 faccessat2`,
  5: "clone linkat lsetxattr fsetxattr setsockopt getsockopt recvmmsg prctl mount mremap waitid keyctl fchownat renameat2 execveat statx ppoll move_mount fsconfig mount_setattr",
  6: "process_vm_readv mmap splice sendto epoll_pwait",
};

test("argument counts are those of the kernel's definitions", () => {
  const known = Object.entries(counts).flatMap(([count, calls]) => calls.split(/\s+/).map((name) => [name, Number(count)] as const));
  const table = names.map((name) => [name, (syscalls[name].args as readonly ArgKind[]).length] as const);
  expect(Object.fromEntries(table)).toEqual(Object.fromEntries(known));
});
