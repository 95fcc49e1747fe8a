// Which steps write what a container has written: by the driver that was chosen.

import type { SupervisorVariables } from "./plan.ts";
import type { Journal, LogFiles } from "./stdio-choice.ts";
import { journalWriter } from "./write-journal.ts";
import { type Entry, type LogWriter, logWriter } from "./write-log.ts";

export type { LogWriter };

export const writerFor = (own: SupervisorVariables, choice: LogFiles | Journal, one: Entry): LogWriter =>
  choice.driver === "json-file" ? logWriter(own, choice, one) : journalWriter(own, choice, one);
