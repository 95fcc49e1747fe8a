// box ns: the namespaces in use, those of one process or container, or the processes of one namespace.

import { BoxError } from "../errors.ts";
import { allContainers } from "../execute/all-containers.ts";
import type { Namespace } from "../inspect/namespaces.ts";
import { linksOf, type ReadNamespaces, readNamespaces } from "../inspect/read-namespaces.ts";
import { type NamespaceType, namespaceTypes, parseNamespaceName } from "../linux/namespace-types.ts";
import { type FlagRow, parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { rootOfStates } from "./invocation.ts";
import { namedContainer } from "./named-container.ts";
import { type NamedLink, showNamespace, showNamespaces } from "./ns-tables.ts";
import { warnOf } from "./warn-of.ts";

export const flags: readonly FlagRow[] = [
  { name: "pid", short: "p", value: "PID", help: "the namespaces of this process, with those that its children will be in" },
  { name: "container", short: "c", value: "ID", help: "the namespaces that this container's processes are in" },
  { name: "type", short: "t", value: "TYPE[,TYPE…]", help: `of these types alone: ${namespaceTypes.join(", ")}` },
  { name: "tree", help: "below the user namespace that owns each, and pid namespaces below their parents" },
  { name: "shared", help: "mark what a container shares with the host or with another container" },
  { name: "json", help: "print JSON" },
  { name: "wide", short: "w", help: "cut nothing, however wide the table gets" },
  { name: "help", short: "h", help: "show this help" },
];

const synopsis = "box ns [flags] [NAMESPACE]";

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const { switches, values, rest } = parseFlags(argv, flags, "ns", true);
  if (switches.has("help")) return (await import("./help.ts")).printHelp("ns");
  const [word, more] = rest;
  const asked = [word, values.pid, values.container].filter((one) => one !== undefined);
  if (more !== undefined || asked.length > 1)
    throw new BoxError({ what: "expected one namespace, one --pid or one --container", hint: synopsis });
  const options = { shared: switches.has("shared"), tree: switches.has("tree"), json: switches.has("json"), wide: switches.has("wide") };
  const types = parseTypes(values.type);
  const id = word === undefined ? undefined : parseId(word);
  if (id !== undefined && (options.tree || options.shared || types !== undefined))
    throw new BoxError({ what: "the processes of one namespace are no tree, and have no type", hint: synopsis });
  // Asked for first, so that one that does not exist is told at once.
  const links = values.pid === undefined ? undefined : linksOfProcess(values.pid);
  const { container } = values;
  const stateRoot = globals.root ?? rootOfStates();
  if (container !== undefined && !isForeign(container)) namedContainer(stateRoot, container);
  const read = readNamespaces(allContainers(stateRoot, globals.root === undefined));
  if (id !== undefined) showNamespace(namespaceOf(read, id), read, options);
  else {
    const shown = (container === undefined ? read.namespaces : namespacesOf(read, container)).filter(
      ({ type }) => types?.includes(type) ?? true,
    );
    const shared = options.shared || container !== undefined;
    showNamespaces(links === undefined ? shown : byLink(shown, links), read, { ...options, container, shared });
  }
  warnOfUnseen(read);
  return 0;
}

/** Another runtime's, as the column of containers shows it: box's ids have no colon. */
const isForeign = (container: string): boolean => container.includes(":");

function parseTypes(text: string | undefined): NamespaceType[] | undefined {
  return text?.split(",").map((word) => {
    const type = namespaceTypes.find((one) => one === word);
    if (type === undefined)
      throw new BoxError({ origin: "--type", what: `expected some of ${namespaceTypes.join(", ")}, got ${JSON.stringify(word)}` });
    return type;
  });
}

/** As the first column shows it, or as the link of a process has it. */
function parseId(word: string): number {
  const id = /^\d{1,10}$/.test(word) ? Number(word) : parseNamespaceName(word)?.id;
  if (id === undefined)
    throw new BoxError({
      what: `expected a namespace such as 4026531840 or net:[4026531840], got ${JSON.stringify(word)}`,
      hint: synopsis,
    });
  return id;
}

function linksOfProcess(word: string): NamedLink[] {
  const links = /^[1-9]\d{0,9}$/.test(word) ? linksOf(Number(word)) : undefined;
  if (links === undefined) throw new BoxError({ origin: "--pid", what: `there is no process ${JSON.stringify(word)}` });
  const found = [...links].flatMap(([link, id]) => (id === 0 ? [] : [{ link, id }]));
  if (found.length === 0)
    throw new BoxError({ origin: "--pid", what: `the namespaces of process ${word} cannot be read: it has ended, or is not this user's` });
  return found;
}

/** In the order of the links; a namespace may be there twice, for the process and for its children. */
const byLink = (namespaces: readonly Namespace[], links: readonly NamedLink[]): readonly (Namespace & Partial<NamedLink>)[] =>
  links.flatMap(({ link, id }) => namespaces.filter((one) => one.id === id).map((one) => ({ ...one, link })));

function namespacesOf({ namespaces }: ReadNamespaces, container: string): Namespace[] {
  const found = namespaces.filter(({ containers }) => containers.includes(container));
  // One of box that is known and has no process has ended.
  if (found.length === 0 && isForeign(container))
    throw new BoxError({ origin: "--container", what: `no process is of ${container}, as far as this user may see` });
  return found;
}

function namespaceOf({ namespaces }: ReadNamespaces, id: number): Namespace {
  const found = namespaces.find((one) => one.id === id);
  if (found === undefined)
    throw new BoxError({ what: `no namespace ${id} is in use, as far as this user may see`, hint: "box ns lists them" });
  return found;
}

function warnOfUnseen({ unseen, processes }: ReadNamespaces): void {
  if (unseen === 0) return;
  warnOf(new BoxError({ what: `the namespaces of ${unseen} of ${processes} processes cannot be read by this user, and are not counted` }));
}
