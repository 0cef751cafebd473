#!/bin/busybox sh
# First process of the guest: load the modules, put the host's root (read-only) under tmpfs mounts, start the agent.
bb=/bin/busybox
fail() { $bb echo "safe-pmem-init: $*"; $bb poweroff -f; }

$bb mount -t proc proc /proc && $bb mount -t sysfs sysfs /sys && $bb mount -t devtmpfs devtmpfs /dev || fail "no /proc, /sys or /dev"
$bb ifconfig lo up || fail "no loopback"
$bb mkdir -p /dev/pts /dev/shm && $bb mount -t devpts devpts /dev/pts
. /safe-pmem/config

# A machine that a device tree describes has no ACPI, and nfit refuses to load there.
while read -r module; do
  $bb insmod "/safe-pmem/modules/$module" || [ "$module" = nfit.ko ] || fail "module $module does not load"
done < /safe-pmem/modules/order

$bb mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=loose,msize=512000 host /host || fail "cannot mount the host's root"
# The tree and node may lie below a directory that a tmpfs is about to hide: hold on to them first.
$bb touch /stage/node
$bb mount --bind "/host$tree" /stage/tree || fail "cannot reach $tree on the host"
$bb mount --bind "/host$node" /stage/node || fail "cannot reach $node on the host"
root="/host$userland"
for directory in tmp mnt run; do $bb mount -t tmpfs tmpfs "$root/$directory" || fail "no tmpfs on /$directory"; done
for directory in proc sys dev; do $bb mount --rbind "/$directory" "$root/$directory" || fail "no /$directory"; done
$bb mount -t tmpfs tmpfs "$root/dev/shm" && $bb chmod 1777 "$root/dev/shm" || fail "no tmpfs on /dev/shm"
$bb mkdir -p "$root$runtime/tree" && $bb touch "$root$runtime/node"
$bb mount --bind /stage/tree "$root$runtime/tree" || fail "cannot bind the tree"
$bb mount --bind /stage/node "$root$runtime/node" || fail "cannot bind node"
$bb chmod 1777 "$root/tmp"

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/tmp
if [ -n "$shell_filesystem" ]; then
  $bb setsid $bb cttyhack $bb chroot "$root" "$runtime/node" "$runtime/tree/$agent" --shell "$shell_filesystem" "$shell_device"
else
  $bb chroot "$root" "$runtime/node" "$runtime/tree/$agent"
fi
$bb echo "safe-pmem-init: the agent ended with status $?"
$bb poweroff -f
