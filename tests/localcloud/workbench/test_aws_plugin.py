"""Which aws plugin the demo's Pulumi home gets."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from localcloud.aws_plugin import VERSION
from localcloud.workbench import aws_plugin
from localcloud.workbench.folder import Folder
from tests.toolchain.conftest import Machine

ELF = b"\x7fELF"


@pytest.fixture
def plugin(folder: Folder) -> Path:
    """Where the engine looks for it."""
    name = f"resource-aws-v{VERSION}"
    return folder.pulumi_home / "plugins" / name / "pulumi-resource-aws"


@pytest.fixture(autouse=True)
def _nothing_to_download(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        aws_plugin, "OFFICIAL_URL", f"file://{machine.folder}/{{version}}-{{system}}-{{machine}}"
    )


def provide(machine: Machine, folder: Folder) -> str:
    home = machine.folder / "operator"
    return aws_plugin.provide(
        folder, machine.host, {"PATH": machine.path}, home, machine.say
    ).split(",")[0]


def put(file: Path, content: bytes) -> Path:
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    return file


def test_ours_stands_in_where_the_official_one_is_out_of_reach(
    machine: Machine, folder: Folder, plugin: Path
) -> None:
    python = folder.places.venv / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$PYTHONPATH $*"\n')
    python.chmod(0o755)
    assert provide(machine, folder) == "the stand-in for the aws plugin"
    output = subprocess.run(
        [plugin, "127.0.0.1:1234"], capture_output=True, text=True, check=True
    ).stdout
    assert output == f"{folder.places.root} -P -u -m localcloud.aws_plugin 127.0.0.1:1234\n"


def test_the_official_one_is_installed_where_it_can_be_reached(
    machine: Machine, folder: Folder
) -> None:
    version = VERSION
    (machine.folder / f"{version}-linux-amd64").touch()
    machine.has("pulumi", "")
    assert provide(machine, folder) == "the official aws plugin"
    assert machine.calls == [f"pulumi plugin install resource aws {version} --exact"]


def test_the_operators_official_one_is_shared_in_a_folder_the_engine_reads(
    machine: Machine, folder: Folder, plugin: Path
) -> None:
    theirs = operators(machine, plugin, ELF)
    assert provide(machine, folder) == "the official aws plugin"
    assert theirs.resolve() == plugin.resolve()
    assert not plugin.parent.is_symlink(), "the engine passes over a folder that is a link"
    assert provide(machine, folder) == "the official aws plugin"


def test_a_link_of_an_earlier_release_is_replaced_by_a_folder(
    machine: Machine, folder: Folder, plugin: Path
) -> None:
    theirs = operators(machine, plugin, ELF)
    linked(plugin, theirs)
    assert provide(machine, folder) == "the official aws plugin"
    assert not plugin.parent.is_symlink()
    assert plugin.read_bytes() == ELF


def test_the_stand_in_in_the_operators_home_is_not_taken_for_the_official_one(
    machine: Machine, folder: Folder, plugin: Path
) -> None:
    """So it was in a shell with a demo's PULUMI_HOME."""
    theirs = operators(machine, plugin, b"#!/bin/sh\necho theirs\n")
    assert provide(machine, folder) == "the stand-in for the aws plugin"
    assert not plugin.is_symlink()
    assert theirs.read_bytes() == b"#!/bin/sh\necho theirs\n"


@pytest.mark.parametrize("content", [ELF, b"#!/bin/sh\n"])
def test_a_link_to_another_folder_blocks_neither_the_end_nor_the_next_start(
    machine: Machine, folder: Folder, plugin: Path, content: bytes
) -> None:
    theirs = put(machine.folder / "other" / plugin.parent.name / plugin.name, content)
    linked(plugin, theirs)
    aws_plugin.forget_standin(folder)
    assert not plugin.exists()
    linked(plugin, theirs)
    assert provide(machine, folder) == "the stand-in for the aws plugin"
    assert theirs.read_bytes() == content


def test_an_official_one_that_its_owner_removed_is_replaced(
    machine: Machine, folder: Folder, plugin: Path
) -> None:
    theirs = operators(machine, plugin, ELF)
    provide(machine, folder)
    theirs.unlink()
    assert provide(machine, folder) == "the stand-in for the aws plugin"


def operators(machine: Machine, plugin: Path, content: bytes) -> Path:
    """A plugin in the operator's own Pulumi home."""
    home = machine.folder / "operator" / "plugins"
    return put(home / plugin.parent.name / plugin.name, content)


def linked(plugin: Path, theirs: Path) -> None:
    """The plugin's folder as a link to another one."""
    plugin.parents[1].mkdir(parents=True, exist_ok=True)
    plugin.parent.symlink_to(theirs.parent)


def test_a_stack_is_not_moved_to_the_official_one_under_way(
    machine: Machine, folder: Folder
) -> None:
    provide(machine, folder)
    (machine.folder / f"{VERSION}-linux-amd64").touch()
    assert provide(machine, folder) == "the stand-in for the aws plugin"


def test_the_end_removes_ours_and_keeps_a_download(folder: Folder, plugin: Path) -> None:
    put(plugin, b"#!/bin/sh\n")
    official = put(plugin.parents[1] / "resource-aws-v0.0.1" / plugin.name, ELF)
    aws_plugin.forget_standin(folder)
    assert [official.parent] == list(plugin.parents[1].iterdir())
