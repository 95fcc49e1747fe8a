// Whose program runs where: in a container's namespaces there is the stage and then the container's own program, never
// box; and box, like the supervisor that it becomes, stays where it was started.

import { expect } from "bun:test";
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { Bundle, testWith } from "./harness.ts";

const test = testWith();
const stage = "/memfd:box-stage (deleted)";

for (const [title, namespaces] of [
  ["new ones", []],
  ["a joined one", [{ type: "ipc" as const, path: "/proc/self/ns/ipc" }]],
] as const)
  test(`in the container's namespaces, ${title}, is the stage and never box`, async () => {
    using bundle = new Bundle((spec) => {
      spec.linux.namespaces = [...spec.linux.namespaces.filter(({ type }) => !namespaces.some((one) => one.type === type)), ...namespaces];
    });
    const log = `${bundle.folder}/log`;
    writeFileSync(
      `${bundle.folder}/own.ts`,
      `import { readlinkSync, writeFileSync } from "node:fs";
       export default { name: "own", apply(hooks: any) {
         hooks.prestart.tap("own", ({ pid }: any) => writeFileSync(${JSON.stringify(log)}, readlinkSync("/proc/" + pid + "/exe")));
       } };`,
    );
    bundle.change((spec) => (spec.process.args = ["readlink", "/proc/self/exe"]));
    expect(await bundle.box(["run", "--plugin", "./own.ts", bundle.id])).toEqual({ exitCode: 0, stdout: "/bin/busybox\n", stderr: "" });
    expect(readFileSync(log, "utf8")).toBe(stage);
  });

test("box, by then the supervisor, stays in the caller's namespaces", async () => {
  using bundle = new Bundle();
  using running = await bundle.startSh("echo ready; exec sleep 1000");
  const namespacesOf = (pid: number): string[] => readdirSync(`/proc/${pid}/ns`).map((name) => readlinkSync(`/proc/${pid}/ns/${name}`));
  expect(namespacesOf(running.pid)).toEqual(namespacesOf(process.pid));
  expect(readlinkSync(`/proc/${running.pid}/exe`)).toBe(stage);
  expect(readdirSync(`/proc/${running.pid}/task`)).toEqual([String(running.pid)]);
});
