// box bundle as a user has it: from every kind of source to a bundle that runs, and what is left when it does not get so far.

import { afterAll, describe, expect } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { zstdCompressSync } from "node:zlib";
import type { Spec } from "../../src/config/spec.ts";
import { describeTree } from "../bundle/describe-tree.ts";
import { archiveOf, dockerOf, layoutOf, sha256, type TestImage, writeFiles } from "../bundle/make-image.ts";
import { type TestEntry, tarOf } from "../bundle/make-tar.ts";
import { peakUntilEnd } from "../bundle/peak-memory.ts";
import { rootTar } from "../clients/image.ts";
import { asUser, Bundle, binary, execute, type Outcome, Running, type RunOptions, testWith, until, userId } from "./harness.ts";

const test = testWith();
const testWithUsers = testWith("setpriv");

/** A folder for sources and bundles. */
class Place implements Disposable {
  readonly folder = mkdtempSync(`${tmpdir()}/box-bundle-test-`);

  constructor() {
    chmodSync(this.folder, 0o777);
  }

  write(name: string, bytes: Uint8Array | string): string {
    writeFileSync(`${this.folder}/${name}`, bytes);
    return name;
  }

  async box(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return await execute([binary, "bundle", ...args], { cwd: this.folder, limitMs: 60_000, ...options });
  }

  /** Makes the bundle `out` and says what is in its root; nothing else may be said. */
  async made(...args: readonly string[]): Promise<string[]> {
    expect(await this.box([...args, "out"])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    const lines = describeTree(`${this.folder}/out/rootfs`);
    expect(readdirSync(`${this.folder}/out`).sort()).toEqual(["config.json", "rootfs"]);
    rmSync(`${this.folder}/out`, { recursive: true });
    return lines;
  }

  /** What it says as it fails; it may leave nothing. */
  async refusal(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const before = readdirSync(this.folder);
    const { exitCode, stdout, stderr } = await this.box(args, options);
    expect({ exitCode, stdout, left: readdirSync(this.folder) }).toEqual({ exitCode: 1, stdout: "", left: before });
    return stderr;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}

const root: readonly TestEntry[] = [
  { path: "./", mode: 0o755, mtime: 1 },
  { path: "./etc/", mode: 0o711, mtime: 2 },
  { path: "./etc/passwd", content: "root:x:0:0::/:/bin/sh\nuser:x:1000:1001::/:/bin/sh\n", uid: 3, gid: 4, mtime: 3 },
  { path: "./etc/again", type: "1", link: "./etc/passwd" },
  { path: "./link", type: "2", link: "/etc/passwd", mtime: 4 },
  { path: "./set", content: "x".repeat(100_000), mode: 0o6711, mtime: 5 },
  { path: "./null", type: "3", major: 1, minor: 3, mode: 0o666, mtime: 6 },
];

test("names of an image's files that are something else in a root do not make it one, and devices are not opened", async () => {
  using place = new Place();
  // No machine has a driver for this device, so to open it would fail.
  const entries: TestEntry[] = [
    { path: "index.json", type: "3", major: 240, minor: 77 },
    { path: "manifest.json/", mode: 0o755 },
    { path: "manifest.json/again", type: "2", link: "again" },
  ];
  expect(await place.made(place.write("root.tar", tarOf(entries)))).toHaveLength(4);
});

describe("the same root comes out of", () => {
  const bytes = tarOf(root);
  const expected = async (place: Place): Promise<string[]> => await place.made(place.write("plain.tar", bytes));

  test("gzip and zstd, files and pipes, also in several parts", async () => {
    using place = new Place();
    const lines = await expected(place);
    expect(lines).toHaveLength(7);
    const half = bytes.length >> 1;
    const parts = Buffer.concat([Bun.gzipSync(bytes.slice(0, half)), Bun.gzipSync(bytes.slice(half))]);
    const sources = { "a.gz": Bun.gzipSync(bytes), "b.zst": zstdCompressSync(bytes), "c.gz": parts, plain: bytes };
    for (const [name, source] of Object.entries(sources)) {
      place.write(name, source);
      expect(await place.made(name)).toEqual(lines);
      // The first bytes by themselves: they have to be waited for before they tell what it is.
      const script = `(head -c 1 ${name}; tail -c +2 ${name}) | ${binary} bundle - out`;
      const piped = await execute(["sh", "-c", script], { cwd: place.folder });
      expect(piped).toEqual({ exitCode: 0, stdout: "", stderr: "" });
      expect(describeTree(`${place.folder}/out/rootfs`)).toEqual(lines);
      rmSync(`${place.folder}/out`, { recursive: true });
      // stdin that is a file, from where it stands.
      const read = await execute(["sh", "-c", `${binary} bundle - out < ${name}`], { cwd: place.folder });
      expect(read).toEqual({ exitCode: 0, stdout: "", stderr: "" });
      expect(describeTree(`${place.folder}/out/rootfs`)).toEqual(lines);
      rmSync(`${place.folder}/out`, { recursive: true });
    }
  });

  test("a folder", async () => {
    using place = new Place();
    const lines = await expected(place);
    await place.box(["plain.tar", "first"]);
    expect(await place.made("first/rootfs")).toEqual(lines);
  });

  test("images in all shapes", async () => {
    using place = new Place();
    const lines = await expected(place);
    for (const compress of [undefined, "gzip", "zstd"] as const) {
      const image: TestImage = { layers: [root], ...(compress === undefined ? {} : { compress }) };
      for (const files of [layoutOf([image]), layoutOf([image], true), dockerOf([image])]) {
        writeFiles(`${place.folder}/folder`, files);
        place.write("archive.tar", archiveOf(files));
        place.write("archive.tar.gz", Bun.gzipSync(Uint8Array.from(archiveOf(files))));
        for (const source of ["folder", "archive.tar", "archive.tar.gz"]) expect(await place.made(source)).toEqual(lines);
        rmSync(`${place.folder}/folder`, { recursive: true });
      }
    }
  }, 60_000);
});

test("layers are put over each other", async () => {
  using place = new Place();
  const layers: TestEntry[][] = [
    [
      { path: "a/x", content: "1" },
      { path: "a/y", content: "1" },
      { path: "lib/", mtime: 1 },
      { path: "lib64", type: "2", link: "lib" },
    ],
    [{ path: "a/.wh.x" }, { path: "lib64/new", content: "2" }],
    [{ path: "a/y", content: "3" }],
  ];
  place.write("image.tar", archiveOf(layoutOf([{ layers, compress: "gzip" }])));
  const names = (await place.made("image.tar")).map((line) => line.split(" ").slice(0, 2).join(" "));
  expect(names).toEqual([". folder", "./a folder", "./a/y file", "./lib folder", "./lib/new file", "./lib64 link"]);
});

describe("files with holes", () => {
  const size = 3_000_000;
  for (const flags of [
    "--format=gnu",
    "--format=pax --sparse-version=0.0",
    "--format=pax --sparse-version=0.1",
    "--format=pax --sparse-version=1.0",
  ])
    test(`of tar ${flags}`, async () => {
      using place = new Place();
      // Enough of them that GNU's own map needs further blocks.
      const script = `mkdir in && cd in && for at in $(seq 0 60); do printf %s "$at" | dd of=holes bs=1 seek=$((at * 40960)) conv=notrunc status=none; done
        truncate -s ${size} holes; truncate -s 70000 empty; tar -S ${flags} -cf ../source.tar holes empty`;
      expect(await execute(["sh", "-c", script], { cwd: place.folder })).toEqual({ exitCode: 0, stdout: "", stderr: "" });
      expect((await place.made("source.tar")).slice(1).map((line) => line.split(" ").slice(0, 4))).toEqual(
        describeTree(`${place.folder}/in`)
          .slice(1)
          .map((line) => line.split(" ").slice(0, 4)),
      );
      await place.box(["source.tar", "again"]);
      expect(statSync(`${place.folder}/again/rootfs/holes`).blocks * 512).toBeLessThan(size / 2);
      // From a folder they stay holes as well.
      await place.box(["again/rootfs", "third"]);
      expect(statSync(`${place.folder}/third/rootfs/holes`).blocks * 512).toBeLessThan(size / 2);
      expect(readFileSync(`${place.folder}/third/rootfs/holes`)).toEqual(readFileSync(`${place.folder}/in/holes`));
    });
});

describe("the configuration", () => {
  const read = (place: Place): Spec => JSON.parse(readFileSync(`${place.folder}/out/config.json`, "utf8")) as Spec;
  const config = { Entrypoint: ["/bin/sh", "-c"], Cmd: ["id"], Env: ["PATH=/bin", "A=b"], WorkingDir: "/etc", User: "user" };
  const people: TestEntry[] = [
    { path: "etc/passwd", type: "2", link: "/real/passwd" },
    { path: "real/passwd", content: "user:x:1000:1001::/:\n" },
    { path: "etc/group", content: "more:x:7:user\n" },
  ];

  test("is the image's", async () => {
    using place = new Place();
    place.write("image.tar", archiveOf(dockerOf([{ layers: [people], config }])));
    expect(await place.box(["image.tar", "out"])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    const { process, root } = read(place);
    expect(root).toEqual({ path: "rootfs" });
    expect(process).toMatchObject({
      args: ["/bin/sh", "-c", "id"],
      env: ["TERM=xterm", "PATH=/bin", "A=b"],
      cwd: "/etc",
      user: { uid: 1000, gid: 1001, additionalGids: [1001, 7] },
    });
  });

  test("or what box spec writes, but for the host name", async () => {
    using place = new Place();
    place.write("source.tar", tarOf(root));
    await place.box(["source.tar", "out"]);
    mkdirSync(`${place.folder}/spec`);
    await execute([binary, "spec", "--bundle", `${place.folder}/spec`]);
    const spec = JSON.parse(readFileSync(`${place.folder}/spec/config.json`, "utf8")) as Spec;
    expect(read(place)).toEqual({ ...spec, hostname: "box" });
  });

  test("as box.yaml", async () => {
    using place = new Place();
    place.write("image.tar", archiveOf(dockerOf([{ layers: [people], config }])));
    expect(await place.box(["--yaml", "image.tar", "out"])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    expect(readdirSync(`${place.folder}/out`).sort()).toEqual(["box.yaml", "rootfs"]);
    expect(readFileSync(`${place.folder}/out/box.yaml`, "utf8")).toBe(
      "rootfs: rootfs\ncommand:\n  - /bin/sh\n  - -c\n  - id\nenv:\n  - PATH=/bin\n  - A=b\nworkdir: /etc\nuser: user\n",
    );
  });

  test("does not look for users outside of the root", async () => {
    using place = new Place();
    symlinkSync("/etc/passwd", `${place.folder}/passwd`);
    const layers: TestEntry[][] = [[{ path: "etc/passwd", type: "2", link: "../../../../../../etc/passwd" }]];
    place.write("image.tar", archiveOf(dockerOf([{ layers, config: { User: "daemon" } }])));
    expect(await place.refusal(["image.tar", "out"])).toBe("box: the image's user: the root's passwd knows no user \"daemon\"\n");
  });

  test("labels give no orders", async () => {
    using place = new Place();
    place.write("image.tar", archiveOf(dockerOf([{ layers: [root], config: { Labels: { "run.oci.handler": "krun" } } }])));
    await place.box(["image.tar", "out"]);
    expect(read(place).annotations).toBeUndefined();
  });
});

describe("a bundle runs", () => {
  for (const flags of [[], ["--yaml"]])
    test(`made with ${flags.join(" ") || "no flag"}`, async () => {
      using place = new Place();
      using bundle = new Bundle();
      place.write("layer", rootTar());
      place.write("layer.tar", rootTar());
      const diff = `sha256:${sha256(rootTar())}`;
      const architecture = process.arch === "arm64" ? "arm64" : "amd64";
      const config = {
        Cmd: ["sh", "-c", 'echo "$A $(id -un) $(pwd) $(cat /etc/motd)"'],
        Env: ["PATH=/bin", "A=b"],
        User: "user",
        WorkingDir: "/home/user",
      };
      place.write("config.json", JSON.stringify({ architecture, os: "linux", config, rootfs: { type: "layers", diff_ids: [diff] } }));
      place.write("manifest.json", JSON.stringify([{ Config: "config.json", RepoTags: ["a:b"], Layers: ["layer.tar"] }]));
      await execute(["tar", "-cf", "image.tar", "manifest.json", "config.json", "layer.tar"], { cwd: place.folder });
      expect(await place.box([...flags, "image.tar", "out"])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
      const ran = await bundle.box(["run", "-b", `${place.folder}/out`, bundle.id]);
      expect({ ...ran, stdout: ran.stdout.trim() }).toEqual({ exitCode: 0, stdout: "b user /home/user hello from the image", stderr: "" });
    });
});

describe("which image is meant", () => {
  const one = (name: string, architecture?: string): TestImage => ({
    layers: [[{ path: name }]],
    name,
    ...(architecture === undefined ? {} : { architecture }),
  });
  const names = (lines: readonly string[]): string[] => lines.slice(1).map((line) => (line.split(" ")[0] as string).slice(2));

  test("is said by --ref and --platform", async () => {
    using place = new Place();
    place.write("two.tar", archiveOf(dockerOf([one("a:1"), one("b:2")])));
    expect(names(await place.made("--ref", "b:2", "two.tar"))).toEqual(["b:2"]);
    expect(names(await place.made("--ref", "1", "two.tar"))).toEqual(["a:1"]);
    place.write("many.tar", archiveOf(layoutOf([one("x", "amd64"), one("y", "arm64"), one("z", "riscv64")], true)));
    expect(names(await place.made("many.tar"))).toEqual([process.arch === "arm64" ? "y" : "x"]);
    expect(names(await place.made("--platform", "linux/riscv64", "many.tar"))).toEqual(["z"]);
    expect(names(await place.made("--platform=linux/arm64/v8", "many.tar"))).toEqual(["y"]);
  });

  test("and asked for where it is not", async () => {
    using place = new Place();
    place.write("two.tar", archiveOf(dockerOf([one("a:1"), one("b:2")])));
    place.write("root.tar", tarOf(root));
    place.write("other.tar", archiveOf(layoutOf([one("x", "riscv64"), one("y", "s390x")], true)));
    const machine = process.arch === "arm64" ? "arm64" : "amd64";
    const cases: readonly (readonly [string[], string])[] = [
      [["two.tar"], "box: there are several images\nhint: --ref names the one that is meant: a:1, b:2\n"],
      [["--ref", "c", "two.tar"], 'box: --ref: there is no image "c"\nhint: there are: a:1, b:2\n'],
      [["--ref", "c", "root.tar"], "box: --ref: root.tar is no image\n"],
      [["--platform", "linux", "two.tar"], 'box: --platform: expected OS/ARCHITECTURE[/VARIANT], got "linux"\n'],
    ];
    for (const [args, message] of cases) expect(await place.refusal([...args, "out"])).toBe(message);
    const none = await place.refusal(["other.tar", "out"]);
    expect(none).toMatch(
      new RegExp(
        `^box: blobs/sha256/[0-9a-f]{64}: there is no image for linux/${machine}\nhint: --platform chooses another: linux/riscv64, linux/s390x\n$`,
      ),
    );
  });
});

describe("refused, with nothing left:", () => {
  /** An OCI layout with one file of its changed. */
  const spoilt = (which: RegExp, change: (bytes: Uint8Array) => Uint8Array): Uint8Array => {
    const files = layoutOf([{ layers: [root], compress: "gzip" }]);
    const name = Object.keys(files).find((one) => which.test(Buffer.from(files[one] ?? "").toString("latin1", 0, 60)));
    if (name === undefined) throw new Error("no such file");
    return archiveOf({ ...files, [name]: change(Buffer.from(files[name] ?? "")) });
  };
  const flip = (bytes: Uint8Array): Uint8Array => bytes.with(bytes.length - 2, (bytes.at(-2) ?? 0) ^ 1);

  test("a layer that is not what its digest says", async () => {
    using place = new Place();
    place.write("image.tar", spoilt(/^.\x8b/, flip));
    // The length at the end of gzip's own format is wrong too, and is seen first.
    expect(await place.refusal(["image.tar", "out"])).toMatch(
      /^box: blobs\/sha256\/[0-9a-f]{64} is (broken or cut short: gzip: .*|not what its digest says: expected [0-9a-f]{64}, got [0-9a-f]{64})\n$/,
    );
  });

  test("a configuration that is not", async () => {
    using place = new Place();
    place.write(
      "image.tar",
      spoilt(/"architecture"/, (bytes) => Buffer.from(Buffer.from(bytes).toString().replace('"linux"', '"Linux"'))),
    );
    expect(await place.refusal(["image.tar", "out"])).toMatch(
      /^box: blobs\/sha256\/([0-9a-f]{64}) is not what its digest says: expected \1, got [0-9a-f]{64}\n$/,
    );
  });

  test("a blob of another size", async () => {
    using place = new Place();
    place.write(
      "image.tar",
      spoilt(/"architecture"/, (bytes) => Buffer.concat([bytes, Buffer.from(" ")])),
    );
    expect(await place.refusal(["image.tar", "out"])).toMatch(/: config: blobs\/sha256\/[0-9a-f]{64} has \d+ bytes, expected \d+\n$/);
  });

  for (const compress of [undefined, "gzip", "zstd"] as const)
    test(`a large layer that another thread reads, ${compress ?? "not compressed"}`, async () => {
      using place = new Place();
      const content = crypto.getRandomValues(new Uint8Array(compress === undefined ? 34_000_000 : 9_000_000));
      const layers: TestEntry[][] = [
        [{ path: "large", content }, { path: "gone" }],
        [{ path: ".wh.gone" }, { path: "new" }],
      ];
      const files = dockerOf([{ layers, ...(compress === undefined ? {} : { compress }) }]);
      const [name = ""] = Object.keys(files).filter((path) => path.endsWith(".tar"));
      const bytes = files[name] as Uint8Array;
      place.write("good.tar", archiveOf(files));
      const lines = await place.made("good.tar");
      expect(lines.slice(1).map((line) => line.split(" ")[0])).toEqual(["./large", "./new"]);
      const said = (what: string): RegExp => new RegExp(`^box: [0-9a-f]{64}\\.tar${what}\n`);
      place.write("bad.tar", archiveOf({ ...files, [name]: bytes.with(4_000_000, (bytes[4_000_000] as number) ^ 1) }));
      expect(await place.refusal(["bad.tar", "out"])).toMatch(
        said("(, decompressed)? is (broken or cut short: .*|not what its digest says: expected [0-9a-f]{64}, got [0-9a-f]{64})"),
      );
      place.write("short.tar", archiveOf({ ...files, [name]: bytes.slice(0, -5_000_000) }));
      expect(await place.refusal(["short.tar", "out"])).toMatch(
        said("(, decompressed)? is (broken or cut short: .*|cut short: its end is missing|not what its digest says: .*)"),
      );
      const most = content.length - 1;
      expect(await place.refusal(["good.tar", "out", "--max-size", `${most}`])).toMatch(said(` holds more than ${most} bytes`));
    });

  test("what the thread does is no command", async () => {
    const { exitCode, stderr } = await execute([binary, "read-ahead"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: "box: read-ahead is a thread of box bundle, and no command\n" });
  });

  test("what is cut short, wherever", async () => {
    using place = new Place();
    const bytes = tarOf(root);
    for (const [name, source] of Object.entries({ plain: bytes, gzip: Bun.gzipSync(bytes), zstd: zstdCompressSync(bytes) }))
      for (const part of [0.3, 0.6, 0.99]) {
        // The end of an archive is two blocks, of which one is enough.
        place.write(name, source.slice(0, Math.floor((source.length - (name === "plain" ? 1024 : 0)) * part)));
        expect(await place.refusal([name, "out"])).toMatch(
          name === "plain" ? /^box: plain is cut short: its end is missing\n$/ : /^box: (gzip|zstd) is (broken or )?cut short: .*\n$/,
        );
      }
  });

  test("what is no archive", async () => {
    using place = new Place();
    place.write("text", "hello ".repeat(1000));
    place.write("some.xz", Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0));
    expect(await place.refusal(["text", "out"])).toMatch(/^box: text is not a tar archive, or is broken: .*\n$/);
    expect(await place.refusal(["some.xz", "out"])).toBe(
      "box: some.xz is compressed with xz\nhint: decompress it first: xz -dc FILE | box bundle - DIR\n",
    );
    place.write("empty", "");
    expect(await place.refusal(["empty", "out"])).toBe("box: empty is empty\n");
    expect(await place.refusal(["missing", "out"])).toBe("box: cannot open missing: ENOENT (no such file or directory)\n");
    expect(await place.refusal(["text"])).toBe(
      "box: expected a source and a folder\nhint: box bundle SOURCE DIR; box bundle --help says more\n",
    );
  });

  test("more bytes than --max-size, also compressed", async () => {
    using place = new Place();
    const zeros = tarOf([{ path: "zeros", content: new Uint8Array(30_000_000) }]);
    place.write("bomb.gz", Bun.gzipSync(zeros));
    place.write("bomb.zst", zstdCompressSync(zeros));
    place.write(
      "layers.tar",
      archiveOf(
        layoutOf([
          {
            layers: [[{ path: "zeros", content: new Uint8Array(6_000_000) }], [{ path: "more", content: new Uint8Array(6_000_000) }]],
            compress: "gzip",
          },
        ]),
      ),
    );
    for (const name of ["bomb.gz", "bomb.zst"])
      expect(await place.refusal(["--max-size", "10m", name, "out"])).toBe(
        `box: ${name} holds more than 10485760 bytes\nhint: --max-size allows more\n`,
      );
    expect(await place.refusal(["--max-size", "10m", "layers.tar", "out"])).toMatch(
      /^box: blobs\/sha256\/[0-9a-f]{64} holds more than \d+ bytes\nhint: --max-size allows more\n$/,
    );
    expect(await place.refusal(["--max-size", "x", "bomb.gz", "out"])).toBe(
      'box: --max-size: expected a size such as 500m or 4g, got "x"\n',
    );
    expect(await place.made("--max-size", "31m", "bomb.gz")).toHaveLength(2);
  });

  test("a copy of a folder into itself", async () => {
    using place = new Place();
    mkdirSync(`${place.folder}/below`);
    const message = (name: string): string => `box: the bundle would be in ${name} itself\nhint: name a folder outside of it\n`;
    expect(await place.refusal([".", "out"])).toBe(message("."));
    expect(await place.refusal([".", "below/out"])).toBe(message("."));
    expect(readdirSync(`${place.folder}/below`)).toEqual([]);
  });

  test("a folder that is in use", async () => {
    using place = new Place();
    place.write("source.tar", tarOf(root));
    mkdirSync(`${place.folder}/full/x`, { recursive: true });
    // Slashes at the end are as for other programs.
    for (const name of ["full", "full/", ".//full///"])
      expect(await place.refusal(["source.tar", name])).toBe(
        "box: full exists already, and is not empty\nhint: remove it, or name another folder\n",
      );
    expect(await place.refusal(["source.tar", "source.tar"])).toBe("box: source.tar exists already, and is no folder\n");
    expect(await place.refusal(["source.tar", "none/out"])).toMatch(
      /^box: cannot open the folder .*\/none: ENOENT \(no such file or directory\)\n$/,
    );
    mkdirSync(`${place.folder}/out`);
    expect(await place.made("source.tar")).toHaveLength(7);
  });
});

describe("what a run that is interrupted leaves", () => {
  /** Begins to unpack from a pipe that goes on for ever, and waits until it has. */
  async function begun(place: Place): Promise<Running> {
    const head = place.write(
      "head.tar",
      tarOf([
        { path: "a/b", content: "1" },
        { path: "large", size: 8_000_000_000 },
      ]).subarray(0, -1024),
    );
    const script = `(cat ${head}; exec sleep 60) | sh -c 'echo $$ > ${place.folder}/pid; exec ${binary} bundle - out'`;
    const running = new Running(["sh", "-c", script], { cwd: place.folder });
    await until(() => existsSync(`${place.folder}/.out.box-bundle/rootfs/large`), "the first files");
    return running;
  }
  const pidOf = (place: Place): number => Number(readFileSync(`${place.folder}/pid`, "utf8"));
  /** A dead one whose parent has not looked yet is at its end too. */
  const isOver = (pid: number): boolean => !existsSync(`/proc/${pid}/exe`) || readFileSync(`/proc/${pid}/cmdline`, "utf8") === "";

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    test(`by ${signal}: nothing`, async () => {
      using place = new Place();
      using running = await begun(place);
      process.kill(pidOf(place), signal);
      await until(() => !existsSync(`${place.folder}/.out.box-bundle`), "the end");
      running.child.kill();
      expect(readdirSync(place.folder).sort()).toEqual(["head.tar", "pid"]);
    });

  test("by SIGKILL: no bundle, and what the next run removes", async () => {
    using place = new Place();
    using running = await begun(place);
    process.kill(pidOf(place), "SIGKILL");
    await until(() => isOver(pidOf(place)), "the end");
    running.child.kill();
    expect(readdirSync(place.folder).sort()).toEqual([".out.box-bundle", "head.tar", "pid"]);
    place.write("source.tar", tarOf(root));
    expect(await place.made("source.tar")).toHaveLength(7);
    expect(readdirSync(place.folder).sort()).toEqual(["head.tar", "pid", "source.tar"]);
  });

  test("while it goes on: another is told", async () => {
    using place = new Place();
    using running = await begun(place);
    place.write("source.tar", tarOf(root));
    const told = await place.box(["source.tar", "out"]);
    expect(told).toEqual({ exitCode: 1, stdout: "", stderr: "box: another box is working in .out.box-bundle\n" });
    process.kill(pidOf(place), "SIGKILL");
    await until(() => isOver(pidOf(place)), "the end");
    running.child.kill();
  });

  test("by a full disk: nothing", async () => {
    using place = new Place();
    place.write("source.tar", tarOf([{ path: "large", content: new Uint8Array(3_000_000) }]));
    const script = `mkdir disk && mount -t tmpfs -o size=1m tmpfs disk && ${binary} bundle source.tar disk/out; echo "ended with $?"; ls -A disk`;
    expect(await execute(["unshare", "--mount", "sh", "-c", script], { cwd: place.folder })).toEqual({
      exitCode: 0,
      stdout: "ended with 1\n",
      stderr: "box: cannot write large: ENOSPC (no space left on device)\n",
    });
  });
});

testWithUsers("an ordinary user's bundle is the user's, and says what it lacks", async () => {
  using place = new Place();
  place.write("source.tar", tarOf([...root, { path: "other", type: "4", major: 8, minor: 0 }]));
  const { exitCode, stdout, stderr } = await place.box(["source.tar", "out"], { before: asUser });
  expect({ exitCode, stdout, stderr }).toEqual({
    exitCode: 0,
    stdout: "",
    stderr: "box: warning: left out, since only root may make devices: ./null, other\n",
  });
  const lines = describeTree(`${place.folder}/out/rootfs`, { times: false });
  expect(lines.filter((line) => !line.includes(` ${userId}:${userId}`))).toEqual([]);
  expect(lines.find((line) => line.startsWith("./set"))).toContain(" 711 ");
  const spec = JSON.parse(readFileSync(`${place.folder}/out/config.json`, "utf8")) as Spec;
  expect(spec.linux?.uidMappings).toEqual([{ containerID: 0, hostID: userId, size: 1 }]);
});

test("memory does not grow with what is unpacked", async () => {
  using place = new Place();
  const peak = async (source: string): Promise<number> => {
    const child = Bun.spawn([binary, "bundle", source, "out"], { cwd: place.folder, stderr: "inherit" });
    const bytes = await peakUntilEnd(child);
    expect(child.exitCode).toBe(0);
    rmSync(`${place.folder}/out`, { recursive: true });
    return bytes;
  };
  const large = tarOf([{ path: "zeros", content: new Uint8Array(200_000_000) }]);
  const small = tarOf([{ path: "zeros", content: new Uint8Array(1_000_000) }]);
  for (const [size, bytes] of Object.entries({ small, large })) {
    place.write(`${size}.tar`, bytes);
    place.write(`${size}.gz`, Bun.gzipSync(bytes, { level: 1 }));
  }
  for (const kind of ["tar", "gz"]) {
    const before = await peak(`small.${kind}`);
    expect(before).toBeGreaterThan(1_000_000);
    expect((await peak(`large.${kind}`)) - before).toBeLessThan(40_000_000);
  }
}, 60_000);

test("a bundle is closed to others, since its root may hold set-id programs", async () => {
  using place = new Place();
  chmodSync(place.folder, 0o2777);
  place.write("source.tar", tarOf(root));
  await place.box(["source.tar", "out"]);
  expect(statSync(`${place.folder}/out`).mode & 0o7777).toBe(0o700);
});

afterAll(() => {
  expect(readdirSync(tmpdir()).filter((name) => name.includes(".box-bundle"))).toEqual([]);
});
