// The system calls box makes: their number on each machine and the kind of each argument, in the kernel's order.
// One row is one fact; the types of a tape's steps, the encoder and the printer all derive from this table.
// Numbers: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h. Calls that aarch64 lacks
// (open, mkdir, mknod, dup2, pipe, poll, epoll_wait, fork) are left out on purpose: use the *at and numbered forms.

/** What an argument means: it decides the argument's TypeScript type, its encoding and how it is printed. */
export type ArgKind =
  | "fd" // an open file, or AT_FDCWD
  | "string" // address of a NUL-terminated string
  | "argv" // address of a NULL-terminated array of strings
  | "pointer" // address of a struct or buffer, or NULL
  | "int" // a signed number
  | "size" // a length in bytes
  | "mode" // file permission bits, printed in octal
  | "dev" // a device number, encoded as makedev(3) does
  | "id" // a user or group id
  | "signal" // a signal by name
  | `flags:${string}`; // an or-ed set of names from that group of src/linux/flags.ts

type Row = { readonly x64: number; readonly arm64: number; readonly args: readonly ArgKind[] };

const call = <const A extends readonly ArgKind[]>(x64: number, arm64: number, ...args: A) => ({ x64, arm64, args });

export const syscalls = {
  read: call(0, 63, "fd", "pointer", "size"),
  write: call(1, 64, "fd", "pointer", "size"),
  close: call(3, 57, "fd"),
  lseek: call(8, 62, "fd", "int", "int"),
  mmap: call(9, 222, "pointer", "size", "flags:PROT", "flags:MAP", "fd", "int"),
  mremap: call(25, 216, "pointer", "size", "size", "flags:MREMAP", "pointer"),
  munmap: call(11, 215, "pointer", "size"),
  mprotect: call(10, 226, "pointer", "size", "flags:PROT"),
  madvise: call(28, 233, "pointer", "size", "int"),
  rt_sigaction: call(13, 134, "signal", "pointer", "pointer", "size"),
  rt_sigprocmask: call(14, 135, "flags:SIG_HOW", "pointer", "pointer", "size"),
  writev: call(20, 66, "fd", "pointer", "int"),
  pread64: call(17, 67, "fd", "pointer", "size", "int"),
  pwrite64: call(18, 68, "fd", "pointer", "size", "int"),
  ioctl: call(16, 29, "fd", "flags:IOCTL", "pointer"),
  sendfile: call(40, 71, "fd", "fd", "pointer", "size"),
  getpid: call(39, 172),
  socket: call(41, 198, "flags:AF", "flags:SOCK", "int"),
  connect: call(42, 203, "fd", "pointer", "size"),
  sendto: call(44, 206, "fd", "pointer", "size", "flags:MSG", "pointer", "size"),
  sendmsg: call(46, 211, "fd", "pointer", "flags:MSG"),
  recvmsg: call(47, 212, "fd", "pointer", "flags:MSG"),
  bind: call(49, 200, "fd", "pointer", "size"),
  setsockopt: call(54, 208, "fd", "int", "int", "pointer", "size"),
  getsockopt: call(55, 209, "fd", "int", "int", "pointer", "pointer"),
  socketpair: call(53, 199, "flags:AF", "flags:SOCK", "int", "pointer"),
  clone: call(56, 220, "flags:CLONE", "pointer", "pointer", "pointer", "pointer"),
  kill: call(62, 129, "int", "signal"),
  fcntl: call(72, 25, "fd", "flags:F_CMD", "int"),
  flock: call(73, 32, "fd", "flags:LOCK"),
  ftruncate: call(77, 46, "fd", "size"),
  getcwd: call(79, 17, "pointer", "size"),
  chdir: call(80, 49, "string"),
  fchdir: call(81, 50, "fd"),
  fchmod: call(91, 52, "fd", "mode"),
  fchown: call(93, 55, "fd", "id", "id"),
  umask: call(95, 166, "mode"),
  ptrace: call(101, 117, "int", "int", "pointer", "pointer"),
  getuid: call(102, 174),
  lsetxattr: call(189, 6, "string", "string", "pointer", "size", "int"),
  lgetxattr: call(192, 9, "string", "string", "pointer", "size"),
  llistxattr: call(195, 12, "string", "pointer", "size"),
  setsid: call(112, 157),
  getppid: call(110, 173),
  setgroups: call(116, 159, "size", "pointer"),
  setresuid: call(117, 147, "id", "id", "id"),
  setresgid: call(119, 149, "id", "id", "id"),
  sigaltstack: call(131, 132, "pointer", "pointer"),
  capget: call(125, 90, "pointer", "pointer"),
  capset: call(126, 91, "pointer", "pointer"),
  rt_sigtimedwait: call(128, 137, "pointer", "pointer", "pointer", "size"),
  personality: call(135, 92, "int"),
  pivot_root: call(155, 41, "string", "string"),
  prctl: call(157, 167, "flags:PR", "int", "int", "int", "int"),
  chroot: call(161, 51, "string"),
  mount: call(165, 40, "string", "string", "string", "flags:MS", "string"),
  umount2: call(166, 39, "string", "flags:UMOUNT"),
  sethostname: call(170, 161, "string", "size"),
  setdomainname: call(171, 162, "string", "size"),
  gettid: call(186, 178),
  clock_gettime: call(228, 113, "int", "pointer"),
  epoll_ctl: call(233, 21, "fd", "flags:EPOLL_CTL", "fd", "pointer"),
  getdents64: call(217, 61, "fd", "pointer", "size"),
  waitid: call(247, 95, "flags:P", "int", "pointer", "flags:WAIT", "pointer"),
  keyctl: call(250, 219, "flags:KEYCTL", "string", "int", "int", "int"),
  openat: call(257, 56, "fd", "string", "flags:O", "mode"),
  mkdirat: call(258, 34, "fd", "string", "mode"),
  mknodat: call(259, 33, "fd", "string", "mode", "dev"),
  fchownat: call(260, 54, "fd", "string", "id", "id", "flags:AT"),
  unlinkat: call(263, 35, "fd", "string", "flags:AT"),
  linkat: call(265, 37, "fd", "string", "fd", "string", "flags:AT"),
  symlinkat: call(266, 36, "string", "fd", "string"),
  fchmodat: call(268, 53, "fd", "string", "mode"),
  readlinkat: call(267, 78, "fd", "string", "pointer", "size"),
  set_mempolicy: call(238, 237, "flags:MPOL", "pointer", "size"),
  ioprio_set: call(251, 30, "int", "int", "int"),
  inotify_init1: call(294, 26, "flags:O"),
  inotify_add_watch: call(254, 27, "fd", "string", "int"),
  process_vm_readv: call(310, 270, "int", "pointer", "int", "pointer", "int", "int"),
  unshare: call(272, 97, "flags:CLONE"),
  splice: call(275, 76, "fd", "pointer", "fd", "pointer", "size", "int"),
  utimensat: call(280, 88, "fd", "string", "pointer", "flags:AT"),
  epoll_pwait: call(281, 22, "fd", "pointer", "int", "int", "pointer", "size"),
  signalfd4: call(289, 74, "fd", "pointer", "size", "flags:O"),
  eventfd2: call(290, 19, "int", "flags:O"),
  epoll_create1: call(291, 20, "flags:O"),
  dup3: call(292, 24, "fd", "fd", "flags:O"),
  recvmmsg: call(299, 243, "fd", "pointer", "size", "flags:MSG", "pointer"),
  pipe2: call(293, 59, "pointer", "flags:O"),
  prlimit64: call(302, 261, "int", "flags:RLIMIT", "pointer", "pointer"),
  sched_setaffinity: call(203, 122, "int", "size", "pointer"),
  setns: call(308, 268, "fd", "flags:CLONE"),
  seccomp: call(317, 277, "flags:SECCOMP", "flags:SECCOMP_FILTER", "pointer"),
  sched_setattr: call(314, 274, "int", "pointer", "int"),
  renameat2: call(316, 276, "fd", "string", "fd", "string", "int"),
  memfd_create: call(319, 279, "string", "flags:MFD"),
  bpf: call(321, 280, "flags:BPF", "pointer", "size"),
  execveat: call(322, 281, "fd", "string", "argv", "argv", "flags:AT"),
  statx: call(332, 291, "fd", "string", "flags:AT", "flags:STATX", "pointer"),
  execve: call(59, 221, "string", "argv", "argv"),
  exit_group: call(231, 94, "int"),
  fstatfs: call(138, 44, "fd", "pointer"),
  statfs: call(137, 43, "string", "pointer"),
  ppoll: call(271, 73, "pointer", "int", "pointer", "pointer", "size"),
  pidfd_send_signal: call(424, 424, "fd", "signal", "pointer", "int"),
  open_tree: call(428, 428, "fd", "string", "flags:OPEN_TREE"),
  move_mount: call(429, 429, "fd", "string", "fd", "string", "flags:MOVE_MOUNT"),
  fsopen: call(430, 430, "string", "flags:FSOPEN"),
  fsconfig: call(431, 431, "fd", "flags:FSCONFIG", "string", "string", "int"),
  fsmount: call(432, 432, "fd", "flags:FSMOUNT", "flags:MOUNT_ATTR"),
  pidfd_open: call(434, 434, "int", "int"),
  clone3: call(435, 435, "pointer", "size"),
  close_range: call(436, 436, "int", "int", "flags:CLOSE_RANGE"),
  openat2: call(437, 437, "fd", "string", "pointer", "size"),
  faccessat2: call(439, 439, "fd", "string", "flags:ACCESS", "flags:AT"),
  mount_setattr: call(442, 442, "fd", "string", "flags:AT", "pointer", "size"),
} as const satisfies Record<string, Row>;

export type CallName = keyof typeof syscalls;
export type Machine = "x64" | "arm64";
