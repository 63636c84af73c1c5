"""Pulumi works on the demo alone, in our runs and in a shell."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from localcloud.workbench import environment
from localcloud.workbench.folder import Folder
from toolchain import demo_shell
from toolchain.places import Places


def test_the_operators_accounts_do_not_reach_in(folder: Folder) -> None:
    ambient = {"PATH": "/bin", "AWS_PROFILE": "work", "PULUMI_ACCESS_TOKEN": "pul-1", "LANG": "C"}
    ambient |= {"VIRTUAL_ENV": "/home/me/venv", "PYTHONPATH": "/home/me"}
    seen = environment.complete(folder, Path("/opt/pulumi"), ambient)
    assert not {"AWS_PROFILE", "PULUMI_ACCESS_TOKEN"} & seen.keys()
    assert "PYTHONPATH" not in seen
    assert str(folder.places.venv) == seen["VIRTUAL_ENV"]
    assert seen["LANG"] == "C"
    assert f"file://{folder.state}?metadata=skip" == seen["PULUMI_BACKEND_URL"]


def test_pulumi_and_the_virtual_environment_come_first_and_our_kubectl_last(
    folder: Folder,
) -> None:
    seen = environment.complete(folder, Path("/opt/pulumi"), {"PATH": "/usr/bin:/bin"})
    assert seen["PATH"] == f"/opt/pulumi:{folder.places.venv}/bin:/usr/bin:/bin:{folder.bin}"


def test_the_kubectl_of_k3s_is_there_for_a_machine_without_one(folder: Folder) -> None:
    k3s = folder.path / "it's k3s"
    k3s.write_text('#!/bin/sh\necho "$*"\n')
    k3s.chmod(0o755)
    environment.write_kubectl(folder, k3s)
    words = [str(folder.bin / "kubectl"), "get", "pods", "--selector", "app in (a, b)"]
    output = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert output == "kubectl get pods --selector app in (a, b)\n"


@pytest.mark.parametrize("name", ["checkout", "a check'out with $HOME"])
def test_a_shell_gets_the_same_from_the_file(tmp_path: Path, name: str) -> None:
    folder = Folder(Places(tmp_path / name))
    folder.path.mkdir(parents=True)
    pulumi = folder.places.pulumi_bin
    environment.write_shell(folder, pulumi)
    # Set only in the shell that reads it.
    ambient = {"PATH": "/usr/bin:/bin", "AWS_PROFILE": "work", "PULUMI_ACCESS_TOKEN": "pul-1"}
    printed = subprocess.run(
        ["/bin/sh", "-euc", '. "$1"; /usr/bin/env -0', "sh", str(folder.shell)],
        env=ambient,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    seen = dict(line.split("=", 1) for line in printed.split("\0") if line)
    expected = environment.complete(folder, pulumi, ambient)
    assert expected == {key: seen[key] for key in expected}
    assert not {"AWS_PROFILE", "PULUMI_ACCESS_TOKEN", "k3s_aws"} & seen.keys()


def test_a_run_from_that_shell_sees_nothing_of_the_demo(folder: Folder) -> None:
    """It took the demo's Pulumi home for the operator's own, and the plugin in it."""
    environment.write_shell(folder, folder.places.pulumi_bin)
    printed = subprocess.run(
        ["/bin/sh", "-euc", f". {folder.shell}; exec /usr/bin/env -0"],
        env={"PATH": "/usr/bin:/bin", "HOME": "/home/me"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    seen = dict(line.split("=", 1) for line in printed.split("\0") if line)
    demo_shell.leave(seen)
    assert not [name for name, value in seen.items() if str(folder.places.root) in value]
    assert not environment.variables(folder).keys() & seen.keys()


def test_the_passphrase_is_private_and_stays(folder: Folder) -> None:
    environment.make_passphrase(folder)
    first = folder.passphrase.read_text()
    environment.make_passphrase(folder)
    assert first == folder.passphrase.read_text()
    assert len(first.strip()) >= 40
    assert folder.passphrase.stat().st_mode & 0o777 == 0o600


def test_a_private_file_replaces_a_readable_one(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text("old")
    file.chmod(0o644)
    environment.write_private(file, "new")
    assert file.read_text() == "new"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]
