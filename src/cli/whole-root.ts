// The folder of all states by its whole path, since its state and a container's mounts name it. Loaded only for a relative one.

import { absolute } from "./invocation.ts";

export const wholeRoot = (root: string): string => absolute(root);
