// How taps are called: each is wrapped when it is made, so that whatever it does wrong carries its plugin's label, the
// hook and the time that it took.

import type { HookName, Hooks } from "../../hooks/hooks.ts";
import { BoxError } from "../errors.ts";

const DEFAULT_TIMEOUT_MS = 30_000;
/** A tap that needs longer has not said so is worth a warning: a person waits for the container. */
const SLOW_MS = 1000;

/** A tapable FullTap, as far as it is used here, with the label of the plugin that made it. */
type AnyTap = {
  readonly name: string;
  readonly type: "sync" | "async" | "promise";
  readonly fn: (...args: never[]) => unknown;
  readonly stage?: number;
  readonly timeoutMs?: number;
  readonly label?: string;
};
type Values = readonly unknown[];

export type Taps = {
  /** The label of the plugin whose `apply` runs; undefined in between. */
  plugin: string | undefined;
  /** Every tap made, in that order: labels by hook. In which order they are called, tapable knows: tapsOf. */
  readonly made: { readonly hook: HookName; readonly label: string }[];
};

/** Hooks whose taps change a value. */
export type ValueHook = "config" | "stdio" | "onExec";

export type Policy = {
  /** Looks at what a tap returned or changed, and gives it back as data; throws when it is not right. */
  readonly check: (hook: ValueHook, value: unknown, label: string) => unknown;
  /** What becomes of a failure in poststart and poststop, which do not stop for it, and of a tap that was slow. */
  readonly warn: (failure: BoxError) => void | Promise<void>;
};

/** Wraps every tap that will be made. */
export function watchTaps(hooks: Hooks, taps: Taps, policy: Policy): void {
  for (const name of Object.keys(hooks) as HookName[]) {
    const register = (tap: AnyTap): AnyTap => {
      const label = taps.plugin;
      if (label === undefined) throw new Error(`the hook ${name} was tapped after apply had ended`);
      taps.made.push({ hook: name, label });
      return { ...tap, label, type: "promise", fn: wrapped(tap, name, label, policy) as AnyTap["fn"] };
    };
    hooks[name].intercept({ register: register as never });
  }
}

/** The taps of a hook in the order in which they are called. */
export const tapsOf = (hooks: Hooks, hook: HookName): readonly AnyTap[] => hooks[hook].taps as unknown as readonly AnyTap[];

/**
 * Calls a hook's taps one after the other, as the hook's own `promise` does, but without the function that tapable
 * compiles for the first call: 0.6 ms. Returns what the last tap that changes a value made of `first`.
 */
export async function callTaps<First>(hooks: Hooks, hook: HookName, first: First, ...rest: Values): Promise<First> {
  let value = first;
  for (const { fn } of tapsOf(hooks, hook))
    value = ((await (fn as (...all: Values) => unknown)(value, ...rest)) as First | undefined) ?? value;
  return value;
}

function wrapped(tap: AnyTap, hook: HookName, label: string, policy: Policy): (...args: Values) => Promise<unknown> {
  const lenient = hook === "poststart" || hook === "poststop";
  return async (...args) => {
    const start = Bun.nanoseconds();
    try {
      const given = await timed(label, hook, tap.timeoutMs ?? DEFAULT_TIMEOUT_MS, () => callTap(tap, args));
      const value =
        hook === "config" || hook === "stdio" || hook === "onExec" ? await checked(hook, label, given ?? args[0], policy) : undefined;
      if (tap.timeoutMs === undefined && since(start) > SLOW_MS)
        await policy.warn(new BoxError({ origin: label, what: `${hook}: slow: it took ${since(start)} ms` }));
      return value;
    } catch (error) {
      if (!lenient || !(error instanceof BoxError)) throw error;
      await policy.warn(error);
      return undefined;
    }
  };
}

const checked = (hook: ValueHook, label: string, value: unknown, { check }: Policy): Promise<unknown> =>
  timed(label, hook, DEFAULT_TIMEOUT_MS, async () => check(hook, value, label));

/** In whole milliseconds; without Math, which the engine makes when a function that names it is first called: 0.1 ms. */
const since = (start: number): number => ((Bun.nanoseconds() - start) / 1e6) >>> 0;

function callTap({ type, fn }: AnyTap, args: Values): unknown {
  const call = fn as (...all: Values) => unknown;
  if (type !== "async") return call(...args);
  return new Promise((resolve, reject) => {
    call(...args, (error: unknown, value: unknown) => (error ? reject(error) : resolve(value)));
  });
}

/**
 * Runs one call of a plugin; a failure of it becomes a BoxError that names the plugin, the call and the time. Only what gives
 * a promise can be late: a timer for the others would cost and never go off.
 */
export async function timed<Value>(label: string, during: string, timeoutMs: number, call: () => Value | Promise<Value>): Promise<Value> {
  const start = Bun.nanoseconds();
  try {
    const value = call();
    return value instanceof Promise ? await inTime(value, timeoutMs) : value;
  } catch (error) {
    throw blamePlugin(label, `${during}: `, error, since(start));
  }
}

async function inTime<Value>(value: Promise<Value>, timeoutMs: number): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("still not done, given up")), timeoutMs);
  });
  try {
    return await Promise.race([value, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

function blamePlugin(label: string, during: string, error: unknown, ms: number): BoxError {
  const facts = error instanceof BoxError ? error.facts : undefined;
  if (facts?.faults !== undefined) {
    const faults = facts.faults.map((fault) => ({
      ...fault,
      path: `${label}: ${during}${fault.path}`.replace(/: $/, ""),
    }));
    return new BoxError({ what: facts.what ?? "", faults }, { cause: error });
  }
  const object = facts?.object === undefined ? "" : ` ${facts.object}`;
  const words = error instanceof Error ? `${facts?.what ?? error.message}${object}` : String(error);
  return new BoxError(
    { origin: label, what: `${during}${words} (after ${ms} ms)`, ...(facts?.hint === undefined ? {} : { hint: facts.hint }) },
    { cause: error },
  );
}
