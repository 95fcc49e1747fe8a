// Names of flags and commands, by group: what goes into a call's arguments and what a printed plan shows.
// Numbers from the kernel's include/uapi; a pair where the machines differ. Names of one group that share bits
// (O_TMPFILE holds O_DIRECTORY, O_SYNC holds O_DSYNC) must not meet in one argument: the encoder adds.
// test/linux/flags.test.ts compares every number with the C headers of both machines.

// biome-ignore format: a table, several short entries to a line
export const flags = {
  PROT: { PROT_NONE: 0, PROT_READ: 1, PROT_WRITE: 2, PROT_EXEC: 4 },
  MAP: {
    MAP_SHARED: 1, MAP_PRIVATE: 2, MAP_SHARED_VALIDATE: 3, MAP_FIXED: 0x10, MAP_ANONYMOUS: 0x20, MAP_LOCKED: 0x2000,
    MAP_NORESERVE: 0x4000, MAP_POPULATE: 0x8000, MAP_STACK: 0x20000, MAP_FIXED_NOREPLACE: 0x100000,
  },
  MREMAP: { MREMAP_MAYMOVE: 1, MREMAP_FIXED: 2 },
  SIG_HOW: { SIG_BLOCK: 0, SIG_UNBLOCK: 1, SIG_SETMASK: 2 },
  IOCTL: {
    TCGETS: 0x5401, TCSETS: 0x5402, TCSETSW: 0x5403, TCSETSF: 0x5404, TIOCEXCL: 0x540c, TIOCSCTTY: 0x540e,
    TIOCGPGRP: 0x540f, TIOCSPGRP: 0x5410, TIOCGWINSZ: 0x5413, TIOCSWINSZ: 0x5414, FIONREAD: 0x541b, FIONBIO: 0x5421,
    TIOCNOTTY: 0x5422, TIOCGSID: 0x5429, TIOCGPTN: 0x80045430, TIOCSPTLCK: 0x40045431, TIOCGPTPEER: 0x5441,
    FIONCLEX: 0x5450, FIOCLEX: 0x5451, SIOCGIFFLAGS: 0x8913, SIOCSIFFLAGS: 0x8914, SIOCGIFINDEX: 0x8933,
    NS_GET_USERNS: 0xb701, NS_GET_PARENT: 0xb702, NS_GET_NSTYPE: 0xb703, NS_GET_OWNER_UID: 0xb704,
  },
  AF: { AF_UNSPEC: 0, AF_UNIX: 1, AF_INET: 2, AF_INET6: 10, AF_NETLINK: 16, AF_PACKET: 17, AF_VSOCK: 40 },
  SOCK: {
    SOCK_STREAM: 1, SOCK_DGRAM: 2, SOCK_RAW: 3, SOCK_SEQPACKET: 5, SOCK_NONBLOCK: 0o4000, SOCK_CLOEXEC: 0o2000000,
  },
  MSG: {
    MSG_PEEK: 2, MSG_CTRUNC: 8, MSG_TRUNC: 0x20, MSG_DONTWAIT: 0x40, MSG_EOR: 0x80, MSG_WAITALL: 0x100,
    MSG_NOSIGNAL: 0x4000, MSG_CMSG_CLOEXEC: 0x40000000,
  },
  // CLONE_NEWTIME lies within CSIGNAL, so only unshare, setns and clone3 take it. The last two only clone3.
  CLONE: {
    CLONE_NEWTIME: 0x80, CLONE_VM: 0x100, CLONE_FS: 0x200, CLONE_FILES: 0x400, CLONE_SIGHAND: 0x800,
    CLONE_PIDFD: 0x1000, CLONE_PTRACE: 0x2000, CLONE_VFORK: 0x4000, CLONE_PARENT: 0x8000, CLONE_THREAD: 0x10000,
    CLONE_NEWNS: 0x20000, CLONE_SYSVSEM: 0x40000, CLONE_SETTLS: 0x80000, CLONE_PARENT_SETTID: 0x100000,
    CLONE_CHILD_CLEARTID: 0x200000, CLONE_DETACHED: 0x400000, CLONE_UNTRACED: 0x800000, CLONE_CHILD_SETTID: 0x1000000,
    CLONE_NEWCGROUP: 0x2000000, CLONE_NEWUTS: 0x4000000, CLONE_NEWIPC: 0x8000000, CLONE_NEWUSER: 0x10000000,
    CLONE_NEWPID: 0x20000000, CLONE_NEWNET: 0x40000000, CLONE_IO: 0x80000000, CLONE_CLEAR_SIGHAND: 0x100000000,
    CLONE_INTO_CGROUP: 0x200000000,
  },
  F_CMD: {
    F_DUPFD: 0, F_GETFD: 1, F_SETFD: 2, F_GETFL: 3, F_SETFL: 4, F_DUPFD_CLOEXEC: 1030, F_SETPIPE_SZ: 1031,
    F_GETPIPE_SZ: 1032, F_ADD_SEALS: 1033, F_GET_SEALS: 1034,
  },
  SEAL: {
    F_SEAL_SEAL: 1, F_SEAL_SHRINK: 2, F_SEAL_GROW: 4, F_SEAL_WRITE: 8, F_SEAL_FUTURE_WRITE: 0x10, F_SEAL_EXEC: 0x20,
  },
  FD: { FD_CLOEXEC: 1 },
  LOCK: { LOCK_SH: 1, LOCK_EX: 2, LOCK_NB: 4, LOCK_UN: 8 },
  PR: {
    PR_SET_PDEATHSIG: 1, PR_GET_PDEATHSIG: 2, PR_GET_DUMPABLE: 3, PR_SET_DUMPABLE: 4, PR_GET_KEEPCAPS: 7,
    PR_SET_KEEPCAPS: 8, PR_SET_NAME: 15, PR_GET_NAME: 16, PR_GET_SECCOMP: 21, PR_SET_SECCOMP: 22, PR_CAPBSET_READ: 23,
    PR_CAPBSET_DROP: 24, PR_GET_SECUREBITS: 27, PR_SET_SECUREBITS: 28, PR_SET_MM: 35, PR_SET_CHILD_SUBREAPER: 36,
    PR_GET_CHILD_SUBREAPER: 37, PR_SET_NO_NEW_PRIVS: 38, PR_GET_NO_NEW_PRIVS: 39, PR_SET_THP_DISABLE: 41,
    PR_CAP_AMBIENT: 47, PR_GET_SPECULATION_CTRL: 52, PR_SET_SPECULATION_CTRL: 53, PR_SET_IO_FLUSHER: 57,
    PR_SET_VMA: 0x53564d41, PR_SET_MDWE: 65,
  },
  PR_CAP_AMBIENT: {
    PR_CAP_AMBIENT_IS_SET: 1, PR_CAP_AMBIENT_RAISE: 2, PR_CAP_AMBIENT_LOWER: 3, PR_CAP_AMBIENT_CLEAR_ALL: 4,
  },
  MS: {
    MS_RDONLY: 1, MS_NOSUID: 2, MS_NODEV: 4, MS_NOEXEC: 8, MS_SYNCHRONOUS: 0x10, MS_REMOUNT: 0x20, MS_MANDLOCK: 0x40,
    MS_DIRSYNC: 0x80, MS_NOSYMFOLLOW: 0x100, MS_NOATIME: 0x400, MS_NODIRATIME: 0x800, MS_BIND: 0x1000, MS_MOVE: 0x2000,
    MS_REC: 0x4000, MS_SILENT: 0x8000, MS_POSIXACL: 0x10000, MS_UNBINDABLE: 0x20000, MS_PRIVATE: 0x40000,
    MS_SLAVE: 0x80000, MS_SHARED: 0x100000, MS_RELATIME: 0x200000, MS_I_VERSION: 0x800000, MS_STRICTATIME: 0x1000000,
    MS_LAZYTIME: 0x2000000,
  },
  UMOUNT: { MNT_FORCE: 1, MNT_DETACH: 2, MNT_EXPIRE: 4, UMOUNT_NOFOLLOW: 8 },
  EPOLL_CTL: { EPOLL_CTL_ADD: 1, EPOLL_CTL_DEL: 2, EPOLL_CTL_MOD: 3 },
  EPOLL: {
    EPOLLIN: 1, EPOLLPRI: 2, EPOLLOUT: 4, EPOLLERR: 8, EPOLLHUP: 0x10, EPOLLRDHUP: 0x2000, EPOLLEXCLUSIVE: 0x10000000,
    EPOLLWAKEUP: 0x20000000, EPOLLONESHOT: 0x40000000, EPOLLET: 0x80000000,
  },
  POLL: { POLLIN: 1, POLLPRI: 2, POLLOUT: 4, POLLERR: 8, POLLHUP: 0x10, POLLNVAL: 0x20, POLLRDHUP: 0x2000 },
  P: { P_ALL: 0, P_PID: 1, P_PGID: 2, P_PIDFD: 3 },
  WAIT: {
    WNOHANG: 1, WSTOPPED: 2, WEXITED: 4, WCONTINUED: 8, WNOWAIT: 0x1000000, __WNOTHREAD: 0x20000000, __WALL: 0x40000000,
    __WCLONE: 0x80000000,
  },
  KEYCTL: { KEYCTL_GET_KEYRING_ID: 0, KEYCTL_JOIN_SESSION_KEYRING: 1, KEYCTL_SETPERM: 5, KEYCTL_DESCRIBE: 6 },
  O: {
    O_RDONLY: 0, O_WRONLY: 1, O_RDWR: 2, O_CREAT: 0o100, O_EXCL: 0o200, O_NOCTTY: 0o400, O_TRUNC: 0o1000,
    O_APPEND: 0o2000, O_NONBLOCK: 0o4000, O_DSYNC: 0o10000, O_DIRECT: { x64: 0o40000, arm64: 0o200000 },
    O_LARGEFILE: { x64: 0o100000, arm64: 0o400000 }, O_DIRECTORY: { x64: 0o200000, arm64: 0o40000 },
    O_NOFOLLOW: { x64: 0o400000, arm64: 0o100000 }, O_NOATIME: 0o1000000, O_CLOEXEC: 0o2000000, O_SYNC: 0o4010000,
    O_PATH: 0o10000000, O_TMPFILE: { x64: 0o20200000, arm64: 0o20040000 },
  },
  SECCOMP: { SECCOMP_SET_MODE_STRICT: 0, SECCOMP_SET_MODE_FILTER: 1, SECCOMP_GET_ACTION_AVAIL: 2 },
  SECCOMP_FILTER: {
    SECCOMP_FILTER_FLAG_TSYNC: 1, SECCOMP_FILTER_FLAG_LOG: 2, SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4,
    SECCOMP_FILTER_FLAG_NEW_LISTENER: 8, SECCOMP_FILTER_FLAG_TSYNC_ESRCH: 0x10, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: 0x20,
  },
  SOL: { SOL_SOCKET: 1, SOL_NETLINK: 270 },
  // Of sockets as the kernel has it since there are two, for time_t of 32 bits and of 64; and of netlink(7).
  SO: { SO_SNDTIMEO_OLD: 21, NETLINK_GET_STRICT_CHK: 12 },
  MFD: { MFD_CLOEXEC: 1, MFD_ALLOW_SEALING: 2, MFD_HUGETLB: 4, MFD_NOEXEC_SEAL: 8, MFD_EXEC: 0x10 },
  RLIMIT: {
    RLIMIT_CPU: 0, RLIMIT_FSIZE: 1, RLIMIT_DATA: 2, RLIMIT_STACK: 3, RLIMIT_CORE: 4, RLIMIT_RSS: 5, RLIMIT_NPROC: 6,
    RLIMIT_NOFILE: 7, RLIMIT_MEMLOCK: 8, RLIMIT_AS: 9, RLIMIT_LOCKS: 10, RLIMIT_SIGPENDING: 11, RLIMIT_MSGQUEUE: 12,
    RLIMIT_NICE: 13, RLIMIT_RTPRIO: 14, RLIMIT_RTTIME: 15,
  },
  // 0x200 is AT_REMOVEDIR to unlinkat and AT_EACCESS to faccessat2.
  AT: {
    AT_SYMLINK_NOFOLLOW: 0x100, AT_REMOVEDIR: 0x200, AT_EACCESS: 0x200, AT_SYMLINK_FOLLOW: 0x400,
    AT_NO_AUTOMOUNT: 0x800, AT_EMPTY_PATH: 0x1000, AT_STATX_FORCE_SYNC: 0x2000, AT_STATX_DONT_SYNC: 0x4000,
    AT_RECURSIVE: 0x8000,
  },
  STATX: {
    STATX_TYPE: 1, STATX_MODE: 2, STATX_NLINK: 4, STATX_UID: 8, STATX_GID: 0x10, STATX_ATIME: 0x20, STATX_MTIME: 0x40,
    STATX_CTIME: 0x80, STATX_INO: 0x100, STATX_SIZE: 0x200, STATX_BLOCKS: 0x400, STATX_BASIC_STATS: 0x7ff,
    STATX_BTIME: 0x800, STATX_MNT_ID: 0x1000, STATX_MNT_ID_UNIQUE: 0x4000,
  },
  STATX_ATTR: {
    STATX_ATTR_IMMUTABLE: 0x10, STATX_ATTR_APPEND: 0x20, STATX_ATTR_AUTOMOUNT: 0x1000, STATX_ATTR_MOUNT_ROOT: 0x2000,
  },
  OPEN_TREE: { OPEN_TREE_CLONE: 1, AT_EMPTY_PATH: 0x1000, AT_RECURSIVE: 0x8000, OPEN_TREE_CLOEXEC: 0o2000000 },
  MOVE_MOUNT: {
    MOVE_MOUNT_F_SYMLINKS: 1, MOVE_MOUNT_F_AUTOMOUNTS: 2, MOVE_MOUNT_F_EMPTY_PATH: 4, MOVE_MOUNT_T_SYMLINKS: 0x10,
    MOVE_MOUNT_T_AUTOMOUNTS: 0x20, MOVE_MOUNT_T_EMPTY_PATH: 0x40, MOVE_MOUNT_SET_GROUP: 0x100,
    MOVE_MOUNT_BENEATH: 0x200,
  },
  FSOPEN: { FSOPEN_CLOEXEC: 1 },
  FSCONFIG: {
    FSCONFIG_SET_FLAG: 0, FSCONFIG_SET_STRING: 1, FSCONFIG_SET_BINARY: 2, FSCONFIG_SET_PATH: 3,
    FSCONFIG_SET_PATH_EMPTY: 4, FSCONFIG_SET_FD: 5, FSCONFIG_CMD_CREATE: 6, FSCONFIG_CMD_RECONFIGURE: 7,
    FSCONFIG_CMD_CREATE_EXCL: 8,
  },
  FSMOUNT: { FSMOUNT_CLOEXEC: 1 },
  // The access-time mode is a number in the field _ATIME, not bits: RELATIME is 0.
  MOUNT_ATTR: {
    MOUNT_ATTR_RDONLY: 1, MOUNT_ATTR_NOSUID: 2, MOUNT_ATTR_NODEV: 4, MOUNT_ATTR_NOEXEC: 8, MOUNT_ATTR__ATIME: 0x70,
    MOUNT_ATTR_RELATIME: 0, MOUNT_ATTR_NOATIME: 0x10, MOUNT_ATTR_STRICTATIME: 0x20, MOUNT_ATTR_NODIRATIME: 0x80,
    MOUNT_ATTR_IDMAP: 0x100000, MOUNT_ATTR_NOSYMFOLLOW: 0x200000,
  },
  CLOSE_RANGE: { CLOSE_RANGE_UNSHARE: 2, CLOSE_RANGE_CLOEXEC: 4 },
  ACCESS: { F_OK: 0, X_OK: 1, W_OK: 2, R_OK: 4 },
  RESOLVE: {
    RESOLVE_NO_XDEV: 1, RESOLVE_NO_MAGICLINKS: 2, RESOLVE_NO_SYMLINKS: 4, RESOLVE_BENEATH: 8, RESOLVE_IN_ROOT: 0x10,
    RESOLVE_CACHED: 0x20,
  },
  S_IF: {
    S_IFIFO: 0o10000, S_IFCHR: 0o20000, S_IFDIR: 0o40000, S_IFBLK: 0o60000, S_IFREG: 0o100000, S_IFLNK: 0o120000,
    S_IFSOCK: 0o140000, S_IFMT: 0o170000,
  },
  GRND: { GRND_NONBLOCK: 1, GRND_RANDOM: 2, GRND_INSECURE: 4 },
  IFF: { IFF_UP: 1, IFF_BROADCAST: 2, IFF_LOOPBACK: 8, IFF_POINTOPOINT: 0x10, IFF_RUNNING: 0x40, IFF_MULTICAST: 0x1000 },
  SA: {
    SA_NOCLDSTOP: 1, SA_NOCLDWAIT: 2, SA_SIGINFO: 4, SA_RESTORER: 0x4000000, SA_ONSTACK: 0x8000000,
    SA_RESTART: 0x10000000, SA_NODEFER: 0x40000000, SA_RESETHAND: 0x80000000,
  },
  // A mode, and flags above it.
  MPOL: {
    MPOL_DEFAULT: 0, MPOL_PREFERRED: 1, MPOL_BIND: 2, MPOL_INTERLEAVE: 3, MPOL_LOCAL: 4, MPOL_PREFERRED_MANY: 5,
    MPOL_WEIGHTED_INTERLEAVE: 6, MPOL_F_NUMA_BALANCING: 0x2000, MPOL_F_RELATIVE_NODES: 0x4000, MPOL_F_STATIC_NODES: 0x8000,
  },
  BPF: { BPF_PROG_LOAD: 5, BPF_PROG_ATTACH: 8, BPF_PROG_GET_FD_BY_ID: 13, BPF_PROG_QUERY: 16 },
  BPF_PROG_TYPE: { BPF_PROG_TYPE_CGROUP_DEVICE: 15 },
  BPF_ATTACH_TYPE: { BPF_CGROUP_DEVICE: 6 },
  BPF_F: { BPF_F_ALLOW_MULTI: 2, BPF_F_REPLACE: 4 },
  BPF_DEVCG_DEV: { BPF_DEVCG_DEV_BLOCK: 1, BPF_DEVCG_DEV_CHAR: 2 },
  BPF_DEVCG_ACC: { BPF_DEVCG_ACC_MKNOD: 1, BPF_DEVCG_ACC_READ: 2, BPF_DEVCG_ACC_WRITE: 4 },
  CLD: { CLD_EXITED: 1, CLD_KILLED: 2, CLD_DUMPED: 3, CLD_TRAPPED: 4, CLD_STOPPED: 5, CLD_CONTINUED: 6 },
} as const;

export type FlagGroup = keyof typeof flags;
export type Flag<G extends FlagGroup> = keyof (typeof flags)[G];

type Machine = "x64" | "arm64";
type Value = number | { readonly x64: number; readonly arm64: number };

const onMachine = (value: Value, machine: Machine): number => (typeof value === "number" ? value : value[machine]);

export function flagValue(group: FlagGroup, name: string, machine: Machine): number {
  const value = (flags[group] as Readonly<Record<string, Value>>)[name];
  if (value === undefined) throw new Error(`flags: ${group} has no ${name}`);
  return onMachine(value, machine);
}

/** Every bit: the argument is one number out of a list. */
const whole = 0xffff_ffff_ffff_ffffn;

/** The bits of a group that are one number and not a bit each. */
// biome-ignore format: a table, several short entries to a line
const numberField: { readonly [G in FlagGroup]?: bigint } = {
  SIG_HOW: whole, IOCTL: whole, AF: whole, F_CMD: whole, PR: whole, PR_CAP_AMBIENT: whole, EPOLL_CTL: whole, P: whole,
  KEYCTL: whole, SECCOMP: whole, SOL: whole, SO: whole, RLIMIT: whole, FSCONFIG: whole, CLD: whole,
  BPF: whole, BPF_PROG_TYPE: whole, BPF_ATTACH_TYPE: whole, BPF_DEVCG_DEV: whole,
  MPOL: 0x1fffn, MAP: 0xfn, SOCK: 0xfn, O: 0x3n, MOUNT_ATTR: 0x70n, S_IF: 0o170000n,
};

/**
 * The names in a flags argument, `["O_RDONLY", "O_CLOEXEC"]`; what has no name comes last as hexadecimal, and 0
 * without a name is no names at all. Where two names mean the same number the first of the table is given.
 */
export function flagNames(group: FlagGroup, value: number, machine: Machine): string[] {
  const table = flags[group] as Readonly<Record<string, Value>>;
  const field = numberField[group] ?? 0n;
  let rest = BigInt.asUintN(64, BigInt(value));
  const number = rest & field;
  // A mode of 0 goes without saying, but for open's O_RDONLY and where it is all there is.
  const sayZero = group === "O" || rest === 0n;
  const found: string[] = [];
  for (const [name, part] of byBits(table, machine)) {
    const matches = (part & field) === part ? part === number && (part !== 0n || sayZero) : (rest & part) === part;
    if (!matches || (part !== 0n && (rest & part) === 0n)) continue;
    found.push(name);
    rest &= ~part;
    if (rest === 0n && !sayZero) break;
  }
  const names = Object.keys(table).filter((name) => found.includes(name));
  return rest === 0n ? names : [...names, `0x${rest.toString(16)}`];
}

/** Names with more bits first, so that O_SYNC is found before the O_DSYNC within it. */
function byBits(table: Readonly<Record<string, Value>>, machine: Machine): [string, bigint][] {
  const all = Object.entries(table).map(([name, value]): [string, bigint] => [name, BigInt(onMachine(value, machine))]);
  const bits = (part: bigint): number => part.toString(2).replaceAll("0", "").length;
  return all.sort(([, a], [, b]) => bits(b) - bits(a));
}
