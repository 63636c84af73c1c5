"""The plugin is installed by the `pulumi` on PATH, and is run by this very Python."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.version import VERSION
from k3s_aws import plugin_installation
from k3s_aws.plugin_installation import InstallationError


def on_path(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pulumi = folder / "pulumi"
    pulumi.write_text(f"#!/bin/sh\n{script}\n")
    pulumi.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_pulumi_gets_a_folder_with_the_starter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path(tmp_path, f'echo "$*" > {tmp_path}/words; cp -r "$7" {tmp_path}/kept', monkeypatch)
    assert plugin_installation.install() == (
        f"the plugin k3s {VERSION} is installed, run by {sys.executable}"
    )
    words = (tmp_path / "words").read_text().split()
    assert words[:6] == ["plugin", "install", "resource", "k3s", VERSION, "--file"]
    starter = tmp_path / "kept" / "pulumi-resource-k3s"
    assert starter.stat().st_mode & 0o111
    assert sys.executable in starter.read_text()


def test_a_starter_whose_python_is_gone_names_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "venv's $HOME" / "python"
    monkeypatch.setattr(sys, "executable", str(python))
    starter = tmp_path / "starter"
    starter.write_text(plugin_installation._starter())
    done = subprocess.run(["sh", starter], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "python -m k3s_aws plugin install" in done.stderr
    python.parent.mkdir()
    shutil.copy("/bin/echo", python)
    done = subprocess.run(["sh", starter, "1234"], capture_output=True, text=True, check=False)
    assert done.stdout.split()[-1] == "1234"


@pytest.mark.parametrize(
    ("script", "message"),
    [("echo it is locked >&2; exit 1", "failed\nit is locked"), (None, "no `pulumi` on PATH")],
)
def test_what_pulumi_reports_is_the_error(
    script: str | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if script:
        on_path(tmp_path, script, monkeypatch)
    else:
        monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InstallationError, match=message):
        plugin_installation.install()
