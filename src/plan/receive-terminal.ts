// Box's side of the container's terminal: its master comes out of the child's message, and gets its settings and size
// before the container's process can look at them.

import { address, compute, newBuffer, type Slot, type Step, slotIn, step, type Variables } from "../tape/step.ts";
import type { Building } from "./builder.ts";
import type { BoxVariables } from "./plan.ts";
import { messageToReceive, sendToSocket } from "./send-descriptor.ts";
import { TWO_32, without } from "./supervise-terminal.ts";

const origin = "process.terminal";
const UINT_MAX = 0xffff_ffff;
const ONLCR = 0x4;

export function receiveTerminal(building: Building, box: BoxVariables): Step[] {
  if (building.spec.process?.terminal !== true) return [];
  const { consoleSocket } = building.launch;
  // Whoever gets the terminal there sets it up.
  if (consoleSocket !== undefined)
    return [
      ...receiveMaster(box),
      ...sendToSocket(box.variables, box.terminal, consoleSocket, "/dev/ptmx", "--console-socket", "the terminal"),
      step("close", [box.terminal], origin, "done with it"),
    ];
  return [...receiveMaster(box), ...clearNewlines(box.variables, box.terminal), ...passSize(box.variables, box.terminal)];
}

/** Takes the terminal's master out of the child's message (recvmsg(2), SCM_RIGHTS). */
function receiveMaster({ variables, sync, terminal }: BoxVariables): Step[] {
  const { message, descriptor } = messageToReceive(variables);
  return [
    step("recvmsg", [sync, address(message), ["MSG_CMSG_CLOEXEC"]], origin, "receive the container's terminal", {
      expect: { value: 1, refused: "init ended before" },
    }),
    compute([descriptor, 0, 0, UINT_MAX], origin, "take it out of the message", { out: terminal }),
  ];
}

/**
 * The container's terminal adds no carriage returns, as with runc: the caller's terminal does, and a pipe wants none.
 * c_iflag and c_oflag of termios are read and written as one word.
 */
function clearNewlines(variables: Variables, terminal: Slot<"fd">): Step[] {
  const settings = newBuffer(variables, "the terminal's settings", 64);
  const modes = slotIn("int", settings, 0, "its input and output modes");
  return [
    step("ioctl", [terminal, ["TCGETS"], address(settings)], origin, "take the terminal's settings"),
    compute([modes, 0, 0, without(ONLCR * TWO_32)], origin, "newlines as they are written", { out: modes }),
    step("ioctl", [terminal, ["TCSETS"], address(settings)], origin, "give it the changed settings"),
  ];
}

/** The size of whichever of the caller's stdio is a terminal; without one, what consoleSize says stays. */
function passSize(variables: Variables, terminal: Slot<"fd">): Step[] {
  const size = newBuffer(variables, "size", 8);
  const ask = (fd: number): Step =>
    step("ioctl", [fd, ["TIOCGWINSZ"], address(size)], origin, `take the size of descriptor ${fd}, if it is a terminal`, {
      onError: "ignore",
      ok: [step("ioctl", [terminal, ["TIOCSWINSZ"], address(size)], origin, "give it to the container's terminal")],
    });
  return [ask(0), ask(1), ask(2)];
}
