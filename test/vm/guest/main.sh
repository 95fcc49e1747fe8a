#!/bin/sh
# The virtual machine's first process on its root: gives every controller to the cgroups below the root, runs the command
# that the host left in a file, says over a port how that ended, and turns the machine off.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/scratch
for word in $(cat /proc/cmdline); do
  case $word in box.command=*) command=${word#*=} ;; esac
done

# A port by its name; the console where it has none.
port() {
  for folder in /sys/class/virtio-ports/*; do
    if [ "$(cat "$folder/name")" = "$1" ]; then
      echo "/dev/${folder##*/}"
      return
    fi
  done
  echo /dev/console
}

# The host's server keeps a descriptor open for every file that this kernel remembers, and may have some 20,000.
forget() {
  while sleep 1; do
    read -r remembered _ </proc/sys/fs/dentry-state
    if [ "$remembered" -gt 15000 ]; then echo 2 >/proc/sys/vm/drop_caches; fi
  done
}

busybox hostname vm
busybox ip link set lo up
mount --make-rshared /
ln -sfn /proc/self/fd /dev/fd
ln -sfn fd/0 /dev/stdin
ln -sfn fd/1 /dev/stdout
ln -sfn fd/2 /dev/stderr
ln -sfn pts/ptmx /dev/ptmx
# A v2 cgroup with processes gives no controllers to those below it.
mkdir /sys/fs/cgroup/machine /sys/fs/cgroup/tests
for pid in $(cat /sys/fs/cgroup/cgroup.procs); do echo "$pid" >/sys/fs/cgroup/machine/cgroup.procs 2>/dev/null; done
for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control; done
output=$(port output)
status=$(port status)
forget &
(
  busybox sh -c 'echo $PPID' >/sys/fs/cgroup/tests/cgroup.procs
  exec sh "$command" </dev/null >"$output" 2>&1
)
echo $? >"$status"
sync
busybox poweroff -f
