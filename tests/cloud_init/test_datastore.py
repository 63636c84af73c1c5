"""Which server creates the cluster, and which would create a second one."""

from __future__ import annotations

import json

import pytest

from tests.cloud_init.simulated_machine import INSTANCE, SimulatedMachine

PARAMETER = "/demo/datastore"


def test_the_first_server_creates_the_cluster_while_there_is_no_data(
    machine: SimulatedMachine,
) -> None:
    machine.configure("server")
    assert machine.boot() == 0
    assert [PARAMETER] in machine.requested_parameters


def test_data_on_the_root_volume_of_another_instance_is_lost_and_created_again(
    machine: SimulatedMachine,
) -> None:
    machine.parameters[PARAMETER] = "i-0aaaaaaaaaaaaaaaa"
    machine.configure("server")
    assert machine.boot() == 0


@pytest.mark.parametrize("holder", [INSTANCE, "vol-0123456789abcdef0", "etcd"])
def test_a_server_without_data_does_not_create_a_second_cluster(
    machine: SimulatedMachine, holder: str
) -> None:
    machine.parameters[PARAMETER] = holder
    machine.configure("server")
    assert machine.boot() == 1
    phase, cause = machine.cause()
    assert phase == "datastore"
    assert cause == f"{holder} has the cluster's data by {PARAMETER}, this machine has none"
    assert machine.systemd.restarts("k3s") == 0


def test_a_server_with_data_does_not_read_the_parameter(machine: SimulatedMachine) -> None:
    machine.configure("server")
    machine.boot()
    machine.create_datastore()
    machine.parameters[PARAMETER] = "etcd"
    machine.requested_parameters.clear()
    # Another configuration, so that k3s is started again.
    machine.configure("server", labels={"a": "b"})
    assert machine.boot() == 0
    assert [PARAMETER] not in machine.requested_parameters


def test_another_server_than_the_first_creates_no_cluster(machine: SimulatedMachine) -> None:
    machine.configure("server")
    path = machine.root / "etc/k3s-aws/node.json"
    content = json.loads(path.read_text())
    del content["own"]["mayCreateCluster"]
    path.write_text(json.dumps(content))
    assert machine.boot() == 1
    assert machine.cause() == (
        "datastore",
        "this server may not create the cluster, and has no other server to join",
    )
