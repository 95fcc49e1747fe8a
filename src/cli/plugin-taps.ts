// How taps are called: each is wrapped when it is made, so that whatever it does wrong carries its plugin's label, the
// hook and the time that it took.

import type { HookName, Hooks } from "../../hooks/hooks.ts";
import { BoxError } from "../errors.ts";

const DEFAULT_TIMEOUT_MS = 30_000;

/** A tap, or one call of a plugin's own functions, that failed. */
export type Failure = { readonly label: string; readonly during: string; readonly error: unknown; readonly ms: number };

/** A tapable FullTap, as far as it is used here; tapable exports no type of it. */
type AnyTap = {
  readonly name: string;
  readonly type: "sync" | "async" | "promise";
  readonly fn: (...args: never[]) => unknown;
  readonly timeoutMs?: number;
};
type Values = readonly unknown[];

export type Taps = {
  /** The label of the plugin whose `apply` runs; undefined in between. */
  plugin: string | undefined;
  /** Every tap made: labels by hook. tapable keeps the order of calling; this tells them by plugin. */
  readonly made: { readonly hook: HookName; readonly label: string }[];
};

export type Policy = {
  /** Looks at what a tap of `config` returned or changed; throws when it is not right. */
  readonly checkConfig: (value: unknown, label: string) => unknown;
  /** What becomes of a failure in poststart and poststop, which do not stop for it. */
  readonly warn: (failure: BoxError) => void;
};

/** Wraps every tap that will be made. */
export function watchTaps(hooks: Hooks, taps: Taps, policy: Policy): void {
  for (const name of Object.keys(hooks) as HookName[]) {
    const register = (tap: AnyTap): AnyTap => {
      const label = taps.plugin;
      if (label === undefined) throw new Error(`the hook ${name} was tapped after apply had ended`);
      taps.made.push({ hook: name, label });
      return { ...tap, type: "promise", fn: wrapped(tap, name, label, policy) as AnyTap["fn"] };
    };
    hooks[name].intercept({ register: register as never });
  }
}

function wrapped(tap: AnyTap, hook: HookName, label: string, policy: Policy): (...args: Values) => Promise<unknown> {
  const lenient = hook === "poststart" || hook === "poststop";
  return async (...args) => {
    try {
      return await timed(label, hook, tap.timeoutMs ?? DEFAULT_TIMEOUT_MS, async () => {
        const value = await callTap(tap, args);
        return hook === "config" ? policy.checkConfig(value ?? args[0], label) : undefined;
      });
    } catch (error) {
      if (!lenient || !(error instanceof BoxError)) throw error;
      policy.warn(error);
      return undefined;
    }
  };
}

function callTap({ type, fn }: AnyTap, args: Values): unknown {
  const call = fn as (...all: Values) => unknown;
  if (type !== "async") return call(...args);
  return new Promise((resolve, reject) => {
    call(...args, (error: unknown, value: unknown) => (error ? reject(error) : resolve(value)));
  });
}

/** Runs one call of a plugin; a failure of it becomes a BoxError that names the plugin, the call and the time. */
export async function timed<Value>(label: string, during: string, timeoutMs: number, call: () => Promise<Value>): Promise<Value> {
  const start = performance.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("still not done, given up")), timeoutMs);
  });
  try {
    return await Promise.race([call(), deadline]);
  } catch (error) {
    throw blamePlugin({ label, during, error, ms: Math.round(performance.now() - start) });
  } finally {
    clearTimeout(timer);
  }
}

function blamePlugin({ label, during, error, ms }: Failure): BoxError {
  const facts = error instanceof BoxError ? error.facts : undefined;
  if (facts?.faults !== undefined) {
    const faults = facts.faults.map((fault) => ({ ...fault, path: `${label}: ${during}${fault.path === "" ? "" : `: ${fault.path}`}` }));
    return new BoxError({ what: facts.what ?? "", faults }, { cause: error });
  }
  const object = facts?.object === undefined ? "" : ` ${facts.object}`;
  const words = error instanceof Error ? `${facts?.what ?? error.message}${object}` : String(error);
  return new BoxError(
    { origin: label, what: `${during}: ${words} (after ${ms} ms)`, ...(facts?.hint === undefined ? {} : { hint: facts.hint }) },
    { cause: error },
  );
}
