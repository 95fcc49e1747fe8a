import { describe, expect, test } from "bun:test";
import type { Process, Spec } from "../../src/config/spec.ts";
import { faultLines } from "../config/print-faults.ts";
import { allowAll, type Changes, calls, cgroupLayouts, plainFacts, planOf, planWith, section, specWith, userFacts } from "./plan-for.ts";

const ids = [{ containerID: 0, hostID: 1000, size: 1 }];

function order(title: string, changes: Changes, expected: string): void {
  test(title, () =>
    expect(
      planWith(changes)
        .child.map((one) => `${one.actor}: ${one.title}`)
        .join("\n"),
    ).toBe(expected.trim().replace(/^ +/gm, "")),
  );
}

describe("what the child does, in order", () => {
  const root = "init: root\ninit: mounts\ninit: devices\n";
  const end = "init: masked and read-only paths\ninit: enter the root\ninit: wait for box\ninit: process\ninit: program";
  order("by default", {}, `init: let go of what came from box\ninit: namespaces\ninit: identity\ninit: network\n${root}${end}`);
  order(
    "on v1, with a terminal",
    { facts: { cgroups: cgroupLayouts.v1 }, process: { terminal: true } },
    `init: let go of what came from box\ninit: enter the cgroups\ninit: namespaces\ninit: identity\ninit: network\n${root}init: terminal\n${end}`,
  );
  order(
    "without root",
    { facts: userFacts, linux: { namespaces: [{ type: "mount" }, { type: "uts" }, { type: "user" }], uidMappings: ids, gidMappings: ids } },
    `stage: let go of what came from box\nstage: make init\ninit: begin\ninit: namespaces\ninit: ids\ninit: identity\n${root}${end}`,
  );
  order(
    "joining a network",
    { linux: { namespaces: [{ type: "mount" }, { type: "uts" }, { type: "network", path: "/run/netns/a" }] } },
    `stage: let go of what came from box\nstage: join namespaces\ninit: begin\ninit: namespaces\ninit: identity\n${root}${end}`,
  );
  order(
    "created, with hooks",
    { launch: { way: "created" }, spec: { hooks: { createContainer: [{ path: "/c" }], startContainer: [{ path: "/s" }] } } },
    `init: let go of what came from box\ninit: namespaces\ninit: identity\ninit: network\n${root}init: hooks\ninit: masked and read-only paths\ninit: enter the root\ninit: wait for box\ninit: process\ninit: wait for start\ninit: hooks\ninit: program`,
  );
  order(
    "joining the mounts of another",
    { linux: { namespaces: [{ type: "uts" }, { type: "mount", path: "/proc/7/ns/mnt" }] } },
    "stage: let go of what came from box\nstage: join namespaces\ninit: begin\ninit: namespaces\ninit: identity\ninit: wait for box\ninit: process\ninit: program",
  );
});

describe("the first steps close what came from box", () => {
  const first = (changes: Changes): string => calls(planWith(changes), "init: let go of what came from box");
  test("but for the line to it", () => expect(first({})).toBe("close(3)\nclose_range(5, 4294967295, 0)\nfcntl(4, F_SETFD, 1)"));
  test("and FIFOs, and files for hooks", () => {
    const hooks = { poststart: [{ path: "/bin/hook" }] };
    expect(first({ launch: { way: "created" }, spec: { hooks } })).toMatchInlineSnapshot(`
      "close(3)
      close_range(9, 4294967295, 0)
      fcntl(4, F_SETFD, 1)
      fcntl(5, F_SETFD, 1)
      fcntl(6, F_SETFD, 1)
      fcntl(7, F_SETFD, 1)
      fcntl(8, F_SETFD, 1)"
    `);
  });
  test("and what is preserved, of which the tape took one's place", () => {
    expect(first({ launch: { preserveFds: 3 } })).toMatchInlineSnapshot(`
      "dup3(7, 3, 0)
      close_range(8, 4294967295, 0)
      fcntl(6, F_SETFD, 1)
      fcntl(7, F_SETFD, 1)"
    `);
  });
});

test("names, under a umask that leaves modes alone", () => {
  expect(calls(planWith({ spec: { hostname: "höst", domainname: "example" } }), "init: identity")).toMatchInlineSnapshot(`
    "prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    umask(0)
    sethostname("höst", 5)
    setdomainname("example", 7)
    keyctl(KEYCTL_JOIN_SESSION_KEYRING, "_ses.web", 0, 0, 0) → session keyring"
  `);
});

test("keys: a keyring of the container's own, that its user may search; the caller's only when asked for", () => {
  const lines = section(planWith({}), "init: identity").split("\n");
  expect(lines.slice(lines.findIndex((line) => line.startsWith("keyctl"))).join("\n")).toMatchInlineSnapshot(`
    "keyctl(KEYCTL_JOIN_SESSION_KEYRING, "_ses.web", 0, 0, 0) → session keyring
            --no-new-keyring: join a session keyring of its own
        [done] keyctl(KEYCTL_SETPERM, session keyring, 1058734080, 0, 0)
                --no-new-keyring: let its user search it"
  `);
  expect(calls(planWith({ launch: { newKeyring: false } }), "init: identity")).not.toContain("keyctl");
});

test("a new network namespace gets its loopback device up", () => {
  expect(calls(planWith({}), "init: network")).toMatchInlineSnapshot(`
    "socket(AF_INET, SOCK_DGRAM|SOCK_CLOEXEC, 0) → a socket
    ioctl(a socket, SIOCSIFFLAGS, &ifreq)
    close(a socket)"
  `);
});

test("a configuration with nothing to run is refused", () => {
  const { process, ...rest } = specWith({});
  const refused = (spec: Spec): string[] => faultLines(() => planOf(spec, plainFacts));
  expect(refused(rest)).toEqual(["process: missing: there is nothing to run"]);
  expect(refused({ ...rest, process: { ...(process as Process), args: [] } })).toEqual(["process.args: missing: there is nothing to run"]);
});

test("the filter of system calls is there once, and once more for all hooks that init runs", () => {
  const filters = (changes: Changes): number =>
    planWith({ ...changes, seccomp: allowAll }).childVariables.variables.buffers.filter(({ buffer }) => buffer === "filter of system calls")
      .length;
  const hook = { path: "/bin/hook" };
  expect([filters({}), filters({ spec: { hooks: { startContainer: [hook, hook] } } })]).toEqual([1, 2]);
});
