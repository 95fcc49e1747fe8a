// Programs of exec kept from one time for the next: what runs by one is as without, every change is noticed, and what somebody
// else could have written is never run.

import { describe, expect } from "bun:test";
import { chmodSync, chownSync, readdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { Bundle, type Outcome, type RunOptions, testWith, userId } from "./harness.ts";

const test = testWith();

const said = (stdout: string): Outcome => ({ exitCode: 0, stdout, stderr: "" });

/** A container that runs. */
class Probed implements AsyncDisposable {
  readonly bundle = new Bundle();
  #running: Awaited<ReturnType<Bundle["startSh"]>> | undefined;

  async start(): Promise<this> {
    this.#running = await this.bundle.startSh("echo ready; exec sleep 1000");
    return this;
  }

  /** Ends it; the next has the same id. */
  async end(): Promise<void> {
    if (this.#running === undefined) return;
    process.kill(this.bundle.initPid, "SIGKILL");
    await this.#running.outcome();
    this.#running[Symbol.dispose]();
    this.#running = undefined;
  }

  get folder(): string {
    return `${this.bundle.states}/.kept`;
  }

  /** Programs of exec. */
  get files(): string[] {
    const names = readdirSync(this.folder).filter((name) => name.startsWith("exec-"));
    return names.map((name) => `${this.folder}/${name}`);
  }

  /** The one file there is. */
  get file(): string {
    const [file, ...more] = this.files;
    expect(more).toEqual([]);
    return file as string;
  }

  exec(command: readonly string[], flags: readonly string[] = [], options: RunOptions = {}): Promise<Outcome> {
    return this.bundle.box(["exec", ...flags, this.bundle.id, ...command], options);
  }

  /** Kept: it has been executed twice. */
  async keep(command: readonly string[]): Promise<void> {
    await this.exec(command);
    expect(statSync(this.file).size).toBeLessThan(20);
    await this.exec(command);
    expect(statSync(this.file).size).toBeGreaterThan(10_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    this.bundle[Symbol.dispose]();
  }
}

describe("the third time", () => {
  test("uses what the second kept, and is as the first", async () => {
    await using probed = await new Probed().start();
    const command = ["sh", "-c", "cat; echo $HOME; id -u; readlink /proc/self/ns/pid; echo err >&2; exit 6"];
    const options = { stdin: "in\n" };
    const first = await probed.exec(command, [], options);
    const second = await probed.exec(command, [], options);
    const written = statSync(probed.file).ctimeMs;
    expect(await probed.exec(command, [], options)).toEqual(first);
    expect(statSync(probed.file).ctimeMs).toBe(written);
    expect(second).toEqual(first);
    expect(first).toMatchObject({ exitCode: 6, stderr: "err\n" });
    expect(first.stdout).toMatch(/^in\n\/root\n0\npid:\[\d+\]\n$/);
  });

  test("writes the pid where it is to go now, as clients name the file anew for each probe", async () => {
    await using probed = await new Probed().start();
    const { folder } = probed.bundle;
    const probe = (name: string): Promise<Outcome> => probed.exec(["true"], ["--pid-file", `${folder}/${name}`]);
    for (const name of ["aaaa", "bbbb"]) expect(await probe(name)).toEqual(said(""));
    const written = statSync(probed.file).ctimeMs;
    expect(statSync(probed.file).size).toBeGreaterThan(10_000);
    for (const name of ["cccc", "dddd"]) expect(await probe(name)).toEqual(said(""));
    expect(statSync(probed.file).ctimeMs).toBe(written);
    expect(
      readdirSync(folder)
        .filter((name) => /^\.?(\w)\1{3}$/.test(name))
        .sort(),
    ).toEqual(["aaaa", "bbbb", "cccc", "dddd"]);
    expect(new Set(["aaaa", "bbbb", "cccc", "dddd"].map((name) => readFileSync(`${folder}/${name}`, "utf8"))).size).toBe(4);
    // Another length is another tape.
    expect(await probe("longer")).toEqual(said(""));
    expect(readFileSync(`${folder}/longer`, "utf8")).toMatch(/^\d+$/);
  });

  test("stays with a program that takes its time, and passes signals on", async () => {
    await using probed = await new Probed().start();
    const command = ["sh", "-c", "trap 'echo hup; exit 4' HUP; echo ready; while :; do sleep 0.1; done"];
    for (const _ of [1, 2, 3]) {
      using running = probed.bundle.start(["exec", probed.bundle.id, ...command]);
      await running.says("ready");
      running.child.kill("SIGHUP");
      expect(await running.outcome()).toEqual({ exitCode: 4, stdout: "ready\nhup\n", stderr: "" });
    }
  });

  test("explains a failure as the first would", async () => {
    await using probed = await new Probed().start();
    const { rootfs } = probed.bundle;
    writeFileSync(`${rootfs}/probe`, "#!/bin/sh\necho fine\n", { mode: 0o755 });
    await probed.keep(["/probe"]);
    renameSync(`${rootfs}/probe`, `${rootfs}/away`);
    const third = await probed.exec(["/probe"]);
    rmSync(probed.folder, { recursive: true });
    expect(third).toEqual(await probed.exec(["/probe"]));
    expect(third.exitCode).toBe(127);
    expect(third.stderr).toContain("/probe");
  });
});

describe("a change is noticed", () => {
  test("of what is executed, and how", async () => {
    await using probed = await new Probed().start();
    const command = ["sh", "-c", "echo $A $(id -u) $(pwd)"];
    await probed.keep(command);
    expect(await probed.exec(command, ["-e", "A=1"])).toEqual(said("1 0 /\n"));
    expect(await probed.exec(command, ["--cwd", "/tmp"])).toEqual(said("0 /tmp\n"));
    expect(await probed.exec(command, ["-u", "7"])).toEqual(said("7 /\n"));
    expect(await probed.exec(command)).toEqual(said("0 /\n"));
  });

  test("of the user's home in the root", async () => {
    await using probed = await new Probed().start();
    const command = ["sh", "-c", "echo $HOME"];
    await probed.keep(command);
    expect(await probed.exec(command)).toEqual(said("/root\n"));
    writeFileSync(`${probed.bundle.rootfs}/etc/passwd`, "root:x:0:0::/somewhere:/bin/sh\n");
    expect(await probed.exec(command)).toEqual(said("/somewhere\n"));
  });

  test("of the container: another one with the same id", async () => {
    await using probed = await new Probed().start();
    await probed.keep(["hostname"]);
    await probed.end();
    probed.bundle.change((spec) => (spec.hostname = "another"));
    await probed.start();
    expect(await probed.exec(["hostname"])).toEqual(said("another\n"));
    expect(statSync(probed.file).size).toBeLessThan(20);
  });
});

describe("a kept program is not run", () => {
  /** Executes again after `spoil`; it must do as the command line says. */
  async function spoilt(spoil: (file: string, probed: Probed) => unknown): Promise<void> {
    await using probed = await new Probed().start();
    await probed.keep(["echo", "own"]);
    const { file } = probed;
    turnIntoBad(file);
    await spoil(file, probed);
    expect(await probed.exec(["echo", "own"])).toEqual(said("own\n"));
  }

  /** Makes the kept tape say `bad` where it says `own`; its header and key stay. So whoever runs it can be told. */
  function turnIntoBad(file: string): void {
    const bytes = readFileSync(file);
    const tapes = 20 + bytes.readUInt32LE(0) + bytes.readUInt32LE(4);
    const at = bytes.indexOf("own\0", tapes);
    expect(at).toBeGreaterThan(tapes);
    bytes.write("bad", at);
    writeFileSync(file, bytes);
  }

  test("but for this, without which the others say nothing: an untouched one is", async () => {
    await using probed = await new Probed().start();
    await probed.keep(["echo", "own"]);
    turnIntoBad(probed.file);
    expect(await probed.exec(["echo", "own"])).toEqual(said("bad\n"));
  });

  test("when others may write it", () => spoilt((file) => chmodSync(file, 0o666)));
  test("when it is another user's", () => spoilt((file) => chownSync(file, userId, userId)));
  test("when it is cut short", () => spoilt((file) => truncateSync(file, 1000)));
  test("when it was kept for another container", () =>
    spoilt(async (_, probed) => {
      await probed.end();
      await probed.start();
    }));
});

test("however many commands there are, so many places and no more", async () => {
  await using probed = await new Probed().start();
  for (let index = 0; index < 20; index++) expect((await probed.exec(["test", String(index), "=", String(index)])).exitCode).toBe(0);
  expect(probed.files.length).toBeGreaterThan(1);
  for (const file of probed.files) {
    expect(Number(/exec-(\d+)$/.exec(file)?.[1])).toBeLessThan(256);
    expect(statSync(file).size).toBeLessThan(20);
  }
});
