// Joins namespaces of a running container or process instead of making new ones:
//
//   plugins:
//     - share-namespace: { with: "container:db", namespaces: [net, ipc] }
//
// Read it as a model: options with a schema, one hook, and a Spec that is changed as data.

import type { Spec } from "../hooks/hooks.ts";
import type { NamespaceKey, Plugin, PluginHost } from "../hooks/plugin.ts";

type Options = {
  /** `container:ID` or `pid:NUMBER`. */
  with: string;
  /** net alone when left out. */
  namespaces?: NamespaceKey[];
};

const keys: readonly NamespaceKey[] = ["net", "pid", "ipc", "uts", "mount", "cgroup", "user", "time"];

const plugin: Plugin<Options> = {
  name: "share-namespace",
  description: "joins namespaces of a running container or process",
  options: {
    type: "object",
    properties: {
      with: { type: "string" },
      namespaces: { type: "array", items: { type: "string", enum: keys } },
    },
    required: ["with"],
  },
  apply(hooks, options, host) {
    hooks.config.tap("share-namespace", (spec) => {
      for (const key of options.namespaces ?? ["net"]) join(spec, key, options.with, host);
    });
  },
};

export default plugin;

function join(spec: Spec, key: NamespaceKey, reference: string, host: PluginHost): void {
  const joined = host.resolveNamespace(reference, key);
  const others = (spec.linux?.namespaces ?? []).filter(({ type }) => type !== joined.type);
  spec.linux = { ...spec.linux, namespaces: [...others, joined] };
  // The names in a shared uts namespace, and the ids of a shared user namespace, are the other container's to set.
  if (key === "uts") {
    delete spec.hostname;
    delete spec.domainname;
  }
  if (key === "user") {
    delete spec.linux.uidMappings;
    delete spec.linux.gidMappings;
  }
}
