"""The metadata service and SSM when they fail, or when a role is not effective yet."""

from __future__ import annotations

import pytest

from tests.cloud_init.simulated_machine import SimulatedMachine


def test_a_role_without_credentials_yet_is_waited_for(machine: SimulatedMachine) -> None:
    machine.role_delay = 5
    machine.configure("server")
    assert machine.boot() == 0


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "ThrottlingException"), (500, "InternalServerError"), (400, "AccessDeniedException")],
)
def test_a_temporary_rejection_is_retried(
    machine: SimulatedMachine, status: int, kind: str
) -> None:
    machine.rejections = [(status, kind)] * 4
    machine.configure("server")
    assert machine.boot() == 0


def test_a_lasting_rejection_is_the_cause_long_before_the_deadline(
    machine: SimulatedMachine,
) -> None:
    machine.rejections = [(400, "AccessDeniedException")] * 100
    machine.configure("server")
    began = machine.clock.now
    assert machine.boot() == 1
    expected = 'SSM returned 400: {"__type": "AccessDeniedException", "message": "no"}'
    assert ("ssh", expected) == machine.cause()
    assert 60 <= machine.clock.now - began < 75


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_an_hour_off_is_corrected(machine: SimulatedMachine, hours: int) -> None:
    machine.aws_clock_ahead = 3600.0 * hours
    machine.configure("server")
    assert machine.boot() == 0


def test_each_value_of_the_metadata_service_is_requested_once(machine: SimulatedMachine) -> None:
    machine.configure("server")
    assert machine.boot() == 0
    assert len(machine.requested_parameters) > 1
    assert len(set(machine.requested_metadata)) == len(machine.requested_metadata) == 5


def test_a_missing_parameter_is_named(machine: SimulatedMachine) -> None:
    del machine.parameters["/demo/authority"]
    machine.configure("server")
    assert machine.boot() == 1
    assert machine.cause() == ("secrets", "SSM has no parameter /demo/authority")


def test_a_metadata_service_that_does_not_respond_fails_at_the_deadline(
    machine: SimulatedMachine,
) -> None:
    machine.configure("server", deadlineSeconds=20)
    machine.close()
    assert machine.boot() == 1
    phase, cause = machine.cause()
    assert phase == "identity"
    assert cause.startswith("no instance-id from the instance metadata service: waited 20 s")
    assert cause.endswith("[Errno 111] Connection refused")
