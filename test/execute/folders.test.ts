import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { readInRoot } from "../../src/execute/folders.ts";
import { addressOf, cString, systemCall } from "../../src/execute/libc.ts";

const IN_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const IN_OPEN = 0x20;

function inRoot(check: (root: string) => void): void {
  const root = mkdtempSync("/tmp/box-folders-");
  try {
    mkdirSync(`${root}/etc`);
    check(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** Whether `action` opens the file, other than as a mere place (inotify(7), IN_OPEN). */
function opens(path: string, action: () => void): boolean {
  const watch = systemCall("inotify_init1", IN_NONBLOCK_CLOEXEC);
  const name = cString(path);
  systemCall("inotify_add_watch", watch, name.address, IN_OPEN);
  action();
  const event = new Uint8Array(64);
  const got = systemCall("read", watch, addressOf(event), event.length);
  systemCall("close", watch);
  return got > 0;
}

test("a regular file is read, by links that stay in the root, and one that is missing is none", () =>
  inRoot((root) => {
    writeFileSync(`${root}/etc/own`, "mine\n");
    symlinkSync("/../../etc/own", `${root}/etc/link`);
    symlinkSync("/etc/passwd", `${root}/etc/outside`);
    expect(["etc/own", "etc/link", "etc/outside", "etc/none", "etc"].map((path) => readInRoot(root, path))).toEqual([
      "mine\n",
      "mine\n",
      undefined,
      undefined,
      undefined,
    ]);
    expect(opens(`${root}/etc/own`, () => readInRoot(root, "etc/own"))).toBe(true);
  }));

test("anything else is not even opened", () =>
  inRoot((root) => {
    Bun.spawnSync(["mkfifo", `${root}/etc/passwd`]);
    let text: string | undefined = "unread";
    expect(opens(`${root}/etc/passwd`, () => (text = readInRoot(root, "etc/passwd")))).toBe(false);
    expect(text).toBeUndefined();
  }));
