// The points of a container's life at which the runtime-spec has hooks (config.md, "POSIX-platform Hooks"), in their order.

import type { HookPoint } from "./spec.ts";

export const hookPoints = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const satisfies readonly HookPoint[];
