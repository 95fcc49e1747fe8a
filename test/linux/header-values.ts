// Asks the C headers: compiles one file per machine whose assembly holds each expression's value, and reads them back.
// Nothing is run, so aarch64 needs its headers but no compiler: x86-64's is told to be one that is not x86-64. Both
// lay out integers and pointers alike (LP64, natural alignment), which is all these structs hold.

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Machine } from "../../src/linux/syscalls.ts";

/** `since`: the kernel whose headers first have it, such as `6.3`; older headers are not asked. */
export type Question = { readonly expression: string; readonly since?: string | undefined };

/** The kernel's own headers, or libc's for what the kernel keeps out of include/uapi. */
export type Headers = Machine | "libc";

const uapi: Readonly<Record<Machine, { readonly folders: readonly string[]; readonly asm: string; readonly options: readonly string[] }>> =
  {
    x64: { folders: ["/usr/include/x86_64-linux-gnu", "/usr/include"], asm: "/usr/include/x86_64-linux-gnu/asm/unistd.h", options: [] },
    arm64: {
      folders: ["/usr/aarch64-linux-gnu/include"],
      asm: "/usr/aarch64-linux-gnu/include/asm/unistd.h",
      options: ["-U__x86_64__", "-U__x86_64", "-D__aarch64__"],
    },
  };

// biome-ignore format: a list of short names, several to a line
const kernelIncludes = [
  "linux/types.h", "asm/socket.h", "asm/unistd.h", "asm/fcntl.h", "asm/ioctls.h", "asm/mman.h", "asm/poll.h", "asm/resource.h",
  "asm/siginfo.h", "asm/signal.h", "asm/statfs.h", "asm/termbits.h", "asm/termios.h", "linux/audit.h", "linux/bpf.h", "linux/capability.h",
  "linux/close_range.h", "linux/cn_proc.h", "linux/connector.h", "linux/errno.h", "linux/eventpoll.h", "linux/fcntl.h", "linux/filter.h", "linux/if.h", "linux/ipc.h", "linux/keyctl.h",
  "linux/magic.h", "linux/mempolicy.h", "linux/memfd.h", "linux/mman.h", "linux/mount.h", "linux/net.h", "linux/netlink.h", "linux/nsfs.h",
  "linux/openat2.h", "linux/prctl.h", "linux/random.h", "linux/resource.h", "linux/rtnetlink.h", "linux/sched.h", "linux/sched/types.h", "linux/seccomp.h", "linux/signalfd.h",
  "linux/sock_diag.h", "linux/sockios.h", "linux/stat.h", "linux/time.h", "linux/uio.h", "linux/un.h", "linux/wait.h",
];
const libcIncludes = ["stddef.h", "fcntl.h", "unistd.h", "sys/socket.h", "sys/mount.h"];

/** What a machine lacks to answer, or undefined. */
function missing(headers: Headers): string | undefined {
  if (Bun.which("gcc") === null) return "gcc";
  if (headers === "libc") return process.arch === "x64" && existsSync("/usr/include/stdlib.h") ? undefined : "libc's headers for x86-64";
  return existsSync(uapi[headers].asm) ? undefined : `${uapi[headers].asm} (the kernel's headers for ${headers})`;
}

/** True when the headers are there; else says on stderr what is not checked, and is false. */
export function canAsk(headers: Headers, what: string): boolean {
  const lack = missing(headers);
  if (lack !== undefined) process.stderr.write(`SKIPPED: ${what} is not compared with the C headers: this machine lacks ${lack}\n`);
  return lack === undefined;
}

/** Each question's value by its key; a question that is newer than the headers has none. */
export function ask(headers: Headers, questions: Readonly<Record<string, Question>>): Map<string, bigint> {
  const folder = mkdtempSync(join(tmpdir(), "box-headers-"));
  try {
    mkdirSync(join(folder, "sys"));
    // linux/if.h wants libc's sys/socket.h for this alone.
    writeFileSync(join(folder, "sys/socket.h"), "struct sockaddr { unsigned short sa_family; char sa_data[14]; };\n");
    writeFileSync(join(folder, "ask.c"), program(headers, questions));
    const where =
      headers === "libc"
        ? []
        : ["-nostdinc", ...uapi[headers].options, ...[folder, ...uapi[headers].folders].flatMap((one) => ["-isystem", one])];
    const gcc = Bun.spawnSync(["gcc", "-std=gnu11", "-w", "-S", "-o", "-", ...where, join(folder, "ask.c")]);
    if (gcc.exitCode !== 0) throw new Error(`gcc for ${headers}:\n${gcc.stderr.toString()}`);
    const answers = gcc.stdout.toString().matchAll(/^->(\S+) \$?(-?\d+)$/gm);
    return new Map([...answers].map(([, key = "", value = ""]) => [key, BigInt(value)]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function program(headers: Headers, questions: Readonly<Record<string, Question>>): string {
  const includes = headers === "libc" ? ["features.h", "linux/version.h", ...libcIncludes] : ["linux/version.h", ...kernelIncludes];
  const lines = ["#define _GNU_SOURCE", ...includes.map((one) => `#include <${one}>`), "void ask(void) {"];
  for (const [key, { expression, since }] of Object.entries(questions)) {
    const answer = `__asm__ volatile("\\n->${key} %0\\n" :: "i"((long)(${expression})));`;
    if (since === undefined) lines.push(answer);
    else lines.push(`#if LINUX_VERSION_CODE >= KERNEL_VERSION(${since.replace(".", ",")},0)`, answer, "#endif");
  }
  return `${lines.join("\n")}\n}\n`;
}
