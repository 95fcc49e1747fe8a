// What is kept of a process, as data: its memory, and what the kernel knows of it. read-process.ts fills it in, restore.ts
// makes the steps that put it in place in another process.

/** A mapping, as in /proc/PID/maps (proc_pid_maps(5)). Addresses are below 2^47. */
export type Mapping = {
  readonly start: number;
  readonly end: number;
  /** PROT_ bits. */
  readonly protection: number;
  /** What it maps, and from where on; undefined for memory that has no file. */
  readonly path: string | undefined;
  readonly offset: number;
  /** Pages that are not, or no longer, what the file has, or zeros: each run lies in the kept start at `at`. */
  readonly runs: readonly Run[];
};

export type Run = { readonly start: number; readonly bytes: number; readonly at: number };

export type KeptProcess = {
  /** Those of box's own file, which are there when box is started. */
  readonly own: readonly Mapping[];
  readonly others: readonly Mapping[];
  /** The kernel's: vvar, vvar_vclock and vdso. Each process has them somewhere else. */
  readonly kernels: readonly Mapping[];
  readonly vdso: number;
  /** Every file that `others` maps, with the words of statx(2) that tell it from another (boot.ts). */
  readonly files: readonly { readonly path: string; readonly identity: Uint8Array }[];
  /** A kernel's mappings and a processor's features are one boot's. */
  readonly bootId: Uint8Array;
  readonly resumeStack: number;
  readonly thread: number;
  /** Where libc remembers the thread's id: 32 bits, and 32 that are 0. */
  readonly threadId: number;
  readonly target: number;
  /** What rt_sigaction(2) has for each signal that is not as by default, and sigaltstack(2). */
  readonly actions: readonly { readonly signal: number; readonly action: Uint8Array }[];
  readonly alternateStack: Uint8Array;
  /** Bun's event loop: its epoll, and the eventfd that it watches. */
  readonly eventLoop: { readonly epoll: number; readonly event: number; readonly watched: Uint8Array };
};
