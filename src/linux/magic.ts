// Filesystem magic numbers (statfs(2), include/uapi/linux/magic.h).

export const filesystemMagic = {
  CGROUP_SUPER_MAGIC: 0x27e0eb,
  CGROUP2_SUPER_MAGIC: 0x63677270,
  DEVPTS_SUPER_MAGIC: 0x1cd1,
  PROC_SUPER_MAGIC: 0x9fa0,
  TMPFS_MAGIC: 0x01021994,
} as const;
