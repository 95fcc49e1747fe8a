// Filesystem magic numbers (statfs(2), include/uapi/linux/magic.h): what f_type says a file lies on.

export const filesystemMagic = {
  CGROUP_SUPER_MAGIC: 0x27e0eb,
  CGROUP2_SUPER_MAGIC: 0x63677270,
  DEVPTS_SUPER_MAGIC: 0x1cd1,
  NSFS_MAGIC: 0x6e736673,
  OVERLAYFS_SUPER_MAGIC: 0x794c7630,
  PROC_SUPER_MAGIC: 0x9fa0,
  SELINUX_MAGIC: 0xf97cff8c,
  SYSFS_MAGIC: 0x62656572,
  TMPFS_MAGIC: 0x01021994,
} as const;
