"""A test run that was killed does not stand in the way of the next one."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.localcloud import leftovers
from toolchain.places import ROOT

HOLD = """
import sys, pathlib
from tests.localcloud.leftovers import remembered
with remembered(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The homes whose cloud was stopped."""
    homes: list[Path] = []

    class Cloud:
        def __init__(self, home: Path) -> None:
            self.home = home

        def stop(self, say: Callable[[str], None]) -> None:
            homes.append(self.home)

    monkeypatch.setattr(leftovers, "Cloud", Cloud)
    return homes


def test_a_run_that_ended_leaves_nothing_to_remove(tmp_path: Path, stopped: list[Path]) -> None:
    with leftovers.remembered(tmp_path / "home", tmp_path / "notes"):
        pass
    assert leftovers.remove(tmp_path / "notes") == []
    assert stopped == []


def test_the_cloud_of_a_run_that_was_killed_is_stopped_by_the_next(
    tmp_path: Path, stopped: list[Path]
) -> None:
    home, notes = tmp_path / "home", tmp_path / "notes"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home), str(notes)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as run:
        assert run.stdout
        assert run.stdout.readline() == b"held\n"
        # While it is alive its cloud is its own.
        assert leftovers.remove(notes) == []
        run.send_signal(signal.SIGKILL)
    with leftovers.remembered(tmp_path / "next", notes):
        assert stopped == [home]
    assert leftovers.remove(notes) == []


def test_a_note_that_was_never_written_names_no_cloud(tmp_path: Path, stopped: list[Path]) -> None:
    (tmp_path / "note").touch()
    assert leftovers.remove(tmp_path) == []
    assert stopped == []
