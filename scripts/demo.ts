// npm run demo: builds box where it is missing or older than its sources, then runs one container on the embedded
// default and shows what that sees, beside what this machine has.

import { existsSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { join, relative, resolve } from "node:path";

const root = resolve(import.meta.dir, "..");
const box = join(root, "dist/box");
/** Without root the view of / is read-only, and /tmp is the container's own. */
const written = process.getuid?.() === 0 ? "/made-by-the-container" : "/tmp/made-by-the-container";

/** Runs inside. Only what any Linux machine has: sh, cat, ls, readlink. Single quotes would end it. */
const script = `
  echo "hostname: $(cat /proc/sys/kernel/hostname)"
  for folder in /proc/[0-9]*; do echo "process \${folder#/proc/}: $(cat $folder/comm)"; done
  echo "network devices: $(ls /sys/class/net)"
  echo "gone at exit" >${written}; ls -l ${written}
  readlink /proc/self/ns/*
`;

const sources = ["package.json", "{src,hooks,plugins,scripts}/**/*.ts"].flatMap((glob) => [...new Bun.Glob(glob).scanSync({ cwd: root })]);
const changedMs = (path: string): number => statSync(path).mtimeMs;

/** True when dist/box is there and up to date. */
function build(): boolean {
  if (existsSync(box) && sources.every((path) => changedMs(join(root, path)) <= changedMs(box))) return true;
  console.log("building dist/box …");
  return Bun.spawnSync(["npm", "run", "--silent", "build"], { cwd: root, stdio: ["ignore", "inherit", "inherit"] }).success;
}

/** Why an ordinary user gets no user namespace here, without which there is no rootless container. */
function refusal(): string | undefined {
  if (process.getuid?.() === 0 || Bun.spawnSync(["unshare", "--user", "true"]).success) return undefined;
  const switches = {
    "user.max_user_namespaces": "0",
    "kernel.unprivileged_userns_clone": "0",
    "kernel.apparmor_restrict_unprivileged_userns": "1",
  };
  const closed = Object.entries(switches).filter(([name, off]) => {
    const path = `/proc/sys/${name.replaceAll(".", "/")}`;
    return existsSync(path) && readFileSync(path, "utf8").trim() === off;
  });
  const cause =
    closed.map(([name, off]) => `sysctl ${name} is ${off}`).join(", ") || "no sysctl says why, so perhaps a container or a security module";
  return `without root, box needs user namespaces, and this machine refuses them (${cause}): allow them, or run the demo as root`;
}

/** A line of readlink on a namespace: its kind and inode. */
const namespaceLine = /^(\w+):\[(\d+)\]$/;

function compare(seen: readonly string[]): boolean {
  const inodes = new Map(seen.map((line) => namespaceLine.exec(line)?.slice(1) as [string, string]));
  console.log(`\nOn this machine:\n  hostname: ${hostname()}`);
  const kept = existsSync(written);
  console.log(
    kept ? `  ${written} is there: the container wrote to this machine` : `  no ${written}: what the container wrote is gone with it`,
  );
  console.log(`  namespaces:  ${"container's".padEnd(12)} host's`);
  for (const [kind, inode] of inodes) {
    const host = namespaceLine.exec(readlinkSync(`/proc/self/ns/${kind}`))?.[2];
    console.log(
      `    ${kind.padEnd(10)} ${inode.padEnd(12)} ${host?.padEnd(12)} ${inode === host ? "equal: shared" : "different: its own"}`,
    );
  }
  return !kept && inodes.size > 0;
}

function demo(): boolean {
  const argv = ["run", "--", "sh", "-c", script];
  console.log(`$ ${relative(process.cwd(), box)} run -- sh -c '${script}'\n\nIn the container:`);
  const began = performance.now();
  const { success, stdout } = Bun.spawnSync([box, ...argv], { stdio: ["ignore", "pipe", "inherit"], timeout: 60_000 });
  const tookMs = Math.round(performance.now() - began);
  const lines = stdout
    .toString()
    .split("\n")
    .filter((line) => line !== "");
  for (const line of lines) if (!namespaceLine.test(line)) console.log(`  ${line}`);
  if (success) console.log(`  made, run and removed in ${tookMs} ms`);
  return success && compare(lines.filter((line) => namespaceLine.test(line)));
}

const shown = build() && demo();
const lacking = shown ? undefined : refusal();
if (lacking !== undefined) console.error(lacking);
process.exitCode = shown ? 0 : 1;
