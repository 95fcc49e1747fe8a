// box cg: the control files of a container's cgroups, or of any process's, with their values in units; with --watch also
// how fast what counts grows. What a file says: src/cgroup/control-files.ts.

import { readControlFile } from "../cgroup/control-files.ts";
import { processCgroups } from "../cgroup/process-cgroups.ts";
import { type CgroupPlace, exactJson } from "../cgroup/statistics.ts";
import { nearest } from "../config/faults.ts";
import { BoxError } from "../errors.ts";
import { hostReader, readText } from "../execute/files.ts";
import { listFolder } from "../execute/list-folder.ts";
import { findContainer } from "../execute/state-folder.ts";
import { terminalSize } from "../execute/terminal-size.ts";
import { writeLine } from "../execute/write-line.ts";
import { type CgroupFiles, type ControlFile, cgroupObjects, cgroupTable, newRates, type RateOf } from "../inspect/cgroup-table.ts";
import { errnoName } from "../linux/errno-name.ts";
import { escapeJson } from "../tape/escape-controls.ts";
import { type FlagRow, parseFlags } from "./arguments.ts";
import { loadBytesText } from "./bytes-text.ts";
import type { Globals } from "./commands.ts";
import { parseInterval } from "./duration.ts";
import { rootOfStates } from "./invocation.ts";
import { namedContainer } from "./named-container.ts";
import { tableStyle } from "./show-table.ts";
import { watchInPipe, watchOnScreen } from "./watch-screen.ts";

export const flags: readonly FlagRow[] = [
  { name: "watch", short: "w", help: "again after each interval, with how fast what counts grows; on a terminal in place" },
  { name: "interval", short: "i", value: "DURATION", help: "for --watch, such as 500ms or 5s (default 1s)" },
  { name: "json", help: "an array with an object for each cgroup" },
  { name: "help", short: "h", help: "show this help" },
];

const synopsis = "box cg [flags] ID|PID [FILE…]";

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const { switches, values, rest } = parseFlags(argv, flags, "cg", true);
  if (switches.has("help")) return (await import("./help.ts")).printHelp("cg");
  const [target, ...names] = rest;
  if (target === undefined) throw new BoxError({ what: "a container id or a process id is missing", hint: synopsis });
  const intervalMs = parseInterval(values.interval ?? "1s", "--interval");
  if (intervalMs <= 0) throw new BoxError({ origin: "--interval", what: "the interval must be greater than 0" });
  const places = cgroupsOf(target, globals.root ?? rootOfStates());
  const [json, bytes, rates] = [switches.has("json"), await loadBytesText(), newRates()];
  let cgroups: readonly CgroupFiles[] = readCgroups(target, places, names);
  let rateOf: RateOf | undefined;
  const table = (): string => cgroupTable(cgroups, tableStyle(), bytes, rateOf);
  const print = (): boolean => writeLine(json ? escapeJson(exactJson(cgroupObjects(cgroups, rateOf))) : table());
  if (!switches.has("watch")) {
    print();
    return 0;
  }
  const look = (): boolean => {
    cgroups = readCgroups(target, places.filter(isThere), names);
    rateOf = rates.look(cgroups, performance.now());
    return cgroups.length > 0;
  };
  if (terminalSize() !== undefined && !json) await watchOnScreen({ intervalMs, look, table });
  else await watchInPipe({ intervalMs, look, table }, print, true);
  return 0;
}

/** A container's id comes first: a container may have one of digits alone. */
function cgroupsOf(target: string, stateRoot: string): readonly CgroupPlace[] {
  const isPid = /^[1-9][0-9]{0,9}$/.test(target);
  if (!isPid || findContainer(stateRoot, target) !== undefined) return ofContainer(target, stateRoot);
  const places = processCgroups(Number(target), hostReader.read)?.filter(isThere);
  if (places === undefined) throw new BoxError({ what: `there is neither a container nor a process ${target}` });
  if (places.length === 0) throw new BoxError({ what: `no cgroup of process ${target} is mounted below /sys/fs/cgroup` });
  return places;
}

function ofContainer(id: string, stateRoot: string): readonly CgroupPlace[] {
  const { cgroups } = namedContainer(stateRoot, id).state.box;
  if (cgroups.length === 0) throw new BoxError({ origin: id, what: "the container has no cgroup of its own" });
  const there = cgroups.filter(isThere);
  if (there.length === 0) throw new BoxError({ origin: id, what: "the container's cgroups have gone, since it has ended" });
  return there;
}

const isThere = ({ path }: CgroupPlace): boolean => typeof listFolder(path) !== "number";

/** All files, or those with these names, in which a `*` stands for anything. Throws a BoxError for a name that no file has. */
function readCgroups(target: string, places: readonly CgroupPlace[], names: readonly string[]): CgroupFiles[] {
  const patterns = names.map((name) => ({ name, glob: new Bun.Glob(name) }));
  const found = new Set<string>();
  const seen: string[] = [];
  const cgroups = places.map(({ version, path }): CgroupFiles => {
    const files: ControlFile[] = [];
    for (const file of filesIn(path)) {
      seen.push(file);
      const matches = patterns.filter(({ name, glob }) => name === file || glob.match(file));
      for (const { name } of matches) found.add(name);
      const one =
        names.length > 0 && matches.length === 0
          ? undefined
          : readOne(
              path,
              file,
              matches.some(({ name }) => name === file),
            );
      if (one !== undefined) files.push(one);
    }
    return { version, path, files };
  });
  const missing = places.length === 0 ? undefined : names.find((name) => !found.has(name));
  if (missing !== undefined) throw noFile(target, missing, seen);
  return cgroups.filter(({ files }) => files.length > 0);
}

function filesIn(path: string): string[] {
  const entries = listFolder(path);
  return typeof entries === "number" ? [] : entries.filter(({ isFolder }) => !isFolder).map(({ name }) => name);
}

/** Files that are only to be written, and those that this user may not read, are left out unless they are asked for by name. */
function readOne(path: string, file: string, isNamed: boolean): ControlFile | undefined {
  const text = readText(`${path}/${file}`);
  if (typeof text === "string") {
    const entries = readControlFile(file, text);
    return entries.length === 0 && !isNamed ? undefined : { name: file, entries: entries.length > 0 ? entries : [nothing] };
  }
  if (isNamed) throw new BoxError({ what: "cannot read", object: `${path}/${file}`, errno: errnoName(-text) });
  return undefined;
}

const nothing = { key: "", value: "", unit: "text", counts: false } as const;

function noFile(target: string, name: string, seen: readonly string[]): BoxError {
  const meant = nearest(name, [...new Set(seen)]);
  return new BoxError({
    origin: target,
    what: `no cgroup of it has a file ${JSON.stringify(name)}`,
    ...(meant === undefined ? {} : { hint: `did you mean ${meant}?` }),
  });
}
