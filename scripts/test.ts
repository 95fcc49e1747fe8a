// npm test: everything there is to check, in one command. A step that fails does not keep the others from running. The
// last line says `N passed, N failed`: tests one by one, and every other step as one.

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { installPackages } from "./debian-packages.ts";
import { readReport, type Tally } from "./junit-report.ts";

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

async function preparePackages(): Promise<void> {
  if (Bun.which("dpkg-query") === null) return console.log("SKIPPED: Debian packages: this machine lacks dpkg; tests say what they miss");
  const missing = await installPackages(packages, succeeds);
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
    const all = [...new Bun.Glob("test/**/*.test.ts").scanSync({ cwd: root })];
    // Without a report Bun crashed or was stopped.
    return existsSync(report) ? readReport(readFileSync(report, "utf8"), all, succeeded) : { passed: 0, failed: 1, skipped: [] };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

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

const sum = (of: (tally: Tally) => number): number => tallies.reduce((total, tally) => total + of(tally), 0);
const skipped = tallies.flatMap((tally) => tally.skipped);
const failed = sum((tally) => tally.failed);
console.log(`\n${skipped.length} skipped${skipped.length === 0 ? "" : `: ${skipped.join("; ")}`}`);
if (stoppedBy !== undefined) console.log(`stopped by ${stoppedBy}`);
console.log(`${sum((tally) => tally.passed)} passed, ${failed} failed`);
process.exitCode = stoppedBy !== undefined ? 130 : failed > 0 ? 1 : 0;
