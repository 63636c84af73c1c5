"""A long step talks while it runs and explains itself when it fails."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from toolchain import progress
from toolchain.errors import ToolchainError


def run(tmp_path: Path, script: str, seconds: float = 10) -> None:
    progress.run(
        "making it",
        ["/bin/sh", "-c", script],
        log=tmp_path / "log",
        say=lambda _: None,
        deadline_seconds=seconds,
        way_out="make it by hand",
    )


def test_the_output_goes_to_the_log(tmp_path: Path) -> None:
    run(tmp_path, "echo one; echo two >&2")
    assert (tmp_path / "log").read_text() == "one\ntwo\n"


def test_a_failed_step_ends_with_its_last_words_and_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError) as caught:
        run(tmp_path, "for i in 1 2 3 4 5 6 7 8 9; do echo line $i; done; exit 3")
    text = str(caught.value)
    assert text.startswith("making it failed\n    | line 2\n")
    assert text.endswith(f"    | line 9\n    make it by hand; see {tmp_path}/log")


def test_a_full_disk_is_the_way_out_that_counts(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="    free some disk space, then run it again; see"):
        run(tmp_path, "echo 'write /x: no space left on device'; exit 1")


def test_a_step_has_an_end(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="making it was not done within 0 s\n    see"):
        run(tmp_path, "exec sleep 30", seconds=0.1)


def test_a_command_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match='making it: there is no "no-such-command"'):
        progress.run(
            "making it",
            ["no-such-command"],
            log=tmp_path / "log",
            say=lambda _: None,
            deadline_seconds=1,
        )


def test_it_reports_how_long_it_has_been_running() -> None:
    reported: list[str] = []
    with progress.ticking("making it", reported.append, every_seconds=0.01):
        deadline = time.monotonic() + 60
        while not reported and time.monotonic() < deadline:
            time.sleep(0.005)
    assert re.fullmatch(r"making it \.\.\. \d+ s", reported[0])
