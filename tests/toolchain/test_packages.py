"""Packages are installed on Debian as root; elsewhere exactly what is missing is named."""

from __future__ import annotations

import threading

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


def test_another_account_than_root_gets_the_command(machine: Machine) -> None:
    has_all_but(machine, "iptables")
    machine.is_now(root=False)
    with pytest.raises(ToolchainError) as caught:
        provide(machine)
    assert str(caught.value) == (
        "not installed: iptables\n    run as root, or first: sudo apt-get install iptables"
    )


def test_another_system_gets_the_commands_it_lacks(machine: Machine) -> None:
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


def test_two_runs_of_apt_wait_for_each_other(machine: Machine) -> None:
    """The virtual environment and the local cloud may both lack a package of a fresh machine."""
    has_all_but(machine, "iptables", "mmdebstrap")
    held = machine.folder / "held"
    script = f"[ -d {held} ] && echo overlap >> {machine.folder}/calls; /bin/mkdir {held}; "
    brought = "; ".join(
        f"/bin/cp /bin/true {machine.path}/{name}" for name in ("iptables", "mmdebstrap")
    )
    machine.has("apt-get", f"{script} /bin/sleep 0.1; {brought}; /bin/rmdir {held}")
    log = machine.places.toolchain / "apt.log"
    runs = [
        threading.Thread(target=packages.install, args=[[name], log, machine.say])
        for name in ("iptables", "python3-venv")
    ]
    for each in runs:
        each.start()
    for each in runs:
        each.join()
    assert len(machine.calls) == 4
    assert "overlap" not in machine.calls


@pytest.mark.parametrize(
    ("root", "engine", "spared"),
    [
        (True, False, set()),
        (True, True, {"dockerd"}),
        (False, True, {"dockerd", "mmdebstrap"}),
        (False, False, {"mmdebstrap"}),
    ],
)
def test_what_is_not_needed_for_certain_is_asked_for_only_where_it_is_installed(
    machine: Machine, root: bool, engine: bool, spared: set[str]
) -> None:
    machine.is_now(root=root)
    needed = packages.needed(machine.host, engine=engine)
    assert set(packages.LOCAL_CLOUD) - set(needed) == spared
