// All five capability sets as /proc/self/status shows them, beside runc's on the same configuration.

import { describe, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import type { Capabilities } from "../../src/config/spec.ts";
import { Bundle, linesOf, testWith } from "./harness.ts";

const test = testWith();
const testBesideRunc = testWith("runc");
const show = ["grep", "Cap", "/proc/self/status"];

const some = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];
const cases: [title: string, sets: Capabilities | undefined][] = [
  ["those of box spec", { bounding: some, effective: some, permitted: some, ambient: some }],
  ["none at all", undefined],
  ["empty sets", { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] }],
  ["all five sets filled", { bounding: some, effective: some, permitted: some, inheritable: some, ambient: some }],
  ["bounding alone", { bounding: some }],
  ["inheritable without ambient", { bounding: some, effective: some, permitted: some, inheritable: some }],
  [
    "more permitted than effective",
    { bounding: some, effective: ["CAP_KILL"], permitted: some, inheritable: ["CAP_KILL"], ambient: ["CAP_KILL"] },
  ],
  [
    "one above 31",
    {
      bounding: ["CAP_SYSLOG", "CAP_CHOWN"],
      effective: ["CAP_SYSLOG"],
      permitted: ["CAP_SYSLOG", "CAP_CHOWN"],
      inheritable: ["CAP_SYSLOG"],
      ambient: ["CAP_SYSLOG"],
    },
  ],
];

for (const uid of [0, 1000])
  for (const [title, sets] of cases)
    testBesideRunc(`as user ${uid}: ${title}`, async () => {
      using bundle = new Bundle((spec) => {
        if (sets === undefined) delete (spec.process as { capabilities?: unknown }).capabilities;
        else spec.process.capabilities = sets;
        spec.process.user = { uid, gid: uid };
      });
      const own = await bundle.run(show);
      const peer = await bundle.runc(show);
      expect([own.exitCode, own.stderr, linesOf(own.stdout)]).toEqual([0, "", linesOf(peer.stdout)]);
    });

test("as user 1000 ambient capabilities reach the program", async () => {
  using bundle = new Bundle((spec) => {
    spec.process.user = { uid: 1000, gid: 1000 };
    spec.process.capabilities = {
      bounding: ["CAP_KILL"],
      permitted: ["CAP_KILL"],
      effective: ["CAP_KILL"],
      inheritable: ["CAP_KILL"],
      ambient: ["CAP_KILL"],
    };
  });
  const kill = "0000000000000020";
  expect(await bundle.sh(show.join(" "))).toEqual(["Inh", "Prm", "Eff", "Bnd", "Amb"].map((set) => `Cap${set}:\t${kill}`));
});

test("as root nothing beyond the bounding set comes back", async () => {
  using bundle = new Bundle((spec) => {
    spec.process.capabilities = { bounding: ["CAP_KILL"] };
    spec.process.noNewPrivileges = false;
  });
  expect(await bundle.sh(show.join(" "))).toEqual([
    "CapInh:\t0000000000000000",
    "CapPrm:\t0000000000000020",
    "CapEff:\t0000000000000020",
    "CapBnd:\t0000000000000020",
    "CapAmb:\t0000000000000000",
  ]);
});

test("a user namespace, which begins with every capability, drops those that box itself lacks too", async () => {
  using bundle = new Bundle((spec) => {
    spec.linux.namespaces.push({ type: "user" });
    spec.linux.uidMappings = [{ containerID: 0, hostID: 0, size: 65536 }];
    spec.linux.gidMappings = [{ containerID: 0, hostID: 0, size: 65536 }];
    spec.process.capabilities = { bounding: ["CAP_KILL"], permitted: ["CAP_KILL"], effective: ["CAP_KILL"] };
    spec.process.noNewPrivileges = false;
  });
  const before = ["setpriv", "--bounding-set=-audit_read,-sys_time"];
  expect(await bundle.sh("grep CapBnd /proc/self/status", { before })).toEqual(["CapBnd:\t0000000000000020"]);
});

describe("one that box does not know", () => {
  const warned = (file: string, path: string): RegExp =>
    new RegExp(
      `^box: warning: ${file}:\\d+:\\d+: ${path.replaceAll(/[.[\]]/g, "\\$&")}: ` +
        'expected the name of a capability, such as CAP_KILL, got "CAP_NET_ADMNI"\nhint: did you mean "CAP_NET_ADMIN"\\?\n$',
    );
  const sets = { bounding: ["CAP_NET_ADMNI", "CAP_KILL"], permitted: ["CAP_KILL"], effective: ["CAP_KILL"] };
  const kill = ["Inh:\t0000000000000000", ...["Prm", "Eff", "Bnd"].map((set) => `${set}:\t0000000000000020`), "Amb:\t0000000000000000"];
  const output = kill.map((line) => `Cap${line}\n`).join("");

  test("in config.json is a warning each time, and the others are had", async () => {
    using bundle = new Bundle((spec) => (spec.process.capabilities = sets));
    for (const _ of [1, 2, 3])
      expect(await bundle.run(show)).toEqual({
        exitCode: 0,
        stdout: output,
        stderr: expect.stringMatching(warned("config\\.json", "process.capabilities.bounding[0]")),
      });
    expect((await bundle.box(["validate"])).exitCode).not.toBe(0);
  });

  test("in what exec is given, too", async () => {
    using bundle = new Bundle();
    using _running = await bundle.startSh("echo ready; exec sleep 1000");
    writeFileSync(
      `${bundle.folder}/process.json`,
      JSON.stringify({ args: ["/bin/grep", ...show.slice(1)], cwd: "/", user: { uid: 0, gid: 0 }, capabilities: sets }),
    );
    for (const _ of [1, 2, 3, 4])
      expect(await bundle.box(["exec", "--process", "process.json", bundle.id])).toEqual({
        exitCode: 0,
        stdout: output,
        stderr: expect.stringMatching(warned("process\\.json", "capabilities.bounding[0]")),
      });
  });
});
