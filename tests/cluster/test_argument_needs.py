"""Arguments of Kubernetes' components that need others; what is refused is in tests/invalid/."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from cluster import config, quantities

OPEN = {"apiAllowedCidrs": ["203.0.113.0/24"], "sshAllowedCidrs": []}


@pytest.mark.parametrize(
    ("key", "arguments"),
    [
        ("kubelet-arg", ["eviction-soft=memory.available<1Gi",
                         "eviction-soft-grace-period=memory.available=1m30s"]),
        ("kubelet-arg", ["cpu-manager-policy=static", "kube-reserved=memory=1Gi",
                         "system-reserved=cpu=100m"]),
        ("kubelet-arg", ["cpu-manager-policy=static", "reserved-cpus=0"]),
        ("kubelet-arg", ["cpu-manager-policy=none", "memory-manager-policy=None"]),
        ("kubelet-arg", ["memory-manager-policy=Static", "reserved-memory=0:memory=1Gi",
                         "reserved-memory=1:hugepages-2Mi=1Gi,memory=612Mi",
                         "kube-reserved=memory=1Gi", "system-reserved=memory=512Mi,cpu=1",
                         "eviction-hard=memory.available<100Mi"]),
        ("kubelet-arg", ["memory-manager-policy=Static", "reserved-memory=0:memory=1Gi",
                         "eviction-hard=memory.available<5%"]),
        ("kubelet-arg", ["enforce-node-allocatable=pods,kube-reserved",
                         "kube-reserved-cgroup=/kube.slice"]),
        ("kubelet-arg", ["eviction-hard=memory.available<100.0%,nodefs.available<7.5%"]),
        ("kube-apiserver-arg", ["oidc-issuer-url=https://login.example.com", "oidc-client-id=k"]),
        ("kube-apiserver-arg", ["runtime-config=api/all=true,resource.k8s.io/v1beta1=false"]),
        ("kube-controller-manager-arg", ["controllers=*,-ttl"]),
        ("kube-controller-manager-arg", ["controllers+=-ttl"]),
        ("kube-controller-manager-arg", ["leader-elect-lease-duration=1m",
                                         "leader-elect-renew-deadline=40s"]),
        ("kube-scheduler-arg", ["leader-elect=false", "leader-elect-lease-duration=1s"]),
        ("etcd-arg", ["heartbeat-interval=1000", "election-timeout=5000"]),
        ("etcd-arg", ["quota-backend-bytes=8589934592"]),
    ],
)  # fmt: skip
def test_arguments_that_have_what_they_need_are_accepted(key: str, arguments: list[str]) -> None:
    raw: dict[str, Any] = {
        "network": OPEN,
        "identities": [{"name": "deploy", "clusterRole": "edit"}],
        "k3s": {"server": {key: arguments}},
    }
    config.load(raw, stack="dev")


def test_node_ranges_may_be_switched_off_where_the_pods_network_is_not_k3ss() -> None:
    k3s = {
        "flannelBackend": "none",
        "server": {"kube-controller-manager-arg": ["controllers=*,-nodeipam"]},
    }
    config.load({"network": OPEN, "k3s": k3s}, stack="dev")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("100m", Fraction(1, 10)),
        ("1Mi", Fraction(1048576)),
        ("1.5Gi", Fraction(3 * 2**29)),
        (".5", Fraction(1, 2)),
        ("2.", Fraction(2)),
        ("1e3", Fraction(1000)),
        ("+5k", Fraction(5000)),
        ("1E", Fraction(10**18)),
        ("10XB", None),
        ("", None),
    ],
)
def test_quantities_are_read_as_kubernetes_does(text: str, number: Fraction | None) -> None:
    assert quantities.parse(text) == number
