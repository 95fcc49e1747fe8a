// box run [flags] -- COMMAND: this machine's / as a copy-on-write root; and the same flags over a bundle.

import { expect } from "bun:test";
import { existsSync, mkdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { Bundle, linesOf, machine, type Outcome, type RunOptions, testWith } from "./harness.ts";

const test = testWith();

/** Runs a command without a bundle. `bundle` only lends its state folder. */
async function embedded(bundle: Bundle, flags: readonly string[], command: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const before = machine(bundle);
  const outcome = await bundle.box(["run", ...flags, "--", ...command], options);
  expect(machine(bundle)).toEqual(before);
  return outcome;
}

/** Lines of a script's output, which must succeed. */
async function lines(bundle: Bundle, flags: readonly string[], script: string, options: RunOptions = {}): Promise<string[]> {
  const { exitCode, stdout, stderr } = await embedded(bundle, flags, ["/bin/sh", "-c", script], options);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  return linesOf(stdout);
}

test("the command sees this machine's files and its own namespaces", async () => {
  using bundle = new Bundle();
  writeFileSync(`${bundle.folder}/seen`, "from the host\n");
  const names = ["pid", "mnt", "ipc", "uts", "net", "cgroup", "user"];
  const [file, pid, ...namespaces] = await lines(
    bundle,
    [],
    `cat ${bundle.folder}/seen; echo $$; for n in ${names.join(" ")}; do readlink /proc/self/ns/$n; done`,
  );
  expect([file, pid]).toEqual(["from the host", "1"]);
  expect(names.filter((name, index) => namespaces[index] === readlinkSync(`/proc/self/ns/${name}`))).toEqual(["user"]);
});

test("exit code, and words after -- that look like flags", async () => {
  using bundle = new Bundle();
  expect(await embedded(bundle, ["--rm"], ["sh", "-c", 'echo "$@"; exit 9', "sh", "-e", "--rm"])).toEqual({
    exitCode: 9,
    stdout: "-e --rm\n",
    stderr: "",
  });
});

test("what is written is gone afterwards and never on the host", async () => {
  using bundle = new Bundle();
  const script = `echo x > ${bundle.folder}/new && rm -r ${bundle.rootfs} && mkdir /made-inside && ls -d /made-inside ${bundle.folder}/new`;
  expect(await lines(bundle, [], script)).toEqual(["/made-inside", `${bundle.folder}/new`]);
  expect(["/made-inside", `${bundle.folder}/new`, `${bundle.rootfs}/bin/sh`].map((path) => existsSync(path))).toEqual([false, false, true]);
  expect(await lines(bundle, [], `ls -d /made-inside ${bundle.rootfs}/bin/sh 2>/dev/null; true`)).toEqual([`${bundle.rootfs}/bin/sh`]);
});

test("--read-only", async () => {
  using bundle = new Bundle();
  expect(await lines(bundle, ["--read-only"], "touch /etc/new 2>&1; true")).toEqual([
    "touch: cannot touch '/etc/new': Read-only file system",
  ]);
});

test("-e NAME=value, -e NAME, and nothing else of the caller's", async () => {
  using bundle = new Bundle();
  const { stdout } = await embedded(bundle, ["-e", "A=1=2", "-e", "PASSED", "--env=B=", "-e", "UNSET_ONE"], ["/usr/bin/env"], {
    env: { PASSED: "on", SECRET: "x", TERM: "dumb" },
  });
  expect(linesOf(stdout).toSorted()).toEqual([
    "A=1=2",
    "B=",
    "HOME=/root",
    "PASSED=on",
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "TERM=dumb",
  ]);
});

test("-e replaces an earlier value", async () => {
  using bundle = new Bundle();
  expect((await embedded(bundle, ["-e", "PATH=/bin", "-e", "X=1", "-e", "X=2"], ["sh", "-c", "echo $PATH $X"])).stdout).toBe("/bin 2\n");
});

test("-w, -h", async () => {
  using bundle = new Bundle();
  expect(await lines(bundle, ["-w", "/usr/bin", "-h", "web"], "pwd; uname -n")).toEqual(["/usr/bin", "web"]);
});

for (const [user, seen] of [
  ["nobody", "65534 65534"],
  ["nobody:daemon", "65534 1"],
  ["1234", "1234 0"],
  ["1234:5678", "1234 5678"],
  ["0:5", "0 5"],
] as const)
  test(`-u ${user}`, async () => {
    using bundle = new Bundle();
    expect(await lines(bundle, ["-u", user], "echo $(id -u) $(id -g)")).toEqual([seen]);
  });

test("-v SRC:DST and -v SRC:DST:ro", async () => {
  using bundle = new Bundle();
  for (const name of ["a", "b"]) mkdirSync(`${bundle.folder}/${name}`);
  const flags = ["-v", `${bundle.folder}/a:/mnt/a`, "-v", "./b:/mnt/b:ro"];
  expect(await lines(bundle, flags, "echo x > /mnt/a/written; touch /mnt/b/x 2>&1; true")).toEqual([
    "touch: cannot touch '/mnt/b/x': Read-only file system",
  ]);
  expect([existsSync(`${bundle.folder}/a/written`), existsSync("/mnt/a"), existsSync("/mnt/b")]).toEqual([true, false, false]);
});

test("--net host and --net none", async () => {
  using bundle = new Bundle();
  const own = readlinkSync("/proc/self/ns/net");
  expect(await lines(bundle, ["--net", "host"], "readlink /proc/self/ns/net")).toEqual([own]);
  expect((await lines(bundle, ["--net=none"], "readlink /proc/self/ns/net"))[0]).not.toBe(own);
});

test("--rootfs DIR: a folder instead of this machine's /", async () => {
  using bundle = new Bundle();
  expect(await lines(bundle, ["--rootfs", bundle.rootfs], "ls /; cat /etc/passwd | wc -l")).toEqual([
    ..."bin dev etc proc root sys tmp".split(" "),
    "2",
  ]);
  expect(await lines(bundle, ["--rootfs", "rootfs", "-u", "user"], "id -u; id -g; echo $HOME")).toEqual(["1000", "1001", "/home/user"]);
});

test("the host's mounts below / are not in the view, and the host's /proc and /sys not reachable", async () => {
  using bundle = new Bundle();
  const points = await lines(bundle, [], "cut -d' ' -f5 /proc/self/mountinfo");
  expect(points.filter((point) => !/^\/$|^\/(proc|dev|sys)(\/|$)/.test(point))).toEqual([]);
});

const refusals: [flags: string[], message: string][] = [
  [["-v", "/a"], 'box: --volume: expected SRC:DST[:ro] with an absolute DST, got "/a"\n'],
  [["-v", "/a:b"], 'box: --volume: expected SRC:DST[:ro] with an absolute DST, got "/a:b"\n'],
  [["-w", "x"], 'box: --workdir: expected an absolute path, got "x"\n'],
  [["-e", "=x"], 'box: --env: expected NAME=VALUE, got "=x"\n'],
  [["--net", "bridge"], 'box: --net: expected none, new, host, container:ID, pid:NUMBER or an absolute path, got "bridge"\n'],
  [["-u", "who"], 'box: --user: the root\'s passwd knows no user "who"\n'],
  [["-u", "0:who"], 'box: --user: the root\'s group file knows no group "who"\n'],
  [["-u", "-1"], 'box: --user: the root\'s passwd knows no user "-1"\n'],
  [["-u", "4294967295"], 'box: --user: the root\'s passwd knows no user "4294967295"\n'],
];
for (const [flags, stderr] of refusals)
  test(`refused: ${flags.join(" ")}`, async () => {
    using bundle = new Bundle();
    expect(await embedded(bundle, flags, ["true"])).toEqual({ exitCode: 125, stdout: "", stderr });
  });

test("no command", async () => {
  using bundle = new Bundle();
  expect(await embedded(bundle, [], [], { stdin: "echo from the shell\n" })).toEqual({
    exitCode: 0,
    stdout: "from the shell\n",
    stderr: "",
  });
});

test("over a bundle, flags win over its configuration", async () => {
  using bundle = new Bundle((spec) => (spec.process.env = ["A=bundle", "B=bundle"]));
  const other = `${bundle.folder}/other`;
  mkdirSync(other);
  writeFileSync(`${other}/file`, "shared\n");
  const flags = ["-b", bundle.folder, "-e", "A=flag", "-w", "/tmp", "-u", "user", "-h", "flag", "-v", `${other}:/tmp/other:ro`];
  const script = "echo $A $B $(pwd) $(id -u):$(id -g):$(id -G) $(hostname) $(cat /tmp/other/file)";
  expect(await bundle.box(["run", ...flags, bundle.id, "/bin/sh", "-c", script])).toEqual({
    exitCode: 0,
    stdout: "flag bundle /tmp 1000:1001:1001 1002 flag shared\n",
    stderr: "",
  });
});

test("over a bundle that shares the host's name, -h is refused", async () => {
  using bundle = new Bundle((spec) => {
    spec.linux.namespaces = spec.linux.namespaces.filter(({ type }) => type !== "uts");
    delete spec.hostname;
  });
  expect(await bundle.box(["run", "-h", "x", bundle.id, "true"])).toEqual({
    exitCode: 125,
    stdout: "",
    stderr: "box: --hostname: needs a uts namespace in linux.namespaces\n",
  });
});

test("over a bundle, --read-only, --net host and another --rootfs", async () => {
  using bundle = new Bundle((spec) => (spec.root.readonly = false));
  using other = new Bundle();
  const flags = ["--read-only", "--net", "host", "--rootfs", other.rootfs];
  writeFileSync(`${other.rootfs}/etc/whose`, "other\n");
  rmSync(`${bundle.rootfs}/bin`, { recursive: true });
  const script = "cat /etc/whose; readlink /proc/self/ns/net; touch /x 2>&1; true";
  expect(linesOf((await bundle.box(["run", ...flags, bundle.id, "sh", "-c", script])).stdout)).toEqual([
    "other",
    readlinkSync("/proc/self/ns/net"),
    "touch: /x: Read-only file system",
  ]);
});
