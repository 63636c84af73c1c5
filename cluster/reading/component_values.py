"""
The values that Kubernetes' components accept for their arguments, beyond the type of each.

From their validations: pkg/kubelet/apis/config/validation, pkg/kubelet/logs,
pkg/proxy/apis/config/validation and cmd/kube-controller-manager/app/options of Kubernetes.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from cluster.reading.faults import Fault, quoted, suggestion

_MOST = 2**31 - 1
_PORT = (1, 65535)
_NOT_NEGATIVE = (0, _MOST)

_RANGES: Mapping[str, Mapping[str, tuple[int, int]]] = {
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


def fault(component: str, name: str, value: str) -> Fault | None:
    """What is wrong with a value of the right type."""
    choices = _CHOICES.get(component, {}).get(name)
    if choices and value not in choices:
        what = f"{name} must be one of {', '.join(choices)}, found {quoted(value)}"
        return Fault(what, suggestion(value, choices, f"use {' or '.join(choices)}"))
    for pattern, (low, high) in _RANGES.get(component, {}).items():
        if fnmatchcase(name, pattern) and not low <= int(value) <= high:
            what = f"{name} must be from {low} to {high}, found {value}"
            return Fault(what, f"write {name}={max(low, min(high, int(value)))}")
    return None
