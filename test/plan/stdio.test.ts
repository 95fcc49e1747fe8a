// Who owns stdio: only for callers that ask for it, and never with a terminal.

import { expect, test } from "bun:test";
import { closeSync, fchownSync, fstatSync, openSync } from "node:fs";
import { planContainer } from "../../src/plan/plan-container.ts";
import { runSteps, temporaryFolder } from "../tape/run-steps.ts";
import { calls, plainFacts, section, specWith } from "./plan-for.ts";

const planned = (ownStdio: boolean, terminal = false): string => {
  const spec = specWith({ process: { terminal, user: { uid: 33, gid: 44 } } });
  const plan = planContainer({ id: "web", bundle: "/srv/web", spec, hostRoot: false, ownStdio }, plainFacts);
  return section(plan, "init: process");
};

test("each descriptor is the user's, unless it is already or is the null device", () => {
  const lines = planned(true).split("\n");
  const start = lines.findIndex((line) => line.startsWith("statx(0"));
  expect(lines.slice(start, start + 14).join("\n")).toMatchInlineSnapshot(`
    "statx(0, "", AT_EMPTY_PATH, STATX_TYPE|STATX_UID, &statx)
            process.user.uid: look at descriptor 0
        [done] compute (owner of stdio) & 0xffffffff
                process.user.uid: is it user 33's?
            [done] compute device number of stdio
                    process.user.uid: is it the null device?
                [done] fchown(0, 33, -1)
                        process.user.uid: give descriptor 0 to user 33
    statx(1, "", AT_EMPTY_PATH, STATX_TYPE|STATX_UID, &statx)
            process.user.uid: look at descriptor 1
        [done] compute (owner of stdio) & 0xffffffff
                process.user.uid: is it user 33's?
            [done] compute device number of stdio
                    process.user.uid: is it the null device?"
  `);
});

test("before the user is changed", () => {
  const spec = specWith({ process: { user: { uid: 33, gid: 44 } } });
  const plan = planContainer({ id: "web", bundle: "/srv/web", spec, hostRoot: false, ownStdio: true }, plainFacts);
  const lines = calls(plan, "init: process").split("\n");
  const last = lines.findLastIndex((line) => line.startsWith("statx(2"));
  expect(lines[last + 1]).toBe("prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)");
});

test("not for a run in the foreground, nor with a terminal", () => {
  expect(planned(false)).not.toMatch(/statx\([012],/);
  expect(planned(true, true)).not.toMatch(/statx\([012],/);
});

if (process.getuid?.() !== 0) console.warn("SKIPPED: stdio that changes hands: this needs root's rights (run the tests as root)");
test.skipIf(process.getuid?.() !== 0)("really: a file changes hands, the null device does not, nor what is the user's", () => {
  const spec = specWith({ process: { user: { uid: 1234, gid: 44 } } });
  const plan = planContainer({ id: "web", bundle: "/srv/web", spec, hostRoot: false, ownStdio: true }, plainFacts);
  const steps = plan.child.flatMap((one) => one.steps).filter(({ call, why }) => call === "statx" && why.startsWith("look at descriptor"));
  using folder = temporaryFolder();
  const open = [openSync("/dev/null", "r"), openSync(`${folder.path}/out`, "w"), openSync(`${folder.path}/own`, "w")] as const;
  try {
    fchownSync(open[2], 1234, 7);
    const owners = (): string[] => open.map((fd) => `${fstatSync(fd).uid}:${fstatSync(fd).gid}`);
    const [device] = owners();
    const { exit, failed } = runSteps(process.arch === "arm64" ? "arm64" : "x64", [steps], plan.childVariables.variables, {}, open);
    expect({ exit, failed, owners: owners() }).toEqual({ exit: 0, failed: undefined, owners: [device ?? "", "1234:0", "1234:7"] });
  } finally {
    for (const fd of open) closeSync(fd);
  }
});
