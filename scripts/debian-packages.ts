// Debian's packages that tests need: which of them are missing, and their installation where this process may.

/** Runs a command to its end; true when it succeeds. */
export type Run = (argv: readonly string[], env?: Readonly<Record<string, string>>) => Promise<boolean>;

const install = [
  "apt-get",
  "install",
  "--quiet=2",
  "--no-install-recommends",
  "--option=DPkg::Lock::Timeout=60",
  "--option=Dpkg::Use-Pty=0",
];

export function missingPackages(names: readonly string[]): string[] {
  const query = Bun.spawnSync(["dpkg-query", "--show", `--showformat=\${Package} \${db:Status-Status}\n`, ...names]);
  const installed = new Set(query.stdout.toString().split("\n"));
  return names.filter((name) => !installed.has(`${name} installed`));
}

/** Returns those that are missing still: all of them for anyone but root. */
export async function installPackages(names: readonly string[], run: Run): Promise<string[]> {
  const wanted = missingPackages(names);
  if (wanted.length === 0 || process.getuid?.() !== 0 || Bun.which("apt-get") === null) return wanted;
  const quiet = { DEBIAN_FRONTEND: "noninteractive" };
  console.log(`installing Debian packages: ${wanted.join(", ")}`);
  await run(["apt-get", "update", "--quiet=2"], quiet);
  // One that this release of Debian does not have must not keep the others out.
  if (!(await run([...install, ...wanted], quiet))) for (const one of missingPackages(names)) await run([...install, one], quiet);
  return missingPackages(names);
}
