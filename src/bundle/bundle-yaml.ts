// The box.yaml of a bundle.

import { stringify } from "yaml";
import { workdirOf } from "./bundle-config.ts";
import type { ImageConfig } from "./image-config.ts";

/** Says only what differs from what box does anyway. */
export function bundleYaml(image: ImageConfig | undefined): string {
  if (image === undefined) return stringify({ rootfs: "rootfs" });
  return stringify({
    rootfs: "rootfs",
    ...(image.command.length === 0 ? {} : { command: image.command }),
    ...(image.env.length === 0 ? {} : { env: image.env }),
    ...(image.workdir === "" ? {} : { workdir: workdirOf(image) }),
    ...(image.user === "" ? {} : { user: image.user }),
  });
}
