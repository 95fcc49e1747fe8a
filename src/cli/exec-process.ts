// The process that exec runs: the container's own with other arguments and what the flags change, or that of a file.

import type { Capabilities, Process, Spec, User } from "../config/spec.ts";
import { BoxError } from "../errors.ts";
import { readGivenOrThrow } from "../execute/read-or-throw.ts";
import { capabilities } from "../linux/capabilities.ts";
import type { Parsed } from "./arguments.ts";
import { parseJson } from "./parse-json.ts";

/** `text`: what the file says, where it is from one. */
export type AskedProcess = { readonly process: Process; readonly text?: string };

export async function processOf(spec: Spec, parsed: Parsed, command: readonly string[]): Promise<AskedProcess> {
  const file = parsed.values.process;
  if (file !== undefined) return fromFile(file, parsed, spec.process);
  if (command.length === 0) throw new BoxError({ what: "process args cannot be empty", hint: "box exec ID COMMAND…" });
  const base = spec.process;
  if (base === undefined)
    throw new BoxError({ origin: "process", what: "the container has none to take defaults from", hint: "--process FILE gives one" });
  const { values, lists, switches } = parsed;
  // The container's terminal is its own; exec has one when -t asks for it.
  const { consoleSize: _, ...rest } = base;
  const process = {
    ...rest,
    terminal: switches.has("tty"),
    args: [...command],
    env: [...(base.env ?? []), ...environment(lists.env ?? [])],
    cwd: absoluteCwd(values.cwd) ?? base.cwd,
    user: userOf(base.user, values.user, lists["additional-gids"] ?? []),
    ...(lists.cap === undefined ? {} : { capabilities: withMore(base.capabilities ?? {}, lists.cap) }),
    ...(switches.has("no-new-privs") ? { noNewPrivileges: true } : {}),
    ...(await labelsOf(values)),
  };
  return { process };
}

/** A file that names no label does not set the process free from the container's, as with runc. */
async function fromFile(path: string, parsed: Parsed, base: Process | undefined): Promise<AskedProcess> {
  const { apparmorProfile, selinuxLabel } = base ?? {};
  const labels = { ...(apparmorProfile === undefined ? {} : { apparmorProfile }), ...(selinuxLabel === undefined ? {} : { selinuxLabel }) };
  const text = readGivenOrThrow(path, "--process");
  return { process: { ...labels, ...(await checkedProcess(text, path, parsed)) }, text };
}

async function checkedProcess(text: string, path: string, parsed: Parsed): Promise<Process> {
  const { checkProcess } = await import("../config/check-spec.ts");
  try {
    return checkProcess(parseJson(text, path));
  } catch (error) {
    const { value, ignored } = (await import("./read-again.ts")).readAgain(error, "process", text, path, parsed);
    await (await import("./leniency.ts")).warnOfIgnored(ignored);
    return value;
  }
}

function absoluteCwd(path: string | undefined): string | undefined {
  if (path !== undefined && !path.startsWith("/"))
    throw new BoxError({ origin: "--cwd", what: `expected an absolute path, got ${JSON.stringify(path)}` });
  return path;
}

function environment(entries: readonly string[]): string[] {
  for (const entry of entries)
    if (entry.indexOf("=") < 1) throw new BoxError({ origin: "--env", what: `expected NAME=VALUE, got ${JSON.stringify(entry)}` });
  return [...entries];
}

/** Numbers only, read to the letter (CVE-2026-30892). */
function userOf(base: User, text: string | undefined, gids: readonly string[]): User {
  const more: number[] = [];
  for (const gid of gids) more.push(parseId(gid, "--additional-gids"));
  const groups = more.length === 0 ? base.additionalGids : [...(base.additionalGids ?? []), ...more];
  const whole: User = { ...base, ...(groups === undefined ? {} : { additionalGids: groups }) };
  if (text === undefined) return whole;
  const colon = text.indexOf(":");
  if (colon < 0) return { ...whole, uid: parseId(text, "--user") };
  return { ...whole, uid: parseId(text.slice(0, colon), "--user"), gid: parseId(text.slice(colon + 1), "--user") };
}

/** The last id is the kernel's "no id". */
const LAST_ID = 4294967294;

function parseId(text: string, origin: string): number {
  const id = /^\d{1,10}$/.test(text) ? Number(text) : -1;
  if (id < 0 || id > LAST_ID) throw new BoxError({ origin, what: `expected a number from 0 to ${LAST_ID}, got ${JSON.stringify(text)}` });
  return id;
}

/**
 * Never inheritable: a program with file capabilities would keep them (CVE-2022-29162). Ambient as well where they are
 * inheritable already, since only those can be (capabilities(7)).
 */
function withMore(base: Capabilities, names: readonly string[]): Capabilities {
  for (const name of names)
    if (!Object.hasOwn(capabilities, name)) throw new BoxError({ origin: "--cap", what: `there is no capability ${JSON.stringify(name)}` });
  const add = (set: readonly string[] | undefined): string[] => [...new Set([...(set ?? []), ...names])];
  const inheritable = names.filter((name) => base.inheritable?.includes(name));
  const ambient = inheritable.length > 0 ? { ambient: [...new Set([...(base.ambient ?? []), ...inheritable])] } : {};
  return { ...base, bounding: add(base.bounding), effective: add(base.effective), permitted: add(base.permitted), ...ambient };
}

/** An empty one asks for nothing, and leaves the container's. */
async function labelsOf({
  apparmor,
  "process-label": label,
}: Parsed["values"]): Promise<Pick<Process, "apparmorProfile" | "selinuxLabel">> {
  const profiled = apparmor !== undefined && apparmor !== "";
  const labelled = label !== undefined && label !== "";
  if (!profiled && !labelled) return {};
  const { checkLabel } = await import("../config/check-spec.ts");
  return {
    ...(profiled ? { apparmorProfile: checkLabel(apparmor, "--apparmor") } : {}),
    ...(labelled ? { selinuxLabel: checkLabel(label, "--process-label") } : {}),
  };
}
