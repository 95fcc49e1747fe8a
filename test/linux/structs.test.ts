import { describe, expect, test } from "bun:test";
import { type StructName, structFields } from "../../src/linux/structs.ts";
import type { Machine } from "../../src/linux/syscalls.ts";
import { ask, canAsk, type Headers, type Question } from "./header-values.ts";

/** How C names a struct and its fields: `fields` maps ours to C's where they differ, undefined for what C does not name. */
type InC = {
  readonly type: string;
  readonly prefix?: string;
  readonly fields?: Readonly<Record<string, string>>;
  readonly bytes?: string;
  readonly libc?: true;
};

const inC: Readonly<Record<StructName, InC>> = {
  open_how: { type: "struct open_how" },
  mount_attr: { type: "struct mount_attr" },
  clone_args: { type: "struct clone_args" },
  rlimit64: { type: "struct rlimit64" },
  cap_user_header: { type: "struct __user_cap_header_struct" },
  cap_user_data: {
    type: "struct { struct __user_cap_data_struct low, high; }",
    prefix: "low.",
    fields: { effective_high: "high.effective", permitted_high: "high.permitted", inheritable_high: "high.inheritable" },
    bytes: "sizeof(struct __user_cap_data_struct) * _LINUX_CAPABILITY_U32S_3",
  },
  siginfo: {
    type: "siginfo_t",
    prefix: "si_",
    // These three are macros without the struct in front.
    fields: { pid: "_sifields._sigchld._pid", uid: "_sifields._sigchld._uid", status: "_sifields._sigchld._status" },
  },
  statx: { type: "struct statx", prefix: "stx_" },
  statfs: { type: "struct statfs" },
  epoll_event: { type: "struct epoll_event" },
  msghdr: { type: "struct msghdr", libc: true },
  iovec: { type: "struct iovec" },
  cmsghdr: { type: "struct cmsghdr", libc: true, fields: { fd: "__cmsg_data" }, bytes: "CMSG_SPACE(sizeof(int))" },
  sockaddr_un: { type: "struct sockaddr_un" },
  sockaddr_nl: { type: "struct sockaddr_nl" },
  winsize: { type: "struct winsize" },
  ifreq: {
    type: "struct ifreq",
    fields: { ifr_name: "ifr_ifrn.ifrn_name", ifr_flags: "ifr_ifru.ifru_flags", ifr_ifindex: "ifr_ifru.ifru_ivalue" },
  },
  sigaction: { type: "struct sigaction", prefix: "sa_" },
  sigset: { type: "union { sigset_t sig; }" },
  pollfd: { type: "struct pollfd" },
  termios: { type: "struct termios" },
  timespec: { type: "struct timespec" },
  signalfd_siginfo: { type: "struct signalfd_siginfo" },
  fd_pair: { type: "struct { int first, second; }" },
  gid: { type: "struct { __kernel_gid32_t gid; }" },
  sock_fprog: { type: "struct sock_fprog" },
  sched_attr: { type: "struct sched_attr" },
  bpf_prog_load: { type: "union bpf_attr", bytes: "__builtin_offsetof(union bpf_attr, kern_version)" },
  bpf_prog_attach: { type: "union bpf_attr", bytes: "__builtin_offsetof(union bpf_attr, replace_bpf_fd)" },
  bpf_prog_replace: { type: "union bpf_attr", bytes: "__builtin_offsetof(union bpf_attr, replace_bpf_fd) + sizeof(__u32)" },
  bpf_prog_query: {
    type: "union bpf_attr",
    prefix: "query.",
    bytes: "__builtin_offsetof(union bpf_attr, query.prog_cnt) + sizeof(__u32)",
  },
  bpf_prog_by_id: { type: "union bpf_attr", bytes: "__builtin_offsetof(union bpf_attr, next_id)" },
};

function questions(libc: boolean): Record<string, Question> {
  const all: Record<string, Question> = {};
  for (const [name, { type, prefix = "", fields = {}, bytes, libc: ofLibc = false }] of Object.entries(inC)) {
    if (ofLibc !== libc) continue;
    all[`${name}:bytes`] = { expression: bytes ?? `sizeof(${type})` };
    for (const field in structFields[name as StructName].fields) {
      const path = fields[field] ?? `${prefix}${field}`;
      all[`${name}.${field}:offset`] = { expression: `__builtin_offsetof(${type}, ${path})` };
      if (!(name === "cmsghdr" && field === "fd"))
        all[`${name}.${field}:bytes`] = { expression: `sizeof(((__typeof__(${type}) *)0)->${path})` };
    }
  }
  return all;
}

/** The table in the form of the answers. */
function expected(asked: Record<string, Question>, machine: Machine): Map<string, bigint> {
  const all = new Map<string, bigint>();
  for (const [name, { bytes, stride, fields }] of Object.entries(structFields)) {
    all.set(`${name}:bytes`, BigInt(stride?.[machine] ?? bytes));
    for (const [field, { offset, bytes: size }] of Object.entries(fields)) {
      all.set(`${name}.${field}:offset`, BigInt(typeof offset === "number" ? offset : offset[machine]));
      all.set(`${name}.${field}:bytes`, BigInt(size));
    }
  }
  return new Map(Object.keys(asked).map((key) => [key, all.get(key) ?? -1n]));
}

describe("layouts are those of the C headers", () => {
  const cases: readonly (readonly [Headers, Machine])[] = [
    ["x64", "x64"],
    ["arm64", "arm64"],
    ["libc", "x64"],
  ];
  for (const [headers, machine] of cases)
    test.skipIf(!canAsk(headers, `structs of ${headers}`))(headers, () => {
      const asked = questions(headers === "libc");
      expect(ask(headers, asked)).toEqual(expected(asked, machine));
    });
});

test("fields lie within their struct and, but for unions, do not overlap", () => {
  for (const [name, { bytes, stride, fields }] of Object.entries(structFields))
    for (const machine of ["x64", "arm64"] as const) {
      let end = 0;
      for (const [field, { offset, bytes: size }] of Object.entries(fields)) {
        const start = typeof offset === "number" ? offset : offset[machine];
        if (field !== "ifr_ifindex") expect([name, field, start >= end]).toEqual([name, field, true]);
        end = start + size;
      }
      expect([name, end <= (stride?.[machine] ?? bytes) && (stride?.[machine] ?? bytes) <= bytes]).toEqual([name, true]);
    }
});
