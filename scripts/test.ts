// npm test: everything there is to check, in one command. A step that fails does not keep the others from running. The
// last line says `N passed, N failed`: tests one by one, and every other step as one.

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

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

type Tally = { readonly passed: number; readonly failed: number; readonly skipped: readonly string[] };

let running: Bun.Subprocess | undefined;
let stoppedBy: NodeJS.Signals | undefined;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => {
    stoppedBy = signal;
    running?.kill(signal);
  });

/** Runs a command with this process's output and no input; true when it succeeds. After a signal nothing more runs. */
async function succeeds(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<boolean> {
  if (stoppedBy !== undefined) return false;
  running = Bun.spawn([...argv], { cwd: root, stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, ...env } });
  return (await running.exited) === 0;
}

function missingPackages(): string[] {
  const query = Bun.spawnSync(["dpkg-query", "--show", `--showformat=\${Package} \${db:Status-Status}\n`, ...packages]);
  const installed = new Set(query.stdout.toString().split("\n"));
  return packages.filter((name) => !installed.has(`${name} installed`));
}

async function installPackages(): Promise<void> {
  const mayInstall = process.getuid?.() === 0 && Bun.which("apt-get") !== null;
  if (Bun.which("dpkg-query") === null) return console.log("SKIPPED: Debian packages: this machine lacks dpkg; tests say what they miss");
  const wanted = missingPackages();
  if (wanted.length > 0 && mayInstall) {
    const quiet = { DEBIAN_FRONTEND: "noninteractive" };
    const install = [
      "apt-get",
      "install",
      "--quiet=2",
      "--no-install-recommends",
      "--option=DPkg::Lock::Timeout=60",
      "--option=Dpkg::Use-Pty=0",
    ];
    console.log(`installing Debian packages: ${wanted.join(", ")}`);
    await succeeds(["apt-get", "update", "--quiet=2"], quiet);
    // One that this release of Debian does not have must not keep the others out.
    if (!(await succeeds([...install, ...wanted], quiet))) for (const one of missingPackages()) await succeeds([...install, one], quiet);
  }
  const missing = missingPackages();
  if (missing.length > 0)
    console.log(`SKIPPED: tests with ${missing.join(", ")}: this machine lacks them (as root, npm test installs them)`);
  if (process.getuid?.() !== 0) console.log("SKIPPED: tests that need root: run npm test as root for everything");
}

/** Runs `work` under a heading, and says at its end how long it took. */
async function step(title: string, work: () => Promise<Tally>): Promise<Tally> {
  console.log(`\n== ${title}`);
  const began = performance.now();
  const tally = await work();
  console.log(`== ${title}: ${tally.failed === 0 ? "passed" : "FAILED"} in ${((performance.now() - began) / 1000).toFixed(1)} s`);
  return tally;
}

async function check(argv: readonly string[]): Promise<Tally> {
  const passed = await succeeds(argv);
  return { passed: passed ? 1 : 0, failed: passed ? 0 : 1, skipped: [] };
}

async function bunTest(): Promise<Tally> {
  const folder = mkdtempSync(join(tmpdir(), "box-test-"));
  try {
    const report = join(folder, "report.xml");
    const succeeded = await succeeds([process.execPath, "test", "--reporter=junit", `--reporter-outfile=${report}`]);
    // Without a report Bun crashed or was stopped.
    return existsSync(report) ? readReport(readFileSync(report, "utf8"), succeeded) : { passed: 0, failed: 1, skipped: [] };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Counts Bun's JUnit report. What it leaves out fails too: files that did not load, errors outside of tests, a crash. */
function readReport(report: string, succeeded: boolean): Tally {
  const count = (name: string): number => Number(new RegExp(`<testsuites [^>]*\\b${name}="(\\d+)"`).exec(report)?.[1] ?? 0);
  const reported = new Set([...report.matchAll(/<testsuite [^>]*\bfile="([^"]+)"/g)].map(([, file]) => file));
  const lost = [...new Bun.Glob("test/**/*.test.ts").scanSync({ cwd: root })].filter((file) => !reported.has(file));
  for (const file of lost) console.log(`${file}: no test of it ran`);
  const skips = report.matchAll(/<testcase name="([^"]*)"[^>]*\bfile="([^"]+)"[^>]*>\s*<skipped/g);
  const failed = count("failures") + lost.length;
  return {
    passed: count("tests") - count("failures") - count("skipped"),
    failed: failed === 0 && !succeeded ? 1 : failed,
    skipped: [...skips].map(([, name = "", file]) => `${file} ${unescapeXml(name)}`),
  };
}

const entities: Readonly<Record<string, string>> = { "&quot;": '"', "&apos;": "'", "&lt;": "<", "&gt;": ">", "&amp;": "&" };
const unescapeXml = (text: string): string => text.replace(/&\w+;/g, (entity) => entities[entity] ?? entity);

const steps: Readonly<Record<string, () => Promise<Tally>>> = {
  "types (tsc)": () => check(["tsc"]),
  "format and lint (biome)": () => check(["biome", "check", "--error-on-warnings"]),
  "dead code (knip)": () => check(["knip"]),
  "dist/box (npm run build)": () => check(["npm", "run", "--silent", "build"]),
  "tests (bun test)": bunTest,
};

process.env.PATH = `${join(root, "node_modules/.bin")}:${process.env.PATH}`;
await installPackages();
const tallies: Tally[] = [];
for (const [title, work] of Object.entries(steps)) if (stoppedBy === undefined) tallies.push(await step(title, work));

const sum = (of: (tally: Tally) => number): number => tallies.reduce((total, tally) => total + of(tally), 0);
const skipped = tallies.flatMap((tally) => tally.skipped);
const failed = sum((tally) => tally.failed);
console.log(`\n${skipped.length} skipped${skipped.length === 0 ? "" : `: ${skipped.join("; ")}`}`);
if (stoppedBy !== undefined) console.log(`stopped by ${stoppedBy}`);
console.log(`${sum((tally) => tally.passed)} passed, ${failed} failed`);
process.exitCode = stoppedBy !== undefined ? 130 : failed > 0 ? 1 : 0;
