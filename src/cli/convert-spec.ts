// config.json from box.yaml and the other way, printed.

import { checkSpec } from "../config/check-spec.ts";
import { checkContainerId } from "../config/container-id.ts";
import { same } from "../config/merge-patch.ts";
import type { Spec } from "../config/spec.ts";
import { printYaml } from "../config/yaml-print.ts";
import { inOrder, shortenSpec } from "../config/yaml-shorten.ts";
import { BoxError } from "../errors.ts";
import { machine } from "../execute/libc.ts";
import { readGivenOrThrow, readTextOrThrow } from "../execute/read-or-throw.ts";
import { writeLine } from "../execute/write-line.ts";
import type { Parsed } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { absolute, rootOfStates } from "./invocation.ts";
import { isLenient, warnOfIgnored } from "./leniency.ts";
import { type LoadedYaml, loadYaml } from "./load-yaml.ts";
import { parseJson } from "./parse-json.ts";
import { type ReadLeniently, readAgain } from "./read-again.ts";
import { reportWarning } from "./report-error.ts";

/** Prints the config.json that a box.yaml expands to. */
export async function printExpanded(file: string, parsed: Parsed, globals: Globals): Promise<void> {
  const path = absolute(file);
  const folder = path.slice(0, path.lastIndexOf("/")) || "/";
  const source = { text: readGivenOrThrow(path, "--from"), name: file, folder, lenient: isLenient(parsed) };
  const loaded = loadYaml(source, checkContainerId(parsed.rest[0] ?? "box"), globals.root ?? rootOfStates());
  await warnOfIgnored(loaded.ignored);
  for (const what of lost(loaded)) reportWarning(new BoxError({ what }));
  writeLine(JSON.stringify(loaded.spec, null, "\t"));
}

/** What config.json has no words for. */
function lost({ notes, hostRoot, plugins }: LoadedYaml): string[] {
  return [
    ...notes,
    ...(hostRoot ? ["rootfs: root.path is where box mounts its view of /, and config.json cannot ask for one"] : []),
    ...(plugins.length > 0 ? ["plugins are no part of config.json"] : []),
  ];
}

/** Prints the box.yaml that expands to a bundle's config.json; whoever runs box expands it. */
export async function printShortened(bundle: string, parsed: Parsed): Promise<void> {
  const { value: spec, ignored } = readConfig(readTextOrThrow(`${bundle}/config.json`, "cannot read", "bundle"), parsed);
  await warnOfIgnored(ignored);
  const uid = process.getuid?.() ?? 0;
  const rootless = uid === 0 ? undefined : { uid, gid: process.getgid?.() ?? 0 };
  const text = printYaml(shortenSpec(spec, { machine, rootless }));
  checkAgain(text, spec, bundle);
  writeLine(text.trimEnd());
}

function readConfig(text: string, parsed: Parsed): ReadLeniently<Spec> {
  try {
    return { value: checkSpec(parseJson(text, "config.json")), ignored: [] };
  } catch (error) {
    return readAgain(error, "config", text, "config.json", parsed);
  }
}

/** Some names cannot be keys of box.yaml. Better no file than another container. */
function checkAgain(text: string, spec: Spec, folder: string): void {
  const cause = ((): unknown => {
    try {
      const again = loadYaml({ text, name: "box.yaml", folder }, "box", rootOfStates()).spec;
      return same(inOrder(again), inOrder(spec)) ? undefined : new Error("it expands to another configuration");
    } catch (error) {
      return error;
    }
  })();
  if (cause === undefined) return;
  const words = cause instanceof BoxError ? cause.facts.faults?.map(({ path, problem }) => `${path}: ${problem}`).join("; ") : undefined;
  throw new BoxError({ what: `box.yaml cannot say what config.json does: ${words ?? (cause as Error).message}` }, { cause });
}
