// linux.intelRdt on a stand-in for the resctrl filesystem (resctrl-server.ts): classes as containers enter, limit and leave
// them. Starts are made by box from its sources, which are told that there is such a filesystem; all else by the binary.

import { expect } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import type { IntelRdt } from "../../src/config/spec.ts";
import { Bundle, binary, execute, linesOf, machine, type Outcome, type RichSpec, Running, testWith } from "./harness.ts";

const withPrograms = testWith("unshare", "fuse");
/** Box from its sources takes a second to start on a busy machine. */
const test = (title: string, run: () => Promise<void>): void => withPrograms(title, run, 60_000);
const LIMIT_MS = 30_000;

const server = new URL("./resctrl-server.ts", import.meta.url).pathname;
const boxFromSources = new URL("./box-with-resctrl.ts", import.meta.url).pathname;

/** A mount namespace with the filesystem. */
class ResctrlHost implements Disposable {
  readonly #folder = mkdtempSync(`${tmpdir()}/box-resctrl-`);
  readonly #server = new Running(["unshare", "--mount", process.execPath, server, this.#folder], { limitMs: LIMIT_MS });

  static async make(): Promise<ResctrlHost> {
    const host = new ResctrlHost();
    await host.#server.says("ready");
    return host;
  }

  get mount(): string {
    return this.#folder;
  }

  /** Where the tests find it. */
  at(path: string): string {
    return `/proc/${this.#server.pid}/root${this.#folder}/${path}`;
  }

  read(path: string): string[] {
    return linesOf(readFileSync(this.at(path), "utf8"));
  }

  /** Classes, with the groups for what is counted. */
  get groups(): string[] {
    const folders = (path: string): string[] => readdirSync(this.at(path)).filter((name) => existsSync(this.at(`${path}/${name}/tasks`)));
    const monitored = (path: string): string[] => folders(`${path}/mon_groups`).map((name) => `${path}/mon_groups/${name}`);
    return [...monitored("."), ...folders(".").flatMap((name) => [name, ...monitored(name)])];
  }

  get before(): string[] {
    return ["nsenter", `--mount=/proc/${this.#server.pid}/ns/mnt`];
  }

  /** Box from its sources, for what looks for the filesystem. */
  async start(bundle: Bundle, args: readonly string[]): Promise<Outcome> {
    const [command = "", ...rest] = args;
    const box = [process.execPath, boxFromSources, "--root", bundle.states, command, "-b", bundle.folder, ...rest];
    return await execute(box, { before: this.before, env: { RESCTRL: this.#folder }, limitMs: LIMIT_MS });
  }

  /** The binary, for what goes by the container's state. */
  async box(bundle: Bundle, args: readonly string[]): Promise<Outcome> {
    return await execute([binary, "--root", bundle.states, ...args], { before: this.before });
  }

  [Symbol.dispose](): void {
    this.#server[Symbol.dispose]();
    rmSync(this.#folder, { recursive: true });
  }
}

const inClass = (intelRdt: IntelRdt, change: (spec: RichSpec) => void = () => {}): Bundle =>
  new Bundle((spec) => {
    spec.process.args = ["sleep", "1000"];
    spec.linux.intelRdt = intelRdt;
    change(spec);
  });
const well = (stdout = ""): Outcome => ({ exitCode: 0, stdout, stderr: "" });
/** By create; by run it is 125. */
const refused = (...lines: string[]): Outcome => ({ exitCode: 1, stdout: "", stderr: lines.map((line) => `${line}\n`).join("") });

test("a class of its own, with its limits before its first process, which goes with the container", async () => {
  using host = await ResctrlHost.make();
  using bundle = inClass({ l3CacheSchema: "L3:0=f", memBwSchema: "MB:1=25", schemata: ["L3:1=0f0"], enableMonitoring: true });
  const before = machine(bundle);
  const { id } = bundle;
  expect(await host.start(bundle, ["create", id])).toEqual(well());
  expect(host.groups).toEqual([id, `${id}/mon_groups/${id}`]);
  expect(host.read(`${id}/schemata`)).toEqual(["L3:0=f;1=f0", "MB:0=100;1=30"]);
  expect(host.read(`${id}/tasks`)).toEqual([String(bundle.initPid)]);
  expect(host.read(`${id}/mon_groups/${id}/tasks`)).toEqual([String(bundle.initPid)]);
  expect(await host.box(bundle, ["start", id])).toEqual(well());
  // The helper of an exec writes itself into both, and its child is the program.
  expect(await host.box(bundle, ["exec", id, "true"])).toEqual(well());
  const [, helper = ""] = host.read(`${id}/tasks`);
  expect(helper).toMatch(/^\d+$/);
  expect(host.read(`${id}/mon_groups/${id}/tasks`)).toEqual([String(bundle.initPid), helper]);
  expect(await host.box(bundle, ["delete", "--force", id])).toEqual(well());
  expect(host.groups).toEqual([]);
  expect(machine(bundle)).toEqual(before);
});

test("in the foreground, and in a user namespace: gone at the end", async () => {
  using host = await ResctrlHost.make();
  using bundle = inClass({ enableMonitoring: true }, (spec) => {
    spec.process.args = ["echo", "hello"];
    spec.linux.namespaces.push({ type: "user" });
    spec.linux.uidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    spec.linux.gidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
  });
  // The third of these is what the second has kept.
  for (const _ of [1, 2, 3]) {
    expect(await host.start(bundle, ["run", bundle.id])).toEqual(well("hello\n"));
    expect(host.groups).toEqual([]);
  }
});

test("a class by name is made once, taken as it is by the next, and stays", async () => {
  using host = await ResctrlHost.make();
  // 25 percent become 30 here: the same limit, written the same way.
  using first = inClass({ closID: "gold", schemata: ["MB:0=25", "L3:1=0x00f"], enableMonitoring: true });
  using second = inClass({ closID: "gold", memBwSchema: "MB:0=25", l3CacheSchema: "L3:0=7ff;1=f" });
  using third = inClass({ closID: "gold" });
  expect(await host.start(first, ["create", first.id])).toEqual(well());
  expect(await host.start(second, ["create", second.id])).toEqual(well());
  expect(await host.start(third, ["create", third.id])).toEqual(well());
  expect(host.read("gold/tasks")).toEqual([first, second, third].map(({ initPid }) => String(initPid)));
  expect(host.groups).toEqual(["gold", `gold/mon_groups/${first.id}`]);
  for (const one of [first, second, third]) expect(await host.box(one, ["delete", "--force", one.id])).toEqual(well());
  expect(host.groups).toEqual(["gold"]);
  expect(host.read("gold/schemata")).toEqual(["L3:0=7ff;1=f", "MB:0=30;1=100"]);
});

test("a class that has other limits is left as it is", async () => {
  using host = await ResctrlHost.make();
  mkdirSync(host.at("gold"));
  using bundle = inClass({ closID: "gold", l3CacheSchema: "L3:0=f;2=f", memBwSchema: "MB:0=50", schemata: ["L2:0=f", "L3", "L3:1=7ff"] });
  const before = machine(bundle);
  expect(await host.start(bundle, ["create", bundle.id])).toEqual(
    refused(
      "box: linux.intelRdt.l3CacheSchema: the class gold is there already, and its L3 has 0=7ff",
      "box: linux.intelRdt.memBwSchema: the class gold is there already, and its MB has 0=100",
      "box: linux.intelRdt.schemata[0]: the class gold is there already, and has no L2",
      'box: linux.intelRdt.schemata[1]: "L3" is no line of a schemata file, such as "L3:0=f;1=f"',
    ),
  );
  expect(host.groups).toEqual(["gold"]);
  expect(machine(bundle)).toEqual(before);
});

test("the default class", async () => {
  using host = await ResctrlHost.make();
  using bundle = inClass({ closID: "/", enableMonitoring: true, schemata: ["MB:0=100"] });
  expect(await host.start(bundle, ["create", bundle.id])).toEqual(well());
  expect(host.read("tasks")).toEqual([String(bundle.initPid)]);
  expect(host.groups).toEqual([`./mon_groups/${bundle.id}`]);
  expect(await host.box(bundle, ["delete", "--force", bundle.id])).toEqual(well());
  expect(host.groups).toEqual([]);
});

test("a class that there is not, and nothing to make one of", async () => {
  using host = await ResctrlHost.make();
  using bundle = inClass({ closID: "gold", enableMonitoring: true });
  expect(await host.start(bundle, ["create", bundle.id])).toEqual(
    refused("box: linux.intelRdt.closID: there is no class gold, and without schemata none is made"),
  );
  expect(host.groups).toEqual([]);
});

test("limits that the kernel refuses, in its words", async () => {
  using host = await ResctrlHost.make();
  using bundle = inClass({ l3CacheSchema: "L3:0=fff" });
  const before = machine(bundle);
  expect(await host.start(bundle, ["create", bundle.id])).toEqual(
    refused(
      `box: linux.intelRdt: cannot limit the resctrl group ${host.mount}/${bundle.id}: write(${host.mount}/${bundle.id}/schemata, "L3:0=fff\\n", 9): EINVAL (invalid argument)`,
      "hint: the kernel says: Mask out of range",
    ),
  );
  expect(host.groups).toEqual([]);
  expect(machine(bundle)).toEqual(before);
});

test("more classes than the machine has", async () => {
  using host = await ResctrlHost.make();
  for (const name of ["a", "b", "c"]) mkdirSync(host.at(name));
  using bundle = inClass({});
  expect(await host.start(bundle, ["create", bundle.id])).toEqual(
    refused(
      `box: linux.intelRdt: cannot make the resctrl group ${host.mount}/${bundle.id}: mkdirat(AT_FDCWD, "${host.mount}/${bundle.id}", 0755): ENOSPC (no space left on device)`,
      "hint: the kernel says: Out of CLOSIDs",
    ),
  );
  expect(host.groups).toEqual(["a", "b", "c"]);
});

test("somebody else's group of the container's name stays", async () => {
  using host = await ResctrlHost.make();
  using bundle = inClass({});
  mkdirSync(host.at(bundle.id));
  expect(await host.start(bundle, ["create", bundle.id])).toEqual(
    refused(`box: linux.intelRdt: cannot have the resctrl group ${host.mount}/${bundle.id}: it exists already`),
  );
  expect(host.groups).toEqual([bundle.id]);
});

test("killed between: delete goes by the state", async () => {
  using host = await ResctrlHost.make();
  using bundle = inClass({ enableMonitoring: true });
  const { id } = bundle;
  expect(await host.start(bundle, ["create", id])).toEqual(well());
  process.kill(bundle.initPid, "SIGKILL");
  // As it is when box is killed right after the state was written first.
  const file = `${bundle.states}/${id}/state.json`;
  const state = JSON.parse(readFileSync(file, "utf8")) as { status: string; pid: number; box: { startTime: number } };
  writeFileSync(file, JSON.stringify({ ...state, status: "creating", pid: 0, box: { ...state.box, startTime: 0 } }));
  expect(host.groups).toEqual([id, `${id}/mon_groups/${id}`]);
  expect(await host.box(bundle, ["delete", "--force", id])).toEqual(well());
  expect(host.groups).toEqual([]);
});

test("update, and what events tells", async () => {
  using host = await ResctrlHost.make();
  using bundle = inClass({ l3CacheSchema: "L3:0=f" });
  const { id } = bundle;
  expect(await host.start(bundle, ["create", id])).toEqual(well());
  expect(await host.box(bundle, ["update", "--l3-cache-schema", "L3:0=ff", "--mem-bw-schema", "MB:1=70", id])).toEqual(well());
  expect(host.read(`${id}/schemata`)).toEqual(["L3:0=ff;1=7ff", "MB:0=100;1=70"]);
  const stats = await host.box(bundle, ["events", "--stats", id]);
  expect((JSON.parse(stats.stdout) as { data: { intel_rdt: object } }).data.intel_rdt).toEqual({
    mem_bw_info: { bandwidth_gran: 10 },
    mem_bw_schema_root: "MB:0=100;1=100",
    mem_bw_schema: "MB:0=100;1=70",
    schemata: ["L3:0=ff;1=7ff", "MB:0=100;1=70"],
  });
  expect(await host.box(bundle, ["update", "--mem-bw-schema", "MB:7=70", id])).toEqual(
    refused(
      `box: linux.intelRdt: cannot limit the resctrl group ${host.mount}/${id}: write(${host.mount}/${id}/schemata, "MB:7=70\\n", 8): EINVAL (invalid argument)`,
      "hint: the kernel says: Bad ID 7",
    ),
  );
});

test("update of a container without a class", async () => {
  using bundle = new Bundle((spec) => (spec.process.args = ["sleep", "1000"]));
  expect(await bundle.box(["create", bundle.id])).toEqual(well());
  expect(await bundle.box(["update", "--l3-cache-schema", "L3:0=f", bundle.id])).toEqual(
    refused("box: linux.intelRdt: the container was started without a class of cache and memory bandwidth"),
  );
});

test("a host without the filesystem, as most are", async () => {
  using bundle = inClass({ closID: "gold" });
  expect(await bundle.run(["true"])).toEqual({
    ...refused("box: linux.intelRdt: this host has no resctrl filesystem mounted"),
    exitCode: 125,
  });
});
