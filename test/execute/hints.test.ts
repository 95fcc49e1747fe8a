import { describe, expect, test } from "bun:test";
import { hintFor } from "../../src/execute/hints.ts";
import { step } from "../../src/tape/step.ts";

describe("devices", () => {
  const origin = "linux.resources.devices";
  const write = (line: string, why: string) => step("write", [7, line, line.length], origin, why);
  const load = step("bpf", [["BPF_PROG_LOAD"], null, 0], origin, "load the filter of devices");

  test("what the cgroup above denies", () =>
    expect(hintFor(write("c 1:11 r", "allow the devices c 1:11 r"), "EPERM", "")).toBe(
      "the cgroup above the container's does not allow it either",
    ));
  test("the first line may fail for want of rights", () => {
    expect(hintFor(write("a", "allow the devices *:* rwm"), "EPERM", "")).toBeUndefined();
    expect(hintFor(write("a", "deny the devices *:* rwm"), "EPERM", "")).toBeUndefined();
  });
  test("the verifier's last word", () => {
    const log = "0: (61) r2 = *(u32 *)(r1 +16)\ninvalid bpf_context access off=16 size=4\nprocessed 1 insns (limit 1000000)\n";
    expect(hintFor(load, "EACCES", log)).toBe("the kernel says: invalid bpf_context access off=16 size=4");
  });
  test("no verifier, no word", () => expect(hintFor(load, "EPERM", "")).toBeUndefined());
});
