// box bundle: a folder that box can run, from an archive of a root, an image, or another folder.

import { bundleSpec, type ProcessIds } from "../bundle/bundle-config.ts";
import { shown } from "../bundle/entry.ts";
import type { Filling, LeftOut } from "../bundle/fill-root.ts";
import type { ImageConfig } from "../bundle/image-config.ts";
import { readPlatform } from "../bundle/platform.ts";
import { barProgress, quietProgress } from "../bundle/progress.ts";
import { catchSignals, Interrupted } from "../bundle/watch.ts";
import { Workplace } from "../bundle/workplace.ts";
import { byteSize } from "../config/byte-size.ts";
import { BoxError } from "../errors.ts";
import { hostReader } from "../execute/files.ts";
import { readInOpenRoot } from "../execute/folders.ts";
import { isTerminal } from "../execute/is-terminal.ts";
import { systemCall } from "../execute/libc.ts";
import { readCgroups } from "../host/read-facts.ts";
import { type FlagRow, type Parsed, parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { absolute } from "./invocation.ts";
import { reportWarning } from "./report-error.ts";
import { lookUpUser } from "./user-names.ts";
import { warnOf } from "./warn-of.ts";

const usualSize = "32g";

export const flags: readonly FlagRow[] = [
  { name: "ref", value: "NAME", help: "which image, where SOURCE holds several: a name or a tag" },
  { name: "platform", value: "OS/ARCH[/VARIANT]", help: "for which machine, where the image is for several (default: this one)" },
  { name: "max-size", value: "SIZE", help: `refuse a SOURCE that holds more, unpacked (default ${usualSize})` },
  { name: "yaml", help: "write a box.yaml instead of a config.json" },
  { name: "quiet", short: "q", help: "show no progress" },
  { name: "help", short: "h", help: "show this help" },
];

const STDERR = 2;
/** What takes several times as long as to begin anew, where layers in it are compressed. */
const LARGE_BYTES = 16 * 1024 * 1024;

export async function run(argv: readonly string[], _globals: Globals): Promise<number> {
  const parsed = parseFlags(argv, flags, "bundle", true);
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("bundle");
  const [from, to, ...more] = parsed.rest;
  if (from === undefined || to === undefined || more.length > 0)
    throw new BoxError({ what: "expected a source and a folder", hint: "box bundle SOURCE DIR; box bundle --help says more" });
  const choice = {
    ref: parsed.values.ref,
    platform: parsed.values.platform === undefined ? undefined : readPlatform(parsed.values.platform),
  };
  const most = sizeOf(parsed.values["max-size"] ?? usualSize);
  const { fillRoot, openSource } = await import("../bundle/fill-root.ts");
  const source = openSource(from);
  // The engine's last compiler takes a fifth of the processor's time here, and what it makes gains less than that (measured).
  if (source.isFolder || source.part === undefined || source.part.size >= LARGE_BYTES)
    (await import("../execute/begin-with.ts")).beginWith({ BUN_JSC_useFTLJIT: "0" }, Bun.argv.slice(2));
  // Box puts the compiler off, since most commands are done before it pays; here the same few functions run for seconds.
  Bun.unsafe.setJITPolicy(1);
  // What is made has the mode that it is made with.
  systemCall("umask", 0);
  catchSignals();
  const place = new Workplace(absolute(to));
  const progress = !parsed.switches.has("quiet") && isTerminal(STDERR) ? barProgress() : quietProgress;
  const leftOut = new Map<LeftOut, string[]>();
  try {
    const filling: Filling = { place, choice, most, asRoot: process.geteuid?.() === 0, progress, leaveOut: noteIn(leftOut) };
    await writeConfig(parsed, await fillRoot(source, filling), filling);
    place.commit();
  } catch (error) {
    progress.end();
    abandon(place);
    if (error instanceof Interrupted) return 128 + error.signal;
    throw error;
  }
  progress.end();
  for (const [why, places] of leftOut) reportWarning(new BoxError({ what: `${wordsFor[why]}: ${listed(places)}` }));
  return 0;
}

async function writeConfig({ switches }: Parsed, image: ImageConfig | undefined, filling: Filling): Promise<void> {
  const read = (path: string): string => readInOpenRoot(filling.place.root, path) ?? "";
  const ids: ProcessIds | undefined =
    (image?.user ?? "") === "" ? undefined : lookUpUser(image?.user ?? "", read("etc/passwd"), read("etc/group"), "the image's user");
  if (switches.has("yaml")) return filling.place.write("box.yaml", (await import("../bundle/bundle-yaml.ts")).bundleYaml(image));
  const cgroupV2 = readCgroups(hostReader).v1.length === 0;
  const rootless = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const spec = bundleSpec(image, ids, filling.asRoot ? { cgroupV2 } : { cgroupV2, rootless });
  filling.place.write("config.json", `${JSON.stringify(spec, null, "\t")}\n`);
}

function sizeOf(text: string): number {
  const size = byteSize(text);
  if (size !== undefined && size > 0 && Number.isSafeInteger(size)) return size;
  throw new BoxError({ origin: "--max-size", what: `expected a size such as 500m or 4g, got ${JSON.stringify(text)}` });
}

/** The error that led here matters more than what cannot be removed now. */
function abandon(place: Workplace): void {
  try {
    place.abandon();
  } catch (error) {
    warnOf(error);
  }
}

const wordsFor: Readonly<Record<LeftOut, string>> = {
  device: "left out, since only root may make devices",
  attribute: "extended attributes left out, which this user or filesystem cannot set, of",
  "overlay mark": "marks of an overlay filesystem left out, of",
  socket: "sockets left out",
};

const MOST_LISTED = 3;

/** Keeps a few for the message, and the number of all. */
function noteIn(leftOut: Map<LeftOut, string[]>): (why: LeftOut, place: string) => void {
  return (why, place) => {
    const places = leftOut.get(why) ?? [];
    leftOut.set(why, places);
    places.push(places.length < MOST_LISTED ? place : "");
  };
}

function listed(places: readonly string[]): string {
  const named = places.slice(0, MOST_LISTED).map(shown).join(", ");
  return places.length > MOST_LISTED ? `${named} and ${places.length - MOST_LISTED} more` : named;
}
