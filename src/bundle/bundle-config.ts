// What a bundle says of the program in it: as `box spec` writes it, with what the image says in its place.

import { checkSpec } from "../config/check-spec.ts";
import { type DefaultSpecOptions, defaultSpec } from "../config/default-spec.ts";
import { usualCapabilities } from "../config/embedded-spec.ts";
import type { Spec } from "../config/spec.ts";
import type { ImageConfig } from "./image-config.ts";

export type ProcessIds = { readonly uid: number; readonly gid: number; readonly additionalGids: readonly number[] };

/** `image` is undefined for a root that came without one, `ids` where its user is root. The result is checked. */
export function bundleSpec(image: ImageConfig | undefined, ids: ProcessIds | undefined, options: DefaultSpecOptions): Spec {
  const spec = defaultSpec(options);
  spec.hostname = "box";
  if (image === undefined || spec.process === undefined) return spec;
  spec.process = {
    ...spec.process,
    args: image.command.length > 0 ? [...image.command] : ["sh"],
    env: mergeEnv(spec.process.env ?? [], image.env),
    cwd: workdirOf(image),
    // As Docker has it, which images are written for; not what a program without root's id would keep.
    capabilities: { bounding: [...usualCapabilities], effective: [...usualCapabilities], permitted: [...usualCapabilities] },
    ...(ids === undefined ? {} : { user: { uid: ids.uid, gid: ids.gid, additionalGids: [...ids.additionalGids] } }),
  };
  // So is this: an image's program may write where its user may.
  spec.root = { path: "rootfs" };
  return checkSpec(spec);
}

export const workdirOf = ({ workdir }: ImageConfig): string => (workdir.startsWith("/") ? workdir : `/${workdir}`);

/** The image's win. */
function mergeEnv(usual: readonly string[], own: readonly string[]): string[] {
  const nameOf = (entry: string): string => entry.slice(0, entry.indexOf("="));
  const names = own.map(nameOf);
  return [...usual.filter((entry) => !names.includes(nameOf(entry))), ...own];
}
