"""The variables of the machines' proxy."""

from __future__ import annotations

from typing import Any

import pytest

from cluster import config, node_config, proxy
from cluster.model import Cluster
from cluster.node_config import Addresses, NodeContext
from cluster.reading.keys.proxy import PROXY
from tests.cluster import ec2

URL = "http://squid.example.com:3128"
LISTS = {"apiAllowedCidrs": ["203.0.113.0/24"], "sshAllowedCidrs": ["203.0.113.0/24"]}
SERVERS = ("10.64.0.10",)


def cluster_of(network: dict[str, Any] | None = None, **keys: Any) -> Cluster:
    raw = {"network": {**LISTS, **(network or {})}, **keys}
    return ec2.resolve(config.load(raw, stack="dev"))


def test_what_is_in_the_cluster_is_reached_without_the_proxy() -> None:
    server: dict[str, Any] = {"cluster-domain": "shop.internal"}
    keys: dict[str, Any] = {
        "proxy": {"httpProxy": f"{URL}/", "noProxy": [".amazonaws.com"]},
        "k3s": {"server": server},
    }
    found = proxy.variables(cluster_of(**keys), SERVERS)
    assert (found["http_proxy"], found["https_proxy"]) == (URL, URL)
    assert found["no_proxy"].split(",") == [
        "localhost", "127.0.0.1", "127.0.0.0/8", "169.254.169.254", "169.254.0.0/16",
        "10.64.0.10", "10.64.0.0/16", "10.42.0.0/16", "10.43.0.0/16", ".svc", ".shop.internal",
        ".amazonaws.com",
    ]  # fmt: skip


def test_the_ranges_of_an_existing_vpc_are_reached_without_the_proxy() -> None:
    network = {"subnetIds": ["subnet-0aaaaaaaaaaaaaaaa"]}
    found = proxy.variables(cluster_of(network, proxy={"httpsProxy": URL}), SERVERS)
    assert (found["http_proxy"], found["https_proxy"]) == ("", URL)
    assert {str(each) for each in ec2.VPC_RANGES} <= set(found["no_proxy"].split(","))


def test_a_machine_without_a_proxy_gets_no_variables() -> None:
    """Else every machine of every cluster would be changed."""
    cluster = cluster_of(proxy={})
    here = Addresses(private_ip="10.64.0.10", public_ip=None)
    context = NodeContext(server_private_ips=SERVERS, endpoint_host=SERVERS[0])
    built = node_config.build(cluster, cluster.nodes[0], here, context)
    assert "environment" not in built["pool"]["k3s"]
    with_proxy = cluster_of(proxy={"httpProxy": URL})
    built = node_config.build(with_proxy, with_proxy.nodes[0], here, context)
    assert built["pool"]["k3s"]["environment"]["http_proxy"] == URL


@pytest.mark.parametrize(
    "text", ["*", ".example.com", "example.com", "10.0.0.1", "10.0.0.0/8", "host", "host:8080"]
)
def test_entries_that_are_reached_without_the_proxy(text: str) -> None:
    assert list(PROXY.keys["noProxy"].faults([text])) == []
