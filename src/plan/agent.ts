// SCMP_ACT_NOTIFY: an agent outside of the container is asked about some of its system calls, by a descriptor that loading
// the filter makes, its listener. From then on whatever init calls may wait for an agent that nobody has told yet, so init
// calls nothing: a thread of its, made before and thus without the filter, hands the listener to box, box tells the agent,
// and meanwhile init goes round in a loop that is no system call.
//
//   init                thread                          box                        agent
//    │ clone3 ──────────▶│ looks for a listener
//    │ seccomp            │
//    │ loops              │ sendmsg ── SCM_RIGHTS ─────▶│ connect, sendmsg ──────────▶│
//    │                    │ read ◀──────── "g" ─────────│
//    │ ◀── cleared tid ───│ exit                        │
//    │ what comes after, which the agent can answer now
//
// Loaded only for a filter that has such a rule: SeccompFilter.agent.

import { structFields } from "../linux/structs.ts";
import type { Struct } from "../tape/step.ts";
import { address, compute, newBuffer, newSlot, type Slot, type Step, slotIn, step } from "../tape/step.ts";
import type { Building } from "./builder.ts";
import type { BoxVariables } from "./plan.ts";
import { bytesOfSocketName, messageToFill, messageToReceive, messageToSend } from "./send-descriptor.ts";

const origin = "linux.seccomp.listenerPath";
const UINT_MAX = 0xffff_ffff;

/** Init's part: the thread, before anything that a low limit would forbid; then loading, with `listener` as its result; then waiting. */
export type AgentOfInit = { readonly thread: readonly Step[]; readonly listener: Slot<"int">; readonly wait: readonly Step[] };

export function planAgentOfInit(building: Building): AgentOfInit {
  const { variables } = building.child;
  const listener = newSlot(variables, "int", "listener");
  const tid = newBuffer(variables, "thread", 8);
  // It shares memory and descriptors. The kernel clears `tid` when it is gone, after its last record.
  const clone = newBuffer(variables, "clone_args of the thread", structFields.clone_args.bytes, {
    struct: "clone_args",
    flags: ["CLONE_VM", "CLONE_FILES", "CLONE_SIGHAND", "CLONE_THREAD", "CLONE_PARENT_SETTID", "CLONE_CHILD_CLEARTID"],
    parent_tid: tid,
    child_tid: tid,
  });
  const sender = sendListener(building, listener);
  return {
    thread: [
      step("clone3", [address(clone), clone.bytes], origin, "make a thread that the filter will not apply to", {
        equal: { value: 0, steps: sender },
      }),
    ],
    listener,
    wait: [
      compute([slotIn("int", tid, 0, "thread"), 0, 0, UINT_MAX], origin, "wait until the agent has the listener, without a system call", {
        label: "is the agent told?",
        equal: { value: 0, steps: [compute([0, 0, 0, -1], origin, "go on", { goto: "the agent is told" })] },
        goto: "is the agent told?",
      }),
      compute([0, 0, 0, -1], origin, "from here on it can be asked", { label: "the agent is told" }),
    ],
  };
}

function sendListener({ child: { variables }, handed }: Building, listener: Slot<"int">): Step[] {
  const taken = newSlot(variables, "fd", "listener, for box");
  const reply = newBuffer(variables, "reply", 8);
  const { message, descriptor } = messageToSend(variables, "l");
  const again = "look for a listener";
  const moment: Struct = { struct: "timespec", tv_sec: 0, tv_nsec: 50_000 };
  return [
    // Nothing wakes it: init can call nothing once it has a listener.
    compute([listener, 0, 0, UINT_MAX], origin, "is there a listener?", {
      label: again,
      out: taken,
      equal: {
        value: UINT_MAX,
        steps: [step("nanosleep", [moment, null], origin, "wait for 50 microseconds", { goto: again })],
      },
    }),
    compute([taken, 0, 0, -1], origin, "put the listener into a message", { out: descriptor }),
    step("sendmsg", [handed.sync, address(message), ["MSG_NOSIGNAL"]], origin, "send the listener to box"),
    step("close", [taken], origin, "keep none"),
    step("read", [handed.sync, address(reply), 1], origin, "wait until the agent is told", {
      expect: { value: 1, refused: "box ended before" },
    }),
    step("exit", [0], origin, "end this thread"),
  ];
}

/** An agent that takes no connection, or stops reading, must not hold a container up for ever. */
export const agentPatience = { seconds: 10 } as const;

/** Box's part. The container process state of the runtime-spec is put in by TypeScript: src/execute/agent-state.ts. */
export function tellAgent({ spec }: Building, box: BoxVariables): Step[] {
  const { variables, sync, agent } = box;
  const path = spec.linux?.seccomp?.listenerPath as string;
  const received = messageToReceive(variables);
  const { message, descriptor, text } = messageToFill(variables);
  agent.state = text;
  const listener = newSlot(variables, "fd", "listener");
  const socket = newSlot(variables, "fd", "socket of the agent");
  const sent = newSlot(variables, "int", "bytes sent");
  const name = bytesOfSocketName(path);
  const place = newBuffer(variables, "sockaddr_un", (name.length + 7) & ~7, name);
  const patience = new Uint8Array(new BigInt64Array([BigInt(agentPatience.seconds), 0n]).buffer);
  return [
    step("recvmsg", [sync, address(received.message), ["MSG_CMSG_CLOEXEC"]], origin, "receive the listener", {
      expect: { value: 1, refused: "init ended before" },
    }),
    compute([received.descriptor, 0, 0, UINT_MAX], origin, "take it out of the message", { out: listener }),
    step("socket", [["AF_UNIX"], ["SOCK_STREAM", "SOCK_CLOEXEC"], 0], origin, "make a socket to tell the agent", { out: socket }),
    step(
      "setsockopt",
      [socket, ["SOL_SOCKET"], ["SO_SNDTIMEO_OLD"], patience, patience.length],
      origin,
      `wait for ${agentPatience.seconds} s at most`,
    ),
    step("connect", [socket, address(place), name.length], origin, `connect to the agent at ${path}`),
    compute([listener, 0, 0, -1], origin, "put the listener into a message", { out: descriptor }),
    step("sendmsg", [socket, address(message), ["MSG_NOSIGNAL"]], origin, `send the agent at ${path} the listener and the state`, {
      out: sent,
    }),
    compute([text.length, 0, sent, -1], origin, `send the agent at ${path} the whole state`, {
      expect: { value: 0, refused: "the agent has stopped reading" },
    }),
    step("close", [socket], origin, "done with it"),
    step("close", [listener], origin, "only the agent has it"),
    step("write", [sync, "g", 1], origin, "tell the thread that the agent is told", { onError: [["EPIPE", []]] }),
  ];
}

/** What a plan for such a filter takes from here. */
export const agentSteps = { planAgentOfInit, tellAgent } as const;
export type AgentSteps = typeof agentSteps;
