"""The boot program and the boothook use the paths and fields that cluster/machine_files.py has."""

from __future__ import annotations

import json
import re
from typing import Any, get_type_hints

import pytest

import boot.machine
import boot.report
from boot.machine import read_node
from boot.waiting import BootError
from cluster import boot_program, machine_files, parameters, user_data
from tests.cloud_init.simulated_machine import SimulatedMachine

PATHS = {value for name, value in vars(machine_files).items() if name.isupper()} - {
    machine_files.NODE_SCHEMA,
    machine_files.REPORT_SCHEMA,
}
# What follows from a path of the declaration.
FOLDERS = {machine_files.BOOT_PROGRAM.rsplit("/", 1)[0]}


def fields(declared: type) -> set[str]:
    return set(get_type_hints(declared))


def optional(declared: Any) -> set[str]:
    return set(declared.__optional_keys__)


def without(content: dict[str, Any], *path: str) -> dict[str, Any]:
    """A copy that lacks the field at the path."""
    copy = json.loads(json.dumps(content))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    assert isinstance(copy, dict)
    return copy


def test_the_schema_versions_are_the_declared_ones() -> None:
    declared = machine_files.NODE_SCHEMA, machine_files.REPORT_SCHEMA
    assert declared == (boot.machine.SCHEMA, boot.report.SCHEMA)


def test_every_path_is_a_declared_one() -> None:
    sources = [path.read_text() for path in boot_program.SOURCE.glob("*.py")]
    sources += [user_data.BOOTHOOK.read_text(), user_data.UNIT.read_text()]
    found = set(re.findall(r"\b((?:etc|opt|var)/[\w/.-]*k3s-aws\b[\w/.-]*\w)", "\n".join(sources)))
    assert {f"/{path}" for path in found} <= PATHS | FOLDERS
    assert len(found) > 8


@pytest.mark.parametrize("role", ["server", "agent"])
def test_a_missing_field_of_the_node_configuration_is_named(
    machine: SimulatedMachine, role: str
) -> None:
    machine.configure(role)
    file = machine.root / "etc/k3s-aws/node.json"
    content = json.loads(file.read_text())
    assert set(content) == fields(machine_files.NodeFile)
    required = fields(machine_files.PoolPart) - optional(machine_files.PoolPart)
    own = fields(machine_files.OwnPart) - optional(machine_files.OwnPart)
    paths = [*(("pool", key) for key in required), *(("own", key) for key in own)]
    for path in [*paths, ("deadlineSeconds",), ("schema",)]:
        file.write_text(json.dumps(without(content, *path)))
        with pytest.raises(BootError, match=path[-1]):
            read_node(machine.root)


@pytest.mark.parametrize("role", ["server", "agent"])
def test_the_secrets_have_the_declared_keys(machine: SimulatedMachine, role: str) -> None:
    machine.configure(role)
    machine.boot()
    assert set(machine.secrets()) <= fields(machine_files.SecretsFile)
    keys = {key for shared in parameters.SHARED.values() for key in shared}
    kept = keys - {"authority"} | {parameters.REGISTRY_AUTH, "hostKey"}
    assert kept == fields(machine_files.SecretsFile)


def test_the_report_has_the_declared_fields(machine: SimulatedMachine) -> None:
    machine.configure("agent")
    machine.boot()
    done = machine.report
    assert set(done) == fields(machine_files.ReportFile)
    assert {frozenset(each) for each in done["phases"]} == {
        frozenset(fields(machine_files.ReportPhase))
    }
    assert set(done["k3s"]) == fields(machine_files.ReportK3s)
    machine.systemd.starts = False
    machine.configure("agent", config={"debug": True})
    machine.boot()
    assert set(machine.report["error"]) == fields(machine_files.ReportError)


def test_the_unit_runs_the_package_and_logs_to_the_declared_file() -> None:
    folder, package = machine_files.BOOT_PROGRAM.rsplit("/", 1)
    unit = user_data.UNIT.read_text()
    assert f"WorkingDirectory={folder}\n" in unit
    assert f"-m {package}\n" in unit
    assert f"StandardOutput=append:{machine_files.BOOT_LOG}\n" in unit
    assert machine_files.BOOT_UNIT.endswith(f"/{user_data.UNIT.name}")
