// Loads a filter into the kernel for one call: a child, compiled here, which only a filter can stop.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errnoName } from "../../src/linux/errno-name.ts";
import { numberOf } from "./read-profile.ts";

const program = `
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The filter from standard input; arguments: abi, number, arguments of the call. Exits with its errno, 0 when it passed. */
int main(int argc, char **argv) {
  static struct sock_filter filter[4096];
  long length = 0, got;
  while ((got = read(0, (char *)filter + length, sizeof filter - length)) > 0) length += got;
  struct sock_fprog fprog = { .len = length / sizeof *filter, .filter = filter };
  unsigned long call[8] = { 0 };
  for (int at = 2; at < argc && at < 9; at++) call[at - 2] = strtoul(argv[at], 0, 0);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 254;
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &fprog) != 0) return 253;
  long result;
  if (argv[1][0] == 'i') {
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(call[0]), "b"(call[1]), "c"(call[2]), "d"(call[3]) : "memory", "r8", "r9", "r10", "r11");
    result = (int)result;
    return result < 0 ? -result : 0;
  }
  result = syscall(call[0], call[1], call[2], call[3], call[4], call[5], call[6]);
  return result < 0 ? errno : 0;
}
`;

/** Whether this machine can: gcc, x86-64, and a kernel that takes filters at all. Says on stderr what it lacks. */
export const canLoad = ((): boolean => {
  const lack = process.arch !== "x64" ? "x86-64" : Bun.which("gcc") === null ? "gcc" : undefined;
  if (lack !== undefined) process.stderr.write(`SKIPPED: filters are not loaded into the kernel: this machine lacks ${lack}\n`);
  return lack === undefined;
})();

export type Loader = Disposable & {
  /** `abi name-or-number argument…`: the errno's name, `passed`, or the signal that ended the child. */
  readonly call: (filter: Uint8Array, words: string) => string;
};

export function compileLoader(): Loader {
  const folder = mkdtempSync(join(tmpdir(), "box-seccomp-"));
  const path = join(folder, "load");
  const gcc = Bun.spawnSync(["gcc", "-O1", "-static", "-x", "c", "-o", path, "-"], { stdin: Buffer.from(program) });
  if (gcc.exitCode !== 0) throw new Error(gcc.stderr.toString());
  return {
    call(filter, words) {
      const [abi = "", name = "", ...args] = words.split(" ");
      const number = /^(0x)?[0-9a-f]+$/.test(name)
        ? name
        : String(numberOf(name, abi === "i386" ? "X86" : abi === "x32" ? "X32" : "X86_64"));
      const child = Bun.spawnSync([path, abi, number, ...args], { stdin: filter });
      if (child.signalCode !== undefined) return String(child.signalCode);
      if (child.exitCode >= 253) throw new Error(`cannot load the filter: ${child.exitCode}`);
      return child.exitCode === 0 ? "passed" : errnoName(child.exitCode);
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}
