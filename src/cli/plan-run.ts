// The longer way to a start: read, check, plan and compile. Loaded by run when no program was kept for it.

import type { Stdio } from "../config/stdio-choice.ts";
import { BoxError } from "../errors.ts";
import { compile, type Program, type Sources } from "../execute/compile.ts";
import { readText } from "../execute/files.ts";
import { type Kept, type KeptKey, keepProgram } from "../execute/kept-program.ts";
import { type Started, startContainer, type Written } from "../execute/run-container.ts";
import type { HostFacts } from "../host/facts.ts";
import { hasSupervisor, type Launch } from "../plan/launch.ts";
import { withNotifySocket } from "../plan/notify.ts";
import { type Container, planContainer } from "../plan/plan-container.ts";
import { firstState } from "../state/first-state.ts";
import { type State, startTimeOf } from "../state/state.ts";
import type { Parsed } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { hooksAround, useOf } from "./hooks-around.ts";
import { launchOf } from "./launch-flags.ts";
import {
  type Configured,
  configureContainer,
  finishLoading,
  isToldByConfig,
  type KnownConfig,
  type Loaded,
  pluginHooks,
} from "./load-container.ts";
import { locating } from "./located.ts";
import type { Tracer } from "./tracer.ts";

export type PlannedRun = {
  readonly id: string;
  readonly stateRoot: string;
  readonly cgroups: State["box"]["cgroups"];
  readonly program: Program;
  /** Can be called again after a failure; plugins see the plan once. */
  readonly start: () => Promise<Started>;
  /** Keeps the program for the next start. */
  readonly keep: (key: KeptKey) => void;
  /** Where an error is told, after `program` has explained it. */
  readonly locate: () => Promise<Loaded["locate"]>;
  /** What the container goes without. */
  readonly warnings: readonly BoxError[];
  /** It is to run by itself, but under a supervisor: then another process must start it (start-supervisor.ts). */
  readonly needsSupervisor: boolean;
};

type More = {
  /** For a start whose times are wanted. */
  readonly tracer?: Tracer | undefined;
  /** As far as it has been read. */
  readonly configured?: Configured;
  readonly known?: KnownConfig | undefined;
};

export async function planRun(
  parsed: Parsed,
  globals: Globals,
  way: Launch["way"],
  { tracer, configured, known }: More = {},
): Promise<PlannedRun> {
  const read = configured ?? (await configureContainer(parsed, globals, true, { known }));
  const { container: bare, facts, seen, asked, plugins, stdio, locate, told } = await finishLoading(read, parsed, globals);
  tracer?.mark("read and check the configuration");
  const launchedSo = await withStdioSteps(launched(bare, parsed, way, facts.stateRoot, stdio));
  // The trace is told at the end, which the supervisor's tape cannot do.
  const container = tracer === undefined ? launchedSo : { ...launchedSo, finishInBox: true };
  const planned = locating(locate, () => planContainer(container, facts));
  const plan = tracer === undefined ? planned : tracer.plan(planned);
  tracer?.mark("plan");
  const program = compile(plan);
  tracer?.mark("compile");
  const warnings: BoxError[] = [];
  const drops = (plan.limits?.dropped.length ?? 0) > 0;
  if (drops) {
    const { checkDropped, droppedWarnings } = await import("./dropped-limits.ts");
    checkDropped(plan, parsed, locate);
    warnings.push(...droppedWarnings(plan));
  }
  // Box's tape as it is before it runs; it is compiled to where it runs, and what it writes is part of it.
  const untouched = isToldByConfig(read) ? program.compiled.box.image.slice() : undefined;
  const written: Written = {
    state: firstState(container, facts, plugins?.loaded.map(useOf), startOfSupervisor(container)),
    config: JSON.stringify(container.spec),
  };
  const ofPlugins = plugins === undefined ? undefined : await pluginHooks();
  let between = hooksAround(read, ofPlugins?.betweenOf)(written);
  if (plugins !== undefined) await ofPlugins?.callPlan(plugins, planned, container.id);
  if (container.launch?.notifies === true && way !== "created")
    between = (await import("./pass-readiness.ts")).notifying(between, `${facts.stateRoot}/${container.id}`);
  if (tracer !== undefined) between = tracer.between(between);
  let tries = 0;
  // A program runs once: what it has run in holds its traces.
  const fresh = (): Program => (tries++ === 0 ? program : compile(plan));
  return {
    id: container.id,
    stateRoot: facts.stateRoot,
    cgroups: written.state.box.cgroups,
    program,
    start: () => startContainer(fresh(), written, `${facts.stateRoot}/${container.id}`, between),
    keep: (key) => {
      // Plugins may have had the text read once more, of a file that has changed since; then this program is not that text's. A
      // kept program has no warnings, and looks at no namespace before it makes the container.
      if (untouched === undefined || told?.text !== key.config || drops || bare.joins !== undefined) return;
      const { answered } = told;
      keepProgram(key, () => ({
        made: {
          ...{ answered, asked, seen, facts: JSON.stringify(facts), home: facts.home ?? null, ...written, compiled: program.compiled },
          ...(plugins === undefined ? {} : { plugins: ofPlugins?.keptOf(plugins) }),
        },
        box: untouched,
      }));
    },
    locate: async () => locate,
    warnings,
    needsSupervisor: way === "detached" && container.launch !== undefined && hasSupervisor(container.launch),
  };
}

/** Where somebody may wait for it: this process becomes the supervisor. */
function startOfSupervisor({ launch }: Container): number | undefined {
  const stat = launch?.notesEnd === true || launch?.stdio.kind === "supervised" ? readText("/proc/self/stat") : undefined;
  return typeof stat === "string" ? startTimeOf(stat) : undefined;
}

/** The container with how it is started. */
function launched(container: Container, parsed: Parsed, way: Launch["way"], stateRoot: string, stdio?: Stdio): Container {
  const launch = launchOf(parsed, way, container.spec, stdio);
  const spec = launch.notifies ? withNotifySocket(container.spec, `${stateRoot}/${container.id}`) : container.spec;
  return { ...container, spec, launch, ownStdio: way !== "foreground" };
}

async function withStdioSteps(container: Container): Promise<Container> {
  const { launch } = container;
  if (launch === undefined || launch.stdio.kind === "inherit") return container;
  return { ...container, stdioSteps: (await import("../plan/stdio-steps.ts")).stdioSteps };
}

/** The steps behind a kept program, made once more because something has failed: of `read`, on the host that it was made for. */
export async function sourcesAgain(
  parsed: Parsed,
  globals: Globals,
  kept: Pick<Kept, "compiled" | "facts">,
  read: Configured,
): Promise<Sources> {
  const { container } = await finishLoading(read, parsed, globals);
  const facts = JSON.parse(kept.facts) as HostFacts;
  const program = compile(planContainer(launched(container, parsed, "foreground", facts.stateRoot), facts));
  const { image } = program.compiled.child;
  const { child } = kept.compiled;
  if (image.length !== child.image.length || image.some((byte, index) => byte !== child.image[index]))
    throw new BoxError({ what: "the start failed, and the configuration has changed meanwhile", hint: "run it again" });
  return await program.explain();
}

/** The same for a start without plugins, of what was read then; and where its errors are told. */
export async function explainKept(
  parsed: Parsed,
  globals: Globals,
  kept: Pick<Kept, "compiled" | "facts">,
  known: KnownConfig,
): Promise<{ readonly sources: Sources; readonly locate: Loaded["locate"] }> {
  const read = await configureContainer(parsed, globals, true, { known });
  return { sources: await sourcesAgain(parsed, globals, kept, read), locate: read.locate };
}
