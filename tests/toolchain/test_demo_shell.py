"""A run of anything else is not led to the demo by the shell it was started from."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from toolchain import demo_shell
from toolchain.places import ROOT

OPERATORS = {"PATH": "/usr/bin:/opt/tools:/bin", "HOME": "/home/me", "LANG": "C"}


def env_sh(folder: Path, first: Sequence[str], last: Sequence[str] = ()) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / "env.sh"
    variables = {"PULUMI_HOME": f"{folder}/a home", "KUBECONFIG": f"{folder}/kubeconfig"}
    file.write_text("\n".join(demo_shell.lines(variables, first, last)) + "\n")
    return file


def shell(*files: Path) -> dict[str, str]:
    """The environment of a shell that read the files."""
    read = "".join(f'. "{file}"; ' for file in files)
    printed = subprocess.run(
        ["/bin/sh", "-euc", f"{read} exec /usr/bin/env -0"],
        env=OPERATORS,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    seen = dict(line.split("=", 1) for line in printed.split("\0") if line)
    return {name: value for name, value in seen.items() if name not in ("PWD", "_", "SHLVL")}


def test_a_shell_gets_the_variables_and_the_commands(tmp_path: Path) -> None:
    seen = shell(env_sh(tmp_path, ["/opt/pulumi", "/srv/venv/bin"], ["/srv/bin"]))
    assert seen["PATH"] == f"/opt/pulumi:/srv/venv/bin:{OPERATORS['PATH']}:/srv/bin"
    assert seen["PULUMI_HOME"] == f"{tmp_path}/a home"


@pytest.mark.parametrize("times", [1, 2])
def test_leaving_brings_back_the_operators_own_environment(tmp_path: Path, times: int) -> None:
    # /opt/tools is in the operator's own PATH too, and stays there.
    file = env_sh(tmp_path, ["/opt/tools", "/srv/venv/bin"], ["/srv/bin"])
    seen = shell(*[file] * times)
    assert "KUBECONFIG" in seen
    demo_shell.leave(seen)
    assert seen == OPERATORS


def test_leaving_leaves_the_demos_of_two_checkouts(tmp_path: Path) -> None:
    one = env_sh(tmp_path / "one", ["/one/bin"], ["/one/last"])
    other = env_sh(tmp_path / "other", ["/other/bin"], ["/other/last"])
    seen = shell(one, other)
    assert seen["PULUMI_HOME"] == f"{tmp_path}/other/a home"
    demo_shell.leave(seen)
    assert seen == OPERATORS


def test_an_environment_without_a_demo_is_left_alone() -> None:
    environment = {**OPERATORS, "PULUMI_HOME": "/home/me/.pulumi"}
    demo_shell.leave(environment)
    assert environment == {**OPERATORS, "PULUMI_HOME": "/home/me/.pulumi"}


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("bench", []),
        ("localcloud", ["status"]),
        ("demo", ["destroy"]),
        ("toolchain", ["doctor"]),
    ],
)
def test_every_command_leaves_the_demos_shell_before_it_does_anything(
    monkeypatch: pytest.MonkeyPatch, module: str, words: list[str]
) -> None:
    main = importlib.import_module(f"{module}.__main__")
    seen: list[dict[str, str]] = []

    def act(*_: object) -> int:
        seen.append(dict(os.environ))
        return 0

    monkeypatch.setattr(main, "act", act)
    monkeypatch.setenv("PATH", "/demo/bin:/usr/bin:/bin")
    monkeypatch.setenv("PULUMI_HOME", "/demo/pulumi-home")
    monkeypatch.setenv(demo_shell.VARIABLES, "PULUMI_HOME")
    monkeypatch.setenv(demo_shell.PATH_ENTRIES, "/demo/bin")
    assert main.main(words) == 0
    assert seen[0]["PATH"] == "/usr/bin:/bin"
    assert "PULUMI_HOME" not in seen[0]


def test_the_tests_themselves_run_outside_of_any_demos_shell() -> None:
    """tests/conftest.py sees to it; `make test` may be started from a demo's shell."""
    seen = subprocess.run(
        [sys.executable, "-c", "import os, tests.conftest; print(sorted(os.environ))"],
        env={**os.environ, demo_shell.VARIABLES: "PULUMI_HOME", "PULUMI_HOME": "/demo"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "PULUMI_HOME" not in seen
