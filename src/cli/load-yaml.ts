// A box.yaml as a Spec: the text checked and expanded by src/config, with users looked up in the root's own files, and
// devices, files and references to other containers resolved on this machine.

import { statSync } from "node:fs";
import type { Spec } from "../config/spec.ts";
import { keyPath } from "../config/spec-paths.ts";
import { checkSupported } from "../config/unsupported.ts";
import { expandYaml, type HostDevice, type YamlContext } from "../config/yaml-expand.ts";
import { readYaml } from "../config/yaml-read.ts";
import { type BoxYaml, boxYamlRule } from "../config/yaml-rules.ts";
import { BoxError, type ConfigFault } from "../errors.ts";
import { machine } from "../execute/libc.ts";
import { readTextOrThrow } from "../execute/read-or-throw.ts";
import type { PluginRequest } from "./load-plugins.ts";
import { locating } from "./located.ts";
import { exactly, parseJson } from "./parse-json.ts";
import { type Reference, resolveNamespace } from "./resolve-namespace.ts";
import { lookUpUser } from "./user-names.ts";
import { type Answered, Questions } from "./yaml-answers.ts";

export type YamlSource = {
  readonly text: string;
  /** What messages call it. */
  readonly name: string;
  /** The file's own, which is the bundle. */
  readonly folder: string;
  /** Unknown keys are warnings. */
  readonly lenient?: boolean;
  /** What it depends on besides, where that is known. */
  readonly answered?: readonly Answered[] | undefined;
};

export type LoadedYaml = {
  readonly spec: Spec;
  readonly hostRoot: boolean;
  readonly plugins: readonly PluginRequest[];
  /** What was left out, and why, with its place. */
  readonly notes: readonly string[];
  /** Unknown keys that were left out, each with its place. */
  readonly ignored: readonly ConfigFault[];
  /** `mounts[7]` of the Spec → `box.yaml:3:5: mounts[0]`, for errors that come later. */
  readonly locate: (origin: string) => string;
  /** What it depends on besides its text; undefined when that is more. */
  readonly answered: readonly Answered[] | undefined;
};

type PlaceOf = (path: string) => string;

/** `references` takes the namespaces that it joins. A Spec that may ask for what this version of box cannot do. */
export function loadYaml(
  { text, name, folder, lenient = false, answered }: YamlSource,
  id: string,
  stateRoot: string,
  references: Reference[] = [],
): LoadedYaml {
  const { value, placeOf, ignored } = readYaml(text, name, boxYamlRule, lenient);
  const yaml = value as BoxYaml;
  const hostRoot = yaml.rootfs === "host";
  const root = hostRoot ? `${stateRoot}/${id}/root` : yaml.rootfs;
  const questions = new Questions(answered);
  const usersRoot = hostRoot ? "/" : root.startsWith("/") ? root : `${folder}/${root}`;
  const context = contextFor(usersRoot, { id, root, folder, lenient }, questions, (reference, type) => {
    const found = resolveNamespace(stateRoot, reference, type);
    references.push(found);
    return found.path;
  });
  const inFile = (path: string): string => `${placeOf(path)}: ${path}`;
  const { spec, notes, dropped, originOf } = locating(inFile, () => expandYaml(yaml, context));
  const plugins = (yaml.plugins ?? []).flatMap((one, index) => pluginRequests(one, index, folder, placeOf));
  const locate = (origin: string): string => {
    const path = originOf(origin);
    return path === undefined ? origin : `${placeOf(path)}: ${path}`;
  };
  return {
    spec,
    hostRoot,
    plugins,
    notes: notes.map((note) => `${placeOf(note.slice(0, note.indexOf(" ")))}: ${note}`),
    ignored: [...ignored, ...dropped.map((fault) => ({ ...fault, path: inFile(fault.path) }))],
    locate,
    answered: questions.answered,
  };
}

/** The same, refused with its places when this version of box cannot do it. */
export function loadRunnableYaml(source: YamlSource, id: string, stateRoot: string, references: Reference[] = []): LoadedYaml {
  const loaded = loadYaml(source, id, stateRoot, references);
  locating(loaded.locate, () => checkSupported(loaded.spec));
  return loaded;
}

/** `usersRoot`: where the passwd and group files are. */
function contextFor(
  usersRoot: string,
  given: Pick<YamlContext, "id" | "root" | "folder" | "lenient">,
  questions: Questions,
  resolveNamespace: YamlContext["resolveNamespace"],
): YamlContext {
  const ofUsers = (file: "passwd" | "group"): string => questions.ask(file, usersRoot) ?? "";
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  const unnoted =
    <Args extends readonly unknown[], Answer>(answer: (...args: Args) => Answer) =>
    (...args: Args): Answer => {
      questions.askMore();
      return answer(...args);
    };
  return {
    ...given,
    machine,
    get term() {
      return questions.ask("TERM", "") ?? undefined;
    },
    rootless: uid === 0 ? undefined : { uid, gid },
    lookUpUser: (user) => lookUpUser(user, ofUsers("passwd"), ofUsers("group"), "user"),
    exists: (path) => questions.ask("exists", path),
    resolveNamespace: unnoted(resolveNamespace),
    deviceAt: unnoted(deviceAt),
    readJson: unnoted((path) => parseJson(readTextOrThrow(path, "cannot read", "seccomp"), path, exactly)),
  };
}

function deviceAt(path: string): HostDevice {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new BoxError({ what: `there is no ${path}` });
  if (!stat.isBlockDevice() && !stat.isCharacterDevice()) throw new BoxError({ what: `${path} is no device` });
  const { major, minor } = deviceNumbers(BigInt(stat.rdev));
  return { type: stat.isBlockDevice() ? "b" : "c", major, minor, fileMode: stat.mode & 0o777, uid: stat.uid, gid: stat.gid };
}

/** A dev_t of 64 bits as glibc lays it out (makedev(3)): 12 bits of the major number from bit 8 on, 8 of the minor before. */
const deviceNumbers = (device: bigint): { major: number; minor: number } => ({
  major: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)),
  minor: Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n)),
});

function pluginRequests(one: string | Record<string, unknown>, index: number, folder: string, placeOf: PlaceOf): PluginRequest[] {
  const named: [string, unknown][] = typeof one === "string" ? [[one, undefined]] : Object.entries(one);
  return named.map(([name, options]) => {
    const at = keyPath(`plugins[${index}]`, name);
    const label = `plugins[${index}] ${name}`;
    return { label, name, folder, options, placeOf: (path) => placeOf(path.startsWith("[") ? at + path : `${at}.${path}`) };
  });
}
