import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { danglingLinks } from "../../src/execute/dangling-links.ts";

/** Links by path, in a root with the folders /var, /etc and /there, and the file /file. */
function check(links: Readonly<Record<string, string>>, paths: readonly string[], expected: ReturnType<typeof danglingLinks>): void {
  const root = mkdtempSync("/tmp/box-links-");
  try {
    for (const folder of ["var/deep", "etc", "there"]) mkdirSync(`${root}/${folder}`, { recursive: true });
    writeFileSync(`${root}/file`, "");
    for (const [path, text] of Object.entries(links)) symlinkSync(text, `${root}/${path}`);
    expect(danglingLinks(root, paths)).toEqual(expected as Record<string, string>);
  } finally {
    rmSync(root, { recursive: true });
  }
}

test("what is there, or is missing without a link, is none", () => {
  check({ "var/link": "/there" }, ["var/link", "var/link/new", "there", "none/at/all", "file/below"], undefined);
  check({ "var/loop": "loop" }, ["var/loop/x"], undefined);
});

test("absolute, relative, upwards, and through other links", () => {
  check({ "var/run": "/run" }, ["var/run/secrets/x", "var/deep"], { "var/run": "run" });
  check({ "etc/conf": "../run/./systemd//conf" }, ["etc/conf"], { "etc/conf": "run/systemd/conf" });
  check({ "var/a": "b", "var/b": "/up/../gone" }, ["var/a", "var/b/x"], { "var/a": "gone", "var/b": "gone" });
  check({ up: "var/deep", "var/deep/out": "../gone" }, ["up/out/x"], { "up/out": "var/gone" });
});

test("none leads out of the root", () => {
  check({ out: "/../../../etc/gone" }, ["out"], { out: "etc/gone" });
  check({ out: "../../../../etc/gone" }, ["out/x"], { out: "etc/gone" });
  check({ "there/up": "..", away: "/there/up/gone" }, ["away"], { away: "gone" });
});

test("without a root there are none", () => expect(danglingLinks("/no/such", ["a"])).toBeUndefined());
