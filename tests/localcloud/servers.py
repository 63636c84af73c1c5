"""The servers of a stack on the local cloud: their nodes, and their members of etcd."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from tests.localcloud.running_cluster import ready_nodes
from tests.localcloud.stacks import Stack
from tests.localcloud.waiting import until

CHANGE_SECONDS = 180.0
wait = partial(until, deadline_seconds=CHANGE_SECONDS, pause_seconds=1.0)
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


def nodes_equal_the_instances(stack: Stack) -> None:
    """Every node is Ready, there are no others, and the servers are the members of etcd."""
    expected = {each["name"]: True for each in stack.nodes()}
    wait(lambda: ready_nodes(stack) == expected, "other nodes than instances")
    names = {each["name"] for each in servers(stack)}
    wait(
        lambda: all(members(stack, each) == names for each in servers(stack)),
        "other members of etcd than servers",
    )


def servers(stack: Stack) -> list[dict[str, Any]]:
    return [each for each in stack.nodes() if each["role"] == "server"]


def kubernetes_nodes(stack: Stack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(stack.kubectl("get", "nodes", "-o", "json"))["items"]
    return found


def members(stack: Stack, server: dict[str, Any]) -> set[str]:
    """The nodes of the members of etcd that vote, as a server has them."""
    command = ("exec", stack.machine(server["instanceId"]), "python3", "-c", MEMBERS)
    found = json.loads(stack.try_docker(*command) or "{}").get("members", [])
    return {each["name"].rsplit("-", 1)[0] for each in found if not each.get("isLearner")}
