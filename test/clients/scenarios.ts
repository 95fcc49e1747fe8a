// Scenarios: what people do with a client, each a few lines. All of them run with box as the client's runtime before the
// first test is told, a few at once. One that fails is run with runc too: what runc does on this machine, box must do;
// what runc cannot do either is skipped, with runc's own words. BOX_CLIENTS_ONLY=WORDS runs those with WORDS in the title.

import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import type { Seccomp, Spec } from "../../src/config/spec.ts";
import { binary } from "../integration/harness.ts";
import { expectAgreement } from "../seccomp/expect-agreement.ts";
import { runtimePath } from "./harness.ts";

/** Which runtime a client was opened with, by its path on this machine. */
export type Runtime = { readonly name: "box" | "runc"; readonly path: string };

const box: Runtime = { name: "box", path: binary };
const runc: Runtime = { name: "runc", path: Bun.which("runc", { PATH: "/usr/sbin:/usr/bin" }) ?? "/usr/sbin/runc" };

/** Throws when the client does not do with its runtime what it should. */
export type Scenario<Client> = (client: Client) => Promise<unknown>;

/** Those whose titles begin with one of these. */
export function those<Client>(
  scenarios: Readonly<Record<string, Scenario<Client>>>,
  ...begins: readonly string[]
): Record<string, Scenario<Client>> {
  const unknown = begins.filter((begin) => !Object.keys(scenarios).some((title) => title.startsWith(begin)));
  if (unknown.length > 0) throw new Error(`no scenario begins with ${unknown.join(" or ")}`);
  return Object.fromEntries(Object.entries(scenarios).filter(([title]) => begins.some((begin) => title.startsWith(begin))));
}

/**
 * Holds a bundle that a client has written, with a container in it, against box's strict reader and its planner, and turns its
 * config.json into a box.yaml, which box prints only if it expands to the same again. Its filter of system calls does what its
 * profile says. With another runtime that is nobody's question.
 */
export async function expectPlan(runtime: Runtime, run: (argv: readonly string[]) => Promise<string>, bundle: string): Promise<void> {
  if (runtime.name !== "box") return;
  expect(await run([runtimePath(runtime.path), "validate", "--bundle", bundle])).toStartWith("config.json is valid");
  expect(await run([runtimePath(runtime.path), "plan", "--bundle", bundle])).toContain("\ninit: program\n");
  expect(await run([runtimePath(runtime.path), "spec", "--yaml", "--bundle", bundle])).toStartWith("rootfs: ");
  const { linux } = JSON.parse(await run(["cat", `${bundle}/config.json`])) as Spec;
  if (linux?.seccomp !== undefined) expectFilter(linux.seccomp);
}

const CALLS = 100_000;
/** Profiles that have been looked at, as JSON: containers share them. */
const knownProfiles = new Set<string>();

function expectFilter(seccomp: Seccomp): void {
  const text = JSON.stringify(seccomp);
  if (knownProfiles.has(text)) return;
  knownProfiles.add(text);
  expectAgreement(seccomp, process.arch === "arm64" ? "arm64" : "x64", CALLS, knownProfiles.size);
}

type Ring<Client> = {
  /** Stands before each title. */
  readonly name: string;
  /** Debian packages, by a program of each that must be there. */
  readonly programs: readonly string[];
  /** Starts the client, with its daemon and its image, in a world of its own. */
  readonly open: (runtime: Runtime) => Promise<Client>;
  /** Run a few at once, in any order. */
  readonly scenarios: Readonly<Record<string, Scenario<Client>>>;
  /** Run after all others, one by one: on what is left. */
  readonly last?: Readonly<Record<string, Scenario<Client>>>;
};

/** Commands of clients mostly wait for each other and for timers. */
const AT_ONCE = 4;

type Result = { readonly title: string; readonly failure?: Error; readonly skip?: string };

/** Runs the scenarios and registers a test for each. */
export async function testRing<Client extends AsyncDisposable>(ring: Ring<Client>): Promise<void> {
  const lack = whatLacks(ring.programs);
  const results: readonly Result[] =
    lack === undefined ? await runRing(ring) : titlesOf(ring).map((title) => ({ title, skip: `this machine lacks ${lack}` }));
  for (const { title, failure, skip } of results) {
    const full = `${ring.name}: ${title}`;
    if (skip !== undefined) {
      console.warn(`SKIPPED: ${full}: ${skip}`);
      test.skip(full, () => {});
    } else
      test(full, () => {
        if (failure !== undefined) throw failure;
      });
  }
}

const isWanted = (title: string): boolean => title.includes(process.env.BOX_CLIENTS_ONLY ?? "");
const titlesOf = <Client>({ scenarios, last = {} }: Ring<Client>): string[] => Object.keys({ ...scenarios, ...last }).filter(isWanted);

function whatLacks(programs: readonly string[]): string | undefined {
  if (!existsSync(binary)) throw new Error(`${binary} is missing: npm run build makes it`);
  if (process.getuid?.() !== 0) return "root's rights (run the tests as root)";
  const needed = ["busybox", "catatonit", "nsenter", "ip", ...programs];
  const missing = needed.filter((program) => Bun.which(program, { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" }) === null);
  return missing.length === 0 ? undefined : missing.join(", ");
}

/** A client that is started when the first scenario asks for it. */
class Opened<Client extends AsyncDisposable> implements AsyncDisposable {
  readonly #open: () => Promise<Client>;
  #client: Promise<Client> | undefined;

  constructor(open: () => Promise<Client>) {
    this.#open = open;
  }

  async attempt(scenario: Scenario<Client>): Promise<Error | undefined> {
    try {
      this.#client ??= this.#open();
      await scenario(await this.#client);
      return undefined;
    } catch (failure) {
      return failure instanceof Error ? failure : new Error(String(failure));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    await client?.[Symbol.asyncDispose]();
  }
}

async function runRing<Client extends AsyncDisposable>({ open, scenarios, last = {} }: Ring<Client>): Promise<Result[]> {
  await using withBox = new Opened(() => open(box));
  await using withRunc = new Opened(() => open(runc));
  const results: Result[] = [];
  const runOne = async ([title, scenario]: [string, Scenario<Client>]): Promise<void> => {
    const failure = await withBox.attempt(scenario);
    const runcs = failure === undefined || !existsSync(runc.path) ? undefined : await withRunc.attempt(scenario);
    if (failure === undefined) results.push({ title });
    else results.push(runcs === undefined ? { title, failure } : { title, skip: `runc fails here too: ${oneLine(runcs)}` });
  };
  const waiting = Object.entries(scenarios).filter(([title]) => isWanted(title));
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await runOne(next);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  for (const entry of Object.entries(last)) if (isWanted(entry[0])) await runOne(entry);
  return results;
}

const oneLine = ({ message }: Error): string => message.trim().replace(/\s*\n\s*/g, " | ");
