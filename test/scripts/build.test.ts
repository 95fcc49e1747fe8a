// The executable that the build makes: the file's layout, what is in it, what it reads when it starts. Those tests look
// at what `npm run build` made before; one builds for another machine itself.

import { beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import packageFile from "../../package.json" with { type: "json" };
import { HUGE_PAGE_BYTES, readSegments } from "../../scripts/align-elf.ts";
import { build, bundleOptions, readCommit, targets, tryOut } from "../../scripts/build.ts";
import { FetchError, fetchBun } from "../../scripts/fetch-bun.ts";
import { replaceFile } from "../../scripts/replace-file.ts";
import { ociVersion } from "../../src/config/default-spec.ts";
import { buildStage } from "../../src/stage/build-stage.ts";

const root = resolve(import.meta.dir, "../..");
const binary = resolve(process.env.BOX_BINARY ?? join(root, "dist/box"));
const here = process.arch === "arm64" ? "arm64" : "x64";
const other = here === "x64" ? "arm64" : "x64";
const otherTarget = `linux-${other}` as const;

class TempFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "box-test-"));
  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

function run(argv: readonly string[], { cwd = root, env = {} }: { cwd?: string; env?: Readonly<Record<string, string>> } = {}) {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...argv], { cwd, env: { ...process.env, ...env }, timeout: 60_000 });
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

/** `test`, or a skip that says what the machine lacks. */
function testWith(lack: string | false): typeof test {
  if (lack === false) return test;
  const skip = (title: string): void => {
    console.warn(`SKIPPED: ${title}: this machine lacks ${lack}`);
    test.skip(title, () => {});
  };
  return skip as unknown as typeof test;
}
const lackOf = (program: string, debianPackage: string): string | false =>
  Bun.which(program) === null && `${program} (Debian package ${debianPackage})`;

/** How far each loaded segment that is large enough is from where a huge page could map it. */
const misalignment = (elf: Uint8Array): number[] =>
  readSegments(elf)
    .filter(({ fileBytes }) => fileBytes >= HUGE_PAGE_BYTES)
    .map(({ offset, address }) => (address - offset) % HUGE_PAGE_BYTES);

const holds = (file: Uint8Array, text: string): boolean => Buffer.from(file.buffer, file.byteOffset, file.length).includes(text);

describe("the executable", () => {
  test("prints versions in runc's shape", () => {
    const { exitCode, stdout, stderr } = run([binary, "--version"]);
    expect({ exitCode, stderr, lines: stdout.split("\n") }).toEqual({
      exitCode: 0,
      stderr: "",
      lines: [
        `box version ${packageFile.version}`,
        expect.stringMatching(/^commit: ([0-9a-f]{40}(-dirty)?|unknown)$/),
        `spec: ${ociVersion}`,
        `bun: ${packageFile.devDependencies.bun}`,
        expect.stringMatching(new RegExp(`^target: linux-${here}(-musl)?$`)),
        "",
      ],
    });
  });

  test("has segments that huge pages can map", () => {
    expect(misalignment(readFileSync(binary))).toEqual([0, 0, 0]);
  });

  test("runs as a copy", () => {
    using folder = new TempFolder();
    const copy = join(folder.path, "copy");
    copyFileSync(binary, copy);
    expect(run([copy, "--help"])).toEqual(run([binary, "--help"]));
    expect(run([copy, "--help"])).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("box") });
  });

  test("holds this machine's stage alone", () => {
    const file = readFileSync(binary);
    expect([here, other].map((machine) => holds(file, buildStage(machine as "x64" | "arm64").elf.toBase64()))).toEqual([true, false]);
  });

  // What JavaScriptCore says of itself when asked; of a build without these options it says no such line.
  test("starts with bytecode and with the compiler put off", () => {
    const { stderr } = run([binary, "features"], { env: { BUN_JSC_verboseDiskCache: "1", BUN_JSC_verboseOSR: "1" } });
    expect(stderr).toContain("[Disk Cache] Cache hit for sourceCode\n");
    expect(stderr).toContain("Startup JIT deferral scale set to 100\n");
  });
});

describe("files of a stranger's folder", () => {
  const files: Readonly<Record<string, string>> = {
    ".env": "BUN_OPTIONS=--preload=./stranger.ts\n",
    ".env.production": "BUN_OPTIONS=--preload=./stranger.ts\n",
    "bunfig.toml": 'preload = ["./stranger.ts"]\n',
    ".bunfig.toml": 'preload = ["./stranger.ts"]\n',
    "tsconfig.json": '{ "compilerOptions": { "paths": { "*": ["./stranger.ts"] } } }\n',
    "package.json": '{ "name": "stranger", "imports": { "#*": "./stranger.ts" } }\n',
    "stranger.ts": 'await Bun.write("ran", "");\nconsole.log("stranger");\n',
  };

  function fill(folder: string): void {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  }

  test("do nothing", () => {
    using folder = new TempFolder();
    fill(folder.path);
    expect(run([binary, "--version"], { cwd: folder.path, env: { HOME: folder.path } })).toEqual(run([binary, "--version"]));
    expect(existsSync(join(folder.path, "ran"))).toBe(false);
  });

  testWith(lackOf("strace", "strace"))("are not even opened", () => {
    using folder = new TempFolder();
    using log = new TempFolder();
    fill(folder.path);
    const trace = join(log.path, "trace");
    run(["strace", "-f", "-e", "trace=%file", "-o", trace, binary, "--version"], { cwd: folder.path, env: { HOME: folder.path } });
    const calls = readFileSync(trace, "utf8").split("\n");
    expect(calls.filter((call) => call.includes(`execve("${binary}"`))).toHaveLength(1);
    expect(calls.filter((call) => Object.keys(files).some((name) => call.includes(`${name}"`)))).toEqual([]);
  });
});

describe("chunks", () => {
  type Chunk = { readonly inputs: readonly string[]; readonly imports: readonly string[] };
  let chunks: ReadonlyMap<string, Chunk>;
  let commandFiles: readonly string[];

  beforeAll(async () => {
    const { metafile } = await Bun.build({ ...bundleOptions(`linux-${here}`), bytecode: false, metafile: true, root });
    if (metafile === undefined) throw new Error("the build tells nothing of its chunks");
    chunks = new Map(
      Object.entries(metafile.outputs).map(([name, { inputs, imports }]) => [
        name,
        { inputs: Object.keys(inputs), imports: imports.filter(({ kind }) => kind === "import-statement").map(({ path }) => path) },
      ]),
    );
    const table = readFileSync(join(root, "src/cli/commands.ts"), "utf8");
    commandFiles = [...table.matchAll(/import\("\.\/([^"]+)"\)/g)].map(([, name]) => `src/cli/${name}`);
  });

  /** The files whose code is loaded when those of `sources` run: their chunks, and what those import at once. */
  const loadedWith = (...sources: readonly string[]): string[] =>
    [...chunksOf(...sources)].flatMap((name) => chunks.get(name)?.inputs ?? []).sort();

  function chunksOf(...sources: readonly string[]): Set<string> {
    const loaded = new Set([...chunks].filter(([, { inputs }]) => inputs.some((path) => sources.includes(path))).map(([name]) => name));
    for (const name of loaded) for (const next of chunks.get(name)?.imports ?? []) if (chunks.has(next)) loaded.add(next);
    return loaded;
  }

  test("of a command are loaded by that command only", () => {
    expect(commandFiles).toContain("src/cli/run.ts");
    const loaded = loadedWith("src/main.ts");
    expect(loaded).toContain("src/cli/commands.ts");
    expect(loaded.filter((path) => commandFiles.includes(path))).toEqual([]);
    const shared = [...chunks.values()].map(({ inputs }) => inputs.filter((path) => commandFiles.includes(path)));
    expect(shared.filter((commands) => commands.length > 1)).toEqual([]);
  });

  test("are few, so that a command is loaded quickly", () => {
    const count = (command: string): number => chunksOf("src/main.ts", `src/cli/${command}.ts`).size;
    const counts = Object.fromEntries(
      ["state", "kill", "start", "delete", "list", "run", "create", "exec"].map((one) => [one, count(one)]),
    );
    for (const [command, most] of Object.entries({ state: 6, kill: 6, start: 7, delete: 8, list: 7, run: 7, create: 11, exec: 9 }))
      expect(counts[command]).toBeWithin(2, most + 1);
  });

  test("of a start hold no plan of a container, and those of any other command neither", () => {
    for (const command of ["run", "exec", "state", "kill", "start", "delete", "list", "report-error", "poststop"])
      expect(loadedWith("src/main.ts", `src/cli/${command}.ts`).filter((path) => path === "src/plan/plan-container.ts")).toEqual([]);
  });

  test("of --version hold no library, no plan and no native code", () => {
    const loaded = loadedWith("src/main.ts", "src/cli/version.ts");
    expect(loaded).toContain("src/cli/version.ts");
    expect(
      loaded.filter((path) =>
        /node_modules|^src\/(?!cli\/|config\/default-spec|front\/kept-command|front\/is-fronted|main|errors|log)/.test(path),
      ),
    ).toEqual([]);
  });

  test("of libraries are loaded by no command at once", () => {
    expect([...chunks.values()].flatMap(({ inputs }) => inputs).filter((path) => path.includes("node_modules/yaml/"))).not.toEqual([]);
    expect(loadedWith("src/main.ts", ...commandFiles).filter((path) => path.includes("node_modules"))).toEqual([]);
  });
});

describe("npm run build", () => {
  test.each([
    [
      ["--target", "linux-riscv64"],
      "unknown target linux-riscv64: expected linux-x64, linux-arm64, linux-x64-musl, linux-arm64-musl or all",
    ],
    [["--target=linux"], "unknown target linux: expected linux-x64, linux-arm64, linux-x64-musl, linux-arm64-musl or all"],
    [["--target"], "--target needs a value: linux-x64, linux-arm64, linux-x64-musl, linux-arm64-musl or all"],
    [["--fast"], "unknown argument --fast: the only flag is --target TARGET"],
    [["linux-x64"], "unknown argument linux-x64: the only flag is --target TARGET"],
  ])("refuses %j", (argv, message) => {
    expect(run([process.execPath, "scripts/build.ts", ...argv])).toEqual({ exitCode: 2, stdout: "", stderr: `build: ${message}\n` });
  });

  test("puts the new file where the old one is running", async () => {
    using folder = new TempFolder();
    const path = join(folder.path, "program");
    copyFileSync("/bin/sleep", path);
    chmodSync(path, 0o755);
    const old = Bun.spawn([path, "60"]);
    try {
      expect(() => writeFileSync(path, "")).toThrow("ETXTBSY");
      replaceFile(path, readFileSync("/bin/true"));
      expect(run([path])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
      expect(old.exitCode).toBeNull();
    } finally {
      old.kill();
      await old.exited;
    }
  });

  test("knows no commit outside a clone", () => {
    using folder = new TempFolder();
    expect(readCommit(folder.path)).toBe("unknown");
  });

  testWith(lackOf("git", "git"))("takes the clone's commit, not that of one around it", () => {
    using folder = new TempFolder();
    const inner = join(folder.path, "inner");
    mkdirSync(inner);
    const git = (...words: string[]) =>
      run(["git", "-c", "user.name=box", "-c", "user.email=box@localhost", ...words], { cwd: folder.path });
    git("init", "--quiet");
    writeFileSync(join(folder.path, "file"), "one");
    git("add", "file");
    expect(git("commit", "--quiet", "--message=one")).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    const commit = git("rev-parse", "HEAD").stdout.trim();
    expect(commit).toHaveLength(40);
    expect(readCommit(folder.path)).toBe(commit);
    expect(readCommit(inner)).toBe("unknown");
    writeFileSync(join(folder.path, "file"), "two");
    expect(readCommit(folder.path)).toBe(`${commit}-dirty`);
  });
});

/** Why there is no Bun for the other machine here. */
const lackOfBun = await fetchBun(targets[otherTarget].package).then(
  () => false as const,
  (error: unknown) => {
    if (!(error instanceof FetchError)) throw error;
    return `Bun for ${otherTarget} (${error.message})`;
  },
);

testWith(lackOfBun)(
  `builds for ${otherTarget}`,
  async () => {
    using folder = new TempFolder();
    const path = join(folder.path, "box");
    await build(otherTarget, path);
    const file = readFileSync(path);
    // elf(5): e_machine is EM_AARCH64 or EM_X86_64.
    expect(file.readUInt16LE(18)).toBe(other === "arm64" ? 183 : 62);
    expect(misalignment(file)).toEqual([0, 0, 0]);
    expect([other, here].map((machine) => holds(file, buildStage(machine as "x64" | "arm64").elf.toBase64()))).toEqual([true, false]);

    const { machine } = targets[otherTarget];
    if (Bun.which(`qemu-${machine}-static`) === null || !existsSync(`/usr/${machine}-linux-gnu`))
      return console.warn(`SKIPPED: a run of the build for ${otherTarget}: this machine lacks qemu-user-static or its C library`);
    expect(tryOut(otherTarget, path)).toEqual({ version: expect.stringContaining(`\ntarget: ${otherTarget}\n`) });
  },
  60_000,
);
