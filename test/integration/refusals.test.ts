// What box refuses: the whole message, the exit code, and nothing left behind.

import { expect } from "bun:test";
import { chmodSync, cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { Bundle, binary, execute, machine, type Outcome, type RichSpec, testWith, withoutPlaces } from "./harness.ts";

const test = testWith();
const REFUSED = 1;
const FAILED = 125;
const CANNOT_EXECUTE = 126;
const NOT_FOUND = 127;

/** `FOLDER` and `ID` in the message stand for the bundle's; the places are told one by one in validate.test.ts. */
function refused(title: string, attempt: (bundle: Bundle) => Promise<Outcome>, exitCode: number, ...message: readonly string[]): void {
  test(title, async () => {
    using bundle = new Bundle();
    const before = machine(bundle);
    const outcome = await attempt(bundle);
    const text = withoutPlaces(outcome).stderr.replaceAll(bundle.folder, "FOLDER").replaceAll(bundle.id, "ID");
    expect({ ...outcome, stderr: text }).toEqual({ exitCode, stdout: "", stderr: message.map((line) => `${line}\n`).join("") });
    expect(machine(bundle)).toEqual(before);
  });
}

/** The bundle's program is `true` unless the change says otherwise. */
const changed =
  (change: (spec: RichSpec) => void) =>
  async (bundle: Bundle): Promise<Outcome> => {
    bundle.change((spec) => {
      spec.process.args = ["true"];
      change(spec);
    });
    return await bundle.box(["run", bundle.id]);
  };

refused(
  "misspelt keys, all of them at once",
  changed((spec) => {
    Object.assign(spec, { hostnam: "x" });
    Object.assign(spec.process, { cwdd: "/" });
    Object.assign(spec.linux, { zzz: 1 });
  }),
  FAILED,
  'box: process.cwdd: unknown key, did you mean "cwd"?',
  "box: linux.zzz: unknown key",
  'box: hostnam: unknown key, did you mean "hostname"?',
);
refused(
  "args that are a string",
  changed((spec) => Object.assign(spec.process, { args: "sh -c true" })),
  FAILED,
  'box: process.args: expected an array of strings, got "sh -c true"',
);
refused(
  "no args",
  changed((spec) => (spec.process.args = [])),
  FAILED,
  "box: process.args: expected at least one entry, got []",
);
refused(
  "a relative cwd",
  changed((spec) => (spec.process.cwd = "srv")),
  FAILED,
  'box: process.cwd: expected an absolute path, got "srv"',
);
refused(
  "a user namespace without maps",
  changed((spec) => spec.linux.namespaces.push({ type: "user" })),
  FAILED,
  "box: linux.uidMappings: missing: a new user namespace needs a map of ids",
  "box: linux.gidMappings: missing: a new user namespace needs a map of ids",
);
refused(
  "the host's mount namespace",
  changed((spec) => (spec.linux.namespaces = spec.linux.namespaces.filter(({ type }) => type !== "mount"))),
  FAILED,
  "box: linux.namespaces: has no mount namespace, and box makes no container without",
);

refused(
  "a missing rootfs",
  changed((spec) => (spec.root.path = "nowhere")),
  FAILED,
  'box: root.path: cannot open the root folder FOLDER/nowhere: openat(AT_FDCWD, "FOLDER/nowhere", O_PATH|O_DIRECTORY|O_CLOEXEC, 0): ENOENT (no such file or directory)',
  "hint: root.path is relative to the bundle's folder; unpack the image's files there first",
);
refused(
  "a rootfs that is a file",
  changed((spec) => (spec.root.path = "config.json")),
  FAILED,
  'box: root.path: cannot open the root folder FOLDER/config.json: openat(AT_FDCWD, "FOLDER/config.json", O_PATH|O_DIRECTORY|O_CLOEXEC, 0): ENOTDIR (not a directory)',
);

const withMount = (mount: RichSpec["mounts"][number]) => changed((spec) => spec.mounts.push(mount));
refused(
  "a missing mount source",
  withMount({ destination: "/tmp", type: "bind", source: "/no/such", options: ["bind"] }),
  FAILED,
  'box: mounts[7]: cannot bind /no/such to /tmp: open_tree(AT_FDCWD, "/no/such", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC): ENOENT (no such file or directory)',
  'hint: the source "/no/such" does not exist on the host',
);
refused(
  "an unknown option of a filesystem",
  withMount({ destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["nosuidd"] }),
  FAILED,
  'box: mounts[7]: cannot mount tmpfs on /tmp: fsconfig(mount context, FSCONFIG_SET_FLAG, "nosuidd", NULL, 0): EINVAL (invalid argument)',
  "hint: the kernel says: tmpfs: Unknown parameter 'nosuidd'",
);
refused(
  "a wrong value of an option",
  withMount({ destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["size=abc"] }),
  FAILED,
  'box: mounts[7]: cannot mount tmpfs on /tmp: fsconfig(mount context, FSCONFIG_SET_STRING, "size", "abc", 0): EINVAL (invalid argument)',
  "hint: the kernel says: tmpfs: Bad value for 'size'",
);
refused(
  "an unknown option of a bind",
  withMount({ destination: "/tmp", type: "bind", source: "/tmp", options: ["bind", "nosuidd"] }),
  FAILED,
  'box: mounts[7].options[1]: expected an option of a bind mount, got "nosuidd"',
  'hint: did you mean "nosuid"?',
);
const far = `/no/such/${"far".repeat(90)}`;
refused(
  "an overlay with a layer that does not exist",
  withMount({ destination: "/mnt", type: "overlay", source: "overlay", options: ["lowerdir=/no/such:/no/other"] }),
  FAILED,
  'box: mounts[7]: cannot mount overlay on /mnt: fsconfig(mount context, FSCONFIG_SET_STRING, "lowerdir", "/no/such:/no/other", 0): ENOENT (no such file or directory)',
  "hint: one of lowerdir, upperdir and workdir does not exist",
);
refused(
  "the same with a name that takes mount(2)",
  withMount({ destination: "/mnt", type: "overlay", source: "overlay", options: [`lowerdir=${far}:/no/other`] }),
  FAILED,
  `box: mounts[7]: cannot mount overlay on /mnt: mount("overlay", ".", "overlay", 0, "lowerdir=${far}:/no/other"): ENOENT (no such file or directory)`,
  "hint: one of lowerdir, upperdir and workdir does not exist",
);
refused(
  "more options than the kernel reads",
  withMount({ destination: "/mnt", type: "overlay", source: "overlay", options: [`lowerdir=${Array(20).fill(far).join(":")}`] }),
  FAILED,
  "box: mounts[7].options: has 5608 bytes of options for overlay, and the kernel takes 4095",
  "hint: shorter paths help, such as links to the layers",
);
refused(
  "an unknown option by mount(2)",
  withMount({ destination: "/mnt", type: "tmpfs", source: "tmpfs", options: ["silent", "nosuidd"] }),
  FAILED,
  'box: mounts[7]: cannot mount tmpfs on /mnt: mount("tmpfs", ".", "tmpfs", MS_SILENT, "nosuidd"): EINVAL (invalid argument)',
);
refused(
  "an unknown filesystem",
  withMount({ destination: "/tmp", type: "tmpfss", source: "tmpfs" }),
  FAILED,
  'box: mounts[7]: cannot mount tmpfss on /tmp: fsopen("tmpfss", FSOPEN_CLOEXEC): ENODEV (no such device)',
  "hint: this kernel has no filesystem of that type",
);
const openFolder = (path: string): string =>
  `openat2(root, "${path}", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24)`;
refused(
  "a mount over a file",
  withMount({ destination: "/etc/passwd", type: "tmpfs", source: "tmpfs" }),
  FAILED,
  `box: mounts[7]: cannot open /etc/passwd in the container's root: ${openFolder("etc/passwd")}: ENOTDIR (not a directory)`,
);
refused(
  "a destination behind a link of another mount that leads nowhere",
  async (bundle) => {
    mkdirSync(`${bundle.folder}/data`);
    symlinkSync("/nowhere", `${bundle.folder}/data/link`);
    return await changed((spec) =>
      spec.mounts.push(
        { destination: "/mnt", type: "bind", source: "data", options: ["bind"] },
        { destination: "/mnt/link/x", type: "tmpfs", source: "tmpfs" },
      ),
    )(bundle);
  },
  FAILED,
  `box: mounts[8]: cannot open /mnt/link in the container's root: ${openFolder("mnt/link")}: ENOENT (no such file or directory)`,
  "hint: there is a symbolic link in it that leads nowhere in the container's root",
);
refused(
  "a destination behind a link to itself",
  async (bundle) => {
    symlinkSync("link", `${bundle.rootfs}/link`);
    return await withMount({ destination: "/link/x", type: "tmpfs", source: "tmpfs" })(bundle);
  },
  FAILED,
  `box: mounts[7]: cannot open /link/x in the container's root: ${openFolder("link/x")}: ELOOP (too many levels of symbolic links)`,
  "hint: it has too many links in it, or one of the kernel's such as /proc/self/fd, which box never follows",
);
refused(
  "a host name that is too long for the kernel",
  (bundle) => bundle.box(["run", "--hostname", "é".repeat(33), bundle.id, "true"]),
  FAILED,
  `box: hostname: cannot set the host name to ${"é".repeat(33)}: sethostname("${"é".repeat(33)}", 66): EINVAL (invalid argument)`,
  "hint: the kernel takes 64 bytes at most",
);

/** Runs a file of the root with these contents. */
const running =
  (contents: string | undefined, mode: number, name = "/bin/plain") =>
  async (bundle: Bundle): Promise<Outcome> => {
    if (contents !== undefined) writeFileSync(`${bundle.rootfs}/bin/plain`, contents, { mode });
    return await bundle.run([name]);
  };
refused(
  "a missing binary",
  running(undefined, 0),
  NOT_FOUND,
  'box: process.args[0]: cannot execute /bin/plain: faccessat2(AT_FDCWD, "/bin/plain", X_OK, AT_EACCESS): ENOENT (no such file or directory)',
);
refused(
  "a missing binary by its bare name",
  running(undefined, 0, "plain"),
  NOT_FOUND,
  "box: process.args[0]: cannot execute plain: executable file not found in $PATH",
);
refused(
  "a file without the right to execute it",
  running("#!/bin/sh\n", 0o644),
  CANNOT_EXECUTE,
  'box: process.args[0]: cannot execute /bin/plain: faccessat2(AT_FDCWD, "/bin/plain", X_OK, AT_EACCESS): EACCES (permission denied)',
);
refused(
  "the same by its bare name",
  running("#!/bin/sh\n", 0o644, "plain"),
  CANNOT_EXECUTE,
  "box: process.args[0]: cannot execute plain: EACCES (permission denied)",
  "hint: a folder of $PATH has a file of that name, but it may not be executed",
);
refused("a folder", running(undefined, 0, "/etc"), CANNOT_EXECUTE, "box: process.args[0]: cannot execute /etc: EACCES (permission denied)");
refused(
  "a file that is no executable",
  running("hello\n", 0o755),
  CANNOT_EXECUTE,
  'box: process.args[0]: cannot execute /bin/plain: execve("/bin/plain", ["/bin/plain"], 3 variables): ENOEXEC (exec format error)',
  'hint: the file is neither an ELF executable for this machine nor a script that begins with "#!"',
);
refused(
  "an empty file",
  running("", 0o755, "plain"),
  CANNOT_EXECUTE,
  'box: process.args[0]: cannot execute plain: execve("/bin/plain", ["plain"], 3 variables): ENOEXEC (exec format error)',
  "hint: the file is empty",
);
refused(
  "a script whose interpreter is missing",
  running("#! /no/such -x\n", 0o755, "plain"),
  NOT_FOUND,
  'box: process.args[0]: cannot execute plain: execve("/bin/plain", ["plain"], 3 variables): ENOENT (no such file or directory)',
  'hint: the script names the interpreter "/no/such", which does not exist in the container\'s root',
);
refused(
  "a program whose loader is missing",
  async (bundle) => {
    cpSync("/bin/ls", `${bundle.rootfs}/bin/plain`);
    chmodSync(`${bundle.rootfs}/bin/plain`, 0o755);
    return await bundle.run(["/bin/plain"]);
  },
  NOT_FOUND,
  'box: process.args[0]: cannot execute /bin/plain: execve("/bin/plain", ["/bin/plain"], 3 variables): ENOENT (no such file or directory)',
  "hint: the program is there, but the dynamic loader that it names is not in the container's root",
);

/** A config.json that is no such thing. */
const withConfig =
  (make: (path: string) => void) =>
  async (bundle: Bundle): Promise<Outcome> => {
    rmSync(`${bundle.folder}/config.json`);
    make(`${bundle.folder}/config.json`);
    return await bundle.box(["run", bundle.id]);
  };
const notJson = "box: not JSON: JSON Parse error:";
const unreadable = "box: bundle: cannot read FOLDER/config.json:";
refused(
  "an empty config.json",
  withConfig((path) => writeFileSync(path, "")),
  FAILED,
  `${notJson} Unexpected EOF`,
);
refused(
  "a config.json with a slip",
  withConfig((path) => writeFileSync(path, '{"ociVersion": "1.0.2",}')),
  FAILED,
  `${notJson} Property name must be a string literal`,
);
refused(
  "a config.json of bytes",
  withConfig((path) => writeFileSync(path, new Uint8Array([0xff, 0, 1]))),
  FAILED,
  `${notJson} Unrecognized token '\ufffd'`,
);
refused(
  "a config.json that says null",
  withConfig((path) => writeFileSync(path, "null")),
  FAILED,
  "box: expected an object, got null",
);
refused(
  "a config.json that says nothing",
  withConfig((path) => writeFileSync(path, "{}")),
  FAILED,
  "box: ociVersion: missing, expected a version of the runtime spec from 1.0.0 to 1.3",
  "box: root: missing, expected an object",
);
refused(
  "no config.json",
  withConfig(() => {}),
  FAILED,
  `${unreadable} ENOENT (no such file or directory)`,
);
refused(
  "a config.json that is a folder",
  withConfig((path) => mkdirSync(path)),
  FAILED,
  `${unreadable} EISDIR (is a directory)`,
);
refused(
  "a config.json that is a FIFO",
  withConfig((path) => Bun.spawnSync(["mkfifo", path])),
  FAILED,
  `${notJson} Unexpected EOF`,
);
refused(
  "a config.json that never ends",
  withConfig((path) => symlinkSync("/dev/zero", path)),
  FAILED,
  `${unreadable} EFBIG (file too large)`,
);
refused(
  "a config.json of 17 MB",
  withConfig((path) => writeFileSync(path, `"${"x".repeat(17 * 1024 * 1024)}"`)),
  FAILED,
  `${unreadable} EFBIG (file too large)`,
);
refused(
  "a missing bundle",
  async (bundle) => await bundle.box(["run", "-b", "/no/such", bundle.id]),
  FAILED,
  "box: bundle: cannot read /no/such/config.json: ENOENT (no such file or directory)",
);

const box =
  (...args: readonly string[]) =>
  async (bundle: Bundle): Promise<Outcome> =>
    await bundle.box(args.map((word) => word.replace("ID", bundle.id).replace("FOLDER", bundle.folder)));
refused("an id with a slash", box("run", "a/b"), FAILED, 'box: container id "a/b" has a slash: an id is a plain name, not a path');
refused(
  "an id that is ..",
  box("run", ".."),
  FAILED,
  'box: container id ".." starts with ".": the first character must be a letter, a digit or "_"',
);
refused("no id", box("run"), FAILED, "box: a container id is missing", "hint: box run ID, or box run -- COMMAND for one without a bundle");
refused("an unknown flag", box("run", "--bundel", "x", "ID"), FAILED, "box: unknown flag --bundel", "hint: box run --help lists the flags");
refused("an unknown global flag", box("--rooot", "x", "run"), REFUSED, "box: unknown flag --rooot", "hint: box --help lists the flags");
refused(
  "a flag without its value",
  box("run", "--bundle"),
  FAILED,
  "box: flag --bundle needs a value: DIR",
  "hint: box run --help lists the flags",
);
refused(
  "a value for a switch",
  box("run", "--read-only=yes", "ID"),
  FAILED,
  "box: flag --read-only takes no value",
  "hint: box run --help lists the flags",
);
refused("an unknown command", box("rum", "ID"), REFUSED, "box: unknown command rum", "hint: box --help lists the commands");
for (const word of ["constructor", "toString", "__proto__"])
  refused(`the unknown command ${word}`, box(word, "ID"), REFUSED, `box: unknown command ${word}`, "hint: box --help lists the commands");
refused(
  "help for an unknown command",
  box("help", "constructor"),
  REFUSED,
  "box: unknown command constructor",
  "hint: box --help lists the commands",
);
refused("delete of nothing", box("delete"), REFUSED, "box: a container id is missing", "hint: box delete [--force] ID…");
refused("delete of what does not exist", box("delete", "ID"), REFUSED, "box: id: the container ID does not exist");
refused(
  "spec over a config.json",
  box("spec"),
  REFUSED,
  "box: FOLDER/config.json exists already",
  "hint: remove it, or choose another folder with --bundle",
);
refused(
  "spec into no folder",
  box("spec", "-b", "/no/such"),
  REFUSED,
  "box: cannot write /no/such/config.json: ENOENT (no such file or directory)",
);

const withStates =
  (root: string) =>
  async (bundle: Bundle): Promise<Outcome> =>
    await execute([binary, "--root", root.replace("FOLDER", bundle.folder), "run", bundle.id], { cwd: bundle.folder });
refused(
  "a state root that cannot be made",
  withStates("/proc/nowhere"),
  FAILED,
  'box: --root: cannot make the folder /proc/nowhere: mkdirat(AT_FDCWD, "/proc/nowhere", 0711): ENOENT (no such file or directory)',
);
refused(
  "a state root that is a file",
  withStates("FOLDER/config.json"),
  FAILED,
  'box: --root: cannot open the folder FOLDER/config.json: openat(AT_FDCWD, "FOLDER/config.json", O_PATH|O_DIRECTORY|O_CLOEXEC, 0): ENOTDIR (not a directory)',
);

test("an id that is in use, and the container goes on", async () => {
  using bundle = new Bundle();
  using running = await bundle.startSh("trap 'exit 3' TERM; echo ready; while :; do sleep 0.01; done");
  const before = machine(bundle);
  expect(await bundle.box(["run", bundle.id])).toEqual({
    exitCode: FAILED,
    stdout: "",
    stderr: `box: id: the container ${bundle.id} already exists\nhint: box delete --force ${bundle.id} ends and removes it\n`,
  });
  const withoutSleeps = ({ processes, ...rest }: typeof before) => ({
    ...rest,
    processes: processes.filter((one) => !one.endsWith(" sleep")),
  });
  expect(withoutSleeps(machine(bundle))).toEqual(withoutSleeps(before));
  process.kill(running.pid, "SIGTERM");
  expect((await running.outcome()).exitCode).toBe(3);
});

test("a state folder with garbage in place of the state is cleared away by run, and by delete", async () => {
  using bundle = new Bundle();
  for (const args of [
    ["run", bundle.id],
    ["delete", bundle.id],
    ["delete", "--force", bundle.id],
  ]) {
    mkdirSync(`${bundle.states}/${bundle.id}`, { recursive: true });
    writeFileSync(`${bundle.states}/${bundle.id}/state.json`, '{"id": "x", "box": {"cgroups": [{"version": 1, "path": "/etc"}]');
    bundle.change((spec) => (spec.process.args = ["true"]));
    expect(await bundle.box(args)).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    expect(machine(bundle).states).toEqual([]);
  }
});

for (const [title, make, message] of [
  [
    "a state folder with a file that is not box's",
    (path: string) => {
      mkdirSync(path, { recursive: true });
      writeFileSync(`${path}/mine`, "");
    },
    (path: string) =>
      `box: id: cannot remove ${path}: ENOTEMPTY (directory not empty)\nhint: there is something in it that box did not put there\n`,
  ],
  [
    "a file in place of the state folder",
    (path: string) => writeFileSync(path, ""),
    (path: string) => `box: id: cannot open the state folder ${path}: ENOTDIR (not a directory)\n`,
  ],
] as const)
  for (const command of ["run", "delete"])
    test(`${command}: ${title}`, async () => {
      using bundle = new Bundle();
      const path = `${bundle.states}/${bundle.id}`;
      mkdirSync(bundle.states);
      make(path);
      expect(await bundle.box([command, bundle.id])).toEqual({
        exitCode: command === "run" ? FAILED : REFUSED,
        stdout: "",
        stderr: message(path),
      });
      rmSync(path, { recursive: true });
    });

test("names from a bundle cannot write to the terminal through a message", async () => {
  using bundle = new Bundle();
  expect((await bundle.run(["/bin/\u001b[31m\nred"])).stderr).toBe(
    'box: process.args[0]: cannot execute /bin/\\u{1b}[31m\\nred: faccessat2(AT_FDCWD, "/bin/\\u{1b}[31m\\nred", X_OK, AT_EACCESS): ENOENT (no such file or directory)\n',
  );
});

/** More than box's own tape has room for, and more than the child's. */
for (const [title, change, room] of [
  ["devices to move", ({ linux }) => (linux.netDevices = Object.fromEntries(names(2000).map((name) => [name, {}]))), 0xf_f000],
  ["paths to mask", ({ linux }) => (linux.maskedPaths = names(5000).map((name) => `/${name}`)), 0x40_0000],
] as const satisfies readonly (readonly [string, (spec: RichSpec) => unknown, number])[])
  test(`more ${title} than there is room for`, async () => {
    using bundle = new Bundle();
    const before = machine(bundle);
    const { exitCode, stdout, stderr } = await changed(change)(bundle);
    expect([exitCode, stdout, stderr.replace(/take [1-9]\d* bytes/, "take N bytes")]).toEqual([
      FAILED,
      "",
      `box: too much is asked for: the steps to do it take N bytes, and there is room for ${room}\n`,
    ]);
    expect(machine(bundle)).toEqual(before);
  });

function names(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `n${index}`);
}
