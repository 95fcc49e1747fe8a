#!/bin/sh
# The first program of the virtual machine, out of its initramfs: makes a root of the host's / (over virtiofs, only read)
# and a disk for what is written, and goes on with main.sh there. The words after box.* on the kernel's command line are
# paths of the host.
export PATH=/bin
mount -t proc proc /proc
mount -t devtmpfs devtmpfs /dev
for module in $(cat /modules/order); do insmod "/modules/$module" || echo "insmod $module failed"; done
for word in $(cat /proc/cmdline); do
  case $word in
    box.repository=*) repository=${word#*=} ;;
    box.modules=*) modules=${word#*=} ;;
  esac
done
fail() {
  echo "$1"
  poweroff -f
}
mount -t virtiofs -o ro host /host || fail "the host's folder cannot be mounted"
mount -t ext4 -o noatime /dev/vda /disk || fail "the disk cannot be mounted"
mkdir /disk/upper /disk/work /disk/scratch
chmod 1777 /disk/scratch
mount -t overlay -o lowerdir=/host,upperdir=/disk/upper,workdir=/disk/work overlay /root || fail "the root cannot be mounted"
mount -t proc -o nosuid,nodev,noexec proc /root/proc
mount -t sysfs -o nosuid,nodev,noexec sysfs /root/sys
mount -t devtmpfs -o nosuid,mode=755 devtmpfs /root/dev
mkdir -p /root/dev/pts /root/dev/shm /root/dev/mqueue /root/run /root/scratch "/root/lib/modules/$(uname -r)"
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /root/dev/pts
mount -t tmpfs -o nosuid,nodev tmpfs /root/dev/shm
mount -t mqueue mqueue /root/dev/mqueue
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs /root/run
mount --bind /disk/scratch /root/scratch
mount --bind "/host$modules" "/root/lib/modules/$(uname -r)"
mount -t cgroup2 -o nosuid,nodev,noexec,nsdelegate cgroup2 /root/sys/fs/cgroup
mount -t securityfs securityfs /root/sys/kernel/security
mount -t bpf bpf /root/sys/fs/bpf
umount /proc /dev
exec switch_root /root /bin/sh "$repository/test/vm/guest/main.sh"
