// The one error that box throws on purpose. It carries facts, in the words of whoever knew them; src/cli/report-error.ts
// puts them into a sentence. Anything else that is thrown is a bug in box and is never caught on the way.

/** One thing wrong in a configuration: where, and either what should stand there and what does, or `problem`. */
export type ConfigFault = {
  /** The field, as a person would point at it: `mounts[3].destination`. Empty for the document itself. */
  readonly path: string;
  /** What would be right, to follow the word "expected": `an absolute path`. */
  readonly expected?: string;
  /** What was found, as JSON and cut short when long: `"srv"`. */
  readonly got?: string;
  /** What is wrong, where "expected …, got …" is no way to say it: `not supported yet`. */
  readonly problem?: string;
  readonly hint?: string;
};

export type BoxFacts = {
  /** What box could not do, to follow "box: ": `cannot mount tmpfs`. */
  readonly what?: string;
  /** What it was to be done to: `/data`. */
  readonly object?: string;
  /** The part of the configuration that asked for it: `mounts[3]`. */
  readonly origin?: string;
  /** The failed system call as printed by src/tape/print.ts. */
  readonly call?: string;
  /** The kernel's name for the errno: `EINVAL`. */
  readonly errno?: string;
  /** The calls made just before, oldest first, for --debug. */
  readonly flight?: readonly string[];
  /** The usual cause, when it is known and not merely guessed from the errno. */
  readonly hint?: string;
  /** When left out, the command decides (failureOf in src/cli/commands.ts). */
  readonly exitCode?: number;
  /** All that is wrong in a configuration. */
  readonly faults?: readonly ConfigFault[];
};

/**
 * Exit codes of failures. `refused` is runc's for everything. A command that ends as the container's program ends has
 * three others, as shells and Docker have them, for what happens before there is a program.
 */
export const exitCodes = { refused: 1, failed: 125, cannotExecute: 126, notFound: 127 } as const;

export class BoxError extends Error {
  override readonly name = "BoxError";
  readonly facts: BoxFacts;

  constructor(facts: BoxFacts, options?: ErrorOptions) {
    // Seen only where report-error.ts is not in between: in a debugger, a failed test, a plugin's own log.
    super(facts.what ?? facts.faults?.[0]?.path ?? "", options);
    this.facts = facts;
  }
}
