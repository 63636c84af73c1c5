"""The tasks of the project: listed, and the same for people and for continuous integration."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from toolchain.tasks import TASKS

ROOT = Path(__file__).parents[2]


def test_help_lists_every_task() -> None:
    tasks = set(re.findall(r"^\.PHONY: ([a-z-]+)$", (ROOT / "Makefile").read_text(), re.M))
    listed = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert tasks - {"venv"} == set(re.findall(r"^  make ([a-z-]+) ", listed, re.M))


@pytest.mark.parametrize("target", TASKS)
def test_a_target_on_the_local_cloud_first_reports_what_it_lacks_and_what_it_takes(
    target: str,
) -> None:
    """Before the virtual environment is made, which takes a minute."""
    recipe = dry_run(target)
    assert recipe[0] in (f"python3 -m toolchain {word} {target}" for word in ("require", "prepare"))
    assert f"python3 -m toolchain prepare {target}" in " ".join(recipe)


def test_only_known_targets_work_on_the_local_cloud() -> None:
    text = (ROOT / "Makefile").read_text()
    named = re.findall(r"\$\(TOOLCHAIN\) (?:require|prepare) ([a-z-]+)", text)
    assert set(named) == set(TASKS)


def dry_run(target: str) -> list[str]:
    """The commands of a target, which are not run; nor are those of the targets it calls."""
    done = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", target, "MAKE=true", "PYTHON=python3"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_the_end_of_a_demo_that_never_was_makes_nothing(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    done = subprocess.run(
        ["make", "demo-destroy", "PYTHON=false"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "there is no demo\n"
    assert [each.name for each in tmp_path.iterdir()] == ["Makefile"]


def test_continuous_integration_runs_what_a_user_runs() -> None:
    script = ROOT / ".ci" / "run"
    commands = [
        line for line in script.read_text().splitlines() if line and not line.startswith("#")
    ]
    assert commands == ["set -euo pipefail", 'cd "$(dirname "$0")/.."', "exec make test"]
    assert os.access(script, os.X_OK)
