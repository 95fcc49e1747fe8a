// The filter of system calls that a box.yaml gets when it names none: what programs need is allowed, by groups that each say
// why; what is dangerous is refused, and some of that allowed with the capability that asks for it. Written from what the calls
// do. A call in no group, such as one newer than this table, does not exist for the container (ENOSYS), so that a C library
// tries the older one.

import { errno } from "../linux/errno.ts";
import type { Machine } from "../linux/syscalls.ts";
import type { Seccomp, SeccompArgument, SeccompRule } from "./spec.ts";

/** Calls of one kind, by name, and why they are let through or not. */
export type CallGroup = {
  readonly why: string;
  readonly calls: string;
  /** Any of these capabilities lets them through. */
  readonly needs?: readonly string[];
};

export const allowedCalls: readonly CallGroup[] = [
  {
    why: "processes and threads of the container's own: the namespaces of pids and the limits on their number hold them",
    calls: `arch_prctl capget capset execve execveat exit exit_group fork futex futex_requeue futex_time64 futex_wait futex_waitv
      futex_wake get_robust_list get_thread_area get_tls getpgid getpgrp getpid getppid getsid gettid kill pidfd_open
      pidfd_send_signal prctl restart_syscall rseq rseq_slice_yield set_robust_list set_thread_area set_tid_address set_tls
      setpgid setsid tgkill tkill uprobe uretprobe vfork wait4 waitid waitpid`,
  },
  {
    why: "a program's own memory",
    calls: `brk cacheflush madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mmap2
      mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect remap_file_pages`,
  },
  {
    why: "files by path: the root, its mounts and their options decide what there is",
    calls: `access chdir chmod chown chown32 creat faccessat faccessat2 fchdir fchmodat fchmodat2 fchownat file_getattr
      file_setattr fstatat64 futimesat getcwd getxattr getxattrat lchown lchown32 lgetxattr link linkat listmount listxattr
      listxattrat llistxattr lremovexattr lsetxattr lstat lstat64 mkdir mkdirat mknod mknodat name_to_handle_at newfstatat
      oldlstat oldstat open openat openat2 readlink readlinkat removexattr removexattrat rename renameat renameat2 rmdir
      setxattr setxattrat stat stat64 statfs statfs64 statmount statx symlink symlinkat truncate truncate64 umask unlink
      unlinkat utime utimensat utimensat_time64 utimes`,
  },
  {
    why: "open files: what they are was decided when they were opened",
    calls: `_llseek arm_fadvise64_64 arm_sync_file_range cachestat close close_range copy_file_range dup dup2 dup3 fadvise64
      fadvise64_64 fallocate fchmod fchown fchown32 fcntl fcntl64 fdatasync fgetxattr flistxattr flock fremovexattr fsetxattr
      fstat fstat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 getdents getdents64 lseek oldfstat pipe pipe2 pread64 preadv
      preadv2 pwrite64 pwritev pwritev2 read readahead readdir readv sendfile sendfile64 splice sync sync_file_range
      sync_file_range2 syncfs tee vmsplice write writev`,
  },
  {
    why: "waiting for files and events, and the kernel's older asynchronous reads and writes, which databases use",
    calls: `_newselect epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 inotify_add_watch
      inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup
      io_submit poll ppoll ppoll_time64 pselect6 pselect6_time64 select`,
  },
  {
    why: "telling the time and waiting for it; the kernel asks for CAP_SYS_TIME when these two would change it",
    calls: `adjtimex alarm clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
      clock_nanosleep clock_nanosleep_time64 getitimer gettimeofday nanosleep setitimer time timer_create timer_delete
      timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime
      timerfd_gettime64 timerfd_settime timerfd_settime64 times`,
  },
  {
    why: "signals among the container's processes",
    calls: `pause rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
      rt_sigtimedwait_time64 rt_tgsigqueueinfo sgetmask sigaction sigaltstack signal signalfd signalfd4 sigpending sigprocmask
      sigreturn sigsuspend ssetmask`,
  },
  {
    why: "users and groups: capabilities and the user namespace decide",
    calls: `getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid getresgid32 getresuid getresuid32
      getuid getuid32 setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setregid setregid32
      setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setuid setuid32`,
  },
  {
    why: "scheduling and limits of the caller's own processes, within what its cgroup and capabilities leave it",
    calls: `getcpu getpriority getrlimit getrusage ioprio_get ioprio_set nice prlimit64 sched_get_priority_max
      sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval
      sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield setpriority
      setrlimit ugetrlimit`,
  },
  {
    why: "sockets that exist: which kinds can be made is a rule of its own",
    calls: `accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64 recvmsg
      send sendmmsg sendmsg sendto setsockopt shutdown`,
  },
  {
    why: "queues, semaphores and shared memory of the container's ipc namespace",
    calls: `ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink
      msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget`,
  },
  {
    why: "giving up rights: a program can only lock itself in further",
    calls: `landlock_add_rule landlock_create_ruleset landlock_restrict_self lsm_get_self_attr lsm_list_modules lsm_set_self_attr
      seccomp`,
  },
  {
    why: "facts that are no secret",
    calls: "getrandom oldolduname olduname sysinfo uname",
  },
  {
    why: "debuggers: the kernel lets them at processes that the caller could control anyway, and no tracer gets around a filter since Linux 4.8",
    calls: "pidfd_getfd process_madvise process_mrelease process_vm_readv process_vm_writev ptrace",
  },
  { why: "numbers of arm alone, which are traps of its C library", calls: "breakpoint" },
];

export const refusedCalls: readonly CallGroup[] = [
  {
    why: "mounts could uncover what is masked or made read-only",
    needs: ["CAP_SYS_ADMIN"],
    calls: "fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree open_tree_attr pivot_root umount umount2",
  },
  {
    why: "other namespaces: in a user namespace of one's own, anybody has all capabilities over kernel code that is else root's",
    needs: ["CAP_SYS_ADMIN"],
    calls: "listns setns",
  },
  {
    why: "names, quotas, swap and watches that hold for the whole machine or for all of a filesystem",
    needs: ["CAP_SYS_ADMIN"],
    calls: `fanotify_init fanotify_mark lookup_dcookie quotactl quotactl_fd setdomainname sethostname swapoff swapon`,
  },
  { why: "code in the kernel", needs: ["CAP_SYS_MODULE"], calls: "create_module delete_module finit_module init_module" },
  { why: "another kernel in place of this one", calls: "kexec_file_load kexec_load" },
  { why: "the machine's end", needs: ["CAP_SYS_BOOT"], calls: "reboot" },
  { why: "programs in the kernel, whose verifier has had many holes", needs: ["CAP_BPF", "CAP_SYS_ADMIN"], calls: "bpf" },
  {
    why: "counters of the processor tell of other containers, and have been a way into the kernel",
    needs: ["CAP_PERFMON", "CAP_SYS_ADMIN"],
    calls: "perf_event_open",
  },
  { why: "keyrings belong to users and not to containers: another container's root is the same user", calls: "add_key keyctl request_key" },
  { why: "lets a program hold the kernel up in the middle of a copy, which makes exploits of races reliable", calls: "userfaultfd" },
  {
    why: "reads, opens and connects without a call that a filter sees, and has been a way into the kernel again and again",
    calls: "io_uring_enter io_uring_register io_uring_setup",
  },
  { why: "opens files by number, from outside of every root", needs: ["CAP_DAC_READ_SEARCH"], calls: "open_by_handle_at" },
  {
    why: "the machine's clocks, which no namespace has for itself",
    needs: ["CAP_SYS_TIME"],
    calls: "clock_settime clock_settime64 settimeofday stime",
  },
  { why: "the ports of devices", needs: ["CAP_SYS_RAWIO"], calls: "ioperm iopl pciconfig_iobase pciconfig_read pciconfig_write" },
  { why: "the log of all the machine's processes", needs: ["CAP_SYS_PACCT"], calls: "acct" },
  { why: "the kernel's messages, addresses among them", needs: ["CAP_SYSLOG"], calls: "syslog" },
  { why: "hangs up whoever has the terminal", needs: ["CAP_SYS_TTY_CONFIG"], calls: "vhangup" },
  { why: "another root folder has been a way out of the first", needs: ["CAP_SYS_CHROOT"], calls: "chroot" },
  {
    why: "where memory lies is the whole machine's concern",
    needs: ["CAP_SYS_NICE"],
    calls: "get_mempolicy mbind migrate_pages move_pages set_mempolicy set_mempolicy_home_node",
  },
  { why: "compares addresses of the kernel", needs: ["CAP_SYS_PTRACE"], calls: "kcmp" },
  { why: "segments for programs of 16 bits", calls: "modify_ldt vm86 vm86old" },
];

/** What depends on the arguments; rulesFor says on which. */
export const conditionalCalls = ["clone", "clone3", "ioctl", "personality", "socket", "socketcall", "socketpair", "unshare"] as const;

/** No kernel that box runs on does anything for these, or no program of today asks for it: they do not exist (ENOSYS). */
export const absentCalls = `_sysctl afs_syscall bdflush break epoll_ctl_old epoll_wait_old ftime get_kernel_syms getpmsg gtty idle lock mpx
  nfsservctl prof profil putpmsg query_module security stty sysfs tuxcall ulimit uselib usr26 usr32 ustat vserver`;

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET. */
const newNamespaces = 0x7e020000;
/** For clone these bits are the signal at a child's end. */
const CLONE_NEWTIME = 0x80;

const families = { AF_UNIX: 1, AF_INET: 2, AF_INET6: 10, AF_NETLINK: 16, AF_PACKET: 17 };

/** PER_LINUX and PER_LINUX32, each also with UNAME26, and the question what it is now. */
const personalities = [0, 8, 0x20000, 0x20008, 0xffffffff];

/** Both put what they like into the terminal that a container was started from. */
const terminalTricks = { TIOCSTI: 0x5412, TIOCLINUX: 0x541c };

const allow = (names: string[], ...args: SeccompArgument[]): SeccompRule => ({
  names,
  action: "SCMP_ACT_ALLOW",
  ...(args.length === 0 ? {} : { args }),
});
const refuse = (names: string[], error: keyof typeof errno, ...args: SeccompArgument[]): SeccompRule => ({
  names,
  action: "SCMP_ACT_ERRNO",
  errnoRet: errno[error],
  ...(args.length === 0 ? {} : { args }),
});
const is = (index: number, value: number): SeccompArgument => ({ index, value, op: "SCMP_CMP_EQ" });
const masked = (index: number, mask: number, valueTwo: number): SeccompArgument => ({
  index,
  value: mask,
  valueTwo,
  op: "SCMP_CMP_MASKED_EQ",
});
/** A condition that always holds, and comes last: a rule without any would beat those that have some. */
const whatever = (index: number): SeccompArgument => ({ index, value: 0, op: "SCMP_CMP_GE" });

export const namesIn = (calls: string): string[] => calls.split(/\s+/);

/** A machine's own ABI, and that of its programs of 32 bits; x32 has no programs. */
const architectures = { x64: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], arm64: ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"] } as const;

/** The profile for a container that has these capabilities. Each call makes a new value, which the caller may change. */
export function defaultSeccomp(granted: readonly string[], machine: Machine): Seccomp {
  const has = (needs: readonly string[] = []): boolean => needs.some((one) => granted.includes(one));
  const allowed = [...allowedCalls, ...refusedCalls.filter(({ needs }) => has(needs))].flatMap(({ calls }) => namesIn(calls));
  const refused = refusedCalls.filter(({ needs }) => !has(needs)).flatMap(({ calls }) => namesIn(calls));
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: errno.ENOSYS,
    architectures: [...architectures[machine]],
    syscalls: [allow(allowed.sort()), refuse(refused.sort(), "EPERM"), ...rulesFor(granted)],
  };
}

function rulesFor(granted: readonly string[]): SeccompRule[] {
  const sockets = Object.entries(families).filter(([name]) => name !== "AF_PACKET" || granted.includes("CAP_NET_RAW"));
  return [
    ...(granted.includes("CAP_SYS_ADMIN") ? [allow(["clone", "clone3", "unshare"])] : withoutNamespaces()),
    ...sockets.map(([, family]) => allow(["socket"], is(0, family))),
    // Two conditions: libseccomp, and so runc, puts the number of i386's socketcall in place of the family, and would have the
    // same rule twice, once to allow and once to refuse.
    refuse(["socket"], "EAFNOSUPPORT", whatever(0), whatever(1)),
    allow(["socketpair"], is(0, families.AF_UNIX)),
    refuse(["socketpair"], "EAFNOSUPPORT", whatever(0), whatever(1)),
    // i386's older way to all calls on sockets: their arguments lie in memory, where no filter sees the family. With the default
    // action instead, what is said of socket would be said of it too.
    refuse(["socketcall"], "EPERM"),
    ...personalities.map((value) => allow(["personality"], is(0, value))),
    refuse(["personality"], "EPERM", whatever(0)),
    // The kernel takes the lower half of this argument alone.
    ...Object.values(terminalTricks).map((request) => refuse(["ioctl"], "EPERM", masked(1, 0xffffffff, request))),
    allow(["ioctl"], whatever(1)),
  ];
}

/** The flags of clone3 lie in memory, where no filter sees them; a C library that is told ENOSYS takes clone. */
const withoutNamespaces = (): SeccompRule[] => [
  allow(["clone"], masked(0, newNamespaces, 0)),
  refuse(["clone"], "EPERM", whatever(0)),
  refuse(["clone3"], "ENOSYS"),
  allow(["unshare"], masked(0, newNamespaces | CLONE_NEWTIME, 0)),
  refuse(["unshare"], "EPERM", whatever(0)),
];
