"""
Checks values of k3s's own keys: names and addresses, and numbers against the configuration's.

Numbers and ranges may be right alone, and together give nodes without addresses or Services without
DNS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from ipaddress import AddressValueError, IPv4Address

from cluster import network
from cluster.errors import Kind
from cluster.reading import checks, component_arguments, kubernetes, ports
from cluster.reading.faults import Fault, quoted
from cluster.reading.settings import Setting, of_pool
from cluster.spec import ClusterSpec, Identity

_MASK = "node-cidr-mask-size"
_CONTROLLERS = "kube-controller-manager-arg"
# A node has one address for pods then.
_LONGEST_PREFIX = 30
# What the kubelet takes by itself.
_PODS = 110
_SECONDS = {
    "h": 3600.0,
    "m": 60.0,
    "s": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ns": 1e-9,
}
_MODES = ("agent", "cluster", "disabled", "pod")
_PROVIDERS = ("aescbc", "secretbox")
# What becomes a part of the names of images.
_IMAGES = ("airgap-extra-registry", "helm-job-image", "pause-image", "system-default-registry")
# https://github.com/distribution/reference/blob/main/reference.go
_IMAGE = re.compile(r"[A-Za-z0-9]+([._:/@-]+[A-Za-z0-9]+)*")
# What becomes a name in a certificate, or one of a node.
_NAMES = ("node-external-dns", "node-internal-dns", "tls-san")
# What the kernel takes: https://man7.org/linux/man-pages/man7/netdevice.7.html
_INTERFACE = re.compile(r"[!-.0-~]{1,15}")


def node_prefix(spec: ClusterSpec, settings: Sequence[Setting]) -> int:
    """The prefix of the range of pods that each node gets."""
    setting = of_pool(settings, spec.servers, _CONTROLLERS)
    text = setting.argument(_MASK) if setting else None
    prefix = _number(text, network.NODE_PREFIX)
    return prefix if 0 <= prefix <= _LONGEST_PREFIX else network.NODE_PREFIX


def check(spec: ClusterSpec, settings: Sequence[Setting]) -> None:
    """Reports every key of k3s whose value does not fit the others."""
    for setting in settings:
        for fault in _faults(setting, spec):
            setting.report(fault)
    if spec.k3s.flannel_backend != "none":
        _check_pods(spec, settings)


def _faults(setting: Setting, spec: ClusterSpec) -> Iterator[Fault]:
    name, value = setting.name, setting.value
    if name == "cluster-dns":
        yield from _dns_faults(setting, spec)
    elif name == "service-node-port-range":
        yield from _node_port_faults(str(value))
    elif name == "lb-server-port":
        yield from _port_faults(str(value))
    elif name == "cluster-domain" and not kubernetes.is_domain(str(value)):
        yield Fault(f"{quoted(value)} is not a valid domain", 'write one such as "cluster.local"')
    elif name == "egress-selector-mode" and value not in _MODES:
        yield Fault(f"must be one of {', '.join(_MODES)}, found {quoted(value)}", "use one of them")
    elif name == "secrets-encryption-provider" and value not in _PROVIDERS:
        fix = f"use {' or '.join(_PROVIDERS)}"
        yield Fault(f"must be one of {', '.join(_PROVIDERS)}, found {quoted(value)}", fix)
    elif name in _NAMES:
        yield from _name_faults(setting)
    elif name in _IMAGES:
        yield from _image_faults(setting)
    elif name == "servicelb-namespace" and (fault := checks.namespace(str(value))):
        yield fault
    elif name == "flannel-iface" and not _INTERFACE.fullmatch(str(value)):
        yield Fault(f"{quoted(value)} is not a valid network interface", 'write one such as "ens5"')
    elif name == _CONTROLLERS:
        yield from _controller_faults(setting, spec)
    elif name == "kubelet-arg":
        yield from _kubelet_faults(setting)


def _dns_faults(setting: Setting, spec: ClusterSpec) -> Iterator[Fault]:
    own = spec.network.service_cidr
    fix = f'choose an address such as "{own[10]}", or leave it out'
    for text in (each.strip() for value in setting.strings for each in value.split(",")):
        try:
            address = IPv4Address(text)
        except AddressValueError:
            yield Fault(f"{quoted(text)} is not a valid IPv4 address", fix)
            continue
        if address not in own:
            yield Fault(f"{text} is outside {own}, the range of the services", fix, Kind.CONFLICT)
        elif address in (own[0], own[1], own[-1]):
            what = f"{text} is the address of the API, or the first or last of {own}"
            yield Fault(what, fix, Kind.CONFLICT)


def _name_faults(setting: Setting) -> Iterator[Fault]:
    for text in (each.strip() for value in setting.strings for each in value.split(",")):
        name = text.removeprefix("*.").lower().replace("_", "-")
        if not kubernetes.is_domain(name):
            fix = 'write it without scheme and port, such as "k3s.example.com"'
            yield Fault(f"{quoted(text)} is not a valid name or IPv4 address", fix)


def _image_faults(setting: Setting) -> Iterator[Fault]:
    if any("://" in each for each in setting.strings):
        fix = 'write it without a scheme, such as "registry.example.com"'
        yield Fault("has a URL, and names of images have no scheme", fix)
        return
    for text in setting.strings:
        if text and not _IMAGE.fullmatch(text):
            fix = 'write one such as "registry.example.com/team/image:1.0"'
            yield Fault(f"{quoted(text)} is not a valid part of an image's name", fix)


def _node_port_faults(text: str) -> Iterator[Fault]:
    found = ports.node_port_range(text)
    fix = 'choose a range such as "30000-32767"'
    if found is None:
        yield Fault(f"{quoted(text)} is not a valid range of ports", fix)
        return
    used = ports.used_in(*found)
    if used:
        listed = ", ".join(f"{port} ({use})" for port, use in used.items())
        what = f"{text} has ports that the machines use, and a Service could get one: {listed}"
        yield Fault(what, fix, Kind.WARNING)


def _port_faults(text: str) -> Iterator[Fault]:
    found = ports.parse_range(text)
    fix = "choose a port such as 6444, which is k3s's own choice"
    if found is None or found[0] != found[1]:
        yield Fault(f"{quoted(text)} is not a valid port", fix)
    elif found[0] in ports.USED and found[0] != 6444:
        yield Fault(f"{text} is the port of {ports.USED[found[0]]}", fix, Kind.CONFLICT)


def _controller_faults(setting: Setting, spec: ClusterSpec) -> Iterator[Fault]:
    mask, pods = setting.argument(_MASK), spec.network.cluster_cidr
    if mask is not None and not (pods.prefixlen <= _number(mask, -1) <= _LONGEST_PREFIX):
        what = f"{_MASK} must be from {pods.prefixlen}, the prefix of {pods}, to {_LONGEST_PREFIX}"
        yield Fault(f"{what}, found {quoted(mask)}", f"write {_MASK}=24", Kind.CONFLICT)
    duration = seconds(setting.argument("cluster-signing-duration") or "")
    for each in spec.identities:
        yield from _signing_faults(duration, each)


def _signing_faults(duration: float | None, identity: Identity) -> Iterator[Fault]:
    if duration is not None and duration < identity.expiry_days * 86400:
        what = (
            f"cluster-signing-duration is shorter than the {identity.expiry_days} days that the "
            f'kubeconfig of "{identity.name}" is valid'
        )
        fix = f"write cluster-signing-duration={identity.expiry_days * 24}h or more"
        yield Fault(what, fix, Kind.CONFLICT)


def seconds(text: str) -> float | None:
    """A duration as Go writes it; None for anything else."""
    parts = re.findall(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)", text)
    if not parts or "".join(map("".join, parts)) != text.lstrip("+"):
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def _kubelet_faults(setting: Setting) -> Iterator[Fault]:
    """https://kubernetes.io/docs/concepts/architecture/garbage-collection/#containers-images"""
    high = _number(setting.argument("image-gc-high-threshold"), 85)
    low = _number(setting.argument("image-gc-low-threshold"), 80)
    if low >= high:
        what = f"image-gc-low-threshold {low} must be below image-gc-high-threshold {high}"
        fix = "set both, the lower one below the higher one"
        yield Fault(what, fix, Kind.CONFLICT)


def _number(text: str | None, default: int) -> int:
    return int(text) if text and component_arguments.INTEGER.fullmatch(text) else default


def _check_pods(spec: ClusterSpec, settings: Sequence[Setting]) -> None:
    """Reports pools whose kubelets take more pods than a node has addresses for."""
    prefix = node_prefix(spec, settings)
    room = network.pods_in(prefix)
    cause = of_pool(settings, spec.servers, _CONTROLLERS)
    reported: list[Setting] = []
    for pool in spec.all_pools:
        own = of_pool(settings, pool, "kubelet-arg")
        text = own.argument("max-pods") if own else None
        place = own if text else cause
        if _number(text, _PODS) <= room or place is None or place in reported:
            continue
        reported.append(place)
        what = f"a node has {room} addresses for pods (/{prefix}), its kubelet takes"
        fix = f"write kubelet-arg: [max-pods={room}] for servers and agents, or a smaller {_MASK}"
        place.report(Fault(f"{what} {_number(text, _PODS)}", fix, Kind.CONFLICT))
