"""A Helm chart as the object k3s's Helm controller installs (https://docs.k3s.io/add-ons/helm)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml


def helm_chart(
    name: str, *, chart: str, repo: str, version: str, namespace: str, values: Mapping[str, Any]
) -> str:
    """The manifest; what is empty is left to Helm."""
    chosen = {"chart": chart, "repo": repo, "version": version}
    spec: dict[str, Any] = {key: value for key, value in chosen.items() if value}
    spec |= {"targetNamespace": namespace, "createNamespace": True}
    if values:
        spec["valuesContent"] = yaml.safe_dump(dict(values), sort_keys=False)
    content = {
        "apiVersion": "helm.cattle.io/v1",
        "kind": "HelmChart",
        "metadata": {"name": name, "namespace": "kube-system"},
        "spec": spec,
    }
    return yaml.safe_dump(content, sort_keys=False)
