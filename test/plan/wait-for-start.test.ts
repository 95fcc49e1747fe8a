import { expect, test } from "bun:test";
import { structFields } from "../../src/linux/structs.ts";
import { bufferBytes } from "../../src/plan/plan.ts";
import { answer } from "../../src/plan/start-answer.ts";
import type { Text } from "../../src/tape/step.ts";
import { allowAll, type Changes, calls, planWith, section } from "./plan-for.ts";

const created: Changes = { process: { args: ["/bin/true"], env: [] }, launch: { way: "created" } };

test("the answer's parts follow each other, without a gap", () => {
  const { errno, siginfo, attempt, explanation, attemptBytes, bytes }: Record<keyof typeof answer, number> = answer;
  expect([errno, siginfo, attempt, explanation, bytes]).toEqual([
    0,
    8,
    siginfo + structFields.siginfo.bytes,
    attempt + attemptBytes,
    explanation + bufferBytes.explanation,
  ]);
  // In one piece each (pipe(7), PIPE_BUF).
  expect(answer.bytes).toBeLessThan(4096);
});

test("box makes two FIFOs, and waits until init says that all is ready", () => {
  const plan = planWith(created);
  const fifos = calls(plan, "box: state, cgroups and the child")
    .split("\n")
    .filter((line) => /"wait"|"answer"/.test(line));
  expect(fifos).toEqual([
    'mknodat(state folder, "wait", 010600, makedev(0, 0))',
    'openat(state folder, "wait", O_RDWR|O_NOFOLLOW|O_CLOEXEC, 0) → FIFO wait, as opened',
    'mknodat(state folder, "answer", 010600, makedev(0, 0))',
    'openat(state folder, "answer", O_RDWR|O_NOFOLLOW|O_CLOEXEC, 0) → FIFO answer, as opened',
  ]);
  const wait = plan.release.steps.find(({ call }) => call === "read");
  expect([wait?.why, wait?.expect]).toEqual(["wait until init is ready for start", { value: 1, refused: "init ended before" }]);
});

test("init says so, lets go of box, and waits", () => {
  expect(calls(planWith(created), "init: wait for start")).toMatchInlineSnapshot(`
    "write(4, "c", 1)
    close(4)
    read(5, &go, 1)   (again on EINTR)"
  `);
});

test("all that may fail before it is before it: create tells of a program that is not there", () => {
  const titles = planWith(created).child.map(({ title }) => title);
  expect(titles.slice(-3)).toEqual(["process", "wait for start", "program"]);
  expect(calls(planWith(created), "init: process")).toContain('faccessat2(AT_FDCWD, "/bin/true", X_OK, AT_EACCESS)');
});

test("what comes is noted before it is tried", () => {
  const hooks = { startContainer: [{ path: "/bin/hook" }] };
  const plan = planWith({ ...created, spec: { hooks }, seccomp: allowAll });
  const noted = plan.child.flatMap(({ steps }) => steps).filter(({ out }) => out?.slot === "what is attempted");
  expect(noted.map(({ args }) => (args[0] as unknown as Text).text)).toEqual([
    "hooks.startContainer[0]\nrun the hook /bin/hook",
    "process.args[0]\nexecute /bin/true",
  ]);
  expect(calls(plan, "init: program")).toMatchInlineSnapshot(`
    "compute "process.args[0]\\nexecute /bin/true" → what is attempted
    seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG, {len: 1, filter: &filter of system calls})
    execve(the program's name, ["/bin/true"], [])"
  `);
});

/** Without the reasons. */
const told = (changes: Parameters<typeof planWith>[0]): string =>
  section(planWith(changes), "init: when start fails").replace(/\n +(box|process|hooks)[^\n]*: [^\n]*/g, "");

test("a failure is told: errno, the hook's end, what was tried, and how the program's file begins if it was that", () => {
  expect(told(created)).toMatchInlineSnapshot(`
    "compute 0 - the last errno → errno for start
    write(6, &errno for start, 8)   (errors ignored)
    write(6, &how the hook ended, 128)   (errors ignored)
    write(6, what is attempted, 512)   (errors ignored)
    compute what is attempted - "process.args[0]\\nexecute /bin/true"
        [if 0] openat(AT_FDCWD, the program's name, O_RDONLY|O_NONBLOCK|O_CLOEXEC, 0) → program   (errors ignored)
            [done] read(program, &explanation, 255)   (errors ignored)
    write(6, &explanation, 512)   (errors ignored)
    compute 0 - errno for start"
  `);
});

test("with hooks, what they printed is told where it was a hook", () => {
  expect(told({ ...created, spec: { hooks: { startContainer: [{ path: "/bin/hook" }] } } })).toMatchInlineSnapshot(`
    "compute 0 - the last errno → errno for start
    write(6, &errno for start, 8)   (errors ignored)
    write(6, &how the hook ended, 128)   (errors ignored)
    write(6, what is attempted, 512)   (errors ignored)
    compute what is attempted - "process.args[0]\\nexecute /bin/true"
        [done] lseek(8, 0, 0)   (errors ignored)
        [done] read(8, &explanation, 511)   (errors ignored)
        [if 0] openat(AT_FDCWD, the program's name, O_RDONLY|O_NONBLOCK|O_CLOEXEC, 0) → program   (errors ignored)
            [done] read(program, &explanation, 255)   (errors ignored)
    write(6, &explanation, 512)   (errors ignored)
    compute 0 - errno for start"
  `);
});

test("nobody waits in a run, and nobody is told", () => {
  for (const way of ["foreground", "detached"] as const) {
    const plan = planWith({ ...created, launch: { way } });
    expect(plan.child.some(({ title }) => title === "wait for start")).toBe(false);
    expect(plan.explanations[2].steps).toEqual([]);
    expect(plan.child.at(-1)?.steps.at(-1)?.explain).toBe("program");
  }
});
