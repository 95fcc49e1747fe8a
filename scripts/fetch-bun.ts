// Gets the Bun executable of another target for the build, by `npm pack` of the package that the lock file names: the
// same packages that npm chooses from for this machine, at the same version, checked against the same hashes.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import packageLock from "../package-lock.json" with { type: "json" };
import { replaceFile } from "./replace-file.ts";

const root = join(import.meta.dir, "..");
/** Outlives builds, not `npm ci`. */
const cache = join(root, "node_modules/.cache/bun");
const packages: Readonly<Record<string, { version?: string; integrity?: string }>> = packageLock.packages;

/** What kept the executable from being had: the network, the registry, npm; or a package that is not the locked one. */
export class FetchError extends Error {}

/** Path of the executable in `packageName`; fetched at the first call, 50 MB. */
export async function fetchBun(packageName: string): Promise<string> {
  const { version, integrity } = packages[`node_modules/${packageName}`] ?? {};
  if (version === undefined || integrity === undefined) throw new FetchError(`package-lock.json does not name ${packageName}`);
  const path = join(cache, `${packageName.replaceAll("/", "-")}-${version}`);
  if (existsSync(path)) return path;

  console.log(`fetching ${packageName}@${version}`);
  const tarball = pack(`${packageName}@${version}`);
  const hash = `sha512-${new Bun.CryptoHasher("sha512").update(tarball).digest("base64")}`;
  if (hash !== integrity) throw new FetchError(`${packageName}@${version}: expected ${integrity} as in package-lock.json, got ${hash}`);
  const file = (await new Bun.Archive(tarball).files("package/bin/bun")).get("package/bin/bun");
  if (file === undefined) throw new FetchError(`${packageName}@${version} holds no bin/bun`);
  replaceFile(path, await file.bytes());
  return path;
}

function pack(specifier: string): Uint8Array<ArrayBuffer> {
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "pack-"));
  try {
    const npm = Bun.which("npm");
    if (npm === null) throw new FetchError(`cannot fetch ${specifier}: npm is not in PATH`);
    const { exitCode, stderr } = Bun.spawnSync([npm, "pack", specifier, "--prefer-offline", "--pack-destination", folder], { cwd: root });
    const [name] = new Bun.Glob("*.tgz").scanSync(folder);
    if (exitCode !== 0 || name === undefined)
      throw new FetchError(`cannot fetch ${specifier}: npm pack failed:\n${stderr.toString().trim()}`);
    return readFileSync(join(folder, name));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
