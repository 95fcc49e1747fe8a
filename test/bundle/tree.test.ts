import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import fc from "fast-check";
import { BoxError } from "../../src/errors.ts";
import { describeTree } from "./describe-tree.ts";
import { type TestEntry, tarOf } from "./make-tar.ts";
import { UnpackPlace } from "./unpack.ts";

const isRoot = process.geteuid?.() === 0;
const testAsRoot = isRoot ? test : test.skip;
if (!isRoot) console.warn("SKIPPED: owners, devices and attributes: these tests need root's rights");

const umask = process.umask();
beforeAll(() => void process.umask(0));
afterAll(() => void process.umask(umask));

/** What unpacking says: nothing, or the message of the refusal. */
function unpack(entries: readonly TestEntry[], check: (path: string, place: UnpackPlace) => void = () => {}): string | undefined {
  using place = new UnpackPlace();
  try {
    place.archive(tarOf(entries));
    place.tree.finish();
  } catch (error) {
    if (!(error instanceof BoxError)) throw error;
    const { what, object, errno } = error.facts;
    return [what, object, errno].filter((part) => part !== undefined).join(" ");
  }
  check(place.path, place);
  return undefined;
}

describe("every kind of entry is made as it is described", () => {
  const entry = (one: TestEntry, expected: string): void =>
    expect(unpack([one], (path) => expect(describeTree(path).slice(1)).toEqual([`./${expected}`]))).toBeUndefined();
  const own = `${process.geteuid?.()}:${process.getegid?.()}`;

  test("file", () =>
    entry(
      { path: "a", content: "", mode: 0o640, mtime: 5 },
      `a file 0 ${"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"} 640 ${own} 5000000000`,
    ));
  test("folder", () => entry({ path: "a/", mode: 0o2500, mtime: 5 }, `a folder ${isRoot ? 2500 : 500} ${own} 5000000000`));
  test("symbolic link", () => entry({ path: "a", type: "2", link: "../../x", mtime: 5 }, `a link to ../../x 777 ${own} 5000000000`));
  test("FIFO", () => entry({ path: "a", type: "6", mode: 0o600, mtime: 5 }, `a node 10000 0 600 ${own} 5000000000`));
  test("a name that is no UTF-8", () => entry({ path: "a\xff", type: "2", link: "\xe4" }, `a\xff link to \xe4 777 ${own} 0`));
  testAsRoot("device", () =>
    entry({ path: "a", type: "3", major: 300, minor: 70000, uid: 7 }, `a node 20000 ${deviceNumberOf(300, 70000)} 644 7:0 0`),
  );
  testAsRoot("set-id bits and an owner", () =>
    entry({ path: "a", type: "6", mode: 0o6755, uid: 1000, gid: 1001 }, "a node 10000 0 6755 1000:1001 0"),
  );
  testAsRoot("ids that only a pax header can hold", () =>
    entry({ path: "a", type: "6", pax: { uid: "3000000000", gid: "4000000000" } }, "a node 10000 0 644 3000000000:4000000000 0"),
  );
  test("a time before 1970, to the nanosecond", () =>
    entry({ path: "a", type: "6", pax: { mtime: "-1.25" } }, `a node 10000 0 644 ${own} -1250000000`));
  testAsRoot("attributes that are no text", () =>
    entry(
      {
        path: "a",
        type: "0",
        pax: { "SCHILY.xattr.security.capability": Uint8Array.of(1, 0, 0, 2, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) },
      },
      "a file 0 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 644 0:0 0 security.capability=0100000280000000000000000000000000000000",
    ),
  );
});

/** As statx splits it and makedev(3) puts it together. */
const deviceNumberOf = (major: number, minor: number): bigint =>
  (BigInt(minor) & 0xffn) | (BigInt(major & 0xfff) << 8n) | ((BigInt(minor) & ~0xffn) << 12n);

describe("nothing leaves the root", () => {
  const refusals: Readonly<Record<string, readonly [TestEntry[], string]>> = {
    "by ..": [[{ path: "../x" }], "the entry ../x leads out of its folder"],
    "by .. further in": [[{ path: "a/../../x" }], "the entry a/../../x leads out of its folder"],
    "by .. at the end": [[{ path: "a/.." }], "the entry a/.. leads out of its folder"],
    "by .. in a pax header": [[{ path: "x", pax: { path: "a/../../x" } }], "the entry a/../../x leads out of its folder"],
    "by a hard link": [[{ path: "x", type: "1", link: "../../secret" }], "the entry ../../secret leads out of its folder"],
    "by a hard link through a symbolic one": [
      [
        { path: "up", type: "2", link: "../.." },
        { path: "x", type: "1", link: "up/secret" },
      ],
      "cannot make x ENOENT",
    ],
    "by a file as a folder": [[{ path: "a" }, { path: "a/b" }], "cannot open the folder a ENOTDIR"],
    "by a link in a circle": [[{ path: "a", type: "2", link: "a" }, { path: "a/b" }], "cannot open the folder a ELOOP"],
    "by a link to a link in a circle that leads to nothing": [
      [{ path: "a", type: "2", link: "nothing/../a" }, { path: "a/b" }],
      "cannot open the folder a ELOOP",
    ],
    "by a link through a file": [
      [{ path: "f" }, { path: "a", type: "2", link: "f/g" }, { path: "a/b" }],
      "cannot open the folder a ENOTDIR",
    ],
    "by a NUL": [[{ path: "x", pax: { path: "a\0b" } }], "archive: the name of a… holds a NUL byte"],
    "by a path that is too long": [
      [{ path: "x", pax: { path: "a/".repeat(2100) } }],
      `cannot open the folder ${"a/".repeat(2099).slice(0, -1)} ENAMETOOLONG`,
    ],
    "in place of the root": [[{ path: ".", type: "2", link: "/" }], "the root itself is no folder"],
  };
  for (const [title, [entries, message]] of Object.entries(refusals)) test(title, () => expect(unpack(entries)).toBe(message));

  test("a symbolic link on the way leads where it would inside", () => {
    const entries: TestEntry[] = [
      { path: "usr/lib/" },
      { path: "lib", type: "2", link: "/usr/lib" },
      { path: "out", type: "2", link: "../../../../../.." },
      { path: "/lib/x" },
      { path: "out/y" },
    ];
    const message = unpack(entries, (path) => {
      expect(statSync(`${path}/usr/lib/x`).isFile()).toBe(true);
      expect(statSync(`${path}/y`).isFile()).toBe(true);
    });
    expect(message).toBeUndefined();
  });

  test("a link that leads to nothing is followed inside, and what is missing is made", () => {
    const entries: TestEntry[] = [
      { path: "var/run", type: "2", link: "../../../run/" },
      { path: "var/lock", type: "2", link: "/far/./away" },
      { path: "via", type: "2", link: "var/run/sub" },
      { path: "var/run/a/x", content: "1" },
      { path: "var/lock/y", content: "2" },
      { path: "via/z/w", content: "3" },
    ];
    const message = unpack(entries, (path) => {
      const read = (name: string): string => readFileSync(`${path}/${name}`, "utf8");
      expect([read("run/a/x"), read("far/away/y"), read("run/sub/z/w")]).toEqual(["1", "2", "3"]);
      expect(["run", "far", "far/away", "run/sub"].map((name) => statSync(`${path}/${name}`).mode & 0o7777)).toEqual([
        0o755, 0o755, 0o755, 0o755,
      ]);
      expect(lstatSync(`${path}/var/run`).isSymbolicLink()).toBe(true);
    });
    expect(message).toBeUndefined();
  });

  test("a link is replaced, not followed, by what has its name", () => {
    using place = new UnpackPlace();
    writeFileSync(`${place.folder}/secret`, "secret");
    const link: TestEntry = { path: "x", type: "2", link: `${place.folder}/secret` };
    for (const entry of [
      { path: "x", content: "other", mode: 0o777, mtime: 1 },
      { path: "x/", mtime: 1 },
      { path: "x", type: "6" },
    ] satisfies TestEntry[]) {
      const before = describeTree(`${place.folder}/secret`);
      place.archive(tarOf([link, entry]));
      expect(lstatSync(`${place.path}/x`).isSymbolicLink()).toBe(false);
      expect(describeTree(`${place.folder}/secret`)).toEqual(before);
    }
  });
});

describe("what is there already", () => {
  const kinds: Readonly<Record<string, TestEntry[]>> = {
    file: [{ path: "x", content: "1" }],
    "symbolic link": [{ path: "x", type: "2", link: "y" }],
    FIFO: [{ path: "x", type: "6" }],
    folder: [{ path: "x/" }, { path: "x/deep/er/" }, { path: "x/deep/file", content: "2" }],
  };
  for (const [one, first] of Object.entries(kinds))
    for (const [other, second] of Object.entries(kinds))
      if (other !== "folder" || one !== "folder")
        test(`${one} gives way to ${other}`, () => {
          const described = (entries: readonly TestEntry[]): string[] => {
            let lines: string[] = [];
            expect(unpack(entries, (path) => (lines = describeTree(path, { times: false })))).toBeUndefined();
            return lines;
          };
          expect(described([...first, ...second])).toEqual(described(second));
        });

  test("folders become one", () => {
    const message = unpack([{ path: "x/a" }, { path: "x/", mode: 0o700, mtime: 9 }, { path: "x/b" }], (path) => {
      expect(readdirSync(`${path}/x`).sort()).toEqual(["a", "b"]);
      const { mode, mtimeMs } = statSync(`${path}/x`);
      expect([mode & 0o777, mtimeMs]).toEqual([0o700, 9000]);
    });
    expect(message).toBeUndefined();
  });

  test("a hard link to itself stays", () => {
    const message = unpack(
      [
        { path: "x", content: "1" },
        { path: "x", type: "1", link: "x" },
      ],
      (path) => expect(readFileSync(`${path}/x`, "utf8")).toBe("1"),
    );
    expect(message).toBeUndefined();
  });

  test("a folder deeper than any path is removed", () => {
    using place = new UnpackPlace();
    const half = "d/".repeat(1500);
    place.archive(
      tarOf([
        { path: "x", pax: { path: `deep/${half}` }, type: "5" },
        { path: "short", type: "2", link: `deep/${half.slice(0, 3000)}`, pax: { linkpath: `deep/${half.slice(0, 2990)}` } },
        { path: "x", pax: { path: `short/${half}` }, type: "5" },
        { path: "deep" },
      ]),
    );
    expect(readdirSync(place.path).sort()).toEqual(["deep", "short"]);
    expect(readdirSync(`${place.folder}/trash`)).toEqual([]);
  }, 60_000);
});

test("without root's rights there are no owners, devices and set-id bits", () => {
  using place = new UnpackPlace(false);
  place.archive(
    tarOf([
      { path: "a", mode: 0o6755, uid: 1, gid: 1, content: "x" },
      { path: "b/", mode: 0o3500 },
      { path: "b/c", mode: 0 },
    ]),
  );
  place.tree.finish();
  const own = `${process.geteuid?.()}:${process.getegid?.()}`;
  expect(describeTree(place.path, { times: false }).slice(1)).toEqual([
    `./a file 1 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 755 ${own}`,
    `./b folder 1500 ${own}`,
    `./b/c file 0 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 ${own}`,
  ]);
});

testAsRoot("marks that an overlay filesystem would act on are left out", () => {
  using place = new UnpackPlace();
  place.archive(tarOf([{ path: "a/", pax: { "SCHILY.xattr.trusted.overlay.opaque": "y", "SCHILY.xattr.user.overlay.redirect": "/etc" } }]));
  expect(place.leftOut).toEqual(["overlay mark: a/", "overlay mark: a/"]);
  expect(describeTree(place.path, { times: false }).at(-1)).toBe("./a folder 700 0:0");
});

/** Names that meet each other often, and try to lead somewhere else. */
const part = fc.constantFrom("a", "b", "c", ".", "..", "", ".wh.a", ".wh.b", ".wh..wh..opq", ".wh...");
const anyPath = fc.oneof(
  { weight: 8, arbitrary: fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/")) },
  fc.constantFrom("/etc/passwd", "/", "../secret", "../../secret"),
);
const anyTarget = fc.oneof(anyPath, fc.constantFrom("..", "../..", "../../..", "/", "../../outside", "../../secret", "../trash"));
const anyEntry: fc.Arbitrary<TestEntry> = fc
  .record({
    path: anyPath,
    type: fc.constantFrom("0", "1", "1", "2", "2", "5", "5", "6", "3"),
    link: anyTarget,
    mode: fc.constantFrom(0o644, 0o4755, 0o777, 0),
    content: fc.constantFrom("", "changed"),
    mtime: fc.constantFrom(0, 1_000_000_000),
  })
  .map((entry) => (entry.type === "0" ? entry : { ...entry, content: "" }));

test("whatever layers say, nothing outside of the root changes", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(anyEntry, { maxLength: 12 }), { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 1, max: 2000 }),
      (layers, chunk) => {
        using place = new UnpackPlace();
        mkdirSync(`${place.folder}/outside/a`, { recursive: true });
        writeFileSync(`${place.folder}/outside/b`, "b");
        writeFileSync(`${place.folder}/secret`, "secret");
        writeFileSync(`${place.folder}/inside/secret`, "secret");
        const outside = (): string[] =>
          describeTree(place.folder).filter((line) => !line.startsWith("./inside/root") && !/^\.(\/inside|\/trash)? folder/.test(line));
        const before = outside();
        for (const layer of layers)
          try {
            place.layer(layer, chunk);
          } catch (error) {
            if (!(error instanceof BoxError)) throw error;
          }
        place.tree.finish();
        expect(outside()).toEqual(before);
        expect(readdirSync(`${place.folder}/inside`).sort()).toEqual(["root", "secret"]);
      },
    ),
    { numRuns: 200 },
  );
}, 60_000);

/** Entries that tar and box agree on: nothing that one of them refuses. */
const name = fc.constantFrom("a", "b", "c", "dd", "\xe9", "long".repeat(30));
const honestPath = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
const honest = fc.array(
  fc.record({
    path: honestPath,
    type: fc.constantFrom("0", "0", "2", "5", "6"),
    link: fc.constantFrom("a", "b/c", "nowhere"),
    mode: fc.constantFrom(0o644, 0o755, 0o6711, 0o1777),
    uid: fc.nat(70000),
    gid: fc.nat(70000),
    mtime: fc.nat(1_600_000_000),
    content: fc.string({ maxLength: 700 }),
  }),
  { maxLength: 12 },
);

testAsRoot(
  "what tar unpacks is what box unpacks",
  () => {
    fc.assert(
      fc.property(honest, fc.integer({ min: 1, max: 5000 }), (made, chunk) => {
        const used = new Set<string>();
        const entries = made.flatMap((entry): TestEntry[] => {
          // A name once, and nothing below what is no folder.
          const above = entry.path.split("/").map((_, at, all) => all.slice(0, at + 1).join("/"));
          if (used.has(entry.path) || above.slice(0, -1).some((path) => used.has(`${path} leaf`))) return [];
          for (const path of above) used.add(path);
          if (entry.type !== "5") used.add(`${entry.path} leaf`);
          const content = entry.type === "0" ? entry.content : "";
          const path = entry.type === "5" ? `${entry.path}/` : entry.path;
          const pax = { path: Buffer.from(path, "latin1") };
          // A folder with set-gid hands it on to those below it that tar makes of its own accord.
          const mode = entry.type === "5" ? entry.mode & ~0o2000 : entry.mode;
          return [{ ...entry, path, content, mode, ...(path.length > 100 ? { pax } : {}) }];
        });
        using place = new UnpackPlace();
        const bytes = tarOf(entries);
        place.archive(bytes, chunk);
        place.tree.finish();
        const theirs = mkdtempSync(`${tmpdir()}/box-bundle-test-`);
        try {
          const { exitCode, stderr } = Bun.spawnSync(["sh", "-c", 'umask 022; exec tar -C "$0" --numeric-owner -xpf -', theirs], {
            stdin: bytes,
          });
          expect({ exitCode, stderr: stderr.toString() }).toEqual({ exitCode: 0, stderr: "" });
          // Of a folder tar sets the time before everything is in it, and so not for good.
          const isLeaf = (line: string): boolean => !line.includes(" folder ");
          expect(describeTree(place.path).filter(isLeaf)).toEqual(describeTree(theirs).filter(isLeaf));
          expect(describeTree(place.path, { times: false }).slice(1)).toEqual(describeTree(theirs, { times: false }).slice(1));
        } finally {
          rmSync(theirs, { recursive: true });
        }
      }),
      { numRuns: 30 },
    );
  },
  60_000,
);
