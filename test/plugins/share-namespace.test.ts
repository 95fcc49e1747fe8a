import { expect, test } from "bun:test";
import { newHooks, type Spec } from "../../hooks/hooks.ts";
import type { PluginHost } from "../../hooks/plugin.ts";
import shareNamespace from "../../plugins/share-namespace.ts";
import { defaultSpec } from "../../src/config/default-spec.ts";
import { namespaceKeys } from "../../src/config/yaml-rules.ts";
import { hostWith } from "./host-with.ts";

type Options = Parameters<typeof shareNamespace.apply>[1];

async function configure(options: Options, spec: Spec = defaultSpec()): Promise<Spec> {
  const hooks = newHooks();
  const resolveNamespace: PluginHost["resolveNamespace"] = (reference, key) => ({
    type: namespaceKeys[key],
    path: `${reference} ${key}`,
  });
  await shareNamespace.apply(hooks, options, hostWith({ resolveNamespace }));
  const changed = await hooks.config.promise(spec, { id: "one", bundle: "/b" });
  return changed ?? spec;
}

const namespaces = (spec: Spec): string[] => (spec.linux?.namespaces ?? []).map(({ type, path = "new" }) => `${type}: ${path}`);

test("the network alone, when nothing else is said", async () =>
  expect(namespaces(await configure({ with: "container:db" }))).toEqual([
    "pid: new",
    "ipc: new",
    "uts: new",
    "mount: new",
    "network: container:db net",
  ]));

test("several, also ones that the container did not have", async () =>
  expect(namespaces(await configure({ with: "pid:7", namespaces: ["ipc", "cgroup"] }))).toEqual([
    "pid: new",
    "network: new",
    "uts: new",
    "mount: new",
    "ipc: pid:7 ipc",
    "cgroup: pid:7 cgroup",
  ]));

test("a shared uts namespace keeps its names", async () =>
  expect(await configure({ with: "pid:7", namespaces: ["uts"] })).not.toHaveProperty("hostname"));

test("a shared user namespace keeps its maps", async () => {
  const { linux } = await configure({ with: "pid:7", namespaces: ["user"] }, defaultSpec({ rootless: { uid: 1000, gid: 1000 } }));
  expect([linux?.uidMappings, linux?.gidMappings]).toEqual([undefined, undefined]);
});
