// Plugins that the host names in /etc/box/config.yaml, and those that it lets an annotation name. Each box runs in a mount
// namespace of its own with another /etc, so that the machine's is never touched.

import { expect } from "bun:test";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { Bundle, linesOf, machine, type Outcome, testWith } from "./harness.ts";

const test = testWith();

/** An /etc/box of its own for boxes of a bundle: a folder of the test, seen there. */
class HostConfig {
  readonly folder: string;
  readonly #bundle: Bundle;

  constructor(bundle: Bundle, config: string) {
    this.#bundle = bundle;
    this.folder = `${bundle.folder}/etc-box`;
    mkdirSync(this.folder);
    mkdirSync(`${bundle.folder}/etc`);
    this.write("config.yaml", config);
  }

  write(name: string, text: string): void {
    writeFileSync(`${this.folder}/${name}`, text);
  }

  /** A plugin whose apply has this body; `log` appends to the bundle's file of that name. */
  plugin(name: string, body: string, more = ""): void {
    const log = `const log = (line: string): void => require("node:fs").appendFileSync(${JSON.stringify(`${this.#bundle.folder}/log`)}, line + "\\n");`;
    this.write(name, `${log}\nexport default { name: "own", ${more} apply(hooks: any, options: any) {\n${body}\n} };\n`);
  }

  async box(...args: string[]): Promise<Outcome> {
    const { folder } = this.#bundle;
    const layers = `mount -t tmpfs own ${folder}/etc && mkdir ${folder}/etc/upper ${folder}/etc/work`;
    const etc = `mount -t overlay -o lowerdir=/etc,upperdir=${folder}/etc/upper,workdir=${folder}/etc/work own /etc`;
    const script = `${layers} && ${etc} && mkdir -p /etc/box && mount --bind ${this.folder} /etc/box && exec "$@"`;
    return await this.#bundle.box(args, { before: ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"] });
  }

  async run(...args: string[]): Promise<Outcome> {
    this.#bundle.change((spec) => (spec.process.args = args));
    return await this.box("run", this.#bundle.id);
  }

  get log(): string[] {
    return existsSync(`${this.#bundle.folder}/log`) ? linesOf(readFileSync(`${this.#bundle.folder}/log`, "utf8")) : [];
  }
}

const addsVariable = 'hooks.config.tap("own", (spec: any) => void spec.process.env.push("HOST=" + (options.say ?? "yes")));';
const sayOption = 'options: { type: "object", properties: { say: { type: "string", byAnnotation: true } } },';

test("are every container's, whoever starts it and however often", async () => {
  using bundle = new Bundle();
  const host = new HostConfig(bundle, "# for all\nplugins:\n  - own.ts: { say: hello }\n");
  host.plugin("own.ts", addsVariable, sayOption);
  const before = machine(bundle);
  // A program that was kept without them does not run with them.
  for (let times = 0; times < 3; times++) expect((await bundle.run(["sh", "-c", "echo $HOST"])).stdout).toBe("\n");
  for (let times = 0; times < 3; times++)
    expect(await host.run("sh", "-c", "echo $HOST")).toEqual({ exitCode: 0, stdout: "hello\n", stderr: "" });
  expect((await bundle.run(["sh", "-c", "echo $HOST"])).stdout).toBe("\n");
  expect((await host.box("plan", bundle.id)).stdout).toStartWith("note: hook config: /etc/box/config.yaml: plugins[0] own.ts\n");
  expect((await host.box("run", "--", "sh", "-c", "echo $HOST")).stdout).toBe("hello\n");
  expect(machine(bundle)).toEqual(before);
});

test("come before the container's own", async () => {
  using bundle = new Bundle();
  const host = new HostConfig(bundle, "plugins: [own.ts]");
  host.plugin("own.ts", 'hooks.config.tap("own", () => log("host"));');
  host.plugin("other.ts", 'hooks.config.tap("own", () => log("flag"));');
  expect((await host.box("run", "--plugin", `${host.folder}/other.ts`, bundle.id)).exitCode).toBe(0);
  expect(host.log).toEqual(["host", "flag"]);
});

test("see create, start and delete", async () => {
  using bundle = new Bundle();
  const host = new HostConfig(bundle, "plugins: [own.ts]");
  host.plugin(
    "own.ts",
    'for (const hook of ["prestart", "poststart", "poststop"]) hooks[hook].tap("own", ({ id, status }: any) => log(hook + " " + status));',
  );
  for (const args of [["create"], ["start"], ["delete", "--force"]]) expect((await host.box(...args, bundle.id)).stderr).toBe("");
  expect(host.log).toEqual(["prestart created", "poststart running", "poststop stopped"]);
});

test("change and refuse what exec runs, also in containers that are older than they", async () => {
  using bundle = new Bundle((spec) => (spec.process.args = ["sleep", "100"]));
  const host = new HostConfig(bundle, "plugins: [own.ts]");
  host.plugin(
    "own.ts",
    `log("applied");
     hooks.onExec.tap("own", (process: any, { id, status, pid }: any) => {
       if (process.args.includes("sh")) throw new Error("no shells");
       return { ...process, env: [...process.env, "ON_EXEC=" + id + " " + status + " " + (pid > 1)] };
     });`,
  );
  expect((await bundle.box(["run", "--detach", bundle.id])).stderr).toBe("");
  const said = { exitCode: 0, stdout: `ON_EXEC=${bundle.id} running true\n`, stderr: "" };
  const environment = async (): Promise<Outcome> => {
    const { stdout, ...rest } = await host.box("exec", bundle.id, "env");
    return {
      ...rest,
      stdout: `${linesOf(stdout)
        .filter((line) => line.startsWith("ON_EXEC"))
        .join("\n")}\n`,
    };
  };
  expect(await environment()).toEqual(said);
  const { exitCode, stderr } = await host.box("exec", bundle.id, "sh");
  expect([exitCode, stderr.replace(/\d+ ms/, "… ms")]).toEqual([
    125,
    "box: /etc/box/config.yaml: plugins[0] own.ts: onExec: no shells (after … ms)\n",
  ]);
  expect((await bundle.box(["exec", bundle.id, "env"])).stdout).not.toContain("ON_EXEC");
  await bundle.box(["delete", "--force", bundle.id]);
  // One that had them from the beginning is asked once.
  expect((await host.box("run", "--detach", bundle.id)).stderr).toBe("");
  const before = host.log.length;
  expect(await environment()).toEqual(said);
  expect(host.log.length - before).toBe(1);
});

test("onExec sees a process that comes through a pipe, whole", async () => {
  using bundle = new Bundle((spec) => (spec.process.args = ["sleep", "100"]));
  const tap = 'hooks.onExec.tap("own", (process: any) => ({ ...process, args: [...process.args, "tapped"] }));';
  writeFileSync(`${bundle.folder}/own.ts`, `export default { name: "own", apply(hooks: any) { ${tap} } };`);
  expect((await bundle.box(["run", "--detach", "--plugin", "./own.ts", bundle.id])).stderr).toBe("");
  const stdin = JSON.stringify({ args: ["echo", "piped"], cwd: "/", env: ["PATH=/bin"] });
  for (let times = 0; times < 3; times++)
    expect(await bundle.box(["exec", "--process", "/dev/stdin", bundle.id], { stdin })).toEqual({
      exitCode: 0,
      stdout: "piped tapped\n",
      stderr: "",
    });
});

test("what onExec makes of a process is checked", async () => {
  using bundle = new Bundle((spec) => (spec.process.args = ["sleep", "100"]));
  writeFileSync(
    `${bundle.folder}/own.ts`,
    `export default { name: "own", apply(hooks: any) { hooks.onExec.tap("own", (process: any) => {
       if (process.args[0] === "a") process.cwd = "srv"; else process.selinuxLabel = "a:\\nb";
     }); } };`,
  );
  expect((await bundle.box(["run", "--detach", "--plugin", "./own.ts", bundle.id])).stderr).toBe("");
  expect(await bundle.box(["exec", bundle.id, "a"])).toEqual({
    exitCode: 125,
    stdout: "",
    stderr: 'box: --plugin ./own.ts: onExec: cwd: expected an absolute path, got "srv"\n',
  });
  expect(await bundle.box(["exec", bundle.id, "b"])).toEqual({
    exitCode: 125,
    stdout: "",
    stderr:
      'box: --plugin ./own.ts: onExec: selinuxLabel: expected a label of at most 4000 bytes without control characters, got "a:\\nb"\n',
  });
});

const refused: readonly [title: string, config: string, change: (host: HostConfig) => void, message: string][] = [
  [
    "anyone may write",
    "plugins: [own.ts]",
    ({ folder }) => chmodSync(`${folder}/config.yaml`, 0o666),
    "box: the host's plugins: others than root may change /etc/box/config.yaml\nhint: chmod go-w /etc/box/config.yaml\n",
  ],
  [
    "a group may write",
    "plugins: [own.ts]",
    ({ folder }) => chmodSync(`${folder}/config.yaml`, 0o664),
    "box: the host's plugins: others than root may change /etc/box/config.yaml\nhint: chmod go-w /etc/box/config.yaml\n",
  ],
  [
    "another user owns",
    "plugins: [own.ts]",
    ({ folder }) => chownSync(`${folder}/config.yaml`, 65534, 65534),
    "box: the host's plugins: /etc/box/config.yaml belongs to another user than root\nhint: chown root /etc/box/config.yaml\n",
  ],
  [
    "lies in a folder that others may write",
    "plugins: [own.ts]",
    ({ folder }) => chmodSync(folder, 0o777),
    "box: the host's plugins: others than root may change the folder /etc/box\nhint: chmod go-w /etc/box\n",
  ],
  [
    "names a file that others may write",
    "plugins: [own.ts]",
    ({ folder }) => chmodSync(`${folder}/own.ts`, 0o664),
    "box: /etc/box/config.yaml: plugins[0] own.ts: others than root may change /etc/box/own.ts\nhint: chmod go-w /etc/box/own.ts\n",
  ],
  [
    "names a file that imports one that others may write",
    "plugins: [own.ts]",
    (host) => {
      host.write("deep.ts", "export const deep = 1;");
      host.write("parts.ts", 'export { deep } from "./deep.ts";');
      host.write("own.ts", 'import { deep } from "./parts.js";\nexport default { name: "own", apply() { deep.toFixed(); } };');
      chmodSync(`${host.folder}/deep.ts`, 0o664);
    },
    "box: /etc/box/config.yaml: plugins[0] own.ts: others than root may change /etc/box/deep.ts\nhint: chmod go-w /etc/box/deep.ts\n",
  ],
  [
    "names a file that imports one of another user",
    "plugins: [own.ts]",
    (host) => {
      host.write("parts.json", "{}");
      host.write("own.ts", 'import parts from "./parts.json";\nexport default { name: "own", apply() { parts.valueOf(); } };');
      chownSync(`${host.folder}/parts.json`, 65534, 0);
    },
    "box: /etc/box/config.yaml: plugins[0] own.ts: /etc/box/parts.json belongs to another user than root\nhint: chown root /etc/box/parts.json\n",
  ],
  [
    "names a folder whose package.json others may write",
    "plugins: [/etc/box/own]",
    ({ folder }) => {
      mkdirSync(`${folder}/own`);
      writeFileSync(`${folder}/own/package.json`, '{ "main": "../own.ts" }');
      chmodSync(`${folder}/own/package.json`, 0o664);
    },
    "box: /etc/box/config.yaml: plugins[0] /etc/box/own: others than root may change /etc/box/own/package.json\nhint: chmod go-w /etc/box/own/package.json\n",
  ],
  [
    "has a key twice",
    "plugins: [own.ts]\nallow: []\nplugins: []",
    () => undefined,
    "box: /etc/box/config.yaml:3:1: plugins: stands here a second time\n",
  ],
  [
    "gives an option twice",
    "plugins:\n  - own.ts: { say: a, say: 'b:c' }",
    () => undefined,
    'box: /etc/box/config.yaml:2:23: plugins[0]["own.ts"].say: stands here a second time\n',
  ],
  [
    "has a key twice, as a question",
    "? plugins\n? allow\n? plugins",
    () => undefined,
    "box: /etc/box/config.yaml:3:3: plugins: stands here a second time\n",
  ],
  [
    "names no plugin",
    "plugins: [notfy]",
    () => undefined,
    'box: /etc/box/config.yaml: plugins[0] notfy: there is no built-in plugin of this name\nhint: did you mean "notify"?\n',
  ],
  [
    "misspells a key",
    "plugins: [own.ts]\nalow: []",
    () => undefined,
    'box: /etc/box/config.yaml:2:1: alow: unknown key, did you mean "allow"?\n',
  ],
  [
    "gives wrong options",
    "plugins:\n  - own.ts: { sy: 5, say: 5 }",
    () => undefined,
    "box: /etc/box/config.yaml:2:19: plugins[0] own.ts: sy: unknown option\nbox: /etc/box/config.yaml:2:27: plugins[0] own.ts: say: expected a string, got 5\n",
  ],
];

for (const [title, config, change, message] of refused)
  test(`a file that ${title} is refused, and nothing is made`, async () => {
    using bundle = new Bundle();
    const host = new HostConfig(bundle, config);
    host.plugin("own.ts", "", sayOption);
    change(host);
    const before = machine(bundle);
    expect(await host.run("true")).toEqual({ exitCode: 125, stdout: "", stderr: message });
    expect(machine(bundle)).toEqual(before);
  });

test("an annotation names what the host allows, and no more", async () => {
  using bundle = new Bundle();
  const host = new HostConfig(bundle, "allow:\n  - own.ts\n  - fixed.ts: { say: fixed }\n");
  host.plugin("own.ts", addsVariable, sayOption);
  host.plugin(
    "fixed.ts",
    addsVariable,
    'options: { type: "object", properties: { say: { type: "string", byAnnotation: true }, other: { type: "integer", byAnnotation: true } } },',
  );
  const see = async (annotation: string): Promise<string> => {
    bundle.change((spec) => (spec.annotations = { "box.plugins": annotation }));
    const { exitCode, stdout, stderr } = await host.run("sh", "-c", "echo $HOST");
    return exitCode === 0 ? stdout : stderr;
  };
  expect(await see("own")).toBe("yes\n");
  expect(await see('[{ "own": { "say": "asked" } }]')).toBe("asked\n");
  expect(await see('[{ "fixed": { "say": "asked" } }]')).toBe("fixed\n");
  expect(await see("own, fixed")).toBe("fixed\n");
  expect(await see('[{ "fixed": { "other": "x" } }]')).toBe('box: annotations["box.plugins"] fixed: other: expected an integer, got "x"\n');
  for (const [value, got] of [
    ["5", "5"],
    ["[1]", "an array"],
  ] as const)
    expect(await see(`[{ "fixed": ${value} }]`)).toBe(`box: annotations["box.plugins"] fixed: expected a map, got ${got}\n`);
  const hint = 'hint: "allow" in /etc/box/config.yaml says which may be named\n';
  const no = (name: string): string =>
    `box: annotations["box.plugins"]: this host lets no annotation name the plugin ${JSON.stringify(name)}\n${hint}`;
  expect(await see("notify")).toBe(no("notify"));
  writeFileSync(`${bundle.folder}/mine.ts`, "export default {}");
  expect(await see("./mine.ts")).toBe(no("./mine.ts"));
  expect(await see("[5]")).toBe(
    'box: annotations["box.plugins"]: expected names with commas between them, or a list as JSON: ["NAME", {"NAME": {"OPTION": 1}}]\n',
  );
  // Where the host says nothing, neither may an annotation.
  bundle.change((spec) => (spec.annotations = { "box.plugins": "notify" }));
  expect(await bundle.box(["run", bundle.id])).toEqual({ exitCode: 125, stdout: "", stderr: no("notify") });
});

test("an annotation gives only options that the plugin has marked as harmless", async () => {
  using bundle = new Bundle();
  const host = new HostConfig(bundle, `allow:\n  - notify: { file: ${bundle.folder}/events }\n`);
  const run = async (options: unknown): Promise<Outcome> => {
    bundle.change((spec) => (spec.annotations = { "box.plugins": JSON.stringify([{ notify: options }]) }));
    return await host.run("true");
  };
  expect(await run({ command: ["touch", `${bundle.folder}/mine`], events: ["start"] })).toEqual({
    exitCode: 125,
    stdout: "",
    stderr:
      'box: annotations["box.plugins"] notify: command: no annotation may give this option\n' +
      "hint: the host can give it, where it allows the plugin\n",
  });
  expect(existsSync(`${bundle.folder}/mine`)).toBe(false);
  expect(await run({ events: ["start"], file: "/elsewhere" })).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  expect(linesOf(readFileSync(`${bundle.folder}/events`, "utf8"))).toHaveLength(1);
});

test("exec asks a plugin of the host's that an annotation named with options of its own", async () => {
  using bundle = new Bundle((spec) => {
    spec.process.args = ["sleep", "100"];
    spec.annotations = { "box.plugins": '[{ "own.ts": { "say": "annotation" } }]' };
  });
  const host = new HostConfig(bundle, "allow: [own.ts]");
  host.plugin("own.ts", 'hooks.onExec.tap("own", () => log(options.say));', sayOption);
  expect((await host.box("run", "--detach", bundle.id)).stderr).toBe("");
  host.write("config.yaml", "plugins:\n  - own.ts: { say: host }\nallow: [own.ts]\n");
  expect((await host.box("exec", bundle.id, "true")).stderr).toBe("");
  expect(host.log).toEqual(["host", "annotation"]);
});

test("notify tells of starts, execs and ends, and no secrets", async () => {
  using bundle = new Bundle((spec) => (spec.process.args = ["sleep", "100"]));
  const host = new HostConfig(bundle, `plugins:\n  - notify: { file: ${bundle.folder}/events }\n`);
  for (const args of [
    ["run", "--detach", bundle.id],
    ["exec", "--env", "SECRET=x", bundle.id, "true"],
    ["delete", "--force", bundle.id],
  ])
    expect((await host.box(...args)).stderr).toBe("");
  const text = readFileSync(`${bundle.folder}/events`, "utf8");
  expect(text).not.toContain("SECRET");
  expect(linesOf(text).map((line) => JSON.parse(line))).toEqual([
    { time: expect.any(String), event: "start", id: bundle.id, pid: expect.any(Number), bundle: bundle.folder },
    { time: expect.any(String), event: "exec", id: bundle.id, pid: expect.any(Number), bundle: bundle.folder, args: ["true"], uid: 0 },
    { time: expect.any(String), event: "stop", id: bundle.id, pid: expect.any(Number), bundle: bundle.folder, exitCode: null },
  ]);
});

test("notify runs a program, whose failure refuses an exec and warns elsewhere", async () => {
  using bundle = new Bundle((spec) => (spec.process.args = ["sleep", "100"]));
  const flag = `notify:${JSON.stringify({ command: ["sh", "-c", `cat >> ${bundle.folder}/events; echo full >&2; exit 3`], events: ["start", "exec"] })}`;
  const started = await bundle.box(["run", "--detach", "--plugin", flag, bundle.id]);
  const words = (hook: string): RegExp => new RegExp(`--plugin notify: ${hook}: sh ended with 3: full \\(after \\d+ ms\\)\\n$`);
  expect([started.exitCode, started.stderr]).toEqual([0, expect.stringMatching(words("poststart"))]);
  const execed = await bundle.box(["exec", bundle.id, "true"]);
  expect([execed.exitCode, execed.stderr]).toEqual([125, expect.stringMatching(words("onExec"))]);
  expect(linesOf(readFileSync(`${bundle.folder}/events`, "utf8")).map((line) => (JSON.parse(line) as { event: string }).event)).toEqual([
    "start",
    "exec",
  ]);
});

test("hooks-d adds what its folders say, and box runs it", async () => {
  using bundle = new Bundle();
  mkdirSync(`${bundle.folder}/hooks.d`);
  const definition = {
    version: "1.0.0",
    hook: { path: "/bin/sh", args: ["sh", "-c", `echo from the hook > ${bundle.folder}/log`] },
    when: { always: true },
    stages: ["poststop"],
  };
  writeFileSync(`${bundle.folder}/hooks.d/01.json`, JSON.stringify(definition));
  const host = new HostConfig(bundle, `plugins:\n  - hooks-d: { folders: [${bundle.folder}/hooks.d] }\n`);
  expect((await host.run("true")).stderr).toBe("");
  expect(host.log).toEqual(["from the hook"]);
});

test("a file of comments alone names none, also to box plugin list", async () => {
  using bundle = new Bundle();
  const host = new HostConfig(bundle, "# none yet\n");
  expect((await host.run("true")).stderr).toBe("");
  const { exitCode, stderr } = await host.box("plugin", "list");
  expect([exitCode, stderr]).toEqual([0, ""]);
});

test("box plugin list shows them, and what is wrong with them", async () => {
  using bundle = new Bundle();
  const host = new HostConfig(bundle, "plugins: [own.ts]\nallow: [gone.ts]");
  host.plugin(
    "own.ts",
    'hooks.config.tap("own", () => undefined); hooks.poststop.tap("own", () => undefined);',
    'description: "does this",',
  );
  const { exitCode, stdout, stderr } = await host.box("plugin", "list");
  expect([exitCode, stderr]).toEqual([1, ""]);
  const rows = linesOf(stdout).map((line) => line.split(/ {3,}/));
  expect(rows).toContainEqual(["own", "every container", "config,poststop", "does this"]);
  expect(rows).toContainEqual([
    "gone.ts",
    "annotation",
    "box: /etc/box/config.yaml: allow[0] gone.ts: cannot read /etc/box/gone.ts: ENOENT (no such file or directory)",
  ]);
});
