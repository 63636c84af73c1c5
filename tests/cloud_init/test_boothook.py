"""The boothook of cloud-init's network stage: once for an instance, and again after a failure."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

from cluster import user_data
from tests.cluster.parts import boothook_of

START = [
    ["systemctl", "enable", "--now", "--no-block", "--no-reload", "k3s-aws-boot.service"],
]


class Machine:
    """A machine: its disk, and the commands that ran on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.commands: list[Sequence[str]] = []
        self.fails = False

    def boot(self, hook: ModuleType, instance: str) -> None:
        hook.prepare(f"{self.root}/", instance, self._run)

    def _run(self, words: Sequence[str]) -> None:
        if self.fails:
            raise subprocess.CalledProcessError(1, words)
        self.commands.append(words)


@pytest.fixture
def hook() -> ModuleType:
    return boothook_of(user_data.render('{"schema": 1}', {"__main__.py": "print(1)\n"}))


@pytest.fixture
def ending() -> ModuleType:
    text = user_data.render('{"schema": 1}', {"__main__.py": ""}, "2026-11-29T22:00:00Z")
    return boothook_of(text)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_it_writes_the_files_with_their_modes_and_starts_the_unit(
    hook: ModuleType, machine: Machine
) -> None:
    machine.boot(hook, "i-1")
    node = machine.root / "etc/k3s-aws/node.json"
    program = machine.root / "opt/k3s-aws/boot/__main__.py"
    assert (node.read_text(), node.stat().st_mode & 0o777) == ('{"schema": 1}', 0o600)
    assert (program.read_text(), program.stat().st_mode & 0o777) == ("print(1)\n", 0o644)
    unit = (machine.root / "etc/systemd/system/k3s-aws-boot.service").read_text()
    run = "WorkingDirectory=/opt/k3s-aws\nExecStart=/usr/bin/env python3 -u -m boot\n"
    assert run in unit
    assert machine.commands == START


def test_at_the_next_boots_it_changes_nothing(hook: ModuleType, machine: Machine) -> None:
    machine.boot(hook, "i-1")
    (machine.root / "etc/k3s-aws/node.json").write_text("changed by the provider")
    machine.boot(hook, "i-1")
    assert (machine.root / "etc/k3s-aws/node.json").read_text() == "changed by the provider"
    assert machine.commands == START


def test_on_another_instance_of_the_same_disk_it_runs_again(
    hook: ModuleType, machine: Machine
) -> None:
    machine.boot(hook, "i-1")
    (machine.root / "etc/k3s-aws/node.json").write_text("of another instance")
    module = machine.root / "opt/k3s-aws/boot/of_another_release.py"
    module.touch()
    machine.boot(hook, "i-2")
    assert (machine.root / "etc/k3s-aws/node.json").read_text() == '{"schema": 1}'
    assert not module.exists()
    assert machine.commands == [*START, *START]


def test_after_a_failure_it_runs_again_at_the_next_boot(hook: ModuleType, machine: Machine) -> None:
    machine.fails = True
    with pytest.raises(subprocess.CalledProcessError):
        machine.boot(hook, "i-1")
    machine.fails = False
    machine.boot(hook, "i-1")
    assert machine.commands == START


def test_the_host_keys_of_the_image_are_gone_before_sshd_starts(
    hook: ModuleType, machine: Machine
) -> None:
    keys = machine.root / "etc/ssh"
    keys.mkdir(parents=True)
    for name in ("ssh_host_rsa_key", "ssh_host_ed25519_key", "ssh_host_ed25519_key.pub"):
        (keys / name).write_text("of the image")
    (keys / "sshd_config").write_text("kept")
    machine.boot(hook, "i-1")
    assert [file.name for file in keys.iterdir()] == ["sshd_config"]


def test_the_timer_of_an_image_from_a_node_that_ends_is_switched_off(
    hook: ModuleType, machine: Machine
) -> None:
    units = machine.root / "etc/systemd/system"
    units.mkdir(parents=True)
    (units / "k3s-aws-expiry.timer").write_text("[Timer]\nOnBootSec=1h\n")
    machine.boot(hook, "i-1")
    off = ["systemctl", "disable", "--now", "--no-block", "k3s-aws-expiry.timer"]
    assert machine.commands == [off, *START]


def test_a_machine_that_ends_is_armed_with_the_start_of_the_boot_program(
    ending: ModuleType, machine: Machine
) -> None:
    machine.boot(ending, "i-1")
    assert machine.commands == [[*START[0], "k3s-aws-expiry.timer"]]
    units = machine.root / "etc/systemd/system"
    timer = (units / "k3s-aws-expiry.timer").read_text()
    assert "OnCalendar=2026-11-29 22:00:00 UTC\n" in timer
    assert "date -d2026-11-29T22:00:00Z" in (units / "k3s-aws-expiry.service").read_text()
