// --seccomp of run, create and plan: another filter of system calls than the description has.

import { checkSpec } from "../config/check-spec.ts";
import { chooseSeccomp } from "../config/choose-seccomp.ts";
import { dropUnknown } from "../config/drop-unknown.ts";
import { someOf } from "../config/faults.ts";
import type { Spec } from "../config/spec.ts";
import { specRule } from "../config/spec-rules.ts";
import { BoxError, type ConfigFault } from "../errors.ts";
import { machine } from "../execute/libc.ts";
import { readGivenOrThrow } from "../execute/read-or-throw.ts";
import type { Parsed } from "./arguments.ts";
import { absolute } from "./invocation.ts";
import { isLenient } from "./leniency.ts";
import { located, locating } from "./located.ts";
import { exactly, parseJson } from "./parse-json.ts";

/** `ignored`: unknown keys that were left out. */
type Described = { readonly spec: Spec; readonly ignored?: readonly ConfigFault[] };

/** A new Spec with the filter that the flag chooses. */
export function withSeccomp({ spec, ignored = [] }: Described, choice: string, parsed: Pick<Parsed, "switches">): Described {
  if (choice === "") throw new BoxError({ origin: "--seccomp", what: 'expected default, unconfined or a file, got ""' });
  const granted = spec.process?.capabilities?.bounding ?? [];
  const profile = chooseSeccomp(choice, granted, machine, readProfile);
  const { seccomp: _, ...linux } = spec.linux ?? {};
  if (profile === undefined) return { spec: { ...spec, linux }, ignored };
  // The rest was checked where it was read, and the check changes the value that it is given.
  const document = { ociVersion: spec.ociVersion, root: { path: "/" }, linux: { seccomp: profile } };
  const checked = (): Spec => ({ ...spec, linux: { ...linux, ...checkSpec(document).linux } });
  try {
    return { spec: checked(), ignored };
  } catch (error) {
    if (!isLenient(parsed)) throw located(error, inFlag);
    const dropped = dropUnknown(specRule, document);
    const inFile = someOf(dropped).map((fault) => ({ ...fault, path: inFlag(fault.path) }));
    return { spec: locating(inFlag, checked), ignored: [...ignored, ...inFile] };
  }
}

const inFlag = (origin: string): string => `--seccomp: ${origin}`;

function readProfile(file: string): unknown {
  const path = absolute(file);
  return parseJson(readGivenOrThrow(path, "--seccomp"), path, exactly);
}
