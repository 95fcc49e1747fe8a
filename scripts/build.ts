// npm run build: src/main.ts and all it imports, as one executable for Linux. dist/box is for this machine; with
// --target the same for others, dist/box-linux-arm64 and so on. Bundling and the executable are Bun's; what is added
// here is what the program has to know of its build, and the layout of the file (align-elf.ts).

import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { devDependencies, version } from "../package.json" with { type: "json" };
import { addFront } from "./add-front.ts";
import { alignElf } from "./align-elf.ts";
import { FetchError, fetchBun } from "./fetch-bun.ts";
import { leanTapable } from "./lean-tapable.ts";
import { loadTogether } from "./load-together.ts";
import { replaceFile } from "./replace-file.ts";

const root = join(import.meta.dir, "..");

type Target = {
  readonly bun: Bun.Build.CompileTarget;
  readonly package: string;
  /** The C library's file name, which the program loads it by. */
  readonly libc: string;
  /** The machine's name in qemu's and Debian's file names. */
  readonly machine: string;
};

export const targets = {
  "linux-x64": { bun: "bun-linux-x64", package: "@oven/bun-linux-x64", libc: "libc.so.6", machine: "x86_64" },
  "linux-arm64": { bun: "bun-linux-arm64", package: "@oven/bun-linux-aarch64", libc: "libc.so.6", machine: "aarch64" },
  "linux-x64-musl": { bun: "bun-linux-x64-musl", package: "@oven/bun-linux-x64-musl", libc: "libc.musl-x86_64.so.1", machine: "x86_64" },
  "linux-arm64-musl": {
    bun: "bun-linux-arm64-musl",
    package: "@oven/bun-linux-aarch64-musl",
    libc: "libc.musl-aarch64.so.1",
    machine: "aarch64",
  },
} as const satisfies Record<string, Target>;

/** The target that has the front (src/front): the others could not be tried. */
const FRONTED = "linux-x64";

export type TargetName = keyof typeof targets;
const targetNames = Object.keys(targets) as TargetName[];
const isTargetName = (name: string): name is TargetName => Object.hasOwn(targets, name);

class UsageError extends Error {}
class BuildError extends Error {}

/** Reads `--target NAME`, any number of times; without it, an empty list, which means this machine. */
function readTargets(argv: readonly string[]): TargetName[] {
  const wanted = new Set<TargetName>();
  for (let index = 0; index < argv.length; index++) {
    const [flag, ...rest] = (argv[index] as string).split("=");
    if (flag !== "--target") throw new UsageError(`unknown argument ${argv[index]}: the only flag is --target TARGET`);
    const name = rest.length === 0 ? argv[++index] : rest.join("=");
    const choice = `${targetNames.join(", ")} or all`;
    if (name === undefined || name === "") throw new UsageError(`--target needs a value: ${choice}`);
    if (name !== "all" && !isTargetName(name)) throw new UsageError(`unknown target ${name}: expected ${choice}`);
    for (const each of name === "all" ? targetNames : [name]) wanted.add(each);
  }
  return [...wanted];
}

/** What the Bun that runs this is made for: a target, or not one. Its ELF file names the C library's loader near the start. */
async function readHost(): Promise<string> {
  const start = await Bun.file(process.execPath).slice(0, 4096).text();
  const musl = start.includes("/ld-musl-") ? "-musl" : "";
  return `${process.platform}-${process.arch}${musl}`;
}

/** The commit that the clone at `folder` is at, `-dirty` when its files differ from it; `unknown` without git or a clone. */
export function readCommit(folder: string): string {
  if (Bun.which("git") === null) return "unknown";
  // The ceiling keeps git from taking the commit of another repository that this folder may lie in.
  const { exitCode, stdout } = Bun.spawnSync(["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"], {
    cwd: folder,
    env: { ...process.env, GIT_CEILING_DIRECTORIES: dirname(folder) },
  });
  return exitCode === 0 ? stdout.toString().trim() : "unknown";
}

/** How the program is bundled: each dynamic import a chunk of its own, so that a command loads its own code only. */
export function bundleOptions(name: TargetName) {
  return {
    entrypoints: [join(root, "src/main.ts")],
    target: "bun",
    format: "esm",
    minify: true,
    splitting: true,
    bytecode: true,
    plugins: [loadTogether(), leanTapable()],
    define: {
      BOX_VERSION: JSON.stringify(version),
      BOX_COMMIT: JSON.stringify(readCommit(root)),
      BOX_TARGET: JSON.stringify(name),
      BOX_FRONTED: JSON.stringify(name === FRONTED),
      BOX_LIBC: JSON.stringify(targets[name].libc),
    },
  } as const satisfies Bun.BuildConfig;
}

/** Builds for `name` into `path`; a program that runs from `path` goes on running. */
export async function build(name: TargetName, path: string): Promise<void> {
  const bun = name === (await readHost()) ? process.execPath : await fetchBun(targets[name].package);
  mkdirSync(dirname(path), { recursive: true });
  const folder = mkdtempSync(join(dirname(path), ".build-"));
  try {
    // The file's name becomes the main module's, which stack traces show.
    const outfile = join(folder, "box");
    const result = await Bun.build({
      ...bundleOptions(name),
      compile: {
        target: targets[name].bun,
        executablePath: bun,
        outfile,
        // Keeps the compiler's threads away: box is done before compiled code would pay.
        jitPolicy: 100,
        // box is started in folders of strangers.
        autoloadDotenv: false,
        autoloadBunfig: false,
        autoloadTsconfig: false,
        autoloadPackageJson: false,
      },
      throw: false,
    });
    if (!result.success) throw new BuildError(result.logs.map(String).join("\n"));
    const aligned = alignElf(readFileSync(outfile));
    replaceFile(path, name === FRONTED ? addFront(aligned) : aligned);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Runs what was built, under qemu if need be. Returns what --version printed, or why nothing here can run the file. */
export function tryOut(name: TargetName, path: string): { version: string } | { failure: string } {
  const { machine } = targets[name];
  const emulator = [`qemu-${machine}-static`, "-L", `/usr/${machine}-linux-gnu`];
  const failures: string[] = [];
  for (const words of [[], emulator]) {
    const argv = [...words, path, "--version"];
    if (words[0] !== undefined && Bun.which(words[0]) === null) {
      failures.push(`${words[0]} is not installed`);
      continue;
    }
    try {
      const { exitCode, stdout, stderr } = Bun.spawnSync(argv, { timeout: 60_000 });
      if (exitCode === 0 && stdout.toString().startsWith(`box version ${version}\n`)) return { version: stdout.toString() };
      failures.push(`${argv.slice(0, -1).join(" ")}: ${stderr.toString().trim().split("\n")[0] || `exit code ${exitCode}`}`);
    } catch (error) {
      // The kernel names the file when it is the loader that is missing: ENOENT; ENOEXEC for another machine's code.
      failures.push(`${argv[0]}: ${(error as NodeJS.ErrnoException).code ?? error}`);
    }
  }
  return { failure: failures.join("; ") };
}

async function main(argv: readonly string[]): Promise<void> {
  const wanted = readTargets(argv);
  if (Bun.version !== devDependencies.bun)
    throw new BuildError(`expected Bun ${devDependencies.bun}, got ${Bun.version}: npm install, then npm run build`);
  for (const name of wanted) await buildAndTry(name, `dist/box-${name}`);
  if (wanted.length > 0) return;
  const host = await readHost();
  if (!isTargetName(host))
    throw new BuildError(`box does not run on ${host}: name a target with --target: ${targetNames.join(", ")} or all`);
  await buildAndTry(host, "dist/box");
}

async function buildAndTry(name: TargetName, file: string): Promise<void> {
  await build(name, join(root, file));
  console.log(`built ${file}`);
  const trial = tryOut(name, join(root, file));
  if ("version" in trial) console.log(trial.version.trimEnd());
  else if (name === (await readHost())) throw new BuildError(`${file} does not run: ${trial.failure}`);
  else console.warn(`NOT TRIED: this machine cannot run ${file}: ${trial.failure}`);
}

if (import.meta.main) {
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof BuildError || error instanceof FetchError)) throw error;
    console.error(`build: ${error.message}`);
    process.exit(error instanceof UsageError ? 2 : 1);
  }
}
