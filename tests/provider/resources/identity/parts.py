"""What the tests of an Identity share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi.runtime.proto import provider_pb2

from cluster import kubeconfig

IDENTITY = "k3s:index:Identity"
BINDING = "/namespaces/shop/rolebindings/k3s-aws:ci"
READS = "/clusterrolebindings/k3s-aws:ci:reads"
READS_ROLE = "/clusterroles/k3s-aws:ci:reads"
FIRST, SECOND, THIRD = (f"k3s-aws:demo:ci:0000000{number}" for number in (1, 2, 3))
PROOF = "GET /readyz"
Inputs = dict[str, Any]


def parts_of(outputs: Mapping[str, Any]) -> kubeconfig.Parts:
    return kubeconfig.parse(outputs["kubeconfig"].value)


def kinds_of(diff: Any) -> dict[str, str]:
    kind = provider_pb2.PropertyDiff.Kind
    return {
        path: kind.Name(each.kind) + ("" if each.inputDiff else " of an output")
        for path, each in diff.detailedDiff.items()
    }
