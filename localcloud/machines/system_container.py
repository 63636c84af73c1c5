"""What Docker gives a container in which systemd, k3s and block devices work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What systemd and k3s need; CAP_SYS_RESOURCE is missing on some hosts, so --privileged would fail.
CAPABILITIES = tuple(
    """
    CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
    NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO
    SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_TIME SYS_TTY_CONFIG MKNOD
    LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP SYSLOG
    """.split()  # noqa: SIM905 - a list of thirty words reads worse
)
# k3s and its containers write here; overlay on overlay is refused or slow.
WRITTEN = ("/var/lib/rancher", "/var/lib/kubelet", "/var/lib/cni", "/var/log")
# The EBS volumes of the machine, which are loop devices.
BLOCK_DEVICES = "b 7:* rmw"


def host_config(api: Any, names: Mapping[str, str]) -> Any:
    """Docker's configuration of a machine that knows these host names."""
    config = api.create_host_config(
        cap_drop=["ALL"],
        cap_add=list(CAPABILITIES),
        security_opt=["seccomp=unconfined", "apparmor=unconfined"],
        devices=["/dev/kmsg:/dev/kmsg:rwm"],
        device_cgroup_rules=[BLOCK_DEVICES],
        tmpfs={"/run": "", "/run/lock": "", "/tmp": "exec"},  # noqa: S108 - the machine's own
        extra_hosts=dict(names),
        # The host's tree must not reach the machine: systemd would remount it.
        cgroupns="private",
    )
    # kubelet writes to /proc/sys; `docker run` calls this systempaths=unconfined.
    return {**config, "MaskedPaths": [], "ReadonlyPaths": []}
