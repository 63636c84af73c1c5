"""The virtual environment follows the pinned requirements."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.toolchain.conftest import Machine
from toolchain import venv
from toolchain.errors import ToolchainError
from toolchain.places import ROOT


@pytest.fixture
def checkout(machine: Machine) -> Machine:
    """A checkout that requires nothing, so that pip needs no index."""
    for name in venv.PROGRAM.requirements:
        (machine.places.root / name).write_text("# nothing\n")
    return machine


def provide(machine: Machine) -> bool:
    return venv.provide(machine.places, machine.host, machine.say)


def has_python(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python that makes environments whose Python does nothing."""
    script = """
[ "$2" = venv ] || exit 0
/bin/mkdir -p "$4/bin" "$4/lib/python3.11/site-packages"
/bin/cp "$0" "$4/bin/python"
"""
    monkeypatch.setattr(sys, "executable", str(machine.has("python3", script)))


def test_it_is_made_once(checkout: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    has_python(checkout, monkeypatch)
    assert [provide(checkout), provide(checkout)] == [True, False]
    wanted = checkout.places.root / "requirements-dev.txt"
    made = [call for call in checkout.calls if call != "python3 -c import pip"]
    assert made[0] == f"python3 -m venv --clear {checkout.places.venv}"
    assert made[1].startswith("python3 -m pip install ")
    assert made[1].endswith(f" --require-hashes -r {wanted}")
    assert made[2].startswith("python3 -m compileall ")
    assert len(made) == 3


def test_the_policy_pack_has_one_of_its_own_where_its_project_file_looks_for_it(
    checkout: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_python(checkout, monkeypatch)
    requirements = checkout.places.root / venv.POLICY.requirements[-1]
    requirements.parent.mkdir()
    requirements.write_text("# nothing\n")
    made = venv.provide(checkout.places, checkout.host, checkout.say, venv.POLICY)
    assert (made, venv.is_current(checkout.places, venv.POLICY)) == (True, True)
    assert not venv.is_current(checkout.places)
    assert any(call.endswith(f" -r {requirements}") for call in checkout.calls)
    project = yaml.safe_load((ROOT / "policy" / "PulumiPolicy.yaml").read_text())
    folder = ROOT / "policy" / project["runtime"]["options"]["virtualenv"]
    assert Path(os.path.normpath(folder)) == ROOT / venv.POLICY.folder


def test_a_changed_requirement_is_installed_into_the_one_that_is_there(
    checkout: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_python(checkout, monkeypatch)
    provide(checkout)
    (checkout.places.root / "requirements.txt").write_text("# something else\n")
    assert provide(checkout)
    assert len([call for call in checkout.calls if " -m venv " in call]) == 1
    assert len([call for call in checkout.calls if " -m pip install " in call]) == 2


def test_one_whose_python_has_gone_is_not_current(checkout: Machine) -> None:
    bin_folder = checkout.places.venv / "bin"
    bin_folder.mkdir(parents=True)
    (bin_folder / "python").symlink_to("/nowhere/python3.11")
    (checkout.places.venv / "requirements.sha256").write_text(venv.wanted(checkout.places))
    assert not venv.is_current(checkout.places)


def test_without_ensurepip_debians_package_is_installed_by_root(
    checkout: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    checkout.has("apt-get", "exit 1")
    with pytest.raises(ToolchainError, match="install by hand: apt-get install python3-venv"):
        provide(checkout)
    assert checkout.calls[0].endswith(" update")


def test_without_ensurepip_and_root_the_message_names_the_package(
    checkout: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    checkout.is_now(root=False)
    with pytest.raises(ToolchainError) as caught:
        provide(checkout)
    assert str(caught.value) == (
        "this Python cannot make virtual environments\n    on Debian: apt-get install python3-venv"
    )


@pytest.mark.slow
def test_one_whose_python_was_replaced_by_another_is_not_current(checkout: Machine) -> None:
    folder = checkout.places.venv
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (folder / "requirements.sha256").write_text(venv.wanted(checkout.places))
    # As it is where the link leads to a Python that has its packages in another folder.
    (folder / "bin" / "pip").touch()
    assert not venv.is_current(checkout.places)
