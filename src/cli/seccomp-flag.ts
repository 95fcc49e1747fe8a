// --seccomp of run, create and plan: another filter of system calls than the description has.

import { checkSpec } from "../config/check-spec.ts";
import { chooseSeccomp } from "../config/choose-seccomp.ts";
import type { Spec } from "../config/spec.ts";
import { BoxError } from "../errors.ts";
import { machine } from "../execute/libc.ts";
import { readTextOrThrow } from "../execute/read-or-throw.ts";
import { absolute } from "./invocation.ts";
import { located } from "./located.ts";
import { parseJson } from "./parse-json.ts";

/** A new Spec with the filter that the flag chooses. */
export function withSeccomp(spec: Spec, choice: string): Spec {
  if (choice === "") throw new BoxError({ origin: "--seccomp", what: 'expected default, unconfined or a file, got ""' });
  const granted = spec.process?.capabilities?.bounding ?? [];
  const profile = chooseSeccomp(choice, granted, machine, readProfile);
  const { seccomp: _, ...linux } = spec.linux ?? {};
  if (profile === undefined) return { ...spec, linux };
  // The rest was checked where it was read, and the check changes the value that it is given.
  try {
    const checked = checkSpec({ ociVersion: spec.ociVersion, root: { path: "/" }, linux: { seccomp: profile } });
    return { ...spec, linux: { ...linux, ...checked.linux } };
  } catch (error) {
    throw located(error, (origin) => `--seccomp: ${origin}`);
  }
}

function readProfile(file: string): unknown {
  const path = absolute(file);
  return parseJson(readTextOrThrow(path, "cannot read", "--seccomp"), path);
}
