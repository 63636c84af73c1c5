"""A change of a running k3s: all of it, or the previous binary and configuration."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.cloud_init.simulated_aws import K3S
from tests.cloud_init.simulated_machine import SimulatedMachine, mode

NEWER = K3S + b"newer"
REGISTRIES: dict[str, Any] = {"mirrors": {"docker.io": {}}}
UNITS = {"server": "k3s", "agent": "k3s-agent"}
ROLES = pytest.mark.parametrize("role", ["server", "agent"])


def start(machine: SimulatedMachine, role: str) -> None:
    """A machine whose k3s runs for some time already."""
    machine.configure(role)
    assert machine.boot() == 0, machine.cause()
    if role == "server":
        machine.create_datastore()


def upgrade(machine: SimulatedMachine, role: str, **changes: Any) -> int:
    """Another binary, and a key of its configuration."""
    newer = machine.offer_k3s(NEWER, "v1.36.5+k3s1")
    machine.configure(role, k3s=newer, config={"debug": True}, **changes)
    return machine.boot()


def in_place(machine: SimulatedMachine, role: str) -> tuple[bytes, bool, bool]:
    """The binary, whether config.yaml and whether registries.yaml are those of the upgrade."""
    config = json.loads((machine.root / "etc/rancher/k3s/config.yaml").read_text())
    registries = machine.root / "etc/rancher/k3s/registries.yaml"
    binary = (machine.root / "usr/local/bin/k3s").read_bytes()
    return binary, "debug" in config, registries.exists()


def leftovers(machine: SimulatedMachine) -> list[str]:
    hidden = [path for path in machine.root.rglob(".*") if path.is_file()]
    marker = machine.root / "var/lib/k3s-aws/changing"
    return [path.name for path in (*hidden, marker) if path.exists()]


@ROLES
def test_another_k3s_that_does_not_start_is_replaced_by_the_previous_one(
    machine: SimulatedMachine, role: str
) -> None:
    start(machine, role)
    running = (machine.root / "var/lib/k3s-aws/running").read_text()
    machine.broken = {NEWER}
    machine.systemd.journal = ["level=fatal unknown field"]
    assert upgrade(machine, role, registries=REGISTRIES) == 1
    phase, cause = machine.cause()
    assert phase == "start-k3s"
    assert cause == (
        f"{UNITS[role]}.service does not start; its journal: level=fatal unknown field; "
        "k3s v1.36.4+k3s1 runs again, as it was configured"
    )
    sha256 = hashlib.sha256(K3S).hexdigest()
    assert machine.report["k3s"] == {"version": "v1.36.4+k3s1", "sha256": sha256}
    assert in_place(machine, role) == (K3S, False, False)
    assert mode(machine.root / "etc/rancher/k3s/config.yaml") == 0o600
    assert (machine.root / "var/lib/k3s-aws/running").read_text() == running
    assert machine.systemd.enabled == {UNITS[role]}
    assert machine.phases()[-3:] == ["restore-k3s", "start-k3s", "node-ready"]
    assert leftovers(machine) == []


@ROLES
def test_a_node_that_is_not_ready_in_half_of_the_time_gets_its_previous_k3s(
    machine: SimulatedMachine, role: str
) -> None:
    start(machine, role)
    began = machine.clock.now
    machine.systemd.on_k3s_start = _not_ready_at_the_second_start(machine)
    assert upgrade(machine, role, deadlineSeconds=100) == 1
    phase, cause = machine.cause()
    assert phase == "node-ready"
    assert "is not Ready: waited" in cause
    assert cause.endswith("k3s v1.36.4+k3s1 runs again, as it was configured")
    assert 45 < machine.clock.now - began < 60


def _not_ready_at_the_second_start(machine: SimulatedMachine) -> Callable[[], None]:
    start_k3s, unit = machine.systemd.on_k3s_start, machine.systemd

    def begin() -> None:
        start_k3s()
        started = unit.restarts("k3s") + unit.restarts("k3s-agent")
        machine.kubelet.ready = "False" if started == 2 else "True"

    return begin


def test_the_configuration_before_a_change_that_failed_is_current(
    machine: SimulatedMachine,
) -> None:
    start(machine, "server")
    machine.broken = {NEWER}
    assert upgrade(machine, "server") == 1
    before = machine.systemd.restarts("k3s")
    machine.configure("server")
    assert machine.boot() == 0
    assert machine.systemd.restarts("k3s") == before
    machine.broken = set()
    assert upgrade(machine, "server") == 0
    assert in_place(machine, "server")[0] == NEWER


def test_a_previous_k3s_that_does_not_start_either_is_in_the_cause(
    machine: SimulatedMachine,
) -> None:
    start(machine, "agent")
    machine.broken = {NEWER, K3S}
    assert upgrade(machine, "agent") == 1
    phase, cause = machine.cause()
    assert phase == "start-k3s"
    assert "; nor does the previous k3s v1.36.4+k3s1 start: k3s-agent.service does not" in cause
    # A restart of the machine continues with the boot program.
    assert machine.systemd.enabled >= {"k3s-aws-boot.service"}


@pytest.mark.parametrize("fault", ["secret", "download", "server"])
def test_what_runs_is_not_touched_by_a_change_that_fails_before_the_start(
    machine: SimulatedMachine, fault: str
) -> None:
    start(machine, "agent")
    newer = machine.offer_k3s(NEWER, "v1.36.5+k3s1")
    if fault == "download":
        machine.downloads["/v1.36.5+k3s1/k3s"].status = 404
    if fault == "secret":
        machine.change_secrets(hostKey="no key")
    if fault == "server":
        machine.readiness = [503] * 10_000
    before = machine.systemd.restarts("k3s-agent")
    machine.configure("agent", k3s=newer, config={"debug": True}, deadlineSeconds=30)
    assert machine.boot() == 1
    assert in_place(machine, "agent") == (K3S, False, False)
    assert machine.systemd.restarts("k3s-agent") == before
    assert machine.systemd.enabled == {"k3s-agent"}


def test_a_first_boot_that_fails_has_nothing_to_go_back_to(machine: SimulatedMachine) -> None:
    machine.systemd.starts = False
    machine.configure("server")
    assert machine.boot() == 1
    assert machine.cause() == ("start-k3s", "k3s.service does not start; its journal: (empty)")
    assert machine.report["k3s"]["version"] == "v1.36.4+k3s1"


def test_a_k3s_that_does_not_run_is_nothing_to_go_back_to(machine: SimulatedMachine) -> None:
    start(machine, "server")
    machine.systemd.active.clear()
    machine.systemd.starts = False
    assert upgrade(machine, "server") == 1
    assert "restore-k3s" not in machine.phases()
    assert in_place(machine, "server")[:2] == (NEWER, True)


def test_manifests_of_a_change_that_fails_are_not_applied(machine: SimulatedMachine) -> None:
    old, new = {"a.yaml": {"content": "old"}}, {"a.yaml": {"content": "new"}}
    machine.configure("server", manifests=old)
    assert machine.boot() == 0
    machine.create_datastore()
    path = machine.root / "var/lib/rancher/k3s/server/manifests/k3s-aws/a.yaml"
    machine.broken = {NEWER}
    assert upgrade(machine, "server", manifests=new) == 1
    assert path.read_text() == "old"
    machine.broken = set()
    assert upgrade(machine, "server", manifests=new) == 0
    assert path.read_text() == "new"


def test_manifests_are_there_when_k3s_starts_first(machine: SimulatedMachine) -> None:
    path = machine.root / "var/lib/rancher/k3s/server/manifests/k3s-aws/a.yaml"
    seen = machine.systemd.seen_at_starts(path.exists)
    machine.configure("server", manifests={"a.yaml": {"content": "x"}})
    assert machine.boot() == 0
    assert seen == [True]


class Interrupted(BaseException):
    """The machine has lost its power."""


@pytest.mark.slow
@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("number", range(24))
def test_a_machine_that_restarts_in_the_middle_never_runs_a_mix(
    machine: SimulatedMachine, monkeypatch: pytest.MonkeyPatch, number: int, broken: bool
) -> None:
    """Interrupted at each replacement of a file and each command of systemd, one after another."""
    start(machine, "agent")
    machine.broken = {NEWER} if broken else set()
    _interrupt_at(machine, monkeypatch, number)
    try:
        upgrade(machine, "agent", registries=REGISTRIES)
    except Interrupted:
        assert _may_start(machine)
    monkeypatch.undo()
    machine.systemd.active.clear()
    ended = machine.boot()
    assert ended == int(broken), machine.report
    expected = (K3S, False, False) if broken else (NEWER, True, True)
    assert in_place(machine, "agent") == expected
    assert machine.systemd.enabled == {"k3s-agent"}
    assert not set(leftovers(machine)) & {"changing", ".k3s.previous", ".config.yaml.previous"}


def _may_start(machine: SimulatedMachine) -> bool:
    """Whether k3s starts with files of one configuration alone, or the boot program in its place"""
    enabled, found = machine.systemd.enabled, in_place(machine, "agent")
    complete = found in ((K3S, False, False), (NEWER, True, True))
    return ("k3s-agent" in enabled and complete) or "k3s-aws-boot.service" in enabled


def _interrupt_at(machine: SimulatedMachine, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    replace, run, count = Path.replace, machine.systemd.run, [0]

    def step() -> None:
        count[0] += 1
        if count[0] > number:
            raise Interrupted

    def replace_or_stop(path: Path, target: Path) -> Path:
        if target.name != "report.json":
            step()
        return replace(path, target)

    def run_or_stop(words: Sequence[str]) -> tuple[int, str]:
        if words[1] in ("enable", "disable", "restart"):
            step()
        return run(words)

    monkeypatch.setattr(Path, "replace", replace_or_stop)
    monkeypatch.setattr(machine.systemd, "run", run_or_stop)
