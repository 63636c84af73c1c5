#!/bin/sh
# First process of a machine: prepares what a virtual machine would have, waits for the metadata
# service, then becomes systemd.
set -eu

mount --make-rshared /

# The host's cgroup tree must not be seen in here: systemd would remount it and leave its slices.
# With a private cgroup namespace the controllers can be mounted afresh.
if [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
	umount -R /sys/fs/cgroup
	mount -t tmpfs -o mode=755 cgroot /sys/fs/cgroup
	for controller in cpu cpuacct cpuset memory devices freezer blkio pids; do
		mkdir -p "/sys/fs/cgroup/$controller"
		mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$controller"
	done
	mkdir -p /sys/fs/cgroup/systemd /sys/fs/cgroup/unified
	mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
	mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
fi

[ -e /dev/kmsg ] || mknod -m 644 /dev/kmsg c 1 11

# kubelet sets these kernel-wide; it is shown values that already fit, so the host keeps its own.
mkdir -p /etc/shadowed-sysctl
for setting in vm/overcommit_memory=1 kernel/panic=10 kernel/panic_on_oops=1; do
	name=${setting%=*}
	file=/etc/shadowed-sysctl/$(echo "$name" | tr / .)
	echo "${setting#*=}" >"$file"
	mount --bind "$file" "/proc/sys/$name"
done

# Trust in the local cloud's authority, whose certificate was laid here when the machine was made.
authority=/usr/local/share/ca-certificates/local-cloud.crt
cat "$authority" /etc/ssl/certs/public.crt >/etc/ssl/certs/ca-certificates.crt
ln -sf "$authority" "/etc/ssl/certs/$(openssl x509 -hash -noout -in "$authority").0"

# The daemon opens the metadata service inside this network namespace, which exists only now.
tries=600
until grep -qi "^ *[0-9]*: FEA9FEA9:0050 00000000:0000 0A" /proc/net/tcp; do
	tries=$((tries - 1))
	if [ "$tries" -eq 0 ]; then
		echo "no metadata service after 60 s: the local cloud's daemon does not respond" >&2
		exit 1
	fi
	sleep 0.1
done

exec "$@"
