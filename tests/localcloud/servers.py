"""The servers of a stack on the local cloud: their nodes, and their members of etcd."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from tests.localcloud.stacks import Stack

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


def nodes_equal_the_instances(stack: Stack) -> None:
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
    items = kubernetes_nodes(stack)
    names = {each["metadata"]["name"] for each in items}
    ready = {
        each["metadata"]["name"]
        for each in items
        for condition in each["status"]["conditions"]
        if (condition["type"], condition["status"]) == ("Ready", "True")
    }
    return names, ready


def kubernetes_nodes(stack: Stack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(stack.kubectl("get", "nodes", "-o", "json"))["items"]
    return found


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
