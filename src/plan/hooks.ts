// OCI hooks (runtime-spec, config.md "POSIX-platform Hooks") as steps: programs that box runs in the host's namespaces
// and init in the container's. Each gets the state on stdin, and what it prints goes into a file in memory, for the error
// if there is one. Tapable hooks of plugins are something else: src/cli/plugin-hooks.ts.

import type { Hook, HookPoint, Hooks } from "../config/spec.ts";
import { structFields } from "../linux/structs.ts";
import {
  type Address,
  address,
  type Buffer,
  compute,
  type Explanation,
  lastErrno,
  newBuffer,
  newSlot,
  type Slot,
  type Step,
  type StepOptions,
  type Struct,
  slotIn,
  step,
  type Variables,
} from "../tape/step.ts";
import { usualPath } from "./launch.ts";
import { expectEqual } from "./steps.ts";

/** What a hook finds as stdin and writes its output to: files in memory. */
export type HookFiles = { readonly state: Slot<"fd"> | number; readonly output: Slot<"fd"> | number };

/** What is known of the last hook that ran, for whoever words a failure. */
export type HookReport = {
  /** When it began: a struct timespec of CLOCK_REALTIME. */
  readonly began: Buffer;
  /** How it ended: the siginfo of waitid(2), zero when it did not. */
  readonly siginfo: Buffer;
};

/** Where hooks of one tape keep what they need. */
export type HookRun = HookFiles & {
  readonly variables: Variables;
  readonly report: HookReport;
  /** Signals to give their default back. */
  readonly ignoredSignals: readonly number[];
  /** What a hook gets that says nothing of its own, instead of the usual. */
  readonly environment?: readonly string[];
  /** Where a failure leads, instead of stopping the tape. */
  readonly explain?: Explanation;
  /** What each does last, when all that is left is its execve. */
  readonly last?: readonly Step[];
};

/** Hooks call the tools beside them by name. Nothing of the caller's environment is in it: it may hold secrets, and a plan has to stay the same. */
const usualEnvironment: readonly string[] = [`PATH=${usualPath}`];

export const newHookReport = (variables: Variables, shared: boolean): HookReport => ({
  began: newBuffer(variables, "when the hook began", structFields.timespec.bytes, undefined, shared),
  siginfo: newBuffer(variables, "how the hook ended", structFields.siginfo.bytes, undefined, shared),
});

/** Offsets in the siginfo of a child that ended (waitid(2)). */
const siginfo = { code: 8, status: 24 } as const;
const CLD_EXITED = 1;
const SIGKILL = 9;
const SIGCHLD = 17;
const POLLIN = 1;
const TWO_32 = 4294967296;
const UINT_MAX = 0xffff_ffff;
const CLOCK_REALTIME = 0;

export function hasHooks(hooks: Hooks | undefined, ...points: readonly HookPoint[]): boolean {
  for (const point of points) if ((hooks?.[point] ?? []).length > 0) return true;
  return false;
}

/** All hooks of one point, in their order. `enter`: what each does first, such as to change its folder. */
export function runHooks(run: HookRun, hooks: Hooks | undefined, point: HookPoint, enter: readonly Step[]): Step[] {
  const steps: Step[] = [];
  for (const one of eachHook(run, hooks, point, enter)) steps.push(...one);
  return steps;
}

/** The same, each by itself: where one that fails must not keep the others from running. */
export function eachHook(run: HookRun, hooks: Hooks | undefined, point: HookPoint, enter: readonly Step[]): Step[][] {
  const list = hooks?.[point] ?? [];
  const each: Step[][] = [];
  for (let index = 0; index < list.length; index++) each.push(runHook(run, list[index] as Hook, `hooks.${point}[${index}]`, enter));
  return each;
}

/** One hook: it must end within its time, and well. */
const runHook = (run: HookRun, hook: Hook, origin: string, enter: readonly Step[]): Step[] =>
  runProgram(run, hook, origin, `run the hook ${hook.path}`, enter);

/** A hook, or a program of box's own choice, whose arguments may be known only when the tape runs. */
type Program = Omit<Hook, "args"> & { readonly args?: Hook["args"] | Address };

/** Runs a program to its end as hooks are run. `why` ends with its path: `run the hook /bin/hook`. */
export function runProgram(run: HookRun, hook: Program, origin: string, why: string, enter: readonly Step[]): Step[] {
  const { variables, report, state, output } = run;
  const failed = newSlot(variables, "int", "errno of the hook's execve");
  const handle = newBuffer(variables, "pidfd", 8, new Uint8Array(8));
  const pidfd = slotIn("fd", handle, 0, "pidfd");
  const options: StepOptions = { failed: "hook", ...(run.explain === undefined ? {} : { explain: run.explain }) };
  const code = slotIn("int", report.siginfo, siginfo.code, "how it ended");
  const status = slotIn("int", report.siginfo, siginfo.status, "its status");
  const check = (slot: Slot<"int">, value: number, refused: string): Step => ({
    ...expectEqual(slot, UINT_MAX, value, origin, why, refused),
    failed: "hook",
    explain: run.explain,
  });
  return [
    step("clock_gettime", [CLOCK_REALTIME, address(report.began)], origin, "note when it begins", options),
    step("lseek", [state, 0, 0], origin, "let it read the state from its beginning", options),
    step("ftruncate", [output, 0], origin, "forget what the hook before has printed", options),
    step("lseek", [output, 0, 0], origin, "let it print from the beginning", options),
    compute([0, 0, 0, -1], origin, "nothing has failed yet", { out: failed }),
    startHook(run, hook, origin, enter, failed, handle, options),
    ...awaitHook(run, hook, origin, pidfd, options),
    compute([0, 0, failed, -1], origin, why, options),
    check(code, CLD_EXITED, "a signal ended it"),
    check(status, 0, "it failed"),
  ];
}

/** The new process borrows this one's memory until its execve (CLONE_VM with CLONE_VFORK), and tells a failure of that there. */
function startHook(
  { variables, state, output, ignoredSignals, environment, last = [] }: HookRun,
  { path, args, env }: Program,
  origin: string,
  enter: readonly Step[],
  failed: Slot<"int">,
  handle: Buffer,
  options: StepOptions,
): Step {
  const clone = newBuffer(variables, "clone_args", structFields.clone_args.bytes, {
    struct: "clone_args",
    flags: ["CLONE_VM", "CLONE_VFORK", "CLONE_PIDFD"],
    pidfd: handle,
    exit_signal: SIGCHLD,
  });
  const byDefault: Struct = { struct: "sigaction" };
  const reset: Step[] = [];
  for (const signal of ignoredSignals)
    reset.push(step("rt_sigaction", [signal, byDefault, null, 8], origin, `let signal ${signal} do what it does by default`));
  return step("clone3", [address(clone), clone.bytes], origin, `start ${path}`, {
    ...options,
    equal: {
      value: 0,
      steps: [
        ...enter,
        ...reset,
        step("rt_sigprocmask", [["SIG_SETMASK"], new Uint8Array(8), null, 8], origin, "block no signal"),
        step("dup3", [state, 0, []], origin, "the state as its stdin"),
        step("dup3", [output, 1, []], origin, "keep what it prints"),
        step("dup3", [output, 2, []], origin, "and its errors"),
        step("close_range", [3, UINT_MAX, []], origin, "leave it no other descriptor"),
        ...last,
        step(
          "execve",
          [path, args ?? [path], env === undefined || env.length === 0 ? (environment ?? usualEnvironment) : env],
          origin,
          `execute ${path}`,
        ),
      ],
      onFailure: [
        compute([0, 0, lastErrno, -1], origin, "tell the errno", { out: failed }),
        step("exit_group", [125], origin, "end, since the hook cannot run"),
      ],
    },
  });
}

function awaitHook(
  { variables, report }: HookRun,
  { path, timeout }: Program,
  origin: string,
  pidfd: Slot<"fd">,
  options: StepOptions,
): Step[] {
  const wait = step(
    "waitid",
    [["P_PIDFD"], pidfd as Slot as Slot<"int">, address(report.siginfo), ["WEXITED"], null],
    origin,
    `wait for ${path}`,
    {
      ...options,
      onError: [["EINTR", "again"]],
    },
  );
  const close = step("close", [pidfd], origin, "done with it", options);
  if (timeout === undefined || timeout <= 0) return [wait, close];
  const poll = newBuffer(variables, "pollfd", 8);
  const late = compute([0, 0, 0, -1], origin, `run the hook ${path}`, {
    ...options,
    expect: { value: 1, refused: `it took longer than ${timeout} s` },
  });
  return [
    compute([pidfd, POLLIN * TWO_32, 0, -1], origin, "what to wait for", { out: slotIn("int", poll, 0, "pollfd") }),
    step("ppoll", [address(poll), 1, { struct: "timespec", tv_sec: timeout, tv_nsec: 0 }, null, 8], origin, `wait at most ${timeout} s`, {
      ...options,
      onError: [["EINTR", "again"]],
      equal: {
        value: 0,
        steps: [
          step("pidfd_send_signal", [pidfd, SIGKILL, null, 0], origin, "end it", { ...options, onError: [["ESRCH", []]] }),
          wait,
          late,
        ],
      },
    }),
    wait,
    close,
  ];
}
