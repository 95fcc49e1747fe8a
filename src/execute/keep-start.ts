// Keeps a start: runs box up to the point where it would look at its command line, and writes the memory of that process to
// a file that every further start goes on from (src/front). Loaded when a start is to be kept (consider-keeping.ts).

import { KEPT_MAGIC, keptStart } from "../front/boot.ts";
import { encodeFrontAddresses } from "../front/front-macro.ts" with { type: "macro" };
import { KEPT_COMMAND } from "../front/kept-command.ts";
import type { KeptProcess } from "../front/kept-process.ts";
import { FRONT_DATA_ADDRESS, PLAIN_NAME, RESTORE_ADDRESS, RESTORE_BYTES_MAX, words } from "../front/layout.ts";
import { restoreSteps } from "../front/restore.ts";
import { encodeTape } from "../tape/encode.ts";
import { newVariables } from "../tape/step.ts";
import { readBytes, readText } from "./files.ts";
import { identityOf } from "./identity.ts";
import { replaceKept } from "./kept-folder.ts";
import { addressOf, cString, systemCall } from "./libc.ts";
import { readPages, withAnotherProcess } from "./read-process.ts";
import { removeRehearsal } from "./remove-old-starts.ts";
import { ACTION_BYTES, FILLED_TO, REPORT_BYTES, REPORT_FD, STACK_T_BYTES } from "./wait-to-be-kept.ts";

const { resume } = encodeFrontAddresses();

const AT_FDCWD = -100;
const O_CLOEXEC = 0o2000000;
const PAGE = 4096;
const SIGCHLD = 17;
const SIGSET_BYTES = 8;

/** Much more than libc's own allocator is ever asked for; Bun has another. */
const HEAP_BYTES = 1024 * 1024;

/** Of a function or a loop, before it is compiled. */
const MANY_RUNS = "100000";

/**
 * libc would register with the kernel a place in the thread's memory (rseq(2)) that the next process has not registered, and
 * JavaScriptCore would start threads. Where libc's heap ends, the next process's does not: brk(2) would answer with a place
 * above or below, which libc would take for its heap grown or shrunk. So it has all of it from the beginning. Memory that Bun's
 * allocator gives back to the kernel (MADV_DONTNEED) would read as what the kept start's file has there, where the allocator
 * counts on zeros: so it gives none back. What the rehearsal has left behind would be collected by every process that begins there,
 * as soon as there are 8 MiB of it, which the engine has as its usual: to this much no command comes that does little. And what has
 * run a few hundred times in the rehearsal would be compiled in the next process, which ends before that is worth it.
 */
const settings = {
  GLIBC_TUNABLES: `glibc.pthread.rseq=0:glibc.malloc.top_pad=${HEAP_BYTES}:glibc.malloc.trim_threshold=${2 ** 40}`,
  MIMALLOC_PURGE_DELAY: "-1",
  BUN_JSC_useWarmUpMarkedBlocks: "0",
  BUN_JSC_useConcurrentGC: "0",
  BUN_JSC_useConcurrentJIT: "0",
  BUN_JSC_numberOfGCMarkers: "1",
  BUN_JSC_largeHeapSize: String(64 * 1024 * 1024),
  BUN_JSC_thresholdForJITAfterWarmUp: MANY_RUNS,
  BUN_JSC_thresholdForJITSoon: MANY_RUNS,
};

/** Makes the start and puts it in the folder. Throws a plain Error where that cannot be. */
export const keepStart = (folder: number, name: string): Promise<void> => withAnotherProcess(() => keepOne(folder, name));

async function keepOne(folder: number, name: string): Promise<void> {
  const executable = linkOf("/proc/self/exe");
  removeRehearsal();
  const report = systemCall("memfd_create", cString("report").address, 1);
  const nothing = systemCall("openat", AT_FDCWD, cString("/dev/null").address, O_CLOEXEC | 2, 0);
  // One that ignores SIGCHLD is not told how the child ends (sigaction(2)).
  systemCall("rt_sigaction", SIGCHLD, addressOf(new Uint8Array(ACTION_BYTES)), 0, SIGSET_BYTES);
  const filled = Array.from({ length: FILLED_TO - REPORT_FD }, () => nothing);
  const child = Bun.spawn([executable, KEPT_COMMAND, String(process.pid)], {
    argv0: PLAIN_NAME,
    env: settings,
    cwd: "/",
    stdio: [nothing, nothing, nothing, report, ...filled],
  });
  try {
    waitForStop(child.pid);
    const bytes = encodeStart(name, child.pid, executable, report);
    if (!replaceKept(folder, name, bytes)) throw new Error("it cannot be written");
    collapsePages(folder, name, bytes.length);
    await tryStart(executable);
  } finally {
    child.kill("SIGKILL");
    await child.exited;
    removeRehearsal();
    systemCall("close", report);
    systemCall("close", nothing);
  }
}

const HUGE_PAGE = 2 * 1024 * 1024;
const PROT_READ = 1;
const MAP_SHARED = 1;
const MAP_FIXED = 0x10;
const MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x4022;
/** Since Linux 6.1 (madvise(2)). */
const MADV_COLLAPSE = 25;

/**
 * The file's pages as huge ones, as far as the kernel will: then it maps sixteen around one that is touched, and forgets them
 * again, in one go instead of one by one, which is a sixth of a start's time (measured). Without, all is as well.
 */
function collapsePages(folder: number, name: string, length: number): void {
  const file = systemCall("openat", folder, cString(name).address, O_CLOEXEC, 0);
  if (file < 0) return;
  const bytes = Math.ceil(length / HUGE_PAGE) * HUGE_PAGE;
  const room = systemCall("mmap", 0, bytes + HUGE_PAGE, 0, MAP_PRIVATE_ANONYMOUS_NORESERVE, -1, 0);
  if (room >= 0) {
    const there = Math.ceil(room / HUGE_PAGE) * HUGE_PAGE;
    if (systemCall("mmap", there, bytes, PROT_READ, MAP_SHARED | MAP_FIXED, file, 0) === there)
      systemCall("madvise", there, bytes, MADV_COLLAPSE);
    systemCall("munmap", room, bytes + HUGE_PAGE);
  }
  systemCall("close", file);
}

const P_PID = 1;
const WSTOPPED_WEXITED_WNOWAIT = 2 | 4 | 0x0100_0000;
const CLD_STOPPED = 5;

function waitForStop(pid: number): void {
  const siginfo = new Uint8Array(128);
  const waited = systemCall("waitid", P_PID, pid, addressOf(siginfo), WSTOPPED_WEXITED_WNOWAIT, 0);
  if (waited < 0 || new DataView(siginfo.buffer).getInt32(8, true) !== CLD_STOPPED) throw new Error("it did not stop");
}

function encodeStart(name: string, pid: number, executable: string, report: number): Uint8Array {
  if (readText(`/proc/${pid}/task/${pid}/children`) !== "" || tasksOf(pid) !== 1) throw new Error("it has more than one thread");
  const { own, others, kernels, memory } = readPages(pid, executable, keptStart.memory);
  const process: KeptProcess = {
    own,
    others,
    kernels,
    vdso: kernels.find(({ path }) => path === "[vdso]")?.start ?? 0,
    files: [...new Set(others.flatMap(({ path }) => path ?? []))].map((path) => ({ path, identity: identityOf(path) })),
    bootId: padded(readBytes("/proc/sys/kernel/random/boot_id"), 40),
    ...threadOf(pid),
    target: resume,
    ...reportOf(report),
    eventLoop: eventLoopOf(pid),
  };
  const variables = newVariables();
  const { restore, giveUp } = restoreSteps(name, process, variables);
  const where = { machine: "x64", base: RESTORE_ADDRESS, status: FRONT_DATA_ADDRESS + words.status } as const;
  const { image } = encodeTape([restore, giveUp], variables, where, { failureList: 1 });
  if (image.length > RESTORE_BYTES_MAX) throw new Error(`its tape has ${image.length} bytes, more than ${RESTORE_BYTES_MAX}`);
  return joinStart(memory, image, executable);
}

function joinStart(memory: readonly Uint8Array[], tape: Uint8Array, executable: string): Uint8Array {
  const tapeAt = keptStart.memory + memory.reduce((sum, { length }) => sum + length, 0);
  const bytes = new Uint8Array(tapeAt + Math.ceil(tape.length / PAGE) * PAGE);
  bytes.set(new TextEncoder().encode(KEPT_MAGIC), keptStart.magic);
  bytes.set(identityOf(executable), keptStart.identity);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(keptStart.tapeAt, BigInt(tapeAt), true);
  view.setBigUint64(keptStart.tapeBytes, BigInt(tape.length), true);
  view.setBigUint64(keptStart.fileBytes, BigInt(bytes.length), true);
  let at: number = keptStart.memory;
  for (const part of memory) {
    bytes.set(part, at);
    at += part.length;
  }
  bytes.set(tape, tapeAt);
  return bytes;
}

function tasksOf(pid: number): number {
  const status = readText(`/proc/${pid}/status`);
  return typeof status === "string" ? Number(/^Threads:\s+(\d+)$/m.exec(status)?.[1]) : 0;
}

function linkOf(path: string): string {
  const bytes = new Uint8Array(PAGE);
  const length = systemCall("readlinkat", AT_FDCWD, cString(path).address, addressOf(bytes), bytes.length);
  if (length <= 0) throw new Error(`${path}: errno ${-length}`);
  return new TextDecoder().decode(bytes.subarray(0, length));
}

function padded(bytes: Uint8Array | number, length: number): Uint8Array {
  if (typeof bytes === "number") throw new Error(`cannot tell which boot this is: errno ${-bytes}`);
  const out = new Uint8Array(length);
  out.set(bytes.subarray(0, length));
  return out;
}

/** What `mark` has left in the front's words of that process, and where libc keeps the thread's id behind its pointer. */
function threadOf(pid: number): Pick<KeptProcess, "resumeStack" | "thread" | "threadId"> {
  const memory = systemCall("openat", AT_FDCWD, cString(`/proc/${pid}/mem`).address, O_CLOEXEC, 0);
  const read = (at: number, bytes: number): DataView => {
    const into = new Uint8Array(bytes);
    if (systemCall("pread64", memory, addressOf(into), bytes, at) !== bytes) throw new Error(`cannot read its memory at ${at}`);
    return new DataView(into.buffer);
  };
  try {
    const front = read(FRONT_DATA_ADDRESS, words.bytes);
    const [resumeStack, thread] = [words.resumeStack, words.thread].map((at) => Number(front.getBigUint64(at, true))) as [number, number];
    const block = read(thread, THREAD_BYTES);
    const places = Array.from({ length: THREAD_BYTES / 4 }, (_, index) => index * 4).filter((at) => block.getUint32(at, true) === pid);
    if (places.length !== 1 || block.getUint32((places[0] as number) + 4, true) !== 0)
      throw new Error(`its thread's id stands at ${places.length} places`);
    return { resumeStack, thread, threadId: thread + (places[0] as number) };
  } finally {
    systemCall("close", memory);
  }
}

/** Less than glibc's struct pthread, whose size nobody tells; the id is near its beginning. */
const THREAD_BYTES = 0x400;

function reportOf(report: number): Pick<KeptProcess, "actions" | "alternateStack"> {
  const bytes = new Uint8Array(REPORT_BYTES);
  if (systemCall("pread64", report, addressOf(bytes), bytes.length, 0) !== bytes.length) throw new Error("it has reported nothing");
  const alternateStack = bytes.slice(REPORT_BYTES - STACK_T_BYTES);
  const all = Array.from({ length: (REPORT_BYTES - STACK_T_BYTES) / ACTION_BYTES }, (_, index) => ({
    signal: index + 1,
    action: bytes.slice(index * ACTION_BYTES, (index + 1) * ACTION_BYTES),
  }));
  return { actions: all.filter(({ action }) => action.some((byte) => byte !== 0)), alternateStack };
}

const EPOLL_EVENT_BYTES = 12;

/** Bun's epoll and the one eventfd in it; any other descriptor would be missing in a process that begins there. */
function eventLoopOf(pid: number): KeptProcess["eventLoop"] {
  const links: { fd: number; to: string }[] = [];
  for (let fd = 3; fd < 1024; fd++) {
    const bytes = new Uint8Array(256);
    const length = systemCall("readlinkat", AT_FDCWD, cString(`/proc/${pid}/fd/${fd}`).address, addressOf(bytes), bytes.length);
    if (length > 0) links.push({ fd, to: new TextDecoder().decode(bytes.subarray(0, length)) });
  }
  const epoll = links.find(({ to }) => to === "anon_inode:[eventpoll]");
  const event = links.find(({ to }) => to === "anon_inode:[eventfd]");
  if (links.length !== 2 || epoll === undefined || event === undefined)
    throw new Error(`it has other files open: ${links.map(({ to }) => to).join(", ")}`);
  const info = readText(`/proc/${pid}/fdinfo/${epoll.fd}`);
  const watched = typeof info === "string" ? [...info.matchAll(/tfd:\s*(\d+) events:\s*([0-9a-f]+) data:\s*([0-9a-f]+)/g)] : [];
  const [, fd = "", events = "", data = ""] = watched[0] ?? [];
  if (watched.length !== 1 || Number(fd) !== event.fd) throw new Error("its event loop watches something else");
  const bytes = new Uint8Array(EPOLL_EVENT_BYTES);
  new DataView(bytes.buffer).setUint32(0, Number.parseInt(events, 16), true);
  new DataView(bytes.buffer).setBigUint64(4, BigInt(`0x${data}`), true);
  return { epoll: epoll.fd, event: event.fd, watched: bytes };
}

/** Begins there once, before anybody counts on it. */
async function tryStart(executable: string): Promise<void> {
  const trial = Bun.spawn([executable, "--version"], { env: {}, cwd: "/", stdio: ["ignore", "ignore", "ignore"] });
  if ((await trial.exited) !== 0) throw new Error(`nothing can begin there: ${trial.signalCode ?? trial.exitCode}`);
}
