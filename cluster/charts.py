"""A Helm chart as the object k3s's Helm controller installs (https://docs.k3s.io/add-ons/helm)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster import yaml_writer


def helm_chart(
    name: str, *, chart: str, repo: str, version: str, namespace: str, values: Mapping[str, Any]
) -> str:
    """The manifest; what is empty is left to Helm."""
    chosen = {"chart": chart, "repo": repo, "version": version}
    spec: dict[str, Any] = {key: value for key, value in chosen.items() if value}
    spec |= {"targetNamespace": namespace, "createNamespace": True}
    if values:
        spec["valuesContent"] = yaml_writer.write(dict(values))
    content = {
        "apiVersion": "helm.cattle.io/v1",
        "kind": "HelmChart",
        "metadata": {"name": name, "namespace": "kube-system"},
        "spec": spec,
    }
    return yaml_writer.write(content)
