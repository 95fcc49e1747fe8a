// podman with plugins that the host names: podman knows nothing of them, and its containers get them all the same. Without
// the other runtime to compare with, since no other has any.

import { expect } from "bun:test";
import { binary, linesOf, testWith } from "../integration/harness.ts";
import { worldFolder } from "./harness.ts";
import { Podman } from "./podman.ts";

const plugin = `import { appendFileSync } from "node:fs";
const log = (line) => appendFileSync("${worldFolder}/log", line + "\\n");
export default {
  name: "mark",
  options: { type: "object", properties: { word: { type: "string" } } },
  apply(hooks, { word }) {
    hooks.config.tap("mark", (spec) => {
      spec.process.env.push("MARK=" + word);
      spec.mounts.push({ destination: "/marked", type: "tmpfs", source: "tmpfs" });
    });
    hooks.onExec.tap("mark", (process) => ({ ...process, env: [...process.env, "MARK=exec"] }));
    hooks.poststart.tap("mark", ({ status }) => log("poststart " + status));
    hooks.poststop.tap("mark", ({ status }) => log("poststop " + status));
  },
};
`;

testWith("podman")(
  "podman's containers have the plugins of /etc/box/config.yaml",
  async () => {
    await using podman = await Podman.open({ name: "box", path: binary });
    const { world } = podman;
    world.write("/etc/box/mark.ts", plugin);
    world.write(
      "/etc/box/config.yaml",
      "plugins:\n  - mark.ts: { word: everywhere }\nallow:\n  - notify: { file: /run/world/events, events: [start] }\n",
    );
    expect(await podman.sh([], "echo $MARK; grep -c ' /marked ' /proc/mounts")).toEqual(["everywhere", "1"]);
    const name = await podman.start(["--annotation=box.plugins=notify"]);
    expect(linesOf(await podman.ok(["exec", name, "sh", "-c", "echo $MARK"]))).toEqual(["exec"]);
    await podman.ok(["rm", "--force", "--time=0", name]);
    expect(linesOf(await world.ok(["cat", `${worldFolder}/log`]))).toEqual([
      "poststart running",
      "poststop stopped",
      "poststart running",
      "poststop stopped",
    ]);
    expect(linesOf(await world.ok(["cat", "/run/world/events"]))).toHaveLength(1);
    // One that nobody else may write, or none starts.
    await world.ok(["chmod", "o+w", "/etc/box/mark.ts"]);
    const { exitCode, stderr } = await podman.run([], ["true"]);
    expect([exitCode, stderr]).toEqual([126, expect.stringContaining("anyone may change /etc/box/mark.ts")]);
  },
  60_000,
);
