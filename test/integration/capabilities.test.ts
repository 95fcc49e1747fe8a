// All five capability sets as /proc/self/status shows them, beside runc's on the same configuration.

import { expect } from "bun:test";
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
