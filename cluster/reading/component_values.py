"""
The values that Kubernetes' components accept for their arguments, beyond the type of each.

From their validations: pkg/kubelet/apis/config/validation, pkg/kubelet/logs,
pkg/proxy/apis/config/validation and cmd/kube-controller-manager/app/options of Kubernetes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

from cluster.reading.faults import Fault, quoted, suggestion

_MOST = 2**31 - 1
_PORT = (1, 65535)
_NOT_NEGATIVE = (0, _MOST)

_RANGES: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "kubelet": {
        "container-log-max-files": (2, _MOST),
        "event-burst": _NOT_NEGATIVE,
        "event-qps": _NOT_NEGATIVE,
        "healthz-port": _PORT,
        "image-gc-high-threshold": (0, 100),
        "image-gc-low-threshold": (0, 100),
        "kube-api-burst": _NOT_NEGATIVE,
        "kube-api-qps": _NOT_NEGATIVE,
        "max-open-files": _NOT_NEGATIVE,
        "max-pods": (1, _MOST),
        "node-status-max-images": (-1, _MOST),
        "oom-score-adj": (-1000, 1000),
        "pods-per-core": _NOT_NEGATIVE,
        "registry-burst": _NOT_NEGATIVE,
        "registry-qps": _NOT_NEGATIVE,
    },
    "kube-controller-manager": {"concurrent-*-syncs": (1, _MOST)},
    "kube-apiserver": {
        "audit-log-max*": _NOT_NEGATIVE,
        "goaway-chance": (0, 0.02),
        "max-*requests-inflight": _NOT_NEGATIVE,
    },
    "kube-proxy": {"iptables-masquerade-bit": (0, 31), "oom-score-adj": (-1000, 1000)},
}
_CHOICES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "kubelet": {
        "cpu-manager-policy": ("none", "static"),
        "hairpin-mode": ("hairpin-veth", "none", "promiscuous-bridge"),
        "memory-manager-policy": ("None", "Static"),
        "topology-manager-policy": ("best-effort", "none", "restricted", "single-numa-node"),
        "topology-manager-scope": ("container", "pod"),
    },
    "kube-proxy": {"proxy-mode": ("iptables", "ipvs", "nftables")},
}
_SHARED_CHOICES: Mapping[str, tuple[str, ...]] = {
    "audit-log-format": ("json", "legacy"),
    "audit-log-mode": ("batch", "blocking", "blocking-strict"),
    "audit-webhook-mode": ("batch", "blocking", "blocking-strict"),
    "logging-format": ("json", "text"),
    "tls-min-version": ("VersionTLS10", "VersionTLS11", "VersionTLS12", "VersionTLS13"),
}


class _Shape(NamedTuple):
    """What each part of a value between commas has to be."""

    names: tuple[str, ...]
    item: re.Pattern[str]
    what: str
    example: str


# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
_QUANTITY = r"\+?([0-9]+\.?[0-9]*|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?"
_PERCENTAGE = r"(100(\.0*)?|[0-9]{1,2}(\.[0-9]*)?)%"
_RESOURCE = r"(cpu|ephemeral-storage|memory|pid)"
_SIGNAL = r"((allocatableM|m)emory|(container|image|node)fs|pid)\.available|[cin]\w+fs\.inodesFree"
_TRUTH = r"(true|false|True|False|TRUE|FALSE|[tfTF10])"
_SHAPES = (
    _Shape(
        ("feature-gates",),
        re.compile(rf"\s*\w+\s*=\s*{_TRUTH}\s*", re.ASCII),
        "names with true or false",
        "Name=true",
    ),
    _Shape(
        ("runtime-config",),
        re.compile(rf"\s*[\w./-]+\s*(=\s*{_TRUTH}?\s*)?", re.ASCII),
        "versions of the API with true or false",
        "batch/v1=true",
    ),
    _Shape(
        ("kube-reserved", "system-reserved"),
        re.compile(rf"\s*{_RESOURCE}\s*=\s*{_QUANTITY}\s*"),
        "resources and quantities",
        "cpu=100m,memory=200Mi",
    ),
    _Shape(
        ("eviction-hard", "eviction-soft"),
        re.compile(rf"\s*({_SIGNAL})\s*<\s*({_QUANTITY}|{_PERCENTAGE})\s*"),
        "signals and thresholds, up to 100%",
        "memory.available<100Mi,nodefs.available<10%",
    ),
    _Shape(
        ("eviction-soft-grace-period",),
        re.compile(rf"\s*({_SIGNAL})\s*=\s*([0-9.]+(ns|us|µs|μs|ms|s|m|h))+\s*"),
        "signals and durations",
        "memory.available=1m30s",
    ),
    _Shape(
        ("enforce-node-allocatable",),
        re.compile(r"\s*(none|pods|(kube|system)-reserved(-compressible)?)\s*"),
        "names of what is enforced",
        "pods",
    ),
    _Shape(("container-log-max-size",), re.compile(_QUANTITY), "a quantity", "10Mi"),
    _Shape(
        ("oidc-issuer-url",),
        re.compile(r"https://[!-~]+"),
        "an https URL",
        "https://login.example.com",
    ),
    _Shape(
        ("tls-cipher-suites",),
        re.compile(r"TLS_[A-Z0-9_]+"),
        "names of cipher suites",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    ),
)


def fault(component: str, name: str, value: str) -> Fault | None:
    """What is wrong with a value of the right type."""
    choices = _CHOICES.get(component, {}).get(name) or _SHARED_CHOICES.get(name)
    if choices and value not in choices:
        what = f"{name} must be one of {', '.join(choices)}, found {quoted(value)}"
        return Fault(what, suggestion(value, choices, f"use {' or '.join(choices)}"))
    for pattern, (low, high) in _RANGES.get(component, {}).items():
        if fnmatchcase(name, pattern) and not low <= float(value) <= high:
            what = f"{name} must be from {low} to {high}, found {value}"
            return Fault(what, f"write {name}={max(low, min(high, float(value))):g}")
    expected = next((each for each in _SHAPES if name in each.names), None)
    if expected and not all(map(expected.item.fullmatch, filter(None, value.split(",")))):
        what = f"{name} must be {expected.what}, found {quoted(value)}"
        return Fault(what, f"write {name}={expected.example}")
    return None
