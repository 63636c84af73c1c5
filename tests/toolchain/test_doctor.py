"""The doctor looks at everything, one line each, and changes nothing."""

from __future__ import annotations

import pytest

from tests.toolchain.conftest import Machine
from toolchain import doctor, venv


@pytest.fixture
def lines(machine: Machine) -> list[str]:
    """The report on a machine that has a docker client and nothing else."""
    for name in venv.PROGRAM.requirements:
        (machine.places.root / name).write_text("")
    machine.has("docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    return [str(each) for each in doctor.examine(machine.places, machine.host, machine.path)]


def test_each_tool_has_a_line(lines: list[str]) -> None:
    names = ["python", "venv", "go", "pulumi", "docker", "dockerd", "iptables", "ip", "nsenter"]
    assert [*names, "mmdebstrap", "engine", "kubectl", "rights"] == [
        line[8:].split()[0] for line in lines
    ]


def test_a_line_has_what_is_missing_and_what_brings_it(lines: list[str]) -> None:
    assert "ok      docker      Debian package docker.io" in lines
    assert "missing iptables    Debian package iptables" in lines
    assert (
        "missing go          Go is not installed get 1.26 or newer from https://go.dev/dl/" in lines
    )
    assert "missing engine      Cannot connect to the Docker daemon; make demo starts it" in lines


def test_looking_installs_nothing(machine: Machine, lines: list[str]) -> None:
    assert machine.calls == ["docker info --format {{.ServerVersion}}"]
    assert not machine.places.local.exists()
