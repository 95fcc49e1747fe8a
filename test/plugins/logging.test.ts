import { describe, expect, test } from "bun:test";
import { newHooks, type Stdio } from "../../hooks/hooks.ts";
import logging from "../../plugins/logging.ts";
import { checkStdioAnswer } from "../../src/cli/stdio-answer.ts";
import { hostWith } from "./host-with.ts";

type Options = Parameters<typeof logging.apply>[1];

async function choose(options: Options): Promise<Stdio | undefined> {
  const hooks = newHooks();
  await logging.apply(hooks, options, hostWith({}));
  return await hooks.stdio.promise({ kind: "inherit" }, { id: "a-container-with-a-name", terminal: false, annotations: {} });
}

describe("drivers", () => {
  test("local, when nothing else is said, which json-file is another name for", async () => {
    const usual: Stdio = { kind: "supervised", driver: "local", maxBytes: 5 * 1024 ** 2, files: 2 };
    expect([await choose({}), await choose({ driver: "json-file" })]).toEqual([usual, usual]);
  });

  test.each([
    ["512", 512],
    ["500k", 512_000],
    ["10M", 10 * 1024 ** 2],
    ["1gb", 1024 ** 3],
  ])("max-size %s", async (size, maxBytes) =>
    expect(await choose({ "max-size": size, "max-file": 7, path: "/l" })).toEqual({
      ...{ kind: "supervised", driver: "local", path: "/l", maxBytes, files: 7 },
    }),
  );

  test("file", async () =>
    expect([await choose({ driver: "file", path: "/l" }), await choose({ driver: "file", path: "/l", "stderr-path": "/e" })]).toEqual([
      { kind: "file", path: "/l" },
      { kind: "file", path: "/l", stderrPath: "/e" },
    ]));

  test("journald", async () =>
    expect(await choose({ driver: "journald", tag: "shop" })).toEqual({
      kind: "supervised",
      driver: "journald",
      socket: "/run/systemd/journal/socket",
      fields: {
        CONTAINER_ID: "a-container-",
        CONTAINER_ID_FULL: "a-container-with-a-name",
        CONTAINER_NAME: "a-container-with-a-name",
        CONTAINER_TAG: "shop",
        SYSLOG_IDENTIFIER: "shop",
      },
    }));
});

test.each<[Options, string]>([
  [{ driver: "file" }, "the driver file needs a path"],
  [{ path: "log" }, "path is not absolute: log"],
  [{ "max-size": "10 apples" }, "max-size is no size such as 500k, 10m or 1g: 10 apples"],
  [{ "max-size": "0" }, "max-size is no size such as 500k, 10m or 1g: 0"],
  [{ driver: "journald", "max-size": "1k" }, "max-size is no option of the driver journald"],
])("%j is refused", async (options, message) => expect(choose(options)).rejects.toThrow(new Error(message)));

test("what it chooses is what box takes", async () => {
  for (const options of [{}, { driver: "file", path: "/l" }, { driver: "journald" }] as const) {
    const chosen = await choose(options);
    expect(checkStdioAnswer(chosen)).toEqual(chosen as Stdio);
  }
});
