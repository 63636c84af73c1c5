"""The engines of the pipeline files: made once, made again when their pins change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.toolchain.conftest import Machine
from toolchain import engines
from toolchain.errors import ToolchainError

ROOT = Path(__file__).parents[2]
GO = """
case "$1" in
env) echo go1.26.8 ;;
build) while [ "$1" != -o ]; do shift; done; : > "$2" ;;
esac
"""


@pytest.fixture(autouse=True)
def _checkout(machine: Machine) -> None:
    """The pins of this repository, and commands that make nothing of them."""
    for name in (*engines.GO_PACKAGES, engines.GITLAB):
        target = machine.places.root / engines.SOURCES / name
        shutil.copytree(ROOT / engines.SOURCES / name, target)
    machine.has("go", GO)
    for command in engines.COMMANDS:
        machine.has(command, "")


def provide(machine: Machine) -> list[str]:
    """The builds and installations that it took."""
    before = len(machine.calls)
    engines.provide(machine.places, machine.host, machine.path, machine.say)
    calls = machine.calls[before:]
    return [each.split()[0] for each in calls if each.startswith(("go build", "npm ci"))]


def test_they_are_made_once(machine: Machine) -> None:
    assert not engines.is_prepared(machine.places, machine.path)
    assert provide(machine) == ["go", "go", "npm"]
    assert engines.is_prepared(machine.places, machine.path)
    assert provide(machine) == []


@pytest.mark.parametrize(
    ("file", "again"), [("act/go.sum", ["go"]), ("gitlab-ci-local/package-lock.json", ["npm"])]
)
def test_one_whose_pins_have_changed_is_made_again(
    machine: Machine, file: str, again: list[str]
) -> None:
    provide(machine)
    with (machine.places.root / engines.SOURCES / file).open("a") as pins:
        pins.write("\n")
    assert not engines.is_prepared(machine.places, machine.path)
    assert provide(machine) == again


def test_one_whose_build_was_interrupted_is_made_again(machine: Machine) -> None:
    machine.has("npm", "exit 1")
    with pytest.raises(ToolchainError, match="installing gitlab-ci-local failed"):
        provide(machine)
    machine.has("npm", "")
    assert provide(machine) == ["npm"]


@pytest.mark.parametrize("command", ["npm", "rsync", "shellcheck"])
def test_a_command_that_is_missing_is_named_before_anything_is_built(
    machine: Machine, command: str
) -> None:
    machine.lacks(command)
    machine.is_now(root=False)
    assert not engines.is_prepared(machine.places, machine.path)
    with pytest.raises(ToolchainError, match=rf"not installed: {command}\n.*apt-get install"):
        provide(machine)
    assert machine.calls == []


def test_the_lock_names_the_hash_of_every_package_and_no_place() -> None:
    text = (ROOT / engines.SOURCES / engines.GITLAB / "package-lock.json").read_text()
    assert text.count('"integrity": "sha512-') == text.count('"node_modules/') == 3
    assert "://" not in text
