// Where box trace has its events from: the kernel, or a look at /proc several times a second where that tells nothing.

import { BoxError } from "../errors.ts";
import { monotonicNs } from "../execute/clock.ts";
import { hostReader } from "../execute/files.ts";
import { listProcesses } from "../execute/list-processes.ts";
import { type Connector, openConnector, type Refusal } from "../execute/process-connector.ts";
import { newLostEvents } from "../inspect/lost-events.ts";
import { decodeMessage, type EventKind, type ProcessEvent } from "../inspect/process-event.ts";
import { newPoll, polledKinds } from "../inspect/process-poll.ts";
import { reportWarning } from "./report-error.ts";

export type Source = {
  /** The next ones; `lost` stands for a gap in front of the event after it. */
  readonly take: () => readonly (ProcessEvent | "lost")[];
  readonly fd: number | undefined;
  readonly everyMs: number;
  /** How many did not come, so far. */
  readonly lost: () => number;
  readonly close: () => void;
};

/** With `poll`, /proc is looked at in any case. */
export function openSource(poll: boolean, kinds: ReadonlySet<EventKind>): Source {
  const connector = poll ? undefined : openConnector();
  return connector !== undefined && "fd" in connector ? connectorSource(connector) : pollSource(kinds, connector);
}

function connectorSource(connector: Connector): Source {
  const lost = newLostEvents();
  return {
    fd: connector.fd,
    everyMs: Number.POSITIVE_INFINITY,
    take() {
      const events: (ProcessEvent | "lost")[] = [];
      connector.receive((message) => {
        const { cpu, number, event } = decodeMessage(message);
        if (lost.sees(cpu, number)) events.push("lost");
        // At once, and not when its turn to be shown comes: many a process ends in between.
        if (event?.kind === "exec") events.push({ ...event, cmdline: hostReader.read(`/proc/${event.pid}/cmdline`) });
        else if (event !== undefined) events.push(event);
      });
      return events;
    },
    lost: () => lost.count(connector.dropped()),
    close: connector.close,
  };
}

const POLL_MS = 100;

function pollSource(kinds: ReadonlySet<EventKind>, refusal: Refusal | undefined): Source {
  if (refusal !== undefined) warnOfPoll(refusal);
  const unseen = [...kinds].filter((kind) => !polledKinds.includes(kind));
  if (unseen.length > 0) reportWarning(new BoxError({ what: `a look at /proc does not show ${unseen.join(" and ")}` }));
  const look = newPoll(listProcesses, hostReader.read, kinds);
  look(monotonicNs());
  return { fd: undefined, everyMs: POLL_MS, take: () => look(monotonicNs()), lost: () => 0, close: () => undefined };
}

/** Why, where the call says it (drivers/connector/cn_proc.c, netlink(7)). */
const causes: Readonly<Record<string, string>> = {
  "bind EPERM": "before Linux 6.6 this takes CAP_NET_ADMIN",
  "sendto ECONNREFUSED": "they are there in the host's first network namespace alone",
  PROC_CN_MCAST_LISTEN:
    "the kernel does not answer: they are there in the host's first pid and user namespaces alone, and with CONFIG_PROC_EVENTS",
  "socket EPROTONOSUPPORT": "the kernel was built without CONFIG_CONNECTOR",
};

function warnOfPoll({ call, errno }: Refusal): void {
  const hint = causes[errno === undefined ? call : `${call} ${errno}`];
  reportWarning(
    new BoxError({
      what: `cannot get the kernel's process events, so this is a look at /proc every ${POLL_MS} ms, which misses what is shorter`,
      call,
      ...(errno === undefined ? {} : { errno }),
      ...(hint === undefined ? {} : { hint }),
    }),
  );
}
