// box.yaml
import { BoxError } from "../errors.ts";
import type { Spec } from "../config/spec.ts";
export function loadYaml(bundle: string): { spec: Spec; hostRoot: boolean; plugins: readonly { name: string; options: unknown }[] } {
  throw new BoxError({ what: `not yet ${bundle}` });
}
