"""Every command of the project prints its help when asked, and does nothing else then."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.repo.test_promises import tracked

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
GUARD = re.compile(r"^if __name__ == .__main__.:$", re.M)
# Pulumi programs, what the engine or a machine runs with words of its own, and the k3s plugin.
NOT_FOR_OPERATORS = {
    "__main__.py",
    "bench/plain/__main__.py",
    "cloud-init/backup.py",
    "cloud-init/boot/__main__.py",
    "cloud-init/boot/drain.py",
    "policy/__main__.py",
    "provider/__main__.py",
    "tests/localcloud/probe.py",
    "tests/policy/aws_api.py",
    "tests/policy/program/__main__.py",
}


@cache
def commands() -> list[str]:
    """The module of every command, as `python -m` takes it."""
    found = []
    for file in tracked():
        name = str(file.relative_to(ROOT))
        if file.suffix != ".py" or name in NOT_FOR_OPERATORS:
            continue
        if file.name == "__main__.py" or GUARD.search(file.read_text()):
            found.append(name.removesuffix("/__main__.py").removesuffix(".py").replace("/", "."))
    return found


def run(module: str, *words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", module, *words],
        cwd=folder,
        # Nothing is on PATH, so that nothing can be started, and nothing can be found at home.
        env={"PATH": str(folder), "HOME": str(folder), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_the_commands_are_found() -> None:
    assert {"bench", "recovery", "toolchain", "localcloud", "demo"} <= {*commands()}


@pytest.mark.parametrize("module", commands())
def test_help_is_printed_and_nothing_is_done(module: str, tmp_path: Path) -> None:
    done = run(module, "--help", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(rf"usage: python3? -m {re.escape(module)} ", done.stdout)
    # More than the usage: what it is for.
    assert len(done.stdout.splitlines()) > 3
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", commands())
def test_an_unknown_argument_is_refused(module: str, tmp_path: Path) -> None:
    done = run(module, "--no-such-argument", folder=tmp_path)
    assert done.returncode == 2
    assert f"python{'3' if module == 'toolchain' else ''} -m {module}" in done.stderr
    assert list(tmp_path.iterdir()) == []
