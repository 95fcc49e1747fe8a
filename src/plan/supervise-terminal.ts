// The supervisor's loop with a terminal: bytes between the caller's terminal and the container's, signals, sizes.

import type { Step } from "../tape/step.ts";
import type { Building } from "./builder.ts";
import type { SupervisorVariables } from "./plan.ts";
import { supervise } from "./supervisor.ts";

export const superviseTerminal = (building: Building, own: SupervisorVariables): Step[] => supervise(building, own);
