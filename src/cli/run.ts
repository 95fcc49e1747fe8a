// box run: plan, start, and become the supervisor.

import { readText } from "../execute/files.ts";
import type { KeptKey } from "../execute/kept-program.ts";
import { blockSignals, systemCall } from "../execute/libc.ts";
import { isOnce } from "../execute/real-path.ts";
import { type Started, superviseContainer } from "../execute/run-container.ts";
import { type FlagRow, type Parsed, parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { containerFlags } from "./container-flags.ts";
import { absolute, folderOf, formatOf, isHostConfigured, launchesPlainly, needsChanges, rootOfStates } from "./invocation.ts";
import { keptRun } from "./kept-run.ts";
import { late } from "./late.ts";
import { checkStdio, launchFlags, lenientFlag, logFlags } from "./launch-flags.ts";
import type { PlannedRun } from "./plan-run.ts";
import { asError, startPlanned } from "./start-planned.ts";

export const withPlugins = late(() => import("./run-with-plugins.ts"));

export const flags: readonly FlagRow[] = [
  ...containerFlags,
  ...launchFlags,
  ...logFlags,
  lenientFlag,
  { name: "report-fd", value: "FD", hidden: true, help: "where to say that the container runs, for the box that started this one" },
  { name: "detach", short: "d", help: "leave the container running by itself" },
  { name: "keep", help: "keep what there is of the container after its end, for box delete" },
  { name: "trace", value: "FILE", optional: true, help: "tell afterwards what took how long, or write it to a file for Perfetto" },
  { name: "no-subreaper", help: "do not adopt what a container without its own pid namespace leaves behind" },
];

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const parsed = parseFlags(argv, flags, "run");
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("run");
  blockSignals();
  checkStdio();
  const traced = parsed.switches.has("trace") || parsed.values.trace !== undefined;
  const tracer = traced ? (await import("./tracer.ts")).newTracer(parsed.values.trace) : undefined;
  // With a trace there is something to plan: a kept program has no clocks in it.
  const key = traced ? undefined : keyOf(parsed, globals);
  const kept = key === undefined || key.plugins ? undefined : keptRun(key, parsed, globals);
  const way = parsed.switches.has("detach") ? "detached" : "foreground";
  const reports = parsed.values["report-fd"] !== undefined;
  // A session of its own, so that nothing that is sent to the caller's reaches it.
  if (reports) systemCall("setsid");
  const planned =
    kept ??
    (key?.plugins === true
      ? await (await withPlugins()).runWithPlugins(key, parsed, globals)
      : await (await import("./plan-run.ts")).planRun(parsed, globals, way, {
          tracer,
          known: key === undefined ? undefined : { text: key.config, format: key.format },
        }));
  if (planned.needsSupervisor && !reports) return (await import("./start-supervisor.ts")).startSupervisor(argv, parsed);
  const started = await startPlanned(planned);
  if (tracer !== undefined) {
    const later = way === "foreground" && !parsed.switches.has("keep");
    await tracer.started(started, `${planned.stateRoot}/${planned.id}`, later);
  }
  if (way === "detached" && !planned.needsSupervisor) return 0;
  try {
    if (key !== undefined) planned.keep(key);
    const siginfo = superviseContainer(started);
    return await (await import("./finish.ts")).finishHere(planned.stateRoot, planned.id, siginfo);
  } catch (error) {
    await endUnsupervised(started, planned);
    throw await asError(error, planned);
  }
}

/** A container that runs, but whose supervisor could not begin, ends with box. */
async function endUnsupervised({ state, poststop }: Started, { stateRoot, id }: PlannedRun): Promise<void> {
  const { undoStart } = await import("../execute/undo.ts");
  await undoStart(state, `${stateRoot}/${id}`, [state.pid], true, poststop);
}

/** What a program would be kept under; undefined when the start depends on more than its description, plugins and the host. */
export function keyOf(parsed: Parsed, globals: Globals): KeptKey | undefined {
  const command = parsed.rest.slice(1);
  const [id] = parsed.rest;
  if (parsed.separated || id === undefined || needsChanges(parsed, command)) return undefined;
  if (parsed.lists["log-opt"] !== undefined) return undefined;
  if (!launchesPlainly(parsed) || globals.cgroupManager === "disabled") return undefined;
  if (systemCall("getuid") !== 0) return undefined;
  const plugins = parsed.lists.plugin !== undefined || isHostConfigured();
  const { file } = parsed.values;
  const bundle = file === undefined ? absolute(parsed.values.bundle ?? ".") : folderOf(file, parsed);
  const described = file === undefined ? describedIn(bundle) : describedBy(file);
  if (
    described === undefined ||
    (described.format === "yaml" && !mayBeLenient()) ||
    (plugins && (file !== undefined || described.format === "yaml"))
  )
    return undefined;
  return { id, bundle, stateRoot: globals.root ?? rootOfStates(), ...described, plugins };
}

/** Whether the environment says yes or no. Else a box.yaml is refused, which asks in any case (leniency.ts). */
const mayBeLenient = (): boolean => ["", "0", "1"].includes(process.env.BOX_LENIENT ?? "");

type Described = Pick<KeptKey, "format" | "config">;

const ENOENT = 2;

/** What is wrong with any of these is for the longer way to say, and a program is only kept where nothing was. */
function describedIn(bundle: string): Described | undefined {
  const yaml = readText(`${bundle}/box.yaml`);
  if (typeof yaml !== "string" && yaml !== -ENOENT) return undefined;
  const json = readText(`${bundle}/config.json`);
  if (typeof yaml === "string") return typeof json === "string" ? undefined : { format: "yaml", config: yaml };
  return typeof json === "string" ? { format: "json", config: json } : undefined;
}

function describedBy(file: string): Described | undefined {
  const path = absolute(file);
  const text = isOnce(path) ? undefined : readText(path);
  return typeof text === "string" ? { format: formatOf(file), config: text } : undefined;
}
