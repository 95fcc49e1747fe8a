// What one container uses at one moment, and how fast since the moment before. Pure: the reading is handed in.

import type { Usage } from "../cgroup/usage.ts";

export type NetworkUsage = { readonly received: number; readonly sent: number };

export type Reading = {
  readonly id: string;
  /** As `box list` has it. */
  readonly status: string;
  /** 0 when there is no first process. */
  readonly pid: number;
  /** Milliseconds, of any clock that never goes back. */
  readonly atMs: number;
  /** undefined when its cgroups have gone. */
  readonly usage: Usage | undefined;
  /** undefined where the container has the host's network, or none that this user may see. */
  readonly network: NetworkUsage | undefined;
};

/** For each second, between two readings of one container; undefined where there are no two. */
export type Rates = {
  /** 100 is one CPU all the time. */
  readonly cpuPercent: number | undefined;
  readonly read: number | undefined;
  readonly written: number | undefined;
  readonly received: number | undefined;
  readonly sent: number | undefined;
};

export type Sample = Reading & { readonly rates: Rates; readonly history: readonly number[] };

/** How many values of CPU time a sample remembers. */
const MOST_HISTORY = 60;

/** `before` is the last sample of the same container, if there was one. */
export function sampleOf(reading: Reading, before: Sample | undefined): Sample {
  // The same id may be another container by now.
  const last = before?.pid === reading.pid ? before : undefined;
  const seconds = last === undefined ? 0 : (reading.atMs - last.atMs) / 1000;
  const rate = (of: (one: Reading) => number | undefined): number | undefined => {
    const [now, then] = [of(reading), last === undefined ? undefined : of(last)];
    return now === undefined || then === undefined || seconds <= 0 ? undefined : Math.max(0, (now - then) / seconds);
  };
  const cpuNs = rate(({ usage }) => usage?.cpuNs);
  const cpuPercent = cpuNs === undefined ? undefined : cpuNs / 1e7;
  return {
    ...reading,
    rates: {
      cpuPercent,
      read: rate(({ usage }) => usage?.io?.read),
      written: rate(({ usage }) => usage?.io?.written),
      received: rate(({ network }) => network?.received),
      sent: rate(({ network }) => network?.sent),
    },
    history: [...(last?.history ?? []), ...(cpuPercent === undefined ? [] : [cpuPercent])].slice(-MOST_HISTORY),
  };
}

/** The sum over all interfaces but loopback, from /proc/PID/net/dev (proc_pid_net(5)). */
export function networkUsage(text: string): NetworkUsage {
  let [received, sent] = [0, 0];
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).trim();
    if (colon < 0 || name === "lo") continue;
    const numbers = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/);
    received += Number(numbers[0]);
    sent += Number(numbers[8]);
  }
  return { received, sent };
}

/** As JSON: every key is always there, `null` where there is nothing to say. */
export function sampleObject({ id, status, pid, usage, network, rates }: Sample): Readonly<Record<string, unknown>> {
  const { memory, pids, io } = usage ?? {};
  return {
    id,
    status,
    pid: pid === 0 ? null : pid,
    cpu: usage?.cpuNs === undefined ? null : { usageNs: usage.cpuNs, percent: rates.cpuPercent ?? null },
    memory: memory === undefined ? null : { bytes: memory.bytes, limit: memory.limit ?? null, peak: memory.peak ?? null },
    pids: pids === undefined ? null : { count: pids.count, limit: pids.limit ?? null },
    io:
      io === undefined
        ? null
        : { readBytes: io.read, writtenBytes: io.written, readPerSecond: rates.read ?? null, writtenPerSecond: rates.written ?? null },
    network:
      network === undefined
        ? null
        : {
            receivedBytes: network.received,
            sentBytes: network.sent,
            receivedPerSecond: rates.received ?? null,
            sentPerSecond: rates.sent ?? null,
          },
    pressure: usage?.pressure ?? {},
  };
}
