// linux.netDevices: devices of a host, which is a network namespace of the test's own, as the container and the host find
// them afterwards.

import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { asUser, Bundle, linesOf, machine, type Outcome, type RichSpec, Running, testWith, userId, withoutPlaces } from "./harness.ts";
import { NetworkHost } from "./network-host.ts";

const test = testWith("iproute2", "setpriv");

type Devices = NonNullable<RichSpec["linux"]["netDevices"]>;

/** A host with one end of a pair, `dev0`, that has addresses of many kinds; the other end, `peer0`, is up as well. */
async function hostWithDevice(): Promise<NetworkHost> {
  const host = await NetworkHost.make(false);
  await host.sh(`set -e
    ip link add dev0 mtu 1400 address 02:00:00:00:00:05 type veth peer name peer0
    ip address add 10.1.2.3/24 brd + dev dev0 label dev0:5
    ip address add 10.9.9.1 peer 10.9.9.2/30 dev dev0 metric 7
    ip address add 10.1.2.4/24 dev dev0 valid_lft 1000 preferred_lft 500
    ip address add 10.7.7.7/32 scope link dev dev0
    ip address add fd00::5/64 dev dev0 nodad noprefixroute
    ip link set dev0 up
    ip link set peer0 up`);
  return host;
}

const having = (netDevices: Devices, change: (spec: RichSpec) => void = () => {}): Bundle =>
  new Bundle((spec) => {
    spec.linux.netDevices = netDevices;
    change(spec);
  });
const joining = (host: NetworkHost, more: (spec: RichSpec) => void = () => {}): ((spec: RichSpec) => void) => {
  return (spec) => {
    for (const one of spec.linux.namespaces) if (one.type === "network") one.path = `/proc/${host.pid}/ns/net`;
    more(spec);
  };
};
function inUserNamespace({ linux }: RichSpec): void {
  linux.namespaces.push({ type: "user" });
  linux.uidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
  linux.gidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
}

const run = async (bundle: Bundle, host: NetworkHost): Promise<Outcome> => await bundle.run(["true"], { before: host.before });
const inside = async (bundle: Bundle, host: NetworkHost, script: string): Promise<string[]> =>
  await bundle.sh(script, { before: host.before });
const refused = (...lines: string[]): Outcome => ({ exitCode: 125, stdout: "", stderr: lines.map((line) => `${line}\n`).join("") });

/** A device's addresses, but for those that the kernel makes itself. */
const addresses = (name: string): string =>
  `ip -o address show dev ${name} | grep -v ' fe80:' | tr -s ' ' | sed 's/^[0-9]*: //; s/ *[\\].*//'`;
/** Names of the devices that are up. */
const upThere = async (host: NetworkHost): Promise<string[]> =>
  linesOf(await host.sh("ip -o link show up | sed 's/^[0-9]*: //; s/[@:].*//' | sort"));

test("one with another name is up, with its addresses that are global and permanent, and all else as it was", async () => {
  using host = await hostWithDevice();
  using bundle = having({ dev0: { name: "net0" } });
  const before = machine(bundle);
  const seen = await inside(bundle, host, `${addresses("net0")}; ip route | grep metric; ip link show net0`);
  const [first, second, third, route, state, address, ...rest] = seen;
  expect([first, second, third]).toEqual([
    "net0 inet 10.1.2.3/24 brd 10.1.2.255 scope global net0",
    "net0 inet 10.9.9.1 peer 10.9.9.2/30 scope global net0",
    "net0 inet6 fd00::5/64 scope global noprefixroute flags 02",
  ]);
  expect(route?.trim()).toBe("10.9.9.0/30 dev net0 scope link  src 10.9.9.1  metric 7");
  expect(state).toMatch(/^\d+: net0@if\d+: <BROADCAST,MULTICAST,UP,LOWER_UP,M-DOWN> mtu 1400 /);
  expect(address?.trim()).toBe("link/ether 02:00:00:00:00:05 brd ff:ff:ff:ff:ff:ff");
  expect(rest).toEqual([]);
  // What is virtual ends with its namespace.
  await host.sh("while ip link show peer0 >/dev/null 2>&1; do :; done");
  expect(machine(bundle)).toEqual(before);
});

test("one that keeps its name keeps the labels of its addresses, and sysctls find it", async () => {
  using host = await hostWithDevice();
  using bundle = having({ dev0: {} }, (spec) => (spec.linux.sysctl = { "net.ipv4.conf.dev0.forwarding": "1" }));
  expect(await inside(bundle, host, `${addresses("dev0")} | head -1; cat /proc/sys/net/ipv4/conf/dev0/forwarding`)).toEqual([
    "dev0 inet 10.1.2.3/24 brd 10.1.2.255 scope global dev0:5",
    "1",
  ]);
});

test("several, of which the kernel is to name some", async () => {
  using host = await hostWithDevice();
  using bundle = having({ dev0: { name: "eth%d" }, peer0: { name: "eth0" }, more0: { name: "eth%d" } });
  await host.sh("ip link add more0 type veth peer name more1; ip address add 10.5.5.5/32 dev more0");
  expect(await inside(bundle, host, `ls /sys/class/net; ${addresses("eth2")}; cat /sys/class/net/eth1/address`)).toEqual([
    "eth0",
    "eth1",
    "eth2",
    "lo",
    "eth2 inet 10.5.5.5/32 scope global eth2",
    "02:00:00:00:00:05",
  ]);
});

test("more addresses than the kernel tells at once", async () => {
  using host = await hostWithDevice();
  using bundle = having({ dev0: { name: "net0" } });
  await host.sh('seq 1 900 | awk \'{ print "address add 10.33." int($1 / 200) "." $1 % 200 "/32 dev dev0" }\' | ip -batch -');
  expect(await inside(bundle, host, `${addresses("net0")} | grep -c ' 10.33'; ${addresses("net0")} | grep -c -v ' 10.33'`)).toEqual([
    "900",
    "3",
  ]);
});

test("all of its addresses while others of the host come and go", async () => {
  using host = await hostWithDevice();
  using bundle = having({ dev0: { name: "net0" } });
  await host.sh('seq 1 900 | awk \'{ print "address add 10.33." int($1 / 200) "." $1 % 200 "/32 dev dev0" }\' | ip -batch -');
  const changes = `${bundle.folder}/changes`;
  writeFileSync(changes, "address add 10.99.0.1/32 dev lo\naddress del 10.99.0.1/32 dev lo\n".repeat(200_000));
  using changing = new Running(["sh", "-c", `echo ready; exec ip -batch ${changes}`], { before: host.before });
  await changing.says("ready");
  expect(await inside(bundle, host, `${addresses("net0")} | grep -c .`)).toEqual(["903"]);
  expect([changing.child.exitCode, changing.stderr]).toEqual([null, ""]);
});

test("in a user namespace", async () => {
  using host = await hostWithDevice();
  using bundle = having({ dev0: { name: "net0" } }, inUserNamespace);
  expect(await inside(bundle, host, `${addresses("net0")} | head -1; cat /sys/class/net/net0/operstate`)).toEqual([
    "net0 inet 10.1.2.3/24 brd 10.1.2.255 scope global net0",
    "up",
  ]);
});

for (const [where, more] of [
  ["", () => {}],
  [
    ", with users of its own",
    (spec: RichSpec) => {
      inUserNamespace(spec);
      // For sysfs one needs rights over the network namespace.
      spec.mounts = spec.mounts.filter(({ destination }) => !destination.startsWith("/sys"));
    },
  ],
] as const)
  test(`a network namespace that is joined${where}`, async () => {
    using host = await hostWithDevice();
    using other = await NetworkHost.make(false);
    using bundle = having({ dev0: { name: "net0" } }, joining(other, more));
    expect(await inside(bundle, host, addresses("net0"))).toHaveLength(3);
    // It belongs to the namespace, not to the container.
    expect(await upThere(other)).toEqual(["lo", "net0"]);
    expect(await upThere(host)).toEqual(["lo", "peer0"]);
  });

test("a name that is taken there, and one that the kernel chooses beside it", async () => {
  using host = await hostWithDevice();
  using other = await NetworkHost.make(false);
  await other.sh("ip link add net0 type veth peer name dev0");
  using taken = having({ dev0: { name: "net0" } }, joining(other));
  expect(await run(taken, host)).toEqual(
    refused("box: linux.netDevices.dev0: cannot have the name net0 in the container's network: a device there has it"),
  );
  expect(await upThere(host)).toEqual(["dev0", "lo", "peer0"]);
  expect(linesOf(await host.sh(addresses("dev0")))).toHaveLength(5);
  // The host's name for it is taken there too.
  using chosen = having({ dev0: { name: "net%d" } }, joining(other));
  expect(await inside(chosen, host, addresses("net1"))).toHaveLength(3);
});

test("the host's own network namespace", async () => {
  using host = await hostWithDevice();
  using bundle = having({ dev0: { name: "net0" } }, joining(host));
  expect(await run(bundle, host)).toEqual(
    refused(`box: linux.netDevices.dev0: cannot move the device dev0: the network namespace /proc/${host.pid}/ns/net is the host's`),
  );
  expect(await upThere(host)).toEqual(["dev0", "lo", "peer0"]);
});

test("one that there is not, and then none is moved", async () => {
  using host = await hostWithDevice();
  using bundle = having({ dev0: {}, nope0: { name: "net1" } });
  const before = machine(bundle);
  expect(await run(bundle, host)).toEqual(
    refused(
      "box: linux.netDevices.nope0: cannot find the device nope0: ioctl(netlink, SIOCGIFINDEX, &ifreq of nope0): ENODEV (no such device)",
    ),
  );
  expect(await upThere(host)).toEqual(["dev0", "lo", "peer0"]);
  expect(machine(bundle)).toEqual(before);
});

test("one that the kernel leaves where it is, as it was", async () => {
  using host = await NetworkHost.make(false);
  await host.sh("ip link add name bridge0 type bridge; ip address add 10.1.1.1/24 dev bridge0; ip link set bridge0 up");
  using bundle = having({ bridge0: {} });
  expect(await run(bundle, host)).toEqual(
    refused(
      `box: linux.netDevices.bridge0: cannot move bridge0 into the network of the container ${bundle.id}: EINVAL (invalid argument)`,
      "hint: devices such as bridges and tunnels stay in the network namespace that they were made in",
    ),
  );
  expect(linesOf(await host.sh(addresses("bridge0")))).toEqual(["bridge0 inet 10.1.1.1/24 scope global bridge0"]);
  expect(await upThere(host)).toEqual(["bridge0", "lo"]);
});

test("for an ordinary user", async () => {
  using host = await hostWithDevice();
  using bundle = having({ dev0: {} }, (spec) => {
    inUserNamespace(spec);
    spec.linux.uidMappings = [{ containerID: 0, hostID: userId, size: 1 }];
    spec.linux.gidMappings = [{ containerID: 0, hostID: userId, size: 1 }];
    spec.mounts = spec.mounts.filter(({ type }) => type === "proc");
  });
  bundle.giveTo(userId);
  expect(await bundle.run(["true"], { before: [...host.before, ...asUser] })).toEqual(
    refused(
      `box: linux.netDevices.dev0: cannot move dev0 into the network of the container ${bundle.id}: EPERM (operation not permitted)`,
      "hint: only who may administer the host's network can give its devices away",
    ),
  );
});

test("a create that is not started", async () => {
  using host = await hostWithDevice();
  using bundle = having({ dev0: {} });
  expect(await bundle.box(["create", bundle.id], { before: host.before })).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  expect(await upThere(host)).toEqual(["lo", "peer0"]);
  expect(await bundle.box(["delete", bundle.id], { before: host.before })).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  await host.sh("while ip link show peer0 >/dev/null 2>&1; do :; done");
});

test("what makes no sense", async () => {
  using bundle = having({ lo: {}, a: { name: "lo" }, b: { name: "net0" }, net0: {}, c: { name: "e%d%d" }, "d:1": {} }, (spec) => {
    spec.linux.namespaces = spec.linux.namespaces.filter(({ type }) => type !== "network");
  });
  expect(withoutPlaces(await bundle.run(["true"]))).toEqual(
    refused(
      'box: linux.netDevices.c.name: expected the name of a network interface, or one with %d for a number, got "e%d%d"',
      'box: linux.netDevices["d:1"]: expected the name of a network interface, got "d:1"',
      "box: linux.netDevices: needs a network namespace in linux.namespaces",
      "box: linux.netDevices.lo: a loopback device stays where it is: every network namespace has its own",
      "box: linux.netDevices.a.name: is the name of the loopback device",
      "box: linux.netDevices.net0: is to be net0 in the container, as is b",
    ),
  );
});
