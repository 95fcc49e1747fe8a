// A virtual machine with nothing but cgroup v2, every controller in it, and security modules: Debian's cloud kernel under
// qemu, in software, so that it is the same on every host. Its root is the host's /, only read, below a disk that is
// thrown away. So whatever the host has installed is there, and nothing that happens inside reaches the host.

import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";

const repository = resolve(import.meta.dir, "..");

/** Debian packages that it takes; `virtiofsd` is in the first one's dependencies up to Debian 12. */
export const machinePackages = ["qemu-system-x86", "e2fsprogs", "busybox-static", "util-linux"];
/** What tests take that run in it; the machine has the host's programs. */
export const testPackages = ["apparmor", "checkpolicy", "python3"];

/** What is loaded before there is a root. Those that a kernel has built in have no file. */
const earlyModules = ["virtio_pci", "virtiofs", "overlay", "virtio_blk", "virtio_console", "ext4", "virtio_rng"];

/** Programs of the initramfs, all of them busybox. */
const applets = ["cat", "chmod", "echo", "insmod", "mkdir", "mount", "poweroff", "sh", "switch_root", "umount", "uname"];

export type Kernel = { readonly image: string; readonly initramfs: string; readonly modules: string };

/** Throws with what it said, for a command that fails. */
function must(argv: readonly string[], options: { cwd?: string; stdin?: Uint8Array } = {}): string {
  const { stdin, ...rest } = options;
  const { success, stdout, stderr } = Bun.spawnSync([...argv], { ...rest, ...(stdin === undefined ? {} : { stdin }) });
  if (!success) throw new Error(`${argv.join(" ")}: ${stderr.toString().trim() || stdout.toString().trim()}`);
  return stdout.toString();
}

/** The kernel that a package is, or the one that it stands for at present: `linux-image-cloud-amd64` is the newest one's name. */
function kernelPackage(name: string): string {
  const dependencies = must(["apt-cache", "depends", "--no-recommends", name]);
  return /^ *Depends: (linux-image-\S+)$/m.exec(dependencies)?.[1] ?? name;
}

/** Fetches Debian's kernel `name` into a folder of its own below `cache`, unless it is there, and makes an initramfs for it. */
export function prepareKernel(cache: string, name: string): Kernel {
  const folder = join(cache, kernelPackage(name));
  if (!existsSync(folder)) {
    mkdirSync(cache, { recursive: true });
    const unfinished = mkdtempSync(join(cache, "unfinished-"));
    try {
      must(["apt-get", "download", basename(folder)], { cwd: unfinished });
      const [archive = ""] = readdirSync(unfinished);
      must(["dpkg-deb", "--extract", archive, unfinished], { cwd: unfinished });
      rmSync(join(unfinished, archive));
      must(["busybox", "depmod", "-b", unfinished, versionIn(unfinished)]);
      renameSync(unfinished, folder);
    } catch (error) {
      rmSync(unfinished, { recursive: true, force: true });
      throw error;
    }
  }
  const modules = join(folder, "lib/modules", versionIn(folder));
  const initramfs = join(folder, "initramfs");
  packInitramfs(initramfs, modules);
  return { image: join(folder, "boot", `vmlinuz-${basename(modules)}`), initramfs, modules };
}

function versionIn(folder: string): string {
  const [version = ""] = readdirSync(join(folder, "lib/modules"));
  return version;
}

/** Made anew every time, since the init in it is a file of the repository. */
function packInitramfs(file: string, modules: string): void {
  const folder = mkdtempSync(join(tmpdir(), "box-initramfs-"));
  try {
    for (const name of ["bin", "dev", "disk", "host", "modules", "proc", "root", "sys"]) mkdirSync(join(folder, name));
    copyFileSync("/bin/busybox", join(folder, "bin/busybox"));
    for (const applet of applets) must(["ln", "-s", "busybox", join(folder, "bin", applet)]);
    copyFileSync(join(repository, "test/vm/guest/init.sh"), join(folder, "init"));
    must(["chmod", "755", join(folder, "init")]);
    const order = modulesInOrder(readFileSync(join(modules, "modules.dep"), "utf8"), earlyModules);
    for (const path of order) copyModule(join(modules, path), join(folder, "modules"));
    writeFileSync(join(folder, "modules/order"), order.map((path) => `${plainName(path)}\n`).join(""));
    const unfinished = `${file}-${process.pid}`;
    must(["sh", "-c", 'find . | busybox cpio -o -H newc >"$1"', "sh", unfinished], { cwd: folder });
    renameSync(unfinished, file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const plainName = (path: string): string => basename(path, ".xz");

/** Debian packs modules since release 13. */
function copyModule(from: string, folder: string): void {
  const to = join(folder, plainName(from));
  if (from.endsWith(".xz")) must(["sh", "-c", 'busybox xzcat "$1" >"$2"', "sh", from, to]);
  else copyFileSync(from, to);
}

/** Files of `names` and of all that they need, which stand in modules.dep as `file: what it needs, the last one first`. */
export function modulesInOrder(dependencies: string, names: readonly string[]): string[] {
  const lines = dependencies.split("\n").map((line) => line.split(/:? /).filter(Boolean));
  const nameOf = (path: string): string => (/([^/]+)\.ko/.exec(path)?.[1] ?? "").replaceAll("-", "_");
  const order = new Set<string>();
  for (const name of names)
    for (const path of (lines.find(([file = ""]) => nameOf(file) === name) ?? []).reverse()) order.add(path.replace(/:$/, ""));
  return [...order];
}

export type MachineOptions = {
  readonly memoryMb?: number;
  readonly limitSeconds: number;
  /** Gets what the command writes, as it comes. */
  readonly onOutput: (text: Uint8Array) => void;
};

/**
 * Boots, runs a shell script as root, and turns the machine off. Returns the script's exit status, or throws with the last
 * words on the console when there is none.
 */
export async function runInMachine(kernel: Kernel, script: string, options: MachineOptions): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "box-vm-"));
  const server = await serveRoot(folder);
  try {
    const [command, log, output, statusFile] = ["command", "console", "output", "status"].map((name) => join(folder, name)) as Paths;
    writeFileSync(command, script);
    writeFileSync(statusFile, "");
    must(["mkfifo", output]);
    makeDisk(join(folder, "disk"));
    const machine = Bun.spawn(qemuCommand(kernel, folder, options.memoryMb ?? 2048), {
      stdio: ["ignore", "ignore", "inherit"],
      timeout: options.limitSeconds * 1000,
      killSignal: "SIGKILL",
    });
    const reader = Bun.spawn(["cat", output], { stdio: ["ignore", "pipe", "inherit"] });
    // Without a machine there is nobody to open the other end.
    machine.exited.then(() => setTimeout(() => reader.kill("SIGKILL"), 1000).unref());
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => machine.kill("SIGKILL"));
    for await (const chunk of reader.stdout) options.onOutput(chunk);
    await machine.exited;
    const status = readFileSync(statusFile, "utf8").trim();
    if (status !== "") return Number(status);
    const last = existsSync(log) ? readFileSync(log, "utf8").split("\n").slice(-20).join("\n") : "";
    const end = machine.signalCode === null ? `qemu ended with ${machine.exitCode}` : `it was stopped by ${machine.signalCode}`;
    throw new Error(`the virtual machine said nothing of the command's end: ${end}; its console:\n${last}`);
  } finally {
    server.kill("SIGKILL");
    await server.exited;
    rmSync(folder, { recursive: true });
  }
}

function makeDisk(file: string): void {
  must(["truncate", "--size=8G", file]);
  must(["mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-E", "lazy_itable_init=1,nodiscard", "-m", "0", file]);
}

/** Serves the host's / on a socket in `folder`, without a way to write to it. */
async function serveRoot(folder: string): Promise<Bun.Subprocess> {
  const [server, flags] = serverCommand();
  const [view, socket] = [join(folder, "view"), join(folder, "socket")];
  mkdirSync(view);
  // In a mount namespace of its own, so nothing is left of it when the server ends.
  const script = 'mount --rbind / "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"';
  const child = Bun.spawn(
    ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", view, server, `--socket-path=${socket}`, ...flags(view)],
    {
      stdio: ["ignore", Bun.file(join(folder, "server.log")), Bun.file(join(folder, "server.log"))],
    },
  );
  for (let waited = 0; !existsSync(socket); waited += 20) {
    if (child.exitCode !== null || waited > 10_000) {
      child.kill("SIGKILL");
      throw new Error(`${server} does not serve /: ${readFileSync(join(folder, "server.log"), "utf8")}`);
    }
    await Bun.sleep(20);
  }
  return child;
}

/** The server of qemu's authors, which Debian has up to release 12, and the one that took its place, with other flags. */
function serverCommand(): [string, (folder: string) => string[]] {
  const [own, later] = ["/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd"];
  if (existsSync(later)) return [later, (folder) => [`--shared-dir=${folder}`, "--cache=always", "--sandbox=namespace", "--xattr"]];
  if (!existsSync(own)) throw new Error("this machine lacks virtiofsd (Debian package virtiofsd, or qemu-system-common up to Debian 12)");
  return [own, (folder) => ["-o", `source=${folder}`, "-o", "cache=always", "-o", "sandbox=namespace", "-o", "xattr"]];
}

type Paths = [command: string, log: string, output: string, status: string];

/** AppArmor, or SELinux in its place where BOX_VM_LSM says so: the kernel takes one of the two. */
function securityModules(): string[] {
  const chosen = process.env.BOX_VM_LSM ?? "apparmor";
  if (chosen === "apparmor") return ["lsm=landlock,lockdown,yama,apparmor,bpf"];
  if (chosen === "selinux") return ["security=selinux", "selinux=1", "apparmor=0"];
  throw new Error(`BOX_VM_LSM: expected apparmor or selinux, got ${JSON.stringify(chosen)}`);
}

function qemuCommand(kernel: Kernel, folder: string, memoryMb: number): string[] {
  const line = [
    ...["console=ttyS0", "quiet", "panic=-1", "mitigations=off", "tsc=unstable", "nokaslr", "random.trust_cpu=on"],
    ...["cgroup_no_v1=all", ...securityModules()],
    ...[`box.repository=${repository}`, `box.modules=${kernel.modules}`, `box.command=${join(folder, "command")}`],
  ];
  const port = (name: string): string[] => [
    ...["-chardev", `file,id=${name},path=${join(folder, name)}`, "-device", `virtserialport,chardev=${name},name=${name}`],
  ];
  return [
    ...["qemu-system-x86_64", "-M", "q35,usb=off,memory-backend=memory", "-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max"],
    ...["-smp", "2", "-m", String(memoryMb), "-object", `memory-backend-memfd,id=memory,size=${memoryMb}M,share=on`],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", `file:${join(folder, "console")}`],
    ...["-kernel", kernel.image, "-initrd", kernel.initramfs, "-append", line.join(" ")],
    ...["-chardev", `socket,id=root,path=${join(folder, "socket")}`, "-device", "vhost-user-fs-pci,queue-size=1024,chardev=root,tag=host"],
    ...[
      "-drive",
      `if=none,id=disk,file=${join(folder, "disk")},format=raw,cache=unsafe,discard=unmap`,
      "-device",
      "virtio-blk-pci,drive=disk",
    ],
    ...["-device", "virtio-serial-pci", ...port("output"), ...port("status")],
  ];
}
