// Programs kept of a box.yaml: what it comes to depends on more than its text, and every change of that is noticed.

import { describe, expect } from "bun:test";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { Bundle, machine, type Outcome, testWith } from "./harness.ts";
import { kept, keptFile, writtenAt } from "./kept-file.ts";
import { yamlBundle } from "./yaml-bundle.ts";

const test = testWith();

const run = (bundle: Bundle, flags: readonly string[] = [], env: Record<string, string> = {}): Promise<Outcome> =>
  bundle.box(["run", ...flags, bundle.id], { env });
const programs = (bundle: Bundle): string[] =>
  existsSync(kept(bundle)) ? readdirSync(kept(bundle)).filter((name) => name.startsWith("place-")) : [];
const said = (stdout: string): Outcome => ({ exitCode: 0, stdout, stderr: "" });

/** A bundle that has run twice, and so has a kept program. */
async function ranTwice(yaml: string, prepare?: (bundle: Bundle) => void, flags?: readonly string[]): Promise<Bundle> {
  const bundle = yamlBundle(yaml);
  try {
    prepare?.(bundle);
    for (const _ of [1, 2]) expect((await run(bundle, flags)).stderr).toBe("");
    expect(statSync(keptFile(bundle)).size).toBeGreaterThan(10_000);
    return bundle;
  } catch (error) {
    bundle[Symbol.dispose]();
    throw error;
  }
}

/** How a start goes that uses what is kept. */
async function fromKept(bundle: Bundle, flags?: readonly string[]): Promise<Outcome> {
  const written = writtenAt(bundle);
  const outcome = await run(bundle, flags);
  expect(writtenAt(bundle)).toBe(written);
  return outcome;
}

const timeless = ({ stderr, ...rest }: Outcome): Outcome => ({ ...rest, stderr: stderr.replaceAll(/after \d+ ms/g, "after so long") });

/** How it goes with what is kept, which must be as without. */
async function sameWithout(bundle: Bundle): Promise<Outcome> {
  const outcome = await fromKept(bundle);
  rmSync(kept(bundle), { recursive: true });
  expect(timeless(await run(bundle))).toEqual(timeless(outcome));
  return outcome;
}

const whole = `
rootfs: rootfs
command: sh -c 'id -un; hostname; cat /data/file; cat /proc/self/limits | grep -c "open files *77 *77"'
user: user
ulimits: { nofile: 77 }
limits: { pids: 20 }
mounts: [./shared:/data]
`;
const share = (bundle: Bundle): void => {
  for (const folder of [`${bundle.folder}/shared`, `${bundle.rootfs}/data`]) mkdirSync(folder);
  writeFileSync(`${bundle.folder}/shared/file`, "here\n");
};

describe("the third start uses what the second kept", () => {
  test("and is as the first", async () => {
    using bundle = await ranTwice(whole, share);
    const before = machine(bundle);
    expect(await fromKept(bundle)).toEqual(said(`user\n${bundle.id}\nhere\n1\n`));
    expect(machine(bundle)).toEqual(before);
  });

  test("by --file, and not for a file of another folder", async () => {
    const flags = ["--file", "other.yaml"];
    using bundle = await ranTwice(
      whole,
      (own) => {
        share(own);
        renameSync(`${own.folder}/box.yaml`, `${own.folder}/other.yaml`);
      },
      flags,
    );
    expect(await fromKept(bundle, flags)).toEqual(said(`user\n${bundle.id}\nhere\n1\n`));
    mkdirSync(`${bundle.folder}/below`);
    renameSync(`${bundle.folder}/other.yaml`, `${bundle.folder}/below/other.yaml`);
    expect((await run(bundle, ["--file", "below/other.yaml"])).stderr).toMatch(/^box: below\/other\.yaml:\d/);
  });

  test("of a copy-on-write view of the host, which is new each time", async () => {
    using bundle = await ranTwice("rootfs: host\ncommand: [sh, -c, 'test ! -e /box-was-here && echo > /box-was-here && echo new']\n");
    expect(await fromKept(bundle)).toEqual(said("new\n"));
    expect(existsSync("/box-was-here")).toBe(false);
  });

  test("by a config.json whose text is the same, but not for it", async () => {
    const json = JSON.stringify({ rootfs: "rootfs", command: "echo yaml" });
    using bundle = await ranTwice(json);
    renameSync(`${bundle.folder}/box.yaml`, `${bundle.folder}/config.json`);
    expect((await run(bundle)).stderr).toMatch(/^box: config\.json/);
    expect(await fromKept(bundle, ["--file", "config.json"]).then(({ exitCode }) => exitCode)).not.toBe(0);
  });
});

describe("a change is noticed", () => {
  test("of the text", async () => {
    using bundle = await ranTwice("rootfs: rootfs\ncommand: echo one\n");
    writeFileSync(`${bundle.folder}/box.yaml`, "rootfs: rootfs\ncommand: echo two\n");
    expect(await run(bundle)).toEqual(said("two\n"));
  });

  test("of the user's ids in the root", async () => {
    using bundle = await ranTwice("rootfs: rootfs\ncommand: id\nuser: user\n");
    expect((await fromKept(bundle)).stdout).toBe("uid=1000(user) gid=1001(users) groups=1001(users),1002(extra)\n");
    writeFileSync(`${bundle.rootfs}/etc/group`, "users:x:1001:\n");
    expect((await run(bundle)).stdout).toBe("uid=1000(user) gid=1001(users) groups=1001(users)\n");
    writeFileSync(`${bundle.rootfs}/etc/passwd`, "user:x:7:1001::/:/bin/sh\n");
    expect((await run(bundle)).stdout).toBe("uid=7(user) gid=1001(users) groups=1001(users)\n");
    writeFileSync(`${bundle.rootfs}/etc/passwd`, "");
    expect((await run(bundle)).stderr).toContain('passwd knows no user "user"');
  });

  test("of what may be there or not", async () => {
    const yaml = "rootfs: rootfs\ncommand: ls /data\nmounts: [{ source: ./shared, destination: /data, optional: true }]\n";
    using bundle = await ranTwice(yaml, share);
    expect(await fromKept(bundle)).toEqual(said("file\n"));
    renameSync(`${bundle.folder}/shared`, `${bundle.folder}/away`);
    for (const _ of [1, 2, 3]) expect(await run(bundle)).toEqual(said(""));
    renameSync(`${bundle.folder}/away`, `${bundle.folder}/shared`);
    expect(await run(bundle)).toEqual(said("file\n"));
  });

  test("of the caller's terminal's name, where the container has a terminal", async () => {
    using bundle = await ranTwice("rootfs: rootfs\nterminal: true\ncommand: sh -c 'echo $TERM'\n");
    for (const TERM of ["vt100", "vt220", "vt100"]) expect((await run(bundle, [], { TERM })).stdout).toBe(`${TERM}\n`);
  });

  test("of the id, which a container's host name is", async () => {
    using bundle = await ranTwice("rootfs: rootfs\ncommand: hostname\n");
    expect(await bundle.box(["run", `${bundle.id}-2`])).toEqual(said(`${bundle.id}-2\n`));
  });

  test("of an environment that says neither yes nor no to unknown keys", async () => {
    using bundle = await ranTwice("rootfs: rootfs\ncommand: echo one\n");
    expect((await run(bundle, [], { BOX_LENIENT: "maybe" })).stderr).toStartWith("box: BOX_LENIENT: ");
  });

  test("of a file that cannot be read beside a config.json", async () => {
    using bundle = new Bundle((spec) => (spec.process.args = ["true"]));
    for (const _ of [1, 2, 3]) expect(await run(bundle)).toEqual(said(""));
    mkdirSync(`${bundle.folder}/box.yaml`);
    expect((await run(bundle)).stderr).toStartWith(`box: bundle: cannot read ${bundle.folder}/box.yaml: EISDIR`);
  });

  test("of a bundle that holds both files", async () => {
    using bundle = await ranTwice("rootfs: rootfs\ncommand: echo one\n");
    writeFileSync(`${bundle.folder}/config.json`, "{}");
    expect((await run(bundle)).stderr).toContain("holds both config.json and box.yaml");
  });
});

describe("nothing is kept", () => {
  const marks = async (yaml: string, prepare?: (bundle: Bundle) => void): Promise<void> => {
    using bundle = yamlBundle(yaml);
    prepare?.(bundle);
    for (const _ of [1, 2, 3]) expect(await run(bundle)).toMatchObject({ exitCode: 0, stderr: "" });
    expect(programs(bundle)).toEqual([]);
  };

  test("of one that asks for another process's namespace", () =>
    marks(`rootfs: rootfs\ncommand: "true"\nnamespaces: { uts: "pid:${process.pid}" }\n`));

  test("of one with a device of the machine's", () => marks('rootfs: rootfs\ncommand: "true"\ndevices: [/dev/full]\n'));

  test("of one whose filter is in a file", () =>
    marks('rootfs: rootfs\ncommand: "true"\nseccomp: ./filter.json\n', ({ folder }) =>
      writeFileSync(`${folder}/filter.json`, '{ "defaultAction": "SCMP_ACT_ALLOW" }'),
    ));

  test("of one with plugins, which are asked each time", () =>
    marks('rootfs: rootfs\ncommand: "true"\nplugins: [./own.ts]\n', ({ folder }) =>
      writeFileSync(`${folder}/own.ts`, 'export default { name: "own", apply() {} };\n'),
    ));

  test("of one that joins a namespace, which is looked at before anything is made", () =>
    marks(`rootfs: rootfs\ncommand: "true"\nnamespaces: { uts: "/proc/${process.pid}/ns/uts" }\n`));

  test("of one with keys that nobody knows", async () => {
    using bundle = yamlBundle('rootfs: rootfs\ncommand: "true"\nhostnam: a\n');
    for (const _ of [1, 2, 3]) expect((await run(bundle, ["--lenient"])).stderr).toContain("hostnam");
    expect((await run(bundle)).exitCode).toBe(125);
    expect(programs(bundle)).toEqual([]);
  });
});

describe("a failure is explained as at first, with its place in the file", () => {
  test("of a call", async () => {
    using bundle = await ranTwice(whole, share);
    renameSync(`${bundle.folder}/shared`, `${bundle.folder}/away`);
    expect((await sameWithout(bundle)).stderr).toMatch(/^box: box\.yaml:7:10: mounts\[0\]: /);
  });

  test("of a hook", async () => {
    using bundle = await ranTwice(
      `rootfs: rootfs\ncommand: "true"\nhooks:\n  prestart: [{ path: /bin/sh, args: [sh, -c, "test ! -e fail"] }]\n  poststart: [{ path: /bin/sh, args: [sh, -c, "test ! -e late"] }]\n`,
    );
    writeFileSync(`${bundle.folder}/late`, "");
    expect(await sameWithout(bundle)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/^box: box\.yaml:5:15: hooks\.poststart\[0\]: /),
    });
    rmSync(`${bundle.folder}/late`);
    for (const _ of [1, 2]) await run(bundle);
    writeFileSync(`${bundle.folder}/fail`, "");
    expect((await sameWithout(bundle)).stderr).toMatch(/^box: box\.yaml:4:14: hooks\.prestart\[0\]: /);
  });

  test("of a hook that has changed what the file comes to", async () => {
    using bundle = await ranTwice(
      `rootfs: rootfs\ncommand: "true"\nmounts: [{ source: ./opt, destination: /tmp, optional: true }]\nhooks:\n  prestart: [{ path: /bin/sh, args: [sh, -c, "test ! -e fail || mkdir opt && test ! -e fail"] }]\n`,
    );
    writeFileSync(`${bundle.folder}/fail`, "");
    expect((await fromKept(bundle)).stderr).toMatch(/^box: box\.yaml:5:14: hooks\.prestart\[0\]: /);
  });

  test("of a hook that has changed the file: and a container that runs is not left alone", async () => {
    const hook = "test ! -e fail || { echo changed > box.yaml; exit 1; }";
    using bundle = await ranTwice(
      `rootfs: rootfs\ncommand: echo one\nhooks:\n  poststart: [{ path: /bin/sh, args: [sh, -c, "${hook}"] }]\n`,
    );
    const before = machine(bundle);
    writeFileSync(`${bundle.folder}/fail`, "");
    const { exitCode, stderr } = await fromKept(bundle);
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/^box: box\.yaml:4:15: hooks\.poststart\[0\]: /)]);
    expect(machine(bundle)).toEqual(before);
  });
});

test("a file that can be read once is read once", async () => {
  using bundle = await ranTwice("rootfs: rootfs\ncommand: echo one\n");
  rmSync(`${bundle.folder}/box.yaml`);
  symlinkSync("/dev/stdin", `${bundle.folder}/box.yaml`);
  for (const word of ["one", "two", "one"])
    expect(await bundle.box(["run", bundle.id], { stdin: `rootfs: rootfs\ncommand: echo ${word}\n` })).toEqual(said(`${word}\n`));
});
