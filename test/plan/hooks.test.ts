import { describe, expect, test } from "bun:test";
import type { Hook, Hooks } from "../../src/config/spec.ts";
import { eachHook, hasHooks, newHookReport, runHooks } from "../../src/plan/hooks.ts";
import { branches } from "../../src/plan/print-plan.ts";
import { printStep } from "../../src/tape/print.ts";
import { newVariables, type Step, step } from "../../src/tape/step.ts";
import { type Changes, calls, planWith, section } from "./plan-for.ts";

/** A step's line, and below it those of its branches. */
function lines(steps: readonly Step[], depth = 0): string[] {
  return steps.flatMap((one) => [
    `${"  ".repeat(depth)}${printStep(one)}`,
    ...branches(one).flatMap((branch) => lines(branch.steps, depth + 1).map((line) => line.replace(/^( *)/, `$1[${branch.when}] `))),
  ]);
}

function hooksOf(hooks: Hooks, enter: readonly Step[] = []): Step[] {
  const variables = newVariables();
  const run = { state: 7, output: 8, variables, report: newHookReport(variables, false), ignoredSignals: [13] };
  return runHooks(run, hooks, "prestart", enter);
}

const hook: Hook = { path: "/bin/hook", args: ["hook", "a b"], env: ["A=1"] };

test("a hook, from its beginning to its end", () => {
  const enter = [step("chdir", ["/srv/web"], "bundle", "enter the folder /srv/web")];
  expect(lines(hooksOf({ prestart: [hook] }, enter)).join("\n")).toMatchInlineSnapshot(`
    "clock_gettime(0, &when the hook began)
    lseek(7, 0, 0)
    ftruncate(8, 0)
    lseek(8, 0, 0)
    compute 0 → errno of the hook's execve
    clone3(&clone_args {flags: CLONE_VM|CLONE_VFORK|CLONE_PIDFD, pidfd: &pidfd, exit_signal: 17}, 88)
      [in the child] chdir("/srv/web")
      [in the child] rt_sigaction(SIGPIPE, {}, NULL, 8)
      [in the child] rt_sigprocmask(SIG_SETMASK, 8 bytes, NULL, 8)
      [in the child] dup3(7, 0, 0)
      [in the child] dup3(8, 1, 0)
      [in the child] dup3(8, 2, 0)
      [in the child] close_range(3, 4294967295, 0)
      [in the child] execve("/bin/hook", ["hook", "a b"], ["A=1"])
      [in the child, on failure] compute 0 - the last errno → errno of the hook's execve
      [in the child, on failure] exit_group(125)
    waitid(P_PIDFD, pidfd, &how the hook ended, WEXITED, NULL)
    close(pidfd)
    compute 0 - errno of the hook's execve
    compute (how it ended) & 0xffffffff
    compute (its status) & 0xffffffff"
  `);
});

test("what it does not say: its path alone as arguments, and where programs are as environment", () => {
  const executed = lines(hooksOf({ prestart: [{ path: "/bin/hook" }] })).filter((line) => line.includes("execve("));
  expect(executed).toEqual([
    '  [in the child] execve("/bin/hook", ["/bin/hook"], ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"])',
  ]);
});

test("one with a timeout is killed when that has passed, and fails", () => {
  const all = lines(hooksOf({ prestart: [{ ...hook, timeout: 3 }] }));
  expect(all.slice(all.findIndex((line) => line.startsWith("compute") && line.includes("pidfd"))).join("\n")).toMatchInlineSnapshot(`
    "compute pidfd + 4294967296 → pollfd
    ppoll(&pollfd, 1, {tv_sec: 3, tv_nsec: 0}, NULL, 8)
      [if 0] pidfd_send_signal(pidfd, SIGKILL, NULL, 0)
      [if 0] waitid(P_PIDFD, pidfd, &how the hook ended, WEXITED, NULL)
      [if 0] compute 0
    waitid(P_PIDFD, pidfd, &how the hook ended, WEXITED, NULL)
    close(pidfd)
    compute 0 - errno of the hook's execve
    compute (how it ended) & 0xffffffff
    compute (its status) & 0xffffffff"
  `);
  const late = hooksOf({ prestart: [{ ...hook, timeout: 3 }] })
    .flatMap((one) => one.equal?.steps ?? [])
    .find((one) => one.expect?.value === 1);
  expect(late?.expect?.refused).toBe("it took longer than 3 s");
});

test("how it must end", () => {
  const ends = hooksOf({ prestart: [hook] }).flatMap(({ expect: wanted, why, failed }) =>
    wanted === undefined ? [] : [{ ...wanted, why, failed }],
  );
  expect(ends).toEqual([
    { value: 1, refused: "a signal ended it", why: "run the hook /bin/hook", failed: "hook" },
    { value: 0, refused: "it failed", why: "run the hook /bin/hook", failed: "hook" },
  ]);
});

test("those of one point run one after the other, each under its number", () => {
  const variables = newVariables();
  const run = { state: 7, output: 8, variables, report: newHookReport(variables, false), ignoredSignals: [] };
  const each = eachHook(run, { poststop: [hook, { path: "/bin/other" }], prestart: [hook] }, "poststop", []);
  expect(each.map((steps) => [...new Set(steps.map(({ origin }) => origin))])).toEqual([["hooks.poststop[0]"], ["hooks.poststop[1]"]]);
});

test("whether there are any", () => {
  expect([
    hasHooks(undefined, "prestart"),
    hasHooks({ prestart: [] }, "prestart"),
    hasHooks({ prestart: [hook] }, "poststop"),
    hasHooks({ prestart: [hook] }, "poststop", "prestart"),
  ]).toEqual([false, false, false, true]);
});

describe("in a plan", () => {
  const all: Hooks = {
    prestart: [{ path: "/bin/1" }],
    createRuntime: [{ path: "/bin/2" }],
    createContainer: [{ path: "/bin/3" }],
    startContainer: [{ path: "/bin/4" }],
    poststart: [{ path: "/bin/5" }, { path: "/bin/6" }],
    poststop: [{ path: "/bin/7" }],
  };
  const hooked: Changes = { spec: { hooks: all } };
  const executed = (text: string): string[] => [...text.matchAll(/execve\("(\/bin\/\d)"/g)].map(([, path]) => path as string);

  test("each runs where it belongs", () => {
    const plan = planWith(hooked);
    const inSection = (heading: string): string[] => executed(section(plan, heading));
    expect([inSection("box: hooks before pivot_root"), inSection("init: hooks"), inSection("box: hooks once it runs")]).toEqual([
      ["/bin/1", "/bin/2"],
      ["/bin/3"],
      ["/bin/5", "/bin/6"],
    ]);
  });

  test("box and init wait for each other", () => {
    const plan = planWith(hooked);
    const talk = (text: string): string[] => text.split("\n").filter((line) => /^(read|write|pwrite64|ftruncate|clone3)\(/.test(line));
    expect([talk(calls(plan, "box: hooks before pivot_root")), talk(calls(plan, "init: hooks"))]).toEqual([
      [
        "read(line to the child, &reply, 1)",
        "ftruncate(state for hooks, 0)",
        "pwrite64(state for hooks, the state for hooks, its length, 0)",
        "ftruncate(output of hooks, 0)",
        "clone3(&clone_args {flags: CLONE_VM|CLONE_VFORK|CLONE_PIDFD, pidfd: &pidfd, exit_signal: 17}, 88)",
        "ftruncate(output of hooks, 0)",
        "clone3(&clone_args {flags: CLONE_VM|CLONE_VFORK|CLONE_PIDFD, pidfd: &pidfd, exit_signal: 17}, 88)",
        "ftruncate(state for hooks, 0)",
        "pwrite64(state for hooks, the state for hooks inside, its length, 0)",
        'write(line to the child, "g", 1)',
        "read(line to the child, &reply, 1)",
      ],
      [
        'write(4, "h", 1)',
        "read(4, &answer, 1)",
        "ftruncate(6, 0)",
        "clone3(&clone_args {flags: CLONE_VM|CLONE_VFORK|CLONE_PIDFD, pidfd: &pidfd, exit_signal: 17}, 88)",
        'write(4, "d", 1)',
      ],
    ]);
  });

  test("those of the host stand in the bundle's folder, createContainer in the root's, startContainer in /", () => {
    const plan = planWith(hooked);
    const entering = (heading: string): string[] =>
      section(plan, heading)
        .split("\n")
        .filter((line) => /\[in the child\] f?chdir/.test(line))
        .map((line) => line.trim());
    expect([entering("box: hooks before pivot_root"), entering("init: hooks"), entering("box: hooks once it runs")]).toEqual([
      ['[in the child] chdir("/srv/web")', '[in the child] chdir("/srv/web")'],
      ["[in the child] fchdir(root)"],
      ['[in the child] chdir("/srv/web")', '[in the child] chdir("/srv/web")'],
    ]);
  });

  test("startContainer has the process's environment unless it has its own, the others have a path to programs", () => {
    const points = ["createContainer", "startContainer"] as const;
    const hooks: Hooks = {};
    for (const point of points) hooks[point] = [{ path: "/bin/a" }, { path: "/bin/b", env: [] }, { path: "/bin/c", env: ["B=2"] }];
    const plan = planWith({ spec: { process: { user: { uid: 0, gid: 0 }, cwd: "/", args: ["true"], env: ["HOME=/", "A=1"] }, hooks } });
    const [created, started] = plan.child.filter(({ title }) => title === "hooks");
    const environments = (hooked: typeof created): string[] =>
      lines(hooked?.steps ?? []).flatMap((line) => /execve\("\/bin\/.", \["\/bin\/."\], (.*)\)/.exec(line)?.[1] ?? []);
    const usual = '["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]';
    expect([environments(created), environments(started)]).toEqual([
      [usual, usual, '["B=2"]'],
      ['["HOME=/", "A=1"]', '["HOME=/", "A=1"]', '["B=2"]'],
    ]);
  });

  test("poststart of a created container is for start to run, and poststop for whoever removes it", () => {
    const plan = planWith({ ...hooked, launch: { way: "created" } });
    expect(plan.poststartHooks).toEqual([]);
    expect(JSON.stringify(planWith(hooked).supervise.steps)).not.toContain("/bin/7");
  });

  test("without any, nothing is made ready for them", () => {
    const plan = planWith({ spec: { hooks: { prestart: [] } } });
    expect([plan.runtimeHooks.steps, plan.poststartHooks]).toEqual([[], []]);
    expect(calls(plan, "box: state, cgroups and the child")).not.toContain("hook");
  });

  test("a container with poststop hooks alone has no files for hooks, but ends in box", () => {
    const plan = planWith({ spec: { hooks: { poststop: [{ path: "/bin/7" }] } } });
    expect(calls(plan, "box: state, cgroups and the child")).not.toContain("hook");
    expect(plan.supervise.steps.at(-1)?.goto).toBe("hand over");
  });
});
