// What the flags of run and plan change in a container's description, whether it came from a bundle or is built in.

import type { Mount, NamespaceType, Process, Spec } from "../config/spec.ts";
import { BoxError } from "../errors.ts";
import { readInRoot } from "../execute/folders.ts";
import { isMountOption } from "../plan/sort-options.ts";
import type { Parsed } from "./arguments.ts";
import { absolute } from "./invocation.ts";
import { placeNamespaces, type Resolve } from "./place-namespaces.ts";
import { lookUpUser } from "./user-names.ts";

/** A new Spec with the flags' changes; `root` is the folder that user names are looked up in. */
export function overrideSpec(spec: Spec, parsed: Parsed, command: readonly string[], root: string, resolve: Resolve): Spec {
  const { values, switches, lists } = parsed;
  const out: Spec = { ...spec, process: overrideProcess(spec.process ?? emptyProcess(), parsed, command, root) };
  if (values.rootfs !== undefined) out.root = { ...out.root, path: absolute(values.rootfs) };
  if (switches.has("read-only")) out.root = { ...out.root, path: out.root?.path ?? "rootfs", readonly: true };
  placeNamespaces(out, parsed, resolve);
  if (values.hostname !== undefined) {
    // Else it would be the host's name that changes.
    if (!has(out, "uts")) throw new BoxError({ origin: "--hostname", what: "needs a uts namespace in linux.namespaces" });
    out.hostname = values.hostname;
  }
  const volumes = (lists.volume ?? []).map(parseVolume);
  if (volumes.length > 0) out.mounts = [...(out.mounts ?? []), ...volumes];
  return out;
}

const has = (spec: Spec, type: NamespaceType): boolean => (spec.linux?.namespaces ?? []).some((one) => one.type === type);

const emptyProcess = (): Process => ({ user: { uid: 0, gid: 0 }, cwd: "/", args: [] });

function overrideProcess(process: Process, parsed: Parsed, command: readonly string[], root: string): Process {
  const { values, switches, lists } = parsed;
  const out: Process = { ...process };
  if (command.length > 0) out.args = [...command];
  if (values.workdir !== undefined) out.cwd = absolutePath(values.workdir, "--workdir");
  if (switches.has("tty")) out.terminal = true;
  if (lists.env !== undefined) out.env = mergeEnv(process.env ?? [], lists.env);
  if (values.user !== undefined) {
    const read = (path: string): string => readInRoot(root, path) ?? "";
    out.user = { ...process.user, ...lookUpUser(values.user, read("etc/passwd"), read("etc/group"), "--user") };
  }
  return out;
}

function absolutePath(path: string, flag: string): string {
  if (!path.startsWith("/")) throw new BoxError({ origin: flag, what: `expected an absolute path, got ${JSON.stringify(path)}` });
  return path;
}

/** Later entries win; a name alone takes its value from box's own environment, if it has one. */
function mergeEnv(env: readonly string[], added: readonly string[]): string[] {
  const out = new Map(env.map((entry) => [entry.split("=")[0] as string, entry]));
  for (const entry of added) {
    const name = entry.split("=")[0] as string;
    if (name === "") throw new BoxError({ origin: "--env", what: `expected NAME=VALUE, got ${JSON.stringify(entry)}` });
    const own = Object.hasOwn(process.env, name) ? process.env[name] : undefined;
    if (entry.includes("=")) out.set(name, entry);
    else if (own !== undefined) out.set(name, `${name}=${own}`);
  }
  return [...out.values()];
}

/** `SRC:DST[:OPTION,…]` */
function parseVolume(text: string): Mount {
  const [source, destination, options, ...more] = text.split(":");
  if (!source || !destination?.startsWith("/") || more.length > 0)
    throw new BoxError({ origin: "--volume", what: `expected SRC:DST[:ro] with an absolute DST, got ${JSON.stringify(text)}` });
  const words = options ? options.split(",") : [];
  const unknown = words.find((word) => !isMountOption(word));
  if (unknown !== undefined)
    throw new BoxError({
      origin: "--volume",
      what: `unknown option ${JSON.stringify(unknown)} of a bind mount in ${JSON.stringify(text)}`,
    });
  return { destination, type: "bind", source: absolute(source), options: ["rbind", "rprivate", ...words] };
}
