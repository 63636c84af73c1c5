"""
Labels and taints as Kubernetes accepts them from a kubelet.

https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from cluster.errors import Kind
from cluster.reading.declarations import Path
from cluster.reading.faults import Fault, quoted

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
# What a node may set on itself; all else below kubernetes.io and k8s.io is refused to it.
_OWN_PREFIXES = ("kubelet.kubernetes.io", "node.kubernetes.io")
_OWN_LABELS = {"topology.kubernetes.io/zone", "topology.kubernetes.io/region"}
# What the kubelet, or k3s's cloud controller, writes itself.
_KUBELET_LABELS = {
    "beta.kubernetes.io/arch", "beta.kubernetes.io/instance-type", "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region", "failure-domain.beta.kubernetes.io/zone",
    "kubernetes.io/arch", "kubernetes.io/hostname", "kubernetes.io/os",
    "node.kubernetes.io/instance-type",
}  # fmt: skip
# https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions
_CONTROLLERS_TAINTS = {
    "node.cloudprovider.kubernetes.io/shutdown", "node.cloudprovider.kubernetes.io/uninitialized",
    "node.kubernetes.io/disk-pressure", "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/network-unavailable", "node.kubernetes.io/not-ready",
    "node.kubernetes.io/pid-pressure", "node.kubernetes.io/unreachable",
    "node.kubernetes.io/unschedulable",
}  # fmt: skip


def labels(given: Mapping[str, str]) -> Iterator[tuple[Path, Fault]]:
    """What is wrong with labels, by key."""
    for key, label in given.items():
        fault = name(key) or _reserved(key) or value(label)
        if fault:
            yield (key,), fault


def name(key: str) -> Fault | None:
    """The check of the key of a label or a taint."""
    prefix, slash, last = key.rpartition("/")
    fix = 'write a name such as "team", or one with a domain such as "example.com/team"'
    if slash and (not _SUBDOMAIN.fullmatch(prefix) or len(prefix) > 253):
        return Fault(f"{quoted(prefix)} before the slash is not a valid DNS name", fix)
    if not _NAME.fullmatch(last):
        return Fault(f"{quoted(last)} {_ALLOWED}", fix)
    return None


def is_domain(text: str) -> bool:
    """Whether a text is a valid DNS name, which DNS can answer for."""
    short = all(len(each) <= 63 for each in text.split("."))
    return bool(_SUBDOMAIN.fullmatch(text)) and len(text) <= 253 and short


def taint(key: str) -> Fault | None:
    """The check of the key of a taint; Kubernetes removes those of its own controllers again."""
    if key in _CONTROLLERS_TAINTS:
        return Fault("is a taint of Kubernetes' own controllers", "remove it", Kind.FORBIDDEN)
    return name(key)


def value(text: str) -> Fault | None:
    """The check of the value of a label or a taint."""
    if text and not _NAME.fullmatch(text):
        fix = 'write a value such as "build-7", or ""'
        return Fault(f"the value {quoted(text)} {_ALLOWED}", fix)
    return None


_ALLOWED = "may have letters, digits, inner hyphens, underscores and dots only, at most 63"


def _reserved(key: str) -> Fault | None:
    prefix, _, _ = key.rpartition("/")
    if key in _KUBELET_LABELS:
        return Fault("is written by the kubelet itself", "remove it", Kind.FORBIDDEN)
    if key in _OWN_LABELS or any(_below(prefix, domain) for domain in _OWN_PREFIXES):
        return None
    if any(_below(prefix, domain) for domain in ("kubernetes.io", "k8s.io")):
        return Fault(
            "is reserved: a node may not give itself this label",
            'use a domain of your own, such as "example.com/role"',
            Kind.FORBIDDEN,
        )
    return None


def _below(prefix: str, domain: str) -> bool:
    return prefix == domain or prefix.endswith(f".{domain}")
