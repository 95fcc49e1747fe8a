import { describe, expect, test } from "bun:test";
import { closeSync, openSync, readFileSync, readlinkSync } from "node:fs";
import { probeAll, probeProcess } from "../../src/execute/probe-processes.ts";
import { namespaceLinks } from "../../src/linux/namespace-types.ts";

test("a process is what its own files say", () => {
  const probed = probeProcess(process.pid);
  expect(probed).toMatchObject({ pid: process.pid, uid: process.geteuid?.(), seen: true, strays: [] });
  expect(probed?.links).toEqual(namespaceLinks.map((link) => Number(/\d+/.exec(readlinkSync(`/proc/self/ns/${link}`))?.[0])));
  expect(probed?.stat).toMatchObject({ parent: process.ppid, name: readFileSync("/proc/self/comm", "utf8").slice(0, -1) });
});

test("there is none of that pid", () => {
  expect(probeProcess(4_194_305)).toBeUndefined();
});

test("all processes, in order", () => {
  const pids = probeAll().map(({ pid }) => pid);
  expect(pids).toContain(process.pid);
  expect(pids).toEqual(pids.toSorted((one, other) => one - other));
  expect(new Set(pids).size).toBe(pids.length);
});

test("of one that has ended but for its parent, what there still is", async () => {
  const child = Bun.spawn(["sh", "-c", "sleep 1000 & echo $!; exec sleep 1000"], { stdout: "pipe" });
  try {
    const reader = child.stdout.getReader();
    const zombie = Number(new TextDecoder().decode((await reader.read()).value));
    process.kill(zombie, "SIGKILL");
    let probed = probeProcess(zombie);
    while (probed?.stat.state !== "Z") probed = probeProcess(zombie);
    expect(probed).toMatchObject({ seen: true, open: [], strays: [] });
    expect(probed.links[namespaceLinks.indexOf("net")]).toBe(0);
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
});

describe("open namespaces among", () => {
  // One and more batches, and more than one reading of the folder.
  for (const others of [0, 3, 7, 8, 40, 1500])
    test(`${others} other files`, () => {
      const before = probeProcess(process.pid)?.open ?? [];
      const files = Array.from({ length: others }, () => openSync("/dev/null", "r"));
      const held = ["net", "uts", "pid_for_children"].map((link) => ({ link, fd: openSync(`/proc/self/ns/${link}`, "r") }));
      try {
        const found = (probeProcess(process.pid)?.open ?? []).filter(({ fd }) => !before.some((one) => one.fd === fd));
        expect(found.toSorted((one, other) => one.fd - other.fd)).toEqual(
          held.map(({ link, fd }) => {
            const [, type = "", id] = /(\w+):\[(\d+)\]/.exec(readlinkSync(`/proc/self/ns/${link}`)) ?? [];
            return { type: type as "net", id: Number(id), fd };
          }),
        );
      } finally {
        for (const fd of [...files, ...held.map((one) => one.fd)]) closeSync(fd);
      }
    });
});
