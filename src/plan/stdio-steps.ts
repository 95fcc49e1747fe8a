// All steps for stdio that is not the caller's. A module that is loaded only for a container that has such, and handed to
// the plan with it (Container.stdioSteps): most containers do without.

import { leaveCaller, openStdio } from "./open-stdio.ts";
import { superviseStdio } from "./supervise-stdio.ts";
import { writerFor } from "./writer-for.ts";

export const stdioSteps = { openStdio, leaveCaller, superviseStdio, writerFor } as const;

export type StdioSteps = typeof stdioSteps;
