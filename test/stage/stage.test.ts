import { expect, test } from "bun:test";
import { buildStage } from "../../src/stage/build-stage.ts";
import { stage } from "../../src/stage/stage.ts";

test("is what was built for the machine that this runs on", () => {
  expect(process.arch).toBeOneOf(["x64", "arm64"]);
  expect(stage).toEqual(buildStage(process.arch === "arm64" ? "arm64" : "x64"));
});
