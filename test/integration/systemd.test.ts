// What systemd hands to a service and wants to hear from it, when the service is a container: descriptors of
// sd_listen_fds(3), and readiness by sd_notify(3).

import { expect } from "bun:test";
import { addressOf, systemCall } from "../../src/execute/libc.ts";
import { Bundle, linesOf, testWith, until } from "./harness.ts";

const test = testWith();

const AF_UNIX = 1;
const DATAGRAMS_NONBLOCK = 2 | 0o4000;

const placeOf = (path: string): Uint8Array => new Uint8Array([AF_UNIX, 0, ...new TextEncoder().encode(path), 0]);

/** A socket as systemd has one for each service. */
class NotifySocket implements Disposable {
  readonly #fd = systemCall("socket", AF_UNIX, DATAGRAMS_NONBLOCK, 0);
  readonly path: string;
  received = "";

  constructor(path: string) {
    this.path = path;
    const place = placeOf(path);
    expect(systemCall("bind", this.#fd, addressOf(place), place.length)).toBe(0);
  }

  /** Waits until it has got that message. */
  async gets(text: string): Promise<void> {
    const bytes = new Uint8Array(256);
    await until(() => {
      const got = systemCall("read", this.#fd, addressOf(bytes), bytes.length);
      if (got > 0) this.received += new TextDecoder().decode(bytes.subarray(0, got));
      return this.received.includes(text);
    }, `${text} at ${this.path}`);
  }

  [Symbol.dispose](): void {
    systemCall("close", this.#fd);
  }
}

function send(path: string, text: string): number {
  const socket = systemCall("socket", AF_UNIX, DATAGRAMS_NONBLOCK, 0);
  const place = placeOf(path);
  const bytes = new TextEncoder().encode(text);
  const sent = systemCall("sendto", socket, addressOf(bytes), bytes.length, 0, addressOf(place), place.length);
  systemCall("close", socket);
  return sent;
}

const waiting = ["sh", "-c", 'echo "$NOTIFY_SOCKET"; ls -l "$NOTIFY_SOCKET" | cut -c1-10; echo ready; sleep 1000'];
const shown = ["/run/notify/notify.sock", "srwxrwxrwx", "ready"];

test("readiness goes on to the caller's socket, with init's pid, and box becomes the supervisor only then", async () => {
  using bundle = new Bundle((spec) => (spec.process.args = waiting));
  using host = new NotifySocket(`${bundle.folder}/host.sock`);
  using running = bundle.start(["run", bundle.id], { env: { NOTIFY_SOCKET: host.path } });
  await running.says("ready");
  expect(linesOf(running.stdout)).toEqual(shown);
  const inside = `${bundle.states}/${bundle.id}/notify/notify.sock`;
  expect(send(inside, "STATUS=not yet\n")).toBeGreaterThan(0);
  expect(send(inside, "STATUS=now\nREADY=1\n")).toBeGreaterThan(0);
  await host.gets("MAINPID=");
  await running.supervises();
  expect(host.received).toBe(`READY=1\nMAINPID=${bundle.initPid}\n`);
});

test("start waits for readiness too", async () => {
  using bundle = new Bundle((spec) => (spec.process.args = ["sh", "-c", "sleep 1000"]));
  using host = new NotifySocket(`${bundle.folder}/host.sock`);
  const env = { NOTIFY_SOCKET: host.path };
  expect(await bundle.box(["create", bundle.id], { env })).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  using starting = bundle.start(["start", bundle.id], { env });
  const inside = `${bundle.states}/${bundle.id}/notify/notify.sock`;
  await until(() => send(inside, "READY=1") > 0, "the socket to be bound");
  await host.gets("MAINPID=");
  expect(await starting.outcome()).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  expect(host.received).toBe(`READY=1\nMAINPID=${bundle.initPid}\n`);
});

test("a program that ends without a word keeps nobody waiting, and nothing is left", async () => {
  using bundle = new Bundle();
  using host = new NotifySocket(`${bundle.folder}/host.sock`);
  expect(await bundle.run(["sh", "-c", "exit 3"], { env: { NOTIFY_SOCKET: host.path } })).toEqual({ exitCode: 3, stdout: "", stderr: "" });
  expect(host.received).toBe("");
  expect(await bundle.box(["list", "-q"])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
});

test("a signal for box reaches the program while box waits for its readiness", async () => {
  using bundle = new Bundle((spec) => (spec.process.args = ["sh", "-c", 'trap "exit 5" TERM; echo ready; while :; do sleep 0.01; done']));
  using host = new NotifySocket(`${bundle.folder}/host.sock`);
  using running = bundle.start(["run", bundle.id], { env: { NOTIFY_SOCKET: host.path } });
  await running.says("ready");
  running.child.kill("SIGTERM");
  expect((await running.outcome()).exitCode).toBe(5);
});

const script = 'cat <&3; cat <&4; env | grep LISTEN | sort; ls /proc/self/fd | grep -c "^[3-6]$"';

test("descriptors passed by systemd and by --preserve-fds", async () => {
  using bundle = new Bundle();
  const before = ["sh", "-c", 'exec 3</etc/hostname 4</etc/hostname; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"', "sh"];
  bundle.change((spec) => (spec.process.args = ["sh", "-c", script]));
  const { exitCode, stdout, stderr } = await bundle.box(["run", "--preserve-fds", "1", bundle.id], { before });
  const name = (await Bun.file("/etc/hostname").text()).trim();
  // Beside the two there is the one that ls reads the folder by.
  expect([exitCode, stderr, linesOf(stdout)]).toEqual([0, "", [name, name, "LISTEN_FDS=1", "LISTEN_PID=1", "3"]]);
});

test("descriptors that were passed to another process are none of the container's", async () => {
  using bundle = new Bundle();
  const before = ["sh", "-c", 'exec 3</etc/hostname; LISTEN_FDS=1 LISTEN_PID=1 exec "$@"', "sh"];
  expect(await bundle.sh("env | grep LISTEN; ls /proc/self/fd | tail -n1", { before })).toEqual(["3"]);
});
