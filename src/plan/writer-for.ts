// Which steps write what a container has written: by the driver that was chosen.

import type { Journal, LogFiles } from "../config/stdio-choice.ts";
import type { SupervisorVariables } from "./plan.ts";
import { journalWriter } from "./write-journal.ts";
import { type Entry, type LogWriter, logWriter } from "./write-log.ts";

export const writerFor = (own: SupervisorVariables, choice: LogFiles | Journal, one: Entry): LogWriter =>
  choice.driver === "local" ? logWriter(own, choice, one) : journalWriter(own, choice, one);
