"""The stack's outputs, exported as cluster/outputs.py declares them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from cluster import expiry, outputs, record, record_json
from cluster.model import Cluster
from components.k3s_cluster import K3sCluster
from cost import summary
from cost.estimate import Estimate


def of(cluster: Cluster, k3s: K3sCluster, cost: Estimate) -> dict[str, Any]:
    """Every output of a cluster by its name."""
    kubeconfigs = {
        f"{outputs.IDENTITY_PREFIX}{name}": each for name, each in k3s.kubeconfigs.items()
    }
    there = {
        expiry.OUTPUT: k3s.expires_at,
        "snapshots": k3s.snapshots,
        outputs.KUBECONFIG: next(iter(k3s.kubeconfigs.values()), None),
        outputs.ADMIN_KUBECONFIG: k3s.admin_kubeconfig,
    }
    return {
        "apiEndpoint": k3s.api_endpoint,
        "nodes": k3s.nodes,
        "bootReport": k3s.boot_report,
        "bom": k3s.bom,
        outputs.COST: summary.output(cost),
        record.OUTPUT: record_json.render(record.of(cluster)),
        **kubeconfigs,
        **{name: each for name, each in there.items() if each is not None},
    }


def export(values: Mapping[str, Any]) -> None:
    """
    Exports all outputs, those that are declared secret with Pulumi's secret mark.

    Raises UndeclaredOutput where one is not declared, or one that is always there is missing.
    """
    outputs.require_complete(values)
    for name, value in values.items():
        secret = outputs.declared(name).secret
        pulumi.export(name, pulumi.Output.secret(value) if secret else value)
