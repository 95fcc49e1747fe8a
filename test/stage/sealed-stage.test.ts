// What a container finds as /proc/self/exe of anything that enters it: the stage in a sealed file in memory, or, where
// such files may not be executed (vm.memfd_noexec, a setting of each pid namespace since Linux 6.6), in a read-only
// mount of its own (CVE-2019-5736).

import { describe, expect } from "bun:test";
import { existsSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import type { Step } from "../../src/tape/step.ts";
import { Bundle, descendants, execute, testWith, until } from "../integration/harness.ts";
import { type Sealed, sealHere } from "./sealed-stage.ts";

const test = testWith();
const setting = "/proc/sys/vm/memfd_noexec";

/** Words in front of a command to run it in a pid namespace with that setting. */
const withSetting = (value: number): string[] => [
  "unshare",
  "--pid",
  "--fork",
  "--kill-child",
  "--mount-proc",
  "sh",
  "-c",
  `echo ${value} > ${setting} && exec "$@"`,
  "sh",
];

const ownSetting = (): string => (existsSync(setting) ? readFileSync(setting, "utf8") : "none");

function lacksSetting(): string | undefined {
  const own = ownSetting().trim();
  if (own === "none") return "the setting vm.memfd_noexec (Linux 6.3)";
  if (own !== "0") return `a vm.memfd_noexec of 0: it is ${own}, and a pid namespace can only raise it`;
  const { exitCode } = Bun.spawnSync([...withSetting(2), "true"], { stdio: ["ignore", "ignore", "ignore"], timeout: 5000 });
  return exitCode === 0 ? undefined : "the right to set vm.memfd_noexec in a pid namespace of its own";
}

function testUnless(lack: string | undefined, what: string): typeof test {
  if (lack === undefined) return test;
  console.warn(`SKIPPED: ${what}: this machine lacks ${lack}`);
  return test.skip as typeof test;
}

const testSetting = testUnless(lacksSetting(), "the stage where files in memory may not be executed");
const testFile = testUnless(
  ownSetting().trim() === "2" ? "files in memory that may be executed" : undefined,
  "the stage in a file in memory",
);

const refused = (errno: string, names: readonly string[]): Record<string, string> => Object.fromEntries(names.map((name) => [name, errno]));
const everything = ["write", "shrink", "grow", "map", "write anew", "shrink anew", "grow anew"];

const inMemory: Sealed = {
  made: "done",
  link: "/memfd:box-stage (deleted)",
  holdsTheStage: true,
  seals: ["F_SEAL_SEAL", "F_SEAL_SHRINK", "F_SEAL_GROW", "F_SEAL_WRITE"],
  attempts: { ...refused("EPERM", everything), unchanged: "yes" },
  ownFile: "/memfd:box-stage (deleted)",
};

const inMount: Sealed = {
  made: "done",
  link: "/stage",
  holdsTheStage: true,
  seals: ["F_SEAL_SEAL"],
  // A descriptor for reading; no mapping of it can be written, and the mount gives no other.
  attempts: { write: "EBADF", shrink: "EINVAL", grow: "EINVAL", map: "EACCES", "open anew": "EROFS", unchanged: "yes" },
  ownFile: "/stage",
};

describe("the file of the stage", () => {
  testFile("is sealed, cannot be changed by any way, and runs", () => {
    expect(sealHere()).toEqual(inMemory);
  });

  testFile("is the same on a kernel that does not know MFD_EXEC", () => {
    // MFD_EXEC with MFD_NOEXEC_SEAL is refused as MFD_EXEC alone is before Linux 6.3.
    const refuse = (steps: Step[]): Step[] =>
      steps.map((one) =>
        one.call === "memfd_create" ? { ...one, args: [one.args[0] as string, [...(one.args[1] as string[]), "MFD_NOEXEC_SEAL"]] } : one,
      );
    expect(sealHere(refuse)).toEqual(inMemory);
  });

  for (const [value, expected] of [
    [0, inMemory],
    [1, inMemory],
    [2, inMount],
  ] as const)
    testSetting(`with vm.memfd_noexec ${value}`, async () => {
      const before = ownSetting();
      const { stdout, stderr } = await execute([process.execPath, `${import.meta.dir}/sealed-stage.ts`], { before: withSetting(value) });
      expect({ found: stdout === "" ? stdout : JSON.parse(stdout), stderr }).toEqual({ found: expected, stderr: "" });
      expect(ownSetting()).toBe(before);
    });
});

/** Files that the processes below `pid` run from, as seen from outside. */
function filesBelow(pid: number): string[] {
  return descendants(pid).flatMap((line) => {
    try {
      return [readlinkSync(`/proc/${line.split(" ")[0]}/exe`)];
    } catch {
      // What the container runs may have ended since.
      return [];
    }
  });
}

describe("a container", () => {
  for (const [value, file] of [
    [0, "/memfd:box-stage (deleted)"],
    [1, "/memfd:box-stage (deleted)"],
    [2, "/stage"],
  ] as const)
    testSetting(`runs with vm.memfd_noexec ${value}, supervised by ${file}`, async () => {
      const before = ownSetting();
      using bundle = new Bundle(
        (spec) => (spec.process.args = ["sh", "-c", `cat ${setting}; echo ready; until test -e /end; do sleep 0.01; done`]),
      );
      using running = bundle.start(["run", bundle.id], { before: withSetting(value) });
      await running.says("ready");
      await until(() => filesBelow(running.pid).includes(file), `the supervisor to run from ${file}`);
      writeFileSync(`${bundle.rootfs}/end`, "");
      expect(await running.outcome()).toEqual({ exitCode: 0, stdout: `${value}\nready\n`, stderr: "" });
      expect(ownSetting()).toBe(before);
    });

  test("leaves vm.memfd_noexec as it was", async () => {
    const before = ownSetting();
    using bundle = new Bundle();
    await bundle.sh("true");
    expect(ownSetting()).toBe(before);
  });
});
