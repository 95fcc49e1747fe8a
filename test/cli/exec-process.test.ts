import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseFlags } from "../../src/cli/arguments.ts";
import { flags } from "../../src/cli/exec.ts";
import { processOf } from "../../src/cli/exec-process.ts";
import { errorLines } from "../../src/cli/report-error.ts";
import type { Process, Spec } from "../../src/config/spec.ts";
import { BoxError } from "../../src/errors.ts";

const own: Process = {
  terminal: true,
  consoleSize: { height: 24, width: 80 },
  user: { uid: 33, gid: 44, umask: 0o27, additionalGids: [5] },
  args: ["sh"],
  env: ["A=1", "PATH=/bin"],
  cwd: "/srv",
  capabilities: {
    bounding: ["CAP_KILL"],
    effective: ["CAP_KILL"],
    permitted: ["CAP_KILL"],
    inheritable: ["CAP_KILL"],
    ambient: ["CAP_KILL"],
  },
  rlimits: [{ type: "RLIMIT_CORE", soft: 1, hard: 2 }],
  noNewPrivileges: false,
  oomScoreAdj: 7,
};
const spec: Spec = { ociVersion: "1.3.0", process: own, root: { path: "rootfs" } };

const processFor = async (words: readonly string[], of: Spec = spec): Promise<Process> => {
  const parsed = parseFlags([...words], flags, "exec");
  return (await processOf(of, parsed, parsed.rest.slice(1))).process;
};

/** The fields that flags change, but for the terminal and the arguments. */
async function changed(...words: readonly string[]): Promise<Partial<Process>> {
  const made = await processFor([...words, "web", "true"]);
  const { terminal: _, args: __, consoleSize: ___, ...before } = own;
  return Object.fromEntries(
    Object.entries(made).filter(
      ([name, value]) => !["terminal", "args"].includes(name) && !Bun.deepEquals(value, before[name as keyof typeof before]),
    ),
  );
}

async function refusal(words: readonly string[], of?: Spec): Promise<string[]> {
  const error = await processFor(words, of).catch((thrown: unknown) => thrown);
  if (!(error instanceof BoxError)) throw new Error(`${words.join(" ")} is not refused`);
  return errorLines(error);
}

test("without flags: the container's own with other arguments, and no terminal", async () => {
  const { consoleSize: _, ...rest } = own;
  expect(await processFor(["web", "ls", "-l", "--", "-t"])).toEqual({ ...rest, terminal: false, args: ["ls", "-l", "--", "-t"] });
});

describe("flags", () => {
  test("--tty", async () => expect((await processFor(["-t", "web", "sh"])).terminal).toBe(true));
  test("--env adds", async () =>
    expect(await changed("-e", "B=2", "--env", "A=3=4", "-e", "E=")).toEqual({ env: ["A=1", "PATH=/bin", "B=2", "A=3=4", "E="] }));
  test("--cwd", async () => expect(await changed("--cwd", "/tmp")).toEqual({ cwd: "/tmp" }));
  test("--user: the group stays", async () => expect(await changed("-u", "7")).toEqual({ user: { ...own.user, uid: 7 } }));
  test("--user with a group", async () => expect(await changed("--user=0:8")).toEqual({ user: { ...own.user, uid: 0, gid: 8 } }));
  test("--additional-gids add", async () =>
    expect(await changed("-g", "9", "-g", "0")).toEqual({ user: { ...own.user, additionalGids: [5, 9, 0] } }));
  test("--no-new-privs", async () => expect(await changed("--no-new-privs")).toEqual({ noNewPrivileges: true }));
  test("--cap adds to all but the inheritable and ambient ones, once", async () =>
    expect(await changed("--cap", "CAP_CHOWN", "-c", "CAP_KILL")).toEqual({
      capabilities: {
        bounding: ["CAP_KILL", "CAP_CHOWN"],
        effective: ["CAP_KILL", "CAP_CHOWN"],
        permitted: ["CAP_KILL", "CAP_CHOWN"],
        inheritable: ["CAP_KILL"],
        ambient: ["CAP_KILL"],
      },
    }));
  test("--cap makes ambient what is inheritable already", async () => {
    const process: Process = { ...own, capabilities: { inheritable: ["CAP_CHOWN"] } };
    const made = await processFor(["--cap", "CAP_CHOWN", "--cap", "CAP_KILL", "web", "true"], { ...spec, process });
    expect(made.capabilities?.ambient).toEqual(["CAP_CHOWN"]);
  });
  test("--cap where there are none", async () => {
    const { capabilities: _, ...without } = own;
    expect((await processFor(["-c", "CAP_CHOWN", "web", "true"], { ...spec, process: without })).capabilities).toEqual({
      bounding: ["CAP_CHOWN"],
      effective: ["CAP_CHOWN"],
      permitted: ["CAP_CHOWN"],
    });
  });
  test("security labels", async () =>
    expect(await changed("--apparmor", "web server", "--process-label=u:r:t:s0")).toEqual({
      apparmorProfile: "web server",
      selinuxLabel: "u:r:t:s0",
    }));
  test("security labels are the container's, unless others are named", async () => {
    const labelled = { ...spec, process: { ...own, apparmorProfile: "web", selinuxLabel: "u:r:web:s0" } };
    const made = await processFor(["--apparmor", "other", "web", "true"], labelled);
    expect([made.apparmorProfile, made.selinuxLabel]).toEqual(["other", "u:r:web:s0"]);
  });
  test("security labels that ask for nothing, as clients pass them", async () =>
    expect(await changed("--apparmor", "", "--process-label=")).toEqual({}));
});

describe("refused", () => {
  test.each<[words: string[], lines: string[]]>([
    [["web"], ["box: process args cannot be empty", "hint: box exec ID COMMAND…"]],
    [["-e", "B", "web", "sh"], ['box: --env: expected NAME=VALUE, got "B"']],
    [["-e", "=B", "web", "sh"], ['box: --env: expected NAME=VALUE, got "=B"']],
    [["-u", "root", "web", "sh"], ['box: --user: expected a number from 0 to 4294967294, got "root"']],
    [["-u", "", "web", "sh"], ['box: --user: expected a number from 0 to 4294967294, got ""']],
    [["-u", "0x0", "web", "sh"], ['box: --user: expected a number from 0 to 4294967294, got "0x0"']],
    [["-u", "1e3", "web", "sh"], ['box: --user: expected a number from 0 to 4294967294, got "1e3"']],
    [["-u", "-1", "web", "sh"], ['box: --user: expected a number from 0 to 4294967294, got "-1"']],
    [["-u", " 1", "web", "sh"], ['box: --user: expected a number from 0 to 4294967294, got " 1"']],
    [["-u", "4294967295", "web", "sh"], ['box: --user: expected a number from 0 to 4294967294, got "4294967295"']],
    [["-u", "4294967296", "web", "sh"], ['box: --user: expected a number from 0 to 4294967294, got "4294967296"']],
    [["-u", "99999999999", "web", "sh"], ['box: --user: expected a number from 0 to 4294967294, got "99999999999"']],
    [["-u", "1:", "web", "sh"], ['box: --user: expected a number from 0 to 4294967294, got ""']],
    [["-u", "1:2:3", "web", "sh"], ['box: --user: expected a number from 0 to 4294967294, got "2:3"']],
    [["-g", "x", "web", "sh"], ['box: --additional-gids: expected a number from 0 to 4294967294, got "x"']],
    [["-c", "CHOWN", "web", "sh"], ['box: --cap: there is no capability "CHOWN"']],
    [["-c", "toString", "web", "sh"], ['box: --cap: there is no capability "toString"']],
    [
      ["--apparmor", "a\nb", "web", "sh"],
      ['box: --apparmor: expected a label of at most 4000 bytes without control characters, got "a\\nb"'],
    ],
    [
      ["--process-label", "a\u007f", "web", "sh"],
      [`box: --process-label: expected a label of at most 4000 bytes without control characters, got "a\\u{7f}"`],
    ],
  ])("%j", async (words, lines) => expect(await refusal(words)).toEqual(lines));

  test("defaults from a container that has none", async () => {
    const { process: _, ...without } = spec;
    expect(await refusal(["web", "sh"], without)).toEqual([
      "box: process: the container has none to take defaults from",
      "hint: --process FILE gives one",
    ]);
  });
});

describe("--process FILE", () => {
  async function fromFile(text: string, ...words: readonly string[]): Promise<Process | string[]> {
    const folder = mkdtempSync(`${tmpdir()}/box-process-`);
    try {
      writeFileSync(`${folder}/process.json`, text);
      return await processFor([...words, "-p", `${folder}/process.json`, "web"]);
    } catch (error) {
      if (error instanceof BoxError) return errorLines(error).map((line) => line.replaceAll(folder, "FOLDER"));
      throw error;
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
  const whole: Process = { args: ["true"], cwd: "/", user: { uid: 1, gid: 2 } };
  test("gives the whole process, whatever the container's is", async () => expect(await fromFile(JSON.stringify(whole))).toEqual(whole));
  test("and flags change nothing of it, as with runc", async () =>
    expect(await fromFile(JSON.stringify(whole), "-e", "A=1", "-u", "7")).toEqual(whole));
  test("is checked as that of config.json", async () =>
    expect(await fromFile('{"args":[],"cwd":"srv","user":{"uid":-1,"gid":0},"evn":[]}')).toMatchInlineSnapshot(`
      [
        "box: FOLDER/process.json:1:9: args: expected at least one entry, got []",
        "box: FOLDER/process.json:1:18: cwd: expected an absolute path, got "srv"",
        "box: FOLDER/process.json:1:38: user.uid: expected an id from 0 to 4294967294, got -1",
        "box: FOLDER/process.json:1:50: evn: unknown key, did you mean "env"?",
      ]
    `));
  test("is no JSON", async () =>
    expect(await fromFile("{")).toEqual(["box: FOLDER/process.json:1:2: not JSON: JSON Parse error: Expected '}'"]));
  test("is not there", async () =>
    expect(await refusal(["-p", "/nonexistent/process.json", "web"])).toEqual([
      "box: --process: cannot read /nonexistent/process.json: ENOENT (no such file or directory)",
    ]));
});
