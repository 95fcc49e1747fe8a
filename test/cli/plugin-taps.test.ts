import { describe, expect, test } from "bun:test";
import { type Hooks, newHooks, type Spec } from "../../hooks/hooks.ts";
import { type Taps, watchTaps } from "../../src/cli/plugin-taps.ts";
import { errorLines } from "../../src/cli/report-error.ts";
import { defaultSpec } from "../../src/config/default-spec.ts";
import { BoxError } from "../../src/errors.ts";

const state = { ociVersion: "1.3.0", id: "one", status: "created", pid: 1, bundle: "/b", rootfs: "/b/rootfs" } as const;

/** Hooks tapped by `apply` as by a plugin that messages call `own`, and the warnings that calls of them made. */
function tapped(apply: (hooks: Hooks) => void): { hooks: Hooks; taps: Taps; warnings: string[] } {
  const hooks = newHooks();
  const warnings: string[] = [];
  const taps: Taps = { plugin: "own", made: [] };
  watchTaps(hooks, taps, { check: (_, value) => value, warn: (error) => void warnings.push(...errorLines(error)) });
  apply(hooks);
  taps.plugin = undefined;
  return { hooks, taps, warnings };
}

const withoutTimes = (text: string): string => text.replaceAll(/after \d+ ms/g, "after … ms");

async function refusal(call: () => Promise<unknown>): Promise<string[]> {
  try {
    await call();
  } catch (error) {
    if (error instanceof BoxError) return errorLines(error).map(withoutTimes);
    throw error;
  }
  return [];
}

describe("a failing tap", () => {
  const prestart = (apply: (hooks: Hooks) => void): Promise<string[]> => refusal(() => tapped(apply).hooks.prestart.promise(state));
  const boom = (): never => {
    throw new Error("boom");
  };
  const said = ["box: own: prestart: boom (after … ms)"];
  test("sync", async () => expect(await prestart((hooks) => hooks.prestart.tap("own", boom))).toEqual(said));
  test("promise", async () => expect(await prestart((hooks) => hooks.prestart.tapPromise("own", async () => boom()))).toEqual(said));
  test("throws before its promise", async () => expect(await prestart((hooks) => hooks.prestart.tapPromise("own", boom))).toEqual(said));
  test("callback", async () =>
    expect(await prestart((hooks) => hooks.prestart.tapAsync("own", (_, done) => done(new Error("boom"))))).toEqual(said));
  test("throws before its callback", async () => expect(await prestart((hooks) => hooks.prestart.tapAsync("own", boom))).toEqual(said));
  test("hangs", async () =>
    expect(
      await prestart((hooks) => hooks.prestart.tapPromise({ name: "own", timeoutMs: 1 }, () => Promise.withResolvers<void>().promise)),
    ).toEqual(["box: own: prestart: still not done, given up (after … ms)"]));
  test("the ones after it are not called", async () => {
    const called: string[] = [];
    const lines = await prestart((hooks) => {
      hooks.prestart.tap("own", () => void called.push("first"));
      hooks.prestart.tap("own", boom);
      hooks.prestart.tap("own", () => void called.push("third"));
    });
    expect([lines, called]).toEqual([said, ["first"]]);
  });
  test("keeps an error's own hint and object", async () =>
    expect(
      await prestart((hooks) =>
        hooks.prestart.tap("own", () => {
          throw new BoxError({ what: "cannot read", object: "/x", hint: "look" });
        }),
      ),
    ).toEqual(["box: own: prestart: cannot read /x (after … ms)", "hint: look"]));
});

test("poststart and poststop warn, and go on", async () => {
  const called: string[] = [];
  const { hooks, warnings } = tapped(({ poststart, poststop }) => {
    poststart.tap("own", () => {
      throw new Error("boom");
    });
    poststart.tap("own", () => void called.push("poststart"));
    poststop.tapPromise("own", () => Promise.reject(new Error("boom")));
    poststop.tap("own", ({ exitCode }) => void called.push(`poststop ${exitCode}`));
  });
  await hooks.poststart.promise(state);
  await hooks.poststop.promise({ ...state, exitCode: 3 });
  expect(called).toEqual(["poststart", "poststop 3"]);
  expect(warnings.map(withoutTimes)).toEqual(["box: own: poststart: boom (after … ms)", "box: own: poststop: boom (after … ms)"]);
});

test("config goes from tap to tap, changed in place or anew", async () => {
  const { hooks } = tapped(({ config }) => {
    config.tap("own", (spec) => {
      spec.hostname = "one";
    });
    config.tapPromise("own", async (spec): Promise<Spec> => ({ ...spec, domainname: `${spec.hostname}.test` }));
  });
  const changed = await hooks.config.promise(defaultSpec(), { id: "one", bundle: "/b" });
  expect([changed?.hostname, changed?.domainname]).toEqual(["one", "one.test"]);
});

test("order by stage and name", async () => {
  const called: string[] = [];
  const { hooks, taps } = tapped(({ prestart }) => {
    prestart.tap({ name: "late", stage: 1 }, () => void called.push("late"));
    prestart.tap("plain", () => void called.push("plain"));
    prestart.tap({ name: "early", before: "plain" }, () => void called.push("early"));
  });
  await hooks.prestart.promise(state);
  expect(called).toEqual(["early", "plain", "late"]);
  expect(taps.made).toEqual(Array(3).fill({ hook: "prestart", label: "own" }));
});

test("nothing can be tapped after apply", () =>
  expect(() => tapped(() => undefined).hooks.plan.tap("own", () => undefined)).toThrow("the hook plan was tapped after apply had ended"));

test("hooks cannot be replaced", () => {
  const hooks: { plan: unknown } = newHooks();
  expect(() => {
    hooks.plan = undefined;
  }).toThrow("Attempted to assign to readonly property.");
});
