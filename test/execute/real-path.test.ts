import { expect, test } from "bun:test";
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { ownerAt, realFile } from "../../src/execute/real-path.ts";

class Folder implements Disposable {
  readonly path = realpathSync(mkdtempSync(`${tmpdir()}/box-real-`));
  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

const ENOENT = -2;
const ELOOP = -40;

test("a file behind links, and whose it is", () => {
  using folder = new Folder();
  mkdirSync(`${folder.path}/a`);
  writeFileSync(`${folder.path}/a/file`, "");
  chmodSync(`${folder.path}/a/file`, 0o640);
  symlinkSync("a", `${folder.path}/b`);
  symlinkSync("../b/file", `${folder.path}/a/link`);
  const { uid, mode } = statSync(`${folder.path}/a/file`);
  expect(realFile(`${folder.path}/b/../b/link`)).toEqual({ path: `${folder.path}/a/file`, uid, mode });
  expect(ownerAt(`${folder.path}/a/file`)).toEqual({ uid, mode });
});

test("a link itself, where links are not followed", () => {
  using folder = new Folder();
  symlinkSync("/", `${folder.path}/link`);
  expect(ownerAt(`${folder.path}/link`)).toEqual({ uid: process.getuid?.() ?? 0, mode: lstatSync(`${folder.path}/link`).mode });
});

test("nothing, and a circle", () => {
  using folder = new Folder();
  symlinkSync("circle", `${folder.path}/circle`);
  expect([realFile(`${folder.path}/gone`), ownerAt(`${folder.path}/gone`), realFile(`${folder.path}/circle`)]).toEqual([
    ENOENT,
    ENOENT,
    ELOOP,
  ]);
});
