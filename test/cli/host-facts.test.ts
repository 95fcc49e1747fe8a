import { expect, test } from "bun:test";
import { factsAsked } from "../../src/cli/host-facts.ts";
import { specWith } from "../plan/plan-for.ts";

/** The places that are looked at for links that lead nowhere, of mounts there. */
const placesOf = (...destinations: string[]): string | undefined =>
  factsAsked(specWith({ mounts: destinations.map((destination) => ({ destination, type: "tmpfs" })) }), "/srv/web", false).places;

test("mounts in their usual places have none to look at", () =>
  expect(placesOf("/proc", "/proc/uptime", "/dev", "/dev/pts", "/sys", "/sys/fs/cgroup")).toBe(undefined));
test("all others have, whatever their names begin with", () =>
  expect(placesOf("/process/a", "/developer", "/sys2", "/data//b")).toBe("/srv/web/rootfs\nprocess/a\ndeveloper\nsys2\ndata/b"));
