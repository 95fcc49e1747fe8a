// Byte layouts of the kernel's structs that tapes pass: field → offset and size, and the whole size. Fields keep the
// kernel's names without the prefixes stx_, si_ and sa_. Only what a tape may want is here, not every field.
// Plain literals on purpose: a helper for the fields, called at import, makes every start 0.13 ms slower (measured).
// test/linux/structs.test.ts compares every offset and size with the C headers of both machines.

type PerMachine = { readonly x64: number; readonly arm64: number };
export type Field = { readonly offset: number | PerMachine; readonly bytes: number };
type Layout = {
  /** Room for one on either machine. */
  readonly bytes: number;
  /** From one to the next in an array, where the machines differ. */
  readonly stride?: PerMachine;
  readonly fields: Readonly<Record<string, Field>>;
};

export type StructName =
  | "open_how"
  | "mount_attr"
  | "clone_args"
  | "rlimit64"
  | "cap_user_header"
  | "cap_user_data"
  | "siginfo"
  | "statx"
  | "statfs"
  | "epoll_event"
  | "msghdr"
  | "iovec"
  | "cmsghdr"
  | "sockaddr_un"
  | "sockaddr_nl"
  | "winsize"
  | "ifreq"
  | "sigaction"
  | "sigset"
  | "pollfd"
  | "termios"
  | "timespec"
  | "signalfd_siginfo"
  | "fd_pair"
  | "gid"
  | "sock_fprog"
  | "sched_attr"
  | "bpf_prog_load"
  | "bpf_prog_attach"
  | "bpf_prog_replace"
  | "bpf_prog_query"
  | "bpf_prog_by_id";

export const structFields: Readonly<Record<StructName, Layout>> = {
  open_how: {
    bytes: 24,
    fields: {
      flags: { offset: 0, bytes: 8 },
      mode: { offset: 8, bytes: 8 },
      resolve: { offset: 16, bytes: 8 },
    },
  },
  mount_attr: {
    bytes: 32,
    fields: {
      attr_set: { offset: 0, bytes: 8 },
      attr_clr: { offset: 8, bytes: 8 },
      propagation: { offset: 16, bytes: 8 },
      userns_fd: { offset: 24, bytes: 8 },
    },
  },
  clone_args: {
    bytes: 88,
    fields: {
      flags: { offset: 0, bytes: 8 },
      pidfd: { offset: 8, bytes: 8 },
      child_tid: { offset: 16, bytes: 8 },
      parent_tid: { offset: 24, bytes: 8 },
      exit_signal: { offset: 32, bytes: 8 },
      stack: { offset: 40, bytes: 8 },
      stack_size: { offset: 48, bytes: 8 },
      tls: { offset: 56, bytes: 8 },
      set_tid: { offset: 64, bytes: 8 },
      set_tid_size: { offset: 72, bytes: 8 },
      cgroup: { offset: 80, bytes: 8 },
    },
  },
  rlimit64: { bytes: 16, fields: { rlim_cur: { offset: 0, bytes: 8 }, rlim_max: { offset: 8, bytes: 8 } } },
  cap_user_header: { bytes: 8, fields: { version: { offset: 0, bytes: 4 }, pid: { offset: 4, bytes: 4 } } },
  // Two of the kernel's in a row, as version 3 wants them: capabilities 0–31, then 32–63 (capset(2)).
  cap_user_data: {
    bytes: 24,
    fields: {
      effective: { offset: 0, bytes: 4 },
      permitted: { offset: 4, bytes: 4 },
      inheritable: { offset: 8, bytes: 4 },
      effective_high: { offset: 12, bytes: 4 },
      permitted_high: { offset: 16, bytes: 4 },
      inheritable_high: { offset: 20, bytes: 4 },
    },
  },
  // pid, uid and status: of a SIGCHLD, as waitid(2) fills it.
  siginfo: {
    bytes: 128,
    fields: {
      signo: { offset: 0, bytes: 4 },
      errno: { offset: 4, bytes: 4 },
      code: { offset: 8, bytes: 4 },
      pid: { offset: 16, bytes: 4 },
      uid: { offset: 20, bytes: 4 },
      status: { offset: 24, bytes: 4 },
    },
  },
  statx: {
    bytes: 256,
    fields: {
      mask: { offset: 0, bytes: 4 },
      attributes: { offset: 8, bytes: 8 },
      nlink: { offset: 16, bytes: 4 },
      uid: { offset: 20, bytes: 4 },
      gid: { offset: 24, bytes: 4 },
      mode: { offset: 28, bytes: 2 },
      ino: { offset: 32, bytes: 8 },
      size: { offset: 40, bytes: 8 },
      attributes_mask: { offset: 56, bytes: 8 },
      ctime: { offset: 96, bytes: 16 },
      rdev_major: { offset: 128, bytes: 4 },
      rdev_minor: { offset: 132, bytes: 4 },
      dev_major: { offset: 136, bytes: 4 },
      dev_minor: { offset: 140, bytes: 4 },
      mnt_id: { offset: 144, bytes: 8 },
    },
  },
  statfs: { bytes: 120, fields: { f_type: { offset: 0, bytes: 8 }, f_flags: { offset: 80, bytes: 8 } } },
  // Packed on x86-64 alone, so that its 32-bit programs see the same layout.
  epoll_event: {
    bytes: 16,
    stride: { x64: 12, arm64: 16 },
    fields: {
      events: { offset: 0, bytes: 4 },
      data: { offset: { x64: 4, arm64: 8 }, bytes: 8 },
    },
  },
  msghdr: {
    bytes: 56,
    fields: {
      msg_name: { offset: 0, bytes: 8 },
      msg_namelen: { offset: 8, bytes: 4 },
      msg_iov: { offset: 16, bytes: 8 },
      msg_iovlen: { offset: 24, bytes: 8 },
      msg_control: { offset: 32, bytes: 8 },
      msg_controllen: { offset: 40, bytes: 8 },
      msg_flags: { offset: 48, bytes: 4 },
    },
  },
  iovec: { bytes: 16, fields: { iov_base: { offset: 0, bytes: 8 }, iov_len: { offset: 8, bytes: 8 } } },
  // With room for one fd: cmsg_len is 20 then, and the 24 bytes are CMSG_SPACE(4) (cmsg(3)).
  cmsghdr: {
    bytes: 24,
    fields: {
      cmsg_len: { offset: 0, bytes: 8 },
      cmsg_level: { offset: 8, bytes: 4 },
      cmsg_type: { offset: 12, bytes: 4 },
      fd: { offset: 16, bytes: 4 },
    },
  },
  sockaddr_un: { bytes: 110, fields: { sun_family: { offset: 0, bytes: 2 }, sun_path: { offset: 2, bytes: 108 } } },
  sockaddr_nl: {
    bytes: 12,
    fields: {
      nl_family: { offset: 0, bytes: 2 },
      nl_pid: { offset: 4, bytes: 4 },
      nl_groups: { offset: 8, bytes: 4 },
    },
  },
  winsize: {
    bytes: 8,
    fields: {
      ws_row: { offset: 0, bytes: 2 },
      ws_col: { offset: 2, bytes: 2 },
      ws_xpixel: { offset: 4, bytes: 2 },
      ws_ypixel: { offset: 6, bytes: 2 },
    },
  },
  ifreq: {
    bytes: 40,
    fields: {
      ifr_name: { offset: 0, bytes: 16 },
      ifr_flags: { offset: 16, bytes: 2 },
      ifr_ifindex: { offset: 16, bytes: 4 },
    },
  },
  // rt_sigaction's, not libc's: the mask is last and 8 bytes. Both machines have the restorer.
  sigaction: {
    bytes: 32,
    fields: {
      handler: { offset: 0, bytes: 8 },
      flags: { offset: 8, bytes: 8 },
      restorer: { offset: 16, bytes: 8 },
      mask: { offset: 24, bytes: 8 },
    },
  },
  sigset: { bytes: 8, fields: { sig: { offset: 0, bytes: 8 } } },
  pollfd: {
    bytes: 8,
    fields: {
      fd: { offset: 0, bytes: 4 },
      events: { offset: 4, bytes: 2 },
      revents: { offset: 6, bytes: 2 },
    },
  },
  // What TCGETS and TCSETS copy, 19 control characters; libc's struct has 32 and is longer.
  termios: {
    bytes: 36,
    fields: {
      c_iflag: { offset: 0, bytes: 4 },
      c_oflag: { offset: 4, bytes: 4 },
      c_cflag: { offset: 8, bytes: 4 },
      c_lflag: { offset: 12, bytes: 4 },
      c_line: { offset: 16, bytes: 1 },
      c_cc: { offset: 17, bytes: 19 },
    },
  },
  timespec: { bytes: 16, fields: { tv_sec: { offset: 0, bytes: 8 }, tv_nsec: { offset: 8, bytes: 8 } } },
  signalfd_siginfo: {
    bytes: 128,
    fields: {
      ssi_signo: { offset: 0, bytes: 4 },
      ssi_errno: { offset: 4, bytes: 4 },
      ssi_code: { offset: 8, bytes: 4 },
      ssi_pid: { offset: 12, bytes: 4 },
      ssi_uid: { offset: 16, bytes: 4 },
      ssi_status: { offset: 40, bytes: 4 },
    },
  },
  // What pipe2 and socketpair write.
  fd_pair: { bytes: 8, fields: { first: { offset: 0, bytes: 4 }, second: { offset: 4, bytes: 4 } } },
  // One of the array that setgroups takes.
  gid: { bytes: 4, fields: { gid: { offset: 0, bytes: 4 } } },
  sched_attr: {
    bytes: 56,
    fields: {
      size: { offset: 0, bytes: 4 },
      sched_policy: { offset: 4, bytes: 4 },
      sched_flags: { offset: 8, bytes: 8 },
      sched_nice: { offset: 16, bytes: 4 },
      sched_priority: { offset: 20, bytes: 4 },
      sched_runtime: { offset: 24, bytes: 8 },
      sched_deadline: { offset: 32, bytes: 8 },
      sched_period: { offset: 40, bytes: 8 },
      sched_util_min: { offset: 48, bytes: 4 },
      sched_util_max: { offset: 52, bytes: 4 },
    },
  },
  sock_fprog: { bytes: 16, fields: { len: { offset: 0, bytes: 2 }, filter: { offset: 8, bytes: 8 } } },
  // The beginnings of variants of union bpf_attr; what is not passed is 0 to the kernel (bpf(2)).
  bpf_prog_load: {
    bytes: 40,
    fields: {
      prog_type: { offset: 0, bytes: 4 },
      insn_cnt: { offset: 4, bytes: 4 },
      insns: { offset: 8, bytes: 8 },
      license: { offset: 16, bytes: 8 },
      log_level: { offset: 24, bytes: 4 },
      log_size: { offset: 28, bytes: 4 },
      log_buf: { offset: 32, bytes: 8 },
    },
  },
  bpf_prog_attach: {
    bytes: 16,
    fields: {
      target_fd: { offset: 0, bytes: 4 },
      attach_bpf_fd: { offset: 4, bytes: 4 },
      attach_type: { offset: 8, bytes: 4 },
      attach_flags: { offset: 12, bytes: 4 },
    },
  },
  bpf_prog_replace: {
    bytes: 20,
    fields: {
      target_fd: { offset: 0, bytes: 4 },
      attach_bpf_fd: { offset: 4, bytes: 4 },
      attach_type: { offset: 8, bytes: 4 },
      attach_flags: { offset: 12, bytes: 4 },
      replace_bpf_fd: { offset: 16, bytes: 4 },
    },
  },
  bpf_prog_query: {
    bytes: 28,
    fields: {
      target_fd: { offset: 0, bytes: 4 },
      attach_type: { offset: 4, bytes: 4 },
      prog_ids: { offset: 16, bytes: 8 },
      prog_cnt: { offset: 24, bytes: 4 },
    },
  },
  bpf_prog_by_id: { bytes: 4, fields: { prog_id: { offset: 0, bytes: 4 } } },
};
