// There are no checkpoints yet, and whoever asks is told so: podman asks with `checkpoint --help`.

import { expect } from "bun:test";
import { binary, execute, testWith } from "./harness.ts";

const test = testWith();

for (const command of ["checkpoint", "restore"])
  for (const args of [["--help"], [], ["--image-path", "/x", "id"]])
    test(`${[command, ...args].join(" ")} fails`, async () =>
      expect(await execute([binary, command, ...args])).toEqual({
        exitCode: 1,
        stdout: "",
        stderr: `box: ${command} is not supported yet\n`,
      }));
