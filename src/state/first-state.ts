// The state that is written before anything is made: it names all that may have to be undone.

import type { HostFacts } from "../host/facts.ts";
import type { Join } from "../plan/builder.ts";
import { containerCgroups } from "../plan/cgroups.ts";
import { sortNamespaces } from "../plan/namespaces.ts";
import type { Container } from "../plan/plan-container.ts";
import type { PluginUse, Share, State } from "./state.ts";

const stateVersion = "1.3.0";

export function firstState(container: Container, facts: HostFacts, plugins: readonly PluginUse[] = []): State {
  const { id, bundle, spec } = container;
  const path = spec.root?.path ?? "rootfs";
  const cgroups: State["box"]["cgroups"][number][] = [];
  for (const one of containerCgroups({ facts, spec, id })) cgroups.push({ version: one.version, path: one.path });
  return {
    ociVersion: stateVersion,
    id,
    status: "creating",
    pid: 0,
    bundle,
    rootfs: path.startsWith("/") ? path : `${bundle}/${path}`,
    created: new Date().toISOString(),
    owner: facts.uid === 0 ? "root" : String(facts.uid),
    ...(spec.annotations === undefined ? {} : { annotations: spec.annotations }),
    box: {
      startTime: 0,
      supervisor: process.pid,
      ownPids: sortNamespaces(spec).made.has("pid"),
      stays: container.launch !== undefined && (container.launch.way !== "foreground" || container.launch.keep),
      cgroups,
      ...(container.joins === undefined ? {} : { shares: sharesOf(container.joins) }),
      ...(container.seccomp === undefined ? {} : { filterFlags: container.seccomp.flags }),
      plugins,
    },
  };
}

const sharesOf = (joins: readonly Join[]): Share[] => joins.map(({ type, path, to }) => ({ type, with: to ?? path }));
