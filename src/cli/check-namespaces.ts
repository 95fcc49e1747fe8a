// The namespaces that a configuration joins, looked at before anything is made: is it there, is it of that type, may box
// join it, does its container run. All faults at once. What passes is kept open until box ends or becomes the supervisor,
// so that the number which the plan compares cannot become another namespace's.

import type { Namespace } from "../config/spec.ts";
import { BoxError, type ConfigFault } from "../errors.ts";
import { readText } from "../execute/files.ts";
import { initLives } from "../execute/init-lives.ts";
import { systemCall } from "../execute/libc.ts";
import { liveStatus } from "../execute/live-status.ts";
import { inodeOf, type Level, levelsFrom, openNamespace, ownersOf, typeOf } from "../execute/look-at-namespace.ts";
import { field } from "../host/read-facts.ts";
import { capabilities } from "../linux/capabilities.ts";
import type { Errno } from "../linux/errno.ts";
import { errnoName } from "../linux/errno-name.ts";
import { errnoText } from "../linux/errno-text.ts";
import type { Join } from "../plan/builder.ts";
import { joinedName, namespaceTypes, notOfType, openJoined } from "../plan/namespaces.ts";
import { printStep } from "../tape/print.ts";
import type { Reference } from "./resolve-namespace.ts";

/** Where a message says that the `index`th of linux.namespaces comes from. */
export type PlaceOf = (origin: string) => string;

/** The joined ones among those of a Spec that has been checked; throws a BoxError with all that is wrong with them. */
export function checkNamespaces(namespaces: readonly Namespace[], references: readonly Reference[], placeOf: PlaceOf): Join[] {
  const opened: Opened[] = [];
  const faults: ConfigFault[] = [];
  for (const [index, { type, path }] of namespaces.entries()) {
    if (path === undefined || path === "") continue;
    const reference = references.findLast((one) => one.type === type && one.path === path);
    const place = placeOf(`linux.namespaces[${index}]`);
    const found = openOne({ type, path }, reference);
    if ("problem" in found) faults.push({ path: place, ...found });
    else opened.push({ ...found, place });
  }
  const box = lookAtBox();
  const user = opened.find(({ join }) => join.type === "user");
  for (const one of opened) {
    const problem = mayNot(one, box, user);
    if (problem !== undefined) faults.push({ path: one.place, ...problem });
  }
  if (faults.length > 0) throw new BoxError({ what: "namespaces cannot be joined", faults });
  return opened.map(({ join }) => join);
}

type Problem = Pick<ConfigFault, "hint"> & { readonly problem: string };
type Opened = { readonly fd: number; readonly inode: number; readonly join: Join; readonly place: string };

function openOne({ type, path = "" }: Namespace, reference: Reference | undefined): Omit<Opened, "place"> | Problem {
  const container = reference?.container;
  const to = reference === undefined || reference.text === path ? undefined : reference.text;
  const bare: Join = { type, path, ...(to === undefined ? {} : { to }) };
  if (container !== undefined && liveStatus(container) === "paused")
    return { problem: `the container ${container.id} is paused`, hint: `box resume ${container.id}` };
  const fd = openNamespace(path);
  // Only now it is sure that what was opened was init's: another process may have its pid by now.
  if (container !== undefined && !initLives(container.state)) return { problem: `the container ${container.id} is not running` };
  if (fd < 0) {
    const [call, errno] = [printStep(openJoined(bare, "")), errnoName(-fd)];
    return { problem: `cannot open ${joinedName(bare)}: ${call}: ${errno} (${errnoText(errno as Errno)})` };
  }
  if (typeOf(fd) !== namespaceTypes[type]) {
    systemCall("close", fd);
    return { problem: `cannot join ${joinedName(bare)}: ${notOfType(type)}` };
  }
  const inode = inodeOf(fd);
  // A path is opened as it is whenever that is: the file may stand for another namespace in a later start.
  return { fd, inode, join: to === undefined ? bare : { ...bare, inode } };
}

type Box = { readonly uid: number; readonly capabilities: bigint; readonly user: number; readonly pid: number };

function lookAtBox(): Box {
  const text = readText("/proc/self/status");
  const number = (path: string): number => {
    const fd = openNamespace(path);
    const inode = inodeOf(fd);
    systemCall("close", fd);
    return inode;
  };
  return {
    uid: systemCall("getuid"),
    capabilities: BigInt(`0x${field(typeof text === "string" ? text : "", "CapEff") || "0"}`),
    user: number("/proc/self/ns/user"),
    pid: number("/proc/self/ns/pid"),
  };
}

/** Why the kernel would refuse setns(2); undefined when it would not. */
function mayNot({ fd, inode, join }: Opened, box: Box, user: Opened | undefined): Problem | undefined {
  const cannot = `cannot join ${joinedName(join)}`;
  if (join.type === "user") {
    if (inode === box.user)
      return { problem: `${cannot}: box is in it already, and nothing joins its own`, hint: "host stands for that one" };
    return governs(box, levelsFrom(fd), "CAP_SYS_ADMIN") ? undefined : { problem: `${cannot}: that takes CAP_SYS_ADMIN in it` };
  }
  if (join.type === "pid" && !levelsFrom(fd).some((level) => level.inode === box.pid))
    return { problem: `${cannot}: it is neither box's own nor one below that` };
  const owners = ownersOf(fd);
  // Without root's rights the user namespace is joined first, and gives them (namespaces.ts, joinNamespaces).
  if (box.uid !== 0 && user !== undefined)
    return owners.some((level) => level.inode === user.inode)
      ? undefined
      : { problem: `${cannot}: the user namespace that is joined too does not own it` };
  const needed = join.type === "mount" ? (["CAP_SYS_ADMIN", "CAP_SYS_CHROOT"] as const) : (["CAP_SYS_ADMIN"] as const);
  for (const name of needed)
    if (!has(box, name) || !governs(box, owners, name)) {
      const hint = box.uid === 0 ? {} : { hint: "without root, join the user namespace that owns it too" };
      return { problem: `${cannot}: that takes ${name}, here and in the user namespace that owns it`, ...hint };
    }
  return undefined;
}

const has = (box: Box, name: keyof typeof capabilities): boolean => ((box.capabilities >> BigInt(capabilities[name])) & 1n) === 1n;

/** Whether box has a capability in the first of these user namespaces (user_namespaces(7), "Capabilities"). */
function governs(box: Box, levels: readonly Level[], name: keyof typeof capabilities): boolean {
  const own = levels.findIndex(({ inode }) => inode === box.user);
  if (own < 0) return false;
  return has(box, name) || (own > 0 && levels[own - 1]?.owner === box.uid);
}
