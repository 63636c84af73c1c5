"""
Labels and taints as Kubernetes takes them from a kubelet.

https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from cluster.reading.findings import Section, shown
from cluster.spec import Taint

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
# What a node may say of itself; all else below kubernetes.io and k8s.io is refused to it.
_OWN_PREFIXES = ("kubelet.kubernetes.io", "node.kubernetes.io")
_OWN_LABELS = {"topology.kubernetes.io/zone", "topology.kubernetes.io/region"}
# What the kubelet, or k3s's cloud controller, writes itself.
_KUBELET_LABELS = {
    "beta.kubernetes.io/arch", "beta.kubernetes.io/instance-type", "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region", "failure-domain.beta.kubernetes.io/zone",
    "kubernetes.io/arch", "kubernetes.io/hostname", "kubernetes.io/os",
    "node.kubernetes.io/instance-type",
}  # fmt: skip


def labels(section: Section) -> Mapping[str, str] | None:
    """The labels of a pool, or None when one of them would be refused."""
    given = section.table("labels")
    sound = given is not None
    for key, value in (given or {}).items():
        fault = _key_fault(key) or _reserved_fault(key) or _value_fault(value)
        if fault is not None:
            section.findings.add((*section.path, "labels", key), *fault)
            sound = False
    return given if sound else None


def taint(section: Section) -> Taint | None:
    """One taint of a pool."""
    key, value, effect = section.text("key"), section.text("value"), section.text("effect")
    key_fault = _key_fault(key) if key is not None else None
    value_fault = _value_fault(value) if value is not None else None
    if key_fault:
        section.report("key", *key_fault)
    if value_fault:
        section.report("value", *value_fault)
    if key is None or value is None or effect is None or key_fault or value_fault:
        return None
    return Taint(key=key, value=value, effect=effect)


def _key_fault(key: str) -> tuple[str, str] | None:
    prefix, slash, name = key.rpartition("/")
    fix = 'write a name such as "team", or one with a domain such as "example.com/team"'
    if slash and (not _SUBDOMAIN.fullmatch(prefix) or len(prefix) > 253):
        return f"{shown(prefix)} before the slash is no DNS name", fix
    if not _NAME.fullmatch(name):
        return (
            f"{shown(name)} may have letters, digits, inner hyphens, underscores and dots only, "
            "at most 63",
            fix,
        )
    return None


def _value_fault(value: str) -> tuple[str, str] | None:
    if value and not _NAME.fullmatch(value):
        return (
            f"the value {shown(value)} may have letters, digits, inner hyphens, underscores and "
            "dots only, at most 63",
            'write a value such as "build-7", or ""',
        )
    return None


def _reserved_fault(key: str) -> tuple[str, str] | None:
    prefix, _, _ = key.rpartition("/")
    if key in _KUBELET_LABELS:
        return "is written by the kubelet itself", "remove it"
    if key in _OWN_LABELS or any(_below(prefix, domain) for domain in _OWN_PREFIXES):
        return None
    if any(_below(prefix, domain) for domain in ("kubernetes.io", "k8s.io")):
        return (
            "is reserved: a node may not give itself this label",
            'use a domain of your own, such as "example.com/role"',
        )
    return None


def _below(prefix: str, domain: str) -> bool:
    return prefix == domain or prefix.endswith(f".{domain}")
