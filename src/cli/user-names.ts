// Users and groups by name, from the passwd and group files of a container's own root.

import { nearest } from "../config/faults.ts";
import { BoxError } from "../errors.ts";

/** The largest id there is: 2^32 - 1 means "no change" to the kernel. */
const LARGEST_ID = 0xffff_fffe;

/** Digits only: no sign, no blank, no 0x, nothing that another parser might read otherwise (CVE-2026-30892). */
function parseId(text: string): number | undefined {
  if (text === "" || text.length > 10) return undefined;
  for (const char of text) if (char < "0" || char > "9") return undefined;
  const id = Number(text);
  return id <= LARGEST_ID ? id : undefined;
}

const lineOf = (file: string, name: string): string[] | undefined =>
  file
    .split("\n")
    .map((line) => line.split(":"))
    .find(([first]) => first === name && name !== "");

function unknown(origin: string, what: string, name: string, file: string): BoxError {
  const meant = nearest(
    name,
    file.split("\n").map((line) => line.split(":")[0] ?? ""),
  );
  const hint = meant === undefined || meant === "" ? {} : { hint: `did you mean ${JSON.stringify(meant)}?` };
  return new BoxError({ origin, what: `the root's ${what} ${JSON.stringify(name)}`, ...hint });
}

/**
 * `USER[:GROUP]` as ids. A user known to `passwd` brings its group and its supplementary groups from `group`; a number
 * that is not known there stands for itself with group 0, as podman and docker do. The group is among the supplementary
 * ones too, or a program that changes its group could get around a file's denial to that group (CVE-2022-36109).
 */
export function lookUpUser(
  text: string,
  passwd: string,
  group: string,
  origin: string,
): { uid: number; gid: number; additionalGids: number[] } {
  const [user = "", groupName, ...more] = text.split(":");
  if (user === "" || more.length > 0 || groupName === "")
    throw new BoxError({ origin, what: `expected USER[:GROUP], got ${JSON.stringify(text)}` });
  const id = parseId(user);
  // A number is an id even where some user has it for a name.
  const line =
    id === undefined
      ? lineOf(passwd, user)
      : passwd
          .split("\n")
          .map((one) => one.split(":"))
          .find((parts) => parts[2] === user);
  const uid = id ?? parseId(line?.[2] ?? "");
  if (uid === undefined) throw unknown(origin, "passwd knows no user", user, passwd);
  if (groupName !== undefined) {
    const gid = parseId(groupName) ?? parseId(lineOf(group, groupName)?.[2] ?? "");
    if (gid === undefined) throw unknown(origin, "group file knows no group", groupName, group);
    return { uid, gid, additionalGids: [gid] };
  }
  const gid = parseId(line?.[3] ?? "") ?? 0;
  const name = line?.[0];
  if (name === undefined) return { uid, gid, additionalGids: [gid] };
  const others = group
    .split("\n")
    .map((one) => one.split(":"))
    .filter((parts) => parts[3]?.split(",").includes(name) === true)
    .flatMap((parts) => parseId(parts[2] ?? "") ?? []);
  return { uid, gid, additionalGids: [...new Set([gid, ...others])] };
}
