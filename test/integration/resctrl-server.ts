// A stand-in for the resctrl filesystem on machines whose processors have none of it: FUSE, as far as box needs it. What makes
// resctrl more than a folder is here as in the kernel: a new folder has its files at once and goes with them, schemata takes
// only lines that this machine could have, tasks takes 0 for who writes, and info/last_cmd_status says what was wrong.
//
//   bun resctrl-server.ts MOUNTPOINT        says "ready" once it is mounted; ends with its mount namespace's last user
//
// Protocol: include/uapi/linux/fuse.h, version 7.31. One request at a time.

import { closeSync, openSync, writeSync } from "node:fs";
import { addressOf, cString, systemCall } from "../../src/execute/libc.ts";

const op = {
  LOOKUP: 1,
  FORGET: 2,
  GETATTR: 3,
  SETATTR: 4,
  MKDIR: 9,
  RMDIR: 11,
  OPEN: 14,
  READ: 15,
  WRITE: 16,
  STATFS: 17,
  RELEASE: 18,
  FLUSH: 25,
  INIT: 26,
  OPENDIR: 27,
  READDIR: 28,
  RELEASEDIR: 29,
  INTERRUPT: 36,
  DESTROY: 38,
  BATCH_FORGET: 42,
} as const;
const errno = { EPERM: 1, ENOENT: 2, EEXIST: 17, EINVAL: 22, ENOSPC: 28, ENOSYS: 38, EBUSY: 16 } as const;
const IN_HEADER = 40;
const OUT_HEADER = 16;
const ATTR_BYTES = 88;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;

type Node = {
  readonly id: number;
  readonly name: string;
  readonly parent: Node | undefined;
  readonly children: Map<string, Node> | undefined;
  text: string;
};
type Kind = "root" | "class" | "monitor" | "plain";

const nodes = new Map<number, Node>();
let nextId = 1;
/** What this machine has: one cache of 11 bits, bandwidth in steps of 10, and three classes besides the root. */
const defaults: Readonly<Record<string, string>> = { L3: "7ff", MB: "100" };
const MOST_CLASSES = 3;

function add(parent: Node | undefined, name: string, text: string | undefined): Node {
  const node: Node = { id: nextId++, name, parent, children: text === undefined ? new Map() : undefined, text: text ?? "" };
  nodes.set(node.id, node);
  parent?.children?.set(name, node);
  return node;
}

function fill(folder: Node, kind: Kind): void {
  if (kind === "plain") return;
  add(folder, "tasks", "");
  if (kind === "monitor") return;
  add(
    folder,
    "schemata",
    Object.entries(defaults)
      .map(([name, value]) => `${name}:0=${value};1=${value}\n`)
      .join(""),
  );
  add(folder, "mon_groups", undefined);
}

const root = add(undefined, "", undefined);
fill(root, "root");
const info = add(root, "info", undefined);
const status = add(info, "last_cmd_status", "ok\n");
add(add(info, "MB", undefined), "bandwidth_gran", "10\n");
const kindBelow = (parent: Node): Kind | undefined => (parent === root ? "class" : parent.name === "mon_groups" ? "monitor" : undefined);

function complain(why: string, number: number): number {
  status.text = `${why}\n`;
  return number;
}

function makeFolder(parent: Node, name: string): Node | number {
  if (parent.children?.has(name)) return errno.EEXIST;
  const kind = kindBelow(parent);
  if (kind === undefined) return errno.EPERM;
  const classes = [...(root.children?.values() ?? [])].filter(({ children }) => children?.has("schemata"));
  if (kind === "class" && classes.length >= MOST_CLASSES) return complain("Out of CLOSIDs", errno.ENOSPC);
  const node = add(parent, name, undefined);
  fill(node, kind);
  return node;
}

function removeFolder(parent: Node, name: string): number {
  const node = parent.children?.get(name);
  if (node === undefined) return errno.ENOENT;
  if (kindBelow(parent) === undefined || node === info || name === "mon_groups") return errno.EPERM;
  parent.children?.delete(name);
  return 0;
}

/** The kernel takes all lines of a write or none. */
function writeFile(node: Node, text: string, pid: number): number {
  status.text = "ok\n";
  if (node.name === "tasks") {
    if (text.trim() !== "0") return complain("Task list parsing error", errno.EINVAL);
    node.text += `${pid}\n`;
    return 0;
  }
  if (node.name !== "schemata") return errno.EPERM;
  if (!text.endsWith("\n")) return errno.EINVAL;
  const has = new Map(
    node.text
      .trim()
      .split("\n")
      .map((line) => line.split(":") as [string, string]),
  );
  for (const line of text.trimEnd().split("\n")) {
    const [name = "", values = ""] = line.split(":");
    const before = has.get(name);
    if (before === undefined) return complain(`Unknown or unsupported resource name '${name}'`, errno.EINVAL);
    const domains = new Map(before.split(";").map((one) => one.split("=") as [string, string]));
    for (const one of values.split(";")) {
      const [domain = "", value = ""] = one.split("=");
      if (name === "L3" && !(Number.parseInt(value, 16) <= 0x7ff)) return complain("Mask out of range", errno.EINVAL);
      if (!domains.has(domain)) return complain(`Bad ID ${domain}`, errno.EINVAL);
      domains.set(domain, name === "MB" ? String(Math.ceil(Number(value) / 10) * 10) : Number.parseInt(value, 16).toString(16));
    }
    has.set(name, [...domains].map((pair) => pair.join("=")).join(";"));
  }
  node.text = [...has].map(([name, values]) => `${name}:${values}\n`).join("");
  return 0;
}

const fuse = openSync("/dev/fuse", "r+");
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function attributes(node: Node, at: DataView, offset: number): void {
  const folder = node.children !== undefined;
  at.setBigUint64(offset, BigInt(node.id), true);
  at.setBigUint64(offset + 8, BigInt(folder ? 0 : 4096), true);
  at.setUint32(offset + 60, folder ? S_IFDIR | 0o755 : S_IFREG | 0o644, true);
  at.setUint32(offset + 64, 1, true);
  at.setUint32(offset + 80, 4096, true);
}

/** fuse_entry_out, which is never to be remembered. */
function entry(node: Node): Uint8Array {
  const out = new Uint8Array(40 + ATTR_BYTES);
  const view = new DataView(out.buffer);
  view.setBigUint64(0, BigInt(node.id), true);
  attributes(node, view, 40);
  return out;
}

function attrOut(node: Node): Uint8Array {
  const out = new Uint8Array(16 + ATTR_BYTES);
  attributes(node, new DataView(out.buffer), 16);
  return out;
}

/** FOPEN_DIRECT_IO: every read and write comes here as it was made. */
function opened(): Uint8Array {
  const out = new Uint8Array(16);
  out[8] = 1;
  return out;
}

function initOut(): Uint8Array {
  const out = new Uint8Array(64);
  const view = new DataView(out.buffer);
  view.setUint32(0, 7, true);
  view.setUint32(4, 31, true);
  view.setUint32(20, 65536, true);
  return out;
}

function listing(node: Node, offset: number): Uint8Array {
  const names = [...(node.children?.values() ?? [])].slice(offset);
  const parts = names.map((child, index) => {
    const name = encoder.encode(child.name);
    const out = new Uint8Array((24 + name.length + 7) & ~7);
    const view = new DataView(out.buffer);
    view.setBigUint64(0, BigInt(child.id), true);
    view.setBigUint64(8, BigInt(offset + index + 1), true);
    view.setUint32(16, name.length, true);
    view.setUint32(20, child.children === undefined ? 8 : 4, true);
    out.set(name, 24);
    return out;
  });
  return new Uint8Array(Buffer.concat(parts));
}

type Request = { readonly opcode: number; readonly node: Node | undefined; readonly pid: number; readonly body: Buffer };
const textOf = (bytes: Uint8Array): string => decoder.decode(bytes.subarray(0, bytes.indexOf(0)));
const asAnswer = (result: Node | number): Uint8Array | number => (typeof result === "number" ? -result : entry(result));

/** What is sent back, or a negative errno; undefined for no answer at all. */
function answerTo({ opcode, node, pid, body }: Request): Uint8Array | number | undefined {
  if (opcode === op.FORGET || opcode === op.BATCH_FORGET || opcode === op.INTERRUPT) return undefined;
  if (opcode === op.INIT) return initOut();
  if (node === undefined) return -errno.ENOENT;
  switch (opcode) {
    case op.LOOKUP:
      return asAnswer(node.children?.get(textOf(body)) ?? errno.ENOENT);
    case op.GETATTR:
    case op.SETATTR:
      return attrOut(node);
    case op.MKDIR:
      return asAnswer(makeFolder(node, textOf(body.subarray(8))));
    case op.RMDIR:
      return -removeFolder(node, textOf(body));
    case op.OPEN:
    case op.OPENDIR:
      return opened();
    case op.READ:
      return encoder.encode(node.text).subarray(Number(body.readBigUInt64LE(8)));
    case op.READDIR:
      return listing(node, Number(body.readBigUInt64LE(8)));
    case op.WRITE: {
      const size = body.readUInt32LE(16);
      const failed = writeFile(node, decoder.decode(body.subarray(40, 40 + size)), pid);
      if (failed !== 0) return -failed;
      const out = new Uint8Array(8);
      new DataView(out.buffer).setUint32(0, size, true);
      return out;
    }
    case op.STATFS:
      return new Uint8Array(80);
    case op.RELEASE:
    case op.RELEASEDIR:
    case op.FLUSH:
      return new Uint8Array(0);
    default:
      return -errno.ENOSYS;
  }
}

function mount(target: string): void {
  const words = ["resctrl", target, "fuse", `fd=${fuse},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions`].map(cString);
  const [source, where, type, data] = words as [
    ReturnType<typeof cString>,
    ReturnType<typeof cString>,
    ReturnType<typeof cString>,
    ReturnType<typeof cString>,
  ];
  const mounted = systemCall("mount", source.address, where.address, type.address, 0, data.address);
  if (mounted !== 0) throw new Error(`cannot mount FUSE: errno ${-mounted}`);
}

mount(process.argv[2] as string);
writeSync(1, "ready\n");
const buffer = Buffer.alloc(1 << 17);
for (;;) {
  const got = systemCall("read", fuse, addressOf(buffer), buffer.length);
  if (got < 0) break;
  const request = buffer.subarray(0, got);
  const unique = request.readBigUInt64LE(8);
  const answer = answerTo({
    opcode: request.readUInt32LE(4),
    node: nodes.get(Number(request.readBigUInt64LE(16))),
    pid: request.readUInt32LE(32),
    body: request.subarray(IN_HEADER),
  });
  if (answer === undefined) continue;
  const body = typeof answer === "number" ? new Uint8Array(0) : answer;
  const out = Buffer.alloc(OUT_HEADER + body.length);
  out.writeUInt32LE(out.length, 0);
  out.writeInt32LE(typeof answer === "number" ? answer : 0, 4);
  out.writeBigUInt64LE(unique, 8);
  out.set(body, OUT_HEADER);
  systemCall("write", fuse, addressOf(out), out.length);
}
closeSync(fuse);
