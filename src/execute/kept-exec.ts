// The programs of exec, kept from one time for the next: a health probe is the same command in the same container, every few
// seconds. Its plan is a pure function of what planExec takes and of this executable. Only the file for the pid is another
// each time, where a client names it after an id of the probe's own: then its name is changed in the tape.

import type { HostFacts } from "../host/facts.ts";
import type { Launch } from "../plan/launch.ts";
import type { Exec } from "../plan/plan-exec.ts";
import type { State } from "../state/state.ts";
import type { Compiled } from "./compile.ts";
import { markPlace, ownPart, type Place, placeFor, readPlace, writePlace } from "./kept-place.ts";

const PLACES = 256;

/** Where the program of that process in that container is kept, and which file it writes the pid to. */
export type ExecPlace = Place & { readonly pidFile: string | undefined };
type More = { readonly pidFile?: string };

/** undefined where none is kept. */
export function placeOfExec(exec: Exec, facts: HostFacts, state: State, stateRoot: string): ExecPlace | undefined {
  if (facts.uid !== 0) return undefined;
  const { id, bundle, spec, process, seccomp, cgroups, controlGroups, init, launch } = exec;
  // A container's filter is made with it and stays as it is: of two with the same id, the later one has another start.
  const container = [id, bundle, state.created, state.pid, state.box.startTime];
  const asked = [container, spec, process, seccomp?.flags, cgroups, controlGroups, init, withoutPidFile(launch), facts];
  return {
    stateRoot,
    name: `exec-${placeFor(`${id}\0${process.args.join("\0")}`, PLACES)}`,
    key: `${ownPart()}\0${JSON.stringify(asked)}`,
    pidFile: launch.pidFile,
  };
}

/** Of its name only what the tape's layout depends on: bytes, and where the last part begins. */
function withoutPidFile(launch: Launch): unknown {
  const { pidFile, consoleSocket, pidfdSocket } = launch;
  // A socket may have the same name, and then nobody could tell which of them the tape means.
  if (pidFile === undefined || consoleSocket !== undefined || pidfdSocket !== undefined) return launch;
  return { ...launch, pidFile: [new TextEncoder().encode(pidFile).length, pidFile.lastIndexOf("/")] };
}

export type KeptExec = { readonly compiled: Compiled } | "marked" | undefined;

/** The program that was kept there, "marked" where it is to be kept this time, or undefined. */
export function readKeptExec(place: ExecPlace | undefined): KeptExec {
  const found = place === undefined ? undefined : readPlace<More>(place);
  if (found === undefined || found === "marked") return found;
  const { compiled, more } = found;
  const [from, to] = [more.pidFile, place?.pidFile];
  if (from === undefined || to === undefined || from === to) return { compiled };
  const image = compiled.box.image.slice();
  return rename(image, from, to) && rename(image, hidden(from), hidden(to))
    ? { compiled: { ...compiled, box: { ...compiled.box, image } } }
    : undefined;
}

/** The file that is renamed to it (src/plan/box.ts). */
const hidden = (path: string): string => {
  const slash = path.lastIndexOf("/") + 1;
  return `${path.slice(0, slash)}.${path.slice(slash)}`;
};

/** Puts one text of the tape in place of another of as many bytes. False unless it is there once. */
function rename(image: Uint8Array, from: string, to: string): boolean {
  const bytes = Buffer.from(image.buffer, image.byteOffset, image.length);
  const at = bytes.indexOf(`\0${from}\0`);
  if (at < 0 || bytes.indexOf(`\0${from}\0`, at + 1) >= 0) return false;
  return bytes.write(to, at + 1) === Buffer.byteLength(from);
}

/** Keeps what has been started, when `found` says that it is not the first time; `box` is box's tape from before it ran. Best effort; whether it was tried. */
export function keepExec(place: ExecPlace | undefined, found: KeptExec, compiled: Compiled, box: Uint8Array | undefined): boolean {
  if (place === undefined) return false;
  if (found === undefined) markPlace(place);
  if (found !== "marked" || box === undefined) return false;
  writePlace<More>(place, place.pidFile === undefined ? {} : { pidFile: place.pidFile }, compiled, box);
  return true;
}
