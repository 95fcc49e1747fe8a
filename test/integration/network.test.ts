// The plugin network: containers on a bridge of a machine that is a network namespace of the test's own.

import { expect } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { asUser, type Bundle, machine, type Outcome, type RunOptions, testWith, until, userId } from "./harness.ts";
import { connect, NetworkHost } from "./network-host.ts";
import { yamlBundle } from "./yaml-bundle.ts";

const withPrograms = testWith("iproute2", "nft", "iptables", "setpriv");
/** Dozens of programs each, on a machine that may be busy. */
const test = (title: string, run: () => Promise<void>): void => withPrograms(title, run, 60_000);

/** A container that serves the word "hello" on port 80 until it is killed. */
function serving(options = "{}"): Bundle {
  const bundle = yamlBundle(
    `rootfs: rootfs\ncommand: busybox httpd -f -p 80 -h /www\nread-only: true\nplugins:\n  - network: ${options}\n`,
  );
  mkdirSync(`${bundle.rootfs}/www`);
  writeFileSync(`${bundle.rootfs}/www/index.html`, "hello");
  return bundle;
}

/** Asks until somebody listens there. */
const get = (where: string): string => `until busybox wget -q -O- http://${where}/ 2>/dev/null; do :; done`;
/** One that nobody answers. */
const refused = (where: string): readonly string[] => ["busybox", "wget", "-q", "-T", "1", "-O-", `http://${where}/`];

const withoutTimes = ({ exitCode, stderr }: Outcome): [number, string] => [exitCode, stderr.replace(/after \d+ ms/, "after … ms")];

async function quietly(bundle: Bundle, host: NetworkHost, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await bundle.box(args, { before: host.before, ...options });
  expect([exitCode, stderr]).toEqual([0, ""]);
  return stdout;
}

test("two containers and their host reach each other, and nothing is left of it", async () => {
  using host = await NetworkHost.make(true);
  using bundle = serving();
  const before = [await host.network(), machine(bundle)];
  const [web, client] = [`${bundle.id}-web`, `${bundle.id}-client`];
  await quietly(bundle, host, ["run", "-d", web]);
  const address = host.addressOf(web);
  const seen = await quietly(bundle, host, ["run", client, "sh", "-c", `${get(address)}; ip -o -4 address show eth0; ip route`]);
  const [, own = ""] = /inet (\S+)/.exec(seen) ?? [];
  expect(own).toMatch(/^10\.77\.0\.\d+\/24$/);
  expect(own).not.toBe(`${address}/24`);
  expect(seen).toStartWith("hello");
  expect(seen).toContain("default via 10.77.0.1 dev eth0");
  expect(await host.sh(get(address))).toBe("hello");
  await quietly(bundle, host, ["delete", "--force", web]);
  expect([await host.network(), machine(bundle)]).toEqual(before);
});

test("an address is there before the program, and gone with a create that is deleted", async () => {
  using host = await NetworkHost.make(true);
  using bundle = serving();
  const before = await host.network();
  await quietly(bundle, host, ["create", bundle.id]);
  const address = host.addressOf(bundle.id);
  await quietly(bundle, host, ["start", bundle.id]);
  expect(await host.sh(get(address))).toBe("hello");
  await quietly(bundle, host, ["delete", "--force", bundle.id]);
  expect(await host.network()).toEqual(before);
  await quietly(bundle, host, ["create", bundle.id]);
  expect(host.addressOf(bundle.id)).toBe(address);
  await quietly(bundle, host, ["delete", bundle.id]);
  expect(await host.network()).toEqual(before);
});

test("several that are started at once have addresses of their own", async () => {
  using host = await NetworkHost.make(true);
  using bundle = serving("{ subnet: 10.9.0.0/29, bridge: few }");
  const before = await host.network();
  const ids = [1, 2, 3, 4, 5].map((number) => `${bundle.id}-${number}`);
  await Promise.all(ids.map((id) => quietly(bundle, host, ["run", "-d", id])));
  const addresses = ids.map((id) => host.addressOf(id));
  expect(addresses.toSorted()).toEqual(["10.9.0.2", "10.9.0.3", "10.9.0.4", "10.9.0.5", "10.9.0.6"]);
  for (const address of addresses) expect(await host.sh(get(address))).toBe("hello");
  expect(withoutTimes(await bundle.box(["run", bundle.id], { before: host.before }))).toEqual([
    125,
    "box: plugins[0] network: prestart: every address of 10.9.0.0/29 is taken (after … ms)\n",
  ]);
  await Promise.all(ids.map((id) => quietly(bundle, host, ["delete", "--force", id])));
  expect(await host.network()).toEqual(before);
});

for (const tool of ["nft", "iptables"])
  test(`${tool}: ports are forwarded, what leaves is masqueraded, and what comes else is kept out`, async () => {
    using host = await NetworkHost.make(true);
    using outside = await NetworkHost.make(false);
    await connect(host, outside, ["192.168.7.1", "192.168.7.2"]);
    await outside.sh("ip route add default via 192.168.7.1");
    using bundle = serving(`{ firewall: ${tool}, ports: ["8080:80", "127.0.0.1:8081:80", "192.168.7.1:8082:80"] }`);
    using client = serving(`{ firewall: ${tool} }`);
    const before = await host.network();
    await quietly(bundle, host, ["run", "-d", bundle.id]);
    const address = host.addressOf(bundle.id);
    for (const where of [address, "127.0.0.1:8080", "192.168.7.1:8080", "10.77.0.1:8080", "127.0.0.1:8081", "192.168.7.1:8082"])
      expect([where, await host.sh(get(where))]).toEqual([where, "hello"]);
    for (const where of ["192.168.7.1:8080", "192.168.7.1:8082"]) expect([where, await outside.sh(get(where))]).toEqual([where, "hello"]);
    for (const where of [address, "192.168.7.1:8081"]) expect([where, await outside.can(refused(where))]).toEqual([where, false]);
    // A port by the host's address, from another container; then the host's own loopback, which is nobody's but its own.
    await quietly(client, host, ["run", client.id, "sh", "-c", get("192.168.7.1:8080")]);
    // What listens outside sees the host.
    using _listener = new Listener(outside);
    expect(await quietly(client, host, ["run", client.id, "sh", "-c", "until busybox nc 192.168.7.2 9000; do :; done"])).toBe(
      "192.168.7.1",
    );
    await quietly(bundle, host, ["delete", "--force", bundle.id]);
    expect(await host.network()).toEqual(before);
  });

/** Tells whoever connects to port 9000 what address that comes from. */
class Listener implements Disposable {
  readonly #child: Bun.Subprocess;
  constructor(host: NetworkHost) {
    const script = `Bun.listen({ hostname: "0.0.0.0", port: 9000, socket: { open: (peer) => void peer.end(peer.remoteAddress), data() {} } })`;
    this.#child = Bun.spawn([...host.before, process.execPath, "-e", script]);
  }
  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
  }
}

test("udp", async () => {
  using host = await NetworkHost.make(true);
  const echo = `await Bun.udpSocket({ port: 53, socket: { data: (socket, data, port, address) => void socket.send(data, port, address) } })`;
  using bundle = yamlBundle(
    `rootfs: host\ncommand: ${JSON.stringify([process.execPath, "-e", echo])}\nplugins:\n  - network: { ports: ["127.0.0.1:5300:53/udp"] }\n`,
  );
  await quietly(bundle, host, ["run", "-d", bundle.id]);
  // Until there is an answer: what comes too early is lost.
  const ask = `const socket = await Bun.udpSocket({ connect: { hostname: "127.0.0.1", port: 5300 }, socket: { data(_, data) { console.log(String(data)); process.exit(); } } });
    setInterval(() => socket.send("hello"), 20);`;
  expect(await host.sh(`exec ${process.execPath} -e '${ask}'`)).toBe("hello\n");
  await quietly(bundle, host, ["delete", "--force", bundle.id]);
});

test("what others have already", async () => {
  using host = await NetworkHost.make(true);
  using bundle = serving('{ ports: ["8080:80"], address: 10.77.0.9 }');
  using other = serving('{ ports: ["127.0.0.1:8080:80"] }');
  using same = serving("{ address: 10.77.0.9 }");
  using wrong = serving("{ address: 10.77.1.9 }");
  using listening = serving('{ ports: ["9000:80"] }');
  using _listener = new Listener(host);
  await host.sh("until busybox nc 127.0.0.1 9000; do :; done");
  const say = async (one: Bundle): Promise<[number, string]> => withoutTimes(await one.box(["run", one.id], { before: host.before }));
  const failed = (problem: string): [number, string] => [125, `box: plugins[0] network: prestart: ${problem} (after … ms)\n`];
  const empty = await host.network();
  expect(await say(listening)).toEqual(failed("ports: cannot have 0.0.0.0:9000/tcp: EADDRINUSE"));
  expect(await host.network()).toEqual(empty);
  await quietly(bundle, host, ["run", "-d", bundle.id]);
  const before = await host.network();
  expect(await say(other)).toEqual(failed(`ports: 127.0.0.1:8080/tcp is forwarded to the container ${bundle.id}`));
  expect(await say(same)).toEqual(failed("address: 10.77.0.9 is taken"));
  expect(await say(wrong)).toEqual(failed("address: 10.77.1.9 is none for a container in 10.77.0.0/24, on box0"));
  expect(await host.network()).toEqual(before);
  await quietly(bundle, host, ["delete", "--force", bundle.id]);
  expect(await host.network()).toEqual(empty);
});

test("a bridge that is there is used as it is, and stays", async () => {
  using host = await NetworkHost.make(true);
  await host.sh("ip link add lan type bridge; ip address add 10.5.0.7/16 dev lan; ip link add eth9 type veth peer name eth10");
  using bundle = serving('{ bridge: lan, ports: ["8080:80"] }');
  using other = serving("{ bridge: lan, subnet: 10.6.0.0/16 }");
  using none = serving("{ bridge: eth9 }");
  using local = serving('{ bridge: lan, ports: ["127.0.0.1:8081:80"] }');
  using overlapping = serving("{ subnet: 10.5.1.0/24 }");
  await host.sh("ip link set lan up");
  const before = await host.network();
  await quietly(bundle, host, ["run", "-d", bundle.id]);
  expect(host.addressOf(bundle.id)).toStartWith("10.5.");
  expect(await host.sh(get("10.5.0.7:8080"))).toBe("hello");
  // That is its owner's to say.
  expect(await host.sh("cat /proc/sys/net/ipv4/conf/lan/route_localnet")).toBe("0\n");
  const say = async (one: Bundle): Promise<[number, string]> => withoutTimes(await one.box(["run", one.id], { before: host.before }));
  const failed = (problem: string): [number, string] => [125, `box: plugins[0] network: prestart: ${problem} (after … ms)\n`];
  expect(await say(other)).toEqual(failed("bridge: lan is there and has no address in 10.6.0.0/16"));
  expect(await say(local)).toEqual(
    failed("ports: 127.0.0.1:8081/tcp needs a bridge that box made, since lan would have to route what is for 127.0.0.1"),
  );
  expect(await say(none)).toEqual(failed("bridge: there is an interface eth9, and it is no bridge"));
  expect(await say(overlapping)).toEqual(failed("subnet: 10.5.1.0/24 overlaps 10.5.0.0/16, which is behind lan: name another one"));
  await quietly(bundle, host, ["delete", "--force", bundle.id]);
  expect(await host.network()).toEqual(before);
});

test("loopback is open to the host alone, for as long as there are ports", async () => {
  using host = await NetworkHost.make(true);
  using bundle = serving('{ ports: ["8080:80"] }');
  using second = serving('{ ports: ["8081:80"] }');
  using plain = serving();
  using _listener = new Listener(host);
  await host.sh("until busybox nc 127.0.0.1 9000; do :; done");
  const opened = (): Promise<string> => host.sh("cat /proc/sys/net/ipv4/conf/box0/route_localnet");
  await quietly(plain, host, ["run", "-d", plain.id]);
  expect(await opened()).toBe("0\n");
  for (const one of [bundle, second]) await quietly(one, host, ["run", "-d", one.id]);
  expect(await opened()).toBe("1\n");
  // A container that sends what is for 127.0.0.1 to the host by its gateway.
  const trick =
    "ip address del 127.0.0.1/8 dev lo; ip route add 127.0.0.1 via 10.77.0.1 dev eth0 src $(ip -o -4 a show eth0 | awk '{print $4}' | cut -d/ -f1)";
  const inside = ["nsenter", `--net=/proc/${plain.initPid}/ns/net`, "sh", "-c", `${trick}; busybox nc -w 1 127.0.0.1 9000`];
  const tried = Bun.spawnSync(inside, { timeout: 5000 });
  expect([tried.exitCode === 0, tried.stdout.toString()]).toEqual([false, ""]);
  await quietly(bundle, host, ["delete", "--force", bundle.id]);
  expect(await opened()).toBe("1\n");
  await quietly(second, host, ["delete", "--force", second.id]);
  expect(await opened()).toBe("0\n");
  await quietly(plain, host, ["delete", "--force", plain.id]);
});

test("packets are forwarded by the host when that is asked for, and else it is said", async () => {
  using host = await NetworkHost.make(false);
  using bundle = serving();
  using silent = serving("{ forward: false }");
  using asking = serving("{ forward: true }");
  const isOn = (): Promise<string> => host.sh("cat /proc/sys/net/ipv4/ip_forward");
  expect(await bundle.box(["run", bundle.id, "true"], { before: host.before })).toEqual({
    exitCode: 0,
    stdout: "",
    stderr:
      "box: warning: plugins[0] network: net.ipv4.ip_forward is 0: nothing beyond this host is reached, nor are ports from there; forward: true turns it on\n",
  });
  await quietly(silent, host, ["run", silent.id, "true"]);
  expect(await isOn()).toBe("0\n");
  await quietly(asking, host, ["run", asking.id, "true"]);
  expect(await isOn()).toBe("1\n");
});

/** Programs that the plugin runs, and in which of their calls box is killed. */
const calls: readonly [title: string, program: string, when: string][] = [
  ["before anything is made", "ip", '"$1" = -json'],
  ["with a bridge or a pair half made", "ip", '"$1" = -batch'],
  ["with a pair", "nsenter", "true"],
  ["with rules to be made", "nft", '"$1" = -f'],
];

for (const [title, program, when] of calls)
  test(`after box was killed ${title}, delete undoes all`, async () => {
    using host = await NetworkHost.make(true);
    using bundle = serving('{ ports: ["8080:80"] }');
    const before = [await host.network(), machine(bundle)];
    const path = host.program(program, `if [ ${when} ]; then kill -9 $PPID; fi\nexec ${Bun.which(program)} "$@"`);
    const env = { PATH: `${path}:${process.env.PATH}` };
    const { exitCode } = await bundle.box(["run", "-d", bundle.id], { before: host.before, env });
    expect(exitCode).toBe(137);
    // What was started by then goes on to its end, and delete waits for that.
    await quietly(bundle, host, ["delete", "--force", bundle.id]);
    expect([await host.network(), machine(bundle)]).toEqual(before);
  });

for (const [title, program, when] of calls.slice(1))
  test(`when ${program} fails ${title}, the start is undone`, async () => {
    using host = await NetworkHost.make(true);
    using bundle = serving('{ ports: ["8080:80"] }');
    const before = [await host.network(), machine(bundle)];
    const mark = `${bundle.folder}/mark`;
    const path = host.program(
      program,
      `if [ ${when} -a ! -e ${mark} ]; then echo > ${mark}; echo no luck >&2; exit 1; fi\nexec ${Bun.which(program)} "$@"`,
    );
    const { exitCode, stderr } = await bundle.box(["run", "-d", bundle.id], {
      before: host.before,
      env: { PATH: `${path}:${process.env.PATH}` },
    });
    expect([exitCode, stderr.split("\n")[0]]).toEqual([
      125,
      expect.stringMatching(new RegExp(`^box: plugins\\[0\\] network: prestart: ${program} .*: no luck \\(after \\d+ ms\\)$`)),
    ]);
    expect([await host.network(), machine(bundle)]).toEqual(before);
  });

test("after delete itself was killed, another one does the rest", async () => {
  using host = await NetworkHost.make(true);
  using bundle = serving('{ ports: ["8080:80"] }');
  const before = [await host.network(), machine(bundle)];
  await quietly(bundle, host, ["run", "-d", bundle.id]);
  const path = host.program("nft", "kill -9 $PPID");
  const env = { PATH: `${path}:${process.env.PATH}` };
  expect((await bundle.box(["delete", "--force", bundle.id], { before: host.before, env })).exitCode).toBe(137);
  await quietly(bundle, host, ["delete", "--force", bundle.id]);
  expect([await host.network(), machine(bundle)]).toEqual(before);
});

test("the end of a container in the foreground undoes all, wherever the programs are", async () => {
  using host = await NetworkHost.make(true);
  using bundle = serving('{ ports: ["8080:80"] }');
  const before = await host.network();
  using running = bundle.start(["run", bundle.id, "sh", "-c", "echo ready; exec sleep 1000"], { before: host.before });
  await running.says("ready");
  await running.supervises();
  process.kill(bundle.initPid, "SIGKILL");
  expect(await running.outcome()).toEqual({ exitCode: 137, stdout: "ready\n", stderr: "" });
  expect(await host.network()).toEqual(before);
});

test("names that ip has as words of its own", async () => {
  using host = await NetworkHost.make(true);
  const before = await host.network();
  for (const name of ["up", "dev", "group", "name", "type"]) {
    using bundle = serving(`{ bridge: ${name}, interface: ${name} }`);
    expect(await quietly(bundle, host, ["run", bundle.id, "ls", "/sys/class/net"])).toBe(`${["lo", name].toSorted().join("\n")}\n`);
  }
  expect(await host.network()).toEqual(before);
});

test("after its supervisor was killed, delete undoes all", async () => {
  using host = await NetworkHost.make(true);
  using bundle = serving('{ ports: ["8080:80"] }');
  const before = await host.network();
  using running = bundle.start(["run", bundle.id, "sh", "-c", "echo ready; exec sleep 1000"], { before: host.before });
  await running.says("ready");
  running.child.kill("SIGKILL");
  await running.child.exited;
  await quietly(bundle, host, ["delete", "--force", bundle.id]);
  expect(await host.network()).toEqual(before);
});

test("the next container takes the address and undoes the rules of one that nobody has deleted", async () => {
  using host = await NetworkHost.make(true);
  using gone = serving('{ subnet: 10.9.0.0/30, ports: ["8080:80"] }');
  using next = serving("{ subnet: 10.9.0.0/30 }");
  const before = await host.network();
  await quietly(gone, host, ["run", "-d", gone.id]);
  process.kill(gone.initPid, "SIGKILL");
  // The kernel takes its time to end a network namespace.
  await until(() => Bun.spawnSync([...host.before, "ip", "link", "show", "type", "veth"]).stdout.length === 0, "the end of its devices");
  await quietly(next, host, ["run", "-d", next.id]);
  expect(host.addressOf(next.id)).toBe("10.9.0.2");
  expect((await host.network()).filter((line) => line.includes("8080"))).toEqual([]);
  await quietly(gone, host, ["delete", gone.id]);
  expect(await host.sh(get("10.9.0.2"))).toBe("hello");
  await quietly(next, host, ["delete", "--force", next.id]);
  expect(await host.network()).toEqual(before);
});

test("what cannot be is told before anything is made", async () => {
  using host = await NetworkHost.make(true);
  const say = async (options: string, more = "", env: Readonly<Record<string, string>> = {}): Promise<string> => {
    using bundle = serving(options);
    writeFileSync(`${bundle.folder}/box.yaml`, `${await Bun.file(`${bundle.folder}/box.yaml`).text()}${more}`);
    const before = machine(bundle);
    const [exitCode, stderr] = withoutTimes(await bundle.box(["run", bundle.id], { before: host.before, env }));
    expect([exitCode, machine(bundle)]).toEqual([125, before]);
    const [, problem = stderr] = /^box: plugins\[0\] network: config: (.*) \(after … ms\)\n$/.exec(stderr) ?? [];
    return problem;
  };
  expect(await say("{}", "namespaces: { net: host }\n")).toBe("the container uses the host's network, and needs one of its own");
  expect(await say("{}", `namespaces: { net: "/proc/${host.pid}/ns/net" }\n`)).toBe(
    `the container joins the network /proc/${host.pid}/ns/net, and needs one of its own`,
  );
  using users = serving();
  users.giveTo(userId);
  expect(withoutTimes(await users.box(["run", users.id], { before: [...host.before, ...asUser] }))).toEqual([
    125,
    "box: plugins[0] network: config: a bridge and what is connected to it can be made by root alone (after … ms)\n",
  ]);
  const nothing = host.program("nothing", "");
  expect(await say("{}", "", { PATH: nothing })).toBe("needs ip and nsenter in PATH (packages iproute2 and util-linux)");
  for (const program of ["ip", "nsenter"]) host.program(program, "");
  const here = { PATH: nothing };
  expect(await say('{ ports: ["1:1"] }', "", here)).toBe("ports: need nft or iptables in PATH (packages nftables and iptables)");
  expect(await say('{ ports: ["1:1"], firewall: nft }', "", here)).toBe("ports: need nft in PATH (packages nftables and iptables)");
});
