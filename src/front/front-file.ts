// What the front has to know of a container to start, signal and remove it by itself (commands.ts): a file of fixed places beside
// its state, since no tape could read JSON. Written once, when init's pid is known, and only for containers that have nobody to
// look after them, and for which nothing else is to be done then: no hook, no plugin, no socket.
//
//   magic | init's pid | its pidfd's inode | this boot | namespace of the pid | freezer of v1 | of v2 | cgroups, in the order in which they are removed
//
// Since Linux 6.9 a pidfd's inode is a process's own number, never given twice in a boot (fs/pidfs.c): what the start time of a
// process is to the rest of box. Before, there is no such file, and the front leaves everything to the rest of box.

/** Its last letter counts the layouts. */
export const FRONT_MAGIC = "boxfrona";
/** A path with its NUL; a cgroup with a longer one keeps the front out. */
export const PATH_BYTES = 256;
export const CGROUPS_MAX = 16;
export const BOOT_ID_BYTES = 40;

/** By offset. */
export const frontFile = {
  magic: 0,
  pid: 8,
  inode: 16,
  bootId: 24,
  pidNamespace: 64,
  freezerV1: 72,
  freezerV2: 72 + PATH_BYTES,
  cgroups: 72 + 2 * PATH_BYTES,
  bytes: 72 + (2 + CGROUPS_MAX) * PATH_BYTES,
} as const;

/** Of the filesystem that such pidfds are from, as statfs(2) has it. */
export const PIDFS_MAGIC = 0x50494446;

/** What it is made of: a part of src/state/state.ts. */
export type Fronted = {
  readonly pid: number;
  readonly box: {
    readonly cgroups: readonly { readonly version: 1 | 2; readonly path: string }[];
    readonly plugins: readonly unknown[];
    readonly ownPids: boolean;
    readonly resctrl?: unknown;
  };
};

/**
 * Who init is: its pidfd's inode, what /proc/sys/kernel/random/boot_id says, with zeros behind it, and the inode of the pid namespace
 * in which it has its pid, box's own. Inodes have eight bytes; what is all zeros is not known.
 */
export type InitIdentity = { readonly inode: Uint8Array; readonly bootId: Uint8Array; readonly pidNamespace: Uint8Array };

/** The file's bytes, or undefined where the front could not do all that there is to do. */
export function encodeFrontFile({ pid, box }: Fronted, { inode, bootId, pidNamespace }: InitIdentity): Uint8Array | undefined {
  if (!isKnown(inode) || !isKnown(bootId) || !isKnown(pidNamespace)) return undefined;
  const { cgroups, plugins, ownPids, resctrl } = box;
  if (plugins.length > 0 || !ownPids || resctrl !== undefined || cgroups.length > CGROUPS_MAX) return undefined;
  const bytes = new Uint8Array(frontFile.bytes);
  const encoder = new TextEncoder();
  const putText = (text: string, at: number): boolean => {
    // Of a longer text only a part would be written, and all bytes in use would end without a NUL.
    const { read, written } = encoder.encodeInto(text, bytes.subarray(at, at + PATH_BYTES - 1));
    return read === text.length && written > 0;
  };
  putText(FRONT_MAGIC, frontFile.magic);
  new DataView(bytes.buffer).setUint32(frontFile.pid, pid, true);
  bytes.set(inode, frontFile.inode);
  bytes.set(bootId, frontFile.bootId);
  bytes.set(pidNamespace, frontFile.pidNamespace);
  for (let index = 0; index < cgroups.length; index++) {
    const { version, path } = cgroups[index] as Fronted["box"]["cgroups"][number];
    if (!putText(path, frontFile.cgroups + index * PATH_BYTES)) return undefined;
    if (version === 2) putText(path, frontFile.freezerV2);
    else if (path.startsWith(FREEZER)) putText(path, frontFile.freezerV1);
  }
  return knowsFreezer(box) ? bytes : undefined;
}

function isKnown(bytes: Uint8Array): boolean {
  for (let index = 0; index < bytes.length; index++) if (bytes[index] !== 0) return true;
  return false;
}

const FREEZER = "/sys/fs/cgroup/freezer/";

/** Of v1 one hierarchy alone has a freezer, nearly always mounted under that name; where it is not, the front would look in vain. */
function knowsFreezer({ cgroups }: Fronted["box"]): boolean {
  let [hasV1, named] = [false, false];
  for (const { version, path } of cgroups) {
    if (version !== 1) continue;
    hasV1 = true;
    if (path.startsWith(FREEZER)) named = true;
  }
  return !hasV1 || named;
}
