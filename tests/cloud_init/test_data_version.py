"""The version of k3s that last ran with the data, and which may follow it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cloud_init.simulated_aws import K3S
from tests.cloud_init.simulated_machine import SimulatedMachine

OTHER = K3S + b"other"


def start(machine: SimulatedMachine) -> Path:
    """A server whose k3s runs; the record of its version."""
    machine.configure("server")
    assert machine.boot() == 0
    machine.create_datastore()
    assert machine.boot() == 0
    return machine.root / "var/lib/rancher/k3s/server/db/k3s-version"


def change_to(machine: SimulatedMachine, version: str) -> int:
    machine.configure("server", k3s=machine.offer_k3s(OTHER, version))
    return machine.boot()


def test_the_version_that_runs_is_recorded_beside_the_data(machine: SimulatedMachine) -> None:
    record = start(machine)
    assert record.read_text() == "v1.36.4+k3s1"
    assert change_to(machine, "v1.37.0+k3s1") == 0, machine.cause()
    assert record.read_text() == "v1.37.0+k3s1"


def test_a_version_that_failed_is_not_recorded(machine: SimulatedMachine) -> None:
    record = start(machine)
    machine.broken = {OTHER}
    assert change_to(machine, "v1.37.0+k3s1") == 1
    assert record.read_text() == "v1.36.4+k3s1"


@pytest.mark.parametrize("version", ["v1.36.3+k3s1", "v1.35.9+k3s1", "v1.38.0+k3s1", "v2.0.0+k3s1"])
@pytest.mark.parametrize("recorded", [True, False])
def test_an_older_version_and_a_skipped_minor_one_are_refused_before_anything_stops(
    machine: SimulatedMachine, version: str, recorded: bool
) -> None:
    record = start(machine)
    if not recorded:
        # An older release left none: what is installed counts.
        record.unlink()
    restarts = machine.systemd.restarts("k3s")
    assert change_to(machine, version) == 1
    expected = (
        f"k3s {version} may not follow v1.36.4+k3s1, which last ran with the data: set k3s.version "
        "to that one, or to a newer one that skips no minor version"
    )
    assert machine.cause() == ("version", expected)
    assert machine.systemd.restarts("k3s") == restarts
    assert (machine.root / "usr/local/bin/k3s").read_bytes() == K3S
    machine.configure("server")
    assert machine.boot() == 0


@pytest.mark.parametrize("version", ["v1.36.4+k3s2", "v1.36.5-rc1+k3s1", "v1.37.9+k3s1"])
def test_a_newer_one_may_follow(machine: SimulatedMachine, version: str) -> None:
    start(machine)
    assert change_to(machine, version) == 0, machine.cause()


def test_a_new_server_with_newer_data_does_not_start(machine: SimulatedMachine) -> None:
    machine.configure("server")
    data = machine.root / "var/lib/rancher/k3s/server/db"
    data.mkdir(parents=True)
    (data / "k3s-version").write_text("v1.37.0+k3s1")
    assert machine.boot() == 1
    phase, cause = machine.cause()
    assert (phase, machine.systemd.restarts("k3s")) == ("version", 0)
    assert cause.startswith("k3s v1.36.4+k3s1 may not follow v1.37.0+k3s1, ")
