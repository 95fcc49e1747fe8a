// Names in a container's state folder that both the plan, which makes the files, and later commands know.

/** The state: src/state/state.ts. */
export const stateFile = "state.json";
/** Under this name it is written, before it takes the old one's place. */
export const newStateFile = "state.new";
/** The configuration as it was planned, plugins and flags included: a Spec as JSON. */
export const keptConfig = "config.json";
/** Under this name a changed one is written, before it takes its place. */
export const newConfig = "config.new";
/** FIFOs: init waits on the first until start writes there, and tells start on the other what became of it. */
export const waitFifo = "wait";
export const answerFifo = "answer";
/** The filter of system calls, as an array of struct sock_filter, where there is one. */
export const keptFilter = "filter";
/** What the front has to know to start, signal and remove the container: src/front/front-file.ts. */
export const frontName = "front";
/** A folder for programs of exec that the front runs by itself (exec-at-front.ts): each has a place by the length of its command. */
export const execFolder = "exec";
export const execPlaces: readonly string[] = Array.from({ length: 32 }, (_, place) => String(place));
/** What one is called before it is whole. */
export const newExecProgram = "new";
/** How init ended, as waitid(2) tells it. */
export const exitFile = "exit";
/** A folder to mount the root on, where that is a view of the host's. */
export const rootFolder = "root";
/** A folder for what the supervisor shares with box logs and box attach: its log, */
export const stdioFolder = "stdio";
export const logFile = "log";
/** and FIFOs: what the container reads, and new sizes for its terminal (struct winsize). */
export const stdinFifo = "stdin";
export const sizeFifo = "size";
/** The times of a start, until they are told at the end: src/cli/trace-record.ts. */
export const traceFile = "trace.json";
