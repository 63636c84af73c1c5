"""Packages are installed on Debian as root; elsewhere exactly what is missing is named."""

from __future__ import annotations

import pytest

from tests.toolchain.conftest import Machine
from toolchain import packages
from toolchain.errors import ToolchainError


def provide(machine: Machine) -> list[str]:
    return packages.provide(
        packages.LOCAL_CLOUD, machine.places, machine.host, machine.path, machine.say
    )


def has_all_but(machine: Machine, *absent: str) -> None:
    for command in packages.LOCAL_CLOUD:
        if command not in absent:
            machine.has(command, "")


def has_apt(machine: Machine, *brought: str) -> None:
    made = "; ".join(f"/bin/cp /bin/true {machine.folder}/bin/{name}" for name in brought)
    machine.has("apt-get", made)


def test_nothing_is_installed_where_nothing_is_missing(machine: Machine) -> None:
    has_all_but(machine)
    assert provide(machine) == []
    assert machine.calls == []


def test_only_what_is_missing_is_installed(machine: Machine) -> None:
    has_all_but(machine, "mmdebstrap", "docker", "dockerd")
    has_apt(machine, "mmdebstrap", "docker", "dockerd")
    assert provide(machine) == ["docker.io", "mmdebstrap"]
    assert machine.calls[0].endswith(" update")
    assert machine.calls[1].endswith(" install --yes --no-install-recommends docker.io mmdebstrap")
    assert len(machine.calls) == 2


def test_another_account_than_root_is_told_the_command(machine: Machine) -> None:
    has_all_but(machine, "iptables")
    machine.is_now(root=False)
    with pytest.raises(ToolchainError) as caught:
        provide(machine)
    assert str(caught.value) == (
        "not installed: iptables\n    run as root, or first: sudo apt-get install iptables"
    )


def test_another_system_is_told_the_commands_it_lacks(machine: Machine) -> None:
    has_all_but(machine, "ip", "mmdebstrap")
    machine.is_now(debian=False)
    with pytest.raises(ToolchainError) as caught:
        provide(machine)
    assert str(caught.value) == (
        "not installed: ip, mmdebstrap\n"
        "    install what brings them (Debian's packages: iproute2 mmdebstrap)"
    )


def test_a_failing_apt_is_a_message_with_the_command_to_try(machine: Machine) -> None:
    has_all_but(machine, "iptables")
    machine.has("apt-get", "echo 'E: Unable to locate package iptables'; exit 100")
    with pytest.raises(ToolchainError) as caught:
        provide(machine)
    assert str(caught.value) == (
        "apt-get update failed\n    | E: Unable to locate package iptables\n"
        "    install by hand: apt-get install iptables; "
        f"see {machine.places.toolchain}/apt.log"
    )


def test_a_package_that_does_not_bring_its_command_is_an_error(machine: Machine) -> None:
    has_all_but(machine, "iptables")
    has_apt(machine)
    with pytest.raises(ToolchainError, match="iptables brought no iptables\n    see "):
        provide(machine)
