import { describe, expect, test } from "bun:test";
import { Digester, readDigest } from "../../src/bundle/digest.ts";
import { BoxError } from "../../src/errors.ts";

const hex = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";

test("a digest is a name and digits", () => {
  expect(readDigest(`sha256:${hex}`, "here")).toEqual({ algorithm: "sha256", hex });
  expect(readDigest(`sha512:${hex}${hex}`, "here")).toEqual({ algorithm: "sha512", hex: hex + hex });
});

describe("and nothing that could be a path", () => {
  const wrong = [
    undefined,
    1,
    "",
    hex,
    `sha256:${hex}0`,
    `sha256:${hex.toUpperCase()}`,
    `sha256:../${hex.slice(3)}`,
    `md5:${hex.slice(32)}`,
    `sha512:${hex}`,
    `sha256:${hex}\n`,
  ];
  for (const text of wrong)
    test(JSON.stringify(text) ?? "nothing", () => {
      const check = (): unknown => readDigest(text, "here");
      expect(check).toThrow(BoxError);
      expect(check).toThrow(`expected a digest such as sha256:…, got ${JSON.stringify(text) ?? "nothing"}`);
    });
});

test("bytes are held to it", () => {
  const digester = new Digester({ algorithm: "sha256", hex }, "it");
  digester.update(Buffer.from("fo"));
  digester.update(Buffer.from("o"));
  digester.check();
  const other = new Digester({ algorithm: "sha256", hex }, "it");
  expect(() => other.check()).toThrow(
    `it is not what its digest says: expected ${hex}, got e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855`,
  );
});
