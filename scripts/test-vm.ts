// npm run test:vm: the tests for which most machines lack something (all controllers in cgroup v2, a security module),
// in a virtual machine. Without arguments those listed here; else the test files that are named, or after `--run` any
// command. The last line says `N passed, N failed`. It takes minutes, so `npm test` leaves it out.
// BOX_VM_LSM=selinux boots it with SELinux in AppArmor's place, BOX_VM_KERNEL=PACKAGE with another of Debian's kernels.

import { existsSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { installPackages } from "./debian-packages.ts";
import { printTally, readReport, type Tally } from "./junit-report.ts";
import { machinePackages, prepareKernel, runInMachine, testPackages } from "./virtual-machine.ts";

const root = resolve(import.meta.dir, "..");

/** Tests of the machine's own (test/vm/*.vm.ts, all of them), and those of test/integration that see more there than elsewhere. */
const alsoThere: readonly string[] = ["test/integration/cgroup-ownership.test.ts", "test/integration/labels.test.ts"];

/** How much slower than a processor the emulation of one is taken to be: the tests' limits of time are multiplied by it. */
const PATIENCE = 12;
const LIMIT_SECONDS = 1800;
const TEST_LIMIT_MS = 180_000;
const reportMark = "== report ==";

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function testScript(files: readonly string[]): string {
  const bun = [process.execPath, "test", `--timeout=${TEST_LIMIT_MS}`, "--reporter=junit", "--reporter-outfile=/run/report.xml"];
  return `cd ${quoted(root)} || exit 125
export BOX_TEST_PATIENCE=${PATIENCE}
${[...bun, ...files.map((file) => `./${file}`)].map(quoted).join(" ")}
status=$?
echo; echo '${reportMark}'; cat /run/report.xml
exit $status`;
}

/** Shows what comes before the report as it comes, and returns the report. */
function splitter(show: (text: string) => void): { take(chunk: Uint8Array): void; end(): string } {
  const decoder = new TextDecoder();
  let shown = 0;
  let text = "";
  const end = (): number => {
    const at = text.indexOf(reportMark);
    return at < 0 ? text.lastIndexOf("\n") + 1 : at;
  };
  return {
    take(chunk) {
      text += decoder.decode(chunk, { stream: true });
      const now = end();
      if (now > shown) show(text.slice(shown, now));
      shown = Math.max(shown, now);
    },
    end: () => text.slice(text.indexOf(reportMark) < 0 ? text.length : text.indexOf(reportMark) + reportMark.length),
  };
}

const show = (text: string): void => {
  process.stdout.write(text);
};

async function run(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<boolean> {
  return (await Bun.spawn([...argv], { stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, ...env } }).exited) === 0;
}

/** What keeps this machine from being the host of one. */
async function lacks(): Promise<string | undefined> {
  if (process.arch !== "x64") return "the virtual machine is one with an x86-64 kernel, and so is box in it: this machine is another";
  if (process.getuid?.() !== 0) return "the virtual machine needs root, which serves / to it";
  const packages = [...machinePackages, ...testPackages];
  const wanted = existsSync("/usr/lib/qemu/virtiofsd") ? packages : [...packages, "virtiofsd"];
  const missing = await installPackages(wanted, run);
  const withoutOld = missing.filter((name) => name !== "virtiofsd" || !existsSync("/usr/lib/qemu/virtiofsd"));
  if (withoutOld.length > 0) return `this machine lacks ${withoutOld.join(", ")}`;
  return existsSync(join(root, "dist/box")) ? undefined : "dist/box is missing: npm run build makes it";
}

async function test(files: readonly string[], kernel: string): Promise<Tally> {
  const output = splitter(show);
  const machine = prepareKernel(join(root, "dist/vm"), kernel);
  const status = await runInMachine(machine, testScript(files), { limitSeconds: LIMIT_SECONDS, onOutput: output.take });
  return readReport(output.end(), files, status === 0);
}

async function main(argv: readonly string[]): Promise<number> {
  const lack = await lacks();
  if (lack !== undefined) {
    console.error(lack);
    return 1;
  }
  const kernel = process.env.BOX_VM_KERNEL ?? "linux-image-cloud-amd64";
  if (argv[0] === "--run") {
    const script = `cd ${quoted(process.cwd())} || exit 125\nexec ${argv.slice(1).map(quoted).join(" ")}`;
    const decoder = new TextDecoder();
    const onOutput = (chunk: Uint8Array): void => show(decoder.decode(chunk, { stream: true }));
    return await runInMachine(prepareKernel(join(root, "dist/vm"), kernel), script, { limitSeconds: LIMIT_SECONDS, onOutput });
  }
  const own = [...new Bun.Glob("test/vm/*.vm.ts").scanSync({ cwd: root })].sort();
  const files = argv.length > 0 ? argv.map((path) => relative(root, resolve(path))) : [...own, ...alsoThere];
  const tally = await test(files, kernel);
  printTally(tally);
  return tally.failures.length > 0 ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
