// box validate, and lenient reading wherever a configuration is read: what is said, where, in which order, and that it is nothing
// but said.

import { describe, expect } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dockerConfig, podmanConfig } from "../config/client-configs.ts";
import { asUser, Bundle, binary, execute, linesOf, machine, type Outcome, type RichSpec, testWith } from "./harness.ts";

const test = testWith();

const valid = (name: string): Outcome => ({ exitCode: 0, stdout: `${name} is valid\n`, stderr: "" });
const invalid = (...lines: readonly string[]): Outcome => ({ exitCode: 1, stdout: "", stderr: lines.map((line) => `${line}\n`).join("") });

/** A bundle with this text as its config.json. */
function withText(text: string): Bundle {
  const bundle = new Bundle();
  bundle.writeConfig(text);
  return bundle;
}

describe("a config.json", () => {
  test("that is valid", async () => {
    using bundle = new Bundle();
    const before = machine(bundle);
    expect(await bundle.box(["validate"])).toEqual(valid("config.json"));
    expect(await execute([binary, "validate", "--bundle", bundle.folder], { cwd: "/" })).toEqual(valid("config.json"));
    expect(machine(bundle)).toEqual(before);
  });

  test("whose faults are told at once, each with its line and column", async () => {
    using bundle = withText(`{
  "ociVersion": "1.0.2",
  "root": {"path": "rootfs", "readOnly": true},
  "process": {
    "cwd": "srv", "args": ["a", 5],
    "selinuxLabel": "a\\u0001"
  },
  "hostname": "a",
  "mounts": [
    {"destination": "/a", "source": "/b",
     "options": ["bind", "nosuidd"]}
  ],
  "linux": {
    "namespaces": [{"type": "pid"}, {"type": "pid"}],
    "sysctl": {"kernel.panic": "1"},
    "uidMappings": [{"containerID": 0, "hostID": 0, "size": 1}]
  }
}
`);
    expect(await bundle.box(["validate"])).toEqual(
      invalid(
        'box: config.json:3:30: root.readOnly: unknown key, did you mean "readonly"?',
        'box: config.json:5:12: process.cwd: expected an absolute path, got "srv"',
        "box: config.json:5:33: process.args[1]: expected a string, got 5",
        'box: config.json:6:21: process.selinuxLabel: expected a label of at most 4000 bytes without control characters, got "a\\u0001"',
        "box: config.json:4:14: process.user: missing, expected an object with uid and gid",
        'box: config.json:14:38: linux.namespaces[1].type: "pid" stands already in linux.namespaces[0]',
        "box: config.json:8:3: hostname: needs a uts namespace in linux.namespaces",
        "box: config.json:16:5: linux.uidMappings: needs a user namespace in linux.namespaces",
        'box: config.json:15:16: linux.sysctl["kernel.panic"]: is not of a namespace: it would change the host',
        "box: config.json:14:5: linux.namespaces: has no mount namespace, and box makes no container without",
        'box: config.json:11:26: mounts[0].options[1]: expected an option of a bind mount, got "nosuidd"',
        'hint: did you mean "nosuid"?',
      ),
    );
  });

  test("that is no JSON", async () => {
    using bundle = withText('{\n  "ociVersion": "1.0.2",\n}\n');
    expect(await bundle.box(["validate"])).toEqual(
      invalid("box: config.json:3:1: not JSON: JSON Parse error: Property name must be a string literal"),
    );
  });

  test("with a key as long as a file", async () => {
    const key = `${"a".repeat(400)} ${"b".repeat(400)}`;
    using bundle = withText(`{"ociVersion": "1.0.2", "root": {"path": "r"}, "linux": {"namespaces": [{"type": "mount"}], "${key}": 1}}`);
    const short = `linux["${"a".repeat(175)}…${"b".repeat(98)}"]`;
    expect(await bundle.box(["validate"])).toEqual(invalid(`box: config.json:1:93: ${short}: unknown key`));
  });

  test("that clients write", async () => {
    using bundle = withText(JSON.stringify(podmanConfig()));
    expect(await bundle.box(["validate"])).toEqual(valid("config.json"));
    const docker = dockerConfig() as { process: { apparmorProfile?: string } };
    delete docker.process.apparmorProfile;
    bundle.writeConfig(JSON.stringify(docker));
    expect(await bundle.box(["validate"])).toEqual(valid("config.json"));
  });

  test("of another name", async () => {
    using bundle = withText("{}");
    writeFileSync(`${bundle.folder}/other.json`, JSON.stringify(bundle.spec));
    expect(await bundle.box(["validate", "-f", "other.json"])).toEqual(valid("other.json"));
    bundle.change((spec) => (spec.process.args = ["echo", "from the other"]));
    writeFileSync(`${bundle.folder}/other.json`, readFileSync(`${bundle.folder}/config.json`));
    bundle.writeConfig("{}");
    expect(await bundle.box(["run", "-f", "other.json", bundle.id])).toEqual({ exitCode: 0, stdout: "from the other\n", stderr: "" });
  });

  test("needs no rights and no root folder", async () => {
    using bundle = new Bundle();
    rmSync(bundle.rootfs, { recursive: true });
    expect(await bundle.box(["validate"], { before: asUser })).toEqual(valid("config.json"));
  });
});

testWith("runc")("what runc spec writes", async () => {
  using bundle = new Bundle();
  for (const flags of [[], ["--rootless"]]) {
    rmSync(`${bundle.folder}/config.json`);
    expect((await execute(["runc", "spec", ...flags], { cwd: bundle.folder })).exitCode).toBe(0);
    expect(await bundle.box(["validate"])).toEqual(valid("config.json"));
  }
});

describe("a box.yaml", () => {
  function yamlBundle(text: string): Bundle {
    const bundle = new Bundle();
    rmSync(`${bundle.folder}/config.json`);
    writeFileSync(`${bundle.folder}/box.yaml`, text);
    return bundle;
  }

  test("that is valid", async () => {
    using bundle = yamlBundle("x-mine: 1\nrootfs: rootfs\ncommand: sh\nlimits: { x-of-mine: 2 }\n");
    const before = machine(bundle);
    expect(await bundle.box(["validate"])).toEqual(valid("box.yaml"));
    expect(await bundle.box(["validate", "--file=./box.yaml"])).toEqual(valid("./box.yaml"));
    expect(machine(bundle)).toEqual(before);
  });

  test("whose keys are wrong", async () => {
    using bundle = yamlBundle("rootfs: rootfs\nhostnam: a\nworkdir: srv\n");
    expect(await bundle.box(["validate"])).toEqual(
      invalid(
        'box: box.yaml:2:1: hostnam: unknown key, did you mean "hostname"?',
        'box: box.yaml:3:10: workdir: expected an absolute path, got "srv"',
      ),
    );
  });

  test("that becomes what cannot be", async () => {
    using bundle = yamlBundle(
      "rootfs: rootfs\nmounts:\n  - /a:/proc/x\n  - { type: tmpfs, destination: /b, options: [remount] }\noci: { linux: { personality: { domain: LINUX, flags: [X] } } }\n",
    );
    expect(await bundle.box(["validate"])).toEqual(
      invalid(
        "box: box.yaml:5:54: oci.linux.personality.flags: this version of the runtime spec knows none",
        'box: box.yaml:3:5: mounts[0].destination: "/proc/x" lies inside of /proc, where only cpuinfo, diskstats, loadavg, meminfo, slabinfo, stat, swaps, uptime, sys/kernel/ns_last_pid and sys/crypto/fips_enabled may be covered',
        'box: box.yaml:4:47: mounts[1].options[0]: "remount" goes with a bind mount only',
      ),
    );
  });
});

describe("what it cannot be asked", () => {
  const refused = (title: string, args: readonly string[], ...lines: readonly string[]): void =>
    test(title, async () => {
      using bundle = new Bundle();
      expect(await bundle.box(["validate", ...args])).toEqual(invalid(...lines.map((line) => line.replace("FOLDER", bundle.folder))));
    });
  refused("a word", ["web"], 'box: validate takes no "web"', "hint: box validate [--bundle DIR | --file FILE]");
  refused("a file and a bundle", ["-b", ".", "-f", "a.yaml"], "box: --file: goes without --bundle: the file's own folder is the bundle");
  refused(
    "a bundle without a file",
    ["-b", "rootfs"],
    "box: bundle: cannot read FOLDER/rootfs/config.json: ENOENT (no such file or directory)",
  );
  test("two files", async () => {
    using bundle = new Bundle();
    writeFileSync(`${bundle.folder}/box.yaml`, "rootfs: host\n");
    expect(await bundle.box(["validate"])).toEqual(
      invalid(`box: bundle: ${bundle.folder} holds both config.json and box.yaml`, "hint: keep the one that is meant"),
    );
  });
});

describe("leniently", () => {
  const vendor = (spec: RichSpec): void => {
    spec.process.args = ["echo", "runs"];
    Object.assign(spec, { vendor: { deep: 1 } });
    Object.assign(spec.process, { cwdd: "/" });
  };
  const place = (bundle: Bundle, key: string): string => {
    const at = readFileSync(`${bundle.folder}/config.json`, "utf8").indexOf(`"${key}"`);
    return `config.json:1:${at + 1}`;
  };
  const warnings = (bundle: Bundle): string =>
    `box: warning: ${place(bundle, "cwdd")}: process.cwdd: unknown key, did you mean "cwd"?\nbox: warning: ${place(bundle, "vendor")}: vendor: unknown key\n`;
  const faults = (bundle: Bundle): string => warnings(bundle).replaceAll("warning: ", "");
  const byEnvironment = { env: { BOX_LENIENT: "1" } };

  for (const [way, flags, options] of [
    ["by flag", ["--lenient"], {}],
    ["by environment", [], byEnvironment],
  ] as const) {
    test(`validate warns, ${way}`, async () => {
      using bundle = new Bundle(vendor);
      expect(await bundle.box(["validate"])).toEqual({ exitCode: 1, stdout: "", stderr: faults(bundle) });
      expect(await bundle.box(["validate", ...flags], options)).toEqual({ ...valid("config.json"), stderr: warnings(bundle) });
    });
    test(`validate refuses everything else, ${way}`, async () => {
      using bundle = new Bundle((spec) => {
        vendor(spec);
        spec.process.cwd = "srv";
      });
      const line = `box: ${place(bundle, "srv")}: process.cwd: expected an absolute path, got "srv"\n`;
      expect(await bundle.box(["validate", ...flags], options)).toEqual({ exitCode: 1, stdout: "", stderr: warnings(bundle) + line });
      expect(await bundle.box(["run", ...flags, bundle.id], options)).toEqual({ exitCode: 125, stdout: "", stderr: line });
    });
    test(`run and plan warn, and do the rest, ${way}`, async () => {
      using bundle = new Bundle(vendor);
      const before = machine(bundle);
      expect(await bundle.box(["run", bundle.id])).toEqual({ exitCode: 125, stdout: "", stderr: faults(bundle) });
      expect(await bundle.box(["run", ...flags, bundle.id], options)).toEqual({ exitCode: 0, stdout: "runs\n", stderr: warnings(bundle) });
      const { exitCode, stdout, stderr } = await bundle.box(["plan", ...flags, "-b", bundle.folder], options);
      expect([exitCode, stderr]).toEqual([0, warnings(bundle)]);
      expect(stdout).toContain('execve(the program\'s name, ["echo", "runs"]');
      expect(machine(bundle)).toEqual(before);
    });
    test(`create warns, and what comes later reads nothing of it, ${way}`, async () => {
      using bundle = new Bundle((spec) => {
        vendor(spec);
        spec.process.args = ["sleep", "1000"];
      });
      expect(await bundle.box(["create", ...flags, bundle.id], options)).toEqual({ exitCode: 0, stdout: "", stderr: warnings(bundle) });
      const kept = JSON.parse(readFileSync(`${bundle.states}/${bundle.id}/config.json`, "utf8"));
      expect([kept.vendor, kept.process.cwdd, kept.process.args]).toEqual([undefined, undefined, ["sleep", "1000"]]);
      expect(await bundle.box(["start", bundle.id])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
      const process = `${bundle.folder}/process.json`;
      writeFileSync(process, JSON.stringify({ args: ["/bin/echo", "inside"], cwd: "/", vendor: 1 }));
      const exec = ["exec", ...flags, "-p", process, bundle.id];
      expect(await bundle.box(exec, options)).toEqual({
        exitCode: 0,
        stdout: "inside\n",
        stderr: `box: warning: ${process}:1:42: vendor: unknown key\n`,
      });
      expect(await bundle.box(["exec", "-p", process, bundle.id])).toEqual({
        exitCode: 125,
        stdout: "",
        stderr: `box: ${process}:1:42: vendor: unknown key\n`,
      });
      expect(await bundle.box(["delete", "--force", bundle.id])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    });
  }

  test("in the log as well, as one record", async () => {
    using bundle = new Bundle(vendor);
    const log = `${bundle.folder}/log`;
    const { exitCode } = await bundle.box(["--log", log, "--log-format", "json", "run", bundle.id], byEnvironment);
    const { level, msg } = JSON.parse(readFileSync(log, "utf8"));
    expect([exitCode, level, msg]).toEqual([0, "warning", linesOf(warnings(bundle)).join("; ").replaceAll("box: warning: ", "")]);
  });

  test("box.yaml, and what it says as config.json does", async () => {
    using bundle = new Bundle();
    rmSync(`${bundle.folder}/config.json`);
    const text = "rootfs: rootfs\ncommand: echo runs\nhostnam: a\noci:\n  process: { cwdd: / }\n";
    writeFileSync(`${bundle.folder}/box.yaml`, text);
    const told = [
      'box.yaml:3:1: hostnam: unknown key, did you mean "hostname"?',
      'box.yaml:5:20: oci.process.cwdd: unknown key, did you mean "cwd"?',
    ];
    const stderr = told.map((line) => `box: warning: ${line}\n`).join("");
    expect(await bundle.box(["validate", "--lenient"])).toEqual({ ...valid("box.yaml"), stderr });
    expect(await bundle.box(["run", bundle.id], byEnvironment)).toEqual({ exitCode: 0, stdout: "runs\n", stderr });
    expect(await bundle.box(["run", bundle.id])).toEqual({ exitCode: 125, stdout: "", stderr: `box: ${told[0]}\n` });
    const expanded = await bundle.box(["spec", "--lenient", "--from", "box.yaml"]);
    expect([expanded.exitCode, expanded.stderr]).toEqual([0, stderr]);
    mkdirSync(`${bundle.folder}/json`);
    writeFileSync(`${bundle.folder}/json/config.json`, expanded.stdout);
    expect(await bundle.box(["validate", "-b", "json"])).toEqual(valid("config.json"));
  });

  test("a container in the background is warned of once", async () => {
    using bundle = new Bundle(vendor);
    const run = ["run", "-d", "--rm", "--log-driver", "local", "--lenient", bundle.id];
    expect(await bundle.box(run)).toEqual({ exitCode: 0, stdout: "", stderr: warnings(bundle) });
    await bundle.box(["wait", bundle.id]);
    await bundle.box(["delete", "--force", bundle.id]);
  });

  test("nothing that a strict start would refuse is kept for it", async () => {
    using bundle = new Bundle(vendor);
    for (const _ of [1, 2, 3]) expect((await bundle.box(["run", "--lenient", bundle.id])).exitCode).toBe(0);
    expect(keptIn(bundle)).toEqual([]);
    expect(await bundle.box(["run", bundle.id])).toEqual({ exitCode: 125, stdout: "", stderr: faults(bundle) });
  });

  test("what it need not leave anything out of is kept as ever, and serves both", async () => {
    using bundle = new Bundle((spec) => (spec.process.args = ["echo", "runs"]));
    const runs: Outcome = { exitCode: 0, stdout: "runs\n", stderr: "" };
    for (const flags of [["--lenient"], []]) expect(await bundle.box(["run", ...flags, bundle.id])).toEqual(runs);
    const [file] = keptIn(bundle);
    const written = statSync(file as string).ctimeMs;
    expect(statSync(file as string).size).toBeGreaterThan(10_000);
    expect(await bundle.box(["run", "--lenient", bundle.id])).toEqual(runs);
    expect(await bundle.box(["run", bundle.id], byEnvironment)).toEqual(runs);
    expect(statSync(file as string).ctimeMs).toBe(written);
  });
});

const keptIn = (bundle: Bundle): string[] => {
  const folder = `${bundle.states}/.kept`;
  try {
    return readdirSync(folder).map((name) => `${folder}/${name}`);
  } catch {
    return [];
  }
};
