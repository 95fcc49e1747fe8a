import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { everythingText, planText, podmanText, timePlans } from "../../scripts/bench-plan.ts";
import { readProfile } from "../../scripts/bench-podman.ts";
import { listSteps } from "../../src/index.ts";

/** The processor time of this thread alone, which neighbours on the machine and the engine's compilers do not count in. */
const processorMs = (): number => Number(readFileSync("/proc/thread-self/schedstat", "utf8").split(" ")[0]) / 1e6;

test("a plan of long lists has a step for each entry", () => {
  const origins = new Set(listSteps(planText(everythingText())).map(({ origin }) => origin));
  for (const entry of ["mounts[59]", "linux.devices[39]", "linux.maskedPaths[29]", "linux.readonlyPaths[19]", "hooks.createRuntime[9]"])
    expect(origins).toContain(entry);
});

test("as many figures as are asked for", async () => {
  const figures = await timePlans(everythingText(), 4);
  expect(figures.length).toBe(4);
  for (const figure of figures) expect(figure).toBeGreaterThan(0);
}, 60_000);

if (readProfile() === undefined) console.warn("SKIPPED: podman's configuration: this machine lacks its seccomp profile");
test.skipIf(readProfile() === undefined)(
  "podman's configuration is planned within twice the 3 ms that a warm process may take",
  () => {
    const text = podmanText();
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith("box-bench-plan-"))).toEqual([]);
    // The benchmark judges by the clock. Here the fastest of some batches counts, and twice as much is let pass: other tests run beside.
    const [most, plans] = [6, 10];
    let fastest = Number.POSITIVE_INFINITY;
    for (let batch = 0; batch < 60 && fastest > most; batch++) {
      const began = processorMs();
      for (let index = 0; index < plans; index++) planText(text);
      fastest = Math.min(fastest, (processorMs() - began) / plans);
    }
    expect(fastest).toBeLessThanOrEqual(most);
  },
  60_000,
);
