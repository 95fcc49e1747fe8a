// Byte layouts of the kernel's structs that tapes pass: field → offset and size, and the whole size.

export type Field = { readonly offset: number | { readonly x64: number; readonly arm64: number }; readonly bytes: number };
type Layout = { readonly bytes: number; readonly fields: Readonly<Record<string, Field>> };

const at = (offset: number, bytes: number): Field => ({ offset, bytes });

export type StructName = "open_how" | "mount_attr" | "clone_args" | "rlimit64" | "cap_user_header" | "siginfo" | "statx" | "statfs" | "msghdr" | "iovec" | "sigaction" | "timespec" | "pollfd";

export const structFields: Readonly<Record<StructName, Layout>> = {
  open_how: { bytes: 24, fields: { flags: at(0, 8), mode: at(8, 8), resolve: at(16, 8) } },
  mount_attr: { bytes: 32, fields: { attr_set: at(0, 8), attr_clr: at(8, 8), propagation: at(16, 8), userns_fd: at(24, 8) } },
  clone_args: {
    bytes: 88,
    fields: { flags: at(0, 8), pidfd: at(8, 8), child_tid: at(16, 8), parent_tid: at(24, 8), exit_signal: at(32, 8), stack: at(40, 8), stack_size: at(48, 8), tls: at(56, 8), set_tid: at(64, 8), set_tid_size: at(72, 8), cgroup: at(80, 8) },
  },
  rlimit64: { bytes: 16, fields: { rlim_cur: at(0, 8), rlim_max: at(8, 8) } },
  cap_user_header: { bytes: 8, fields: { version: at(0, 4), pid: at(4, 4) } },
  siginfo: { bytes: 128, fields: { signo: at(0, 4), errno: at(4, 4), code: at(8, 4), pid: at(16, 4), uid: at(20, 4), status: at(24, 4) } },
  statx: { bytes: 256, fields: { mask: at(0, 4), mode: at(28, 2), ino: at(32, 8), rdev_major: at(128, 4), rdev_minor: at(132, 4), dev_major: at(136, 4), dev_minor: at(140, 4), mnt_id: at(144, 8) } },
  statfs: { bytes: 120, fields: { f_type: at(0, 8) } },
  msghdr: { bytes: 56, fields: { msg_name: at(0, 8), msg_namelen: at(8, 4), msg_iov: at(16, 8), msg_iovlen: at(24, 8), msg_control: at(32, 8), msg_controllen: at(40, 8), msg_flags: at(48, 4) } },
  iovec: { bytes: 16, fields: { iov_base: at(0, 8), iov_len: at(8, 8) } },
  sigaction: { bytes: 32, fields: { handler: at(0, 8), flags: at(8, 8), restorer: at(16, 8), mask: at(24, 8) } },
  timespec: { bytes: 16, fields: { tv_sec: at(0, 8), tv_nsec: at(8, 8) } },
  pollfd: { bytes: 8, fields: { fd: at(0, 4), events: at(4, 2), revents: at(6, 2) } },
};
