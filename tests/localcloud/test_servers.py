"""Three servers behind a load balancer on the local cloud, and what a client sees of a loss."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from tests.conftest import MEASURED
from tests.localcloud import api_client
from tests.localcloud.stacks import CLUSTER, Stack, local_cloud

pytestmark = pytest.mark.localcloud

UP = ("up", "--yes", "--skip-preview")
CHANGE_SECONDS = 180.0
# Asks a server for the members of etcd, as a server that joins does.
MEMBERS = """
import base64, json, ssl, urllib.request
password = open("/etc/rancher/k3s/token").read().strip().rsplit(":", 1)[-1]
login = base64.b64encode(f"server:{password}".encode()).decode()
url = urllib.request.Request("https://127.0.0.1:6443/db/info")
url.add_header("Authorization", f"Basic {login}")
found = urllib.request.urlopen(url, context=ssl._create_unverified_context(), timeout=10)
print(found.read().decode())
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with local_cloud(tmp_path_factory.mktemp("servers")) as made:
        stack = made.create("servers")
        content = yaml.safe_load(stack.config_file.read_text())["config"][CLUSTER]
        (pool,) = content["pools"]
        stack.configure(
            servers={**content["servers"], "count": 3},
            pools=[{**pool, "count": 1}],
            network={**content["network"], "vpcCidr": "10.71.0.0/16"},
        )
        yield stack


def test_three_servers_outlive_the_loss_of_one(stack: Stack) -> None:
    began = time.monotonic()
    stack.pulumi(*UP)
    seconds = time.monotonic() - began
    print(f"{MEASURED}3 servers and 1 agent: all Ready {seconds:.0f} s after pulumi up")
    _nodes_equal_the_instances(stack)
    assert stack.summary() == {"same": stack.summary()["same"]}
    # The first one, which created the cluster, and which its configuration lets create one.
    lost = servers(stack)[0]
    with api_client.counting(
        stack.kubeconfig("adminKubeconfig"), "one of three servers is terminated and replaced"
    ) as seen:
        stack.terminate(lost["instanceId"])
        stack.pulumi(*UP, "--refresh")
    assert seen.lost == set()
    assert seen.gap_seconds < 20
    assert lost["name"] not in [each["name"] for each in servers(stack)]
    _nodes_equal_the_instances(stack)
    stack.pulumi("destroy", "--yes")
    assert json.loads(stack.pulumi("stack", "export"))["deployment"].get("resources", []) == []


def test_one_server_becomes_three_then_five_and_three_again(stack: Stack) -> None:
    content = yaml.safe_load(stack.config_file.read_text())["config"][CLUSTER]
    # From the first day, since another endpoint is another kubeconfig.
    stack.configure(servers={**content["servers"], "count": 1}, endpoint={"type": "loadBalancer"})
    stack.pulumi(*UP)
    (first,) = servers(stack)
    for count in (3, 5, 3):
        with api_client.counting(
            stack.kubeconfig("adminKubeconfig"), f"another number of servers, {count}"
        ) as seen:
            stack.configure(servers={**content["servers"], "count": count})
            stack.pulumi(*UP)
        assert seen.lost == set()
        assert servers(stack)[0]["name"] == first["name"]
        _nodes_equal_the_instances(stack)
    assert stack.summary() == {"same": stack.summary()["same"]}
    stack.pulumi("destroy", "--yes")


def _nodes_equal_the_instances(stack: Stack) -> None:
    """Every node is Ready, there are no others, and the servers are the members of etcd."""
    expected = {each["name"] for each in stack.nodes()}
    until(lambda: ready_nodes(stack) == (expected, expected), "other nodes than instances")
    names = {each["name"] for each in servers(stack)}
    until(
        lambda: all(members(stack, each) == names for each in servers(stack)),
        "other members of etcd than servers",
    )


def servers(stack: Stack) -> list[dict[str, Any]]:
    return [each for each in stack.nodes() if each["role"] == "server"]


def ready_nodes(stack: Stack) -> tuple[set[str], set[str]]:
    """The names of all nodes, and of those that are Ready."""
    items = json.loads(stack.kubectl("get", "nodes", "-o", "json"))["items"]
    names = {each["metadata"]["name"] for each in items}
    ready = {
        each["metadata"]["name"]
        for each in items
        for condition in each["status"]["conditions"]
        if (condition["type"], condition["status"]) == ("Ready", "True")
    }
    return names, ready


def members(stack: Stack, server: dict[str, Any]) -> set[str]:
    """The nodes of the members of etcd that vote, as a server has them."""
    command = ("exec", stack.machine(server["instanceId"]), "python3", "-c", MEMBERS)
    found = json.loads(stack.try_docker(*command) or "{}").get("members", [])
    return {each["name"].rsplit("-", 1)[0] for each in found if not each.get("isLearner")}


def until(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + CHANGE_SECONDS
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(1.0)
