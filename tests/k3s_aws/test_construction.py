"""Constructions for programs in other languages: one process of the plugin serves all of a run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from k3s_aws import cluster_names
from k3s_aws.construction import Constructions
from provider.errors import OperationFailed


class Servicer:
    """The SDK's, which would ask an engine, with what the component notes."""

    async def Construct(self, request: Any, _: Any) -> str:  # noqa: N802 - gRPC's name
        cluster_names.take(request.name)
        cluster_names.take_cluster(request.name, request.cluster)
        return f"made {request.name}"


def request(run: str, name: str, cluster: str = "", region: str = "eu-central-1") -> Any:
    found = SimpleNamespace(account_id="1", region=region, name=cluster or name)
    return SimpleNamespace(monitorEndpoint=run, name=name, cluster=found)


def test_two_clusters_of_one_name_are_rejected_in_one_run_only() -> None:
    constructions = Constructions("127.0.0.1:1")
    constructions._servicer = Servicer()  # type: ignore[assignment]
    for run in ("preview", "update"):
        assert constructions.construct(request(run, "shop")) == "made shop"
        assert constructions.construct(request(run, "till")) == "made till"
        with pytest.raises(OperationFailed, match="give each a name of its own"):
            constructions.construct(request(run, "shop"))


def test_two_resources_with_one_name_of_the_cluster_are_rejected_in_one_region_only() -> None:
    constructions = Constructions("127.0.0.1:1")
    constructions._servicer = Servicer()  # type: ignore[assignment]
    for run in ("preview", "update"):
        assert constructions.construct(request(run, "a", "shop")) == "made a"
        with pytest.raises(OperationFailed, match=r"b: cluster\.name: a of the program has"):
            constructions.construct(request(run, "b", "shop"))
        assert constructions.construct(request(run, "c", "shop", "us-east-1")) == "made c"
