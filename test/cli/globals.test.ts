import { afterEach, describe, expect, test } from "bun:test";
import { parseFlags } from "../../src/cli/arguments.ts";
import { failureOf, globalFlags } from "../../src/cli/commands.ts";
import { readGlobals } from "../../src/cli/globals.ts";
import { errorLines } from "../../src/cli/report-error.ts";
import { BoxError } from "../../src/errors.ts";
import { currentLog, setLog } from "../../src/log.ts";

const unset = currentLog();
afterEach(() => setLog(unset));

const read = (words: string) => readGlobals(parseFlags(words.split(" "), globalFlags, ""));

test("nothing given", () => {
  expect(read("state")).toEqual({ root: undefined, debug: false, cgroupManager: "cgroupfs" });
  expect(currentLog()).toEqual({ file: undefined, format: "text", level: "warning" });
});

test("as podman calls", () => {
  expect(read("--root /r --log-format=json --log /l --cgroup-manager disabled create")).toEqual({
    root: "/r",
    debug: false,
    cgroupManager: "disabled",
  });
  expect(currentLog()).toEqual({ file: "/l", format: "json", level: "warning" });
});

test("--log-level", () => {
  expect(read("--log-level error state").debug).toBe(false);
  expect(currentLog().level).toBe("error");
  expect(read("--log-level debug state").debug).toBe(true);
  expect(read("--debug --log-level error state").debug).toBe(true);
  expect(currentLog().level).toBe("debug");
});

test("--log without a name is none, as with runc", () => {
  read("--log= --log-format= state");
  expect(currentLog()).toEqual({ file: undefined, format: "text", level: "warning" });
});

for (const value of ["true", "false", "auto"])
  test(`--rootless ${value}`, () => expect(read(`--rootless ${value} state`)).toEqual(read("state")));

test("whoever makes cgroups, other commands find them in the state", () => {
  for (const command of ["start", "exec", "delete"])
    for (const flag of ["--systemd-cgroup", "--cgroup-manager systemd"])
      expect(read(`${flag} ${command}`)).toMatchObject({ root: undefined, debug: false });
});

describe("refused", () => {
  const cases: [words: string, lines: string[]][] = [
    ["--log-format xml state", ['box: --log-format: expected text, json, got "xml"']],
    ["--log-level info state", ['box: --log-level: expected warning, error, debug, got "info"']],
    ["--rootless maybe state", ['box: --rootless: expected auto, true, false, got "maybe"']],
    ["--cgroup-manager x state", ['box: --cgroup-manager: expected cgroupfs, disabled, systemd, got "x"']],
    [
      "--cgroup-manager systemd create",
      ["box: --cgroup-manager systemd: not supported yet", "hint: box makes cgroups itself: --cgroup-manager cgroupfs"],
    ],
    ["--systemd-cgroup run", ["box: --systemd-cgroup: not supported yet", "hint: box makes cgroups itself: leave it out"]],
  ];
  for (const [words, lines] of cases)
    test(words, () => {
      const error = (() => {
        try {
          return read(words);
        } catch (thrown) {
          return thrown;
        }
      })();
      expect(error).toBeInstanceOf(BoxError);
      expect(errorLines(error as BoxError)).toEqual(lines);
    });
});

test("exit codes: runc's 1, but 125 where the program's own are passed on", async () => {
  const { commands } = await import("../../src/cli/commands.ts");
  const codes = Object.entries(commands).map(([name, command]) => [name, failureOf(command)]);
  expect(Object.fromEntries(codes)).toMatchObject({
    run: 125,
    plan: 125,
    finish: 125,
    state: 1,
    list: 1,
    ps: 1,
    kill: 1,
    delete: 1,
    spec: 1,
  });
  expect(failureOf(undefined)).toBe(1);
});
