"""What the platforms' own checkers say of the pipeline files and their scripts."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.pipelines import workflows
from tests.pipelines.workflows import ROOT
from toolchain import engines
from toolchain.host import this_host
from toolchain.places import Places

pytestmark = pytest.mark.localcloud

SCRIPTS = sorted((ROOT / "ci/jobs").glob("*.sh"))


@pytest.fixture(scope="module")
def tools() -> engines.Engines:
    return engines.provide(Places(), this_host(), os.environ["PATH"], print)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Where the workflows stand in a fork."""
    shutil.copytree(ROOT / "ci", tmp_path / "ci")
    (tmp_path / ".github/workflows").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    for file in workflows.GITHUB:
        shutil.copy(file, tmp_path / ".github/workflows")
    return tmp_path


def lint(tools: engines.Engines, repository: Path) -> str:
    done = subprocess.run(
        tools.actionlint, cwd=repository, capture_output=True, text=True, check=False
    )
    assert done.returncode == bool(done.stdout), done.stderr
    return done.stdout


def test_actionlint_finds_nothing(tools: engines.Engines, repository: Path) -> None:
    assert lint(tools, repository) == ""


@pytest.mark.parametrize(
    ("kept", "instead", "found"),
    [
        ('"$STACK" github', "${{ github.event.pull_request.title }}", "untrusted"),
        ("role: ", "roles: ", '"roles" is not defined in action "prepare"'),
        ('up "$STACK"', "up $STACK", "shellcheck"),
    ],
)
def test_actionlint_would_find_it(
    tools: engines.Engines, repository: Path, kept: str, instead: str, found: str
) -> None:
    file = repository / ".github/workflows/cluster.yml"
    assert kept in file.read_text()
    file.write_text(file.read_text().replace(kept, instead))
    assert found in lint(tools, repository)


def test_shellcheck_finds_nothing(tools: engines.Engines) -> None:
    done = subprocess.run(
        ["shellcheck", "--external-sources", "--source-path=SCRIPTDIR", *map(str, SCRIPTS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
