"""A node configuration that cannot be used."""

from __future__ import annotations

import pytest

from tests.cloud_init.simulated_machine import SimulatedMachine


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"schema": 1}, "ValueError('schema 1 is not supported')"),
        ({"deadlineSeconds": "soon"}, "could not convert string to float: 'soon'"),
    ],
)
def test_a_node_configuration_of_another_form_is_rejected(
    machine: SimulatedMachine, change: dict[str, object], cause: str
) -> None:
    machine.configure("server", **change)
    assert machine.boot() == 1
    assert machine.cause()[0] == "identity"
    assert machine.cause()[1].startswith("/etc/k3s-aws/node.json cannot be used: ")
    assert cause in machine.cause()[1]


def test_a_missing_node_configuration_is_named(machine: SimulatedMachine) -> None:
    assert machine.boot() == 1
    assert "No such file or directory" in machine.cause()[1]
