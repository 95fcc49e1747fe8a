import { describe, expect, test } from "bun:test";
import { followSpec } from "../../src/cli/spec-origins.ts";
import { defaultSpec } from "../../src/config/default-spec.ts";
import type { Mount, Namespace, Spec } from "../../src/config/spec.ts";

/** What the origins say after each plugin, by its name, has had its way with the Spec. */
function after(taps: Readonly<Record<string, (spec: Spec) => unknown>>, origins: readonly string[]): unknown[] {
  let spec = defaultSpec();
  const followed = followSpec(spec);
  for (const [name, tap] of Object.entries(taps)) {
    spec = (tap(spec) as Spec | undefined) ?? spec;
    followed.note(JSON.stringify(spec), name);
  }
  return origins.map((origin) => {
    const { plugin, from } = followed.of(origin);
    return plugin === undefined ? from : `${plugin}: ${from}`;
  });
}

const mount: Mount = { destination: "/data", type: "tmpfs", source: "tmpfs", options: ["size=1m"] };
const count = defaultSpec().mounts?.length ?? 0;

describe("after plugins", () => {
  test("what none has touched is from where it was", () =>
    expect(after({ one: () => {} }, ["mounts[2]", "box", "--pid-file", "--plugin ./a.ts", "process.args", 'linux.sysctl["a.b"]'])).toEqual([
      "mounts[2]",
      "box",
      "--pid-file",
      "--plugin ./a.ts",
      "process.args",
      'linux.sysctl["a.b"]',
    ]));
  test("a mount that is added at the end", () =>
    expect(after({ one: (spec) => void spec.mounts?.push(mount) }, [`mounts[${count - 1}]`, `mounts[${count}]`])).toEqual([
      `mounts[${count - 1}]`,
      `one: mounts[${count}]`,
    ]));
  test("a mount that is added in front: the others know where they stood", () =>
    expect(after({ one: (spec) => void spec.mounts?.unshift(mount) }, ["mounts[0]", "mounts[1]", "mounts[2].options[0]"])).toEqual([
      "one: mounts[0]",
      "mounts[0]",
      "mounts[1].options[0]",
    ]));
  test("a mount that is taken out", () =>
    expect(after({ one: (spec) => void spec.mounts?.shift() }, ["mounts[0]"])).toEqual(["mounts[1]"]));
  test("a mount of which one option is changed", () =>
    expect(
      after(
        { one: (spec) => ({ ...spec, mounts: spec.mounts?.map((one, index) => (index === 1 ? { ...one, options: ["ro"] } : one)) ?? [] }) },
        ["mounts[0]", "mounts[1]", "mounts[1].destination"],
      ),
    ).toEqual(["mounts[0]", "one: mounts[1]", "mounts[1].destination"]));
  test("a value that is set, and one that is replaced", () =>
    expect(
      after({ one: (spec) => Object.assign(spec, { domainname: "local", hostname: "other" }) }, ["domainname", "hostname", "process"]),
    ).toEqual(["one: domainname", "one: hostname", "process"]));
  test("a namespace that is joined", () => {
    const namespaces: Namespace[] = [{ type: "mount" }, { type: "network", path: "/x" }];
    const join = (spec: Spec): Spec => ({ ...spec, linux: { ...spec.linux, namespaces } });
    expect(after({ one: join }, ["linux.namespaces[0]", "linux.namespaces[1]"])).toEqual([
      "linux.namespaces[4]",
      "one: linux.namespaces[1]",
    ]);
  });
  test("of two the later one that changed it", () =>
    expect(
      after({ one: (spec) => void spec.mounts?.push(mount), two: (spec) => void spec.mounts?.push({ ...mount, destination: "/more" }) }, [
        `mounts[${count}]`,
        `mounts[${count + 1}]`,
      ]),
    ).toEqual([`one: mounts[${count}]`, `two: mounts[${count + 1}]`]));
});
