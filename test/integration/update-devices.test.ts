// box update with other rules for devices: what the container can open afterwards, and that it never loses what it has.

import { expect } from "bun:test";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import type { DeviceRule, Resources, Spec } from "../../src/config/spec.ts";
import {
  Bundle,
  type CgroupLayout,
  cgroupsOf,
  inLayout,
  linesOf,
  type Outcome,
  type Running,
  type RunOptions,
  testWith,
} from "./harness.ts";

const test = testWith();
const done: Outcome = { exitCode: 0, stdout: "", stderr: "" };
const denyAll: DeviceRule = { allow: false, access: "rwm" };
const all: DeviceRule = { allow: true, access: "rwm" };
const log = (access: string): DeviceRule => ({ allow: true, type: "c", major: 1, minor: 11, access });

/** A container that opens /dev/null all the time and says when it could not, and at its end whether it can read the kernel's log. */
class Opener implements Disposable {
  readonly bundle: Bundle;
  readonly #options: RunOptions;
  #running: Running | undefined;

  constructor(options: RunOptions) {
    this.#options = options;
    this.bundle = new Bundle((spec) => {
      spec.linux.resources = { devices: [denyAll] };
      spec.root.readonly = false;
      for (const set of ["bounding", "effective", "permitted"] as const) spec.process.capabilities[set]?.push("CAP_SYSLOG");
    });
    Bun.spawnSync(["mknod", "-m", "666", `${this.bundle.rootfs}/kmsg`, "c", "1", "11"]);
  }

  async start(): Promise<void> {
    const { bundle } = this;
    const openAndClose = "(: >/dev/null) 2>/dev/null || echo lost";
    const attempt = (how: string): string => `(exec 3${how}/kmsg) 2>/dev/null && echo '${how}'`;
    const script = `echo ready; until test -e /end; do ${openAndClose}; done; ${attempt("<")}; ${attempt(">")}; true`;
    this.#running = await bundle.startSh(script, this.#options);
    copyFileSync(`${bundle.folder}/config.json`, this.#config);
  }

  get #config(): string {
    return `${this.bundle.states}/${this.bundle.id}/config.json`;
  }

  get kept(): readonly DeviceRule[] | undefined {
    return (JSON.parse(readFileSync(this.#config, "utf8")) as Spec).linux?.resources?.devices;
  }

  async update(devices: readonly DeviceRule[], more: Resources = {}): Promise<Outcome> {
    const options = { stdin: JSON.stringify({ devices, ...more }), ...this.#options };
    return await this.bundle.box(["update", "--resources", "-", this.bundle.id], options);
  }

  /** What it has said: how it could open the log last, and before that `lost`, if it ever could not open /dev/null. */
  async end(): Promise<string[]> {
    writeFileSync(`${this.bundle.rootfs}/end`, "");
    const { stdout } = await (this.#running as Running).outcome();
    return linesOf(stdout).slice(1);
  }

  [Symbol.dispose](): void {
    this.#running?.[Symbol.dispose]();
    this.bundle[Symbol.dispose]();
  }
}

for (const layout of ["as is", "v1", "v2"] satisfies CgroupLayout[])
  for (const [title, steps, expected] of [
    ["a device more", [[denyAll, log("r")]], ["<"]],
    [
      "and less again",
      [
        [denyAll, log("rw")],
        [denyAll, log("w")],
      ],
      [">"],
    ],
    ["all, and a few again", [[all], [denyAll, log("r")]], ["<"]],
    ["many times, and in the end as in the beginning", Array.from({ length: 6 }, (_, at) => (at % 2 === 0 ? [log("rw")] : [denyAll])), []],
  ] as const)
    test(`${layout}: ${title}`, async () => {
      using opener = new Opener({ before: inLayout(layout) });
      await opener.start();
      for (const devices of steps) {
        expect(await opener.update(devices)).toEqual(done);
        expect(opener.kept).toEqual([...devices]);
      }
      expect(await opener.end()).toEqual([...expected]);
    }, 30_000);

test("v1: rules that it cannot have are refused, and nothing changes, no other limit either", async () => {
  using opener = new Opener({});
  await opener.start();
  const hole: DeviceRule = { allow: false, type: "c", major: 1, access: "rw" };
  const [pids = ""] = cgroupsOf("/sys/fs/cgroup/pids", opener.bundle.id);
  expect(await opener.update([all, hole], { pids: { limit: 77 } })).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: "box: devices: cgroup v1 cannot allow c 1:3 rw, since c 1:* rw is denied\n",
  });
  expect(opener.kept).toEqual([denyAll]);
  expect(readFileSync(`${pids}/pids.max`, "utf8")).toBe("max\n");
  expect(await opener.end()).toEqual([]);
});

test("v1: what others have allowed since stays where the rules are those of the beginning", async () => {
  using opener = new Opener({});
  await opener.start();
  const [cgroup = ""] = cgroupsOf("/sys/fs/cgroup/devices", opener.bundle.id);
  writeFileSync(`${cgroup}/devices.allow`, "c 1:11 r");
  expect(await opener.update([denyAll])).toEqual(done);
  expect(await opener.end()).toEqual(["<"]);
});
