// Reads what containers use, one moment after the other, and keeps of each what makes the next look cheap and its rates
// known: where its files are, whether its network is its own, and the sample before.

import { readUsage, type UsageFiles, usageFiles } from "../cgroup/usage.ts";
import { hostReader } from "../execute/files.ts";
import { type KeptFiles, newKeptFiles } from "../execute/kept-files.ts";
import type { Listed } from "../execute/list-states.ts";
import { liveStatus } from "../execute/live-status.ts";
import { readLink } from "../execute/read-link.ts";
import { networkUsage, type Sample, sampleOf } from "../inspect/container-sample.ts";

type Known = {
  readonly pid: number;
  readonly startTime: number;
  readonly files: KeptFiles;
  readonly file: UsageFiles;
  readonly ownNetwork: boolean;
  readonly sample: Sample;
};

/** Every call is a moment. A container that is not in the list any more is forgotten. `pressure` takes three more files of each. */
export function newSampler(pressure: boolean): (containers: readonly Listed[]) => Sample[] {
  let before = new Map<string, Known>();
  return (containers) => {
    const now = new Map<string, Known>();
    const samples: Sample[] = [];
    for (const one of containers) {
      const known = look(one, before.get(one.state.id), pressure);
      now.set(one.state.id, known);
      samples.push(known.sample);
    }
    for (const [id, { files }] of before) if (now.get(id)?.files !== files) files.close();
    before = now;
    return samples;
  };
}

function look(listed: Listed, before: Known | undefined, pressure: boolean): Known {
  const { id, pid, box } = listed.state;
  const last = before?.pid === pid && before.startTime === box.startTime ? before : undefined;
  const files = last?.files ?? newKeptFiles();
  const status = liveStatus(listed, files.read);
  const lives = status !== "stopped";
  const file = last?.file ?? usageFiles(box.cgroups, (path) => textOrNothing(files.read(path)));
  const ownNetwork = last?.ownNetwork ?? (lives && hasOwnNetwork(pid));
  const network = ownNetwork && lives ? hostReader.read(`/proc/${pid}/net/dev`) : undefined;
  const reading = {
    id,
    status,
    pid: lives ? pid : 0,
    atMs: performance.now(),
    usage: lives ? readUsage(file, pressure) : undefined,
    network: network === undefined ? undefined : networkUsage(network),
  };
  return { pid, startTime: box.startTime, files, file, ownNetwork, sample: sampleOf(reading, last?.sample) };
}

const textOrNothing = (text: string | number): string | undefined => (typeof text === "string" ? text : undefined);

/** A link that this user may not read counts as the host's. */
function hasOwnNetwork(pid: number): boolean {
  const link = readLink(`/proc/${pid}/ns/net`);
  return link !== undefined && link !== readLink("/proc/self/ns/net");
}
