// The state that is written before anything is made: it names all that may have to be undone.

import type { HostFacts } from "../host/facts.ts";
import type { Join } from "../plan/builder.ts";
import { containerCgroups } from "../plan/cgroups.ts";
import { hasSupervisor, type Launch } from "../plan/launch.ts";
import { sortNamespaces } from "../plan/namespaces.ts";
import { type Container, resctrlOf } from "../plan/plan-container.ts";
import type { PluginUse, Share, State } from "./state.ts";

const stateVersion = "1.3.0";

export function firstState(container: Container, facts: HostFacts, plugins: readonly PluginUse[] = [], supervisorStart?: number): State {
  const { id, bundle, spec } = container;
  const path = spec.root?.path ?? "rootfs";
  const cgroups: State["box"]["cgroups"][number][] = [];
  for (const one of containerCgroups({ facts, spec, id })) cgroups.push({ version: one.version, path: one.path });
  const resctrl = resctrlOf(container, facts);
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
      stays: stays(container.launch),
      cgroups,
      ...(resctrl === undefined ? {} : { resctrl: resctrl.steps.recorded(resctrl.groups) }),
      ...(container.joins === undefined ? {} : { shares: sharesOf(container.joins) }),
      ...(container.seccomp === undefined ? {} : { filterFlags: container.seccomp.flags }),
      ...(supervisorStart === undefined ? {} : { supervisorStart }),
      ...(container.launch === undefined || container.launch.stdio.kind === "inherit" ? {} : { stdio: container.launch.stdio }),
      plugins,
    },
  };
}

const sharesOf = (joins: readonly Join[]): Share[] => joins.map(({ type, path, to }) => ({ type, with: to ?? path }));

/** Whether there is something of the container left for box delete when it has ended by itself. */
const stays = (launch: Launch | undefined): boolean => launch !== undefined && (launch.keep || !hasSupervisor(launch));
