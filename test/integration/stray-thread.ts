// A process one of whose threads leaves for namespaces of its own: run by ns.test.ts. Says the thread's id, then waits.

import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { systemCall } from "../../src/execute/libc.ts";

const CLONE_NEWUTS = 0x4000000;
const CLONE_NEWTIME = 0x80;

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url));
  worker.on("message", (text: string) => console.log(`${text}\nready`));
} else {
  for (const flag of [CLONE_NEWUTS, CLONE_NEWTIME])
    if (systemCall("unshare", flag) < 0) throw new Error(`unshare ${flag.toString(16)} failed`);
  parentPort?.postMessage(`thread ${systemCall("gettid")}`);
  setInterval(() => {}, 1_000_000);
}
