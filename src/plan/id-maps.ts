// The id maps of a new user namespace, written by box when init asks. With root's rights box writes them itself; without,
// only a map of the user's own id, and for any other one newuidmap(1) and newgidmap(1) have the rights, which look into
// /etc/subuid and /etc/subgid what this user may map.

import type { IdMapping } from "../config/spec.ts";
import { BoxError } from "../errors.ts";
import type { HostFacts } from "../host/facts.ts";
import { mapsOwnIdOnly } from "../host/own-id.ts";
import { type Address, address, compute, newBuffer, newSlot, type Step, slotIn, step } from "../tape/step.ts";
import type { Building } from "./builder.ts";
import { runProgram } from "./hooks.ts";
import type { BoxVariables } from "./plan.ts";

/** Lines for /proc/PID/uid_map. */
export const mapText = (list: readonly IdMapping[] | undefined): string =>
  (list ?? []).map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join("");

/** Whether newgidmap writes the map of groups. It leaves setgroups(2) allowed, since /etc/subgid gives this user the ids. */
export const mapsGroupsByProgram = ({ uid, gid }: HostFacts, list: readonly IdMapping[] | undefined): boolean =>
  uid !== 0 && !mapsOwnIdOnly(list, gid);

/** Without root, groups must be given up before box maps them itself (user_namespaces(7), CVE-2014-8989). */
export function writeIdMaps(building: Building, box: BoxVariables): Step[] {
  if (!building.namespaces.made.has("user")) return [];
  const { facts, handed, spec } = building;
  const { uidMappings, gidMappings } = spec.linux ?? {};
  const byProgram = {
    groups: mapsGroupsByProgram(facts, gidMappings),
    users: facts.uid !== 0 && !mapsOwnIdOnly(uidMappings, facts.uid),
  };
  const file = newSlot(box.variables, "fd", "map");
  const write = (name: string, text: string, origin: string): Step[] => [
    step("openat", [box.process, name, ["O_WRONLY", "O_CLOEXEC"], 0], origin, `open init's ${name}`, { out: file }),
    step("write", [file, text, text.length], origin, `write init's ${name}`),
    step("close", [file], origin, "done with it"),
  ];
  const groups = byProgram.groups
    ? mapByProgram(building, box, "newgidmap", gidMappings, "linux.gidMappings")
    : [
        ...(facts.uid === 0 ? [] : write("setgroups", "deny", "linux.gidMappings")),
        ...write("gid_map", mapText(gidMappings), "linux.gidMappings"),
      ];
  const users = byProgram.users
    ? mapByProgram(building, box, "newuidmap", uidMappings, "linux.uidMappings")
    : write("uid_map", mapText(uidMappings), "linux.uidMappings");
  // With hooks there is such a file already.
  const needsOutput = handed.hookOutput < 0 && (byProgram.groups || byProgram.users);
  return [
    step("read", [box.sync, address(box.reply), 1], "linux.uidMappings", "wait until init asks for its ids", {
      expect: { value: 1, refused: "init ended before" },
    }),
    ...(needsOutput
      ? [
          step("memfd_create", ["box-id-maps", ["MFD_CLOEXEC"]], "linux.uidMappings", "make a file in memory for what programs print", {
            out: box.hookFiles.output,
          }),
        ]
      : []),
    ...groups,
    ...users,
    step("write", [box.sync, "g", 1], "linux.uidMappings", "tell init that it has its ids", { onError: [["EPIPE", []]] }),
  ];
}

/** `newuidmap PID 0 1000 1 1 100000 65536`, run as hooks are, with what it prints kept for the error. */
function mapByProgram(
  { facts }: Building,
  box: BoxVariables,
  name: "newuidmap" | "newgidmap",
  list: readonly IdMapping[] | undefined,
  origin: string,
): Step[] {
  const path = facts.idMapPrograms?.[name];
  if (path === undefined)
    throw new BoxError({
      what: "the configuration cannot be had on this host",
      faults: [
        {
          path: origin,
          problem: `a user may map one id, the own one; any other map takes ${name}, which is in no folder of PATH`,
          hint: "Debian, Ubuntu and Fedora have it in the packages uidmap and shadow-utils; box spec --rootless maps one id",
        },
      ],
    });
  const { output } = box.hookFiles;
  // It reads nothing, so what it prints into serves as its stdin too.
  const run = { variables: box.variables, report: box.hook, state: output, output, ignoredSignals: facts.ignoredSignals };
  const words = argvOf(box, name, list ?? []);
  return [...words.steps, ...runProgram(run, { path, args: words.argv }, origin, `run ${path}`, [])];
}

/** Its arguments as a table of pointers, since init's pid is known only when the tape runs. */
function argvOf(box: BoxVariables, name: string, list: readonly IdMapping[]): { readonly steps: Step[]; readonly argv: Address } {
  const words: string[] = [];
  for (const { containerID, hostID, size } of list) words.push(String(containerID), String(hostID), String(size));
  const argv = newBuffer(box.variables, `arguments of ${name}`, (words.length + 3) * 8, new Uint8Array((words.length + 3) * 8));
  const put = (index: number, value: Address | { readonly text: string }, why: string): Step =>
    compute([value, 0, 0, -1], `linux.${name === "newuidmap" ? "uid" : "gid"}Mappings`, why, {
      out: slotIn("int", argv, index * 8, `argument ${index} of ${name}`),
    });
  const steps = [
    put(0, { text: name }, `its name, ${name}`),
    put(1, address(box.processPath, "/proc/".length), "the process whose ids are mapped: init's pid, the end of its path in /proc"),
  ];
  for (let index = 0; index < words.length; index++)
    steps.push(
      put(index + 2, { text: words[index] as string }, `the map ${words.slice(index - (index % 3), index - (index % 3) + 3).join(" ")}`),
    );
  return { steps, argv: address(argv) };
}
