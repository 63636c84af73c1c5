"""
Reports keys of k3s that need something on the machines that the program's images do not have.

The program brings no files. An image of the operator's own may have what is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cluster.errors import Kind
from cluster.reading import component_table
from cluster.reading.faults import Fault, quoted
from cluster.reading.section import Section
from cluster.reading.settings import Setting
from cluster.spec import ClusterSpec, PoolSpec

# Where the operating systems have files of their own, and k3s its.
_PRESENT = (
    "/etc/machine-id", "/etc/pki/", "/etc/resolv.conf", "/etc/ssl/", "/proc/",
    "/run/systemd/resolve/", "/sys/", "/usr/share/ca-certificates/", "/var/lib/rancher/k3s/",
)  # fmt: skip
# Keys of k3s that name a file or a folder to read.
_FILES = frozenset({
    "etcd-s3-endpoint-ca", "flannel-cni-conf", "flannel-conf", "image-credential-provider-bin-dir",
    "image-credential-provider-config", "resolv-conf",
})  # fmt: skip
# The values that k3s's own files are enough for.
_BUILT_IN = {
    "snapshotter": ("overlayfs", "native"),
    # k3s finds no runtime of this name but those that it looks for on the machine.
    "default-runtime": ("",),
    "container-runtime-endpoint": (),
    "image-service-endpoint": (),
}
_OWN_IMAGE = "put it into an image of your own (image.id)"


def check(top: Section, spec: ClusterSpec, settings: Sequence[Setting]) -> None:
    """Reports each such key; warns where the machines have images of the operator's own."""
    for setting in settings:
        for fault in _needs(setting):
            setting.report(_for_images(fault, setting.pools))
    _check_registries(top["k3s"], spec)


def _for_images(fault: Fault, pools: Sequence[PoolSpec]) -> Fault:
    if pools and all(pool.image.ami for pool in pools):
        return Fault(fault.what, "make sure that the image has it", Kind.WARNING)
    return fault


def _needs(setting: Setting) -> Iterator[Fault]:
    if setting.name == "protect-kernel-defaults" and setting.value is True:
        what = "the kubelet does not start where the kernel's settings are not those it wants"
        fix = "remove it, so that the kubelet sets them, or set them in an image of your own"
        yield Fault(what, f"{fix} (image.id)")
    elif setting.name in _FILES:
        yield from (_file(setting.name, each) for each in setting.strings if not _present(each))
    elif setting.name in _BUILT_IN:
        known = _BUILT_IN[setting.name]
        if setting.value not in known:
            what = f"{quoted(setting.value)} is not found by k3s on an image of the program"
            known_fix = f"use {' or '.join(known)}" if any(known) else "remove it"
            yield Fault(what, f"{known_fix}, or {_OWN_IMAGE}")
    for each in setting.arguments:
        if each.name in component_table.FILES and not _present(each.value or ""):
            yield _file(each.name, each.value or "")


def _present(path: str) -> bool:
    return path.startswith(_PRESENT)


def _file(name: str, path: str) -> Fault:
    what = f"{name} names the file {quoted(path)}, which the program does not bring"
    return Fault(what, f"remove it, or {_OWN_IMAGE}")


def _check_registries(section: Section, spec: ClusterSpec) -> None:
    if not section.valid("registries"):
        return
    for host, config in section["registries"].get("configs", {}).items():
        for name, path in config.get("tls", {}).items():
            if isinstance(path, str) and path and not _present(path):
                fault = _for_images(_file(name, path), spec.all_pools)
                below = ("configs", host, "tls", name)
                if fault.kind is Kind.WARNING:
                    section.warn("registries", fault.what, fault.fix, below=below)
                else:
                    section.report("registries", *fault, below=below)
