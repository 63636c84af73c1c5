"""Machines of the architecture this host does not have, running that architecture's programs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from tests.localcloud.stacks import ROOT, Stack, Stacks, local_cloud
from tests.localcloud.test_examples import DESTROY, UP, example, kubernetes_nodes, on_machine
from toolchain import emulation, k3s
from toolchain.host import GO_NAMES, this_host
from toolchain.places import Places

pytestmark = pytest.mark.localcloud

KERNEL_NAMES = {"arm64": "aarch64", "x86_64": "x86_64"}


@pytest.fixture
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    """A cloud that emulates; the host is left as it was."""
    places, host = Places(ROOT), this_host()
    if k3s.provide(places, host, os.environ.get(k3s.VARIABLE), print).kind != k3s.THE_STANDIN:
        pytest.skip("qemu-user runs no real k3s")
    was_ready = emulation.is_ready(host)
    emulation.start(places, host, os.environ["PATH"], print)
    try:
        with local_cloud(tmp_path_factory.mktemp("emulation"), emulated=True) as made:
            yield made
    finally:
        if not was_ready:
            emulation.stop(host)


def test_machines_run_the_programs_of_their_own_architecture(stacks: Stacks) -> None:
    cluster = example("mixed-spot")
    # An emulated server takes minutes to start beside other tests; an agent shows the same.
    cluster["servers"]["instanceType"] = "t3.small"
    cluster["pools"] = [{**each, "count": min(each["count"], 1)} for each in cluster["pools"]]
    stack = stacks.create("twofold", {**cluster, "nodeDeadlineSeconds": 1200})
    stack.pulumi(*UP)
    nodes = stack.nodes()
    assert {node["architecture"] for node in nodes} == {"arm64", "x86_64"}
    _are_what_they_say(stack)
    # An agent of the emulated architecture goes and another comes, with all that drains and stops.
    lost = next(node for node in nodes if node["pool"] == "arm")
    stack.terminate(lost["instanceId"])
    stack.pulumi("refresh", "--yes")
    stack.pulumi(*UP)
    assert lost["name"] not in kubernetes_nodes(stack)
    _are_what_they_say(stack)
    stack.pulumi(*DESTROY)


def _are_what_they_say(stack: Stack) -> None:
    found = kubernetes_nodes(stack)
    assert set(found) == {node["name"] for node in stack.nodes()}
    for node in stack.nodes():
        architecture = node["architecture"]
        assert on_machine(stack, node, "uname -m").strip() == KERNEL_NAMES[architecture]
        assert (
            on_machine(stack, node, "dpkg --print-architecture").strip() == GO_NAMES[architecture]
        )
        # 2 would be "done, with recoverable errors", 1 is an error.
        on_machine(stack, node, "cloud-init status")
        on_machine(stack, node, "sudo -u nobody true")
        failed = on_machine(stack, node, "systemctl --failed --output=json")
        assert json.loads(failed) == []
        labels = found[node["name"]]["metadata"]["labels"]
        assert labels["kubernetes.io/arch"] == GO_NAMES[architecture]
