// Bind mounts whose files have other owners inside: `uidMappings` and `gidMappings` of a mount, or its options idmap and
// ridmap. The kernel takes the map from a user namespace, and the rights for it are the host's; so the first process
// that comes from box copies the source, maps the copy while it is attached nowhere, and leaves the descriptor to init.
//
//   first process ──clone(NEWUSER)──▶ keeper          only to have a user namespace with that map
//        │ ◀── the name of its folder in /proc ──│ waits
//        │ write its maps, open its namespace    │
//        │ ───────── end of file ──────────────▶ │ ends

import type { IdMapping, Mount } from "../config/spec.ts";
import { BoxError } from "../errors.ts";
import type { Flag } from "../linux/flags.ts";
import { structFields } from "../linux/structs.ts";
import { address, compute, newBuffer, type Slot, type Step, type Struct, slotIn, step } from "../tape/step.ts";
import { type Building, newFd, newInt } from "./builder.ts";
import { mapText } from "./id-maps.ts";
import { isBind, keepsHostPeers, openBindSource } from "./mounts.ts";
import { verifyProcfs } from "./procfs.ts";
import { sortOptions } from "./sort-options.ts";
import { MOUNT_ATTR_BYTES, pointerTo } from "./steps.ts";

/** The steps of the first process, and by mount the copy of its source. */
export type MappedMounts = { readonly steps: readonly Step[]; readonly sources: ReadonlyMap<number, Slot<"fd">> };

export function mapMounts(building: Building): MappedMounts {
  const sources = new Map<number, Slot<"fd">>();
  const steps: Step[] = [];
  const known = new Map<string, Slot<"fd">>();
  const mounts = building.spec.mounts ?? [];
  for (let index = 0; index < mounts.length; index++) {
    const mount = mounts[index] as Mount;
    if (!isMapped(mount) || building.namespaces.joined.has("mount")) continue;
    const origin = `mounts[${index}]`;
    const { made, joined } = building.namespaces;
    checkMapped(mount, origin, made.has("user") || joined.has("user"), building.facts.uid);
    const key = JSON.stringify([mount.uidMappings, mount.gidMappings]);
    let namespace = known.get(key);
    if (namespace === undefined) {
      namespace = newFd(building, "user namespace with the map");
      known.set(key, namespace);
      steps.push(...openMap(building, mount, origin, namespace));
    }
    const source = newFd(building, mount.destination);
    sources.set(index, source);
    steps.push(openBindSource(building, mount, origin, source), ...applyMap(building, mount, source, namespace, origin));
  }
  for (const namespace of known.values()) steps.push(step("close", [namespace], "mounts", "done with it"));
  return { steps, sources };
}

export const isMapped = ({ options = [], uidMappings }: Mount): boolean =>
  uidMappings !== undefined || options.includes("idmap") || options.includes("ridmap");

/** As runc has it: bind mounts only, with root's rights, and some map there must be. `mapped`: the container's ids are. */
export function checkMapped(mount: Mount, origin: string, mapped: boolean, uid: number): void {
  const problem = !isBind(mount)
    ? "ids are mapped for bind mounts only"
    : uid !== 0
      ? "without root no ids of a mount can be mapped"
      : mount.uidMappings === undefined && !mapped
        ? "without a user namespace it needs uidMappings and gidMappings"
        : undefined;
  if (problem !== undefined) throw new BoxError({ what: "the configuration is not valid", faults: [{ path: origin, problem }] });
}

/** The map of the mount, else that of the container: that of the namespace it joins, or the one that it is going to have. */
function openMap(building: Building, mount: Mount, origin: string, out: Slot<"fd">): Step[] {
  const { linux } = building.spec;
  const path = building.namespaces.joined.get("user");
  if (mount.uidMappings === undefined && path !== undefined)
    return [
      step("openat", ["AT_FDCWD", path, ["O_RDONLY", "O_CLOEXEC"], 0], origin, `take the map of the user namespace ${path}`, { out }),
    ];
  return makeMap(building, mount.uidMappings ?? linux?.uidMappings, mount.gidMappings ?? linux?.gidMappings, origin, out);
}

const PID_TEXT_BYTES = 16;

function makeMap(
  building: Building,
  uids: readonly IdMapping[] | undefined,
  gids: readonly IdMapping[] | undefined,
  origin: string,
  out: Slot<"fd">,
): Step[] {
  const { variables } = building.child;
  const answer = newPipe(building, "answer", origin);
  const hold = newPipe(building, "hold", origin);
  const name = newBuffer(variables, "name of the keeper's folder", PID_TEXT_BYTES + 8);
  const keeper = newInt(building, "keeper");
  const length = newInt(building, "length");
  const [proc, folder, namespaces, file] = [
    newFd(building, "the host's /proc"),
    newFd(building, "the keeper in /proc"),
    newFd(building, "its namespaces"),
    newFd(building, "its map"),
  ];
  const end = step("exit_group", [0], origin, "end");
  const keep = [
    step("close", [hold.write], origin, "leave the other end to its maker"),
    step("readlinkat", ["AT_FDCWD", "/proc/self", address(name), PID_TEXT_BYTES], origin, "find its own folder in /proc", { out: length }),
    step("write", [answer.write, address(name), length], origin, "tell its maker"),
    step("read", [hold.read, address(name), 1], origin, "keep the namespace until its maker has it"),
    end,
  ];
  const why = "make a user namespace with the map";
  const inFolder = (what: string, from: Slot<"fd">, flags: readonly Flag<"O">[], into: Slot<"fd">): Step =>
    step("openat", [from, what, flags, 0], origin, why, { out: into });
  const write = (what: string, text: string): Step[] => [
    inFolder(what, folder, ["O_WRONLY", "O_CLOEXEC"], file),
    step("write", [file, text, text.length], origin, `write its ${what}`),
    step("close", [file], origin, "done with it"),
  ];
  return [
    ...answer.steps,
    ...hold.steps,
    step("clone", [["CLONE_NEWUSER"], null, null, null, null], origin, why, {
      out: keeper,
      equal: { value: 0, steps: keep, onFailure: [end] },
    }),
    step("close", [answer.write], origin, "wait for nobody but the keeper"),
    step("read", [answer.read, address(name), PID_TEXT_BYTES], origin, "hear where the keeper is", {
      equal: { value: 0, steps: [compute([0, 0, ESRCH, -1], origin, why)] },
    }),
    step("openat", ["AT_FDCWD", "/proc", ["O_PATH", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC"], 0], origin, why, { out: proc }),
    ...verifyProcfs(building, proc, origin, why),
    step("openat", [proc, address(name), ["O_PATH", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC"], 0], origin, why, { out: folder }),
    ...write("gid_map", mapText(gids)),
    ...write("uid_map", mapText(uids)),
    inFolder("ns", folder, ["O_PATH", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC"], namespaces),
    inFolder("user", namespaces, ["O_RDONLY", "O_CLOEXEC"], out),
    step("close", [hold.write], origin, "let the keeper end"),
    step("waitid", [["P_PID"], keeper, null, ["WEXITED", "__WALL"], null], origin, "wait for its end"),
    ...[answer.read, hold.read, proc, folder, namespaces].map((one) => step("close", [one], origin, "done with it")),
  ];
}

const ESRCH = 3;

function newPipe(building: Building, name: string, origin: string) {
  const ends = newBuffer(building.child.variables, `pipe: ${name}`, 16);
  const read = newFd(building, `${name}, to read`);
  const write = newFd(building, `${name}, to write`);
  return {
    read,
    write,
    steps: [
      step("pipe2", [address(ends), ["O_CLOEXEC"]], origin, "make a pipe to the keeper of a map"),
      compute([slotIn("int", ends, 0, "pipe"), 0, 0, 0xffffffff], origin, "its end to read from", { out: read }),
      compute([slotIn("int", ends, 4, "pipe's second half"), 0, 0, 0xffffffff], origin, "its end to write to", { out: write }),
    ],
  };
}

/**
 * Maps the copy, and with ridmap the mounts below it. As a copy of a mount of the host it would share its mounts with
 * the host's: it becomes a slave, as all mounts of the container are, unless it is to stay a peer.
 */
function applyMap(building: Building, mount: Mount, source: Slot<"fd">, namespace: Slot<"fd">, origin: string): Step[] {
  const value: Struct = { struct: "mount_attr", attr_set: ["MOUNT_ATTR_IDMAP"] };
  const attributes = newBuffer(building.child.variables, "attributes with a map", MOUNT_ATTR_BYTES, value);
  const place = slotIn("int", attributes, structFields.mount_attr.fields.userns_fd?.offset as number, "namespace in the attributes");
  const reach: Flag<"AT">[] = sortOptions(mount.options ?? []).mapped === "ridmap" ? ["AT_EMPTY_PATH", "AT_RECURSIVE"] : ["AT_EMPTY_PATH"];
  const slave: Struct = { struct: "mount_attr", propagation: ["MS_SLAVE"] };
  return [
    ...(keepsHostPeers(building, mount)
      ? []
      : [
          step(
            "mount_setattr",
            [source, "", ["AT_EMPTY_PATH", "AT_RECURSIVE"], slave, MOUNT_ATTR_BYTES],
            origin,
            "let none of its mounts reach the host",
          ),
        ]),
    compute([namespace, 0, 0, -1], origin, "name the map", { out: place }),
    step("mount_setattr", [source, "", reach, pointerTo(attributes), MOUNT_ATTR_BYTES], origin, `map the owners of ${mount.source ?? ""}`),
  ];
}
