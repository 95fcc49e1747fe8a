// Between create and start: init waits on a FIFO of the state folder, and tells on another what became of it. By then the
// box that made it is gone, so this is the only way for a failure to be heard.

import type { Process, Spec } from "../config/spec.ts";
import { address, compute, type Explanation, lastErrno, newBuffer, newSlot, type Slot, type Step, step } from "../tape/step.ts";
import type { Building } from "./builder.ts";
import { bufferBytes, type ChildVariables } from "./plan.ts";
import { answer } from "./start-answer.ts";
import { pointerTo } from "./steps.ts";

/** Tells box that the container is made, and waits. */
export function waitForStart({ launch, handed, child }: Building): Step[] {
  if (launch.way !== "created") return [];
  const go = newBuffer(child.variables, "go", 8);
  return [
    step("write", [handed.sync, "c", 1], "box", "tell box that all is ready for start"),
    step("close", [handed.sync], "box", "done with box"),
    step("read", [handed.wait, address(go), 1], "box", "wait for start", { onError: [["EINTR", "again"]] }),
  ];
}

/** How steps after that fail: `attempt` says what comes, for the answer. */
export function startFailures({ child }: Building): {
  explain: { readonly explain: Explanation };
  attempt: (origin: string, what: string) => Step[];
} {
  return {
    explain: { explain: "start" },
    attempt: (origin, what) => [
      compute([{ text: attemptOf(origin, what) }, 0, 0, -1], origin, "remember what comes, to tell start of a failure", {
        out: child.attempt,
      }),
    ],
  };
}

/** What the program is as an attempt, the one whose failure is explained by the file that it is in. */
export const programOrigin = "process.args[0]";
export const execution = ({ process }: Spec): string => `execute ${process?.args[0]}${under(process)}`;

/** A program that may be executed and is not is one that its label does not let be: so its failure names that. */
function under(process: Process | undefined): string {
  const words = process?.apparmorProfile === undefined ? "" : ` under the AppArmor profile ${process.apparmorProfile}`;
  return process?.selinuxLabel === undefined ? words : `${words} as ${process.selinuxLabel}`;
}

const attemptOf = (origin: string, what: string): string => `${origin}\n${what}`;

const lookIntoProgram = ({ program, explanation }: ChildVariables, file: Slot<"fd">): Step =>
  step("openat", ["AT_FDCWD", program, ["O_RDONLY", "O_NONBLOCK", "O_CLOEXEC"], 0], "box", "look into the program's file", {
    out: file,
    onError: "ignore",
    ok: [step("read", [file, pointerTo(explanation), 255], "box", "read its first line", { onError: "ignore" })],
  });

/** The list that runs on such a failure. */
export function tellStart({ child, handed, launch, spec }: Building): Step[] {
  if (launch.way !== "created") return [];
  const origin = "box";
  const file = newSlot(child.variables, "fd", "program");
  const errno = newSlot(child.variables, "int", "errno for start");
  const tell = (what: Parameters<typeof step<"write">>[1][1], length: number, why: string): Step =>
    step("write", [handed.answer, what, length], origin, why, { onError: "ignore" });
  const output =
    handed.hookOutput < 0
      ? []
      : [
          step("lseek", [handed.hookOutput, 0, 0], origin, "go to the beginning of what the hook printed", { onError: "ignore" }),
          step("read", [handed.hookOutput, pointerTo(child.explanation), 511], origin, "read what the hook printed", { onError: "ignore" }),
        ];
  return [
    compute([0, 0, lastErrno, -1], origin, "remember the errno", { out: errno }),
    tell(address(errno), 8, "tell start the errno"),
    tell(address(child.hook.siginfo), child.hook.siginfo.bytes, "tell it how the last hook ended"),
    tell(child.attempt, answer.attemptBytes, "tell it what was attempted"),
    compute([child.attempt, 0, { text: attemptOf(programOrigin, execution(spec)) }, -1], origin, "was it the program?", {
      equal: { value: 0, steps: [lookIntoProgram(child, file)] },
      ok: output,
    }),
    tell(address(child.explanation), bufferBytes.explanation, "tell what was read"),
    compute([0, 0, errno, -1], origin, "end with that errno"),
  ];
}
