// The system call table as one machine needs it: the numbers of a name on the machine's ABIs in one integer, all of them as
// JSON text. Import packNumbers `with { type: "macro" }`: then it runs when box is built, and the table of all machines is
// not part of it. JSON, since reading 400 properties from text is the work of native code: no start waits for it otherwise.
//
//   bit 0             10            20             30
//       | 64-bit ABI | 32-bit ABI  | x32         | multiplexed |      10 bits all set: no such call
//
// Arm's own calls start at 0xf0000: these are packed from 1000 up.

import type { Machine } from "../linux/syscalls.ts";
import { syscallNumbers } from "./syscall-numbers.ts";

export const NUMBER_MASK = 0x3ff;
export const MULTIPLEXED = 2 ** 30;
export const ARM_OWN = 0xf0000;
export const PACKED_ARM_OWN = 1000;

// biome-ignore format: as linux/net.h and linux/ipc.h number them
/** Calls of i386 that are also made through another one, which takes their number as its first argument. */
export const multiplexedCalls: Readonly<Record<"socketcall" | "ipc", Readonly<Record<string, number>>>> = {
  socketcall: {
    socket: 1, bind: 2, connect: 3, listen: 4, accept: 5, getsockname: 6, getpeername: 7, socketpair: 8, send: 9, recv: 10,
    sendto: 11, recvfrom: 12, shutdown: 13, setsockopt: 14, getsockopt: 15, sendmsg: 16, recvmsg: 17, accept4: 18,
    recvmmsg: 19, sendmmsg: 20,
  },
  ipc: {
    semop: 1, semget: 2, semctl: 3, semtimedop: 4, msgsnd: 11, msgrcv: 12, msgget: 13, msgctl: 14, shmat: 21, shmdt: 22,
    shmget: 23, shmctl: 24,
  },
};

export function packNumbers(machine: Machine): string {
  const packed: Record<string, number> = {};
  for (const row of syscallNumbers.trim().split("\n")) {
    const [name = "", x64 = "", x86 = "", x32 = "", arm64 = "", arm = ""] = row.split(" ");
    if (machine === "arm64") packed[name] = pack(arm64) + pack(arm) * 2 ** 10 + NUMBER_MASK * 2 ** 20;
    else packed[name] = pack(x64) + pack(x86) * 2 ** 10 + pack(x32) * 2 ** 20 + (isMultiplexed(name) ? MULTIPLEXED : 0);
  }
  return JSON.stringify(packed);
}

const isMultiplexed = (name: string): boolean => name in multiplexedCalls.socketcall || name in multiplexedCalls.ipc;

function pack(column: string): number {
  if (column === "-") return NUMBER_MASK;
  const number = Number(column);
  const packed = number >= ARM_OWN ? number - ARM_OWN + PACKED_ARM_OWN : number;
  if (packed >= NUMBER_MASK || (number < ARM_OWN && number >= PACKED_ARM_OWN)) throw new Error(`no room for ${number}`);
  return packed;
}
