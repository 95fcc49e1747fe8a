// npm test: everything there is to check, in one command. A step that fails does not keep the others from running. The
// last line says `N passed, N failed`: tests one by one, and every other step as one.

import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { installPackages } from "./debian-packages.ts";
import { printTally, readReport, type Tally } from "./junit-report.ts";

const root = resolve(import.meta.dir, "..");

/** Debian packages that tests use; where one is missing, the tests that need it say so and are skipped. */
const packages = [
  ...["runc", "crun", "bubblewrap", "hyperfine", "llvm", "qemu-user-static", "busybox-static", "strace"],
  ...["gcc", "libc6-dev", "uidmap", "util-linux", "iproute2"],
  // The clients that containers are run by.
  ...["podman", "conmon", "netavark", "slirp4netns", "catatonit", "containerd", "docker.io", "iptables", "nftables", "procps"],
  // The headers to compare numbers of other machines with; Debian has them for machines that are not these only.
  ...(process.arch === "arm64" ? [] : ["libc6-dev-arm64-cross", "linux-libc-dev-arm64-cross"]),
  "linux-libc-dev-armhf-cross",
];

const running = new Set<Bun.Subprocess>();
let stoppedBy: NodeJS.Signals | undefined;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => {
    stoppedBy = signal;
    for (const child of running) child.kill(signal);
  });

type Options = {
  readonly env?: Readonly<Record<string, string>>;
  /** A descriptor for what it says; else that is for this process's own output. */
  readonly output?: number;
};

/** Runs a command without input; true when it succeeds. After a signal nothing more runs. */
async function succeeds(argv: readonly string[], { env = {}, output }: Options = {}): Promise<boolean> {
  if (stoppedBy !== undefined) return false;
  const to = output ?? "inherit";
  const child = Bun.spawn([...argv], { cwd: root, stdio: ["ignore", to, to], env: { ...process.env, ...env } });
  running.add(child);
  const code = await child.exited;
  running.delete(child);
  return code === 0;
}

async function preparePackages(): Promise<void> {
  if (Bun.which("dpkg-query") === null) return console.log("SKIPPED: Debian packages: this machine lacks dpkg; tests say what they miss");
  const missing = await installPackages(packages, (argv, env) => succeeds(argv, env === undefined ? {} : { env }));
  if (missing.length > 0)
    console.log(`SKIPPED: tests with ${missing.join(", ")}: this machine lacks them (as root, npm test installs them)`);
  if (process.getuid?.() !== 0) console.log("SKIPPED: tests that need root: run npm test as root for everything");
}

/** Runs `work` under a heading, and says at its end how long it took. */
async function step(title: string, work: () => Promise<Tally>): Promise<Tally> {
  console.log(`\n== ${title}`);
  const began = performance.now();
  const tally = await work();
  console.log(`== ${title}: ${tally.failures.length === 0 ? "passed" : "FAILED"} in ${((performance.now() - began) / 1000).toFixed(1)} s`);
  return tally;
}

async function check(argv: readonly string[]): Promise<Tally> {
  const passed = await succeeds(argv);
  return { passed: passed ? 1 : 0, failures: passed ? [] : [argv.join(" ")], skipped: [] };
}

/**
 * In two processes, for tests of containers mostly wait for them: one has the clients, which want a long time of their own,
 * the other what needs no container first; every third file of the rest is this one's. What the second says comes at the end.
 */
async function bunTest(): Promise<Tally> {
  const folder = mkdtempSync(join(tmpdir(), "box-test-"));
  try {
    const all = [...new Bun.Glob("test/**/*.test.ts").scanSync({ cwd: root })].sort();
    const clients = all.filter((path) => /^test\/(?:clients|docs)\//.test(path));
    const integration = all.filter((path) => path.startsWith("test/integration/"));
    const others = all.filter((path) => !clients.includes(path) && !integration.includes(path));
    const said = join(folder, "output");
    const output = openSync(said, "ax");
    const tallies = await Promise.all([
      testFiles([...clients, ...integration.filter((_, index) => index % 3 > 0)], join(folder, "first.xml")),
      testFiles([...others, ...integration.filter((_, index) => index % 3 === 0)], join(folder, "second.xml"), { output }),
    ]);
    process.stdout.write(readFileSync(said));
    return total(tallies);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Words in front of a command of root's, where this root may: it has a folder of all states of its own, where other runs
 * of box neither use nor renew what its boxes keep; and mounts of its own, of which none is left on the machine.
 */
const apart = ["unshare", "--mount", "sh", "-c", 'mkdir -m 711 -p /run/box && mount -t tmpfs -o mode=711 box /run/box && exec "$@"', "sh"];

/** How long a test may take that says nothing of it: so long that it hangs, on a busy machine too. */
const HANGS_MS = 30_000;

async function testFiles(files: readonly string[], report: string, options?: Options): Promise<Tally> {
  const paths = files.map((path) => `./${path}`);
  const words = process.getuid?.() === 0 && (await succeeds([...apart, "true"])) ? apart : [];
  const argv = [...words, process.execPath, "test", `--timeout=${HANGS_MS}`, "--reporter=junit", `--reporter-outfile=${report}`, ...paths];
  const succeeded = await succeeds(argv, options);
  if (existsSync(report)) return readReport(readFileSync(report, "utf8"), files, succeeded);
  return { passed: 0, failures: [`bun test, of ${files.length} files: it crashed or was stopped`], skipped: [] };
}

const total = (tallies: readonly Tally[]): Tally => ({
  passed: tallies.reduce((sum, { passed }) => sum + passed, 0),
  failures: tallies.flatMap(({ failures }) => failures),
  skipped: tallies.flatMap(({ skipped }) => skipped),
});

const steps: Readonly<Record<string, () => Promise<Tally>>> = {
  "types (tsc)": () => check(["tsc"]),
  "format and lint (biome)": () => check(["biome", "check", "--error-on-warnings"]),
  "dead code (knip)": () => check(["knip"]),
  "dist/box (npm run build)": () => check(["npm", "run", "--silent", "build"]),
  "tests (bun test)": bunTest,
};

process.env.PATH = `${join(root, "node_modules/.bin")}:${process.env.PATH}`;
await preparePackages();
const tallies: Tally[] = [];
for (const [title, work] of Object.entries(steps)) if (stoppedBy === undefined) tallies.push(await step(title, work));

const all = total(tallies);
printTally(all, stoppedBy === undefined ? undefined : `stopped by ${stoppedBy}`);
process.exitCode = stoppedBy !== undefined ? 130 : all.failures.length > 0 ? 1 : 0;
